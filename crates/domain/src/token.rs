//! Tokens a provider gave us: what a grant holds, and when a token may be served.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;

use super::expiry::{Expiry, Lives, is_above, is_of_the_future, is_overdue};
use super::link::Health;
use super::params::Texts;
use super::reason::Reason;

/// What a provider granted at its token endpoint, in the clear: it lives only between the answer and the vault.
#[derive(Debug)]
pub struct Grant {
    /// The access token, as the provider wrote it, if the answer had one that can be used.
    pub access_token: Option<SecretString>,
    /// The refresh token, if the answer had one. RFC 6749 §6: an answer without one keeps the old.
    pub refresh_token: Option<SecretString>,
    /// The scopes the answer states, if it does.
    pub scope: Option<String>,
    /// How long they live.
    pub lives: Lives,
    /// What the provider hands on with them, by the names of its `response_fields`.
    pub fields: Texts,
}

/// A set obtained less than this long ago is not asked for again because of a caller's wishes.
pub const RECENT: Duration = Duration::from_secs(30);

/// Whether a set has just been obtained. What a clock that was ahead wrote says nothing of that.
pub fn is_recent(obtained: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    obtained.is_some_and(|obtained| (now - obtained).to_std().is_ok_and(|age| age < RECENT))
}

/// What we hold for a link, as far as the decision to serve or to ask depends on it.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// Whether there is an access token at all.
    pub has_access: bool,
    /// When it expires.
    pub expires: Expiry,
    /// When the provider gave it; unknown after an import.
    pub obtained: Option<DateTime<Utc>>,
    /// When it was imported, if it was.
    pub imported: Option<DateTime<Utc>>,
    /// Whether there is a refresh token.
    pub has_refresh: bool,
    /// Why the refresh token is dead, if it is.
    pub dead: Option<Lack>,
    /// Before this moment the provider is not to be asked.
    pub retry_at: Option<DateTime<Utc>>,
}

/// What a caller wants of a token.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Every served token has more than this left.
    pub floor: Duration,
    /// Ask the provider if less than this is left.
    pub min_ttl: Option<Duration>,
    /// Ask the provider in any case.
    pub force: bool,
}

/// What to do about a token set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Hand out the access token.
    Serve,
    /// Ask the provider for a new one.
    Ask,
    /// Ask later: the provider failed in passing, and its time to rest is not over.
    Rest(DateTime<Utc>),
    /// There is none to hand out, and asking is pointless.
    Nothing(Lack),
}

/// Why there is no token to hand out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// It has expired, and there is no refresh token.
    NoRefreshToken,
    /// The provider refused the refresh token for good.
    NeedsConsent,
    /// The provider refused the refresh token, and an answer that carried the next one never came.
    LostInFlight,
    /// The provider's tokens live no longer than the floor, in seconds.
    ShortLived {
        /// How long a token lives when it is issued.
        life: i64,
    },
}

impl From<Lack> for Reason {
    fn from(lack: Lack) -> Self {
        match lack {
            Lack::NoRefreshToken | Lack::ShortLived { .. } => Self::Expired,
            Lack::NeedsConsent => Self::NeedsConsent,
            Lack::LostInFlight => Self::LostInFlight,
        }
    }
}

impl Lack {
    /// Why a refresh token of this health is dead, if it is.
    pub fn of(health: Health) -> Option<Self> {
        match health {
            Health::NeedsConsent => Some(Self::NeedsConsent),
            Health::LostInFlight => Some(Self::LostInFlight),
            Health::Ok | Health::Degraded => None,
        }
    }
}

/// Decides between serving, asking and giving up (docs/refresh.md). `min_ttl` and `force` decide whether to *ask*, never what
/// may be served; so does a life that nobody knows, once it has lasted for long.
pub fn decide(held: &Held, wanted: &Wanted, now: DateTime<Utc>) -> Decision {
    let servable = held.is_servable(wanted.floor, now);
    let wants_more = wanted.force
        || wanted.min_ttl.is_some_and(|ttl| !is_above(held.expires, now, ttl))
        || held.is_overdue(now)
        || held.obtained.is_some_and(|obtained| is_of_the_future(obtained, now));
    if servable && (!wants_more || held.is_recent(now) || !held.has_refresh || held.dead.is_some()) {
        return Decision::Serve;
    }
    if let Some(lack) = held.dead {
        return Decision::Nothing(lack);
    }
    if !held.has_refresh {
        return Decision::Nothing(Lack::NoRefreshToken);
    }
    if let Some(life) = held.life_at_or_under(wanted.floor).filter(|_| held.is_recent(now)) {
        return Decision::Nothing(Lack::ShortLived { life: life.num_seconds() });
    }
    match held.retry_at {
        Some(moment) if moment > now && servable => Decision::Serve,
        Some(moment) if moment > now => Decision::Rest(moment),
        _ => Decision::Ask,
    }
}

