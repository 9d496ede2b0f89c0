//! Keyed hashes of identifiers that are erased. Of a stolen database nobody learns by trying whom they stand for; and once the key is
//! dropped, neither do we.

use aws_lc_rs::hmac;

use super::envelope::joined;
use domain::erasure::KeyedHash;

/// What the key is for, so that it is no other key that is made of the same one; and the number of the block (RFC 5869 2.3).
const PURPOSE: &[u8] = b"fedlink erased identifiers\x01";

/// Hashes by HMAC-SHA256 under a key that is expanded (HKDF, RFC 5869) from one of the keyring's. Nothing has to be extracted first:
/// those are 256 random bits (3.3).
#[derive(Clone)]
pub struct HashKey(hmac::Key);

impl HashKey {
    pub(super) fn of(key: &[u8; 32]) -> Self {
        let expanded = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), PURPOSE);
        Self(hmac::Key::new(hmac::HMAC_SHA256, expanded.as_ref()))
    }
}

impl KeyedHash for HashKey {
    fn hash(&self, texts: &[&str]) -> [u8; 32] {
        let mut hash = [0; 32];
        let tag = hmac::sign(&self.0, &joined(texts));
        hash.iter_mut().zip(tag.as_ref()).for_each(|(byte, hashed)| *byte = *hashed);
        hash
    }
}
