//! What befalls a flow and its requests: consents, failures, crashes, and time.

use chrono::TimeDelta;
use domain::flow::Ended;

use super::state::{Doing, State};
use super::steps::spend;

pub(super) fn consent(state: &mut State, b: usize, nth: u8) -> Option<()> {
    let trip = state.browsers[b].at.filter(|trip| *trip == state.newest)?;
    if nth > 0 {
        spend(&mut state.left.others)?;
    }
    let account = (state.browsers[b].sits, nth);
    state.answers.insert((trip, account)).then_some(())
}

pub(super) fn fail(state: &mut State, i: usize) -> Option<()> {
    let Doing::Exchange { .. } = state.tasks[i].next else { return None };
    spend(&mut state.left.failures)?;
    state.tasks[i].next = Doing::End(Ended::ExchangeFailed);
    Some(())
}

pub(super) fn crash(state: &mut State, i: usize) -> Option<()> {
    spend(&mut state.left.crashes)?;
    if let Doing::Land { trip, .. } = state.tasks.remove(i).next {
        state.died.insert(trip);
    }
    Some(())
}

pub(super) fn wait(state: &mut State) -> Option<()> {
    state.row.as_ref()?;
    spend(&mut state.left.waits)?;
    state.now += TimeDelta::minutes(9);
    Some(())
}

pub(super) fn run_out(state: &mut State) -> Option<()> {
    let row = state.row.as_ref().filter(|row| !row.is_late(state.now))?;
    state.now = row.expires;
    Some(())
}

pub(super) fn sweep(state: &mut State) -> Option<()> {
    state.row.as_ref().filter(|row| row.is_late(state.now))?;
    state.close();
    Some(())
}
