//! Stage two begins: a browser opens the instruction, becomes the only one that may go on, and leaves for the provider, by
//! way of our sign-in page where the link is to be a person's.

use std::sync::Arc;

use secrecy::SecretString;
use url::Url;

use super::person::{Standing, standing};
use super::{
    Browser, Ending, FlowCookie, LegSecrets, Step, end, flow_id, hash, provider_of, redirect_uri, revoke_grant,
    runs_out, seal, state_of, unseal,
};
use crate::domain::flow::FlowState;
use crate::domain::ids::{FlowId, Subject};
use crate::domain::{Error, Result};
use crate::service::Parts;
use crate::service::onward::Onward;
use crate::store;
use crate::store::flows::{FlowRow, Leg};
use crate::upstream::{AuthorizationRequest, Provider};

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
    let state = state_of(&row)?;
    let cookie = match (state, browser.proves(&parts.settings, &row).is_some()) {
        (FlowState::Instructed, _) if row.cookie_hash.is_none() && !late => {
            Some(browser.cookie_for(&parts.settings, flow, &*parts.entropy, parts.clock.now()))
        }
        (FlowState::SigningIn | FlowState::AtProvider | FlowState::Confirming, true) if !late => None,
        (_, true) if late => return end(parts, &row, Ending::FlowExpired, "flow_expired").await.map(Some),
        // Another browser's, or never opened in time, or done: the row stays as it is.
        _ => return Ok(Some(Step::Nothing)),
    };
    if matches!(state, FlowState::Instructed | FlowState::SigningIn) {
        // From here on the row is believed: before it has a secret of the provider's leg, too, nobody may have rewritten it.
        let Some(sealed) = &row.sealed else { return Ok(Some(Step::Nothing)) };
        unseal::<()>(parts, &row, None, sealed)?;
    }
    match standing(parts, &row, browser).await? {
        Standing::Apps => leave(parts, row, None, cookie).await,
        Standing::Theirs(session) => leave(parts, row, Some(session.subject), cookie).await,
        Standing::Nobody => sign_in(parts, &row, cookie).await,
        Standing::Anothers => end(parts, &row, Ending::WrongUser, "wrong_user").await.map(Some),
    }
}

/// Sends the browser to our sign-in page, which leads back here. `None`: the row changed.
async fn sign_in(parts: &Parts, row: &FlowRow, cookie: Option<FlowCookie>) -> Result<Option<Step>> {
    if let Some(cookie) = &cookie {
        let now = parts.clock.now();
        let times = (store::at(now), store::at(runs_out(FlowState::SigningIn, now, Some(now))));
        let (flow, cookie_hash) = (flow_id(row), hash(&cookie.value));
        if !store::claim!(parts.store, |conn| store::flows::await_sign_in(conn, flow, &cookie_hash, times))? {
            return Ok(None);
        }
    }
    let url = Onward::Bind(flow_id(row)).sign_in_url(&parts.settings)?;
    Ok(Some(Step::ToSignIn(url, cookie)))
}

/// Sends the browser to the provider with fresh secrets; a cookie makes this the first opening. The link becomes `subject`'s,
/// where it is a person's. `None`: the row changed.
async fn leave(
    parts: &Parts,
    mut row: FlowRow,
    subject: Option<Subject>,
    cookie: Option<FlowCookie>,
) -> Result<Option<Step>> {
    let Some(provider) = parts.upstream.provider(&provider_of(&row)?) else {
        return end(parts, &row, Ending::ProviderError, "provider_gone").await.map(Some);
    };
    let (state, secrets, url) = match prepare(parts, &provider).await {
        Ok(Some(prepared)) => prepared,
        Ok(None) => return end(parts, &row, Ending::ProviderError, "provider_refused").await.map(Some),
        Err(Error::ProviderUnavailable { .. }) => {
            return end(parts, &row, Ending::ProviderError, "provider_unavailable").await.map(Some);
        }
        Err(error) => return Err(error),
    };
    let now = parts.clock.now();
    let opened = row.opened.map_or(now, |opened| opened.0);
    if let Some(subject) = &subject {
        row.subject = Some(subject.as_str().to_owned());
    }
    let sealed = seal(parts, &row, None, &secrets)?;
    let leg = Leg {
        subject: subject.as_ref().map(Subject::as_str),
        state_hash: &hash(&state),
        sealed: &sealed,
        now: store::at(now),
        expires: store::at(runs_out(FlowState::AtProvider, now, Some(opened))),
    };
    let moved = match (&cookie, &row.cookie_hash) {
        // Two browsers at once: the database lets one of them through.
        (Some(cookie), _) => {
            let (flow, cookie_hash) = (flow_id(&row), hash(&cookie.value));
            store::claim!(parts.store, |conn| store::flows::open(conn, flow, &cookie_hash, &leg))?
        }
        (None, Some(cookie_hash)) => reopen(parts, &row, cookie_hash, &leg).await?,
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

/// What a trip to the provider begins with; `None` if the provider will not have it.
async fn prepare(parts: &Parts, provider: &Provider) -> Result<Option<(SecretString, LegSecrets, Url)>> {
    let request = AuthorizationRequest {
        redirect_uri: redirect_uri(&parts.settings, &provider.settings().id)?,
        state: parts.entropy.token(),
        nonce: parts.entropy.token(),
        code_verifier: parts.entropy.token(),
    };
    let Some(url) = provider.authorization_url(&request).await? else { return Ok(None) };
    let secrets = LegSecrets { nonce: request.nonce, verifier: request.code_verifier };
    Ok(Some((request.state, secrets, url)))
}
