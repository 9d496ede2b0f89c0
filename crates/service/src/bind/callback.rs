//! The provider sends the browser back. Cookie, state, provider and issuer have to agree before the code is exchanged:
//! [`Flow::receive`] decides, and what it asks for is looked up here.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use super::person::standing;
use super::{
    Answer, Browser, GrantSecrets, Halt, LegSecrets, Step, back_to_app, confirm_url, missing_scopes, redirect_uri,
    seal, stop, unseal, whose,
};
use crate::{Parts, boxed, revoke};
use domain::flow::{Arrival, Ended, Fact, Facts, Flow, FlowState, Issuer, Next, Stop, hash};
use domain::ids::Sid;
use domain::params::{Texts, is_handed_on};
use domain::token::Grant;
use domain::{Error, Result};
use upstream::{Identity, Outcome, Provider, Redemption};

/// How long to wait before the database is asked a second time, and before it is asked the last.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LAST_WAIT: Duration = Duration::from_millis(1_600);

/// Takes the provider's answer; it runs to its end even if the browser hangs up, since the code is spent by then.
#[boxed]
pub async fn callback(parts: &Arc<Parts>, answer: Answer, browser: Browser) -> Result<Step> {
    parts.detached(async move |parts| take(&parts, &answer, &browser).await).await
}

async fn take(parts: &Parts, answer: &Answer, browser: &Browser) -> Result<Step> {
    let state_hash = hash(&answer.state);
    let Some(flow) = store::read!(parts.store, |conn| store::flows::find_by_state(conn, &state_hash))? else {
        return Ok(Step::Nothing);
    };
    match go_on(parts, &flow, answer, &state_hash, browser).await {
        Ok(step) => Ok(step),
        Err(Halt::Stop(why)) => stop(parts, &flow, browser, why).await,
        Err(Halt::Failed(error)) => Err(error),
    }
}

async fn go_on(
    parts: &Parts,
    flow: &Flow,
    answer: &Answer,
    state_hash: &[u8],
    browser: &Browser,
) -> std::result::Result<Step, Halt> {
    let now = parts.clock.now();
    let cookie = browser.cookie(&parts.settings, flow.id);
    let mut facts = Facts::default();
    let (code, provider) = loop {
        match flow.receive(answer, cookie, now, &facts)? {
            Next::Learn(Fact::Issuer) => facts.issuer = Some(issuer(parts, flow, answer).await?),
            Next::Learn(Fact::Standing) => facts.standing = Some(standing(parts, flow, browser).await?),
            Next::Redeem { code, provider } => break (code, provider),
        }
    };
    // From here the answer is used up: of two requests with this state one goes on.
    if !store::claim!(parts.store, |conn| store::flows::claim_answer(conn, flow.id, state_hash, now))? {
        return Err(Stop::Nothing.into());
    }
    let settings = provider.settings();
    let trip = Trip { parts, flow, provider, params: sent_along(&settings.resent_params, answer) };
    let (identity, mut grant) = trip.exchange(code).await?;
    // What the tokens' own answer says goes before what came by way of a browser, which may say anything.
    let by_browser = sent_along(&settings.callback_fields, answer).retained(is_handed_on);
    grant.fields = by_browser.renewed(&grant.fields);
    trip.arrive(identity, grant).await
}

/// Whether the answer can be the provider's.
async fn issuer(parts: &Parts, flow: &Flow, answer: &Answer) -> Result<Issuer<Arc<Provider>>> {
    let Some(provider) = parts.upstream.provider(&flow.provider) else { return Ok(Issuer::Gone) };
    match provider.expected_iss().await {
        Ok(rule) if rule.allows(answer.iss.as_deref(), answer.code.is_none()) => Ok(Issuer::Right(provider)),
        Ok(_) => Ok(Issuer::Wrong),
        Err(Error::ProviderUnavailable { .. }) => Ok(Issuer::Unavailable),
        Err(error) => Err(error),
    }
}

/// Those of these parameters that came with the code. One that the provider left out is its own to miss.
fn sent_along(names: &[String], answer: &Answer) -> Texts {
    names.iter().filter_map(|name| Some((name.clone(), answer.params.get(name)?.clone()))).collect()
}

/// A trip to the provider whose answer is used up.
struct Trip<'a> {
    parts: &'a Parts,
    flow: &'a Flow,
    provider: &'a Provider,
    params: Texts,
}

