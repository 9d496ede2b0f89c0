//! The keys that sign `id_tokens`, and access tokens that are JWTs.

use std::io;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::peculiar::Signing;

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
    algorithm: Algorithm,
    private: EncodingKey,
    /// What everybody may know (RFC 7517 §4).
    jwk: Value,
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
        let keys: Vec<Value> =
            more.iter().cloned().chain(self.es256.iter().chain(&self.rs256).map(|key| key.jwk.clone())).collect();
        json!({ "keys": keys })
    }

    fn make(&mut self, signing: Signing) -> io::Result<Key> {
        let (algorithm, private) = match signing {
            Signing::Es256 => (Algorithm::ES256, new_p256()),
            Signing::Rs256 => (Algorithm::RS256, new_rsa()),
        };
        let private = private.ok_or_else(|| io::Error::other("no signing key could be made"))?;
        self.made += 1;
        let kid = format!("key-{}", self.made);
        let mut jwk = Jwk::from_encoding_key(&private, algorithm).map_err(io::Error::other)?;
        jwk.common.key_id = Some(kid.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(Key { kid, algorithm, private, jwk: serde_json::to_value(jwk)? })
    }
}

// aws-lc-rs makes keys and ECDSA nonces from its own randomness: no seed reaches it, and a test needs none there.
fn new_p256() -> Option<EncodingKey> {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).ok()?;
    Some(EncodingKey::from_ec_der(pair.to_pkcs8v1().ok()?.as_ref()))
}

fn new_rsa() -> Option<EncodingKey> {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).ok()?;
    let der: Pkcs8V1Der<'_> = pair.as_der().ok()?;
    // The library wants the bare key (RFC 8017 §A.1.2); PKCS#8 always puts as much before one of 2048 bits.
    der.as_ref().get(26..).map(EncodingKey::from_rsa_der)
}

impl Key {
    pub(super) fn kid(&self) -> &str {
        &self.kid
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) fn jwk(&self) -> &Value {
        &self.jwk
    }

    /// The signature (RFC 7518 §3.3 or §3.4), in base64url.
    pub(super) fn sign(&self, message: &[u8]) -> io::Result<String> {
        jsonwebtoken::crypto::sign(message, &self.private, self.algorithm).map_err(io::Error::other)
    }
}
