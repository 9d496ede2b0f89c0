//! Who calls: the caller that a token or a password stands for.

mod assertion;
mod jwt;
mod seen;
mod wrong;

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

use super::Parts;
use super::meters::Limit;
use domain::caller::{Caller, Mode};
use domain::guesses::Answer;
use domain::ids::ClientId;
use domain::scope::Scope;
use domain::{Error, Result};
use settings::Client;
use store::oauth_tokens::find;

pub use assertion::{Asserted, by_assertion};
use jwt::Newcomers;
pub(super) use jwt::{is_one, subject_of};
pub use seen::TokensSeen;
pub(super) use seen::{Key, Purpose, Seen, hash};
pub use wrong::WrongSecrets;

/// As many secrets as are compared at least.
const COMPARED: usize = 2;

/// Compares each secret with what a caller sent, in constant time, their lengths hidden too.
fn matches(secrets: &[SecretString], sent: &SecretString) -> bool {
    let sent = hash(sent.expose_secret());
    // Against a client without a secret, or with one, the same work is done as for two.
    (0..secrets.len().max(COMPARED)).fold(false, |found, index| {
        let secret = secrets.get(index);
        let expected = hash(secret.map_or("", secrecy::ExposeSecret::expose_secret));
        let same: bool = expected.ct_eq(&sent).into();
        found | (same & secret.is_some())
    })
}

/// The caller that a bearer token stands for, ours or an issuer's; [`Error::Denied`] whatever is wrong with it.
pub async fn from_bearer(parts: &Arc<Parts>, token: &str) -> Result<Arc<Caller>> {
    let seen = bearer(parts, token, Newcomers::LetIn).await?.ok_or(Error::Denied)?;
    caller_of(parts, &seen)
}

/// As [`from_bearer`], of a token that its client exchanges: it has to let the client act (RFC 8693 §4.4), and nothing is made:
/// `None` if an issuer's token is good and its user has no account here.
pub(super) async fn exchanged_bearer(parts: &Arc<Parts>, token: &str) -> Result<Option<Arc<Caller>>> {
    match bearer(parts, token, Newcomers::LeaveOut).await? {
        Some(seen) if seen.lets_client_act => caller_of(parts, &seen).map(Some),
        Some(_) => Err(Error::Denied),
        None => Ok(None),
    }
}

async fn bearer(parts: &Arc<Parts>, token: &str, newcomers: Newcomers) -> Result<Option<Arc<Seen>>> {
    let key = (Purpose::Bearer, hash(token));
    let seen = if let Some(seen) = parts.tokens_seen.get(&key, parts.decided, parts.clock.monotonic()) {
        seen
    } else {
        let revocations = parts.tokens_seen.revocations();
        let seen = if jwt::is_one(parts, token) {
            // Boxed: it is large, and the look into what was seen is what every call does.
            match Box::pin(jwt::bearer(parts, token, key.1, newcomers)).await? {
                Some(seen) => seen,
                None => return Ok(None),
            }
        } else {
            let token = store::read!(parts.store, |conn| find(conn, &key.1))?.ok_or(Error::Denied)?;
            Seen {
                scopes: token.scopes(),
                client: token.client,
                subject: token.subject,
                lets_client_act: true,
                actor: None,
                expires: token.expires,
                decided: parts.decided,
                caller: OnceLock::new(),
            }
        };
        let seen = Arc::new(seen);
        parts.tokens_seen.remember(&key, &seen, revocations, parts.clock.monotonic());
        seen
    };
    if seen.expires <= parts.clock.now() {
        return Err(Error::Denied);
    }
    Ok(Some(seen))
}

/// The client of a bearer token that was found good lately, whatever became of it since.
pub fn seen_client(parts: &Parts, token: &str) -> Option<ClientId> {
    let key = (Purpose::Bearer, hash(token));
    parts.tokens_seen.get(&key, parts.decided, parts.clock.monotonic()).map(|seen| seen.client.clone())
}

/// The caller is computed once for each [`Seen`], which is the judgement of one generation of settings.
#[inline]
fn caller_of(parts: &Parts, seen: &Seen) -> Result<Arc<Caller>> {
    if let Some(caller) = seen.caller.get() {
        return Ok(Arc::clone(caller));
    }
    let client = parts.settings.clients.get(&seen.client).ok_or(Error::Denied)?;
    let mode = seen.subject.clone().map_or(Mode::System, Mode::User);
    let caller = || Arc::new(caller(client, mode, &seen.scopes));
    Ok(Arc::clone(seen.caller.get_or_init(caller)))
}

/// A scope counts if it is in the token *and* granted to the application, `…_sys_…` in system mode only.
fn caller(client: &Client, mode: Mode, scopes: &[Scope]) -> Caller {
    let counts = |scope: &&Scope| client.scopes.contains(scope) && (mode == Mode::System || !scope.is_system());
    let scopes = scopes.iter().filter(counts).cloned().collect();
    Caller { client: client.id.clone(), mode, scopes }
}

/// The caller that a client's REST password stands for: system mode, the client's own scopes. `from` is asked for a wrong one
/// alone, as for [`client`].
pub fn from_basic(parts: &Parts, id: &str, password: &SecretString, from: impl FnOnce() -> IpAddr) -> Result<Caller> {
    let client = find_client(parts, id);
    let matches = matches(client.map_or(&[], |client| client.rest_password.as_slice()), password);
    let client = client.filter(|_| matches).ok_or_else(|| refused(parts, client, "REST password", from()))?;
    Ok(caller(client, Mode::System, &client.scopes))
}

/// The client that an OAuth client secret stands for. The right one is compared and let in before anything is counted;
/// [`Error::TooManyAttempts`] if it is a wrong one too many of those that come `from` there.
pub fn client<'a>(
    parts: &'a Parts,
    id: &str,
    secret: &SecretString,
    from: impl FnOnce() -> IpAddr,
) -> Result<&'a Client> {
    let client = find_client(parts, id);
    let matches = matches(client.map_or(&[], |client| &client.secrets), secret);
    client.filter(|_| matches).ok_or_else(|| refused(parts, client, "client secret", from()))
}

fn refused(parts: &Parts, named: Option<&Client>, kind: &'static str, from: IpAddr) -> Error {
    parts.counts.unknown(named.map(|client| &client.id), kind, from, parts.clock.now());
    match parts.wrong_secrets.count(kind, from, parts.clock.now()) {
        Answer::Wrong => Error::BadCredentials,
        Answer::TooMany { retry_after } => {
            parts.meters.reached(Limit::Secrets);
            Error::TooManyAttempts { retry_after }
        }
    }
}

/// Counts what a proxy has not signed by its secret. It is not refused: the call goes on as the proxy's own.
pub fn wrongly_signed(parts: &Parts, from: IpAddr) {
    parts.wrong_secrets.count("proxy signature", from, parts.clock.now());
}

fn find_client<'a>(parts: &'a Parts, id: &str) -> Option<&'a Client> {
    parts.settings.clients.get(&ClientId::parse(id).ok()?)
}
