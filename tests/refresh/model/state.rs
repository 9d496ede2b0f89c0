//! What the model is made of: the row, the provider's grants, the instances at work, and the faults that may still happen.

use std::hash::{DefaultHasher, Hash, Hasher as _};

use domain::link::Health;
use domain::refresh::{Before, Ending, Errand, Standing};

/// Instances of the fleet.
pub(super) const FLEET: usize = 3;

/// Which instance, and its how many-eth refresh: from 1.
pub(super) type Attempt = (usize, u8);

/// A refresh token: of which grant, and the how many-eth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Token {
    pub(super) grant: usize,
    pub(super) nth: u8,
}

/// A grant as the provider knows it, and what the model notes of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and all their combinations are walked")]
pub(super) struct Grant {
    /// The link it was brought to.
    pub(super) link: u8,
    /// The token that works.
    pub(super) current: u8,
    /// A spent token came back, and the provider took it for a theft.
    pub(super) is_killed: bool,
    /// Nobody who could store the current token ever had it, or whoever had it died.
    pub(super) is_unheard: bool,
    /// An instance died with a request of its, or with the answer, in the air.
    pub(super) died_with: bool,
    /// Its link was unlinked while it was stored.
    pub(super) is_unlinked: bool,
    /// The current token is in the queue of what is to be revoked.
    pub(super) is_revoked: bool,
}

/// The link's row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Row {
    /// Its id: an account that is linked again after it was unlinked gets another.
    pub(super) link: u8,
    pub(super) token: Token,
    pub(super) standing: Standing<Attempt>,
    /// The lease has run out.
    pub(super) is_lapsed: bool,
}

impl Row {
    pub(super) fn new(link: u8, token: Token) -> Self {
        let standing = Standing {
            version: i64::from(link) * 100,
            attempt: None,
            unclosed_by: None,
            is_abandoned: false,
            health: Health::Ok,
        };
        Self { link, token, standing, is_lapsed: false }
    }

    pub(super) fn put(&mut self, standing: Standing<Attempt>) {
        self.is_lapsed &= standing.attempt == self.standing.attempt;
        self.standing = standing;
    }
}

/// Where an instance is in `service::refresh`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Doing {
    Nothing,
    /// It has read the row and will try to take the lease.
    Wants,
    /// Another has the lease.
    Waits,
    /// It has asked for the lease, and never heard whether it has it.
    Unsure,
    Leased(Before),
    Asked {
        before: Before,
        again: bool,
    },
    Granted(Token),
    Refused(Before),
    /// It will record a failure in passing.
    Failed(Ending),
    /// It will give the lease back, with no more on record than that.
    Ends(Ending),
    Crashed,
}

/// What an instance is at, and what it read before it asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Read {
    pub(super) errand: Errand,
    pub(super) link: u8,
    pub(super) version: i64,
    pub(super) token: Token,
}

