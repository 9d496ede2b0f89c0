//! The only place that asks for randomness, so that a test can repeat it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// A source of unguessable bytes.
pub trait Entropy: Send + Sync + fmt::Debug {
    /// Fills `into` with random bytes.
    fn fill(&self, into: &mut [u8]);
}

/// A source of randomness as the parts of the program share it.
pub type SharedEntropy = Arc<dyn Entropy>;

impl dyn Entropy + '_ {
    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// A version 4 UUID: 122 random bits.
    pub fn uuid(&self) -> Uuid {
        uuid::Builder::from_random_bytes(self.bytes()).into_uuid()
    }

    /// 256 random bits as 43 characters of base64url: a token, a state, a nonce, a PKCE verifier.
    pub fn token(&self) -> SecretString {
        URL_SAFE_NO_PAD.encode(self.bytes::<32>()).into()
    }

    /// A random number of at least 1 and less than 2^62: where a version starts.
    pub fn version(&self) -> i64 {
        (i64::from_be_bytes(self.bytes()) & ((1 << 62) - 1)).max(1)
    }
}

/// The operating system's randomness.
#[derive(Debug)]
pub struct SystemEntropy;

impl SystemEntropy {
    /// The operating system's randomness, shared.
    pub fn shared() -> SharedEntropy {
        Arc::new(Self)
    }
}

impl Entropy for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "this is the one door to the system's randomness")]
    #[expect(clippy::panic, reason = "without randomness every secret is guessable; stopping is the only safe answer")]
    fn fill(&self, into: &mut [u8]) {
        if let Err(error) = getrandom::fill(into) {
            panic!("the operating system gives no randomness: {error}");
        }
    }
}

/// Repeatable bytes from a seed: for tests alone.
#[derive(Debug)]
pub struct SeededEntropy {
    seed: u64,
    drawn: AtomicU64,
}

impl SeededEntropy {
    /// A source that gives the same bytes for the same `seed`.
    pub fn shared(seed: u64) -> SharedEntropy {
        Arc::new(Self { seed, drawn: AtomicU64::new(0) })
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, into: &mut [u8]) {
        for chunk in into.chunks_mut(32) {
            let count = self.drawn.fetch_add(1, Ordering::SeqCst);
            let block =
                Sha256::new().chain_update(self.seed.to_be_bytes()).chain_update(count.to_be_bytes()).finalize();
            for (byte, random) in chunk.iter_mut().zip(block) {
                *byte = random;
            }
        }
    }
}
