//! Callers who obey, and what becomes of those whom the provider would grant.

use proptest::prelude::*;

use super::*;

/// How the links at a provider are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The provider grants.
    Healthy,
    /// It answers with a word that nobody listed.
    Refused,
    /// It fails over this one, every time.
    Poison,
}

/// Callers who come back when they are told to, and a provider whose every answer is at once. In which order those come who
/// come at the same time, `order` says.
struct Callers {
    guard: Guard,
    /// A flaw: whoever comes first tries the provider out, whatever became of it last.
    is_blind: bool,
    /// Somebody who could be granted waited for more probes than links waited.
    starves: bool,
    kinds: Vec<Kind>,
    due: Vec<u64>,
    /// For each that was sent away and not asked since: how many waited then, and how many probes went to others since.
    waits: Vec<Option<(usize, usize)>>,
    granted: Vec<u64>,
}

impl Callers {
    fn run(kinds: Vec<Kind>, order: impl Fn(u64, &mut [usize]), seconds: u64) -> Self {
        let callers = Self::walk(kinds, order, seconds, false);
        assert!(!callers.starves, "somebody starves");
        callers
    }

    fn walk(kinds: Vec<Kind>, order: impl Fn(u64, &mut [usize]), seconds: u64, is_blind: bool) -> Self {
        let count = kinds.len();
        let mut callers = Self {
            guard: Guard::default(),
            is_blind,
            starves: false,
            due: vec![0; count],
            waits: vec![None; count],
            granted: vec![0; count],
            kinds,
        };
        for now in 0..seconds {
            let mut here: Vec<usize> = (0..count).filter(|i| callers.due[*i] <= now).collect();
            order(now, &mut here);
            for i in here {
                callers.come(i, now);
            }
        }
        callers
    }

    fn come(&mut self, i: usize, now: u64) {
        let number = u64::try_from(i).unwrap();
        let is_open = matches!(self.guard.breaker, Breaker::Open { .. });
        // To a blind guard all links are one.
        let seen_as = if self.is_blind { u64::MAX } else { number };
        if let Err(wait) = may_ask(&mut self.guard, at(now), seen_as) {
            self.due[i] = now + wait.as_secs().max(1);
            let waiting = self.waits.iter().flatten().count() + 1;
            self.waits[i].get_or_insert((waiting, 0));
            return;
        }
        self.waits[i] = None;
        if is_open {
            self.count_probe();
        }
        self.due[i] = now + self.answer(number, now);
    }

    /// The property: whoever could be granted is asked within as many probes as links wait.
    fn count_probe(&mut self) {
        for (kind, wait) in self.kinds.iter().zip(&mut self.waits) {
            let Some((waiting, probes)) = wait else { continue };
            *probes += 1;
            self.starves |= *kind == Kind::Healthy && probes > waiting;
        }
    }

    /// The provider answers; gives when the caller comes again.
    fn answer(&mut self, number: u64, now: u64) -> u64 {
        let i = usize::try_from(number).unwrap();
        match self.kinds[i] {
            Kind::Healthy => {
                self.guard.granted(at(now), link(number));
                self.granted[i] += 1;
                20
            }
            Kind::Refused => {
                self.guard.answered(at(now), link(number));
                1
            }
            Kind::Poison => {
                self.guard.failed(at(now), link(number), None);
                1
            }
        }
    }

    fn least_granted(&self) -> u64 {
        let healthy = self.kinds.iter().zip(&self.granted).filter(|(kind, _)| **kind == Kind::Healthy);
        healthy.map(|(_, granted)| *granted).min().unwrap_or_default()
    }
}

fn kinds(bad: usize, kind: Kind, healthy: usize) -> Vec<Kind> {
    [vec![kind; bad], vec![Kind::Healthy; healthy]].concat()
}

#[test]
fn whatever_others_are_refused_nobody_starves() {
    for (bad, healthy) in [(12, 4), (60, 5)] {
        for kind in [Kind::Refused, Kind::Poison] {
            // The worst order: who cannot be granted is always there first.
            let callers = Callers::run(kinds(bad, kind, healthy), |_, _| {}, 240);
            // Every 20 s at best, once the provider has been tried out.
            assert!(callers.least_granted() >= 8, "{bad} {kind:?}, {healthy}: {:?}", callers.granted);
        }
    }
}

/// What the order of those who try out is for: without it, those that always fail come first each time.
#[test]
fn a_guard_that_takes_whoever_comes_starves_others() {
    let callers = Callers::walk(kinds(12, Kind::Poison, 4), |_, _| {}, 240, true);
    assert!(callers.starves && callers.least_granted() == 0, "{:?}", callers.granted);
}

proptest! {
    #[test]
    fn in_whatever_order_callers_come_nobody_starves(
        bad in 0usize..40, odd in 0usize..40, healthy in 1usize..6, seed: u64,
    ) {
        let mut all = kinds(bad, Kind::Poison, healthy);
        all.extend(vec![Kind::Refused; odd]);
        let shuffled = |now: u64, here: &mut [usize]| {
            let key = |i: &usize| (u64::try_from(*i).unwrap() + 1).wrapping_mul(seed | 1).wrapping_add(now).rotate_left(29).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            here.sort_by_key(key);
        };
        let callers = Callers::run(all, shuffled, 120);
        prop_assert!(callers.least_granted() >= 1, "{:?}", callers.granted);
    }
}