impl Held {
    /// Whether the access token may be handed out at `now`. One of unknown life that is overdue dies with its refresh token.
    pub fn is_servable(&self, floor: Duration, now: DateTime<Utc>) -> bool {
        self.has_access && is_above(self.expires, now, floor) && !(self.dead.is_some() && self.is_overdue(now))
    }

    /// Whether nobody knows how long the token lives, and it has been there for long.
    fn is_overdue(&self, now: DateTime<Utc>) -> bool {
        self.expires == Expiry::Unknown && is_overdue(self.obtained.or(self.imported), now)
    }

    /// As [`is_recent`] has it.
    fn is_recent(&self, now: DateTime<Utc>) -> bool {
        is_recent(self.obtained, now)
    }

    /// How long the token lived when it was issued, if that is no more than `floor`. A token that ended before it was there
    /// met a clock that moved, and says nothing of its life.
    fn life_at_or_under(&self, floor: Duration) -> Option<TimeDelta> {
        let life = self.expires.known()? - self.obtained?;
        (life > TimeDelta::zero() && life <= TimeDelta::from_std(floor).ok()?).then_some(life)
    }
}

/// How far ahead a token is refreshed.
#[derive(Clone, Copy, Debug)]
pub struct Ahead {
    /// At most so long before it expires.
    pub ahead: Duration,
    /// Where between half of that and all of it, of 256: so that tokens that came together don't go together.
    pub spread: u8,
    /// But at least so long before, if that is not the first half of its life: what must not be missed.
    pub at_least: Duration,
}

/// Whether a token is to be refreshed before anybody asks for it. One that lives for a short time is not refreshed all its
/// life: at most in its last quarter.
pub fn is_due_ahead(expires: Expiry, obtained: Option<DateTime<Utc>>, ahead: Ahead, now: DateTime<Utc>) -> bool {
    let Some(expires) = expires.known() else { return false };
    let life = obtained.and_then(|obtained| (expires - obtained).to_std().ok());
    let most = life.map_or(ahead.ahead, |life| ahead.ahead.min(life / 4));
    let at_least = life.map_or(ahead.at_least, |life| ahead.at_least.min(life / 2));
    let ahead = (most / 2 + most / 2 * u32::from(ahead.spread) / 255).max(at_least);
    (expires - now).to_std().map_or(true, |left| left <= ahead)
}

/// Since when a refresh token must have been idle to be used for its own sake, where it dies after `life`.
pub fn idle_since(life: Duration, now: DateTime<Utc>) -> DateTime<Utc> {
    now - TimeDelta::from_std(life / 4 * 3).unwrap_or(TimeDelta::MAX / 4)
}

