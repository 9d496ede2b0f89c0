//! What the steps of a bind do, each as atomic as the service makes it: what is read is decided upon at once, and each statement is a
//! step of its own.

use std::collections::HashMap;

use domain::flow::{
    Answer, Arrival, Ended, Fact, Facts, Flow, FlowState, Issuer, Leg, Next, Opening, Stage, Standing, Stop, hash,
};
use domain::ids::{Sid, Subject};
use secrecy::SecretString;

use super::faults::{consent, crash, fail, run_out, sweep, wait};
use super::state::{Doing, External, Link, Person, State, Task, VERIFIER, granted, sealed_grant, sid};
use super::step::Step;
use super::{Binds, Flaw, Kind};

/// Requests at work at once.
const TOGETHER: usize = 2;

pub(super) fn spend(left: &mut u8) -> Option<()> {
    *left = left.checked_sub(1)?;
    Some(())
}

fn secret(of: &str, n: impl std::fmt::Display) -> SecretString {
    format!("{of} {n}").into()
}

fn state_hash(trip: u8) -> Vec<u8> {
    hash(&secret("state", trip))
}

fn code_hash(trip: u8) -> Vec<u8> {
    hash(&secret("bind code", trip))
}

fn cookie(browser: usize) -> SecretString {
    secret("cookie", browser)
}

/// A request begins where what was read asks for a change.
fn begin(state: &mut State, (browser, read): (usize, Flow), next: Doing) -> Option<()> {
    if state.tasks.len() == TOGETHER {
        return None;
    }
    state.tasks.push(Task { browser, read, now: state.now, next });
    Some(())
}

impl Binds {
    /// Takes the step, if it can be taken now.
    pub(super) fn step(self, state: &mut State, step: Step) -> Option<()> {
        match step {
            Step::Open(b) => open(state, b),
            Step::Consent(b, nth) => consent(state, b, nth),
            Step::Bring(b, nth) => self.bring(state, b, nth),
            Step::Show(b) => self.show(state, b),
            Step::Yes(b) => self.yes(state, b),
            Step::Complete { from, by } => self.complete(state, from, by),
            Step::Go(i) => {
                self.go(state, i);
                Some(())
            }
            Step::Fail(i) => fail(state, i),
            Step::Crash(i) => crash(state, i),
            Step::SignIn(b, who) => self.sign_in(state, b, Some(who)),
            Step::SignOut(b) => self.sign_in(state, b, None),
            Step::Wait => wait(state),
            Step::RunOut => run_out(state),
            Step::Sweep => sweep(state),
        }?;
        state.forget();
        Some(())
    }

    /// Whether an app completes the flow.
    fn is_apps(self) -> bool {
        matches!(self.kind, Kind::Apps | Kind::Unasked)
    }

    /// How a browser stands to a flow, after the opening.
    fn standing(self, state: &State, flow: &Flow, b: usize) -> Standing {
        if self.flaw == Some(Flaw::TrustsTheFirstSession) {
            return flow.standing(Some(Person::Alice.session()));
        }
        flow.standing(state.browsers[b].session())
    }

    fn bring(self, state: &mut State, b: usize, nth: usize) -> Option<()> {
        let (trip, account) = *state.answers.iter().nth(nth)?;
        let waits_for = Some(state_hash(trip));
        let flow = state
            .row
            .clone()
            .filter(|row| matches!(&row.stage, Stage::AtProvider { state_hash, .. } if *state_hash == waits_for))?;
        let answer = Answer {
            provider: Some(flow.provider.clone()),
            state: secret("state", trip),
            code: Some(secret("code", trip)),
            error: None,
            iss: None,
            params: HashMap::new(),
        };
        let mut sent = sent_by(state, b);
        if self.flaw == Some(Flaw::SkipsCookie) {
            sent = (0..2).map(cookie).find(|cookie| flow.opened_by(Some(cookie)).is_some());
        }
        let mut facts = Facts::default();
        let next = loop {
            match flow.receive(&answer, sent.as_ref(), state.now, &facts) {
                Ok(Next::Learn(Fact::Issuer)) => facts.issuer = Some(Issuer::Right(())),
                Ok(Next::Learn(Fact::Standing)) => facts.standing = Some(self.standing(state, &flow, b)),
                Ok(Next::Redeem { .. }) => break Doing::Claim { trip, account },
                Err(Stop::Nothing) => return None,
                Err(Stop::Ended(ended)) => break Doing::End(ended),
            }
        };
        begin(state, (b, flow), next)
    }

    /// Whether the question stands in this browser; else what is to be done instead, if anything is.
    fn asks(self, state: &State, flow: &Flow, b: usize) -> Result<(), Stop> {
        flow.asks(sent_by(state, b).as_ref(), state.now)?;
        self.standing(state, flow, b).person()?;
        Ok(())
    }

