//! What every way in has before it: where a try comes from, how often it may be made, and what is written down of it.

use std::net::IpAddr;
use std::sync::Arc;

use secrecy::SecretString;

use super::Parts;
use super::attempts::{self, Key, SIGN_IN_FROM, Verdict, Window};
use super::audit::{About, record};
use domain::event::{Actor, Event};
use domain::refusal::Refusal;
use domain::{Error, Result};
use store::Tx;

/// Where a try comes from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The browser's address, as far as proxies that we trust tell it.
    pub ip: IpAddr,
    /// What the browser says it is.
    pub agent: Option<String>,
    /// What it may be known by: the cookie that it was given at an earlier sign-in.
    pub device: Option<SecretString>,
}

/// Counts the try with all others of its networks, by whichever way: [`Error::TooManyAttempts`] if it is one too many.
pub(super) async fn admit_from(parts: &Arc<Parts>, origin: &Origin) -> Result<()> {
    let limit = parts.settings.limits.sign_in_per_hour;
    let counted = attempts::count_from(parts, (SIGN_IN_FROM, origin.ip), limit, Window::Hour).await?;
    judged(parts, counted, origin).await
}

/// Counts the try with all others of this key: [`Error::TooManyAttempts`] if it is one too many.
pub(super) async fn admit(parts: &Arc<Parts>, key: Key, origin: &Origin) -> Result<()> {
    let limit = parts.settings.limits.sign_in_per_hour;
    let counted = attempts::count(parts, key, limit, Window::Hour).await?;
    judged(parts, counted, origin).await
}

/// Counts the try with all others of this key, of which there is one more now and then: [`Error::TooManyAttempts`] if this is
/// none of those.
pub(super) async fn admit_spaced(parts: &Arc<Parts>, key: &Key, origin: &Origin) -> Result<()> {
    let counted = attempts::count_spaced(parts, key, parts.settings.limits.sign_in_per_hour).await?;
    judged(parts, counted, origin).await
}

/// A window has one line of audit, however many it refuses.
async fn judged(parts: &Arc<Parts>, verdict: Verdict, origin: &Origin) -> Result<()> {
    let Verdict::Refused { first, retry_after } = verdict else { return Ok(()) };
    if first {
        tracing::warn!(ip = %origin.ip, "too many tries to sign in: refused for {} s", retry_after.as_secs());
        write_refusal(parts, origin, (None, "too_many_attempts")).await?;
    }
    Err(Error::TooManyAttempts { retry_after })
}

/// As the Condo dialect says that it was one try too many (`docs/condo-contract.md` 4.5).
pub(super) fn too_many(error: Error) -> Error {
    match error {
        Error::TooManyAttempts { retry_after } => Error::refused(Refusal::TooManyRequests { retry_after }),
        other => other,
    }
}

/// Writes down that a try was refused: whose, if it is known, and why.
pub(super) async fn write_refusal(
    parts: &Arc<Parts>,
    origin: &Origin,
    (subject, why): (Option<String>, &'static str),
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

/// Who tries, as the audit record has it.
pub fn actor(origin: &Origin) -> Actor {
    Actor { client: None, claimed_ip: Some(origin.ip.to_string()), claimed_agent: origin.agent.clone() }
}
