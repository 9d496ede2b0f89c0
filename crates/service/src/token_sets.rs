//! Writes tokens into a link's set by compare-and-swap: a ciphertext belongs to its row, so it is sealed for the row that
//! was read and written only if that row is still the one.

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

use super::Parts;
use domain::expiry::{Comes, Ends, Origin};
use domain::ids::LinkId;
use domain::link::Health;
use domain::params::{Params, Texts};
use domain::token_set::{LinkOwner, NewTokens, TokenSet};
use domain::{Error, Result};
use store::Conn;
use store::token_sets::{Past, find, insert_if_absent, replace};
use vault::{Column, Owner, RowKey, Table};

/// Tokens to keep for a link, in the clear.
pub(super) struct Keeping {
    /// The access token; an import may have none.
    pub(super) access: Option<SecretString>,
    /// The refresh token; none keeps the one that is stored (RFC 6749 §6).
    pub(super) refresh: Option<SecretString>,
    /// What came with the grant: what goes along with the refresh token is kept, and replaced, with it; of what is handed on each may
    /// come anew.
    pub(super) params: Params,
    /// The scopes the provider stated.
    pub(super) scope: Option<String>,
    /// Where they come from, and what is said there of when they end.
    pub(super) origin: Origin,
    /// The stored refresh token has just got us these: whatever was held against it is over.
    pub(super) refreshed: bool,
}

/// The owner as the vault binds to it.
pub(super) fn owner(link: LinkId, of: &LinkOwner) -> Owner<'_> {
    Owner::new(link, &of.subject, &of.provider, of.sid.as_str())
}

