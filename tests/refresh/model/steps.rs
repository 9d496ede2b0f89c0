//! What can happen next: each step is one statement, one request or one fault, as `service::refresh` and `store::leases`
//! order them; what is decided, `domain::refresh` decides.

use domain::link::Health;
use domain::refresh::{
    Before, Ending, Errand, Next, OnGrant, Seen, Standing, There, is_our_doing, next, on_grant, verdict,
};

use super::faults::{crash, give_up, lapse, note_end_of, relink_with, revive, unlink};
use super::state::{Ask, Attempt, Doing, FLEET, Faults, Grant, Misjudged, Read, Row, State, Token};
use super::{Flaw, Provider, Refreshes};

/// Something that happens; to, or by, the instance of this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Read(usize, Errand),
    Take(usize),
    /// The statement that takes the lease is applied, and the word of it is lost.
    TakeUnheard(usize),
    /// The same, and it isn't applied.
    LoseTake(usize),
    /// It asks for the lease once more, under the same id.
    TakeAgain(usize),
    Look(usize),
    Ask(usize),
    StartOver(usize),
    Store(usize),
    Mark(usize),
    Fail(usize),
    End(usize),
    Crash(usize),
    GiveUp(usize),
    AskAgain(usize),
    FailDefinitely(usize),
    CannotStore(usize),
    Doubt(usize),
    /// The provider answers this request, and still takes a token that was spent just now.
    Answer(usize),
    /// The same, and takes none that was ever spent.
    AnswerLate(usize),
    Lapse,
    RelinkWith,
    RelinkWithout,
    Unlink,
    Revive,
}

impl Step {
    /// The steps that may be possible.
    pub(super) fn all(state: &State) -> impl Iterator<Item = Self> {
        let answers = (0..state.asks.len()).flat_map(|nth| [Self::Answer(nth), Self::AnswerLate(nth)]);
        let of_all = [Self::Lapse, Self::RelinkWith, Self::RelinkWithout, Self::Unlink, Self::Revive];
        let all = (0..FLEET).flat_map(|i| Self::of(i, state.fleet[i].doing)).chain(answers).chain(of_all);
        all.filter(|step| step.may_happen(state.left))
    }

    /// Saves trying what has no budget.
    fn may_happen(self, left: Faults) -> bool {
        match self {
            Self::Crash(_) => left.crash > 0,
            Self::AskAgain(_) => left.loss > 0,
            Self::TakeUnheard(_) | Self::LoseTake(_) => left.unheard > 0,
            Self::FailDefinitely(_) => left.definite > 0,
            Self::CannotStore(_) => left.unstored > 0,
            Self::Doubt(_) => left.doubt > 0,
            Self::Revive => left.revival > 0,
            Self::Read(_, Errand::SecondLook) => left.look > 0,
            Self::RelinkWith | Self::RelinkWithout => left.relink > 0,
            Self::Unlink => left.unlink > 0,
            _ => true,
        }
    }

    fn of(i: usize, doing: Doing) -> Vec<Self> {
        match doing {
            Doing::Nothing => vec![Self::Read(i, Errand::Renew), Self::Read(i, Errand::SecondLook)],
            Doing::Wants => vec![Self::Take(i), Self::TakeUnheard(i), Self::LoseTake(i)],
            Doing::Unsure => vec![Self::TakeAgain(i), Self::Crash(i)],
            Doing::Waits => vec![Self::Look(i)],
            Doing::Leased(_) => vec![Self::Ask(i), Self::StartOver(i), Self::Crash(i)],
            Doing::Asked { .. } => vec![Self::GiveUp(i), Self::AskAgain(i), Self::FailDefinitely(i), Self::Crash(i)],
            Doing::Granted(_) => vec![Self::Store(i), Self::CannotStore(i), Self::Crash(i)],
            Doing::Refused(_) => vec![Self::Mark(i), Self::Doubt(i), Self::Crash(i)],
            Doing::Failed(_) => vec![Self::Fail(i), Self::Crash(i)],
            Doing::Ends(_) => vec![Self::End(i), Self::Crash(i)],
            Doing::Crashed => Vec::new(),
        }
    }
}

pub(super) fn spend(left: &mut u8) -> Option<()> {
    *left = left.checked_sub(1)?;
    Some(())
}

