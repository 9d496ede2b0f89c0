//! JWTs of trusted issuers (RFC 9068): whose they are here, and the account that a first one makes.

use std::sync::{Arc, OnceLock};

use chrono::TimeDelta;

use super::seen::{Purpose, Seen, TokenHash, VERIFIED_FOR, Verified};
use crate::{Parts, accounts};
use domain::account::Account;
use domain::entry::{Entry, Means};
use domain::ids::{ClientId, Subject};
use domain::jwt::AccessClaims;
use domain::scope::Scope;
use domain::{Error, Result};
use settings::{Client, ClientAt, Issuer, Settings, Subjects};

/// Whether a token is an issuer's to judge: ours have no dots.
pub(crate) fn is_one(parts: &Parts, token: &str) -> bool {
    !parts.settings.issuers.is_empty() && token.matches('.').count() == 2
}

/// What is done about an issuer's users who have no account here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Newcomers {
    /// They get one.
    LetIn,
    /// Nothing.
    LeaveOut,
}

/// What a Bearer says, if an issuer has signed it for us and its user may come in; `None` if they are a newcomer, and left out.
pub(super) async fn bearer(
    parts: &Arc<Parts>,
    token: &str,
    hash: TokenHash,
    newcomers: Newcomers,
) -> Result<Option<Seen>> {
    let verified = verified(parts, token, hash, None).await?;
    let is_in = match &verified.subject {
        Some(subject) => admit(parts, &verified, subject, newcomers).await?,
        None => true,
    };
    Ok(is_in.then(|| seen(&verified)))
}

/// What a user's token says that `client`'s own API was sent (RFC 8693 §2.1). It makes no account; `None` if its user has none, or one
/// that is not the issuer's.
pub(crate) async fn subject_of(
    parts: &Arc<Parts>,
    token: &str,
    hash: TokenHash,
    client: &ClientId,
) -> Result<Option<Seen>> {
    let verified = verified(parts, token, hash, Some(client)).await?;
    let subject = verified.subject.as_ref().ok_or(Error::Denied)?;
    let account = store::read!(parts.store, |conn| store::accounts::find(conn, subject))?;
    if account.as_ref().is_some_and(|account| !may_enter(account)) {
        return Err(Error::Denied);
    }
    let is_known = match account {
        Some(account) => parts.settings.subjects == Subjects::Any || is_theirs(&account, &verified.issuer),
        None => parts.settings.subjects == Subjects::Any,
    };
    Ok(is_known.then(|| seen(&verified)))
}

fn seen(verified: &Verified) -> Seen {
    Seen {
        client: verified.client.clone(),
        subject: verified.subject.clone(),
        scopes: verified.scopes.clone(),
        lets_client_act: verified.lets_client_act,
        actor: verified.actor.clone(),
        expires: verified.expires,
        decided: verified.decided,
        caller: OnceLock::new(),
    }
}

/// What an issuer has signed: for us, or for the API of the client that is named.
async fn verified(
    parts: &Arc<Parts>,
    token: &str,
    hash: TokenHash,
    api_of: Option<&ClientId>,
) -> Result<Arc<Verified>> {
    let key = (api_of.cloned().map_or(Purpose::Bearer, Purpose::Subject), hash);
    if let Some(verified) = parts.tokens_seen.verified(&key, parts.decided, parts.clock.now()) {
        return Ok(verified);
    }
    let (token, api_of) = (token.to_owned(), api_of.cloned());
    // The issuer may have to be asked: not by a worker that serves others meanwhile.
    let verified = parts.detached(async move |parts| verify(&parts, &token, api_of).await).await?;
    let verified = Arc::new(verified);
    parts.tokens_seen.remember_verified(key, &verified);
    Ok(verified)
}

