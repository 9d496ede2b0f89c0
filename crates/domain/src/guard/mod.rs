//! What one process has lately heard of one provider, and what follows: whether it is asked at all (a breaker), which link tries
//! out whether it works again, and whether its refusals are believed (docs/refresh.md). Times are monotonic.

mod links;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use self::links::Links;
use super::ids::LinkId;
use super::refresh::Errand;

/// How far back refusals and failures count.
const WINDOW: Duration = Duration::from_mins(1);
/// Of fewer refreshes than this nobody can say that they fail together.
const ENOUGH: usize = 20;
/// More than one refusal in so many refreshes is no coincidence.
const ONE_IN: usize = 5;
/// So many links fail in a row, and the provider is left alone. One odd link is no outage, however often it fails.
const FAILURES: usize = 10;
/// How long it is left alone at first; doubled each time it fails again, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// What the provider asks for holds for all its links, so long at most; from then on one link at a time tries.
const LONGEST_REST: Duration = Duration::from_mins(5);
/// While it is tried out whether it works again, one refresh goes out in this time.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// What to do about a final refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Belief {
    /// It is believed. `is_sure`: by enough others that were not refused; otherwise the provider is asked once more
    /// before anybody is told.
    Believed {
        /// Whether enough refreshes were heard of lately to tell a refusal from an outage.
        is_sure: bool,
    },
    /// This one is too much: the provider refuses more than users take back. Nothing is believed from here on, nor what
    /// was believed in the last minute.
    LosesBelief,
    /// It isn't, for the time being: treat it as a failure in passing.
    Doubted,
    /// A process of ours died with the token: it is believed whatever the provider says of others.
    OurDoing,
}

/// The last minute at one provider.
#[derive(Debug, Default)]
pub struct Guard {
    heard: VecDeque<(Duration, Heard)>,
    breaker: Breaker,
    links: Links,
    /// How often its refusals lost belief.
    lost_belief: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Granted,
    Refused,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// It fails.
    Fails,
    /// It asked to be left alone.
    Asks,
    /// It refuses everybody.
    Lies,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Breaker {
    /// Everything goes out. Who failed in a row, and since when; nobody stands for what failed whoever had asked.
    Closed { failed: Vec<Option<LinkId>>, since: Duration },
    /// Nothing goes out before `until`, then one probe at a time; `pause` is how long it was this time.
    Open { why: Why, until: Duration, pause: Duration },
}

impl Default for Breaker {
    fn default() -> Self {
        Self::Closed { failed: Vec::new(), since: Duration::ZERO }
    }
}

impl Guard {
    /// How long to wait before the link's refresh may go out, if it certainly may not now. Whoever is sent away is expected
    /// back then.
    pub fn pause(&mut self, now: Duration, link: LinkId, errand: Errand) -> Option<Duration> {
        let Breaker::Open { until, .. } = self.breaker else { return None };
        let wait = until.checked_sub(now).filter(|wait| !wait.is_zero())?;
        self.send_away(now, link, errand, wait);
        Some(wait)
    }

    /// Whether the link's refresh may go out now; otherwise how long to wait. What goes out has to be reported. What tries out
    /// whether the provider works is, of the links that wait, the first of those that have not failed last, else the one that
    /// failed longest ago: a few that always fail must not keep the provider shut for all others. A second look tries nothing out while others wait.
    pub fn may_ask(&mut self, now: Duration, link: LinkId, errand: Errand) -> Result<(), Duration> {
        if let Some(wait) = self.pause(now, link, errand) {
            return Err(wait);
        }
        let Breaker::Open { until, .. } = &mut self.breaker else { return Ok(()) };
        if !self.links.may_probe(link, now, errand) {
            self.send_away(now, link, errand, PROBE_EVERY);
            return Err(PROBE_EVERY);
        }
        *until = now + PROBE_EVERY;
        Ok(())
    }

    /// Nobody waits for a second look: it is put off.
    fn send_away(&mut self, now: Duration, link: LinkId, errand: Errand, wait: Duration) {
        if errand == Errand::Renew {
            self.links.sent_away(link, now, wait);
        }
    }

    /// The provider granted.
    pub fn granted(&mut self, now: Duration, link: LinkId) {
        self.links.granted(link, now);
        match self.breaker {
            // What went out before it asked for rest was answered before, or as an exception.
            Breaker::Open { why: Why::Asks, until, .. } if until > now + PROBE_EVERY => {}
            Breaker::Open { .. } => {
                self.heard.clear();
                self.breaker = Breaker::default();
            }
            Breaker::Closed { .. } => self.breaker = Breaker::default(),
        }
        self.hear(now, Heard::Granted);
    }

