//! JWTs of trusted issuers (RFC 9068): whose they are here, and the account that a first one makes.

use std::sync::Arc;

use chrono::TimeDelta;

use super::seen::{Key, Purpose, Seen, VERIFIED_FOR, Verified};
use crate::service::{Parts, accounts};
use domain::account::Account;
use domain::entry::{Entry, Means};
use domain::ids::{ClientId, Subject};
use domain::jwt::AccessClaims;
use domain::scope::Scope;
use domain::{Error, Result};
use settings::{Client, Issuer, Settings, Subjects};

/// Whether a token is an issuer's to judge: ours have no dots.
pub(in crate::service) fn is_one(parts: &Parts, token: &str) -> bool {
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
pub(super) async fn bearer(parts: &Arc<Parts>, token: &str, key: &Key, newcomers: Newcomers) -> Result<Option<Seen>> {
    let verified = verified(parts, token, key).await?;
    let is_in = match &verified.subject {
        Some(subject) => admit(parts, &verified, subject, newcomers).await?,
        None => true,
    };
    Ok(is_in.then(|| seen(&verified)))
}

/// What a user's token says that another API was sent (RFC 8693 §2.1): `key` names the client whose API that is. It makes no account;
/// `None` if its user has none, or one that is not the issuer's.
pub(in crate::service) async fn subject_of(parts: &Arc<Parts>, token: &str, key: &Key) -> Result<Option<Seen>> {
    let verified = verified(parts, token, key).await?;
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
        actor: verified.actor.clone(),
        expires: verified.expires,
        decided: verified.decided,
    }
}

async fn verified(parts: &Arc<Parts>, token: &str, key: &Key) -> Result<Arc<Verified>> {
    if let Some(verified) = parts.tokens_seen.verified(key, parts.decided, parts.clock.now()) {
        return Ok(verified);
    }
    let (token, purpose) = (token.to_owned(), key.0.clone());
    // The issuer may have to be asked: not by a worker that serves others meanwhile.
    let verified = parts.detached(async move |parts| verify(&parts, &token, &purpose).await).await?;
    let verified = Arc::new(verified);
    parts.tokens_seen.remember_verified(key.clone(), &verified);
    Ok(verified)
}

async fn verify(parts: &Parts, token: &str, purpose: &Purpose) -> Result<Verified> {
    let settings = &parts.settings;
    let is_for_us = |issuer: &Issuer, audience: &str| match purpose {
        Purpose::Bearer => issuer.audiences.contains(audience),
        Purpose::Subject(client) => is_for(settings, client, issuer, audience),
        Purpose::Workload(_) => false,
    };
    let (issuer, claims) = parts.upstream.verified(token, is_for_us).await?;
    let (client, subject) = match purpose {
        Purpose::Bearer => whose(settings, issuer, &claims)?,
        Purpose::Subject(client) => (client.clone(), Some(exchanged(settings, issuer, client, &claims)?)),
        Purpose::Workload(_) => return Err(Error::Denied),
    };
    let believed = parts.clock.now() + TimeDelta::from_std(VERIFIED_FOR).map_err(Error::internal)?;
    Ok(Verified {
        issuer: issuer.issuer.clone(),
        client,
        subject,
        scopes: claims.scopes.iter().filter_map(|scope| Scope::parse(scope)).collect(),
        actor: claims.actor,
        expires: claims.expires,
        until: believed.min(claims.expires),
        decided: parts.decided,
    })
}

/// Whether an audience is that client's own API, as the issuer calls it.
fn is_for(settings: &Settings, client: &ClientId, issuer: &Issuer, audience: &str) -> bool {
    let at = settings.clients.get(client).and_then(|client| client.at.get(&issuer.issuer));
    at.is_some_and(|at| at.audiences.contains(audience))
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

/// The user that a token is for which another API was sent: never an application, and only where the token lets that API act.
fn exchanged(settings: &Settings, issuer: &Issuer, client: &ClientId, claims: &AccessClaims) -> Result<Subject> {
    let at = settings.clients.get(client).and_then(|client| client.at.get(&issuer.issuer)).ok_or(Error::Denied)?;
    if claims.is_of_application(|id| is_application(settings, issuer, id)) || !claims.lets_act(&at.id) {
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
