//! How refreshes of one link keep out of each other's way, whichever process they run in (docs/refresh.md): pure decisions over
//! what is stored, so that a model checker can walk them. The statements of `store::leases` do the same in the database.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::link::Health;

/// How long a lease lasts from when it was taken, or renewed last. Longer than [`SEND_WITHIN`] and a renewal together.
pub const LEASE: Duration = Duration::from_secs(30);
/// How often the holder renews the lease while it waits for an answer: one failed renewal leaves time for another.
pub const RENEW_EVERY: Duration = Duration::from_secs(10);
/// A holder that has not sent its request this long after it began to take the lease starts over: it may have been
/// stopped in between, and by the time it goes on the lease may be another's.
pub const SEND_WITHIN: Duration = Duration::from_secs(15);
/// After the database was away, leases that nobody closed are left alone for this long: who holds an answer stores it first.
pub const GRACE: Duration = Duration::from_secs(10);
/// Where too few refreshes were heard of to tell a refusal from an outage, the provider is asked once more after this time.
pub const SECOND_LOOK: Duration = Duration::from_mins(10);

/// The columns of a token set by which refreshes coordinate. `A` tells attempts apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Standing<A> {
    /// Moves when tokens are written, and only then.
    pub version: i64,
    /// Who holds the lease.
    pub attempt: Option<A>,
    /// The attempt, the earliest if there were several, whose end nobody recorded: it may have spent the refresh token.
    pub unclosed_by: Option<A>,
    /// Whether one of these attempts died with its process: its lease lapsed, or was cleared at a start.
    pub is_abandoned: bool,
    /// What is known of the refresh token.
    pub health: Health,
}

/// Why a link is refreshed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Errand {
    /// A caller wants a token, or one will soon.
    Renew,
    /// The provider refused the refresh token; before anybody is told it is asked once more.
    SecondLook,
}

/// Whether the lease of an attempt that never ended may be taken over once it has lapsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Takeover {
    /// Yes.
    Allowed,
    /// Not yet: the database was away, and its holder may be about to store what it got.
    HeldOff,
}

/// What an attempt finds when it has taken the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Before {
    /// Every attempt before it has ended on record.
    Clean,
    /// An earlier attempt heard nothing of the provider, or nothing whole: the next refresh token may be lost with that.
    Unclosed,
    /// An earlier attempt died with its process: the next refresh token may be lost with that, whatever the provider did.
    Abandoned,
}

/// What an attempt that brought no tokens leaves on record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// Nothing: the provider has done nothing that is not known.
    Closed,
    /// That it is unended: nobody knows what the provider did.
    Open,
}

impl Before {
    /// How an attempt ends if the last it heard is that the provider did nothing. If an answer was lost before, then
    /// perhaps to this attempt, which asked again; and if to another, its record stays either way.
    pub fn ending(self) -> Ending {
        match self {
            Self::Clean => Ending::Closed,
            Self::Unclosed | Self::Abandoned => Ending::Open,
        }
    }

    /// What an attempt has before it that has heard nothing itself, and asks once more.
    #[must_use]
    pub fn after_silence(self) -> Self {
        match self {
            Self::Clean | Self::Unclosed => Self::Unclosed,
            Self::Abandoned => Self::Abandoned,
        }
    }
}

impl<A: Copy + Eq> Standing<A> {
    /// Takes the lease for `mine`, if what was read still stands and nobody else holds it; `may_take_over`: the lease there
    /// is, if there is one, has run out, and its holder had time to store what it got. Taken twice it is taken once: whoever
    /// doesn't know whether it came to that asks again under the same id.
    pub fn take(self, mine: A, version: i64, errand: Errand, may_take_over: bool) -> Option<(Self, Before)> {
        let is_mine = self.attempt == Some(mine);
        let is_free = self.attempt.is_none() || is_mine || may_take_over;
        let is_wanted = self.version == version && (!self.health.is_dead() || errand == Errand::SecondLook);
        if !is_free || !is_wanted {
            return None;
        }
        let unclosed_by = self.unclosed_by.unwrap_or(mine);
        let is_abandoned = self.is_abandoned || (self.attempt.is_some() && !is_mine);
        let before = match (is_abandoned, unclosed_by == mine) {
            (true, _) => Before::Abandoned,
            (false, true) => Before::Clean,
            (false, false) => Before::Unclosed,
        };
        Some((Self { attempt: Some(mine), unclosed_by: Some(unclosed_by), is_abandoned, ..self }, before))
    }

