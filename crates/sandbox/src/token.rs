//! The token endpoint (RFC 6749 §3.2): codes and refresh tokens in, tokens out.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::answer::{self, Refused};
use super::asking::Pkce;
use super::authenticate::{NotAuthenticated, authenticate};
use super::core::Core;
use super::form::Form;
use super::grants::{Consent, Dead, FamilyId, Presented, Redemption, delta};
use super::id_token;
use super::lock::lock;
use super::options::IssuedTokens;
use super::peculiar::{ExpiresIn, Rotation, ScriptedScope, Settings};
use super::written;

/// Which grant a call asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Refresh,
}

/// Answers a token call, in the shape and at the moment the script says.
pub(super) async fn token(core: web::Data<Core>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let form = written::members(&core, &request, &body);
    let kind = match form.as_ref().and_then(|form| form.get("grant_type")) {
        Some("authorization_code") => Some(Kind::Code),
        Some("refresh_token") => Some(Kind::Refresh),
        _ => None,
    };
    core.count(|counts| match kind {
        Some(Kind::Code) => counts.token_code += 1,
        Some(Kind::Refresh) => counts.token_refresh += 1,
        None => {}
    });
    let shape = core.script.take_answer();
    if let Some(gate) = core.script.calls_gate() {
        gate.pass().await;
    }
    let result = if shape.carries_tokens() || core.script.settings().works_before_failing {
        match (&form, kind) {
            (Some(form), Some(kind)) => grant(&core, &request, form, kind),
            (Some(_), None) => Err(Refused::new("unsupported_grant_type", "a code or a refresh token")),
            (None, _) => Err(Refused::new("invalid_request", "not a form, or a parameter comes twice")),
        }
    } else {
        Ok(Map::new())
    };
    if result.is_err() {
        core.count(|counts| counts.refused += 1);
    }
    if let Some(gate) = core.script.results_gate() {
        gate.pass().await;
    }
    if let Some((least, most)) = core.script.settings().answer_delay {
        let [part] = core.entropy.bytes::<1>();
        tokio::time::sleep(least + most.saturating_sub(least) * u32::from(part) / 255).await;
    }
    answer::token(&core, shape, result).await
}

/// Issues tokens without a browser.
pub(super) fn seed(core: &Core, sub: &str, client_id: &str, scope: &str) -> IssuedTokens {
    let settings = core.script.settings();
    let consent = Consent {
        client_id: client_id.to_owned(),
        sub: sub.to_owned(),
        scope: scope.to_owned(),
        nonce: None,
        device_id: settings.device_id.clone(),
        is_offline: true,
        at: core.now(),
    };
    let family = lock(&core.grants).open_family(consent);
    let (access, expires_at) = issue_access(core, &settings, family, scope);
    let refresh = issue_refresh(core, &settings, family);
    IssuedTokens { access_token: access.into(), refresh_token: refresh.into(), expires_at }
}

fn grant(core: &Core, request: &HttpRequest, form: &Form, kind: Kind) -> Result<Map<String, Value>, Refused> {
    let client = authenticate(core, request, form).map_err(|reason| match reason {
        NotAuthenticated::TwoWays => Refused::new("invalid_request", "the client authenticates in two ways"),
        NotAuthenticated::Unknown => Refused::invalid_client(),
    })?;
    if let Some((name, value)) = core.script.settings().token_param
        && form.get(&name) != Some(value.as_str())
    {
        return Err(Refused::new("invalid_request", "a parameter of this provider's own is missing"));
    }
    match kind {
        Kind::Code => by_code(core, form, &client.id),
        Kind::Refresh => by_refresh(core, form, &client.id),
    }
}

fn by_code(core: &Core, form: &Form, client_id: &str) -> Result<Map<String, Value>, Refused> {
    let settings = core.script.settings();
    let needed = |name| form.get(name).ok_or_else(|| Refused::new("invalid_request", "a parameter is missing"));
    let offer = Redemption {
        code: needed("code")?,
        client_id,
        redirect_uri: needed("redirect_uri")?,
        code_verifier: match (settings.pkce, form.get("code_verifier")) {
            (Pkce::Refused, Some(_)) => {
                return Err(Refused::new("invalid_request", "a client with a secret may not send code_verifier"));
            }
            (Pkce::Refused, None) => None,
            (Pkce::Optional, given) => given,
            (Pkce::Required, _) => Some(needed("code_verifier")?),
        },
        device_id: form.get("device_id"),
    };
    let redeemed = lock(&core.grants).redeem(&offer, core.now());
    let family = redeemed.map_err(|dead| refused(&settings, dead))?;
    let consent = consent(core, family)?;
    let (access, mut fields) = describe_access(core, &settings, family, &consent.scope);
    if settings.scope != ScriptedScope::Never {
        fields.insert("scope".to_owned(), consent.scope.clone().into());
    }
    if settings.refresh_tokens && consent.is_offline {
        fields.insert("refresh_token".to_owned(), issue_refresh(core, &settings, family).into());
    }
    identify(core, &settings, &consent, &access, &mut fields)?;
    Ok(match settings.tokens_in {
        None => fields,
        Some(member) => beside_a_bots(core, fields, member, &consent.sub),
    })
}

