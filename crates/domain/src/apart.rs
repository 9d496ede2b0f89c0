//! Values that threads have apart: what one of them uses all the time is in no other's way. To take a lock, or to count, on what
//! another core has just done the same takes as long as hundreds of instructions.

use std::array;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};

/// So many threads have a place of their own; of more, some share one.
const PLACES: usize = 16;

static NEXT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static PLACE: usize = NEXT.fetch_add(1, Ordering::Relaxed) % PLACES;
}

/// A value for each place.
#[derive(Debug)]
pub struct Apart<T>([Alone<T>; PLACES]);

/// On lines of a cache that hold nothing else; processors fetch them two by two.
#[derive(Debug)]
#[repr(align(128))]
struct Alone<T>(T);

impl<T> Apart<T> {
    /// What `make` gives, for each place.
    pub fn new(mut make: impl FnMut() -> T) -> Self {
        Self(array::from_fn(|_| Alone(make())))
    }

    /// The calling thread's.
    pub fn here(&self) -> &T {
        let [first, ..] = &self.0;
        let Alone(value) = PLACE.with(|place| self.0.get(*place)).unwrap_or(first);
        value
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|Alone(value)| value)
    }
}

impl<T: Default> Default for Apart<T> {
    fn default() -> Self {
        Self::new(T::default)
    }
}

/// Copies of a value that threads read all the time, each its own, and that hardly ever changes.
#[derive(Debug)]
pub struct Copies<T> {
    copies: Apart<RwLock<T>>,
    changing: Mutex<()>,
}

impl<T> Copies<T> {
    /// What `make` gives, for each place.
    pub fn new(mut make: impl FnMut() -> T) -> Self {
        Self { copies: Apart::new(|| RwLock::new(make())), changing: Mutex::default() }
    }

    /// The calling thread's.
    pub fn read(&self) -> RwLockReadGuard<'_, T> {
        self.copies.here().read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes one after the other: until it returns, threads read different ones. Changes at the same time come one after the other,
    /// too, so that afterwards all are the same.
    pub fn change(&self, mut change: impl FnMut(&mut T)) {
        let changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        for copy in self.copies.iter() {
            change(&mut copy.write().unwrap_or_else(PoisonError::into_inner));
        }
        drop(changing);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;
    use std::thread;

    use super::*;

    #[test]
    fn a_thread_keeps_its_place_and_nothing_is_lost() {
        let counted = Apart::<AtomicU64>::default();
        thread::scope(|scope| {
            for _ in 0..PLACES * 3 {
                scope.spawn(|| {
                    let mine: *const AtomicU64 = counted.here();
                    for _ in 0..100 {
                        assert!(std::ptr::eq(mine, counted.here()));
                        counted.here().fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        let all: Vec<u64> = counted.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        assert_eq!(all.iter().sum::<u64>(), 100 * u64::try_from(PLACES * 3).unwrap());
    }

    #[test]
    fn after_changes_at_the_same_time_all_copies_are_the_same() {
        let copies = Copies::new(|| 0);
        for _ in 0..200 {
            thread::scope(|scope| {
                for number in 1..=4 {
                    let copies = &copies;
                    scope.spawn(move || {
                        copies.change(|copy| {
                            // Whoever comes in between does so here.
                            thread::yield_now();
                            *copy = number;
                        });
                    });
                }
            });
            let here = *copies.read();
            assert!(here > 0 && copies.copies.iter().all(|copy| *copy.read().unwrap() == here));
        }
    }

    #[test]
    fn threads_one_after_the_other_have_different_places() {
        let values = Apart::<u8>::default();
        let of_another =
            || thread::scope(|scope| scope.spawn(|| std::ptr::from_ref(values.here()).addr()).join().unwrap());
        let (one, another) = (of_another(), of_another());
        // Other tests have threads, too.
        assert!(one != another || of_another() != one);
    }
}
