//! Signing in with a password through the Condo dialect, and out again.

use std::sync::Arc;

use super::Parts;
use super::audit::{About, record};
use super::condo_sessions::{CondoSession, end};
use super::sign_in::{Origin, actor};
use crate::domain::Result;
use crate::domain::event::Event;

/// Ends a session.
pub async fn sign_out(parts: &Arc<Parts>, session: &CondoSession, origin: Origin) -> Result<()> {
    let (sid_hash, user) = (session.sid_hash.clone(), session.user.as_ref().map(|user| user.id.clone()));
    parts
        .detached(async move |parts| {
            let mut tx = parts.store.begin().await?;
            end(&mut tx, &sid_hash).await?;
            if let Some(user) = &user {
                let about = About { subject: Some(user.as_str()), detail: Some("condo"), ..About::default() };
                record(&parts, &mut tx, Event::SignedOut, &actor(&origin), about).await?;
            }
            tx.commit().await
        })
        .await
}