/// The same with the user's tokens in a member of their own, as Slack answers a code.
fn beside_a_bots(core: &Core, mut fields: Map<String, Value>, member: &str, sub: &str) -> Map<String, Value> {
    let of_user = ["access_token", "refresh_token", "expires_in", "scope", "token_type"];
    let mut user: Map<String, Value> =
        of_user.iter().filter_map(|name| Some(((*name).to_owned(), fields.remove(*name)?))).collect();
    user.insert("id".to_owned(), sub.into());
    user.insert("token_type".to_owned(), "user".into());
    fields.insert(member.to_owned(), user.into());
    fields.insert("access_token".to_owned(), format!("bot-{}", core.secret()).into());
    fields.insert("refresh_token".to_owned(), format!("bot-{}", core.secret()).into());
    fields.insert("token_type".to_owned(), "bot".into());
    fields
}

fn by_refresh(core: &Core, form: &Form, client_id: &str) -> Result<Map<String, Value>, Refused> {
    let settings = core.script.settings();
    if let Some(refusal) = &settings.refuse_refresh {
        return Err(Refused::scripted(refusal, "refused by the script"));
    }
    let token = form.get("refresh_token").ok_or_else(|| Refused::new("invalid_request", "no refresh_token"))?;
    let scope = form.get("scope");
    let offer = Presented { token, client_id, scope, device_id: form.get("device_id") };
    let presented = lock(&core.grants).present(&offer, &settings, core.now());
    let family = presented.map_err(|dead| refused(&settings, dead))?;
    let mut consent = consent(core, family)?;
    let scope = scope.or(settings.granted_scope.as_deref()).unwrap_or(&consent.scope).to_owned();
    let (access, mut fields) = describe_access(core, &settings, family, &scope);
    if settings.scope == ScriptedScope::Always {
        fields.insert("scope".to_owned(), scope.into());
    }
    match settings.rotation {
        Rotation::Strict | Rotation::Grace(_) => {
            fields.insert("refresh_token".to_owned(), issue_refresh(core, &settings, family).into());
        }
        Rotation::Never => {
            fields.insert("refresh_token".to_owned(), token.into());
        }
        Rotation::OmitOnRefresh => {}
    }
    // OpenID Connect Core §12.2: an id_token of a refresh has no nonce.
    consent.nonce = None;
    identify(core, &settings, &consent, &access, &mut fields)?;
    Ok(fields)
}

fn consent(core: &Core, family: FamilyId) -> Result<Consent, Refused> {
    lock(&core.grants).consent(family).cloned().ok_or_else(|| Refused::new("invalid_grant", "unknown grant"))
}

fn refused(settings: &Settings, dead: Dead) -> Refused {
    match dead {
        Dead::Code(reason) => Refused::new("invalid_grant", reason),
        Dead::Scope => Refused::new("invalid_scope", "more than was granted"),
        Dead::Refresh(reason) => Refused::scripted(&settings.dead_refresh, reason),
    }
}

/// A new access token, with the fields of an answer that describe it.
fn describe_access(core: &Core, settings: &Settings, family: FamilyId, scope: &str) -> (String, Map<String, Value>) {
    let (access, expires_at) = issue_access(core, settings, family, scope);
    let seconds = (expires_at - core.now()).as_seconds_f64().round().max(0.0);
    let mut fields = settings.extra_fields.clone();
    fields.insert("access_token".to_owned(), access.clone().into());
    if let Some(token_type) = &settings.token_type {
        fields.insert("token_type".to_owned(), token_type.clone().into());
    }
    let expires_in = match settings.expires_in {
        ExpiresIn::Number => Some(serde_json::from_str(&format!("{seconds:.0}")).unwrap_or_default()),
        ExpiresIn::Text => Some(format!("{seconds:.0}").into()),
        ExpiresIn::Zero => Some(0.into()),
        ExpiresIn::Absent => None,
    };
    fields.extend(expires_in.map(|value: Value| ("expires_in".to_owned(), value)));
    (access, fields)
}

fn issue_access(core: &Core, settings: &Settings, family: FamilyId, scope: &str) -> (String, DateTime<Utc>) {
    let token = written::access_token(&settings.wording, shaped(core.secret(), settings));
    let now = core.now();
    let expires_at = now + delta(core.next_lifetime(settings));
    lock(&core.grants).add_access(token.clone(), family, scope, now..expires_at);
    (token, expires_at)
}

fn issue_refresh(core: &Core, settings: &Settings, family: FamilyId) -> String {
    let token = shaped(core.secret(), settings);
    lock(&core.grants).add_refresh(token.clone(), family);
    token
}

/// A token as long and as strange as the script wants it.
fn shaped(mut token: String, settings: &Settings) -> String {
    if settings.non_ascii_tokens {
        token.push_str("é漢🔑");
    }
    let missing = settings.token_length.saturating_sub(token.len());
    token.extend(std::iter::repeat_n('A', missing));
    token
}

fn identify(
    core: &Core,
    settings: &Settings,
    consent: &Consent,
    access: &str,
    fields: &mut Map<String, Value>,
) -> Result<(), Refused> {
    if consent.scope.split(' ').any(|scope| scope == "openid") {
        let made = id_token::make(core, settings, consent, access);
        let id_token = made.map_err(|_unsigned| Refused::new("server_error", "the signature failed"))?;
        fields.extend(id_token.map(|id_token| ("id_token".to_owned(), id_token.into())));
    }
    Ok(())
}
