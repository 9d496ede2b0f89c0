//! Bind: a user links an account whose id nobody knows yet, in the browser. The instruction belongs to one browser and,
//! either to the person who is signed in there or to the verifier that only the app holds: whoever steals the URL links nothing
//! (docs/bind.md).

mod callback;
mod complete;
mod confirm;
mod cookie;
mod expired;
mod instruct;
mod link;
mod open;
mod person;
mod posted;

use std::fmt;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;
use url::form_urlencoded;

pub use callback::callback;
pub use complete::{Completion, complete};
pub use confirm::{Question, Shown, Whom, confirm, question};
pub use cookie::{Browser, FlowCookie, is_flow_cookie};
pub(super) use expired::{end_all, end_of_nobody, sweep};
pub use instruct::{Instruction, WayBack, instruct};
pub(super) use instruct::{Reconnect, reconnect};
pub use open::open;
pub use posted::{OnceMore, once_more};

use super::audit::{About, record};
use super::{Parts, revoke, scopes, sessions};
use domain::event::{Actor, Event};
use domain::expiry::{Lives, Stated};
pub use domain::flow::Answer;
use domain::flow::{Ended, Flow, Stop};
use domain::ids::{FlowId, ProviderId, Sid, Subject};
use domain::params::{Params, Texts};
use domain::token::Grant;
use domain::{Error, Result};
use settings::Settings;
use store::{self, Tx};
use vault::{self, Place, Table, flow_place, in_the_clear, in_the_clear_if_any};

/// What a browser is to do next.
pub enum Step {
    /// Sign in at our own page, with this cookie if the browser has none yet.
    ToSignIn(Url, Option<FlowCookie>),
    /// Go to the provider, with this cookie if the browser has none yet.
    ToProvider(Url, Option<FlowCookie>),
    /// Answer the question at the flow's confirm page.
    ToConfirm(Url),
    /// Go back to the app: the end, whatever it is.
    ToApp(Return),
    /// There is nothing here for this browser: the flow is over, or it is another's. Nothing was touched.
    Nothing,
}

/// The addresses have the OAuth `state`, or the app's bind code.
impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ToSignIn(..) => "ToSignIn",
            Self::ToProvider(..) => "ToProvider",
            Self::ToConfirm(_) => "ToConfirm",
            Self::ToApp(_) => "ToApp",
            Self::Nothing => "Nothing",
        })
    }
}

/// How a bind ends for the app. It may hold the bind code, so it has no `Debug`.
pub struct Return {
    /// The callback with all that the app is told in its query.
    pub address: String,
    /// What the app is told, by name.
    pub told: Vec<(&'static str, String)>,
    /// Whether the app opened the instruction in a popup, whose last page tells its opener.
    pub popup: bool,
}

/// The redirect URI that is registered at a provider: one per provider, so that a code of one can't be redeemed at another.
pub fn redirect_uri(settings: &Settings, provider: &ProviderId) -> Result<Url> {
    let path = format!(
        "{}/login/externalIdps/callback/{}/{}/false",
        settings.base_path,
        provider.fp_type(),
        provider.fp_name()
    );
    settings.public_url.join(&path).map_err(Error::internal)
}

/// Where the app's users open an instruction.
fn instruction_url(settings: &Settings, flow: FlowId) -> Result<Url> {
    let path = format!("{}/api/v2/users/current/fa/bind/auth/{flow}", settings.base_path);
    settings.public_url.join(&path).map_err(Error::internal)
}

/// Where a flow's confirm page is.
fn confirm_url(settings: &Settings, flow: FlowId) -> Result<Url> {
    let mut url = instruction_url(settings, flow)?;
    url.set_path(&format!("{}/confirm", url.path()));
    Ok(url)
}

/// What is sealed in a flow before it has any secret: that its row is still what was instructed.
const UNTOUCHED: () = ();

/// What the browser's trip to the provider has to bring back, sealed in the flow meanwhile.
#[derive(Serialize, Deserialize)]
struct LegSecrets {
    #[serde(serialize_with = "in_the_clear")]
    nonce: SecretString,
    #[serde(serialize_with = "in_the_clear")]
    verifier: SecretString,
}

/// What the provider granted, sealed in the flow until the link is made.
#[derive(Serialize, Deserialize)]
struct GrantSecrets {
    /// None if the provider gave none that can be used.
    #[serde(serialize_with = "in_the_clear_if_any")]
    access: Option<SecretString>,
    #[serde(serialize_with = "in_the_clear_if_any")]
    refresh: Option<SecretString>,
    /// As [`Params::to_text`] writes them.
    #[serde(default, serialize_with = "in_the_clear_if_any")]
    params: Option<SecretString>,
    scope: Option<String>,
    /// When the access token ends, as stated; microseconds since 1970.
    expires: Option<i64>,
    /// When the refresh token does.
    #[serde(default)]
    refresh_expires: Option<i64>,
    /// When they were asked for. An earlier version didn't write it down.
    #[serde(default)]
    asked: Option<i64>,
    /// Microseconds since 1970.
    obtained: i64,
}

impl GrantSecrets {
    /// `asked` are the scopes that were asked for: what was granted where the provider doesn't say (RFC 6749 §5.1).
    fn new(grant: &Grant, resent: &Texts, asked: &[String], now: DateTime<Utc>) -> Self {
        let micros = |moment: DateTime<Utc>| moment.timestamp_micros();
        Self {
            access: grant.access_token.clone(),
            refresh: grant.refresh_token.clone(),
            params: Params { resent: resent.clone(), fields: grant.fields.clone() }.to_text(),
            scope: grant.scope.clone().or_else(|| (!asked.is_empty()).then(|| asked.join(" "))),
            expires: grant.lives.access_ends().map(micros),
            refresh_expires: grant.lives.refresh_ends().map(micros),
            asked: Some(micros(grant.lives.asked)),
            obtained: micros(now),
        }
    }

