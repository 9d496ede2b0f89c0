//! What befalls the fleet and the link: instances die, answers get lost, leases lapse, people link and unlink.

use domain::link::Health;
use domain::refresh::Ending;

use super::state::{Doing, Grant, Row, State, Token};
use super::steps::spend;

pub(super) fn crash(state: &mut State, i: usize) -> Option<()> {
    if !state.fleet[i].is_at_it() {
        return None;
    }
    spend(&mut state.left.crash)?;
    let doing = state.fleet[i].doing;
    if let Doing::Asked { .. } | Doing::Granted(_) = doing {
        let grant = state.fleet[i].read.token.grant;
        state.grants[grant].died_with = true;
    }
    state.fleet[i].now(Doing::Crashed);
    if let Doing::Granted(token) = doing {
        note_end_of(state, token);
    }
    Some(())
}

/// Whoever had this token has it no more.
pub(super) fn note_end_of(state: &mut State, token: Token) {
    let is_kept = state.is_in_hand(token) || state.row.as_ref().is_some_and(|row| row.token == token);
    let grant = &mut state.grants[token.grant];
    grant.is_unheard |= grant.current == token.nth && !is_kept;
}

/// The answer never comes. One that is slow comes: whoever hangs up on it, early, has no such excuse.
pub(super) fn give_up(state: &mut State, i: usize, early: bool) -> Option<()> {
    let Doing::Asked { .. } = state.fleet[i].doing else { return None };
    if !early {
        spend(&mut state.left.loss)?;
    }
    state.fleet[i].now(Doing::Failed(Ending::Open));
    Some(())
}

pub(super) fn lapse(state: &mut State) -> Option<()> {
    let row = state.row.as_ref().filter(|row| !row.is_lapsed)?;
    if state.holder(row.standing.attempt?).is_some() {
        spend(&mut state.left.pause)?;
    }
    state.row.as_mut()?.is_lapsed = true;
    Some(())
}

pub(super) fn relink_with(state: &mut State) -> Option<()> {
    spend(&mut state.left.relink)?;
    let token = Token { grant: state.grants.len(), nth: 0 };
    match &mut state.row {
        Some(row) => {
            row.put(row.standing.renewed());
            row.token = token;
        }
        None => state.row = Some(Row::new(state.grants[token.grant - 1].link + 1, token)),
    }
    let link = state.row.as_ref()?.link;
    state.grants.push(Grant { link, ..Grant::default() });
    Some(())
}

pub(super) fn unlink(state: &mut State) -> Option<()> {
    spend(&mut state.left.unlink)?;
    let row = state.row.take()?;
    let grant = &mut state.grants[row.token.grant];
    grant.is_unlinked = true;
    grant.is_revoked |= grant.current == row.token.nth;
    Some(())
}

pub(super) fn revive(state: &mut State) -> Option<()> {
    let row = state.row.as_mut().filter(|row| row.standing.health.is_dead())?;
    spend(&mut state.left.revival)?;
    row.standing.health = Health::Degraded;
    Some(())
}