impl Trip<'_> {
    /// Redeems the code and finds out whose account it is; the reason why either fails is in the log.
    async fn exchange(&self, code: &SecretString) -> std::result::Result<(Identity, Grant), Halt> {
        let (parts, id) = (self.parts, &self.flow.provider);
        let sealed = self.flow.sealed.as_ref().ok_or(Ended::ExchangeFailed)?;
        let secrets: LegSecrets = unseal(parts, self.flow, sealed)?;
        let redemption = Redemption {
            code,
            redirect_uri: &redirect_uri(&parts.settings, id)?,
            code_verifier: &secrets.verifier,
            params: &self.params,
        };
        let answer = match self.provider.exchange(redemption).await {
            Outcome::Granted(answer) => Ok(answer),
            Outcome::Refused(refusal) => {
                tracing::warn!(provider = %id, error = %refusal.error, "the provider refused a code");
                Err(Ended::ExchangeFailed)
            }
            Outcome::TryLater(passing) => {
                tracing::warn!(provider = %id, reason = %passing.reason, "a code could not be exchanged");
                Err(Ended::ExchangeFailed)
            }
        }?;
        if !answer.is_bearer() {
            tracing::warn!(provider = %id, "the provider's tokens are bound to something: their token_type is not Bearer");
            self.drop_grant(None, &answer.grant).await?;
            return Err(Ended::ExchangeFailed.into());
        }
        match self.provider.identify(&answer, &secrets.nonce).await {
            Ok(identity) => Ok((identity, answer.grant)),
            Err(error) => {
                tracing::warn!(provider = %id, %error, "the provider's answer does not establish an identity");
                self.drop_grant(None, &answer.grant).await?;
                Err(Ended::ExchangeFailed.into())
            }
        }
    }

    /// The account is known: asks its owner, or hands the app its code where the provider's settings spare the question.
    async fn arrive(&self, identity: Identity, grant: Grant) -> std::result::Result<Step, Halt> {
        let (parts, flow, settings) = (self.parts, self.flow, self.provider.settings());
        let now = parts.clock.now();
        // Sealed even if there is nothing to keep: it holds the rest of the row together.
        let secrets = settings.remember_tokens.then(|| GrantSecrets::new(&grant, &self.params, &settings.scopes, now));
        let sealed = seal(parts, flow, Some(&identity.sid), &secrets)?;
        // A person is always asked: nobody else completes what they said yes to.
        let code = (!settings.confirm && !flow.is_persons()).then(|| parts.entropy.token());
        let state = if code.is_some() { FlowState::Pending } else { FlowState::Confirming };
        let arrival = Arrival {
            sid: identity.sid,
            user_name: identity.user_name,
            sealed,
            code_hash: code.as_ref().map(hash),
            expires: state.runs_out(now, flow.opened()),
        };
        if !land(parts, flow, &arrival).await? {
            self.drop_grant(Some(&arrival.sid), &grant).await?;
            return Err(Stop::Nothing.into());
        }
        Ok(match code {
            None => Step::ToConfirm(confirm_url(&parts.settings, flow.id)?),
            Some(code) => {
                let granted = secrets.as_ref().and_then(|secrets| secrets.scope.as_deref());
                pending(parts, flow, &code, missing_scopes(&parts.settings, &flow.provider, granted).as_deref())
            }
        })
    }

    /// Queues for revocation what no flow is going to keep. Where tokens are not remembered, none are kept for this either.
    async fn drop_grant(&self, sid: Option<&Sid>, grant: &Grant) -> Result<()> {
        if !self.provider.settings().remember_tokens {
            return Ok(());
        }
        let tokens = revoke::Tokens { access: grant.access_token.clone(), refresh: grant.refresh_token.clone() };
        let mut conn = self.parts.store.write().await?;
        revoke::queue(self.parts, &mut conn, whose(self.flow, sid), &tokens).await
    }
}

/// Writes what was granted into the flow; says whether that was still on this trip. The code is spent, so a database that is
/// away is asked again for as long as a person waits.
async fn land(parts: &Parts, flow: &Flow, arrival: &Arrival) -> Result<bool> {
    let mut wait = FIRST_WAIT;
    loop {
        let written = async { store::flows::arrive(&mut parts.store.write().await?, flow, arrival).await }.await;
        match written {
            Err(Error::StorageUnavailable(_)) if wait <= LAST_WAIT => tokio::time::sleep(wait).await,
            // An earlier try may have been written after all, and only its answer lost.
            Ok(false) if wait > FIRST_WAIT => return has_landed(parts, flow, arrival).await,
            other => return other,
        }
        wait *= 2;
    }
}

async fn has_landed(parts: &Parts, flow: &Flow, arrival: &Arrival) -> Result<bool> {
    let found = store::read!(parts.store, |conn| store::flows::find(conn, flow.id))?;
    Ok(found.is_some_and(|found| arrival.is_in(&found)))
}

/// Back to the app, with the code it completes with, and the scopes that were not granted.
pub(super) fn pending(parts: &Parts, flow: &Flow, code: &SecretString, missing: Option<&str>) -> Step {
    let mut told = vec![("status", "pending"), ("bind_code", code.expose_secret())];
    told.extend(missing.map(|missing| ("missing_scopes", missing)));
    back_to_app(parts, flow, &told)
}
