//! The decisions about refreshes, walked in every order in which three instances, the user and the provider can take their
//! steps, faults included. What is lost is what the provider has made impossible to keep, and the row says so.

mod claims;
mod faults;
mod judged;
mod state;
mod steps;

use domain::refresh::Errand;
use stateright::{Checker, Model, Property};

use self::state::{Faults, State};
use self::steps::Step;

/// What the provider does when a refresh token comes back that was spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Provider {
    /// It takes that for a theft, and the grant dies.
    Strict,
    /// It refuses it, and that is all.
    Refusing,
    /// It gives the same answer once more for some time.
    Window,
    /// Tokens aren't spent: they never change.
    Keeps,
}

/// What could have been decided or written otherwise, and must not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    /// An answer is stored only by whoever still has the lease.
    FencesSuccess,
    /// A row whose version moved is taken for one that was linked with a new token.
    OverlooksRelinks,
    /// An answer is stored even if the link is gone.
    Upserts,
    /// Whoever was refused marks the link, lease or not.
    MarksUnfenced,
    /// A re-link without a refresh token ends the lease.
    RelinksEndLeases,
    /// A takeover wipes out the record of the attempt before it.
    ForgetsTheUnclosed,
    /// A lost answer is recorded as if nothing could have happened.
    ClosesTheUnknown,
    /// An attempt that lost an answer and asked again is closed by what it heard then.
    ForgetsItsFirstAnswer,
    /// An attempt whose answer could not be stored is closed.
    ClosesTheUnstored,
    /// Lapsed leases are not taken over.
    HoldsOffForEver,
    /// Whoever asked hangs up on a slow answer that would come.
    HangsUpEarly,
    /// A lease whose taking was never confirmed is taken for one that was not taken.
    TakesUnknownForUndone,
    /// What a dead process left is recorded as if the provider had been silent.
    TakesTheDeadForSilence,
    /// What the provider's silence left is recorded as if our process had died.
    TakesSilenceForDeath,
}

/// Refreshes of one link by a fleet.
#[derive(Clone, Copy, Debug)]
struct Refreshes {
    provider: Provider,
    /// Leases that each instance takes at most.
    rounds: u8,
    faults: Faults,
    flaw: Option<Flaw>,
}

const STUCK: &str = "a lease has a holder, or one that died";
const WAITING: &str = "nobody waits for ever";
const TOGETHER: &str = "one token is out once, unless a lease ran out";
const LOST: &str = "a link is lost only where the provider makes it impossible to keep";
const SILENT: &str = "the row says what is lost, unless a reuse killed it unseen";
const MARKED: &str = "no link stays marked whose token works";
const HOLDER: &str = "only who has the lease marks";
const BACK: &str = "what was unlinked does not come back";
const REVOKED: &str = "what comes after an unlink is revoked";
const EVIDENCE: &str = "what our own crash explains is no evidence, and all else is";
const LOSES: &str = "a link is lost";

impl Model for Refreshes {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![State::new(self.faults)]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        steps.extend(Step::all(state));
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut state = last.clone();
        self.step(&mut state, step)?;
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(STUCK, |_, state: &State| !state.is_stuck()),
            Property::always(WAITING, |model: &Self, state: &State| !state.has_waiters() || !model.is_over(state)),
            Property::always(TOGETHER, |model: &Self, state: &State| {
                model.has_lapsed(state) || state.most_together() <= 1
            }),
            Property::always(LOST, |model: &Self, state: &State| !state.is_lost() || model.is_impossible(state)),
            Property::always(SILENT, |_, state: &State| {
                !state.is_lost() || state.says_so() || state.is_killed_unseen()
            }),
            Property::always(MARKED, |model: &Self, state: &State| {
                !state.is_marked() || !state.stored_works() || !model.is_over(state)
            }),
            Property::always(HOLDER, |_, state: &State| !state.is_marked_by_another()),
            Property::always(BACK, |_, state: &State| !state.is_back()),
            Property::always(REVOKED, |model: &Self, state: &State| !state.leaves_tokens() || !model.is_over(state)),
            Property::always(EVIDENCE, |_, state: &State| state.misjudged.is_none()),
            Property::sometimes(LOSES, |_, state: &State| state.is_lost()),
        ]
    }
}

