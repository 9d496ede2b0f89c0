//! Tells a running provider which peculiarities to have, and holds its calls.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::gate::{Gate, Hold};
use super::lock::lock;
use super::peculiar::{Answer, Settings};

/// The door to a running provider's behaviour; clones lead to the same provider.
#[derive(Debug, Clone, Default)]
pub struct Script(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    settings: Mutex<Settings>,
    answers: Mutex<VecDeque<Answer>>,
    revocation_answers: Mutex<VecDeque<Answer>>,
    lifetimes: Mutex<VecDeque<Duration>>,
    calls: Mutex<Option<Gate>>,
    results: Mutex<Option<Gate>>,
    revocations: Mutex<Option<Gate>>,
    userinfo: Mutex<Option<Gate>>,
}

impl Script {
    /// Changes the behaviour from the next call on.
    pub fn set(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut lock(&self.0.settings));
    }

    /// The behaviour now.
    pub fn settings(&self) -> Settings {
        lock(&self.0.settings).clone()
    }

    /// Answers the next `calls` token calls, in the order of their arrival, like this; queued ones come first.
    pub fn next_answers(&self, calls: usize, answer: &Answer) {
        lock(&self.0.answers).extend(std::iter::repeat_n(answer.clone(), calls));
    }

    /// Answers the next revocation calls, in the order of their arrival, like this: `Answer::Json` does the work, every other
    /// answer comes instead of it.
    pub fn next_revocations(&self, answers: &[Answer]) {
        lock(&self.0.revocation_answers).extend(answers.iter().cloned());
    }

    /// The lives of the next access tokens, in this order.
    pub fn next_lifetimes(&self, lifetimes: &[Duration]) {
        lock(&self.0.lifetimes).extend(lifetimes);
    }

    /// Holds token calls from now on where they arrive, before anything is spent.
    pub fn hold_token_calls(&self) -> Hold {
        Gate::close(&self.0.calls)
    }

    /// Holds token calls from now on when their work is done and before they are answered.
    pub fn hold_token_answers(&self) -> Hold {
        Gate::close(&self.0.results)
    }

    /// Holds revocation calls from now on where they arrive, before anything is done.
    pub fn hold_revocations(&self) -> Hold {
        Gate::close(&self.0.revocations)
    }

    /// Holds userinfo calls from now on where they arrive.
    pub fn hold_userinfo(&self) -> Hold {
        Gate::close(&self.0.userinfo)
    }

    pub(super) fn userinfo_gate(&self) -> Option<Gate> {
        lock(&self.0.userinfo).clone()
    }

    pub(super) fn revocations_gate(&self) -> Option<Gate> {
        lock(&self.0.revocations).clone()
    }

    pub(super) fn take_revocation_answer(&self) -> Answer {
        lock(&self.0.revocation_answers).pop_front().unwrap_or(Answer::Json)
    }

    pub(super) fn calls_gate(&self) -> Option<Gate> {
        lock(&self.0.calls).clone()
    }

    pub(super) fn results_gate(&self) -> Option<Gate> {
        lock(&self.0.results).clone()
    }

    pub(super) fn take_answer(&self) -> Answer {
        let queued = lock(&self.0.answers).pop_front();
        queued.unwrap_or_else(|| lock(&self.0.settings).answer.clone())
    }

    pub(super) fn take_lifetime(&self) -> Option<Duration> {
        lock(&self.0.lifetimes).pop_front()
    }
}
