//! Stage two begins: a browser opens the instruction, becomes the only one that may go on, and leaves for the provider.

use std::sync::Arc;

use secrecy::SecretString;
use url::Url;

use super::{
    Browser, Ending, FlowCookie, LegSecrets, Step, end, flow_id, hash, provider_of, redirect_uri, runs_out, seal,
    state_of,
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
    let Some(row) = store::read!(parts.store, |conn| store::flows::find(conn, flow))? else {
        return Ok(Step::Nothing);
    };
    let late = row.expires.0 <= parts.clock.now();
    match (state_of(&row)?, browser.proves(&parts.settings, &row).is_some()) {
        (FlowState::Instructed, _) if row.cookie_hash.is_none() && !late => {
            let cookie = browser.cookie_for(&parts.settings, flow, &*parts.entropy, parts.clock.now());
            leave(parts, &row, Some(cookie)).await
        }
        (FlowState::AtProvider | FlowState::Confirming, true) if !late => leave(parts, &row, None).await,
        (_, true) if late => end(parts, &row, Ending::FlowExpired, "flow_expired").await,
        // Another browser's, or never opened in time, or done: the row stays as it is.
        _ => Ok(Step::Nothing),
    }
}

/// Sends the browser to the provider with fresh secrets; a cookie makes this the first opening.
async fn leave(parts: &Parts, row: &FlowRow, cookie: Option<FlowCookie>) -> Result<Step> {
    let (state, secrets, url) = match prepare(parts, row).await {
        Ok(prepared) => prepared,
        Err(Error::ProviderUnavailable { .. }) => {
            return end(parts, row, Ending::ProviderError, "provider_unavailable").await;
        }
        Err(error) => return Err(error),
    };
    let now = parts.clock.now();
    let opened = row.opened.map_or(now, |opened| opened.0);
    let sealed = seal(parts, row, &secrets)?;
    let leg = Leg {
        state_hash: &hash(&state),
        sealed: &sealed,
        now: store::at(now),
        expires: store::at(runs_out(FlowState::AtProvider, now, Some(opened))),
    };
    let mut conn = parts.store.write().await?;
    let moved = match (&cookie, &row.cookie_hash) {
        (Some(cookie), _) => store::flows::open(&mut conn, flow_id(row), &hash(&cookie.value), &leg).await?,
        (None, Some(cookie_hash)) => store::flows::reopen(&mut conn, flow_id(row), cookie_hash, &leg).await?,
        (None, None) => false,
    };
    // Two browsers at once: the database let one of them through.
    Ok(if moved { Step::ToProvider(url, cookie) } else { Step::Nothing })
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
