//! Writes tokens into a link's set by compare-and-swap: a ciphertext belongs to its row, so it is sealed for the row that
//! was read and written only if that row is still the one.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

use super::Parts;
use crate::domain::expiry::{Comes, Ends, Origin};
use crate::domain::ids::LinkId;
use crate::domain::link::Health;
use crate::domain::params::Params;
use crate::domain::{Error, Result};
use crate::store::token_sets::{NewTokens, OwnerRow, Past, TokenRow, find, insert_if_absent, replace};
use crate::store::{Conn, at, row_id};
use crate::vault::{Column, Owner, RowKey, Table};

/// Tokens to keep for a link, in the clear.
pub(super) struct Keeping {
    /// The access token; an import may have none.
    pub(super) access: Option<SecretString>,
    /// The refresh token; none keeps the one that is stored (RFC 6749 §6).
    pub(super) refresh: Option<SecretString>,
    /// What came back with the code and goes along with the refresh token: kept, and replaced, with it.
    pub(super) params: Params,
    /// The scopes the provider stated.
    pub(super) scope: Option<String>,
    /// Where they come from, and what is said there of when they end.
    pub(super) origin: Origin,
    /// The stored refresh token has just got us these: whatever was held against it is over.
    pub(super) refreshed: bool,
}

/// The owner as the vault binds to it.
pub(super) fn owner(link: LinkId, row: &OwnerRow) -> Owner<'_> {
    Owner { link, subject: &row.0, fp_type: &row.1, fp_name: &row.2, sid: &row.3 }
}

/// Keeps tokens for a link, over whatever set it has.
pub(super) async fn keep(parts: &Parts, conn: &mut Conn, owner: Owner<'_>, tokens: &Keeping) -> Result<()> {
    // Each round that fails means that another writer succeeded, so this ends.
    loop {
        let done = match find(conn, owner.link).await? {
            Some((_, row)) => swap(parts, conn, owner, (&row, tokens)).await?,
            None => insert(parts, conn, owner, tokens).await?,
        };
        if done {
            return Ok(());
        }
    }
}

/// Writes over the version that was read; says whether it was still there.
pub(super) async fn swap(
    parts: &Parts,
    conn: &mut Conn,
    owner: Owner<'_>,
    (row, tokens): (&TokenRow, &Keeping),
) -> Result<bool> {
    let key = open_key(parts, row)?;
    let sealed_refresh = match &tokens.refresh {
        Some(token) => Some(parts.vault.seal(&key, &owner.place(Column::Refresh), token)?),
        // RFC 6749 §6: an answer without a refresh token keeps the old.
        None => row.sealed_refresh.clone(),
    };
    let comes = comes(parts, &key, owner, (row, tokens));
    // Health, rest and lease speak of the refresh token: for one that is new or has just worked they are over.
    let past = match comes {
        _ if tokens.refreshed => Past::Over,
        Comes::None => Past::Stays,
        // An import that is run again, say. Whoever has this token at the provider must not be joined by another.
        Comes::TheSame => Past::Forgiven,
        Comes::Another => Past::Over,
    };
    let ends = ends(row).renewed(tokens.origin, comes);
    let sealed_params = if past == Past::Over && !tokens.refreshed {
        // Another grant's refresh token: the old one's parameters are no more its own than the old one.
        seal_params(parts, &key, owner, tokens)?
    } else {
        row.sealed_params.clone()
    };
    let new = NewTokens {
        sealed_access: seal_access(parts, &key, owner, tokens)?,
        sealed_refresh,
        sealed_params,
        scope: tokens.scope.clone().or_else(|| row.scope.clone()),
        expires_at: ends.access.map(at),
        obtained_at: ends.obtained.map(at),
        imported_at: ends.imported.map(at),
        stated_life: stored_life(&ends),
        refresh_expires_at: ends.refresh.map(at),
        version: row.version.checked_add(1).ok_or_else(|| Error::internal("a token set's version ran over"))?,
    };
    replace(conn, owner.link, row.version, (&new, past)).await
}

