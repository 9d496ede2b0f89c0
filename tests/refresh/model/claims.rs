//! How an instance takes the lease: one statement, whose outcome it may never hear.

use domain::refresh::{Before, Ending, Standing, Takeover};

use super::state::{Attempt, Doing, Read, Row, State};
use super::steps::spend;
use super::{Flaw, Refreshes};

impl Refreshes {
    pub(super) fn take(&self, state: &mut State, i: usize) -> Option<()> {
        let Doing::Wants = state.fleet[i].doing else { return None };
        let taken = self.claim(state, i, state.fleet[i].rounds + 1);
        let instance = &mut state.fleet[i];
        match taken {
            Some(before) => {
                instance.rounds += 1;
                instance.doing = Doing::Leased(before);
            }
            None => instance.doing = Doing::Waits,
        }
        Some(())
    }

    pub(super) fn take_unheard(&self, state: &mut State, i: usize, is_applied: bool) -> Option<()> {
        let Doing::Wants = state.fleet[i].doing else { return None };
        spend(&mut state.left.unheard)?;
        if is_applied {
            let _unheard = self.claim(state, i, state.fleet[i].rounds + 1);
        }
        state.fleet[i].rounds += 1;
        state.fleet[i].doing = Doing::Unsure;
        if self.flaw == Some(Flaw::TakesUnknownForUndone) {
            state.fleet[i].now(Doing::Nothing);
        }
        Some(())
    }

    pub(super) fn take_again(&self, state: &mut State, i: usize) -> Option<()> {
        let Doing::Unsure = state.fleet[i].doing else { return None };
        let taken = self.claim(state, i, state.fleet[i].rounds);
        // What it may have taken, and has no use for, it gives back.
        state.fleet[i].doing = taken.map_or(Doing::Ends(Ending::Closed), Doing::Leased);
        Some(())
    }

    /// `leases::take`, under the id that the how many-eth refresh of the instance has.
    pub(super) fn claim(&self, state: &mut State, i: usize, round: u8) -> Option<Before> {
        let read = state.fleet[i].read;
        let row = state.row(read.link)?;
        let (mut standing, mut before) = self.taken(row, (i, round), read)?;
        match self.flaw {
            Some(Flaw::ForgetsTheUnclosed) => {
                (standing.unclosed_by, before) = (Some((i, round)), Before::Clean);
                standing.is_abandoned = false;
            }
            Some(Flaw::TakesTheDeadForSilence) if before == Before::Abandoned => before = Before::Unclosed,
            Some(Flaw::TakesSilenceForDeath) if before == Before::Unclosed => before = Before::Abandoned,
            _ => {}
        }
        row.put(standing);
        Some(before)
    }

    pub(super) fn taken(&self, row: &Row, mine: Attempt, read: Read) -> Option<(Standing<Attempt>, Before)> {
        row.standing.take(mine, read.version, read.errand, row.is_lapsed && self.takeover() == Takeover::Allowed)
    }

    pub(super) fn takeover(&self) -> Takeover {
        if self.flaw == Some(Flaw::HoldsOffForEver) { Takeover::HeldOff } else { Takeover::Allowed }
    }
}
