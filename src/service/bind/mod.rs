//! Bind: a user links an account whose id nobody knows yet, in the browser. The instruction belongs to one browser and,
//! either to the person who is signed in there or to the verifier that only the app holds: whoever steals the URL links nothing
//! (DESIGN 8).

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

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use url::Url;
use url::form_urlencoded;

pub use callback::{Answer, callback};
pub use complete::{Completion, complete};
pub use confirm::{Question, Shown, Whom, confirm, question};
pub use cookie::{Browser, FlowCookie, is_flow_cookie};
pub(super) use expired::{end_all, sweep};
pub use instruct::{Instruction, instruct};
pub use open::open;
pub use posted::{OnceMore, once_more};

use super::audit::{About, record};
use super::{Parts, revoke};
use crate::domain::event::{Actor, Event};
use crate::domain::expiry::{Lives, Stated};
use crate::domain::flow::{FLOW_LIMIT, FlowState};
use crate::domain::ids::{ClientId, FlowId, ProviderId};
use crate::domain::params::Params;
use crate::domain::token::Grant;
use crate::domain::{Error, Result};
use crate::settings::Settings;
use crate::store::flows::FlowRow;
use crate::store::{self, Tx};
use crate::vault::{Flow, Place, Table, flow_place};

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

/// Why a bind ended without a link, as the app is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    AccessDenied,
    AlreadyLinked,
    FlowExpired,
    ProviderError,
    WrongUser,
}

impl Ending {
    /// The code and our fixed text; a provider's own words go nowhere.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::AccessDenied => ("access_denied", "The user declined to connect the account"),
            Self::AlreadyLinked => ("already_linked", "The account is linked to another user"),
            Self::FlowExpired => ("flow_expired", "Connecting the account took too long"),
            Self::ProviderError => ("provider_error", "The provider could not connect the account"),
            Self::WrongUser => {
                ("wrong_user", "The user who is signed in is not the one the account was to be connected to")
            }
        }
    }
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

fn hash(secret: &SecretString) -> Vec<u8> {
    hash_text(secret.expose_secret())
}

fn hash_text(text: &str) -> Vec<u8> {
    Sha256::digest(text.as_bytes()).to_vec()
}

fn flow_id(row: &FlowRow) -> FlowId {
    FlowId(row.id.0)
}

fn provider_of(row: &FlowRow) -> Result<ProviderId> {
    ProviderId::parse(&row.fp_type, &row.fp_name).map_err(Error::internal)
}

/// Whether the flow is completed in the browser, by the person who is signed in there, and not by the app.
fn is_persons(row: &FlowRow) -> bool {
    row.code_challenge.is_empty()
}

fn state_of(row: &FlowRow) -> Result<FlowState> {
    FlowState::parse(&row.state).ok_or_else(|| Error::internal(format!("a flow in the unknown state {}", row.state)))
}

