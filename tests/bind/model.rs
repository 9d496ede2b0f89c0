//! The decisions about binds, walked in every order in which two browsers, whoever sits there, and the provider can take their
//! steps: reloads, second tabs, stolen addresses, another person who signs in, answers that come late or twice, and crashes
//! between any two steps.

mod faults;
mod state;
mod step;
mod steps;

use std::collections::BTreeSet;

use stateright::{Checker, HasDiscoveries, Model, Property};

use self::state::{Faults, State};
use self::step::Step;

/// Whose flow it is, and who completes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Alice's, who completes it herself.
    Persons,
    /// Of whoever is signed in where it is opened, who completes it.
    Whoevers,
    /// Alice's application completes it.
    Apps,
    /// So it does, and the provider's settings spare the question.
    Unasked,
}

/// What could have been decided or written otherwise, and must not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    /// A browser without the flow's cookie brings the provider's answer.
    SkipsCookie,
    /// Who is signed in is asked at the opening alone.
    TrustsTheFirstSession,
    /// Who is signed in is not asked again when the link is made.
    LinksWithoutLook,
    /// An answer is redeemed without being used up.
    SkipsClaim,
    /// An answer lands whatever trip the flow is on by now.
    LandsOnAnyTrip,
    /// A yes is taken for whatever account the flow has by now.
    TakesAnyYes,
    /// An app completes with whatever verifier.
    SkipsVerifier,
    /// A bind code works more than once.
    KeepsCode,
    /// A reload forgets what an earlier trip was granted.
    ForgetsGrant,
    /// What a trip brings that is overtaken is forgotten.
    ForgetsOvertaken,
    /// A reload lasts as long as a first opening.
    ReloadsForEver,
}

/// One flow.
#[derive(Clone, Copy, Debug)]
struct Binds {
    kind: Kind,
    faults: Faults,
    flaw: Option<Flaw>,
}

const ONCE: &str = "a flow makes one link at most";
const THEIRS: &str = "a link is of whoever began, or confirmed, and of their own account";
const SHOWN: &str = "the account that is linked is the one that was shown";
const STATE: &str = "a state and its code are used once";
const NEWEST: &str = "what lands is of the newest trip";
const GRANTS: &str = "what was granted is linked, kept or revoked, unless its process died";
const LIMIT: &str = "no flow outlives its limit, reloads included";
const ENDS: &str = "a flow ends";
const LINKS: &str = "a link is made";

impl Model for Binds {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![State::new(self.kind, self.faults)]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        steps.extend(Step::all(state));
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut state = last.clone();
        self.step(&mut state, step)?;
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(ONCE, |_, state: &State| state.links.len() <= 1),
            Property::always(THEIRS, |model: &Self, state: &State| {
                state.links.iter().all(|link| link.is_theirs(model.kind))
            }),
            Property::always(SHOWN, |_, state: &State| state.links.iter().all(state::Link::is_as_shown)),
            Property::always(STATE, |_, state: &State| state.has_spent_each_once()),
            Property::always(NEWEST, |_, state: &State| !state.has_gone_back),
            Property::always(GRANTS, |_, state: &State| state.has_all_grants()),
            Property::always(LIMIT, |_, state: &State| state.is_within_limit()),
            Property::always(ENDS, |model: &Self, state: &State| state.row.is_none() || !model.is_over(state)),
            Property::sometimes(LINKS, |_, state: &State| !state.links.is_empty()),
        ]
    }
}

impl Binds {
    /// Nothing can happen any more.
    fn is_over(self, state: &State) -> bool {
        !Step::all(state).into_iter().any(|step| self.next_state(state, step).is_some())
    }
}

const NONE: Faults = Faults { opens: 1, sign_ins: 0, crashes: 0, failures: 0, others: 0, waits: 0 };

/// Walks every order of these: each property holds, and a link can be made.
fn walk(kind: Kind, faults: Faults) {
    let checker = Binds { kind, faults, flaw: None }.checker().spawn_dfs().join();
    assert!(checker.is_done());
    for property in checker.model().properties() {
        if property.name != LINKS {
            checker.assert_no_discovery(property.name);
        }
    }
    assert!(checker.discovery(LINKS).is_some(), "{kind:?}, {faults:?}");
}

