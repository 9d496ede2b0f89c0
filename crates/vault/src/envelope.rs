//! AES-256-GCM with the place of a value as additional data, so that a ciphertext moved elsewhere does not open.

use aes_gcm::aead::{Aead as _, AeadInOut as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _, Nonce, Tag};
use zeroize::Zeroizing;

use domain::entropy::Entropy;
use domain::{Error, Result};

/// Bytes of a nonce; it stands before its ciphertext.
const NONCE: usize = 12;
/// Bytes of a tag; it stands behind its ciphertext.
const TAG: usize = 16;

/// Where a sealed value stands: table, row, owner, column.
pub struct Place(Vec<u8>);

impl Place {
    /// The place named by these parts.
    pub(super) fn of(parts: &[&str]) -> Self {
        Self(joined(parts))
    }
}

/// These parts, each with its length before it, so that no two lists of parts are the same.
pub(super) fn joined(parts: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
    for part in parts {
        bytes.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

/// A key ready to use.
pub(super) struct Cipher(Aes256Gcm);

impl Cipher {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(Aes256Gcm::new(key.into()))
    }

    /// Seals `plain` for `place` under a fresh random nonce.
    pub(super) fn seal(&self, place: &Place, plain: &[u8], entropy: &dyn Entropy) -> Result<Vec<u8>> {
        let nonce: [u8; NONCE] = entropy.bytes();
        let sealed = self
            .0
            .encrypt(&Nonce::from(nonce), Payload { msg: plain, aad: &place.0 })
            .map_err(|_too_long| Error::internal("a value too long to seal"))?;
        let mut out = Vec::with_capacity(NONCE + sealed.len());
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&sealed);
        Ok(out)
    }

    /// Opens what was sealed for `place`; anything else is refused, without saying what differs. What it gives has no room to spare, so
    /// that it can be made a text without a copy.
    pub(super) fn open(&self, place: &Place, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let refused = || Error::internal("a sealed value does not open: wrong key, or moved from another row");
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>().ok_or_else(refused)?;
        let (sealed, tag) = sealed.split_last_chunk::<TAG>().ok_or_else(refused)?;
        let mut plain = Zeroizing::new(sealed.to_vec());
        self.0
            .decrypt_inout_detached(&Nonce::from(*nonce), &place.0, plain.as_mut_slice().into(), &Tag::from(*tag))
            .map_err(|_differs| refused())?;
        Ok(plain)
    }
}

/// A row's key as it is stored: sealed by a key of the keyring.
pub struct WrappedKey {
    /// The keyring's key.
    pub key_id: String,
    /// The sealed row key.
    pub bytes: Vec<u8>,
}

/// A row's key in the clear; zeroed on drop.
pub struct RowKey(Zeroizing<[u8; 32]>);

impl RowKey {
    pub(super) fn random(entropy: &dyn Entropy) -> Self {
        Self(Zeroizing::new(entropy.bytes()))
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let key = bytes.try_into().map_err(|_length| Error::internal("a row key of the wrong length"))?;
        Ok(Self(Zeroizing::new(key)))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &*self.0
    }

    pub(super) fn cipher(&self) -> Cipher {
        Cipher::new(&self.0)
    }
}