    /// Ends `mine` on record: the provider has done nothing that is not known.
    #[must_use]
    pub fn close(self, mine: A) -> Self {
        if self.attempt != Some(mine) {
            return self;
        }
        Self { attempt: None, unclosed_by: self.unclosed_by.filter(|unclosed| *unclosed != mine), ..self }
    }

    /// Gives the lease back and leaves `mine` on record as unended: nobody knows what the provider did.
    #[must_use]
    pub fn let_go(self, mine: A) -> Self {
        if self.attempt == Some(mine) { Self { attempt: None, ..self } } else { self }
    }

    /// Records a final refusal of the refresh token of `version`, and ends `mine`. Only the holder may: one that lost its
    /// lease may have been refused because another spent the token. `None`: nothing is recorded. Whose answer was lost
    /// stays on record, in case the mark is undone; a link that was dead before stays what it was.
    pub fn mark(self, mine: A, version: i64, verdict: Health) -> Option<Self> {
        let is_mine = self.attempt == Some(mine) && self.version == version;
        let ended = if verdict == Health::LostInFlight { self.let_go(mine) } else { self.close(mine) };
        let health = if self.health.is_dead() { self.health } else { verdict };
        is_mine.then_some(Self { health, ..ended })
    }

    /// New tokens are written: whatever was held against the old ones is over, and so is every attempt.
    #[must_use]
    pub fn renewed(self) -> Self {
        Self { version: self.version + 1, attempt: None, unclosed_by: None, is_abandoned: false, health: Health::Ok }
    }

    /// The lease is cleared at a start: whoever had it died with the process.
    #[must_use]
    pub fn cleared(self) -> Self {
        Self { attempt: None, is_abandoned: self.is_abandoned || self.attempt.is_some(), ..self }
    }

    /// The link was made again without a refresh token: the stored one stays, and with it what is known of it.
    #[must_use]
    pub fn relinked_without(self) -> Self {
        Self { version: self.version + 1, ..self }
    }
}

/// What is stored when a granted answer comes back, if anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct There {
    /// The version there now.
    pub version: i64,
    /// Whether the refresh token there is the one that was spent for the answer.
    pub keeps_spent: bool,
}

/// What to do with a granted answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnGrant {
    /// Write it over this version.
    WriteOver(i64),
    /// Somebody linked the account again meanwhile: theirs is a grant of its own and the newer one.
    Drop,
    /// The link is gone: nobody may use these tokens any more, so they are to be revoked.
    Revoke,
}

/// What to do with a granted answer, by what is stored now; `read` is the version that was read before asking. The attempt
/// is not asked for: the answer may be the only living refresh token there is, and a success is never fenced out.
pub fn on_grant(read: i64, there: Option<There>) -> OnGrant {
    match there {
        None => OnGrant::Revoke,
        Some(there) if there.version == read || there.keeps_spent => OnGrant::WriteOver(there.version),
        Some(_) => OnGrant::Drop,
    }
}

/// What a final refusal means. Where refresh tokens rotate and an earlier attempt never ended, it is that one's answer
/// which was lost, and with it the token; otherwise the provider took its consent back.
pub fn verdict(before: Before, rotates: bool) -> Health {
    match before {
        Before::Unclosed | Before::Abandoned if rotates => Health::LostInFlight,
        Before::Unclosed | Before::Abandoned | Before::Clean => Health::NeedsConsent,
    }
}

/// Whether a final refusal is explained by a process of ours that died, and so says nothing of the provider. What follows the
/// provider's own silence is no such thing: one that answers nobody and then refuses everybody has a problem of its own.
pub fn is_our_doing(before: Before, rotates: bool) -> bool {
    rotates && before == Before::Abandoned
}

/// A token set as one that waits for another's refresh sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The version there now.
    pub version: i64,
    /// Whether a lease is live.
    pub is_leased: bool,
    /// Whether an attempt left its lease to lapse.
    pub is_abandoned: bool,
    /// What is known of the refresh token.
    pub health: Health,
    /// How long the provider is to be left alone.
    pub rest: Option<Duration>,
}

