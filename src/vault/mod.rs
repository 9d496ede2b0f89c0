//! The only door to plaintext tokens: envelope encryption, a random key per row wrapped by a key of the keyring.

mod envelope;
mod keyring;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use secrecy::SecretString;
use uuid::Uuid;

pub use envelope::{Place, RowKey, WrappedKey};
pub use keyring::{Keyring, KeyringError};

use crate::domain::ids::{LinkId, ProviderId, Subject};
use crate::domain::{Error, Result};
use crate::entropy::SharedEntropy;

/// Seals and opens secrets with the keys of one keyring.
#[derive(Clone)]
pub struct Vault {
    keyring: Arc<Keyring>,
    entropy: SharedEntropy,
}

/// Which table a row key belongs to; a key wrapped for one does not open in the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// `token_sets`, by link id.
    TokenSets,
    /// `flows`, by flow id.
    Flows,
}

impl Table {
    fn as_str(self) -> &'static str {
        match self {
            Self::TokenSets => "token_sets",
            Self::Flows => "flows",
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
            &self.link.to_string(),
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
        Self { keyring: Arc::new(keyring), entropy }
    }

    /// The keys it has: id and check value, which tells whether a key of that id elsewhere is the same.
    pub fn keys(&self) -> impl Iterator<Item = (&str, Vec<u8>)> {
        self.keyring.check_values()
    }

    /// A new random key for a row, wrapped by the active key.
    pub fn new_row_key(&self, table: Table, id: Uuid) -> Result<(RowKey, WrappedKey)> {
        let key = RowKey::random(&*self.entropy);
        let (key_id, cipher) = self.keyring.active();
        let bytes = cipher.seal(&key_place(table, id), key.bytes(), &*self.entropy)?;
        Ok((key, WrappedKey { key_id: key_id.to_owned(), bytes }))
    }

    /// A row's key, unwrapped.
    pub fn open_row_key(&self, table: Table, id: Uuid, key_id: &str, wrapped: &[u8]) -> Result<RowKey> {
        let cipher =
            self.keyring.get(key_id).ok_or_else(|| Error::internal(format!("the keyring has no key {key_id}")))?;
        RowKey::from_bytes(&cipher.open(&key_place(table, id), wrapped)?)
    }

    /// Seals a text under a row's key, for one place.
    pub fn seal(&self, key: &RowKey, place: &Place, text: &SecretString) -> Result<Vec<u8>> {
        key.cipher().seal(place, secrecy::ExposeSecret::expose_secret(text).as_bytes(), &*self.entropy)
    }

    /// Opens a text sealed under a row's key for the same place.
    pub fn open(&self, key: &RowKey, place: &Place, sealed: &[u8]) -> Result<SecretString> {
        let plain = key.cipher().open(place, sealed)?;
        std::str::from_utf8(&plain).map(SecretString::from).map_err(|error| Error::internal(error.to_string()))
    }
}

fn key_place(table: Table, id: Uuid) -> Place {
    Place::of(&[table.as_str(), &id.to_string(), "wrapped_key"])
}

/// Where a flow's secrets stand.
pub fn flow_place(id: Uuid) -> Place {
    Place::of(&[Table::Flows.as_str(), &id.to_string(), "sealed"])
}
