//! Whose token is asked for: by a token that the user sent to the service, or, where the operator says so, in clear.

use std::sync::Arc;

use super::refused::Refused;
use crate::Parts;
use crate::callers::{Key, Purpose, Seen, exchanged_bearer, hash, is_one, subject_of};
use domain::caller::{Action, Caller, Mode};
use domain::ids::{ProviderId, Subject};
use domain::scope::Scope;
use domain::{Error, Result};
use settings::{Client, SubjectTokens};
use store::accounts::find;

/// What stands for the subject.
pub enum SubjectToken<'a> {
    /// An access token: ours, or an issuer's.
    Access(&'a str),
    /// The subject itself.
    InClear(&'a str),
}

/// On whose behalf a client asks, once that is believed.
pub(super) struct Whose {
    pub(super) subject: Subject,
    pub(super) caller: Arc<Caller>,
    /// Who acts: the user, or whom the token lets act for the user (RFC 8693 §4.1); nobody where the client names the user.
    pub(super) actor: Option<String>,
}

type Found = std::result::Result<Option<Whose>, Refused>;

/// On whose behalf the client asks; `None` if what it shows is good and its user has no account here.
pub(super) async fn whose(
    parts: &Arc<Parts>,
    client: &Client,
    provider: &ProviderId,
    shown: &SubjectToken<'_>,
) -> Found {
    let found = match shown {
        SubjectToken::InClear(subject) => in_clear(parts, client, subject).await,
        SubjectToken::Access(token) => {
            let key = (Purpose::Subject(client.id.clone()), hash(token));
            // What was found for this purpose was not for us; reading the token again would find the same.
            match parts.tokens_seen.get(&key, parts.decided, parts.clock.monotonic()) {
                Some(seen) => of_another_api(parts, client, &seen).map(Some).map_err(Refused::from),
                None if is_for_us(parts, token) => bearer(parts, client, provider, token).await,
                None => Box::pin(look(parts, client, token, key)).await,
            }
        }
    };
    match found {
        Err(Refused::Failed(Error::Denied)) => {
            // Which rule an issuer's token breaks, its own line says.
            tracing::info!(client = %client.id, "a subject token is not believed");
            Err(Refused::SubjectToken)
        }
        other => other,
    }
}

/// Whether it is a Bearer here: ours, or an issuer's that names us. Nothing of it is believed yet.
fn is_for_us(parts: &Parts, token: &str) -> bool {
    if !is_one(parts, token) {
        return true;
    }
    let claimed = parts.upstream.claimed(token);
    claimed.is_some_and(|(issuer, audiences)| audiences.iter().any(|audience| issuer.audiences.contains(audience)))
}

/// A token that was issued to call us is good in the hands of the very client that it was issued to, and for what it was granted.
async fn bearer(parts: &Arc<Parts>, client: &Client, provider: &ProviderId, token: &str) -> Found {
    let Some(caller) = exchanged_bearer(parts, token).await? else { return Ok(None) };
    if caller.client != client.id || caller.may_somewhere(Action::FetchToken(provider)).is_err() {
        return Err(Error::Denied.into());
    }
    let subject = caller.subject().cloned().ok_or(Error::Denied)?;
    let actor = Some(subject.as_str().to_owned());
    Ok(Some(Whose { subject, caller, actor }))
}

/// Looks at a token that nobody has seen lately, and that is not for us.
async fn look(parts: &Arc<Parts>, client: &Client, token: &str, key: Key) -> Found {
    let revocations = parts.tokens_seen.revocations();
    let Some(seen) = subject_of(parts, token, key.1, &client.id).await? else { return Ok(None) };
    let seen = Arc::new(seen);
    parts.tokens_seen.remember(&key, &seen, revocations, parts.clock.monotonic());
    Ok(Some(of_another_api(parts, client, &seen)?))
}

/// A token that was made for the service that asks, by an issuer that we trust.
fn of_another_api(parts: &Parts, client: &Client, seen: &Seen) -> Result<Whose> {
    if !seen.lets_client_act || seen.expires <= parts.clock.now() {
        return Err(Error::Denied);
    }
    let subject = seen.subject.clone().ok_or(Error::Denied)?;
    let actor = seen.actor.clone().or_else(|| Some(subject.as_str().to_owned()));
    let scopes = client.scopes.iter().filter(|scope| !scope.is_system()).cloned().collect();
    let caller = Caller { client: client.id.clone(), mode: Mode::User(subject.clone()), scopes };
    Ok(Whose { subject, caller: Arc::new(caller), actor })
}

/// The subject itself, from a client whose word for it the operator takes.
async fn in_clear(parts: &Arc<Parts>, client: &Client, subject: &str) -> Found {
    if client.subject_tokens != SubjectTokens::InClearToo {
        return Err(Error::Denied.into());
    }
    let subject = Subject::parse(subject).map_err(|_unfit| Error::Denied)?;
    if parts.check_subject(&subject).is_err() {
        return Err(Error::Denied.into());
    }
    let account = store::read!(parts.store, |conn| find(conn, &subject))?;
    if account.is_some_and(|account| !account.may_sign_in()) {
        return Err(Error::Denied.into());
    }
    let scopes: Vec<Scope> = client.scopes.clone();
    let caller = Caller { client: client.id.clone(), mode: Mode::System, scopes };
    Ok(Some(Whose { subject, caller: Arc::new(caller), actor: None }))
}
