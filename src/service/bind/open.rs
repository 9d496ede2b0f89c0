//! Stage two begins: a browser opens the instruction, becomes the only one that may go on, and leaves for the provider.

use std::sync::Arc;

use secrecy::SecretString;
use url::Url;

use super::{
    Browser, Ending, FlowCookie, LegSecrets, Step, end, flow_id, hash, provider_of, redirect_uri, revoke_grant,
    runs_out, seal, state_of,
};
use crate::domain::flow::FlowState;
use crate::domain::ids::FlowId;
use crate::domain::{Error, Result};
use crate::service::Parts;
use crate::store;
use crate::store::flows::{FlowRow, Leg};
use crate::upstream::AuthorizationRequest;

/// Opens an instruction, or starts the provider's leg afresh if this browser opened it before.
pub async fn open(parts: &Arc<Parts>, flow: FlowId, browser: Browser) -> Result<Step> {
    parts.detached(async move |parts| go(&parts, flow, &browser).await).await
}

async fn go(parts: &Parts, flow: FlowId, browser: &Browser) -> Result<Step> {
    // A reload that another request overtook looks again: what it read is not what it would start afresh.
    let first = look(parts, flow, browser).await?;
    if let Some(step) = first {
        return Ok(step);
    }
    Ok(look(parts, flow, browser).await?.unwrap_or(Step::Nothing))
}

/// What the flow's state asks for; `None` if it changed meanwhile.
async fn look(parts: &Parts, flow: FlowId, browser: &Browser) -> Result<Option<Step>> {
    let Some(row) = store::read!(parts.store, |conn| store::flows::find(conn, flow))? else {
        return Ok(Some(Step::Nothing));
    };
    let late = row.expires.0 <= parts.clock.now();
    match (state_of(&row)?, browser.proves(&parts.settings, &row).is_some()) {
        (FlowState::Instructed, _) if row.cookie_hash.is_none() && !late => {
            let cookie = browser.cookie_for(&parts.settings, flow, &*parts.entropy, parts.clock.now());
            leave(parts, &row, Some(cookie)).await
        }
        (FlowState::AtProvider | FlowState::Confirming, true) if !late => leave(parts, &row, None).await,
        (_, true) if late => end(parts, &row, Ending::FlowExpired, "flow_expired").await.map(Some),
        // Another browser's, or never opened in time, or done: the row stays as it is.
        _ => Ok(Some(Step::Nothing)),
    }
}

/// Sends the browser to the provider with fresh secrets; a cookie makes this the first opening. `None`: the row changed.
async fn leave(parts: &Parts, row: &FlowRow, cookie: Option<FlowCookie>) -> Result<Option<Step>> {
    let (state, secrets, url) = match prepare(parts, row).await {
        Ok(prepared) => prepared,
        Err(Error::ProviderUnavailable { .. }) => {
            return end(parts, row, Ending::ProviderError, "provider_unavailable").await.map(Some);
        }
        Err(error) => return Err(error),
    };
    let now = parts.clock.now();
    let opened = row.opened.map_or(now, |opened| opened.0);
    let sealed = seal(parts, row, None, &secrets)?;
    let leg = Leg {
        state_hash: &hash(&state),
        sealed: &sealed,
        now: store::at(now),
        expires: store::at(runs_out(FlowState::AtProvider, now, Some(opened))),
    };
    let moved = match (&cookie, &row.cookie_hash) {
        // Two browsers at once: the database lets one of them through.
        (Some(cookie), _) => {
            store::flows::open(&mut parts.store.write().await?, flow_id(row), &hash(&cookie.value), &leg).await?
        }
        (None, Some(cookie_hash)) => reopen(parts, row, cookie_hash, &leg).await?,
        (None, None) => false,
    };
    Ok(moved.then_some(Step::ToProvider(url, cookie)))
}

/// Starts another trip; what an earlier one was granted, and its owner was about to confirm, goes.
async fn reopen(parts: &Parts, row: &FlowRow, cookie_hash: &[u8], leg: &Leg<'_>) -> Result<bool> {
    let mut tx = parts.store.begin().await?;
    if !store::flows::reopen(tx.conn(), row, cookie_hash, leg).await? {
        return Ok(false);
    }
    revoke_grant(parts, &mut tx, row).await?;
    tx.commit().await?;
    Ok(true)
}

async fn prepare(parts: &Parts, row: &FlowRow) -> Result<(SecretString, LegSecrets, Url)> {
    let id = provider_of(row)?;
    let provider =
        parts.upstream.provider(&id).ok_or_else(|| Error::internal(format!("{id} is configured no more")))?;
    let request = AuthorizationRequest {
        redirect_uri: redirect_uri(&parts.settings, &id)?,
        state: parts.entropy.token(),
        nonce: parts.entropy.token(),
        code_verifier: parts.entropy.token(),
    };
    let url = provider.authorization_url(&request).await?;
    let secrets = LegSecrets { nonce: request.nonce, verifier: request.code_verifier };
    Ok((request.state, secrets, url))
}
