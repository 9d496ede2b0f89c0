//! Our own tokens: issued to applications, for themselves or for a user, and all that came of one sign-in ended together.

mod claimed;
mod code;
mod issued;
mod refresh;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

use super::Parts;
use super::audit::{About, record};
use super::callers::hash;
use crate::boxed;
use domain::event::{Actor, Event};
use domain::ids::{ClientId, Subject};
use domain::issued::{AccessToken, RefreshToken};
use domain::scope::{Scope, each_once};
use domain::{Error, Result};
use settings::Client;
use store::oauth_tokens::insert;
use store::{Tx, accounts, oauth_refresh_tokens, oauth_tokens};

pub use code::{Redemption, redeem};
pub use issued::{AccessFacts, Introspection, introspect, revoke};
pub use refresh::refresh;

/// How long an access token of ours lives.
pub const TOKEN_LIFETIME: Duration = Duration::from_hours(1);
/// How long a refresh token of ours lives, unless it is used.
pub const REFRESH_LIFETIME: Duration = Duration::from_hours(30 * 24);

/// Tokens as their client gets them, once.
#[derive(Debug)]
pub struct Issued {
    /// 43 characters of base64url.
    pub access_token: SecretString,
    /// How long the access token lives.
    pub expires_in: Duration,
    /// What the access token opens.
    pub scopes: Vec<Scope>,
    /// What the next access token comes for; in user mode alone.
    pub refresh_token: Option<SecretString>,
}

/// Why a client gets no tokens for what it holds (RFC 6749 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// `invalid_grant`: the code or token is unknown, late, used, another's, or its user is no more.
    Grant,
    /// `invalid_scope`: more than was granted, or nothing that still is.
    Scope,
}

/// What comes of a code or a refresh token. A refusal is no error: it may have used something up.
pub type Granting = std::result::Result<Issued, Refused>;

/// The scopes that a client asks for in one text; all of its own if it names none. `None`: one of them isn't granted to it.
pub fn requested_scopes(client: &Client, scope: Option<&str>) -> Option<Vec<Scope>> {
    match scope.map(str::trim).filter(|scope| !scope.is_empty()) {
        None => Some(client.scopes.clone()),
        Some(scope) => each_once(
            scope
                .split_ascii_whitespace()
                .map(|scope| Scope::parse(scope).filter(|scope| client.scopes.contains(scope))),
        ),
    }
}

/// The same for a token in user mode, where no `…_sys_…` scope counts: asked for by name it is refused, else left out.
/// `None` also where nothing is left, since a token that opens nothing helps nobody.
pub fn requested_user_scopes(client: &Client, scope: Option<&str>) -> Option<Vec<Scope>> {
    let named = scope.is_some_and(|scope| !scope.trim().is_empty());
    let mut scopes = requested_scopes(client, scope)?;
    if !named {
        scopes.retain(|scope| !scope.is_system());
    }
    (!scopes.is_empty() && !scopes.iter().any(Scope::is_system)).then_some(scopes)
}

/// Scopes as one text, separated by spaces (RFC 6749 §3.3).
pub fn scope_text(scopes: &[Scope]) -> String {
    scopes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// Issues an access token alone: for a user, or in system mode for the client itself.
#[boxed]
pub async fn issue(
    parts: &Arc<Parts>,
    client: &ClientId,
    subject: Option<&Subject>,
    scopes: Vec<Scope>,
) -> Result<Issued> {
    let token = parts.entropy.token();
    let access = access_token(parts, &token, parts.entropy.uuid(), Holder { client, subject, family: None }, &scopes)?;
    parts.detached(async move |parts| insert(&mut parts.store.write().await?, &access).await).await?;
    Ok(Issued { access_token: token, expires_in: TOKEN_LIFETIME, scopes, refresh_token: None })
}

/// Who holds an access token.
#[derive(Clone, Copy)]
struct Holder<'a> {
    client: &'a ClientId,
    /// None in system mode.
    subject: Option<&'a Subject>,
    /// The sign-in that it comes of.
    family: Option<Uuid>,
}

fn access_token(
    parts: &Parts,
    token: &SecretString,
    id: Uuid,
    holder: Holder<'_>,
    scopes: &[Scope],
) -> Result<AccessToken> {
    let Holder { client, subject, family } = holder;
    Ok(AccessToken {
        token_hash: hash(token.expose_secret()).to_vec(),
        id,
        client: client.clone(),
        subject: subject.cloned(),
        scope: scope_text(scopes),
        issued: parts.clock.now(),
        expires: ends(parts, TOKEN_LIFETIME)?,
        family,
    })
}

