//! What is to be said of a state.

use domain::refresh::Errand;

use super::state::{Doing, Grant, State, Token};

impl State {
    /// The grant that the stored token is of.
    pub(super) fn stored_grant(&self) -> Option<&Grant> {
        self.row.as_ref().map(|row| &self.grants[row.token.grant])
    }

    /// A lease stands that nobody has, and nobody died with.
    pub(super) fn is_stuck(&self) -> bool {
        let lease = self.row.as_ref().and_then(|row| row.standing.attempt);
        lease.is_some_and(|lease| self.holder(lease).is_none() && self.fleet[lease.0].doing != Doing::Crashed)
    }

    pub(super) fn has_waiters(&self) -> bool {
        self.fleet.iter().any(|instance| matches!(instance.doing, Doing::Wants | Doing::Waits))
    }

    /// How many living instances are about to ask with the same token, or wait for the answer.
    pub(super) fn most_together(&self) -> usize {
        let at_it = self.fleet.iter().filter(|it| matches!(it.doing, Doing::Leased(_) | Doing::Asked { .. }));
        let tokens: Vec<Token> = at_it.map(|instance| instance.read.token).collect();
        tokens.iter().map(|token| tokens.iter().filter(|other| *other == token).count()).max().unwrap_or_default()
    }

    pub(super) fn stored_works(&self) -> bool {
        self.row.as_ref().is_some_and(|row| self.is_current(row.token))
    }

    /// The stored token doesn't work, and nobody is about to store the one that does.
    pub(super) fn is_lost(&self) -> bool {
        let Some((row, grant)) = self.row.as_ref().zip(self.stored_grant()) else { return false };
        let current = Token { nth: grant.current, ..row.token };
        grant.is_killed || (row.token != current && !self.is_in_hand(current))
    }

    /// The stored token is the newest there is, and was killed by one spent before it that came late.
    pub(super) fn is_killed_unseen(&self) -> bool {
        let Some((row, grant)) = self.row.as_ref().zip(self.stored_grant()) else { return false };
        grant.is_killed && grant.current == row.token.nth
    }

    pub(super) fn is_marked(&self) -> bool {
        self.row.as_ref().is_some_and(|row| row.standing.health.is_dead())
    }

    /// The link is marked, and somebody who isn't there for a second look has the lease: it wasn't he who marked it.
    pub(super) fn is_marked_by_another(&self) -> bool {
        let lease = self.row.as_ref().filter(|row| row.standing.health.is_dead()).and_then(|row| row.standing.attempt);
        lease.is_some_and(|lease| self.fleet[lease.0].read.errand == Errand::Renew)
    }

    /// The row shows that the token may be lost.
    pub(super) fn says_so(&self) -> bool {
        self.is_marked() || self.row.as_ref().is_some_and(|row| row.standing.unclosed_by.is_some())
    }

    /// Tokens of a link that was unlinked are stored again.
    pub(super) fn is_back(&self) -> bool {
        let Some((row, grant)) = self.row.as_ref().zip(self.stored_grant()) else { return false };
        grant.is_unlinked || grant.link != row.link
    }

    /// A token that works outlives its link, and nobody sees to it.
    pub(super) fn leaves_tokens(&self) -> bool {
        let is_left = |grant: &Grant| grant.is_unlinked && !grant.is_revoked && !grant.is_killed && !grant.is_unheard;
        self.grants.iter().any(is_left)
    }
}