impl Read {
    /// Nothing, and for this errand.
    fn nothing(errand: Errand) -> Self {
        Self { errand, link: 0, version: 0, token: Token::default() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Instance {
    pub(super) doing: Doing,
    pub(super) read: Read,
    /// Leases it has taken.
    pub(super) rounds: u8,
}

impl Instance {
    /// Holds a lease, or believes so.
    pub(super) fn is_at_it(&self) -> bool {
        !matches!(self.doing, Doing::Nothing | Doing::Wants | Doing::Waits | Doing::Crashed)
    }

    pub(super) fn now(&mut self, doing: Doing) {
        self.doing = doing;
        // What makes no difference any more must not make states differ.
        match doing {
            Doing::Nothing => self.read = Read::nothing(Errand::Renew),
            Doing::Crashed => self.read = Read::nothing(self.read.errand),
            _ => {}
        }
    }
}

/// A request on its way to the provider. It gets there even if nobody waits for the answer any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Ask {
    pub(super) by: Attempt,
    /// The second of its attempt.
    pub(super) again: bool,
    pub(super) token: Token,
}

/// How often what may happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Faults {
    /// An instance dies.
    pub(super) crash: u8,
    /// An instance gives up waiting for an answer.
    pub(super) loss: u8,
    /// A lease runs out while its holder still works: it was stopped, or could not renew it.
    pub(super) pause: u8,
    /// The database has taken a lease, or hasn't, and the word of it is lost.
    pub(super) unheard: u8,
    /// The provider has done nothing, and that is known.
    pub(super) definite: u8,
    /// A granted answer cannot be stored, and the database has no part in it.
    pub(super) unstored: u8,
    /// A refusal is not believed, for the provider refuses everybody.
    pub(super) doubt: u8,
    /// A mark is undone.
    pub(super) revival: u8,
    /// A marked link is asked for once more.
    pub(super) look: u8,
    /// The account is linked again, with a new refresh token or without, or for the first time after it was unlinked.
    pub(super) relink: u8,
    pub(super) unlink: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub(super) row: Option<Row>,
    pub(super) grants: Vec<Grant>,
    pub(super) fleet: [Instance; FLEET],
    pub(super) asks: Vec<Ask>,
    pub(super) left: Faults,
    /// Somebody took a refusal for what it wasn't.
    pub(super) misjudged: Option<Misjudged>,
}

/// What a refusal was taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Misjudged {
    /// As a word about the provider, while a process of ours had died with the token.
    OursAsTheirs,
    /// As our own doing, while nobody had died.
    TheirsAsOurs,
}

impl State {
    pub(super) fn new(left: Faults) -> Self {
        let idle = Instance { doing: Doing::Nothing, read: Read::nothing(Errand::Renew), rounds: 0 };
        let row = Some(Row::new(0, Token::default()));
        Self { row, grants: vec![Grant::default()], fleet: [idle; FLEET], asks: Vec::new(), left, misjudged: None }
    }

    /// The row of this link, if it is still there.
    pub(super) fn row(&mut self, link: u8) -> Option<&mut Row> {
        self.row.as_mut().filter(|row| row.link == link)
    }

    /// The one that has this attempt in hand, if it lives.
    pub(super) fn holder(&self, attempt: Attempt) -> Option<&Instance> {
        let holder = &self.fleet[attempt.0];
        (holder.rounds == attempt.1 && holder.is_at_it()).then_some(holder)
    }

    /// A living instance has this token and means to store it.
    pub(super) fn is_in_hand(&self, token: Token) -> bool {
        self.fleet.iter().any(|instance| instance.doing == Doing::Granted(token))
    }

    pub(super) fn is_current(&self, token: Token) -> bool {
        let grant = &self.grants[token.grant];
        grant.current == token.nth && !grant.is_killed
    }

    /// The same state with the instances in an order of their own: which is which makes no difference.
    pub(super) fn sorted(&self) -> Self {
        let about = |attempt: Option<Attempt>, i: usize| attempt.filter(|it| it.0 == i).map(|it| it.1);
        let standing = self.row.as_ref().map(|row| row.standing);
        let mut order: [usize; FLEET] = std::array::from_fn(|i| i);
        order.sort_by_cached_key(|i| {
            let mut hasher = DefaultHasher::new();
            self.fleet[*i].hash(&mut hasher);
            standing.map(|it| (about(it.attempt, *i), about(it.unclosed_by, *i))).hash(&mut hasher);
            for ask in self.asks.iter().filter(|ask| ask.by.0 == *i) {
                (ask.by.1, ask.again, ask.token).hash(&mut hasher);
            }
            hasher.finish()
        });
        let mut place = [0; FLEET];
        for (new, old) in order.into_iter().enumerate() {
            place[old] = new;
        }
        let moved = |attempt: Attempt| (place[attempt.0], attempt.1);
        let mut sorted = self.clone();
        sorted.fleet = order.map(|old| self.fleet[old]);
        if let Some(row) = &mut sorted.row {
            row.standing.attempt = row.standing.attempt.map(moved);
            row.standing.unclosed_by = row.standing.unclosed_by.map(moved);
        }
        for ask in &mut sorted.asks {
            ask.by = moved(ask.by);
        }
        sorted.asks.sort_unstable();
        sorted
    }
}
