//! What all sign-in methods share: the origin of an attempt, its rate limits, its audit record.

use std::net::IpAddr;
use std::sync::Arc;

use secrecy::SecretString;

use super::Parts;
use super::attempts::{self, Key, SIGN_IN_FROM, Verdict, Window};
use super::audit::{About, record};
use super::meters::Limit;
use domain::event::{Actor, Event};
use domain::refusal::Refusal;
use domain::{Error, Result};
use store::Tx;

/// The origin of a sign-in attempt.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The browser's address, as far as proxies that we trust tell it.
    pub ip: IpAddr,
    /// What the browser says it is.
    pub agent: Option<String>,
    /// What it may be known by: the cookie that it was given at an earlier sign-in.
    pub device: Option<SecretString>,
}

/// Counts the attempt against its networks' limit. [`Error::TooManyAttempts`] beyond the limit.
pub(super) async fn admit_from(parts: &Arc<Parts>, origin: &Origin) -> Result<()> {
    let limit = parts.settings.limits.sign_in_per_hour;
    let counted = attempts::count_from(parts, SIGN_IN_FROM, origin.ip, limit, Window::Hour).await?;
    judged(parts, counted, origin).await
}

/// Counts the attempt against the limit of a key. [`Error::TooManyAttempts`] beyond the limit.
pub(super) async fn admit(parts: &Arc<Parts>, key: Key, origin: &Origin) -> Result<()> {
    let limit = parts.settings.limits.sign_in_per_hour;
    let counted = attempts::count(parts, key, limit, Window::Hour).await?;
    judged(parts, counted, origin).await
}

/// As [`admit`], with one more attempt now and then beyond the limit ([`attempts::count_spaced`]).
pub(super) async fn admit_spaced(parts: &Arc<Parts>, key: &Key, origin: &Origin) -> Result<()> {
    let counted = attempts::count_spaced(parts, key, parts.settings.limits.sign_in_per_hour).await?;
    judged(parts, counted, origin).await
}

/// Writes one audit line per window, however many attempts it refuses.
async fn judged(parts: &Arc<Parts>, verdict: Verdict, origin: &Origin) -> Result<()> {
    let Verdict::Refused { first, retry_after } = verdict else { return Ok(()) };
    if first {
        tracing::warn!(ip = %origin.ip, "too many tries to sign in: refused for {} s", retry_after.as_secs());
        write_refusal(parts, origin, None, "too_many_attempts").await?;
    }
    parts.meters.reached(Limit::SignIn);
    Err(Error::TooManyAttempts { retry_after })
}

/// The Condo dialect's error for too many attempts (`docs/condo-contract.md` 4.5).
pub(super) fn too_many(error: Error) -> Error {
    match error {
        Error::TooManyAttempts { retry_after } => Error::refused(Refusal::TooManyRequests { retry_after }),
        other => other,
    }
}

/// Records a refused attempt: the account, if it is known, and the reason.
pub(super) async fn write_refusal(
    parts: &Arc<Parts>,
    origin: &Origin,
    subject: Option<String>,
    why: &'static str,
) -> Result<()> {
    let actor = actor(origin);
    parts
        .detached(async move |parts| {
            let mut tx: Tx = parts.store.begin().await?;
            let about = About { subject: subject.as_deref(), detail: Some(why), ..About::default() };
            record(&parts, &mut tx, Event::SignInRefused, &actor, about).await?;
            tx.commit().await
        })
        .await
}

/// The actor of a sign-in attempt in the audit record.
pub fn actor(origin: &Origin) -> Actor {
    Actor { claimed_ip: Some(origin.ip.to_string()), claimed_agent: origin.agent.clone(), ..Actor::default() }
}
