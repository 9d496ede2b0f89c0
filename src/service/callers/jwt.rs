//! JWTs of trusted issuers (RFC 9068): whose they are here, and the account that a first one makes.

use std::sync::Arc;

use chrono::TimeDelta;

use super::seen::{Seen, TokenHash, VERIFIED_FOR, Verified};
use crate::service::{Parts, accounts};
use domain::account::Account;
use domain::entry::{Entry, Means};
use domain::ids::{ClientId, Subject};
use domain::scope::Scope;
use domain::{Error, Result};
use settings::{Issuer, Settings, Subjects};
use upstream::AccessClaims;

/// Whether a token is an issuer's to judge: ours have no dots.
pub(super) fn is_one(parts: &Parts, token: &str) -> bool {
    !parts.settings.issuers.is_empty() && token.matches('.').count() == 2
}

/// What the token says, if an issuer has signed it and its user may come in.
pub(super) async fn look(parts: &Arc<Parts>, token: &str, hash: TokenHash) -> Result<Seen> {
    let verified = if let Some(verified) = parts.tokens_seen.verified(&hash, parts.clock.now()) {
        verified
    } else {
        let token = token.to_owned();
        // The issuer may have to be asked: not by a worker that serves others meanwhile.
        let verified = Arc::new(parts.detached(async move |parts| verify(&parts, &token).await).await?);
        parts.tokens_seen.remember_verified(hash, &verified);
        verified
    };
    if let Some(subject) = &verified.subject {
        admit(parts, &verified, subject).await?;
    }
    Ok(Seen {
        client: verified.client.clone(),
        subject: verified.subject.clone(),
        scopes: verified.scopes.clone(),
        expires: verified.expires,
    })
}

async fn verify(parts: &Parts, token: &str) -> Result<Verified> {
    let (issuer, claims) = parts.upstream.verified(token).await?;
    let (client, subject) = whose(&parts.settings, issuer, &claims)?;
    let believed = parts.clock.now() + TimeDelta::from_std(VERIFIED_FOR).map_err(Error::internal)?;
    Ok(Verified {
        issuer: issuer.issuer.clone(),
        client,
        subject,
        scopes: claims.scopes.iter().filter_map(|scope| Scope::parse(scope)).collect(),
        expires: claims.expires,
        until: believed.min(claims.expires),
    })
}

/// The application that a token was issued to, and the user it is for; none in system mode.
fn whose(settings: &Settings, issuer: &Issuer, claims: &AccessClaims) -> Result<(ClientId, Option<Subject>)> {
    let known = |id: &str| ClientId::parse(id).ok().filter(|id| settings.clients.contains_key(id));
    let client = known(&claims.client).ok_or(Error::Denied)?;
    if let Some(named) = known(&claims.sub) {
        // RFC 9068 §5: a token that an application got for itself has a `sub` as well, and it could be a user's id.
        let for_itself = named == client && issuer.system_clients.contains(&client);
        return if for_itself { Ok((client, None)) } else { Err(Error::Denied) };
    }
    let subject = Subject::parse(format!("{}{}", issuer.subject_prefix, claims.sub)).map_err(|_unfit| Error::Denied)?;
    // Where one issuer's prefix is empty, its users could be called as another's are.
    let another = |other: &Issuer| {
        other.issuer != issuer.issuer
            && !other.subject_prefix.is_empty()
            && subject.as_str().starts_with(&other.subject_prefix)
    };
    if settings.issuers.iter().any(another) {
        return Err(Error::Denied);
    }
    Ok((client, Some(subject)))
}

/// Lets an issuer's user in: their account, made now if there is none, has to be that issuer's, and not disabled.
async fn admit(parts: &Arc<Parts>, verified: &Verified, subject: &Subject) -> Result<()> {
    let found = store::read!(parts.store, |conn| store::accounts::find(conn, subject))?;
    let may_enter = |account: &Account| account.standing().judge(Means::Issuer) == Entry::Open;
    if parts.settings.subjects == Subjects::Any {
        // Nobody needs an account; one that there is may be disabled all the same.
        return if found.as_ref().is_none_or(may_enter) { Ok(()) } else { Err(Error::Denied) };
    }
    let account = match found {
        Some(account) => account,
        None => accounts::make_of_issuer(parts, &verified.issuer, &verified.client, subject).await?,
    };
    let theirs = account.issuer.as_deref() == Some(verified.issuer.as_str());
    if theirs && may_enter(&account) { Ok(()) } else { Err(Error::Denied) }
}