async fn verify(parts: &Parts, token: &str, api_of: Option<ClientId>) -> Result<Verified> {
    let settings = &parts.settings;
    let is_meant = |issuer: &Issuer, audience: &str| match &api_of {
        None => issuer.audiences.contains(audience),
        Some(client) => at(settings, client, issuer).is_some_and(|at| at.audiences.contains(audience)),
    };
    let (issuer, claims) = parts.upstream.verified(token, is_meant).await?;
    let (client, subject) = match api_of {
        None => whose(settings, issuer, &claims)?,
        Some(client) => {
            let subject = exchanged(settings, issuer, &claims)?;
            (client, Some(subject))
        }
    };
    let called = at(settings, &client, issuer).map_or(client.as_str(), |at| at.id.as_str());
    let lets_client_act = claims.lets_act(called);
    let believed = parts.clock.now() + TimeDelta::from_std(VERIFIED_FOR).map_err(Error::internal)?;
    Ok(Verified {
        issuer: issuer.issuer.clone(),
        client,
        subject,
        scopes: claims.scopes.iter().filter_map(|scope| Scope::parse(scope)).collect(),
        lets_client_act,
        actor: claims.actor,
        expires: claims.expires,
        until: believed.min(claims.expires),
        decided: parts.decided,
    })
}

/// What a client is to an issuer, where that is said.
fn at<'s>(settings: &'s Settings, client: &ClientId, issuer: &Issuer) -> Option<&'s ClientAt> {
    settings.clients.get(client)?.at.get(&issuer.issuer)
}

/// Whether an issuer, or we, call an application so.
fn is_application(settings: &Settings, issuer: &Issuer, id: &str) -> bool {
    let is_ours = ClientId::parse(id).is_ok_and(|id| settings.clients.contains_key(&id));
    is_ours || settings.client_at(&issuer.issuer, id).is_some()
}

/// The application that a Bearer was issued to, and the user it is for; none in system mode.
fn whose(settings: &Settings, issuer: &Issuer, claims: &AccessClaims) -> Result<(ClientId, Option<Subject>)> {
    let client: &Client = settings.client_at(&issuer.issuer, &claims.client).ok_or(Error::Denied)?;
    if claims.is_of_application(|id| is_application(settings, issuer, id)) {
        // Its subject is nobody else's: a token of one application does not name another.
        let names_itself = claims.subject.as_deref().is_none_or(|named| {
            named == claims.client || claims.is_machine && !is_application(settings, issuer, named)
        });
        let for_itself = names_itself && issuer.system_clients.contains(&client.id);
        return if for_itself { Ok((client.id.clone(), None)) } else { Err(Error::Denied) };
    }
    Ok((client.id.clone(), Some(subject(settings, issuer, claims)?)))
}

/// The user that a token is for which another API was sent: never an application.
fn exchanged(settings: &Settings, issuer: &Issuer, claims: &AccessClaims) -> Result<Subject> {
    if claims.is_of_application(|id| is_application(settings, issuer, id)) {
        return Err(Error::Denied);
    }
    subject(settings, issuer, claims)
}

/// What we call the user that a token is for.
fn subject(settings: &Settings, issuer: &Issuer, claims: &AccessClaims) -> Result<Subject> {
    let named = claims.subject.as_deref().ok_or(Error::Denied)?;
    let subject = Subject::parse(format!("{}{named}", issuer.subject_prefix)).map_err(|_unfit| Error::Denied)?;
    // Where one issuer's prefix is empty, its users could be called as another's are.
    let another = |other: &Issuer| {
        other.issuer != issuer.issuer
            && !other.subject_prefix.is_empty()
            && subject.as_str().starts_with(&other.subject_prefix)
    };
    if settings.issuers.iter().any(another) { Err(Error::Denied) } else { Ok(subject) }
}

/// Lets an issuer's user in: their account has to be that issuer's, and not disabled; one is made for newcomers who are let in, else
/// the answer is false.
async fn admit(parts: &Arc<Parts>, verified: &Verified, subject: &Subject, newcomers: Newcomers) -> Result<bool> {
    let found = store::read!(parts.store, |conn| store::accounts::find(conn, subject))?;
    if parts.settings.subjects == Subjects::Any {
        // Nobody needs an account; one that there is may be disabled all the same.
        return if found.as_ref().is_none_or(may_enter) { Ok(true) } else { Err(Error::Denied) };
    }
    let account = match found {
        Some(account) => account,
        None if newcomers == Newcomers::LeaveOut => return Ok(false),
        None => accounts::make_of_issuer(parts, &verified.issuer, &verified.client, subject).await?,
    };
    if is_theirs(&account, &verified.issuer) && may_enter(&account) { Ok(true) } else { Err(Error::Denied) }
}

fn may_enter(account: &Account) -> bool {
    account.standing().judge(Means::Issuer) == Entry::Open
}

fn is_theirs(account: &Account, issuer: &str) -> bool {
    account.issuer.as_deref() == Some(issuer)
}
