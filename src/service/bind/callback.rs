//! The provider sends the browser back. Cookie, state, provider and issuer have to agree before the code is exchanged.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use super::person::{Standing, standing};
use super::{
    Browser, Ending, GrantSecrets, LegSecrets, Step, back_to_app, confirm_url, end, flow_id, hash, is_persons,
    provider_of, redirect_uri, runs_out, seal, unseal, whose,
};
use crate::domain::flow::FlowState;
use crate::domain::ids::{ProviderId, Sid};
use crate::domain::params::Params;
use crate::domain::token::Grant;
use crate::domain::{Error, Result};
use crate::service::{Parts, revoke};
use crate::store;
use crate::store::flows::{Arrival, FlowRow};
use crate::upstream::{Identity, Outcome, Provider, Redemption};

/// How long to wait before the database is asked a second time, and before it is asked the last.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LAST_WAIT: Duration = Duration::from_millis(1_600);

/// What came back with the browser.
#[derive(Debug)]
pub struct Answer {
    /// The provider whose redirect URI it came to, as the path names it.
    pub fp_type: String,
    /// The provider's name.
    pub fp_name: String,
    /// The OAuth `state`.
    pub state: Option<SecretString>,
    /// The authorization code.
    pub code: Option<SecretString>,
    /// The OAuth error.
    pub error: Option<String>,
    /// RFC 9207: who says it is answering.
    pub iss: Option<String>,
    /// All that came, by name: a provider may want some of it again.
    pub params: HashMap<String, SecretString>,
}

/// Takes the provider's answer; it runs to its end even if the browser hangs up, since the code is spent by then.
pub async fn callback(parts: &Arc<Parts>, answer: Answer, browser: Browser) -> Result<Step> {
    parts.detached(async move |parts| take(&parts, &answer, &browser).await).await
}

async fn take(parts: &Parts, answer: &Answer, browser: &Browser) -> Result<Step> {
    let Some(state) = &answer.state else { return Ok(Step::Nothing) };
    let state_hash = hash(state);
    let Some(row) = store::read!(parts.store, |conn| store::flows::find_by_state(conn, &state_hash))? else {
        return Ok(Step::Nothing);
    };
    if browser.proves(&parts.settings, &row).is_none() {
        return Ok(Step::Nothing);
    }
    let now = store::at(parts.clock.now());
    if row.expires <= now {
        return end(parts, &row, Ending::FlowExpired, "flow_expired").await;
    }
    let id = provider_of(&row)?;
    if ProviderId::parse(&answer.fp_type, &answer.fp_name).ok().as_ref() != Some(&id) {
        // RFC 9700 §4.4: an answer at another provider's redirect URI is a mix-up.
        return end(parts, &row, Ending::ProviderError, "mixed_up").await;
    }
    let Some(provider) = parts.upstream.provider(&id) else {
        return end(parts, &row, Ending::ProviderError, "provider_gone").await;
    };
    match provider.expected_iss().await {
        Ok(rule) if rule.allows(answer.iss.as_deref(), answer.code.is_none()) => {}
        Ok(_) => return end(parts, &row, Ending::ProviderError, "wrong_issuer").await,
        Err(Error::ProviderUnavailable { .. }) => {
            return end(parts, &row, Ending::ProviderError, "provider_unavailable").await;
        }
        Err(error) => return Err(error),
    }
    if let Some(error) = &answer.error {
        return match error.as_str() {
            // The last is Apple's own.
            "access_denied"
            | "consent_required"
            | "interaction_required"
            | "login_required"
            | "user_cancelled_authorize" => end(parts, &row, Ending::AccessDenied, "declined_at_provider").await,
            _ => end(parts, &row, Ending::ProviderError, "provider_refused").await,
        };
    }
    let Some(code) = &answer.code else {
        return end(parts, &row, Ending::ProviderError, "no_code").await;
    };
    // Before the code is exchanged: whoever is signed in now may not be who began this.
    match standing(parts, &row, browser).await? {
        Standing::Apps | Standing::Theirs(_) => {}
        Standing::Nobody => return end(parts, &row, Ending::WrongUser, "signed_out").await,
        Standing::Anothers => return end(parts, &row, Ending::WrongUser, "wrong_user").await,
    }
    // From here the answer is used up: of two requests with this state one goes on.
    let flow = flow_id(&row);
    let claimed = store::claim!(parts.store, |conn| store::flows::claim_answer(conn, flow, &state_hash, now))?;
    if !claimed {
        return Ok(Step::Nothing);
    }
    let params = resent(&provider, answer);
    match exchange(parts, &row, (&id, &provider), (code, &params)).await? {
        Exchanged::Known(identity, grant) => arrive(parts, &row, &provider, (identity, grant, params)).await,
        Exchanged::Nobodys(grant) => {
            drop_grant(parts, &row, &provider, (None, &grant)).await?;
            end(parts, &row, Ending::ProviderError, "exchange_failed").await
        }
        Exchanged::Nothing => end(parts, &row, Ending::ProviderError, "exchange_failed").await,
    }
}

async fn has_landed(parts: &Parts, row: &FlowRow, arrival: &Arrival) -> Result<bool> {
    let found = store::read!(parts.store, |conn| store::flows::find(conn, flow_id(row)))?;
    Ok(found.is_some_and(|found| found.state == arrival.state && found.sealed == arrival.sealed))
}