    /// What the provider said of how long they live, and when they were there.
    fn times(&self) -> Result<(Lives, DateTime<Utc>)> {
        let moment = |micros| {
            DateTime::from_timestamp_micros(micros).ok_or_else(|| Error::internal("a grant beyond the calendar"))
        };
        let asked = moment(self.asked.unwrap_or(self.obtained))?;
        let life = |ends: Option<i64>| match ends.map(moment).transpose()? {
            Some(ends) => Ok(Stated::of_seconds((ends - asked).as_seconds_f64())),
            None => Ok::<_, Error>(Stated::Absent),
        };
        let lives = Lives { asked, access: life(self.expires)?, refresh: life(self.refresh_expires)? };
        Ok((lives, moment(self.obtained)?))
    }
}

/// The scopes that a provider was asked for and did not grant, as the app is told; `None` if nothing is missing.
fn missing_scopes(settings: &Settings, provider: &ProviderId, granted: Option<&str>) -> Option<String> {
    let missing = scopes::missing_scopes(settings, provider, granted);
    (!missing.is_empty()).then(|| missing.join(" "))
}

/// The same for what has been granted to a flow that has come back. It is told on the way: what can't be read is somebody else's to
/// refuse.
fn missing_of(parts: &Parts, flow: &Flow) -> Option<String> {
    let grant: Option<GrantSecrets> = unseal(parts, flow, flow.sealed.as_ref()?).ok()?;
    missing_scopes(&parts.settings, &flow.provider, grant?.scope.as_deref())
}

/// Seals a flow's secrets under the flow's own key, for this flow and all that it is for: `sid` is the account that the
/// provider proved, none before it did.
fn seal<T: Serialize>(parts: &Parts, flow: &Flow, sid: Option<&Sid>, secrets: &T) -> Result<Vec<u8>> {
    let key = parts.vault.open_row_key(Table::Flows, flow.id.0, &flow.key_id, &flow.wrapped_key)?;
    let text = serde_json::to_string(secrets).map_err(Error::internal)?;
    parts.vault.seal(&key, &place(flow, sid), &text.into())
}

/// Opens what [`seal`] sealed in a flow that has come as far.
fn unseal<T: for<'de> Deserialize<'de>>(parts: &Parts, flow: &Flow, sealed: &[u8]) -> Result<T> {
    let key = parts.vault.open_row_key(Table::Flows, flow.id.0, &flow.key_id, &flow.wrapped_key)?;
    let text = parts.vault.open(&key, &place(flow, flow.sid()), sealed)?;
    // serde_json's errors quote no more than a type and a column, and the text is our own.
    serde_json::from_str(text.expose_secret()).map_err(Error::internal)
}

fn place(flow: &Flow, sid: Option<&Sid>) -> Place {
    flow_place(&vault::Flow {
        id: flow.id.0,
        client: flow.client.as_str(),
        subject: flow.subject.as_ref().map(Subject::as_str),
        fp_type: flow.provider.fp_type(),
        fp_name: flow.provider.fp_name(),
        callback: &flow.callback,
        code_challenge: flow.completer.challenge(),
        sid: sid.map(Sid::as_str),
    })
}

/// Why a request goes no further: by the flow's own rules, or by a failure.
enum Halt {
    Stop(Stop),
    Failed(Error),
}

impl From<Stop> for Halt {
    fn from(why: Stop) -> Self {
        Self::Stop(why)
    }
}

impl From<Ended> for Halt {
    fn from(ended: Ended) -> Self {
        Self::Stop(ended.into())
    }
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// What a browser is to do where a flow goes no further.
async fn stop(parts: &Parts, flow: &Flow, browser: &Browser, why: Stop) -> Result<Step> {
    match why {
        Stop::Nothing => Ok(Step::Nothing),
        Stop::Ended(ended) => end(parts, flow, browser, ended).await,
    }
}

/// Ends a flow without a link: its row goes, a line stays, the app is told. If the flow has moved on since it was read,
/// what went wrong is no longer its business.
async fn end(parts: &Parts, flow: &Flow, browser: &Browser, ended: Ended) -> Result<Step> {
    // Whose session counts in a person's flow alone; whoever came to another's is named to those who run this.
    let session = if flow.is_persons() { sessions::find(parts, browser.session()).await? } else { None };
    let actor = browser.actor(flow, session.as_ref().map(|session| &session.subject));
    let mut tx = parts.store.begin().await?;
    if !store::flows::delete(tx.conn(), flow).await? {
        return Ok(Step::Nothing);
    }
    close(parts, &mut tx, &actor, flow, ended.detail()).await?;
    tx.commit().await?;
    let (error, description) = ended.told();
    Ok(back_to_app(parts, flow, &[("status", "error"), ("error", error), ("error_description", description)]))
}

/// What is due when a flow's row is gone and there is no link.
async fn close(parts: &Parts, tx: &mut Tx, actor: &Actor, flow: &Flow, detail: &'static str) -> Result<()> {
    revoke_grant(parts, tx, flow).await?;
    record_refusal(parts, tx, actor, flow, detail).await
}

/// The application that a flow is of, where it ends in no browser.
fn through(flow: &Flow) -> Actor {
    Actor { client: Some(flow.client.as_str().to_owned()), ..Actor::default() }
}

/// Queues for revocation what a flow has been granted, in the transaction that ends it without a link.
async fn revoke_grant(parts: &Parts, tx: &mut Tx, flow: &Flow) -> Result<()> {
    let Some((account, sealed)) = flow.stage.account().zip(flow.sealed.as_ref()) else { return Ok(()) };
    let whose = whose(flow, Some(&account.sid));
    match unseal::<Option<GrantSecrets>>(parts, flow, sealed) {
        Ok(None) => Ok(()),
        Ok(Some(grant)) => {
            let tokens = revoke::Tokens { access: grant.access, refresh: grant.refresh };
            revoke::queue(parts, tx.conn(), whose, &tokens).await
        }
        // Another instance has the key.
        Err(error) if !parts.vault.has_key(&flow.key_id) => Err(error),
        // What cannot be read must not keep the flow alive.
        Err(error) => revoke::give_up_unread(parts, tx, whose, &error).await,
    }
}

/// Whose a flow's tokens are; `sid` as far as the provider proved it.
fn whose<'a>(flow: &'a Flow, sid: Option<&'a Sid>) -> revoke::Whose<'a> {
    revoke::Whose {
        subject: flow.subject.as_ref().map(Subject::as_str),
        fp_type: flow.provider.fp_type(),
        fp_name: flow.provider.fp_name(),
        sid: sid.map(Sid::as_str),
    }
}

/// The line that stays of a flow that ended without a link.
async fn record_refusal(parts: &Parts, tx: &mut Tx, actor: &Actor, flow: &Flow, detail: &'static str) -> Result<()> {
    let about = About {
        subject: flow.subject.as_ref().map(Subject::as_str),
        provider: Some(&flow.provider),
        sid: flow.sid().map(Sid::as_str),
        detail: Some(detail),
    };
    record(parts, tx, Event::BindRefused, actor, about).await
}

/// Back to the app's callback with what it is told, added to whatever query it has; the rest of it stays letter for letter.
/// Nowhere, if the callback is on the app's list no more: a row is no place to keep an address that browsers are sent to.
fn back_to_app(parts: &Parts, flow: &Flow, result: &[(&'static str, &str)]) -> Step {
    let client = parts.settings.clients.get(&flow.client);
    if !client.is_some_and(|client| client.callbacks.contains(&flow.callback)) {
        return Step::Nothing;
    }
    let mut told = vec![("fp", flow.provider.to_string()), ("bind", flow.id.to_string())];
    told.extend(result.iter().map(|(name, value)| (*name, (*value).to_owned())));
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&told).finish();
    let separator = if flow.callback.contains('?') { '&' } else { '?' };
    Step::ToApp(Return { address: format!("{}{separator}{query}", flow.callback), told, popup: flow.popup })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_shows_neither_state_nor_code() {
        let to_provider = Step::ToProvider("https://a.example/authorize?state=s3cret".parse().unwrap(), None);
        let told = vec![("bind_code", "s3cret".to_owned())];
        let address = "https://app.example/callback?bind_code=s3cret".to_owned();
        let to_app = Step::ToApp(Return { address, told, popup: false });
        let shown = format!("{to_provider:?} {to_app:?} {:#?}", Step::Nothing);
        assert_eq!(shown, "ToProvider ToApp Nothing");
    }
}
