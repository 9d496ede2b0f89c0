//! Token exchange at the token endpoint (RFC 8693 §2).

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Serialize, Serializer};
use serde_json::json;

use super::fed_token::min_ttl;
use super::oauth::{Form, Refusal, refusal};
use crate::app::App;
use domain::ids::Sid;
use domain::scope::is_scope_char;
use service::bind::WayBack;
use service::exchange::{Exchange, Refused, SubjectToken, exchange};
use service::tokens::Served;
use settings::{Client, Settings, SubjectTokens};

/// RFC 8693 §2.1.
pub(super) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// RFC 8693 §3.
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// What a subject token may be; in clear it may be for somebody.
pub(super) fn subject_token_types(settings: &Settings) -> Vec<String> {
    let in_clear = settings.clients.values().any(|client| client.subject_tokens == SubjectTokens::InClearToo);
    std::iter::once(ACCESS_TOKEN.to_owned()).chain(in_clear.then(|| subject_type(settings))).collect()
}

/// The type of a subject in clear, in the name of our own issuer.
pub(super) fn subject_type(settings: &Settings) -> String {
    format!("{}/token-type/subject", settings.issuer())
}

/// What it is given for it (RFC 8693 §2.2.1).
#[derive(Serialize)]
pub(super) struct Exchanged {
    #[serde(serialize_with = "exposed")]
    access_token: SecretString,
    issued_token_type: &'static str,
    token_type: &'static str,
    /// In seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    fields: BTreeMap<String, SecretText>,
}

/// A text that the client is told.
#[derive(Serialize)]
struct SecretText(#[serde(serialize_with = "exposed")] SecretString);

/// Its client is told.
fn exposed<S: Serializer>(token: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(token.expose_secret())
}

/// What an authenticated client gets for what it shows.
pub(super) async fn granted(app: &App, client: &Client, form: &Form<'_>) -> Result<Exchanged, Refusal> {
    let wanted = read(app, form)?;
    match exchange(&app.parts, client, &wanted).await {
        Ok(served) => Ok(told(app, served)),
        Err(refused) => Err(refuse(refused)),
    }
}

fn read<'f>(app: &App, form: &'f Form<'_>) -> Result<Exchange<'f>, Refusal> {
    let invalid = |description: &str| refusal("invalid_request", description);
    if form.get("requested_token_type").is_some_and(|wanted| wanted != ACCESS_TOKEN) {
        return Err(invalid(&format!("requested_token_type must be {ACCESS_TOKEN}, or left out")));
    }
    if form.get("actor_token").is_some() || form.get("actor_token_type").is_some() {
        return Err(invalid("delegation is not supported: leave actor_token and actor_token_type out"));
    }
    if !form.resources().is_empty() {
        return Err(refusal("invalid_target", "resource names nothing here: name the provider as audience"));
    }
    let audience = match form.audiences() {
        [] => return Err(invalid("audience is missing: name the provider, as type:name")),
        [one] => &**one,
        _ => return Err(refusal("invalid_target", "audience must stand once: a token is of one provider")),
    };
    let sid = form.get("login_hint").map(Sid::parse).transpose();
    let min_ttl = form.get("min_ttl").map(min_ttl).transpose();
    Ok(Exchange {
        audience,
        subject_token: subject_token(app, form)?,
        scopes: scopes(form)?,
        sid: sid.map_err(|_unfit| invalid("login_hint must be an account's id at the provider"))?,
        min_ttl: min_ttl.map_err(Refusal::from)?,
        way_back: way_back(form)?,
    })
}

/// How the user comes back from linking again, as a bind has it.
fn way_back(form: &Form<'_>) -> Result<Option<WayBack>, Refusal> {
    let text = |name| form.get(name).map(str::to_owned);
    let (code_challenge, code_challenge_method) = (text("code_challenge"), text("code_challenge_method"));
    match text("callback") {
        Some(callback) => Ok(Some(WayBack { callback, code_challenge, code_challenge_method })),
        None if code_challenge.is_some() || code_challenge_method.is_some() => {
            Err(refusal("invalid_request", "callback is missing: a code_challenge is of no use without"))
        }
        None => Ok(None),
    }
}

fn subject_token<'f>(app: &App, form: &'f Form<'_>) -> Result<SubjectToken<'f>, Refusal> {
    let token = form.require("subject_token")?;
    match form.require("subject_token_type")? {
        ACCESS_TOKEN => Ok(SubjectToken::Access(token)),
        other if other == subject_type(&app.parts.settings) => Ok(SubjectToken::InClear(token)),
        _ => Err(refusal(
            "invalid_request",
            &format!("subject_token_type must be {ACCESS_TOKEN}: no other token stands for a user here"),
        )),
    }
}

/// RFC 6749 §3.3.
fn scopes(form: &Form<'_>) -> Result<Vec<String>, Refusal> {
    let sent = form.get("scope").unwrap_or_default();
    if sent.chars().any(|c| c != ' ' && !is_scope_char(c)) {
        return Err(refusal("invalid_scope", "scope has a character that no scope has"));
    }
    Ok(sent.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect())
}

fn told(app: &App, served: Served) -> Exchanged {
    let left = |expires: DateTime<Utc>| (expires - app.parts.clock.now()).num_seconds().max(0);
    Exchanged {
        access_token: served.token,
        issued_token_type: ACCESS_TOKEN,
        token_type: "Bearer",
        expires_in: served.expires.map(left),
        scope: served.scope,
        fields: served.fields.iter().map(|(name, value)| (name.to_owned(), SecretText(value.clone()))).collect(),
    }
}

fn refuse(refused: Refused) -> Refusal {
    match refused {
        Refused::Client => refusal("unauthorized_client", "the application may exchange no tokens"),
        // RFC 8693 §2.2.2; one text for all reasons.
        Refused::SubjectToken => refusal("invalid_request", "the subject token is not accepted"),
        Refused::Target => refusal("invalid_target", "audience names no provider that the application has tokens of"),
        Refused::NoTokens(why) => refusal("invalid_target", &format!("no token is to be had: {why}")),
        Refused::SeveralAccounts(accounts) => {
            let words = "the subject has several accounts at the provider: name one as login_hint";
            let refused = refusal("invalid_target", words);
            if accounts.is_empty() {
                return refused;
            }
            let listed = accounts.into_iter().map(|(sid, name)| {
                let mut account = json!({"sid": sid});
                if let (Some(name), Some(members)) = (name, account.as_object_mut()) {
                    members.insert("name".to_owned(), name.into());
                }
                account
            });
            refused.with("accounts", listed.collect::<Vec<_>>())
        }
        Refused::Interaction { reason, why, missing_scopes, reconnect_url } => {
            let mut refused = refusal("interaction_required", &why).with("reason", reason.as_str());
            if !missing_scopes.is_empty() {
                refused = refused.with("missing_scopes", missing_scopes);
            }
            match reconnect_url {
                Some(url) => refused.with("reconnect_url", url.as_str()),
                None => refused,
            }
        }
        Refused::Failed(error) => error.into(),
    }
}
