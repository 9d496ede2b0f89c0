//! The keyring: a small text, one key a line, that must never be where the database is backed up.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::envelope::Cipher;
use crate::entropy::Entropy;

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
    Unreadable {
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
}

/// Keys by id, one of them active: it seals, the others only open.
pub struct Keyring {
    keys: BTreeMap<String, Key>,
    active: (String, Cipher),
}

struct Key {
    cipher: Cipher,
    check_value: Vec<u8>,
}

impl Keyring {
    /// Reads a keyring's text.
    pub fn parse(text: &SecretString) -> Result<Self, KeyringError> {
        let mut keys = BTreeMap::new();
        let mut active = Vec::new();
        for (number, line) in text.expose_secret().lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |problem| KeyringError::Line { line: number + 1, problem };
            let mut words = line.split_whitespace();
            let (Some(id), Some(state), Some(key), None) = (words.next(), words.next(), words.next(), words.next())
            else {
                return Err(wrong("expected: id, active or open, key"));
            };
            let bytes = decode(key).ok_or_else(|| wrong("the key is not 32 bytes in base64"))?;
            match state {
                "active" => active.push((id.to_owned(), Cipher::new(&bytes))),
                "open" => {}
                _ => return Err(wrong("the state must be active or open")),
            }
            let key = Key { cipher: Cipher::new(&bytes), check_value: check_value(&bytes) };
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

    /// Reads a keyring file, which only its owner may be able to read.
    pub fn load(path: &Path) -> Result<Self, KeyringError> {
        let unreadable = |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::NotFound => KeyringError::Missing(path.to_owned()),
            _ => KeyringError::Unreadable { path: path.to_owned(), source },
        };
        let mode = std::fs::metadata(path).map_err(unreadable)?.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyringError::Exposed { path: path.to_owned(), mode });
        }
        Self::parse(&std::fs::read_to_string(path).map_err(unreadable)?.into())
    }

    /// Makes a keyring file with one random active key; an existing file is left alone and is an error.
    pub fn create(path: &Path, entropy: &dyn Entropy) -> Result<Self, KeyringError> {
        let text = Self::generate(entropy);
        let unreadable = |source| KeyringError::Unreadable { path: path.to_owned(), source };
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(unreadable)?;
        file.write_all(text.expose_secret().as_bytes()).and_then(|()| file.sync_all()).map_err(unreadable)?;
        Self::parse(&text)
    }

    /// The text of a keyring with one random active key.
    pub fn generate(entropy: &dyn Entropy) -> SecretString {
        let key = Zeroizing::new(entropy.bytes::<32>());
        let id = entropy.bytes::<4>().map(|byte| format!("{byte:02x}")).concat();
        let line = Zeroizing::new(STANDARD.encode(*key));
        format!("{HEADER}{id} active {}\n", *line).into()
    }

    pub(super) fn active(&self) -> (&str, &Cipher) {
        (&self.active.0, &self.active.1)
    }

    pub(super) fn get(&self, id: &str) -> Option<&Cipher> {
        self.keys.get(id).map(|key| &key.cipher)
    }

    pub(super) fn check_values(&self) -> impl Iterator<Item = (&str, Vec<u8>)> {
        self.keys.iter().map(|(id, key)| (id.as_str(), key.check_value.clone()))
    }
}

fn decode(key: &str) -> Option<Zeroizing<[u8; 32]>> {
    let bytes = Zeroizing::new(STANDARD.decode(key).ok()?);
    <[u8; 32]>::try_from(bytes.as_slice()).ok().map(Zeroizing::new)
}

/// Tells a key from another of the same id, and tells nothing about the key: it is a MAC under 256 random bits.
fn check_value(key: &[u8; 32]) -> Vec<u8> {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return Vec::new();
    };
    mac.update(b"fedlink keyring check value");
    mac.finalize().into_bytes().to_vec()
}