/// How much is left of a rest that began and ends at these moments. One that begins in the future was written by another clock
/// than `now` is of, and says nothing: a wrong clock parks no link.
pub fn rest(began: Option<DateTime<Utc>>, ends: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Option<Duration> {
    if began.is_some_and(|began| began > now) {
        return None;
    }
    (ends? - now).to_std().ok().filter(|left| !left.is_zero())
}

/// What one who could not take the lease does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Wait: another is at it.
    Wait,
    /// Start over: nobody is at it any more.
    Again,
    /// Use what is there now.
    Read,
    /// Ask again after this time.
    Rest(Duration),
    /// Nothing: the link is gone.
    Gone,
}

/// What one who could not take the lease for `version` does, by what it sees now.
pub fn next(seen: Option<Seen>, version: i64, errand: Errand, takeover: Takeover) -> Next {
    match seen {
        None => Next::Gone,
        Some(seen) if seen.version != version => Next::Read,
        Some(seen) if seen.health.is_dead() && errand == Errand::Renew => Next::Read,
        Some(seen) if seen.is_leased || (seen.is_abandoned && takeover == Takeover::HeldOff) => Next::Wait,
        Some(Seen { rest: Some(rest), .. }) if !rest.is_zero() => Next::Rest(rest),
        Some(_) => Next::Again,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: Standing<u8> =
        Standing { version: 7, attempt: None, unclosed_by: None, is_abandoned: false, health: Health::Ok };

    fn take(standing: Standing<u8>, mine: u8, lapsed: bool) -> Option<(Standing<u8>, Before)> {
        standing.take(mine, 7, Errand::Renew, lapsed)
    }

    #[test]
    fn one_holds_the_lease_until_it_lapses() {
        let (held, before) = take(FREE, 1, false).unwrap();
        assert_eq!(before, Before::Clean);
        assert_eq!(take(held, 2, false), None);
        let (taken_over, before) = take(held, 2, true).unwrap();
        assert_eq!((taken_over.attempt, taken_over.unclosed_by, before), (Some(2), Some(1), Before::Abandoned));
        assert!(take(held.let_go(1), 2, false).is_some_and(|(_, before)| before == Before::Unclosed));
        assert!(take(held.close(1), 2, false).is_some_and(|(_, before)| before == Before::Clean));
    }

    #[test]
    fn a_claim_that_is_made_twice_under_one_id_is_made_once() {
        let (held, _) = take(FREE, 1, false).unwrap();
        assert_eq!(take(held, 1, false), Some((held, Before::Clean)));
        let (unclosed, _) = take(held.let_go(1), 2, false).unwrap();
        assert_eq!(take(unclosed, 2, false), Some((unclosed, Before::Unclosed)));
        let (abandoned, _) = take(held, 2, true).unwrap();
        assert_eq!(take(abandoned, 2, false), Some((abandoned, Before::Abandoned)));
    }

    #[test]
    fn a_process_that_died_is_told_from_a_provider_that_said_nothing() {
        let (held, _) = take(FREE, 1, false).unwrap();
        assert_eq!(take(held.let_go(1), 2, false).unwrap().1, Before::Unclosed);
        assert_eq!(take(held.cleared(), 2, false).unwrap().1, Before::Abandoned);
        assert_eq!(take(FREE.cleared(), 2, false).unwrap().1, Before::Clean);
        // Until there are new tokens, whatever else comes between.
        let (second, _) = take(held, 2, true).unwrap();
        assert_eq!(take(second.close(2), 3, false).unwrap().1, Before::Abandoned);
        assert!(!second.renewed().is_abandoned);
        assert!(is_our_doing(Before::Abandoned, true) && !is_our_doing(Before::Abandoned, false));
        assert!(!is_our_doing(Before::Unclosed, true) && !is_our_doing(Before::Clean, true));
        assert_eq!(Before::Abandoned.after_silence(), Before::Abandoned);
        assert_eq!(Before::Clean.after_silence(), Before::Unclosed);
    }

    #[test]
    fn nothing_is_taken_that_is_not_what_was_read() {
        assert_eq!(FREE.take(1, 6, Errand::Renew, false), None);
        let dead = Standing { health: Health::NeedsConsent, ..FREE };
        assert_eq!(take(dead, 1, false), None);
        assert!(dead.take(1, 7, Errand::SecondLook, false).is_some());
    }

    #[test]
    fn who_lost_the_lease_closes_and_marks_nothing() {
        let (held, _) = take(FREE, 1, false).unwrap();
        let (taken_over, _) = take(held, 2, true).unwrap();
        assert_eq!(taken_over.close(1), taken_over);
        assert_eq!(taken_over.let_go(1), taken_over);
        assert_eq!(taken_over.mark(1, 7, Health::NeedsConsent), None);
        let marked = taken_over.mark(2, 7, Health::LostInFlight).unwrap();
        assert_eq!((marked.attempt, marked.unclosed_by, marked.health), (None, Some(1), Health::LostInFlight));
        assert_eq!(marked.renewed(), Standing { version: 8, ..FREE });
    }

    #[test]
    fn an_attempt_that_lost_an_answer_itself_stays_on_record_whatever_it_heard_then() {
        assert_eq!((Before::Clean.ending(), Before::Unclosed.ending()), (Ending::Closed, Ending::Open));
        let (held, _) = take(FREE, 1, false).unwrap();
        let marked = held.mark(1, 7, Health::LostInFlight).unwrap();
        assert_eq!((marked.attempt, marked.unclosed_by), (None, Some(1)));
        let refused = held.mark(1, 7, Health::NeedsConsent).unwrap();
        assert_eq!((refused.attempt, refused.unclosed_by), (None, None));
    }

    #[test]
    fn a_success_is_never_fenced_out() {
        let there = |version, keeps_spent| Some(There { version, keeps_spent });
        assert_eq!(on_grant(7, there(7, true)), OnGrant::WriteOver(7));
        assert_eq!(on_grant(7, there(9, true)), OnGrant::WriteOver(9));
        assert_eq!(on_grant(7, there(8, false)), OnGrant::Drop);
        assert_eq!(on_grant(7, None), OnGrant::Revoke);
    }

    #[test]
    fn a_token_is_lost_in_flight_only_where_one_can_be() {
        assert_eq!(verdict(Before::Unclosed, true), Health::LostInFlight);
        assert_eq!(verdict(Before::Abandoned, true), Health::LostInFlight);
        assert_eq!(verdict(Before::Abandoned, false), Health::NeedsConsent);
        assert_eq!(verdict(Before::Unclosed, false), Health::NeedsConsent);
        assert_eq!(verdict(Before::Clean, true), Health::NeedsConsent);
    }

    #[test]
    fn a_rest_that_another_clock_wrote_is_none() {
        let moment = |seconds| DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap();
        let left = |began: i64, ends: i64| rest(Some(moment(began)), Some(moment(ends)), moment(0));
        assert_eq!(left(-1, 9), Some(Duration::from_secs(9)));
        assert_eq!((left(-9, 0), left(-9, -1)), (None, None));
        // The clock was an hour ahead when it failed, or behind.
        assert_eq!((left(3600, 3609), left(-3600, -3591)), (None, None));
        assert_eq!(rest(None, Some(moment(9)), moment(0)), Some(Duration::from_secs(9)));
        assert_eq!(rest(None, None, moment(0)), None);
    }

    #[test]
    fn a_waiter_waits_for_a_live_lease_alone() {
        let seen = Seen { version: 7, is_leased: true, is_abandoned: false, health: Health::Ok, rest: None };
        let after = |seen| next(Some(seen), 7, Errand::Renew, Takeover::Allowed);
        assert_eq!(after(seen), Next::Wait);
        assert_eq!(after(Seen { version: 8, ..seen }), Next::Read);
        assert_eq!(after(Seen { health: Health::LostInFlight, ..seen }), Next::Read);
        let free = Seen { is_leased: false, ..seen };
        assert_eq!(after(free), Next::Again);
        assert_eq!(after(Seen { rest: Some(Duration::from_secs(3)), ..free }), Next::Rest(Duration::from_secs(3)));
        let abandoned = Seen { is_abandoned: true, ..free };
        assert_eq!(after(abandoned), Next::Again);
        assert_eq!(next(Some(abandoned), 7, Errand::Renew, Takeover::HeldOff), Next::Wait);
        assert_eq!(next(None, 7, Errand::Renew, Takeover::Allowed), Next::Gone);
    }
}
