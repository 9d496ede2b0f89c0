//! What fedlink's vault does to open an access token, written out by hand.

use std::path::Path;

use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The active key of a keyring file.
#[derive(Clone)]
pub(crate) struct Key(Aes256Gcm);

/// Whose token it is.
pub(crate) struct Owner<'a> {
    pub(crate) link: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) fp_type: &'a str,
    pub(crate) fp_name: &'a str,
    pub(crate) sid: &'a str,
}

impl Key {
    /// Reads the file's one active key.
    pub(crate) fn load(keyring: &Path) -> Self {
        let text = std::fs::read_to_string(keyring).expect("the keyring");
        let key = text.lines().find_map(|line| line.split_once(" active ")).expect("an active key").1;
        let bytes = STANDARD.decode(key.trim()).expect("base64");
        Self(Aes256Gcm::new_from_slice(&bytes).expect("256 bits"))
    }

    /// Unwraps a row's key, and opens its access token with it.
    pub(crate) fn open(&self, owner: &Owner<'_>, wrapped: &[u8], sealed: &[u8]) -> String {
        let row_key = open(&self.0, &place(&["token_sets", owner.link, "wrapped_key"]), wrapped);
        let row_key = Aes256Gcm::new_from_slice(&row_key).expect("256 bits");
        let place =
            place(&["token_sets", owner.link, owner.subject, owner.fp_type, owner.fp_name, owner.sid, "sealed_access"]);
        String::from_utf8(open(&row_key, &place, sealed)).expect("text")
    }
}

fn open(cipher: &Aes256Gcm, aad: &[u8], sealed: &[u8]) -> Vec<u8> {
    let (nonce, msg) = sealed.split_first_chunk::<12>().expect("a nonce");
    cipher.decrypt(&Nonce::from(*nonce), Payload { msg, aad }).expect("it opens in its place")
}

fn place(parts: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    for part in parts {
        bytes.extend_from_slice(&u64::try_from(part.len()).expect("64 bits").to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}