/// Keeps tokens for a link, over whatever set it has.
pub(super) async fn keep(parts: &Parts, conn: &mut Conn, owner: Owner<'_>, tokens: &Keeping) -> Result<()> {
    // Each round that fails means that another writer succeeded, so this ends.
    loop {
        let done = match find(conn, owner.link).await? {
            Some((_, set)) => swap(parts, conn, owner, &set, tokens).await?,
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
    set: &TokenSet,
    tokens: &Keeping,
) -> Result<bool> {
    let key = open_key(parts, set)?;
    let sealed_refresh = match &tokens.refresh {
        Some(token) => Some(parts.vault.seal(&key, &owner.place(Column::Refresh), token)?),
        // RFC 6749 §6: an answer without a refresh token keeps the old.
        None => set.sealed_refresh.clone(),
    };
    let comes = comes(parts, &key, owner, set, tokens);
    // Health, rest and lease speak of the refresh token: for one that is new or has just worked they are over.
    let past = match comes {
        _ if tokens.refreshed => Past::Over,
        // Nothing is left that anything could be known of.
        Comes::None if set.sealed_refresh.is_none() => Past::Over,
        Comes::None => Past::Stays,
        // An import that is run again, say. Whoever has this token at the provider must not be joined by another.
        Comes::TheSame => Past::Forgiven,
        Comes::Another => Past::Over,
    };
    let ends = set.ends.renewed(tokens.origin, comes);
    let sealed_params = if past == Past::Over && !tokens.refreshed {
        // Another grant's refresh token: the old one's parameters are no more its own than the old one.
        seal_params(parts, &key, owner, tokens)?
    } else {
        renewed_params(parts, &key, owner, set, tokens)?
    };
    let new = NewTokens {
        sealed_access: seal_access(parts, &key, owner, tokens)?,
        sealed_refresh,
        sealed_params,
        scope: tokens.scope.clone().or_else(|| set.scope.clone()),
        ends,
        version: set.version.checked_add(1).ok_or_else(|| Error::internal("a token set's version ran over"))?,
    };
    replace(conn, owner.link, set.version, &new, past).await
}

fn comes(parts: &Parts, key: &RowKey, owner: Owner<'_>, set: &TokenSet, tokens: &Keeping) -> Comes {
    match &tokens.refresh {
        None => Comes::None,
        Some(token) if is_stored(parts, key, owner, set, token) => Comes::TheSame,
        Some(_) => Comes::Another,
    }
}

/// Whether this is the refresh token that is stored. One that does not open is none.
fn is_stored(parts: &Parts, key: &RowKey, owner: Owner<'_>, set: &TokenSet, token: &SecretString) -> bool {
    let sealed = set.sealed_refresh.as_ref();
    let stored = sealed.and_then(|sealed| parts.vault.open(key, &owner.place(Column::Refresh), sealed).ok());
    stored.is_some_and(|stored| is_same(&stored, token))
}

/// Whether two tokens are the same, in constant time.
pub(super) fn is_same(one: &SecretString, other: &SecretString) -> bool {
    one.expose_secret().as_bytes().ct_eq(other.expose_secret().as_bytes()).into()
}

/// A set that comes from another installation, in the clear, with all that was known of it there.
pub(super) struct Whole {
    pub(super) access: Option<SecretString>,
    pub(super) refresh: Option<SecretString>,
    pub(super) params: Params,
    pub(super) scope: Option<String>,
    pub(super) ends: Ends,
    pub(super) health: Health,
    pub(super) health_since: Option<DateTime<Utc>>,
}

/// Writes a link's first set as it was elsewhere; says whether the link had none.
pub(super) async fn insert_whole(parts: &Parts, conn: &mut Conn, owner: Owner<'_>, set: &Whole) -> Result<bool> {
    let (key, wrapped) = parts.vault.new_row_key(Table::TokenSets, owner.link.0)?;
    let seal = |column, text: Option<&SecretString>| {
        text.map(|text| parts.vault.seal(&key, &owner.place(column), text)).transpose()
    };
    let sealed = TokenSet {
        link: owner.link,
        sealed_access: seal(Column::Access, set.access.as_ref())?,
        sealed_refresh: seal(Column::Refresh, set.refresh.as_ref())?,
        sealed_params: seal(Column::Params, set.params.to_text().as_ref())?,
        key_id: wrapped.key_id,
        wrapped_key: wrapped.bytes,
        scope: set.scope.clone(),
        ends: set.ends,
        version: parts.entropy.version(),
        health: set.health,
        health_since: set.health_since,
        retry_at: None,
        failures: 0,
        rejected: false,
    };
    insert_if_absent(conn, &sealed).await
}

async fn insert(parts: &Parts, conn: &mut Conn, owner: Owner<'_>, tokens: &Keeping) -> Result<bool> {
    let (key, wrapped) = parts.vault.new_row_key(Table::TokenSets, owner.link.0)?;
    let sealed_refresh = match &tokens.refresh {
        Some(token) => Some(parts.vault.seal(&key, &owner.place(Column::Refresh), token)?),
        None => None,
    };
    let ends = Ends::default().renewed(tokens.origin, Comes::Another);
    let set = TokenSet {
        link: owner.link,
        sealed_access: seal_access(parts, &key, owner, tokens)?,
        sealed_refresh,
        sealed_params: seal_params(parts, &key, owner, tokens)?,
        key_id: wrapped.key_id,
        wrapped_key: wrapped.bytes,
        scope: tokens.scope.clone(),
        ends,
        // Random, so that no holder of an earlier set's version can match it.
        version: parts.entropy.version(),
        health: Health::Ok,
        health_since: None,
        retry_at: None,
        failures: 0,
        rejected: false,
    };
    insert_if_absent(conn, &set).await
}

fn seal_access(parts: &Parts, key: &RowKey, owner: Owner<'_>, tokens: &Keeping) -> Result<Option<Vec<u8>>> {
    tokens.access.as_ref().map(|token| parts.vault.seal(key, &owner.place(Column::Access), token)).transpose()
}

fn seal_params(parts: &Parts, key: &RowKey, owner: Owner<'_>, tokens: &Keeping) -> Result<Option<Vec<u8>>> {
    tokens.params.to_text().map(|text| parts.vault.seal(key, &owner.place(Column::Params), &text)).transpose()
}

/// What goes along with the stored refresh token, with the fields that came anew. An answer to a refresh may say them again, or not; a user
/// who linked again says all that there is; an import says nothing of them.
fn renewed_params(
    parts: &Parts,
    key: &RowKey,
    owner: Owner<'_>,
    set: &TokenSet,
    tokens: &Keeping,
) -> Result<Option<Vec<u8>>> {
    let newer = &tokens.params.fields;
    let replaces = !tokens.refreshed && matches!(tokens.origin, Origin::Granted { .. });
    if newer.is_empty() && !replaces {
        return Ok(set.sealed_params.clone());
    }
    let place = owner.place(Column::Params);
    let stands = match &set.sealed_params {
        None => Params::default(),
        Some(sealed) => match parts.vault.open(key, &place, sealed).and_then(|text| Params::from_text(&text)) {
            Ok(stands) => stands,
            // No word about a token is worth the token.
            Err(_unreadable) => return Ok(set.sealed_params.clone()),
        },
    };
    let fields = if replaces { newer.clone() } else { stands.fields.renewed(newer) };
    let params = Params { fields, ..stands };
    params.to_text().map(|text| parts.vault.seal(key, &place, &text)).transpose()
}

/// The parameters that go along with a set's refresh token.
pub(super) fn open_resent(parts: &Parts, owner: Owner<'_>, set: &TokenSet) -> Result<Texts> {
    let Some(sealed) = &set.sealed_params else { return Ok(Texts::default()) };
    let text = parts.vault.open(&open_key(parts, set)?, &owner.place(Column::Params), sealed)?;
    Params::from_text(&text).map(|params| params.resent)
}

/// The key of a token set's row.
pub(super) fn open_key(parts: &Parts, set: &TokenSet) -> Result<RowKey> {
    parts.vault.open_row_key(Table::TokenSets, set.link.0, &set.key_id, &set.wrapped_key)
}