/// How long to leave a provider alone after `failures` failures in a row (the first counts 1): 1 s doubling to 5 min,
/// spread over half of it by `jitter` so that links that failed together don't come back together.
pub fn backoff(failures: i32, jitter: u8) -> Duration {
    let doublings = u32::try_from(failures.saturating_sub(1)).unwrap_or(0).min(16);
    let whole = Duration::from_secs(1).saturating_mul(1 << doublings).min(Duration::from_mins(5));
    whole / 2 + whole / 2 * u32::from(jitter) / 255
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn moment(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
    }

    const WANTED: Wanted = Wanted { floor: Duration::from_secs(30), min_ttl: None, force: false };

    fn held(left: i64) -> Held {
        Held {
            has_access: true,
            expires: Expiry::At(moment(left)),
            obtained: Some(moment(-3600)),
            imported: None,
            has_refresh: true,
            dead: None,
            retry_at: None,
        }
    }

    #[test]
    fn the_floor_itself_is_not_above_the_floor() {
        assert_eq!(decide(&held(31), &WANTED, moment(0)), Decision::Serve);
        assert_eq!(decide(&held(30), &WANTED, moment(0)), Decision::Ask);
    }

    #[test]
    fn wishes_decide_whether_to_ask_and_never_what_is_served() {
        let hour = Wanted { min_ttl: Some(Duration::from_mins(10)), ..WANTED };
        let force = Wanted { force: true, ..WANTED };
        for wanted in [&hour, &force] {
            assert_eq!(decide(&held(300), wanted, moment(0)), Decision::Ask);
            // Too recent, dead, without a refresh token, resting: what is there is served.
            assert_eq!(decide(&Held { obtained: Some(moment(-29)), ..held(300) }, wanted, moment(0)), Decision::Serve);
            assert_eq!(
                decide(&Held { dead: Some(Lack::LostInFlight), ..held(300) }, wanted, moment(0)),
                Decision::Serve
            );
            assert_eq!(decide(&Held { has_refresh: false, ..held(300) }, wanted, moment(0)), Decision::Serve);
            assert_eq!(decide(&Held { retry_at: Some(moment(5)), ..held(300) }, wanted, moment(0)), Decision::Serve);
        }
    }

    #[test]
    fn nothing_is_asked_where_it_is_pointless_or_too_soon() {
        let none = Decision::Nothing(Lack::NoRefreshToken);
        assert_eq!(decide(&Held { has_refresh: false, ..held(0) }, &WANTED, moment(0)), none);
        assert_eq!(
            decide(&Held { dead: Some(Lack::NeedsConsent), ..held(0) }, &WANTED, moment(0)),
            Decision::Nothing(Lack::NeedsConsent)
        );
        let resting = Held { retry_at: Some(moment(5)), ..held(0) };
        assert_eq!(decide(&resting, &Wanted { force: true, ..WANTED }, moment(0)), Decision::Rest(moment(5)));
        assert_eq!(decide(&resting, &WANTED, moment(6)), Decision::Ask);
    }

    #[test]
    fn a_provider_whose_tokens_die_at_birth_is_asked_every_thirty_seconds() {
        let short = Held { obtained: Some(moment(-10)), expires: Expiry::At(moment(10)), ..held(0) };
        assert_eq!(decide(&short, &WANTED, moment(0)), Decision::Nothing(Lack::ShortLived { life: 20 }));
        assert_eq!(decide(&short, &WANTED, moment(20)), Decision::Ask);
    }

    /// A set as old as that, whose life nobody knows.
    fn unknown(age: i64) -> Held {
        Held { expires: Expiry::Unknown, obtained: Some(moment(-age)), ..held(0) }
    }

    #[test]
    fn unknown_is_not_eternal() {
        use Decision::{Ask, Nothing, Serve};
        let imported = |age: i64| Held { obtained: None, imported: Some(moment(-age)), ..unknown(0) };
        let (gone, lost) = (Some(Lack::NeedsConsent), Some(Lack::LostInFlight));
        let rests = Some(moment(5));
        for (what, held, decision) in [
            ("within the hour", unknown(3599), Serve),
            ("older", unknown(3600), Ask),
            ("imported within the hour", imported(3599), Serve),
            ("imported before", imported(3600), Ask),
            ("since nobody knows when", Held { obtained: None, ..unknown(0) }, Ask),
            ("nobody can ask", Held { has_refresh: false, ..unknown(99_999) }, Serve),
            ("the provider rests", Held { retry_at: rests, ..unknown(99_999) }, Serve),
            ("the provider has rested", Held { retry_at: Some(moment(-1)), ..unknown(99_999) }, Ask),
            ("refused within the hour", Held { dead: gone, ..unknown(3599) }, Serve),
            ("refused", Held { dead: gone, ..unknown(3600) }, Nothing(Lack::NeedsConsent)),
            ("lost", Held { dead: lost, ..imported(3600) }, Nothing(Lack::LostInFlight)),
            (
                "refused, forgotten",
                Held { dead: gone, has_refresh: false, ..unknown(3600) },
                Nothing(Lack::NeedsConsent),
            ),
            ("endless", Held { expires: Expiry::Never, ..unknown(99_999) }, Serve),
            ("endless, refused", Held { expires: Expiry::Never, dead: gone, ..unknown(99_999) }, Serve),
            ("endless, since nobody knows when", Held { expires: Expiry::Never, obtained: None, ..unknown(0) }, Serve),
            ("no access token", Held { has_access: false, ..unknown(0) }, Ask),
        ] {
            assert_eq!(decide(&held, &WANTED, moment(0)), decision, "{what}");
        }
    }

    #[test]
    fn a_wrong_clock_ends_nothing() {
        let force = Wanted { force: true, ..WANTED };
        let future = |seconds: i64, left: i64| Held { obtained: Some(moment(seconds)), ..held(left) };
        for (what, held, wanted, decision) in [
            ("a little ahead, as clocks are", future(30, 300), &WANTED, Decision::Serve),
            ("a little ahead is not recent", future(1, 300), &force, Decision::Ask),
            ("far ahead, and so is the expiry", future(31, 300), &WANTED, Decision::Ask),
            (
                "far ahead, and the provider rests",
                Held { retry_at: Some(moment(5)), ..future(31, 300) },
                &WANTED,
                Decision::Serve,
            ),
            (
                "far ahead, and dead",
                Held { dead: Some(Lack::NeedsConsent), ..future(31, 300) },
                &WANTED,
                Decision::Serve,
            ),
            ("far ahead and expired", future(3600, 0), &WANTED, Decision::Ask),
            ("far ahead and unknown", Held { expires: Expiry::Unknown, ..future(31, 0) }, &WANTED, Decision::Ask),
            ("ended before it was there", future(0, -1800), &WANTED, Decision::Ask),
            ("ended when it was there", future(-10, -10), &WANTED, Decision::Ask),
        ] {
            assert_eq!(decide(&held, wanted, moment(0)), decision, "{what}");
        }
    }

    #[test]
    fn a_token_is_refreshed_ahead_in_its_last_quarter_at_most() {
        let due = |left: i64, life: i64, spread| {
            let ahead = Ahead { ahead: Duration::from_mins(5), spread, at_least: Duration::ZERO };
            is_due_ahead(Expiry::At(moment(left)), Some(moment(left - life)), ahead, moment(0))
        };
        assert!(due(300, 3600, 255) && !due(301, 3600, 255));
        assert!(due(150, 3600, 0) && !due(151, 3600, 0));
        assert!(due(75, 300, 255) && !due(76, 300, 255));
        let ahead = Ahead { ahead: Duration::from_mins(5), spread: 255, at_least: Duration::ZERO };
        assert!(is_due_ahead(Expiry::At(moment(300)), None, ahead, moment(0)));
        assert!(!is_due_ahead(Expiry::Unknown, None, ahead, moment(0)));
        assert!(is_due_ahead(Expiry::At(moment(-1)), None, ahead, moment(0)));
        // What must not be missed, short as it lives.
        let surely = Ahead { at_least: Duration::from_secs(45), ..ahead };
        let due =
            |left: i64, life: i64| is_due_ahead(Expiry::At(moment(left)), Some(moment(left - life)), surely, moment(0));
        assert!(due(45, 100) && !due(46, 100) && due(30, 60) && !due(31, 60) && due(300, 3600));
    }

    #[test]
    fn backoff_doubles_to_five_minutes() {
        assert_eq!(backoff(1, 255), Duration::from_secs(1));
        assert_eq!(backoff(4, 255), Duration::from_secs(8));
        assert_eq!(backoff(4, 0), Duration::from_secs(4));
        assert_eq!(backoff(i32::MAX, 255), Duration::from_mins(5));
    }

    proptest! {
        /// Whatever the clock, the floor, the expiry and the caller's wishes: no token at or under the floor is served.
        #[test]
        fn a_stale_token_is_never_served(
            left in -100_000i64..100_000, floor in 0u64..601, ttl in proptest::option::of(0u64..601), force: bool,
            age in proptest::option::of(-10i64..100_000), refresh: bool, dead: bool, rest in proptest::option::of(-100i64..100),
        ) {
            let held = Held {
                has_access: true, expires: Expiry::At(moment(left)), obtained: age.map(|age| moment(-age)), imported: None,
                has_refresh: refresh, dead: dead.then_some(Lack::NeedsConsent), retry_at: rest.map(moment),
            };
            let wanted = Wanted { floor: Duration::from_secs(floor), min_ttl: ttl.map(Duration::from_secs), force };
            if decide(&held, &wanted, moment(0)) == Decision::Serve {
                prop_assert!(left > i64::try_from(floor).unwrap());
            }
        }
    }
}
