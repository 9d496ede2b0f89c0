//! The only door to plaintext tokens: envelope encryption, a random key per row wrapped by a key of the keyring (docs/vault.md).
//!
//! It uses [`domain`], and never sees the database: a row's place and its wrapped key are handed to it.
//!
//! ```
//! use domain::entropy::SystemEntropy;
//! use domain::ids::{LinkId, ProviderId, Subject};
//! use fedlink_vault::{Column, Keyring, Owner, Table, Vault};
//! use secrecy::ExposeSecret as _;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let entropy = SystemEntropy::shared();
//! let vault = Vault::new(Keyring::parse(&Keyring::generate(&*entropy))?, entropy.clone());
//! let (link, subject, provider) = (LinkId(entropy.uuid()), Subject::parse("42")?, ProviderId::parse("tcs", "tcs_1")?);
//! let (key, _wrapped) = vault.new_row_key(Table::TokenSets, link.0)?;
//! let owner = Owner::new(link, &subject, &provider, "1000347601");
//! let sealed = vault.seal(&key, &owner.place(Column::Access), &"an access token".into())?;
//! assert_eq!(vault.open(&key, &owner.place(Column::Access), &sealed)?.expose_secret(), "an access token");
//! // In another place it does not open.
//! assert!(vault.open(&key, &owner.place(Column::Refresh), &sealed).is_err());
//! # Ok(())
//! # }
//! ```

mod clear;
mod envelope;
mod file;
mod hash;
mod keyring;
mod passphrase;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use secrecy::SecretString;
use uuid::Uuid;
use zeroize::Zeroize as _;

pub use clear::{in_the_clear, in_the_clear_if_any};
pub use envelope::{Place, RowKey, WrappedKey};
pub use file::KeyringFile;
pub use hash::HashKey;
pub use keyring::{CheckValue, Keyring, KeyringError};
pub use passphrase::{Passphrase, SALT};

use envelope::Cipher;

use domain::apart::{Apart, Copies};
use domain::entropy::{Entropy, SharedEntropy};
use domain::ids::{LinkId, ProviderId, Subject};
use domain::{Error, Result};

/// Seals and opens secrets with the keys of one keyring, which can be changed for another. Clones share it.
#[derive(Clone)]
pub struct Vault {
    held: Arc<Copies<Held>>,
    entropy: SharedEntropy,
    openings: Arc<Apart<AtomicU64>>,
}

/// The keyring, and others that open for a while: those it has taken the place of, since a row read a moment before a key went may be
/// opened a moment after; and one that is about to take its place.
#[derive(Clone)]
struct Held {
    keyring: Arc<Keyring>,
    /// Each with the monotonic time at which one took the other's place.
    left: Vec<(Arc<Keyring>, Duration)>,
}

/// Which table a row key belongs to; a key wrapped for one does not open in the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// `token_sets`, by link id.
    TokenSets,
    /// `flows`, by flow id.
    Flows,
    /// `revocations`, by their own id.
    Revocations,
}

impl Table {
    fn as_str(self) -> &'static str {
        match self {
            Self::TokenSets => "token_sets",
            Self::Flows => "flows",
            Self::Revocations => "revocations",
        }
    }
}

/// Which secret of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// The access token.
    Access,
    /// The refresh token.
    Refresh,
    /// The parameters that are sent again with it.
    Params,
}

/// Whose tokens they are: what their ciphertexts are bound to.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    /// The link's row.
    pub link: LinkId,
    /// The subject it belongs to.
    pub subject: &'a str,
    /// The provider's type.
    pub fp_type: &'a str,
    /// The provider's name.
    pub fp_name: &'a str,
    /// The account's id at the provider.
    pub sid: &'a str,
}

impl<'a> Owner<'a> {
    /// The owner of a link's tokens.
    pub fn new(link: LinkId, subject: &'a Subject, provider: &'a ProviderId, sid: &'a str) -> Self {
        Self { link, subject: subject.as_str(), fp_type: provider.fp_type(), fp_name: provider.fp_name(), sid }
    }

    /// Where a token of this owner stands; a ciphertext opens nowhere else.
    pub fn place(&self, column: Column) -> Place {
        let column = match column {
            Column::Access => "sealed_access",
            Column::Refresh => "sealed_refresh",
            Column::Params => "sealed_params",
        };
        Place::of(&[
            Table::TokenSets.as_str(),
            self.link.0.hyphenated().encode_lower(&mut Uuid::encode_buffer()),
            self.subject,
            self.fp_type,
            self.fp_name,
            self.sid,
            column,
        ])
    }
}

impl Vault {
    /// A vault with these keys.
    pub fn new(keyring: Keyring, entropy: SharedEntropy) -> Self {
        let held = Held { keyring: Arc::new(keyring), left: Vec::new() };
        Self { held: Arc::new(Copies::new(|| held.clone())), entropy, openings: Arc::default() }
    }

    /// Takes another keyring. What the old one had goes on to open until [`Vault::forget_left`].
    pub fn replace(&self, keyring: Keyring, monotonic: Duration) {
        let keyring = Arc::new(keyring);
        self.offer(&keyring, monotonic);
        self.held.change(|held| {
            let old = std::mem::replace(&mut held.keyring, Arc::clone(&keyring));
            held.left.push((old, monotonic));
        });
    }

    /// Forgets the keyrings that were left before a moment of monotonic time.
    pub fn forget_left(&self, before: Duration) {
        self.held.change(|held| held.left.retain(|(_, at)| *at >= before));
    }

    /// The keys it has: id and check value, which tells whether a key of that id elsewhere is the same.
    pub fn keys(&self) -> BTreeMap<String, CheckValue> {
        self.held.read().keyring.check_values()
    }

