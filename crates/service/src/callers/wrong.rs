//! Wrong secrets, counted in this process by the networks that they come from, never by whom they name: a stranger locks no
//! application out. Nothing of it is in the database, which guesses must not keep busy.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use domain::guesses::{Answer, Guesses, Told};
use domain::networks::networks;

/// Networks remembered at once. Those beyond share one that has a site's allowance.
const NETWORKS: usize = 20_000;
/// What that one is called.
const ELSEWHERE: (&str, usize) = ("elsewhere", 16);

/// The wrong secrets of late.
#[derive(Default)]
pub struct WrongSecrets(Mutex<Memory>);

#[derive(Default)]
struct Memory {
    counted: HashMap<String, Guesses>,
    told: HashMap<String, Told>,
}

impl WrongSecrets {
    /// Counts one more, of a `kind` such as "client secret", in each network of the address, the narrowest first: one that is
    /// out of guesses uses up nobody else's.
    pub(super) fn count(&self, kind: &'static str, ip: IpAddr, now: DateTime<Utc>) -> Answer {
        let networks = networks(ip);
        let mut memory = self.memory();
        if let Some((widest, _)) = networks.last() {
            // By the widest, so that who has a thousand networks doesn't fill the log.
            let network = known(&memory.told, widest, ELSEWHERE.0);
            let told = memory.told.entry(network.to_owned()).or_insert_with(|| Told::new(now));
            if let Some(wrong) = told.one_more(now) {
                tracing::warn!(network, latest = %ip, kind, wrong, "wrong secrets");
            }
        }
        for (network, times) in &networks {
            let is_known = known(&memory.counted, network, ELSEWHERE.0) == network;
            let (network, times) = if is_known { (network.as_str(), *times) } else { ELSEWHERE };
            let counted = memory.counted.entry(network.to_owned()).or_insert_with(|| Guesses::new(now));
            match counted.one_more(now, times) {
                Answer::Wrong => {}
                refused @ Answer::TooMany { .. } => return refused,
            }
        }
        Answer::Wrong
    }

    /// Tells the log what it wasn't told yet, and forgets what is over.
    pub fn tidy(&self, now: DateTime<Utc>) {
        let mut memory = self.memory();
        memory.counted.retain(|_, guesses| !guesses.is_over(now));
        memory.told.retain(|network, told| {
            if let Some(wrong) = told.rest(now) {
                tracing::warn!(network, wrong, "wrong secrets");
                return true;
            }
            !told.is_quiet(now)
        });
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The network itself if it is remembered, or there is room to; else what stands for all others.
fn known<'n, V>(remembered: &HashMap<String, V>, network: &'n str, others: &'n str) -> &'n str {
    if remembered.len() < NETWORKS || remembered.contains_key(network) { network } else { others }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::guesses::ALLOWANCE;

    fn address(number: u32) -> IpAddr {
        IpAddr::from((number << 8 | 7).to_be_bytes())
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let wrong = WrongSecrets::default();
        let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let first = address(1 << 20);
        for _ in 0..ALLOWANCE {
            assert_eq!(wrong.count("client secret", first, now), Answer::Wrong);
        }
        let refused = (0..100_000).filter(|n| wrong.count("client secret", address(*n), now) != Answer::Wrong).count();
        assert!(refused > 80_000, "networks beyond those share an allowance: {refused}");
        let memory = wrong.memory();
        assert!(memory.counted.len() <= NETWORKS + 1 && memory.told.len() <= NETWORKS + 1);
        drop(memory);
        // Who was there first has their own count still.
        assert_ne!(wrong.count("client secret", first, now), Answer::Wrong);
        let later = now + chrono::TimeDelta::minutes(2);
        wrong.tidy(later);
        wrong.tidy(later + chrono::TimeDelta::minutes(2));
        let memory = wrong.memory();
        assert_eq!((memory.counted.len(), memory.told.len()), (0, 0));
        drop(memory);
        assert_eq!(wrong.count("client secret", first, later), Answer::Wrong);
    }
}