    /// The provider refused a refresh token for good.
    pub fn refused(&mut self, now: Duration, link: LinkId) -> Belief {
        if self.doubted(now, link) {
            return Belief::Doubted;
        }
        self.works(now);
        self.hear(now, Heard::Refused);
        let refused = self.heard.iter().filter(|(_, heard)| *heard == Heard::Refused).count();
        let is_sure = self.heard.len() >= ENOUGH;
        if is_sure && refused * ONE_IN > self.heard.len() {
            self.links.failed(link, now);
            self.breaker = Breaker::Open { why: Why::Lies, until: now + LONGEST_PAUSE, pause: LONGEST_PAUSE };
            self.lost_belief += 1;
            return Belief::LosesBelief;
        }
        Belief::Believed { is_sure }
    }

    /// The provider refused once more what it had refused before: that says nothing new of how it does, but while its
    /// refusals are doubted this one is, too.
    pub fn refused_again(&mut self, now: Duration, link: LinkId) -> Belief {
        if self.doubted(now, link) { Belief::Doubted } else { Belief::Believed { is_sure: true } }
    }

    /// The provider answered, and what it said is about this link's token alone: that it works. Neither evidence that it refuses
    /// everybody nor, while that is thought of it, that it doesn't.
    pub fn answered(&mut self, now: Duration, link: LinkId) {
        self.links.failed(link, now);
        self.works(now);
    }

    /// The provider refused a token with which a process of ours had died. That says of it only that it works.
    pub fn explained(&mut self, now: Duration, link: LinkId) -> Belief {
        self.answered(now, link);
        Belief::OurDoing
    }

    /// For how long the provider is left alone, if it is.
    pub fn rests(&self, now: Duration) -> Duration {
        match self.breaker {
            Breaker::Open { until, .. } => until.saturating_sub(now),
            Breaker::Closed { .. } => Duration::ZERO,
        }
    }

    /// How often refusals lost belief so far. Whoever records one that was believed compares: if this moved meanwhile, the
    /// record came after the marks were undone, and has to be undone as well.
    pub fn lost_belief(&self) -> u64 {
        self.lost_belief
    }

    /// A refresh failed in passing, and the provider is why. `rest`: how long it wants to be left alone, if it said. A link that
    /// failed last, while the provider granted to others, says nothing of it.
    pub fn failed(&mut self, now: Duration, link: LinkId, rest: Option<Duration>) {
        if !self.links.failed(link, now) {
            self.fails(now, Some(link), rest);
        }
    }

    /// The provider could not even be asked: its metadata is not to be had, say.
    pub fn unprepared(&mut self, now: Duration, rest: Option<Duration>) {
        self.fails(now, None, rest);
    }

    fn fails(&mut self, now: Duration, who: Option<LinkId>, rest: Option<Duration>) {
        let rested = rest.map(|rest| now + rest.min(LONGEST_REST));
        match &mut self.breaker {
            Breaker::Closed { failed, since } => {
                if failed.is_empty() || now.saturating_sub(*since) > WINDOW {
                    (*failed, *since) = (Vec::new(), now);
                }
                if who.is_none() || !failed.contains(&who) {
                    failed.push(who);
                }
                if let Some(until) = rested {
                    self.breaker = Breaker::Open { why: Why::Asks, until, pause: FIRST_PAUSE };
                } else if failed.len() >= FAILURES {
                    self.breaker = Breaker::Open { why: Why::Fails, until: now + FIRST_PAUSE, pause: FIRST_PAUSE };
                }
            }
            Breaker::Open { until, why, pause } => {
                if let Some(rested) = rested {
                    *until = rested.max(*until);
                    *why = if *why == Why::Lies { Why::Lies } else { Why::Asks };
                // One that went out before the breaker opened says nothing new; and as long as links wait that may be luckier,
                // the next is tried without delay.
                } else if *until <= now + PROBE_EVERY && !self.links.any_hopeful_waits(now) {
                    *pause = (*pause * 2).min(LONGEST_PAUSE);
                    *until = now + *pause;
                }
            }
        }
    }

    /// A provider that says anything of a token is one that works; unless it has asked for rest and gets it, or is one that
    /// refuses everybody: then the next may try.
    fn works(&mut self, now: Duration) {
        match &self.breaker {
            Breaker::Open { why: Why::Lies, .. } => {}
            Breaker::Open { why: Why::Asks, until, .. } if *until > now + PROBE_EVERY => {}
            Breaker::Open { .. } | Breaker::Closed { .. } => self.breaker = Breaker::default(),
        }
    }

    /// Whether refusals are doubted now; then this one keeps the provider left alone.
    fn doubted(&mut self, now: Duration, link: LinkId) -> bool {
        let Breaker::Open { why: Why::Lies, pause, .. } = self.breaker else { return false };
        self.links.failed(link, now);
        self.breaker = Breaker::Open { why: Why::Lies, until: now + pause, pause };
        true
    }

    fn hear(&mut self, now: Duration, heard: Heard) {
        while self.heard.front().is_some_and(|(at, _)| now.saturating_sub(*at) > WINDOW) {
            self.heard.pop_front();
        }
        self.heard.push_back((now, heard));
    }
}