    /// Whether it opens what a key of that id wraps. Where it does not, another instance may: a row that names the key is
    /// not for this one to give up.
    pub fn has_key(&self, id: &str) -> bool {
        self.held.read().key(id).is_some()
    }

    /// The id of the key that seals.
    pub fn active_id(&self) -> String {
        self.held.read().keyring.active_id().to_owned()
    }

    /// What identifiers of people who are erased may be hashed with, by each key of the keyring: the active one's first.
    pub fn hash_keys(&self) -> Vec<HashKey> {
        self.held.read().keyring.hash_keys()
    }

    /// A new random key for a row, wrapped by the active key.
    pub fn new_row_key(&self, table: Table, id: Uuid) -> Result<(RowKey, WrappedKey)> {
        let key = RowKey::random(&*self.entropy);
        let wrapped = self.held.read().wrap(table, id, &key, &*self.entropy)?;
        Ok((key, wrapped))
    }

    /// A row's key, unwrapped.
    pub fn open_row_key(&self, table: Table, id: Uuid, key_id: &str, wrapped: &[u8]) -> Result<RowKey> {
        self.held.read().unwrap(table, id, key_id, wrapped)
    }

    /// A row's key, wrapped again by the active key; the row key itself stays, and with it all that is sealed under it.
    pub fn rewrap(&self, table: Table, id: Uuid, key_id: &str, wrapped: &[u8]) -> Result<WrappedKey> {
        let held = self.held.read();
        let key = held.unwrap(table, id, key_id, wrapped)?;
        held.wrap(table, id, &key, &*self.entropy)
    }

    /// Seals a text under a row's key, for one place.
    pub fn seal(&self, key: &RowKey, place: &Place, text: &SecretString) -> Result<Vec<u8>> {
        key.cipher().seal(place, secrecy::ExposeSecret::expose_secret(text).as_bytes(), &*self.entropy)
    }

    /// Opens a text sealed under a row's key for the same place.
    pub fn open(&self, key: &RowKey, place: &Place, sealed: &[u8]) -> Result<SecretString> {
        self.openings.here().fetch_add(1, Ordering::Relaxed);
        let mut plain = key.cipher().open(place, sealed)?;
        String::from_utf8(std::mem::take(&mut *plain)).map(SecretString::from).map_err(|error| {
            let told = Error::internal(error.to_string());
            error.into_bytes().zeroize();
            told
        })
    }

    /// How many texts were to be opened so far.
    pub fn openings(&self) -> u64 {
        self.openings.iter().map(|openings| openings.load(Ordering::Relaxed)).sum()
    }

    /// Every thread opens by a keyring before any seals by it: what one seals, another may read at once.
    fn offer(&self, keyring: &Arc<Keyring>, monotonic: Duration) {
        self.held.change(|held| held.left.push((Arc::clone(keyring), monotonic)));
    }
}

impl Held {
    fn wrap(&self, table: Table, id: Uuid, key: &RowKey, entropy: &dyn Entropy) -> Result<WrappedKey> {
        let (key_id, cipher) = self.keyring.active();
        let bytes = cipher.seal(&key_place(table, id), key.bytes(), entropy)?;
        Ok(WrappedKey { key_id: key_id.to_owned(), bytes })
    }

    fn unwrap(&self, table: Table, id: Uuid, key_id: &str, wrapped: &[u8]) -> Result<RowKey> {
        let cipher = self.key(key_id).ok_or_else(|| Error::internal(format!("the keyring has no key {key_id}")))?;
        RowKey::from_bytes(&cipher.open(&key_place(table, id), wrapped)?)
    }

    fn key(&self, id: &str) -> Option<&Cipher> {
        self.keyring.get(id).or_else(|| self.left.iter().find_map(|(left, _)| left.get(id)))
    }
}

fn key_place(table: Table, id: Uuid) -> Place {
    Place::of(&[table.as_str(), id.hyphenated().encode_lower(&mut Uuid::encode_buffer()), "wrapped_key"])
}

/// Which flow secrets are of, and what it is for. Who can write to the database, and no more, turns no flow to another app,
/// subject or provider, and completes none with a verifier of his own: after that its secrets do not open.
#[derive(Clone, Copy, Debug)]
pub struct Flow<'a> {
    /// The flow's row.
    pub id: Uuid,
    /// The client that asked for it.
    pub client: &'a str,
    /// The subject it is for, if that is settled.
    pub subject: Option<&'a str>,
    /// The provider's type.
    pub fp_type: &'a str,
    /// The provider's name.
    pub fp_name: &'a str,
    /// Where the app's users come back to.
    pub callback: &'a str,
    /// RFC 7636 §4.2.
    pub code_challenge: &'a str,
    /// The account, once the provider proved it.
    pub sid: Option<&'a str>,
}

/// Where a flow's secrets stand. A subject or `sid` that is not known is empty, as none that is known can be.
pub fn flow_place(flow: &Flow<'_>) -> Place {
    Place::of(&[
        Table::Flows.as_str(),
        &flow.id.to_string(),
        flow.client,
        flow.subject.unwrap_or_default(),
        flow.fp_type,
        flow.fp_name,
        flow.callback,
        flow.code_challenge,
        flow.sid.unwrap_or_default(),
        "sealed",
    ])
}

/// Where the tokens of a revocation stand. A `sid` that is not known is empty, as none that is known can be.
pub fn revocation_place(id: Uuid, fp_type: &str, fp_name: &str, sid: Option<&str>) -> Place {
    Place::of(&[Table::Revocations.as_str(), &id.to_string(), fp_type, fp_name, sid.unwrap_or_default(), "sealed"])
}
