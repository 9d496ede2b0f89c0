//! What the model is made of: the flow's row, the browsers and who sits there, the requests at work, and what has come of it.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use domain::flow::{Completer, Ended, FLOW_LIMIT, Flow, FlowState, Stage};
use domain::ids::{ClientId, FlowId, ProviderId, Sid, Subject};
use domain::session::Session;

use super::Kind;

/// The verifier that Alice's application holds, and its challenge (RFC 7636 appendix B).
pub(super) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// What is sealed of a grant begins here, that of a trip with its number.
const GRANT: u8 = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Person {
    /// Who began the flow; at the first browser.
    Alice,
    /// Who may sit down there, too.
    Bob,
    /// Who has stolen its address; at the other browser.
    Mallory,
}

impl Person {
    pub(super) fn subject(self) -> Subject {
        Subject::parse(format!("{self:?}")).unwrap()
    }

    pub(super) fn session(self) -> Session {
        Session { subject: self.subject(), name: None, authenticated: DateTime::UNIX_EPOCH }
    }
}

/// An account at the provider: whose, and which of theirs.
pub(super) type External = (Person, u8);

pub(super) fn sid(account: External) -> Sid {
    Sid::parse(format!("{account:?}")).unwrap()
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Browser {
    pub(super) sits: Person,
    pub(super) is_signed_in: bool,
    pub(super) has_cookie: bool,
    /// The trip with which it is at the provider.
    pub(super) at: Option<u8>,
    /// The account that its confirm page shows.
    pub(super) page: Option<Sid>,
    /// The trip whose bind code it has brought to the app.
    pub(super) code: Option<u8>,
}

impl Browser {
    pub(super) fn session(&self) -> Option<Session> {
        self.is_signed_in.then(|| self.sits.session())
    }
}

/// A request at work: the flow as it was read, and what it does next.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Task {
    pub(super) browser: usize,
    pub(super) read: Flow,
    /// When it read the flow.
    pub(super) now: DateTime<Utc>,
    pub(super) next: Doing,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Doing {
    /// Binds the flow to its browser until somebody is signed in there.
    SignIn,
    /// Leaves for the provider on this trip.
    Leave { trip: u8, subject: Option<Subject> },
    /// Uses the answer up.
    Claim { trip: u8, account: External },
    /// Redeems its code.
    Exchange { trip: u8, account: External },
    /// Writes down what was granted.
    Land { trip: u8, account: External },
    /// Takes the yes to the account that was shown.
    Yes { shown: Sid },
    /// Ends the flow.
    End(Ended),
}

/// A link as it was made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Link {
    pub(super) trip: Option<u8>,
    pub(super) subject: Subject,
    pub(super) account: Sid,
    /// What the person said yes to, where somebody was asked.
    pub(super) shown: Option<Sid>,
    /// Who was signed in, where a person completed it.
    pub(super) signed_in: Option<Subject>,
}

impl Link {
    pub(super) fn is_theirs(&self, kind: Kind) -> bool {
        let owns =
            |person: Person| self.subject == person.subject() && (0..2).any(|nth| self.account == sid((person, nth)));
        match kind {
            Kind::Apps | Kind::Unasked => owns(Person::Alice),
            Kind::Persons => owns(Person::Alice) && self.signed_in.as_ref() == Some(&self.subject),
            Kind::Whoevers => {
                [Person::Alice, Person::Bob, Person::Mallory].into_iter().any(owns)
                    && self.signed_in.as_ref() == Some(&self.subject)
            }
        }
    }

    pub(super) fn is_as_shown(&self) -> bool {
        self.shown.as_ref().is_none_or(|shown| *shown == self.account)
    }
}

