//! Passwords: hashed by argon2id and compared, off the threads that serve, a few at a time.

use std::num::NonZero;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;
use std::time::Duration;

use argon2::password_hash::{Error as HashError, PasswordHasher as _, PasswordVerifier as _};
use argon2::{Argon2, PasswordHash};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::oneshot;

use super::Parts;
use crate::domain::turns::{Line, Number, Turns};
use crate::domain::{Error, Result};

/// How many may wait for each that is looked at; the last of them waits for a second or two.
const QUEUE: usize = 16;
/// When to come again if the queue is full.
const COME_AGAIN: Duration = Duration::from_secs(1);

/// What a password is compared with where none is stored, so that it takes as long: random bytes, no password's hash.
const STAND_IN: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$8dQ5mnmRr0eVj0H4tTqK3w$b6N0dWm3xk1aVq0tJm9kq4rYgC7hE2sUoPzLwXfI5nA";

/// How many passwords are looked at at once, and who waits for it. Each takes a core for some 20 ms, and 19 MiB.
pub struct Passwords(Arc<Desk>);

struct Desk {
    at_once: usize,
    now: Mutex<Now>,
}

struct Now {
    running: usize,
    waiting: Turns<oneshot::Sender<Place>>,
}

impl Desk {
    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Passwords {
    /// One for each core: more at once would only take more memory.
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, NonZero::get);
        Self::new(cores, cores * QUEUE)
    }
}

/// A place to hash at; whoever is next gets it when it is dropped, and so not before a hashing that nobody waits for any more
/// has ended.
struct Place(Arc<Desk>);

impl Drop for Place {
    fn drop(&mut self) {
        let next = {
            let mut now = self.0.now();
            let next = now.waiting.take_next();
            if next.is_none() {
                now.running -= 1;
            }
            next
        };
        if let Some(next) = next {
            // Who has gone meanwhile drops it, and so the one after them gets it.
            drop(next.send(Self(Arc::clone(&self.0))));
        }
    }
}

/// Somebody who waits for a place.
struct Waiting {
    desk: Arc<Desk>,
    number: Number,
    place: oneshot::Receiver<Place>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.desk.now().waiting.leave(self.number);
    }
}

impl Passwords {
    fn new(at_once: usize, queue: usize) -> Self {
        let now = Mutex::new(Now { running: 0, waiting: Turns::new(queue) });
        Self(Arc::new(Desk { at_once, now }))
    }

    /// [`Error::TooManyAttempts`] if as many wait as may, and most of them in this line; also later, for somebody of another.
    async fn place(&self, line: Line) -> Result<Place> {
        let full = || Error::TooManyAttempts { retry_after: COME_AGAIN };
        let (mut waiting, gone) = {
            let mut now = self.0.now();
            if now.running < self.0.at_once {
                now.running += 1;
                return Ok(Place(Arc::clone(&self.0)));
            }
            let (sender, place) = oneshot::channel();
            let (number, gone) = now.waiting.join(line, sender).map_err(|_own| full())?;
            (Waiting { desk: Arc::clone(&self.0), number, place }, gone)
        };
        // They are told by this.
        drop(gone);
        (&mut waiting.place).await.map_err(|_made_room| full())
    }
}

/// The hash to store for a password, as a PHC string: argon2id with the figures of the OWASP Password Storage Cheat Sheet
/// (19 MiB, 2 passes, 1 lane), which the crate has for its default.
pub(super) async fn hash(parts: &Parts, password: SecretString) -> Result<String> {
    let salt = parts.entropy.bytes::<16>();
    // Whoever sets passwords has shown who they are.
    blocking(parts, Line::Known("set".to_owned()), move || {
        let hash = Argon2::default().hash_password_with_salt(password.expose_secret().as_bytes(), &salt);
        hash.map(|hash| hash.to_string()).map_err(Error::internal)
    })
    .await?
}

/// The place in `hashes` of the first that is this password's. As long as none is, at least `rounds` comparisons are made,
/// so that the time it takes doesn't tell how many there were.
pub(super) async fn find(
    parts: &Parts,
    line: Line,
    password: SecretString,
    hashes: Vec<String>,
    rounds: usize,
) -> Result<Option<usize>> {
    blocking(parts, line, move || {
        let found = hashes.iter().position(|hash| is_of(hash, &password));
        if found.is_none() {
            for _ in hashes.len()..rounds {
                is_of(STAND_IN, &password);
            }
        }
        found
    })
    .await
}

/// Runs `work` where it may take its time.
async fn blocking<T: Send + 'static>(
    parts: &Parts,
    line: Line,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    let place = parts.passwords.place(line).await?;
    let done = parts.runtime.spawn_blocking(move || {
        let done = work();
        drop(place);
        done
    });
    done.await.map_err(Error::internal)
}

