//! The keys that sign `id_tokens`.

use std::io;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::script::Signing;

/// The published keys, by algorithm: the last one signs.
#[derive(Debug)]
pub(super) struct Keys {
    es256: Vec<Key>,
    rs256: Vec<Key>,
    made: u32,
}

#[derive(Debug)]
pub(super) struct Key {
    kid: String,
    pair: Pair,
}

// aws-lc-rs makes keys and ECDSA nonces from its own randomness: no seed reaches it, and a test needs none there.
#[derive(Debug)]
enum Pair {
    Es256(EcdsaKeyPair),
    Rs256(RsaKeyPair),
}

impl Keys {
    pub(super) fn new() -> io::Result<Self> {
        let mut keys = Self { es256: Vec::new(), rs256: Vec::new(), made: 0 };
        let first = keys.make(Signing::Es256)?;
        keys.es256.push(first);
        Ok(keys)
    }

    /// The key that signs now. An error says that the first key of its kind could not be made.
    pub(super) fn signer(&mut self, signing: Signing) -> io::Result<&Key> {
        if signing == Signing::Rs256 && self.rs256.is_empty() {
            let key = self.make(Signing::Rs256)?;
            self.rs256.push(key);
        }
        let keys = match signing {
            Signing::Es256 => &self.es256,
            Signing::Rs256 => &self.rs256,
        };
        keys.last().ok_or_else(|| io::Error::other("no signing key"))
    }

    /// Adds a key of each kind in use.
    pub(super) fn add(&mut self) -> io::Result<()> {
        let es256 = self.make(Signing::Es256)?;
        if !self.rs256.is_empty() {
            let rs256 = self.make(Signing::Rs256)?;
            self.rs256.push(rs256);
        }
        self.es256.push(es256);
        Ok(())
    }

    /// Adds a key of each kind in use, and forgets those before it.
    pub(super) fn rotate(&mut self) -> io::Result<()> {
        self.add()?;
        for keys in [&mut self.es256, &mut self.rs256] {
            keys.drain(..keys.len().saturating_sub(1));
        }
        Ok(())
    }

    /// RFC 7517 §5
    pub(super) fn jwks(&self, more: &[Value]) -> Value {
        let keys: Vec<Value> = more.iter().cloned().chain(self.es256.iter().chain(&self.rs256).map(Key::jwk)).collect();
        json!({ "keys": keys })
    }

    fn make(&mut self, signing: Signing) -> io::Result<Key> {
        let failed = |_unspecified| io::Error::other("no signing key could be made");
        let pair = match signing {
            Signing::Es256 => Pair::Es256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(failed)?),
            Signing::Rs256 => Pair::Rs256(RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?),
        };
        self.made += 1;
        Ok(Key { kid: format!("key-{}", self.made), pair })
    }
}

impl Key {
    pub(super) fn kid(&self) -> &str {
        &self.kid
    }

    pub(super) fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Es256(_) => "ES256",
            Pair::Rs256(_) => "RS256",
        }
    }

    /// What everybody may know: the point (uncompressed) or the RSA key (RFC 8017 A.1.1).
    pub(super) fn public(&self) -> &[u8] {
        match &self.pair {
            Pair::Es256(pair) => pair.public_key().as_ref(),
            Pair::Rs256(pair) => pair.public_key().as_ref(),
        }
    }

    /// The signature of RFC 7518 §3.3 or §3.4.
    pub(super) fn sign(&self, message: &[u8]) -> io::Result<Vec<u8>> {
        let failed = |_unspecified| io::Error::other("the signature failed");
        match &self.pair {
            Pair::Es256(pair) => {
                pair.sign(&SystemRandom::new(), message).map(|signature| signature.as_ref().to_vec()).map_err(failed)
            }
            Pair::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
        }
    }

    fn jwk(&self) -> Value {
        let part =
            |range| URL_SAFE_NO_PAD.encode(self.public().get::<std::ops::Range<usize>>(range).unwrap_or_default());
        match self.pair {
            Pair::Es256(_) => json!({
                "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.kid,
                // 0x04, then both coordinates of 32 bytes.
                "x": part(1..33), "y": part(33..65),
            }),
            Pair::Rs256(_) => json!({
                "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid,
                // DER of a 2048-bit key has the modulus and the exponent (65537) always at the same places.
                "n": part(9..265), "e": part(267..270),
            }),
        }
    }
}