impl Refreshes {
    /// Nothing can happen any more.
    fn is_over(&self, state: &State) -> bool {
        !Step::all(state).any(|step| self.next_state(state, step).is_some())
    }

    fn has_lapsed(&self, state: &State) -> bool {
        state.left.pause < self.faults.pause
    }

    /// The provider gave a token, and nobody who could store it lived to have it; or it killed the grant over a token that
    /// came back, which takes a fault.
    fn is_impossible(&self, state: &State) -> bool {
        let Some(grant) = state.stored_grant() else { return false };
        let is_faulty = self.has_lapsed(state)
            || state.left.crash < self.faults.crash
            || state.left.loss < self.faults.loss
            || state.left.unstored < self.faults.unstored;
        // A slow answer is no fault: it comes.
        (grant.is_unheard || grant.is_killed) && is_faulty
    }
}

const NONE: Faults = Faults {
    crash: 0,
    loss: 0,
    pause: 0,
    unheard: 0,
    definite: 0,
    unstored: 0,
    doubt: 0,
    revival: 0,
    look: 0,
    relink: 0,
    unlink: 0,
};

/// Walks every order of these faults: nothing is lost, or, if it `loses`, no more than cannot be kept.
fn walk(provider: Provider, rounds: u8, faults: Faults, loses: bool) {
    let model = Refreshes { provider, rounds, faults, flaw: None };
    let checker = model.checker().symmetry_fn(State::sorted).spawn_dfs().join();
    for property in checker.model().properties() {
        if property.name != LOSES {
            checker.assert_no_discovery(property.name);
        }
    }
    let found = checker.discovery(LOSES);
    assert!(checker.is_done());
    assert_eq!(found.is_some(), loses, "{provider:?}, {faults:?}: {found:?}");
}

/// Only what the provider did and nobody heard can be lost; a pause is harmless unless spent tokens kill.
#[test]
fn one_fault_loses_nothing_that_could_be_kept() {
    for (faults, strict, others) in [
        (NONE, false, false),
        (Faults { definite: 1, ..NONE }, false, false),
        (Faults { unheard: 1, ..NONE }, false, false),
        (Faults { crash: 1, ..NONE }, true, true),
        (Faults { loss: 1, ..NONE }, true, true),
        (Faults { unstored: 1, ..NONE }, true, true),
        (Faults { pause: 1, ..NONE }, true, false),
    ] {
        walk(Provider::Strict, 2, faults, strict);
        walk(Provider::Refusing, 2, faults, others);
        walk(Provider::Window, 2, faults, others);
        walk(Provider::Keeps, 2, faults, false);
    }
}

#[test]
fn what_the_user_does_meanwhile_loses_nothing() {
    for (faults, strict) in [
        (Faults { relink: 1, definite: 1, ..NONE }, false),
        (Faults { relink: 1, unlink: 1, ..NONE }, false),
        (Faults { relink: 1, unlink: 1, pause: 1, ..NONE }, true),
    ] {
        walk(Provider::Strict, 1, faults, strict);
        walk(Provider::Refusing, 1, faults, false);
        walk(Provider::Window, 1, faults, false);
        walk(Provider::Keeps, 1, faults, false);
    }
}

#[test]
fn faults_in_every_order_lose_no_more_at_a_strict_provider() {
    walk(Provider::Strict, 1, Faults { crash: 1, loss: 1, pause: 1, relink: 1, unlink: 1, ..NONE }, true);
    walk(Provider::Strict, 1, Faults { crash: 1, loss: 1, unheard: 1, relink: 1, ..NONE }, true);
}

#[test]
fn faults_in_every_order_lose_no_more_at_a_refusing_provider() {
    walk(Provider::Refusing, 1, Faults { crash: 1, loss: 1, pause: 1, relink: 1, unlink: 1, ..NONE }, true);
}

#[test]
fn faults_in_every_order_lose_no_more_where_a_spent_token_works_for_a_while() {
    walk(Provider::Window, 1, Faults { crash: 1, loss: 1, pause: 1, definite: 1, unstored: 1, ..NONE }, true);
    walk(Provider::Window, 1, Faults { loss: 1, definite: 1, relink: 1, unlink: 1, ..NONE }, true);
}