    fn show(self, state: &mut State, b: usize) -> Option<()> {
        let flow = state.row.clone()?;
        match self.asks(state, &flow, b) {
            Ok(()) => {
                state.browsers[b].page = flow.sid().cloned();
                Some(())
            }
            Err(Stop::Nothing) => None,
            Err(Stop::Ended(ended)) => begin(state, (b, flow), Doing::End(ended)),
        }
    }

    /// Nobody says yes to an account that is not their own.
    fn yes(self, state: &mut State, b: usize) -> Option<()> {
        let shown = state.browsers[b].page.clone()?;
        let sits = state.browsers[b].sits;
        if !(0..2).any(|nth| shown == sid((sits, nth))) {
            return None;
        }
        let flow = state.row.clone()?;
        match self.asks(state, &flow, b) {
            // The form is for the account that it names.
            Ok(()) if flow.sid() == Some(&shown) || self.flaw == Some(Flaw::TakesAnyYes) => {
                begin(state, (b, flow), Doing::Yes { shown })
            }
            Ok(()) | Err(Stop::Nothing) => None,
            Err(Stop::Ended(ended)) => begin(state, (b, flow), Doing::End(ended)),
        }
    }

    /// Each app holds a verifier; only Alice's is the flow's. A thief brings a code of another browser's to an app of his own.
    fn complete(self, state: &mut State, from: usize, by: usize) -> Option<()> {
        let trip = state.browsers[from].code?;
        let row = state.row.clone()?;
        if !row.is_taken_by(&code_hash(trip), &row.client, state.now) {
            return None;
        }
        let mut verifier: SecretString = if by == 0 { VERIFIER.into() } else { secret("verifier", by) };
        if self.flaw == Some(Flaw::SkipsVerifier) {
            verifier = VERIFIER.into();
        }
        let subject = state.browsers[by].sits.subject();
        if row.is_completed_by(&verifier, &subject).is_err() {
            state.close();
            return Some(());
        }
        link(state, &row, (subject, state.said_yes.clone()), None)?;
        if self.flaw != Some(Flaw::KeepsCode) {
            state.row = None;
        }
        Some(())
    }

    fn go(self, state: &mut State, i: usize) {
        let task = state.tasks.remove(i);
        match task.next.clone() {
            Doing::SignIn => {
                let expires = FlowState::SigningIn.runs_out(state.now, Some(state.now));
                let hashed = hash(&cookie(task.browser));
                let moved = state.row.as_ref().and_then(|row| row.await_sign_in(&hashed, state.now, expires));
                if let Some(row) = moved {
                    state.row = Some(row);
                    state.browsers[task.browser].has_cookie = true;
                }
            }
            Doing::Leave { trip, subject } => self.leave(state, &task, (trip, subject.as_ref())),
            Doing::Claim { trip, account } => self.claim(state, task, (trip, account)),
            Doing::Exchange { trip, account } => {
                state.redeemed.push(trip);
                state.redeemed.sort_unstable();
                state.tasks.push(Task { next: Doing::Land { trip, account }, ..task });
            }
            Doing::Land { trip, account } => self.land(state, &task, (trip, account)),
            Doing::Yes { shown } if self.is_apps() => self.hand_over(state, &task, shown),
            Doing::Yes { shown } => self.link_person(state, task, shown),
            Doing::End(_) if state.row.as_ref().is_some_and(|row| row.is_still(&task.read)) => state.close(),
            Doing::End(_) => {}
        }
    }

    fn leave(self, state: &mut State, task: &Task, (trip, subject): (u8, Option<&Subject>)) {
        let read = Flow { subject: subject.cloned().or_else(|| task.read.subject.clone()), ..task.read.clone() };
        let opened = match self.flaw {
            Some(Flaw::ReloadsForEver) => state.now,
            _ => read.opened().unwrap_or(state.now),
        };
        let expires = FlowState::AtProvider.runs_out(state.now, Some(opened));
        let (state_hash, sealed) = (state_hash(trip), vec![trip]);
        let leg = Leg { subject, state_hash: &state_hash, sealed: &sealed, now: state.now, expires };
        let moved = state.row.as_ref().and_then(|row| match read.stage.visit() {
            None => row.open(&hash(&cookie(task.browser)), &leg),
            Some(visit) => row.reopen(&read, &visit.cookie_hash, &leg),
        });
        let Some(row) = moved else { return };
        if self.flaw != Some(Flaw::ForgetsGrant) {
            state.revoked.extend(granted(&read));
        }
        state.row = Some(row);
        // Answers of earlier trips find nothing any more.
        state.answers.clear();
        state.newest = trip;
        state.browsers[task.browser].has_cookie = true;
        state.browsers[task.browser].at = Some(trip);
    }

