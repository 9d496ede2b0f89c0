//! What was noted lately. What is old goes with all that is as old, and costs nothing before.

use std::hash::Hash;
use std::time::Duration;

use ahash::{HashMap, HashMapExt as _};

/// Values that are forgotten from `life` after they were inserted on, or with the older half of `most`. They are found for longer: who
/// looks compares times.
#[derive(Debug)]
pub struct Lately<K, V> {
    life: Duration,
    most: usize,
    /// When the newer began.
    since: Duration,
    newer: HashMap<K, V>,
    older: HashMap<K, V>,
}

impl<K: Eq + Hash, V> Lately<K, V> {
    /// Nothing yet.
    pub fn new(life: Duration, most: usize) -> Self {
        Self { life, most, since: Duration::ZERO, newer: HashMap::new(), older: HashMap::new() }
    }

    /// What was inserted last.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.newer.get(key).or_else(|| self.older.get(key))
    }

    /// Inserts a value at a moment, since any beginning that is always the same.
    pub fn insert(&mut self, key: K, value: V, now: Duration) {
        if now.saturating_sub(self.since) >= self.life || self.newer.len() >= self.most / 2 {
            self.older = std::mem::take(&mut self.newer);
            self.since = now;
        }
        self.newer.insert(key, value);
    }

    /// Forgets one.
    pub fn remove(&mut self, key: &K) {
        self.newer.remove(key);
        self.older.remove(key);
    }

    /// Keeps those alone for which `keeps` says so.
    pub fn retain(&mut self, mut keeps: impl FnMut(&V) -> bool) {
        self.newer.retain(|_, value| keeps(value));
        self.older.retain(|_, value| keeps(value));
    }

    /// How many are held.
    pub fn len(&self) -> usize {
        self.newer.len() + self.older.len()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.newer.is_empty() && self.older.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Duration = Duration::from_secs(10);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(1_000_000 + seconds)
    }

    #[test]
    fn what_was_inserted_last_is_found_until_it_is_old() {
        let mut lately = Lately::new(LIFE, 100);
        lately.insert("a", 1, at(0));
        lately.insert("b", 2, at(9));
        // The first of the next life: those of the one before stay for one more.
        lately.insert("a", 3, at(10));
        assert_eq!((lately.get(&"a"), lately.get(&"b")), (Some(&3), Some(&2)));
        lately.insert("c", 4, at(20));
        assert_eq!((lately.get(&"a"), lately.get(&"b"), lately.len()), (Some(&3), None, 2));
        // A clock that was set back makes nobody forget.
        lately.insert("d", 5, at(0));
        assert_eq!((lately.get(&"a"), lately.get(&"d")), (Some(&3), Some(&5)));
    }

    #[test]
    fn no_more_than_most_are_held_and_the_newer_half_always() {
        let mut lately = Lately::new(LIFE, 8);
        for number in 0..100_u32 {
            lately.insert(number, (), at(0));
            assert!(lately.len() <= 8);
            for newer in number.saturating_sub(3)..=number {
                assert!(lately.get(&newer).is_some(), "{newer} at {number}");
            }
        }
    }

    #[test]
    fn what_is_removed_is_gone_however_old() {
        let mut lately = Lately::new(LIFE, 100);
        lately.insert("a", 1, at(0));
        lately.insert("a", 2, at(10));
        lately.remove(&"a");
        assert!(lately.is_empty());
        lately.insert("b", 1, at(20));
        lately.insert("c", 2, at(30));
        lately.retain(|value| *value == 2);
        assert_eq!((lately.get(&"b"), lately.get(&"c")), (None, Some(&2)));
    }
}
