//! Whose turn it is to try a provider out: of the links that wait, the first of those that have not failed last, else the one
//! that failed longest ago.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use crate::ids::LinkId;
use crate::refresh::Errand;

/// Whoever was sent away and does not come back in time, by so much, waits no more.
const PATIENCE: Duration = Duration::from_secs(2);
/// A link that nothing was heard of for so long is forgotten.
const MEMORY: Duration = Duration::from_hours(2);
/// A link that fails is an odd one as long as others were granted within this time.
const LATELY: Duration = Duration::from_mins(5);
/// Links remembered at once. Those beyond are treated as ones that nothing is known of.
const MOST: usize = 10_000;
/// How often it is looked for what to forget, at most.
const TIDY_EVERY: Duration = Duration::from_secs(10);

/// What is remembered of the links at one provider.
#[derive(Debug, Default)]
pub(super) struct Links {
    by_id: HashMap<LinkId, Past>,
    /// Those that were sent away, by their place.
    waiting: BTreeSet<(Place, LinkId)>,
    tickets: u64,
    failures: u64,
    grants: u64,
    granted: Duration,
    tidied: Duration,
}

/// A link's place among those that wait: the number of its last failure, 0 where it has not failed last; then the number by which
/// it came.
type Place = (u64, u64);

#[derive(Clone, Copy, Debug)]
struct Past {
    /// The number of its last failure; 0: it has not failed, or was granted since.
    failed: u64,
    /// The number by which it came, since it was asked last.
    ticket: Option<u64>,
    /// How many grants had been heard of when it failed, and had not failed before.
    grants_then: u64,
    /// Until when it is expected back.
    back_by: Option<Duration>,
    heard: Duration,
}

impl Past {
    fn place(&self) -> Place {
        (self.failed, self.ticket.unwrap_or(u64::MAX))
    }
}

impl Links {
    /// The link is sent away for `wait`, and will be back.
    pub(super) fn sent_away(&mut self, link: LinkId, now: Duration, wait: Duration) {
        let next = self.tickets + 1;
        let Some(past) = self.past(link, now) else { return };
        past.back_by = Some(now + wait + PATIENCE);
        let place = (past.failed, *past.ticket.get_or_insert(next));
        self.tickets = next;
        self.waiting.insert((place, link));
    }

    /// Whether this link may go out alone; then it waits no more.
    pub(super) fn may_probe(&mut self, link: LinkId, now: Duration, errand: Errand) -> bool {
        let mine = match errand {
            Errand::Renew => self.by_id.get(&link).map_or((0, u64::MAX), Past::place),
            Errand::SecondLook => (u64::MAX, u64::MAX),
        };
        if self.anybody_waits_before(mine, now) {
            return false;
        }
        self.waits_no_more(link);
        true
    }

    /// Whether a link waits that has not failed last.
    pub(super) fn any_hopeful_waits(&mut self, now: Duration) -> bool {
        self.anybody_waits_before((1, 0), now)
    }

    /// Forgets those on the way who were expected, and have not come.
    fn anybody_waits_before(&mut self, place: Place, now: Duration) -> bool {
        while let Some(first) = self.waiting.first().copied().filter(|(first, _)| *first < place) {
            if self.by_id.get(&first.1).is_some_and(|past| past.back_by.is_some_and(|by| by >= now)) {
                return true;
            }
            self.waiting.remove(&first);
        }
        false
    }

    /// Takes note of a failure; says whether the link is an odd one: it fails, while others have been granted lately.
    pub(super) fn failed(&mut self, link: LinkId, now: Duration) -> bool {
        self.waits_no_more(link);
        self.failures += 1;
        let (failures, grants) = (self.failures, self.grants);
        let is_granting = now.saturating_sub(self.granted) <= LATELY;
        let Some(past) = self.past(link, now) else { return false };
        let fails_again = past.failed > 0;
        past.failed = failures;
        if !fails_again {
            past.grants_then = grants;
        }
        fails_again && is_granting && grants > past.grants_then
    }

    /// Takes note of a grant.
    pub(super) fn granted(&mut self, link: LinkId, now: Duration) {
        self.grants += 1;
        self.granted = now;
        self.waits_no_more(link);
        if let Some(past) = self.past(link, now) {
            past.failed = 0;
        }
    }

    fn waits_no_more(&mut self, link: LinkId) {
        if let Some(past) = self.by_id.get_mut(&link) {
            self.waiting.remove(&(past.place(), link));
            (past.back_by, past.ticket) = (None, None);
        }
    }

    fn past(&mut self, link: LinkId, now: Duration) -> Option<&mut Past> {
        if self.by_id.len() >= MOST && !self.by_id.contains_key(&link) {
            self.tidy(now);
            if self.by_id.len() >= MOST {
                return None;
            }
        }
        let new = Past { failed: 0, ticket: None, grants_then: 0, back_by: None, heard: now };
        let past = self.by_id.entry(link).or_insert(new);
        past.heard = now;
        Some(past)
    }

    fn tidy(&mut self, now: Duration) {
        if now.saturating_sub(self.tidied) < TIDY_EVERY {
            return;
        }
        self.tidied = now;
        self.by_id.retain(|_, past| now.saturating_sub(past.heard) < MEMORY);
        let by_id = &self.by_id;
        self.waiting.retain(|(_, link)| by_id.contains_key(link));
    }

    #[cfg(test)]
    pub(super) fn remembered(&self) -> (usize, usize) {
        (self.by_id.len(), self.waiting.len())
    }
}
