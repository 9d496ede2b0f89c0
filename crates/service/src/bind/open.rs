//! Stage two begins: a browser opens the instruction, becomes the only one that may go on, and leaves for the provider, by
//! way of our sign-in page where the link is to be a person's.

use std::sync::Arc;

use secrecy::SecretString;
use url::Url;

use super::person::standing;
use super::{Browser, FlowCookie, LegSecrets, Step, end, redirect_uri, revoke_grant, seal, stop, unseal};
use crate::onward::Onward;
use crate::{Parts, boxed};
use domain::flow::{Ended, Flow, FlowState, Leg, Opening, Stage, Standing, hash};
use domain::ids::{FlowId, Subject};
use domain::{Error, Result};
use upstream::{AuthorizationRequest, Provider};

/// Opens an instruction, or starts the provider's leg afresh if this browser opened it before.
#[boxed]
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

/// What the flow's stage asks for; `None` if it changed meanwhile.
async fn look(parts: &Parts, id: FlowId, browser: &Browser) -> Result<Option<Step>> {
    let Some(flow) = store::read!(parts.store, |conn| store::flows::find(conn, id))? else {
        return Ok(Some(Step::Nothing));
    };
    let now = parts.clock.now();
    let cookie = match flow.opening(browser.cookie(&parts.settings, id), now) {
        Ok(Opening::First) => Some(browser.cookie_for(&parts.settings, id, &*parts.entropy, now)),
        Ok(Opening::Again) => None,
        Err(why) => return stop(parts, &flow, browser, why).await.map(Some),
    };
    if matches!(flow.stage, Stage::Instructed | Stage::SigningIn(_)) {
        // From here on the row is believed: before it has a secret of the provider's leg, too, nobody may have rewritten it.
        let Some(sealed) = &flow.sealed else { return Ok(Some(Step::Nothing)) };
        unseal::<()>(parts, &flow, sealed)?;
    }
    match standing(parts, &flow, browser).await? {
        Standing::Apps => leave(parts, flow, browser, None, cookie).await,
        Standing::Theirs(session) => leave(parts, flow, browser, Some(session.subject), cookie).await,
        Standing::Nobody => sign_in(parts, &flow, cookie).await,
        Standing::Anothers => end(parts, &flow, browser, Ended::WrongUser).await.map(Some),
    }
}

/// Sends the browser to our sign-in page, which leads back here. `None`: the flow changed.
async fn sign_in(parts: &Parts, flow: &Flow, cookie: Option<FlowCookie>) -> Result<Option<Step>> {
    if let Some(cookie) = &cookie {
        let now = parts.clock.now();
        let (cookie_hash, expires) = (hash(&cookie.value), FlowState::SigningIn.runs_out(now, Some(now)));
        if !store::claim!(parts.store, |conn| store::flows::await_sign_in(conn, flow.id, &cookie_hash, now, expires))? {
            return Ok(None);
        }
    }
    let url = Onward::Bind(flow.id).sign_in_url(&parts.settings)?;
    Ok(Some(Step::ToSignIn(url, cookie)))
}

/// Sends the browser to the provider with fresh secrets; a cookie makes this the first opening. The link becomes `subject`'s,
/// where it is a person's. `None`: the flow changed.
async fn leave(
    parts: &Parts,
    flow: Flow,
    browser: &Browser,
    subject: Option<Subject>,
    cookie: Option<FlowCookie>,
) -> Result<Option<Step>> {
    let Some(provider) = parts.upstream.provider(&flow.provider) else {
        return end(parts, &flow, browser, Ended::ProviderGone).await.map(Some);
    };
    let (state, secrets, url) = match prepare(parts, &provider, flow.hint.clone()).await {
        Ok(Some(prepared)) => prepared,
        Ok(None) => return end(parts, &flow, browser, Ended::ProviderRefused).await.map(Some),
        Err(Error::ProviderUnavailable { .. }) => {
            return end(parts, &flow, browser, Ended::ProviderUnavailable).await.map(Some);
        }
        Err(error) => return Err(error),
    };
    let now = parts.clock.now();
    let flow = Flow { subject: subject.clone().or_else(|| flow.subject.clone()), ..flow };
    // No trip's answer is for an account yet.
    let sealed = seal(parts, &flow, None, &secrets)?;
    let leg = Leg {
        subject: subject.as_ref(),
        state_hash: &hash(&state),
        sealed: &sealed,
        now,
        expires: FlowState::AtProvider.runs_out(now, Some(flow.opened().unwrap_or(now))),
    };
    let moved = match &cookie {
        // Two browsers at once: the database lets one of them through.
        Some(cookie) => {
            let cookie_hash = hash(&cookie.value);
            store::claim!(parts.store, |conn| store::flows::open(conn, flow.id, &cookie_hash, &leg))?
        }
        None => reopen(parts, &flow, &leg).await?,
    };
    Ok(moved.then_some(Step::ToProvider(url, cookie)))
}

/// Starts another trip; what an earlier one was granted, and its owner was about to confirm, goes.
async fn reopen(parts: &Parts, flow: &Flow, leg: &Leg<'_>) -> Result<bool> {
    let Some(visit) = flow.stage.visit() else { return Ok(false) };
    let mut tx = parts.store.begin().await?;
    if !store::flows::reopen(tx.conn(), flow, &visit.cookie_hash, leg).await? {
        return Ok(false);
    }
    revoke_grant(parts, &mut tx, flow).await?;
    tx.commit().await?;
    Ok(true)
}

/// What a trip to the provider begins with; `None` if the provider will not have it.
async fn prepare(
    parts: &Parts,
    provider: &Provider,
    hint: Option<String>,
) -> Result<Option<(SecretString, LegSecrets, Url)>> {
    let request = AuthorizationRequest {
        redirect_uri: redirect_uri(&parts.settings, &provider.settings().id)?,
        state: parts.entropy.token(),
        nonce: parts.entropy.token(),
        code_verifier: parts.entropy.token(),
        hint,
    };
    let Some(url) = provider.authorization_url(&request).await? else { return Ok(None) };
    let secrets = LegSecrets { nonce: request.nonce, verifier: request.code_verifier };
    Ok(Some((request.state, secrets, url)))
}
