//! When a revocation that failed in passing is tried again, and when it is given up.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::ids::{ProviderId, Sid, Subject};

/// The first pause; each one after it is twice as long.
const SHORTEST: Duration = Duration::from_mins(1);
/// The longest pause.
const LONGEST: Duration = Duration::from_hours(6);
/// A token that could not be revoked for so long is given up: by then most have died by themselves.
const PATIENCE: TimeDelta = TimeDelta::days(7);

/// Tokens that are to die at their provider, sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Its id.
    pub id: Uuid,
    /// The owner of the tokens, if known.
    pub subject: Option<Subject>,
    /// At which provider; it may be configured no more.
    pub provider: ProviderId,
    /// Of which account there, if the provider proved it.
    pub sid: Option<Sid>,
    /// The key that wraps the row's own.
    pub key_id: String,
    /// The row's own key, wrapped.
    pub wrapped_key: Vec<u8>,
    /// The tokens.
    pub sealed: Vec<u8>,
    /// How often it was tried.
    pub attempts: i32,
    /// When it is tried again; until then, of one that was claimed, nobody else does.
    pub retry_at: DateTime<Utc>,
    /// Since when it waits.
    pub created: DateTime<Utc>,
    /// What the record is to call the account, where the person that it was of is erased.
    pub erased_sid: Option<String>,
}

/// When to try again after `attempts` failures, spread over half of the pause by `jitter`; `None`: no more. What the
/// provider asks for (`retry_after`) is never undercut.
pub fn next_attempt(
    attempts: i32,
    jitter: u8,
    retry_after: Option<Duration>,
    created: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    if now - created >= PATIENCE {
        return None;
    }
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(0).min(16);
    let whole = SHORTEST.saturating_mul(1 << doublings).min(LONGEST);
    let pause = whole / 2 + whole / 2 * u32::from(jitter) / 255;
    let pause = TimeDelta::from_std(pause.max(retry_after.unwrap_or_default())).unwrap_or(TimeDelta::days(1));
    Some(now + pause.min(TimeDelta::days(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn pauses_double_from_a_minute_to_six_hours_and_end_after_a_week() {
        let pause = |attempts, jitter| {
            let next = next_attempt(attempts, jitter, None, moment(0), moment(100)).unwrap();
            (next - moment(100)).num_seconds()
        };
        assert_eq!((pause(1, 255), pause(1, 0)), (60, 30));
        assert_eq!((pause(2, 255), pause(5, 255)), (120, 960));
        assert_eq!((pause(10, 255), pause(i32::MAX, 255)), (6 * 3600, 6 * 3600));
        let week = 7 * 24 * 3600;
        assert!(next_attempt(3, 0, None, moment(0), moment(week - 1)).is_some());
        assert_eq!(next_attempt(3, 0, None, moment(0), moment(week)), None);
    }

    #[test]
    fn the_provider_is_not_asked_before_it_wants_to_be() {
        let wait = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(next_attempt(1, 0, wait(3600), moment(0), moment(0)), Some(moment(3600)));
        assert_eq!(next_attempt(1, 255, wait(5), moment(0), moment(0)), Some(moment(60)));
        assert_eq!(next_attempt(1, 255, wait(u64::MAX), moment(0), moment(0)), Some(moment(24 * 3600)));
    }
}
