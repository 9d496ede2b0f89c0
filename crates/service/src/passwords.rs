//! Passwords: hashed by argon2id and compared, off the threads that serve, a few at a time.

use std::num::NonZero;
use std::thread::available_parallelism;
use std::time::Duration;

use argon2::password_hash::{Error as HashError, PasswordVerifier as _};
use argon2::{Algorithm, PasswordHash};
use secrecy::{ExposeSecret as _, SecretString};

use super::desk::{Desk, Place};
use super::hashing::{Hasher, within};
use domain::account;
use domain::entropy::SharedEntropy;
use domain::threads::Nice;
use domain::turns::Line;
use domain::{Error, Result};

/// How many may wait for each that is looked at; the last of them waits for a second or two.
const QUEUE: usize = 16;
/// When to come again if the queue is full.
const COME_AGAIN: Duration = Duration::from_secs(1);

/// What a password is compared with where none is stored, so that it takes as long: random bytes, no password's hash.
const STAND_IN: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$8dQ5mnmRr0eVj0H4tTqK3w$b6N0dWm3xk1aVq0tJm9kq4rYgC7hE2sUoPzLwXfI5nA";

/// How many passwords are looked at at once, and who waits for it. Each takes a core for some 20 ms, and 19 MiB.
pub struct Passwords {
    desk: Desk,
    /// Hashing gives way to whoever needs microseconds.
    threads: Nice,
}

impl Default for Passwords {
    /// One for each core: more at once would only take more memory.
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, NonZero::get);
        Self { desk: Desk::new(cores, cores, cores * QUEUE), threads: Nice::new("passwords", cores) }
    }
}

impl Passwords {
    /// [`Error::TooManyAttempts`] if as many wait as may, and most of them in this line; also later, for somebody of another.
    async fn place(&self, line: Line) -> Result<Place> {
        self.desk.place(line).await.map_err(|_full| Error::TooManyAttempts { retry_after: COME_AGAIN })
    }
}

/// The hash to store for a password, as a PHC string.
pub(super) async fn hash(
    passwords: &Passwords,
    entropy: &SharedEntropy,
    password: SecretString,
) -> Result<account::PasswordHash> {
    let salt = entropy.bytes::<16>();
    // Whoever sets passwords has shown who they are.
    blocking(passwords, Line::Known("set".to_owned()), move |hasher| {
        let hash = hasher.hash(password.expose_secret().as_bytes(), &salt);
        hash.map(|hash| account::PasswordHash::new(hash.to_string())).map_err(Error::internal)
    })
    .await?
}

/// The place in `hashes` of the first that is this password's. As long as none is, at least `rounds` comparisons are made,
/// so that the time it takes doesn't tell how many there were.
pub(super) async fn find(
    passwords: &Passwords,
    line: Line,
    password: SecretString,
    hashes: Vec<account::PasswordHash>,
    rounds: usize,
) -> Result<Option<usize>> {
    blocking(passwords, line, move |hasher| {
        let found = hashes.iter().position(|hash| is_of(hasher, hash.as_str(), &password));
        if found.is_none() {
            for _ in hashes.len()..rounds {
                is_of(hasher, STAND_IN, &password);
            }
        }
        found
    })
    .await
}

/// Runs `work` where it may take its time.
async fn blocking<T: Send + 'static>(
    passwords: &Passwords,
    line: Line,
    work: impl FnOnce(&Hasher) -> T + Send + 'static,
) -> Result<T> {
    let place = passwords.place(line).await?;
    let done = passwords.threads.handle().map_err(Error::internal)?.spawn_blocking(move || {
        let done = within(work);
        drop(place);
        done
    });
    done.await.map_err(Error::internal)
}

/// Whether a hash that was made elsewhere can be compared with.
pub(super) fn is_readable(hash: &account::PasswordHash) -> bool {
    PasswordHash::new(hash.as_str()).is_ok_and(|hash| {
        Algorithm::try_from(hash.algorithm.as_str()).is_ok() && hash.salt.is_some() && hash.hash.is_some()
    })
}

/// Whether `hash` is this password's; compared in constant time.
fn is_of(hasher: &Hasher, hash: &str, password: &SecretString) -> bool {
    let judged = PasswordHash::new(hash)
        .map_err(HashError::from)
        .and_then(|hash| hasher.verify_password(password.expose_secret().as_bytes(), &hash));
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
        let hash = within(|hasher| hasher.hash(b"correct horse", &[7; 16])).unwrap().to_string();
        let is_of = |hash: &str, password: &SecretString| within(|hasher| is_of(hasher, hash, password));
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(is_of(&hash, &"correct horse".into()));
        for wrong in ["", "correct horse ", "Correct horse", "correct hors"] {
            assert!(!is_of(&hash, &wrong.into()), "{wrong:?}");
        }
        assert!(!is_of("$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ", &"".into()), "no hash in the hash");
        assert!(!is_of("plain", &"plain".into()));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn hashing_gives_way_to_who_serves() {
        use rustix::process::getpriority_process;
        let own = getpriority_process(None).unwrap();
        let passwords = Passwords::default();
        let nice = blocking(&passwords, Line::Known("set".to_owned()), |_| getpriority_process(None).unwrap());
        assert_eq!(nice.await.unwrap(), own.max(10));
    }

    /// Were it not readable, it would take no time.
    #[test]
    fn the_stand_in_takes_as_long_as_a_hash() {
        let stand_in = PasswordHash::new(STAND_IN).unwrap();
        let hash = within(|hasher| hasher.hash(b"any", &[7; 16])).unwrap();
        assert_eq!(
            (stand_in.algorithm, stand_in.version, &stand_in.params),
            (hash.algorithm, hash.version, &hash.params)
        );
        assert_eq!(stand_in.hash.map(|hash| hash.len()), hash.hash.map(|hash| hash.len()));
        let judged = within(|hasher| hasher.verify_password(b"any", &stand_in));
        assert!(matches!(judged, Err(HashError::PasswordInvalid)));
    }
}