    fn claim(self, state: &mut State, task: Task, (trip, account): (u8, External)) {
        let claimed = state.row.as_ref().and_then(|row| row.claim_answer(&state_hash(trip), task.now));
        if claimed.is_none() && self.flaw != Some(Flaw::SkipsClaim) {
            return;
        }
        state.row = claimed.or(state.row.take());
        state.tasks.push(Task { next: Doing::Exchange { trip, account }, ..task });
    }

    fn land(self, state: &mut State, task: &Task, (trip, account): (u8, External)) {
        let code = (self.kind == Kind::Unasked).then_some(trip);
        let next = if code.is_some() { FlowState::Pending } else { FlowState::Confirming };
        let arrival = Arrival {
            sid: sid(account),
            user_name: None,
            sealed: sealed_grant(trip),
            code_hash: code.map(code_hash),
            expires: next.runs_out(state.now, task.read.opened()),
        };
        let landed = state.row.as_ref().and_then(|row| match self.flaw {
            Some(Flaw::LandsOnAnyTrip) => row.arrive(row, &arrival),
            _ => row.arrive(&task.read, &arrival),
        });
        match landed {
            Some(row) => {
                state.has_gone_back |= trip != state.newest;
                state.row = Some(row);
                state.browsers[task.browser].code = code.or(state.browsers[task.browser].code);
            }
            None if self.flaw == Some(Flaw::ForgetsOvertaken) => {}
            None => {
                state.revoked.insert(trip);
            }
        }
    }

    fn hand_over(self, state: &mut State, task: &Task, shown: Sid) {
        let Some(trip) = granted(&task.read) else { return };
        let expires = FlowState::Pending.runs_out(state.now, task.read.opened());
        let confirmed = state.row.as_ref().and_then(|row| match self.flaw {
            Some(Flaw::TakesAnyYes) => row.confirm(row, &code_hash(trip), state.now, expires),
            _ => row.confirm(&task.read, &code_hash(trip), state.now, expires),
        });
        if let Some(row) = confirmed {
            state.row = Some(row);
            state.said_yes = Some(shown);
            state.browsers[task.browser].code = Some(trip);
        }
    }

    fn link_person(self, state: &mut State, task: Task, shown: Sid) {
        let session = state.browsers[task.browser].session();
        let signed_in = session.as_ref().map(|session| session.subject.clone());
        let standing = self.standing(state, &task.read, task.browser);
        if let Err(ended) = standing.person()
            && self.flaw != Some(Flaw::LinksWithoutLook)
        {
            state.tasks.push(Task { next: Doing::End(ended), ..task });
            return;
        }
        let Some(row) = state.row.take_if(|row| row.is_still(&task.read)) else { return };
        if let Some(subject) = row.subject.clone() {
            link(state, &row, (subject, Some(shown)), signed_in);
        }
    }

    /// The app does not know who sits there: in its flows nobody else does.
    fn sign_in(self, state: &mut State, b: usize, who: Option<Person>) -> Option<()> {
        if self.is_apps() {
            return None;
        }
        spend(&mut state.left.sign_ins)?;
        let browser = &mut state.browsers[b];
        browser.is_signed_in = who.is_some();
        browser.sits = who.unwrap_or(browser.sits);
        Some(())
    }
}

fn sent_by(state: &State, b: usize) -> Option<SecretString> {
    state.browsers[b].has_cookie.then(|| cookie(b))
}

fn open(state: &mut State, b: usize) -> Option<()> {
    let flow = state.row.clone()?;
    let read = (b, flow.clone());
    let opening = match flow.opening(sent_by(state, b).as_ref(), state.now) {
        Ok(opening) => opening,
        Err(Stop::Nothing) => return None,
        Err(Stop::Ended(ended)) => return begin(state, read, Doing::End(ended)),
    };
    let subject = match flow.standing(state.browsers[b].session()) {
        Standing::Apps => None,
        Standing::Theirs(session) => Some(session.subject),
        Standing::Nobody if opening == Opening::First => return begin(state, read, Doing::SignIn),
        // It is sent to our sign-in page.
        Standing::Nobody => return None,
        Standing::Anothers => return begin(state, read, Doing::End(Ended::WrongUser)),
    };
    spend(&mut state.left.opens)?;
    state.trips += 1;
    let trip = state.trips;
    begin(state, read, Doing::Leave { trip, subject })
}

fn link(
    state: &mut State,
    row: &Flow,
    (subject, shown): (Subject, Option<Sid>),
    signed_in: Option<Subject>,
) -> Option<()> {
    let account = row.sid()?.clone();
    state.links.push(Link { trip: granted(row), subject, account, shown, signed_in });
    Some(())
}