impl Refreshes {
    /// Takes the step, if it can be taken now.
    pub(super) fn step(&self, state: &mut State, step: Step) -> Option<()> {
        match step {
            Step::Read(i, errand) => self.read(state, i, errand),
            Step::Take(i) => self.take(state, i),
            Step::TakeUnheard(i) => self.take_unheard(state, i, true),
            Step::LoseTake(i) => self.take_unheard(state, i, false),
            Step::TakeAgain(i) => self.take_again(state, i),
            Step::Look(i) => self.look(state, i),
            Step::Ask(i) => ask(state, i),
            Step::StartOver(i) => start_over(state, i),
            Step::Store(i) => self.store(state, i),
            Step::Mark(i) => self.mark(state, i),
            Step::Fail(i) => self.fail(state, i),
            Step::End(i) => self.end(state, i),
            Step::Crash(i) => crash(state, i),
            Step::GiveUp(i) => give_up(state, i, self.flaw == Some(Flaw::HangsUpEarly)),
            Step::AskAgain(i) => self.ask_again(state, i),
            Step::FailDefinitely(i) => self.fail_definitely(state, i),
            Step::CannotStore(i) => self.cannot_store(state, i),
            Step::Doubt(i) => self.doubt(state, i),
            Step::AnswerLate(_) if self.provider != Provider::Window => None,
            Step::Answer(nth) | Step::AnswerLate(nth) => {
                self.answer(state, nth, matches!(step, Step::Answer(_)));
                Some(())
            }
            Step::Lapse => lapse(state),
            Step::RelinkWith => relink_with(state),
            Step::RelinkWithout => self.relink_without(state),
            Step::Unlink => unlink(state),
            Step::Revive => revive(state),
        }
    }

    fn read(&self, state: &mut State, i: usize, errand: Errand) -> Option<()> {
        let Row { link, token, standing, .. } = state.row.clone()?;
        let instance = &mut state.fleet[i];
        let is_free = instance.doing == Doing::Nothing && instance.rounds < self.rounds;
        let has_reason = standing.health.is_dead() == (errand == Errand::SecondLook);
        if !is_free || !has_reason {
            return None;
        }
        if errand == Errand::SecondLook {
            spend(&mut state.left.look)?;
        }
        instance.read = Read { errand, link, version: standing.version, token };
        instance.doing = Doing::Wants;
        Some(())
    }

    fn look(&self, state: &mut State, i: usize) -> Option<()> {
        let Doing::Waits = state.fleet[i].doing else { return None };
        let (read, mine) = (state.fleet[i].read, (i, state.fleet[i].rounds + 1));
        let row = state.row(read.link);
        let seen = row.as_ref().map(|row| Seen {
            version: row.standing.version,
            is_leased: row.standing.attempt.is_some() && !row.is_lapsed,
            is_abandoned: row.standing.attempt.is_some() && row.is_lapsed,
            health: row.standing.health,
            rest: None,
        });
        match next(seen, read.version, read.errand, self.takeover()) {
            Next::Wait => return None,
            // To start over and to be held again would be to wait as well.
            Next::Again => {
                self.taken(row?, mine, read)?;
                state.fleet[i].doing = Doing::Wants;
            }
            Next::Read | Next::Gone | Next::Rest(_) => state.fleet[i].now(Doing::Nothing),
        }
        Some(())
    }

    /// `answer::land`: the row of the version that was read is written over; if it has another by now, what is to be done is
    /// decided by what is there.
    fn store(&self, state: &mut State, i: usize) -> Option<()> {
        let Doing::Granted(token) = state.fleet[i].doing else { return None };
        let (read, mine) = (state.fleet[i].read, (i, state.fleet[i].rounds));
        let there = state.row(read.link).map(|row| {
            let is_mine = row.standing.attempt == Some(mine) && row.standing.version == read.version;
            let keeps_spent = row.token == read.token;
            match self.flaw {
                // Never what was read, and never what was spent: dropped.
                Some(Flaw::FencesSuccess) if !is_mine => There { version: i64::MIN, keeps_spent: false },
                Some(Flaw::OverlooksRelinks) => There { version: row.standing.version, keeps_spent: false },
                _ => There { version: row.standing.version, keeps_spent },
            }
        });
        match on_grant(read.version, there) {
            OnGrant::WriteOver(version) if version == read.version => {
                let row = state.row(read.link)?;
                row.put(row.standing.renewed());
                row.token = token;
                state.fleet[i].now(Doing::Nothing);
            }
            OnGrant::WriteOver(version) => state.fleet[i].read.version = version,
            OnGrant::Drop => state.fleet[i].now(Doing::Ends(Ending::Closed)),
            OnGrant::Revoke if self.flaw == Some(Flaw::Upserts) => {
                state.row = Some(Row::new(read.link, token));
                state.fleet[i].now(Doing::Nothing);
            }
            OnGrant::Revoke => {
                let grant = &mut state.grants[token.grant];
                grant.is_revoked |= token.nth == grant.current;
                state.fleet[i].now(Doing::Nothing);
            }
        }
        Some(())
    }