/// What the provider wants again, of what it sent. One that it left out is its own to miss.
fn resent(provider: &Provider, answer: &Answer) -> Params {
    let names = &provider.settings().resent_params;
    names.iter().filter_map(|name| Some((name.clone(), answer.params.get(name)?.clone()))).collect()
}

/// What a code came to.
enum Exchanged {
    /// An account, with its tokens.
    Known(Identity, Grant),
    /// Tokens of nobody knows which account.
    Nobodys(Grant),
    /// No tokens.
    Nothing,
}

/// Queues for revocation what no flow is going to keep. Where tokens are not remembered, none are kept for this either.
async fn drop_grant(
    parts: &Parts,
    row: &FlowRow,
    provider: &Provider,
    (sid, grant): (Option<&Sid>, &Grant),
) -> Result<()> {
    if !provider.settings().remember_tokens {
        return Ok(());
    }
    let tokens = revoke::Tokens { access: grant.access_token.clone(), refresh: grant.refresh_token.clone() };
    let mut conn = parts.store.write().await?;
    revoke::queue(parts, &mut conn, whose(row, sid.map(Sid::as_str)), &tokens).await
}

/// Redeems the code and finds out whose account it is; the reason why either fails is in the log.
async fn exchange(
    parts: &Parts,
    row: &FlowRow,
    (id, provider): (&ProviderId, &Provider),
    (code, params): (&SecretString, &Params),
) -> Result<Exchanged> {
    let Some(sealed) = &row.sealed else { return Ok(Exchanged::Nothing) };
    let secrets: LegSecrets = unseal(parts, row, None, sealed)?;
    let redemption = Redemption {
        code,
        redirect_uri: &redirect_uri(&parts.settings, id)?,
        code_verifier: &secrets.verifier,
        params,
    };
    let answer = match provider.exchange(redemption).await {
        Outcome::Granted(answer) => answer,
        Outcome::Refused(refusal) => {
            tracing::warn!(provider = %id, error = %refusal.error, "the provider refused a code");
            return Ok(Exchanged::Nothing);
        }
        Outcome::TryLater(passing) => {
            tracing::warn!(provider = %id, reason = %passing.reason, "a code could not be exchanged");
            return Ok(Exchanged::Nothing);
        }
    };
    match provider.identify(&answer, &secrets.nonce).await {
        Ok(identity) => Ok(Exchanged::Known(identity, answer.grant)),
        Err(error) => {
            tracing::warn!(provider = %id, %error, "the provider's answer does not establish an identity");
            Ok(Exchanged::Nobodys(answer.grant))
        }
    }
}

/// The account is known: asks its owner, or hands the app its code where the provider's settings spare the question.
async fn arrive(
    parts: &Parts,
    row: &FlowRow,
    provider: &Provider,
    (identity, grant, params): (Identity, Grant, Params),
) -> Result<Step> {
    let settings = provider.settings();
    let now = parts.clock.now();
    let sid = identity.sid.as_str();
    // Sealed even if there is nothing to keep: it holds the rest of the row together.
    let secrets = settings.remember_tokens.then(|| GrantSecrets::new(&grant, &params, now));
    let sealed = Some(seal(parts, row, Some(sid), &secrets)?);
    // A person is always asked: nobody else completes what they said yes to.
    let (state, code) = if settings.confirm || is_persons(row) {
        (FlowState::Confirming, None)
    } else {
        (FlowState::Pending, Some(parts.entropy.token()))
    };
    let arrival = Arrival {
        state: state.as_str(),
        sid: sid.to_owned(),
        user_name: identity.user_name.clone(),
        sealed,
        code_hash: code.as_ref().map(hash),
        expires: store::at(runs_out(state, now, row.opened.map(|at| at.0))),
    };
    if !land(parts, row, &arrival).await? {
        drop_grant(parts, row, provider, (Some(&identity.sid), &grant)).await?;
        return Ok(Step::Nothing);
    }
    Ok(match code {
        None => Step::ToConfirm(confirm_url(&parts.settings, flow_id(row))?),
        Some(code) => pending(parts, row, &code),
    })
}

/// Writes what was granted into the flow; says whether that was still on this trip. The code is spent, so a database that is
/// away is asked again for as long as a person waits.
async fn land(parts: &Parts, row: &FlowRow, arrival: &Arrival) -> Result<bool> {
    let mut wait = FIRST_WAIT;
    loop {
        let written = async { store::flows::arrive(&mut parts.store.write().await?, row, arrival).await }.await;
        match written {
            Err(Error::StorageUnavailable(_)) if wait <= LAST_WAIT => tokio::time::sleep(wait).await,
            // An earlier try may have been written after all, and only its answer lost.
            Ok(false) if wait > FIRST_WAIT => return has_landed(parts, row, arrival).await,
            other => return other,
        }
        wait *= 2;
    }
}

/// Back to the app, with the code it completes with.
pub(super) fn pending(parts: &Parts, row: &FlowRow, code: &SecretString) -> Step {
    back_to_app(parts, row, &[("status", "pending"), ("bind_code", secrecy::ExposeSecret::expose_secret(code))])
}