#[test]
fn a_bind_links_once_and_whom_it_should_at_a_reload_and_a_crash() {
    for kind in [Kind::Persons, Kind::Apps, Kind::Unasked] {
        walk(kind, Faults { opens: 2, crashes: 1, failures: 1, ..NONE });
    }
    walk(Kind::Persons, Faults { opens: 2, crashes: 1, sign_ins: 1, waits: 1, ..NONE });
    walk(Kind::Apps, Faults { opens: 3, crashes: 1, ..NONE });
}

#[test]
fn a_bind_links_once_and_whom_it_should_in_a_second_tab_with_another_account() {
    for kind in [Kind::Persons, Kind::Apps, Kind::Unasked] {
        walk(kind, Faults { opens: 2, others: 1, ..NONE });
    }
}

#[test]
fn a_bind_links_nobody_else_who_signs_in_meanwhile() {
    for kind in [Kind::Persons, Kind::Whoevers] {
        walk(kind, Faults { opens: 2, sign_ins: 2, ..NONE });
        walk(kind, Faults { sign_ins: 3, crashes: 1, ..NONE });
    }
}

#[test]
fn a_bind_is_over_in_its_time_however_often_it_is_reloaded() {
    walk(Kind::Whoevers, Faults { opens: 2, waits: 3, ..NONE });
    walk(Kind::Unasked, Faults { opens: 3, waits: 3, ..NONE });
}

/// An app's flow asks nobody who they are: its verifier says whose it is, and its cookie which browser's.
#[test]
fn a_stolen_answer_links_an_account_to_another_where_the_cookie_is_not_asked_for() {
    let model = Binds { kind: Kind::Unasked, faults: NONE, flaw: Some(Flaw::SkipsCookie) };
    let found = HasDiscoveries::AnyOf(BTreeSet::from([THEIRS]));
    model.checker().finish_when(found).spawn_bfs().join().assert_discovery(
        THEIRS,
        vec![
            Step::Open(1),
            Step::Go(0),
            Step::Consent(1, 0),
            Step::Bring(0, 0),
            Step::Go(0),
            Step::Go(0),
            Step::Go(0),
            Step::Complete { from: 0, by: 0 },
        ],
    );
}

/// What each of the other decisions is for.
#[test]
fn each_flaw_is_found_by_the_property_that_it_offends() {
    for (flaw, property, kind, faults) in [
        (Flaw::TrustsTheFirstSession, THEIRS, Kind::Persons, Faults { sign_ins: 1, ..NONE }),
        (Flaw::LinksWithoutLook, THEIRS, Kind::Persons, Faults { sign_ins: 1, ..NONE }),
        (Flaw::SkipsClaim, STATE, Kind::Persons, NONE),
        (Flaw::LandsOnAnyTrip, NEWEST, Kind::Apps, Faults { opens: 2, ..NONE }),
        (Flaw::TakesAnyYes, SHOWN, Kind::Apps, Faults { opens: 2, others: 1, ..NONE }),
        (Flaw::SkipsVerifier, THEIRS, Kind::Apps, NONE),
        (Flaw::KeepsCode, ONCE, Kind::Apps, NONE),
        (Flaw::ForgetsGrant, GRANTS, Kind::Apps, Faults { opens: 2, ..NONE }),
        (Flaw::ForgetsOvertaken, GRANTS, Kind::Apps, Faults { opens: 2, ..NONE }),
        (Flaw::ReloadsForEver, LIMIT, Kind::Apps, Faults { opens: 4, waits: 3, ..NONE }),
    ] {
        let found = HasDiscoveries::AnyOf(BTreeSet::from([property]));
        let checker = Binds { kind, faults, flaw: Some(flaw) }.checker().finish_when(found).spawn_bfs().join();
        assert!(checker.discovery(property).is_some(), "{flaw:?} goes unnoticed");
    }
}