    fn mark(&self, state: &mut State, i: usize) -> Option<()> {
        let Doing::Refused(before) = state.fleet[i].doing else { return None };
        let (read, mine) = (state.fleet[i].read, (i, state.fleet[i].rounds));
        let rotates = self.provider != Provider::Keeps;
        let verdict = verdict(before, rotates);
        self.judge(state, read, is_our_doing(before, rotates));
        let marked = state.row(read.link).and_then(|row| {
            let is_unfenced = self.flaw == Some(Flaw::MarksUnfenced) && row.standing.version == read.version;
            let anyway = is_unfenced.then(|| Standing { health: verdict, ..row.standing.close(mine) });
            row.put(row.standing.mark(mine, read.version, verdict).or(anyway)?);
            Some(())
        });
        state.fleet[i].now(if marked.is_some() { Doing::Nothing } else { Doing::Ends(self.ending(before)) });
        Some(())
    }

    /// Whether the refusal that is about to be marked is taken for what it is. What a pause explains is neither.
    fn judge(&self, state: &mut State, read: Read, is_ours: bool) {
        let grant = &state.grants[read.token.grant];
        let is_lost_on_the_way = grant.is_unheard && grant.current != read.token.nth;
        if !is_lost_on_the_way || self.provider == Provider::Keeps || self.has_lapsed(state) {
            return;
        }
        let is_theirs = state.left.crash == self.faults.crash && state.left.unstored == self.faults.unstored;
        if grant.died_with && !is_ours && state.left.loss == self.faults.loss {
            state.misjudged = Some(Misjudged::OursAsTheirs);
        } else if is_theirs && is_ours {
            state.misjudged = Some(Misjudged::TheirsAsOurs);
        }
    }

    /// `Holding::fail`: what is recorded only if the lease and the version are still those.
    fn fail(&self, state: &mut State, i: usize) -> Option<()> {
        let Doing::Failed(ending) = state.fleet[i].doing else { return None };
        let (read, mine) = (state.fleet[i].read, (i, state.fleet[i].rounds));
        let recorded = state.row(read.link).and_then(|row| {
            if row.standing.attempt != Some(mine) || row.standing.version != read.version {
                return None;
            }
            row.put(self.ended(row, mine, ending));
            if !row.standing.health.is_dead() {
                row.standing.health = Health::Degraded;
            }
            Some(())
        });
        state.fleet[i].now(if recorded.is_some() { Doing::Nothing } else { Doing::Ends(ending) });
        Some(())
    }

    fn end(&self, state: &mut State, i: usize) -> Option<()> {
        let Doing::Ends(ending) = state.fleet[i].doing else { return None };
        let (read, mine) = (state.fleet[i].read, (i, state.fleet[i].rounds));
        if let Some(row) = state.row(read.link) {
            row.put(self.ended(row, mine, ending));
        }
        state.fleet[i].now(Doing::Nothing);
        Some(())
    }

    fn ended(&self, row: &Row, mine: Attempt, ending: Ending) -> Standing<Attempt> {
        match ending {
            Ending::Open if self.flaw != Some(Flaw::ClosesTheUnknown) => row.standing.let_go(mine),
            Ending::Open | Ending::Closed => row.standing.close(mine),
        }
    }

    fn ending(&self, before: Before) -> Ending {
        if self.flaw == Some(Flaw::ForgetsItsFirstAnswer) { Ending::Closed } else { before.ending() }
    }