fn ends(parts: &Parts, lifetime: Duration) -> Result<DateTime<Utc>> {
    Ok(parts.clock.now() + TimeDelta::from_std(lifetime).map_err(Error::internal)?)
}

/// All that came of one sign-in at one application.
struct Family<'a> {
    id: Uuid,
    client: &'a ClientId,
    subject: &'a Subject,
    /// What the user's sign-in granted: a refresh token keeps all of it, however little is asked for at a time
    /// (RFC 6749 §6).
    scope: &'a str,
}

impl<'a> Family<'a> {
    /// That of a refresh token.
    fn of(token: &'a RefreshToken) -> Self {
        Self { id: token.family, client: &token.client, subject: &token.subject, scope: &token.scope }
    }
}

impl Family<'_> {
    /// The next tokens, those of a claim, in a transaction that holds the subject.
    async fn issue(&self, parts: &Parts, tx: &mut Tx, claim: Uuid, scopes: Vec<Scope>) -> Result<Issued> {
        let (access, refresh) = (parts.entropy.token(), parts.entropy.token());
        let holder = Holder { client: self.client, subject: Some(self.subject), family: Some(self.id) };
        let token = access_token(parts, &access, claim, holder, &scopes)?;
        insert(tx.conn(), &token).await?;
        let token = RefreshToken {
            token_hash: hash(refresh.expose_secret()).to_vec(),
            client: self.client.clone(),
            subject: self.subject.clone(),
            scope: self.scope.to_owned(),
            family: self.id,
            is_used: false,
            expires: ends(parts, REFRESH_LIFETIME)?,
            born_of: Some(claim),
        };
        oauth_refresh_tokens::insert(tx.conn(), &token).await?;
        Ok(Issued { access_token: access, expires_in: TOKEN_LIFETIME, scopes, refresh_token: Some(refresh) })
    }

    /// Ends it because something that works once came twice: somebody else has a copy, and nobody can tell whose is whose
    /// (RFC 6749 §10.5, RFC 9700 §4.14).
    async fn end_reused(&self, parts: &Parts, mut tx: Tx, detail: &'static str) -> Result<()> {
        self.note(parts, &mut tx, Event::TokenReused, detail).await?;
        self.end(parts, tx).await
    }

    /// Deletes what a claim brought and nobody ever got.
    async fn forget(&self, tx: &mut Tx, void: Option<Uuid>) -> Result<()> {
        let Some(void) = void else { return Ok(()) };
        oauth_tokens::delete_of_claim(tx.conn(), self.id, void).await?;
        oauth_refresh_tokens::delete_of_claim(tx.conn(), self.id, void).await
    }

    /// Deletes its tokens, commits, and believes none of them any longer.
    async fn end(&self, parts: &Parts, mut tx: Tx) -> Result<()> {
        oauth_refresh_tokens::delete_family(tx.conn(), self.id).await?;
        let access = oauth_tokens::delete_family(tx.conn(), self.id).await?;
        tx.commit().await?;
        parts.tokens_seen.forget(access.iter().map(Vec::as_slice));
        Ok(())
    }

    async fn note(&self, parts: &Parts, tx: &mut Tx, event: Event, detail: &'static str) -> Result<()> {
        let actor = Actor { client: Some(self.client.as_str().to_owned()), ..Actor::default() };
        let about = About { subject: Some(self.subject.as_str()), detail: Some(detail), ..About::default() };
        record(parts, tx, event, &actor, about).await
    }
}

/// Begins a transaction in which this subject's account stands still, and with it all that is issued in its name: a family
/// that ends leaves no token behind that was on its way.
async fn begin_holding(parts: &Parts, subject: &Subject) -> Result<Tx> {
    let mut tx = parts.store.begin().await?;
    accounts::hold(tx.conn(), subject).await?;
    Ok(tx)
}

/// Whether applications may act for this subject.
async fn is_active(tx: &mut Tx, subject: &Subject) -> Result<bool> {
    let account = accounts::find(tx.conn(), subject).await?;
    Ok(account.is_some_and(|account| account.may_sign_in()))
}
