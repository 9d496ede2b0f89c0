//! The keyring: a small text, one key a line, that must never be where the database is backed up.

use std::collections::BTreeMap;
use std::path::PathBuf;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::envelope::Cipher;
use super::hash::HashKey;
use domain::entropy::Entropy;

/// What a keyring file begins with.
const HEADER: &str = "\
# fedlink keyring. Whoever has this file and the database can read every token; without it nobody can.
# Keep a copy in a safe place, never beside the database's backups. One line a key: id, state, 256 bits in base64.
";

/// A keyring that can't be used, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// There is no such file.
    #[error("there is no keyring at {0}")]
    Missing(PathBuf),
    /// The file can't be read or written.
    #[error("can't use the keyring {path}: {source}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Others than its owner may read the file.
    #[error("the keyring {path} is open to others (mode {mode:o}): chmod 600 {path}")]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A line is not `id state key`.
    #[error("the keyring's line {line} is wrong: {problem}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Not exactly one key is active.
    #[error("the keyring has {0} active keys; exactly one must be")]
    Active(usize),
    /// It has no key of that id.
    #[error("the keyring has no key {0}")]
    Unknown(String),
}

/// Tells a key from another of the same id, and tells nothing about the key itself.
pub type CheckValue = Vec<u8>;

/// Keys by id, one of them active: it seals, the others only open.
pub struct Keyring {
    keys: BTreeMap<String, Key>,
    active: (String, Cipher),
}

struct Key {
    cipher: Cipher,
    hash: HashKey,
    check_value: Vec<u8>,
}

impl Keyring {
    /// Reads a keyring's text.
    pub fn parse(text: &SecretString) -> Result<Self, KeyringError> {
        let mut keys = BTreeMap::new();
        let mut active = Vec::new();
        for (number, line) in text.expose_secret().lines().enumerate() {
            let Some(words) = words_of(line) else { continue };
            let wrong = |problem| KeyringError::Line { line: number + 1, problem };
            let [id, state, key] = *words.as_slice() else {
                return Err(wrong("expected: id, active or open, key"));
            };
            let bytes = decode(key).ok_or_else(|| wrong("the key is not 32 bytes in base64"))?;
            match state {
                "active" => active.push((id.to_owned(), Cipher::new(&bytes))),
                "open" => {}
                _ => return Err(wrong("the state must be active or open")),
            }
            let key = Key { cipher: Cipher::new(&bytes), hash: HashKey::of(&bytes), check_value: check_value(&bytes) };
            if keys.insert(id.to_owned(), key).is_some() {
                return Err(wrong("the id is there twice"));
            }
        }
        let count = active.len();
        match (active.pop(), count) {
            (Some(active), 1) => Ok(Self { keys, active }),
            _ => Err(KeyringError::Active(count)),
        }
    }

    /// The text of a keyring with one random active key.
    pub fn generate(entropy: &dyn Entropy) -> SecretString {
        with_new(None, entropy).1
    }

    /// The id of the key that seals.
    pub fn active_id(&self) -> &str {
        &self.active.0
    }

    /// Every key: its id and check value.
    pub fn check_values(&self) -> BTreeMap<String, CheckValue> {
        self.keys.iter().map(|(id, key)| (id.clone(), key.check_value.clone())).collect()
    }

    pub(super) fn active(&self) -> (&str, &Cipher) {
        (&self.active.0, &self.active.1)
    }

    pub(super) fn get(&self, id: &str) -> Option<&Cipher> {
        self.keys.get(id).map(|key| &key.cipher)
    }

    /// What each key hashes with, the active one's first.
    pub(super) fn hash_keys(&self) -> Vec<HashKey> {
        let mut keys: Vec<_> = self.keys.iter().collect();
        keys.sort_by_key(|(id, _)| **id != self.active.0);
        keys.into_iter().map(|(_, key)| key.hash.clone()).collect()
    }
}

/// A text with one more random key, which only opens, or is active where there is none; and its id.
pub(super) fn with_new(text: Option<&SecretString>, entropy: &dyn Entropy) -> (String, SecretString) {
    let before = text.map_or("", |text| text.expose_secret());
    let taken = |id: &str| keys_of(before).any(|words| words.first() == Some(&id));
    let id = loop {
        let id = entropy.bytes::<4>().map(|byte| format!("{byte:02x}")).concat();
        if !taken(&id) {
            break id;
        }
    };
    let state = if keys_of(before).next().is_none() { "active" } else { "open" };
    let key = Zeroizing::new(STANDARD.encode(*Zeroizing::new(entropy.bytes::<32>())));
    let header = if before.trim().is_empty() { HEADER } else { before.trim_end() };
    let text = format!("{}\n{id} {state} {}\n", header.trim_end(), *key).into();
    (id, text)
}

/// A text in which this key is the active one, and the one that was only opens.
pub(super) fn with_active(text: &SecretString, id: &str) -> SecretString {
    edited(text, |words| match words {
        [held, _, key] if *held == id => Some(Zeroizing::new(format!("{held} active {key}"))),
        [held, _, key] => Some(Zeroizing::new(format!("{held} open {key}"))),
        other => Some(Zeroizing::new(other.join(" "))),
    })
}

/// A text without this key.
pub(super) fn without(text: &SecretString, id: &str) -> SecretString {
    edited(text, |words| (words.first() != Some(&id)).then(|| Zeroizing::new(words.join(" "))))
}

/// A text whose keys were gone through; comments stay as they are.
fn edited(text: &SecretString, edit: impl Fn(&[&str]) -> Option<Zeroizing<String>>) -> SecretString {
    let mut out = Zeroizing::new(String::with_capacity(text.expose_secret().len() * 2));
    for line in text.expose_secret().lines() {
        let edited = match words_of(line) {
            Some(words) => edit(&words),
            None => Some(Zeroizing::new(line.to_owned())),
        };
        if let Some(line) = edited {
            out.push_str(&line);
            out.push('\n');
        }
    }
    SecretString::from(out.as_str())
}

fn keys_of(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().filter_map(words_of)
}

/// The words of a line that is neither empty nor a comment.
fn words_of(line: &str) -> Option<Vec<&str>> {
    let line = line.trim();
    (!line.is_empty() && !line.starts_with('#')).then(|| line.split_whitespace().collect())
}

fn decode(key: &str) -> Option<Zeroizing<[u8; 32]>> {
    let bytes = Zeroizing::new(STANDARD.decode(key).ok()?);
    <[u8; 32]>::try_from(bytes.as_slice()).ok().map(Zeroizing::new)
}

/// Tells a key from another of the same id, and tells nothing about the key: it is a MAC under 256 random bits.
fn check_value(key: &[u8; 32]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), b"fedlink keyring check value").as_ref().to_vec()
}