    fn ask_again(&self, state: &mut State, i: usize) -> Option<()> {
        let Doing::Asked { again: false, before } = state.fleet[i].doing else { return None };
        if self.provider != Provider::Window {
            return None;
        }
        spend(&mut state.left.loss)?;
        state.fleet[i].doing = Doing::Asked { before: before.after_silence(), again: true };
        send(state, i, true);
        Some(())
    }

    fn fail_definitely(&self, state: &mut State, i: usize) -> Option<()> {
        let Doing::Asked { before, again } = state.fleet[i].doing else { return None };
        let mine = (i, state.fleet[i].rounds);
        // If the provider has it already, it is too late for that.
        let at = state.asks.iter().position(|ask| ask.by == mine && ask.again == again)?;
        spend(&mut state.left.definite)?;
        state.asks.remove(at);
        state.fleet[i].now(Doing::Failed(self.ending(before)));
        Some(())
    }

    fn cannot_store(&self, state: &mut State, i: usize) -> Option<()> {
        let Doing::Granted(token) = state.fleet[i].doing else { return None };
        spend(&mut state.left.unstored)?;
        let ending = if self.flaw == Some(Flaw::ClosesTheUnstored) { Ending::Closed } else { Ending::Open };
        state.fleet[i].doing = Doing::Ends(ending);
        note_end_of(state, token);
        Some(())
    }

    fn doubt(&self, state: &mut State, i: usize) -> Option<()> {
        let Doing::Refused(before) = state.fleet[i].doing else { return None };
        spend(&mut state.left.doubt)?;
        state.fleet[i].now(Doing::Failed(self.ending(before)));
        Some(())
    }

    fn answer(&self, state: &mut State, nth: usize, is_in_time: bool) {
        let Ask { by: (i, round), again, token } = state.asks.remove(nth);
        let instance = &mut state.fleet[i];
        let before = match instance.doing {
            Doing::Asked { before, again: waits_for } if instance.rounds == round && waits_for == again => Some(before),
            _ => None,
        };
        let grant = &mut state.grants[token.grant];
        let granted = self.provider.answer(grant, token, is_in_time);
        if let Some(granted) = granted {
            let is_new = granted != token;
            grant.is_unheard = before.is_none() && (is_new || grant.is_unheard);
            grant.is_revoked &= !is_new;
        }
        if let Some(before) = before {
            instance.doing = granted.map_or(Doing::Refused(before), Doing::Granted);
        }
    }

    fn relink_without(&self, state: &mut State) -> Option<()> {
        spend(&mut state.left.relink)?;
        let row = state.row.as_mut()?;
        row.put(row.standing.relinked_without());
        if self.flaw == Some(Flaw::RelinksEndLeases) {
            row.standing.attempt = None;
        }
        Some(())
    }
}

impl Provider {
    fn answer(self, grant: &mut Grant, token: Token, is_in_time: bool) -> Option<Token> {
        if grant.is_killed {
            return None;
        }
        if self == Self::Keeps {
            return Some(token);
        }
        if token.nth == grant.current {
            grant.current += 1;
            return Some(Token { nth: grant.current, ..token });
        }
        match self {
            Self::Strict => grant.is_killed = true,
            Self::Window if is_in_time && token.nth + 1 == grant.current => {
                return Some(Token { nth: grant.current, ..token });
            }
            Self::Window | Self::Refusing | Self::Keeps => {}
        }
        None
    }
}

fn ask(state: &mut State, i: usize) -> Option<()> {
    let Doing::Leased(before) = state.fleet[i].doing else { return None };
    state.fleet[i].doing = Doing::Asked { before, again: false };
    send(state, i, false);
    Some(())
}

fn send(state: &mut State, i: usize, again: bool) {
    state.asks.push(Ask { by: (i, state.fleet[i].rounds), again, token: state.fleet[i].read.token });
    state.asks.sort_unstable();
}

/// It was stopped between the lease and the request, and sees by its clock that this took too long.
fn start_over(state: &mut State, i: usize) -> Option<()> {
    let Doing::Leased(_) = state.fleet[i].doing else { return None };
    let (link, mine) = (state.fleet[i].read.link, (i, state.fleet[i].rounds));
    let is_mine = state.row(link).is_some_and(|row| row.standing.attempt == Some(mine) && !row.is_lapsed);
    if is_mine {
        spend(&mut state.left.pause)?;
    }
    state.fleet[i].doing = Doing::Ends(Ending::Closed);
    Some(())
}