/// What a row says of when its tokens end.
pub(super) fn ends(row: &TokenRow) -> Ends {
    Ends {
        access: row.expires_at.map(|at| at.0),
        life: row.stated_life.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs),
        refresh: row.refresh_expires_at.map(|at| at.0),
        obtained: row.obtained_at.map(|at| at.0),
        imported: row.imported_at.map(|at| at.0),
    }
}

fn stored_life(ends: &Ends) -> Option<i64> {
    ends.life.and_then(|life| i64::try_from(life.as_secs()).ok())
}

fn comes(parts: &Parts, key: &RowKey, owner: Owner<'_>, (row, tokens): (&TokenRow, &Keeping)) -> Comes {
    match &tokens.refresh {
        None => Comes::None,
        Some(token) if is_stored(parts, key, owner, (row, token)) => Comes::TheSame,
        Some(_) => Comes::Another,
    }
}

/// Whether this is the refresh token that is stored. One that does not open is none.
fn is_stored(parts: &Parts, key: &RowKey, owner: Owner<'_>, (row, token): (&TokenRow, &SecretString)) -> bool {
    let sealed = row.sealed_refresh.as_ref();
    let stored = sealed.and_then(|sealed| parts.vault.open(key, &owner.place(Column::Refresh), sealed).ok());
    stored.is_some_and(|stored| is_same(&stored, token))
}

/// Whether two tokens are the same, in constant time.
pub(super) fn is_same(one: &SecretString, other: &SecretString) -> bool {
    one.expose_secret().as_bytes().ct_eq(other.expose_secret().as_bytes()).into()
}

async fn insert(parts: &Parts, conn: &mut Conn, owner: Owner<'_>, tokens: &Keeping) -> Result<bool> {
    let (key, wrapped) = parts.vault.new_row_key(Table::TokenSets, owner.link.0)?;
    let sealed_refresh = match &tokens.refresh {
        Some(token) => Some(parts.vault.seal(&key, &owner.place(Column::Refresh), token)?),
        None => None,
    };
    let ends = Ends::default().renewed(tokens.origin, Comes::Another);
    let row = TokenRow {
        link_id: row_id(owner.link.0),
        sealed_access: seal_access(parts, &key, owner, tokens)?,
        sealed_refresh,
        sealed_params: seal_params(parts, &key, owner, tokens)?,
        key_id: wrapped.key_id,
        wrapped_key: wrapped.bytes,
        scope: tokens.scope.clone(),
        expires_at: ends.access.map(at),
        obtained_at: ends.obtained.map(at),
        imported_at: ends.imported.map(at),
        stated_life: stored_life(&ends),
        refresh_expires_at: ends.refresh.map(at),
        // Random, so that no holder of an earlier set's version can match it.
        version: parts.entropy.version(),
        health: Health::Ok.as_str().to_owned(),
        health_since: None,
        retry_at: None,
        failures: 0,
        refused_word: None,
        refused_times: 0,
    };
    insert_if_absent(conn, &row).await
}

fn seal_access(parts: &Parts, key: &RowKey, owner: Owner<'_>, tokens: &Keeping) -> Result<Option<Vec<u8>>> {
    tokens.access.as_ref().map(|token| parts.vault.seal(key, &owner.place(Column::Access), token)).transpose()
}

fn seal_params(parts: &Parts, key: &RowKey, owner: Owner<'_>, tokens: &Keeping) -> Result<Option<Vec<u8>>> {
    tokens.params.to_text().map(|text| parts.vault.seal(key, &owner.place(Column::Params), &text)).transpose()
}

/// The parameters that go along with a set's refresh token.
pub(super) fn open_params(parts: &Parts, owner: Owner<'_>, row: &TokenRow) -> Result<Params> {
    let Some(sealed) = &row.sealed_params else { return Ok(Params::default()) };
    Params::from_text(&parts.vault.open(&open_key(parts, row)?, &owner.place(Column::Params), sealed)?)
}

/// The key of a token set's row.
pub(super) fn open_key(parts: &Parts, row: &TokenRow) -> Result<RowKey> {
    parts.vault.open_row_key(Table::TokenSets, row.link_id.0, &row.key_id, &row.wrapped_key)
}
