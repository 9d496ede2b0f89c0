//! The states of a bind in progress, and how long each may last (docs/bind.md).

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::link::stored_as;

/// Where a bind stands. There is no state for the end: a flow that is done, failed or late has no row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowState {
    /// The instruction is made; no browser has opened it.
    Instructed,
    /// A browser has opened it, and its person is signing in at our own page.
    SigningIn,
    /// A browser is at the provider.
    AtProvider,
    /// The account is known and its owner is asked to confirm; the token set is sealed in the flow.
    Confirming,
    /// The app holds a bind code and has to complete.
    Pending,
}

stored_as!(FlowState {
    Instructed => "instructed",
    SigningIn => "signing_in",
    AtProvider => "at_provider",
    Confirming => "confirming",
    Pending => "pending",
});

impl FlowState {
    /// How long a flow may stay in the state.
    pub fn limit(self) -> Duration {
        match self {
            Self::Instructed | Self::Confirming => Duration::from_mins(5),
            Self::SigningIn | Self::AtProvider => Duration::from_mins(10),
            Self::Pending => Duration::from_mins(1),
        }
    }

    /// When a flow that enters the state at `now` runs out: the state's own limit, and that of the whole flow since it was opened.
    pub fn runs_out(self, now: DateTime<Utc>, opened: Option<DateTime<Utc>>) -> DateTime<Utc> {
        let after = |moment: DateTime<Utc>, limit| moment + TimeDelta::from_std(limit).unwrap_or_default();
        let own = after(now, self.limit());
        opened.map_or(own, |opened| own.min(after(opened, FLOW_LIMIT)))
    }
}

/// How long one browser may take from its first request to the end, reloads included.
pub const FLOW_LIMIT: Duration = Duration::from_mins(30);