/// Whether `hash` is this password's; compared in constant time.
fn is_of(hash: &str, password: &SecretString) -> bool {
    let judged = PasswordHash::new(hash)
        .map_err(HashError::from)
        .and_then(|hash| Argon2::default().verify_password(password.expose_secret().as_bytes(), &hash));
    match judged {
        Ok(()) => true,
        Err(HashError::PasswordInvalid) => false,
        Err(error) => {
            // Not told to who signs in: an account like any other that this is not the password of.
            tracing::error!(%error, "a stored password hash is not readable");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_argon2id_with_the_recommended_figures() {
        let hash = Argon2::default().hash_password_with_salt(b"correct horse", &[7; 16]).unwrap().to_string();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(is_of(&hash, &"correct horse".into()));
        for wrong in ["", "correct horse ", "Correct horse", "correct hors"] {
            assert!(!is_of(&hash, &wrong.into()), "{wrong:?}");
        }
        assert!(!is_of("$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ", &"".into()), "no hash in the hash");
        assert!(!is_of("plain", &"plain".into()));
    }

    /// Were it not readable, it would take no time.
    #[test]
    fn the_stand_in_takes_as_long_as_a_hash() {
        let stand_in = PasswordHash::new(STAND_IN).unwrap();
        let hash = Argon2::default().hash_password_with_salt(b"any", &[7; 16]).unwrap();
        assert_eq!(
            (stand_in.algorithm, stand_in.version, &stand_in.params),
            (hash.algorithm, hash.version, &hash.params)
        );
        assert_eq!(stand_in.hash.map(|hash| hash.len()), hash.hash.map(|hash| hash.len()));
        assert!(matches!(Argon2::default().verify_password(b"any", &stand_in), Err(HashError::PasswordInvalid)));
    }

    fn strangers(network: &str) -> Line {
        Line::Strangers(network.to_owned())
    }

    /// One runs, and these wait, as far as they may.
    macro_rules! waits {
        ($passwords:expr, $line:expr) => {{
            let mut waits = Box::pin($passwords.place($line));
            assert!(futures_util::poll!(&mut waits).is_pending());
            waits
        }};
    }

    fn is_refused(place: &Result<Place>) -> bool {
        matches!(place, Err(Error::TooManyAttempts { retry_after }) if *retry_after == COME_AGAIN)
    }

    #[tokio::test]
    async fn beyond_the_queue_nobody_waits() {
        let passwords = Passwords::new(1, 1);
        let runs = passwords.place(strangers("a")).await.unwrap();
        let waits = waits!(passwords, strangers("a"));
        assert!(is_refused(&passwords.place(strangers("a")).await), "a third");
        assert!(is_refused(&passwords.place(strangers("b")).await), "nobody has more than one");
        drop(runs);
        drop(waits.await.unwrap());
        drop(passwords.place(strangers("a")).await.unwrap());
        assert_eq!(passwords.0.now().running, 0);
    }

    #[tokio::test]
    async fn a_network_that_floods_refuses_itself_and_others_wait_for_one_of_it_at_most() {
        let passwords = Passwords::new(1, 4);
        let runs = passwords.place(strangers("flood")).await.unwrap();
        let mut flood = Vec::new();
        for _ in 0..4 {
            flood.push(waits!(passwords, strangers("flood")));
        }
        assert!(is_refused(&passwords.place(strangers("flood")).await));
        let other = waits!(passwords, strangers("other"));
        let known = waits!(passwords, Line::Known("jane".to_owned()));
        // The two that came last of the longest line made room.
        assert!(is_refused(&flood.pop().unwrap().await));
        assert!(is_refused(&flood.pop().unwrap().await));
        let [mut second, mut first] = [flood.pop().unwrap(), flood.pop().unwrap()];
        drop(runs);
        let runs = known.await.unwrap();
        assert!(futures_util::poll!(&mut first).is_pending());
        drop(runs);
        let runs = first.await.unwrap();
        assert!(futures_util::poll!(&mut second).is_pending());
        drop(runs);
        drop(other.await.unwrap());
        drop(second.await.unwrap());
        assert_eq!(passwords.0.now().running, 0);
    }

    #[tokio::test]
    async fn who_hangs_up_keeps_no_place() {
        let passwords = Passwords::new(1, 2);
        let runs = passwords.place(strangers("a")).await.unwrap();
        let [gone, late, waits] = [(); 3].map(|()| Box::pin(passwords.place(strangers("a"))));
        let (mut gone, mut late, mut waits) = (gone, late, waits);
        assert!(futures_util::poll!(&mut gone).is_pending());
        assert!(futures_util::poll!(&mut late).is_pending());
        drop(gone);
        assert!(futures_util::poll!(&mut waits).is_pending(), "there is room again");
        // It is late's turn, who hangs up before they hear of it.
        drop(runs);
        drop(late);
        drop(waits.await.unwrap());
        assert_eq!(passwords.0.now().running, 0);
    }
}