/// When a flow that enters `state` at `now` runs out: its own limit, and that of the whole flow since it was opened.
fn runs_out(state: FlowState, now: DateTime<Utc>, opened: Option<DateTime<Utc>>) -> DateTime<Utc> {
    let after = |moment: DateTime<Utc>, limit| moment + TimeDelta::from_std(limit).unwrap_or_default();
    let own = after(now, state.limit());
    opened.map_or(own, |opened| own.min(after(opened, FLOW_LIMIT)))
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
    fn new(grant: &Grant, params: &Params, now: DateTime<Utc>) -> Self {
        let micros = |moment: DateTime<Utc>| moment.timestamp_micros();
        Self {
            access: grant.access_token.clone(),
            refresh: grant.refresh_token.clone(),
            params: params.to_text(),
            scope: grant.scope.clone(),
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

/// Writes a secret into the text that [`seal`] seals; secrets write themselves nowhere else.
fn in_the_clear<S: Serializer>(secret: &SecretString, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

/// As [`in_the_clear`], for one that may be missing.
#[expect(clippy::ref_option, reason = "serde hands the field over as it stands")]
pub(super) fn in_the_clear_if_any<S: Serializer>(
    secret: &Option<SecretString>,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    secret.as_ref().map(ExposeSecret::expose_secret).serialize(serializer)
}

/// Seals a flow's secrets under the flow's own key, for this flow and all that it is for: `sid` is the account that the
/// provider proved, none before it did.
fn seal<T: Serialize>(parts: &Parts, row: &FlowRow, sid: Option<&str>, secrets: &T) -> Result<Vec<u8>> {
    let key = parts.vault.open_row_key(Table::Flows, row.id.0, &row.key_id, &row.wrapped_key)?;
    let text = serde_json::to_string(secrets).map_err(Error::internal)?;
    parts.vault.seal(&key, &place(row, sid), &text.into())
}

/// Opens what [`seal`] sealed for the same account.
fn unseal<T: for<'de> Deserialize<'de>>(parts: &Parts, row: &FlowRow, sid: Option<&str>, sealed: &[u8]) -> Result<T> {
    let key = parts.vault.open_row_key(Table::Flows, row.id.0, &row.key_id, &row.wrapped_key)?;
    let text = parts.vault.open(&key, &place(row, sid), sealed)?;
    // serde_json's errors quote no more than a type and a column, and the text is our own.
    serde_json::from_str(text.expose_secret()).map_err(Error::internal)
}

fn place(row: &FlowRow, sid: Option<&str>) -> Place {
    flow_place(&Flow {
        id: row.id.0,
        client: &row.client,
        subject: row.subject.as_deref(),
        fp_type: &row.fp_type,
        fp_name: &row.fp_name,
        callback: &row.callback,
        code_challenge: &row.code_challenge,
        sid,
    })
}

/// Ends a flow without a link: its row goes, a line stays, the app is told. If the flow has moved on since it was read,
/// what went wrong is no longer its business.
async fn end(parts: &Parts, row: &FlowRow, ending: Ending, detail: &'static str) -> Result<Step> {
    let mut tx = parts.store.begin().await?;
    if !store::flows::delete(tx.conn(), row).await? {
        return Ok(Step::Nothing);
    }
    let actor = Actor { client: Some(row.client.clone()), ..Actor::default() };
    revoke_grant(parts, &mut tx, row).await?;
    record_refusal(parts, &mut tx, &actor, (row, detail)).await?;
    tx.commit().await?;
    let (error, description) = ending.words();
    Ok(back_to_app(parts, row, &[("status", "error"), ("error", error), ("error_description", description)]))
}

/// Queues for revocation what a flow has been granted, in the transaction that ends it without a link.
async fn revoke_grant(parts: &Parts, tx: &mut Tx, row: &FlowRow) -> Result<()> {
    let has_grant = matches!(state_of(row)?, FlowState::Confirming | FlowState::Pending);
    let Some(sealed) = row.sealed.as_ref().filter(|_| has_grant) else { return Ok(()) };
    let whose = whose(row, row.sid.as_deref());
    match unseal::<Option<GrantSecrets>>(parts, row, row.sid.as_deref(), sealed) {
        Ok(None) => Ok(()),
        Ok(Some(grant)) => {
            let tokens = revoke::Tokens { access: grant.access, refresh: grant.refresh };
            revoke::queue(parts, tx.conn(), whose, &tokens).await
        }
        // Another instance has the key.
        Err(error) if !parts.vault.has_key(&row.key_id) => Err(error),
        // What cannot be read must not keep the flow alive.
        Err(error) => revoke::give_up_unread(parts, tx, whose, &error).await,
    }
}

/// Whose a flow's tokens are; `sid` as far as the provider proved it.
fn whose<'a>(row: &'a FlowRow, sid: Option<&'a str>) -> revoke::Whose<'a> {
    revoke::Whose { subject: row.subject.as_deref(), fp_type: &row.fp_type, fp_name: &row.fp_name, sid }
}

/// The line that stays of a flow that ended without a link.
async fn record_refusal(
    parts: &Parts,
    tx: &mut Tx,
    actor: &Actor,
    (row, detail): (&FlowRow, &'static str),
) -> Result<()> {
    let provider = provider_of(row)?;
    let about = About {
        subject: row.subject.as_deref(),
        provider: Some(&provider),
        sid: row.sid.as_deref(),
        detail: Some(detail),
    };
    record(parts, tx, Event::BindRefused, actor, about).await
}

/// Back to the app's callback with what it is told, added to whatever query it has; the rest of it stays letter for letter.
/// Nowhere, if the callback is on the app's list no more: a row is no place to keep an address that browsers are sent to.
fn back_to_app(parts: &Parts, row: &FlowRow, result: &[(&'static str, &str)]) -> Step {
    let client = ClientId::parse(row.client.clone()).ok().and_then(|id| parts.settings.clients.get(&id));
    if !client.is_some_and(|client| client.callbacks.contains(&row.callback)) {
        return Step::Nothing;
    }
    let mut told = vec![("fp", format!("{}:{}", row.fp_type, row.fp_name)), ("bind", flow_id(row).to_string())];
    told.extend(result.iter().map(|(name, value)| (*name, (*value).to_owned())));
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&told).finish();
    let separator = if row.callback.contains('?') { '&' } else { '?' };
    Step::ToApp(Return { address: format!("{}{separator}{query}", row.callback), told, popup: row.popup })
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