#[test]
fn faults_in_every_order_lose_nothing_where_tokens_never_change() {
    walk(Provider::Keeps, 1, Faults { crash: 1, loss: 1, pause: 1, relink: 1, ..NONE }, false);
}

#[test]
fn marks_that_are_doubted_undone_or_looked_at_again_hide_no_loss() {
    let faults = Faults { loss: 1, pause: 1, doubt: 1, revival: 1, look: 1, ..NONE };
    for provider in [Provider::Strict, Provider::Refusing, Provider::Window] {
        walk(provider, 1, faults, true);
        walk(provider, 1, Faults { crash: 1, relink: 1, look: 1, revival: 1, ..NONE }, true);
    }
}

fn flawed(flaw: Flaw, provider: Provider, faults: Faults) -> Refreshes {
    Refreshes { provider, rounds: 1, faults, flaw: Some(flaw) }
}

/// Why a success is never fenced: the answer that is dropped is the only token that works.
#[test]
fn a_fenced_success_loses_the_link_to_a_relink_that_brings_no_token() {
    let checker = flawed(Flaw::FencesSuccess, Provider::Refusing, Faults { relink: 1, ..NONE }).checker();
    checker.spawn_bfs().join().assert_discovery(
        LOST,
        vec![
            Step::Read(0, Errand::Renew),
            Step::Take(0),
            Step::Ask(0),
            Step::Answer(0),
            Step::RelinkWithout,
            Step::Store(0),
        ],
    );
}

#[test]
fn a_fenced_success_loses_the_link_to_a_pause() {
    let checker = flawed(Flaw::FencesSuccess, Provider::Refusing, Faults { pause: 1, ..NONE }).checker();
    checker.spawn_bfs().join().assert_discovery(
        LOST,
        vec![
            Step::Read(0, Errand::Renew),
            Step::Read(1, Errand::Renew),
            Step::Take(0),
            Step::Ask(0),
            Step::Answer(0),
            Step::Lapse,
            Step::Take(1),
            Step::Store(0),
        ],
    );
}

/// What each of the other decisions is for.
#[test]
fn each_flaw_is_found_by_the_property_that_it_offends() {
    for (flaw, property, provider, faults) in [
        (Flaw::OverlooksRelinks, LOST, Provider::Refusing, Faults { relink: 1, ..NONE }),
        (Flaw::Upserts, BACK, Provider::Refusing, Faults { unlink: 1, ..NONE }),
        (Flaw::MarksUnfenced, HOLDER, Provider::Refusing, Faults { pause: 1, ..NONE }),
        (Flaw::RelinksEndLeases, TOGETHER, Provider::Refusing, Faults { relink: 1, ..NONE }),
        (Flaw::ForgetsTheUnclosed, SILENT, Provider::Refusing, Faults { loss: 1, definite: 1, ..NONE }),
        (Flaw::ClosesTheUnknown, SILENT, Provider::Refusing, Faults { loss: 1, ..NONE }),
        (Flaw::ForgetsItsFirstAnswer, SILENT, Provider::Window, Faults { loss: 1, definite: 1, ..NONE }),
        (Flaw::ClosesTheUnstored, SILENT, Provider::Refusing, Faults { unstored: 1, ..NONE }),
        (Flaw::HoldsOffForEver, WAITING, Provider::Refusing, Faults { crash: 1, ..NONE }),
        (Flaw::HangsUpEarly, LOST, Provider::Strict, NONE),
        (Flaw::TakesUnknownForUndone, STUCK, Provider::Refusing, Faults { unheard: 1, ..NONE }),
        (Flaw::TakesTheDeadForSilence, EVIDENCE, Provider::Refusing, Faults { crash: 1, ..NONE }),
        (Flaw::TakesSilenceForDeath, EVIDENCE, Provider::Refusing, Faults { loss: 1, ..NONE }),
    ] {
        let checker = flawed(flaw, provider, faults).checker().symmetry_fn(State::sorted).spawn_dfs().join();
        assert!(checker.discovery(property).is_some(), "{flaw:?} goes unnoticed");
    }
}