/// How often what may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Faults {
    /// Browsers leave for the provider.
    pub(super) opens: u8,
    /// Somebody signs in, or out.
    pub(super) sign_ins: u8,
    /// A process dies between two steps.
    pub(super) crashes: u8,
    /// The provider has no tokens for a code.
    pub(super) failures: u8,
    /// Somebody consents with another account of theirs.
    pub(super) others: u8,
    /// Some time passes.
    pub(super) waits: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub(super) row: Option<Flow>,
    pub(super) now: DateTime<Utc>,
    pub(super) browsers: [Browser; 2],
    pub(super) tasks: Vec<Task>,
    /// Answers of the provider, which anybody may bring from any browser, and again.
    pub(super) answers: BTreeSet<(u8, External)>,
    /// Trips that were begun.
    pub(super) trips: u8,
    /// The trip that left last.
    pub(super) newest: u8,
    /// The trip of each code that was redeemed.
    pub(super) redeemed: Vec<u8>,
    /// The account that the app was given a code for, and what was shown.
    pub(super) said_yes: Option<Sid>,
    pub(super) revoked: BTreeSet<u8>,
    /// Trips whose grant died with its process.
    pub(super) died: BTreeSet<u8>,
    pub(super) links: Vec<Link>,
    /// An older trip has landed on a newer one.
    pub(super) has_gone_back: bool,
    pub(super) left: Faults,
}

impl State {
    pub(super) fn new(kind: Kind, left: Faults) -> Self {
        let now = DateTime::UNIX_EPOCH;
        let is_apps = matches!(kind, Kind::Apps | Kind::Unasked);
        let browser = |sits| Browser { sits, is_signed_in: true, has_cookie: false, at: None, page: None, code: None };
        let row = Flow {
            id: FlowId(uuid::Uuid::nil()),
            client: ClientId::parse("console").unwrap(),
            subject: (kind == Kind::Persons).then(|| Person::Alice.subject()),
            provider: ProviderId::parse("box", "box_1").unwrap(),
            callback: String::new(),
            completer: if is_apps { Completer::App { challenge: CHALLENGE.to_owned() } } else { Completer::Person },
            key_id: String::new(),
            wrapped_key: Vec::new(),
            sealed: Some(Vec::new()),
            hint: None,
            popup: false,
            created: now,
            expires: FlowState::Instructed.runs_out(now, None),
            stage: Stage::Instructed,
        };
        Self {
            row: Some(row),
            now,
            browsers: [browser(Person::Alice), browser(Person::Mallory)],
            tasks: Vec::new(),
            answers: BTreeSet::new(),
            trips: 0,
            newest: 0,
            redeemed: Vec::new(),
            said_yes: None,
            revoked: BTreeSet::new(),
            died: BTreeSet::new(),
            links: Vec::new(),
            has_gone_back: false,
            left,
        }
    }

    pub(super) fn has_spent_each_once(&self) -> bool {
        let trips: BTreeSet<&u8> = self.redeemed.iter().collect();
        trips.len() == self.redeemed.len()
    }

    pub(super) fn has_all_grants(&self) -> bool {
        self.redeemed.iter().all(|trip| {
            let is_in_hand = |task: &Task| matches!(task.next, Doing::Land { trip: landing, .. } if landing == *trip);
            self.revoked.contains(trip)
                || self.died.contains(trip)
                || self.links.iter().any(|link| link.trip == Some(*trip))
                || self.row.as_ref().and_then(granted) == Some(*trip)
                || self.tasks.iter().any(is_in_hand)
        })
    }

    pub(super) fn is_within_limit(&self) -> bool {
        let Some((row, opened)) = self.row.as_ref().and_then(|row| Some((row, row.opened()?))) else { return true };
        row.expires <= opened + TimeDelta::from_std(FLOW_LIMIT).unwrap()
    }

    /// What makes no difference any more must not make states differ.
    pub(super) fn forget(&mut self) {
        if self.row.is_none() {
            self.answers.clear();
            for browser in &mut self.browsers {
                (browser.at, browser.page, browser.code) = (None, None, None);
            }
        }
    }

    /// The flow's row goes without a link, and what it was granted is revoked.
    pub(super) fn close(&mut self) {
        let row = self.row.take();
        self.revoked.extend(row.as_ref().and_then(granted));
    }
}

pub(super) fn sealed_grant(trip: u8) -> Vec<u8> {
    vec![GRANT + trip]
}

/// The trip whose grant the flow has.
pub(super) fn granted(flow: &Flow) -> Option<u8> {
    flow.stage.account()?;
    flow.sealed.as_ref()?.first()?.checked_sub(GRANT)
}
