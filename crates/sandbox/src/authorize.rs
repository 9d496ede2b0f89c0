//! The authorization endpoint (RFC 6749 §4.1): checks the request, asks the person, sends the browser back.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use url::Url;

use super::answer;
use super::asking::{Offline, Pkce};
use super::core::Core;
use super::form::Form;
use super::grants::{CodeTerms, Consent};
use super::lock::lock;
use super::metadata::{RESPONSE_MODES, SCOPES};
use super::pages;
use super::peculiar::{IssParameter, Settings};
use super::written::is_signed;

/// A request that may be asked of a person.
struct Request {
    return_to: ReturnTo,
    client_id: String,
    scope: String,
    nonce: Option<String>,
    code_challenge: Option<String>,
    /// Whether it asks for a refresh token.
    is_offline: bool,
    /// Where it was pushed before (RFC 9126).
    pushed_as: Option<String>,
}

/// Where the answer goes, known to be the client's.
struct ReturnTo {
    redirect_uri: String,
    state: Option<String>,
    by_form: bool,
}

/// Why a person is not asked.
enum Refused {
    /// Nobody safe to redirect to (RFC 6749 §4.1.2.1): the person is told.
    Page(&'static str),
    /// The client is told.
    Client { return_to: ReturnTo, error: &'static str, description: &'static str },
}

/// Shows the consent page.
pub(super) async fn ask(core: web::Data<Core>, request: HttpRequest) -> HttpResponse {
    match check(&core, request.query_string()) {
        Ok(asked) => pages::consent(&core, &asked.client_id, &asked.scope),
        Err(refused) => refuse(&core, refused),
    }
}

/// Takes the person's choice: the form field `sub`, or `cancel`. The request is in the query still, and checked again.
pub(super) async fn answer(core: web::Data<Core>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let asked = match check(&core, request.query_string()) {
        Ok(asked) => asked,
        Err(refused) => return refuse(&core, refused),
    };
    let Some(form) = Form::body(&request, &body) else { return pages::refusal("The form cannot be read.") };
    if let Some(request_uri) = &asked.pushed_as {
        lock(&core.pushed).forget(request_uri);
    }
    if form.get("cancel").is_some() {
        let declined = core.script.settings().declined;
        return redirect(&core, &asked.return_to, &[("error", &declined)]);
    }
    match form.get("sub").and_then(|sub| core.user(sub)) {
        Some(user) => grant(&core, asked, &user.sub),
        None => pages::refusal("Choose one of the users."),
    }
}

fn grant(core: &Core, asked: Request, sub: &str) -> HttpResponse {
    let settings = core.script.settings();
    let secret = core.secret();
    let terms = CodeTerms { redirect_uri: asked.return_to.redirect_uri.clone(), code_challenge: asked.code_challenge };
    let consent = Consent {
        client_id: asked.client_id,
        sub: sub.to_owned(),
        scope: settings.granted_scope.unwrap_or(asked.scope),
        nonce: asked.nonce,
        device_id: settings.device_id.clone(),
        is_offline: asked.is_offline,
        at: core.now(),
    };
    lock(&core.grants).add_code(secret.clone(), consent, terms);
    let mut fields = vec![("code", secret.as_str())];
    fields.extend(settings.device_id.as_deref().map(|id| ("device_id", id)));
    fields.extend(settings.wording.callback_more.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    redirect(core, &asked.return_to, &fields)
}

fn check(core: &Core, query: &str) -> Result<Request, Refused> {
    let fields = Form::parse(query.as_bytes()).ok_or(Refused::Page("A parameter comes twice."))?;
    let fields = fields.under("client_id", &core.script.settings().wording.client_id_param);
    let Some(request_uri) = fields.get("request_uri") else {
        let pushed_only = core.script.settings().require_par;
        return if pushed_only { Err(Refused::Page("Requests have to be pushed here.")) } else { read(core, &fields) };
    };
    let pushed = lock(&core.pushed).find(request_uri, fields.get("client_id"), core.now());
    let pushed = pushed.ok_or(Refused::Page("There is no such pushed request, or not any more."))?;
    Ok(Request { pushed_as: Some(request_uri.to_owned()), ..read(core, &pushed)? })
}

/// Whether a request that is pushed may be asked of a person later.
pub(super) fn approve(core: &Core, fields: &Form) -> Result<(), answer::Refused> {
    match read(core, fields) {
        Ok(_asked) => Ok(()),
        Err(Refused::Page(reason)) => Err(answer::Refused::new("invalid_request", reason)),
        Err(Refused::Client { error, description, .. }) => Err(answer::Refused::new(error, description)),
    }
}

fn read(core: &Core, fields: &Form) -> Result<Request, Refused> {
    let client = fields.get("client_id").and_then(|id| core.client(id)).ok_or(Refused::Page("Unknown client."))?;
    // RFC 9700 §2.1: compared exactly.
    let redirect_uri = fields
        .get("redirect_uri")
        .filter(|uri| client.redirect_uris.iter().any(|known| known == uri))
        .ok_or(Refused::Page("The client has not registered this redirect_uri."))?;
    let settings = core.script.settings();
    let scope = fields.get("scope").map(|scope| scope.split(settings.scope_separator).collect::<Vec<_>>());
    let scope = scope.or_else(|| settings.scopes.is_some().then(Vec::new));
    let signed = settings.wording.signed.as_ref().filter(|signed| signed.authorize);
    let problem =
        problem(fields, scope.as_deref(), &settings).or_else(|| pkce_problem(fields, settings.pkce)).or_else(|| {
            signed.filter(|signed| !is_signed(core, signed, fields)).map(|_| ("invalid_request", "not signed"))
        });
    let return_to = ReturnTo {
        redirect_uri: redirect_uri.to_owned(),
        state: fields.get("state").map(str::to_owned),
        by_form: fields.get("response_mode") == Some("form_post"),
    };
    match (problem, scope) {
        (None, Some(scope)) => Ok(Request {
            return_to,
            client_id: client.id.clone(),
            is_offline: match &settings.offline {
                Offline::Always => true,
                Offline::Scope(wanted) => scope.contains(&wanted.as_str()),
                Offline::Param(name, value) => fields.get(name) == Some(value.as_str()),
            },
            scope: scope.join(" "),
            nonce: fields.get("nonce").map(str::to_owned),
            code_challenge: fields.get("code_challenge").map(str::to_owned),
            pushed_as: None,
        }),
        (problem, _) => {
            let (error, description) = problem.unwrap_or(("invalid_request", "a parameter is missing"));
            Err(Refused::Client { return_to, error, description })
        }
    }
}

/// What is wrong with a request whose client and redirect URI are right.
fn problem(fields: &Form, scope: Option<&[&str]>, settings: &Settings) -> Option<(&'static str, &'static str)> {
    match fields.get("response_type") {
        Some("code") => {}
        Some(_) => return Some(("unsupported_response_type", "only code is supported")),
        None => return Some(("invalid_request", "response_type is missing")),
    }
    if fields.get("response_mode").is_some_and(|mode| !RESPONSE_MODES.contains(&mode)) {
        return Some(("invalid_request", "there is no such response_mode"));
    }
    if settings.only_form_post && fields.get("response_mode") != Some("form_post") {
        return Some(("invalid_request", "response_mode must be form_post"));
    }
    if settings.authorize_param.as_ref().is_some_and(|(name, value)| fields.get(name) != Some(value.as_str())) {
        return Some(("invalid_request", "a parameter of this provider's own is missing"));
    }
    if fields.get("state").is_none() {
        return Some(("invalid_request", "state is missing"));
    }
    match scope {
        None => return Some(("invalid_scope", "scope is missing")),
        Some(scope) if !scope.iter().all(|one| is_known(one, settings)) => {
            return Some(("invalid_scope", "there is no such scope"));
        }
        Some(_) => {}
    }
    None
}

fn is_known(scope: &str, settings: &Settings) -> bool {
    match &settings.scopes {
        None => SCOPES.contains(&scope),
        Some(known) => known.is_empty() || known.iter().any(|known| known == scope),
    }
}

/// What is wrong with how a request binds its code.
fn pkce_problem(fields: &Form, pkce: Pkce) -> Option<(&'static str, &'static str)> {
    let asks = fields.get("code_challenge").is_some() || fields.get("code_challenge_method").is_some();
    if pkce == Pkce::Optional && !asks {
        return None;
    }
    if pkce == Pkce::Refused {
        return asks.then_some(("invalid_request", "a client with a secret may not send code_challenge"));
    }
    // RFC 7636 §4.3: without a method it would be `plain`, which protects nobody. A challenge is 32 bytes of base64url.
    let challenge = fields.get("code_challenge").unwrap_or_default();
    if fields.get("code_challenge_method") != Some("S256")
        || challenge.len() != 43
        || !challenge.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    {
        return Some(("invalid_request", "PKCE with S256 is required"));
    }
    None
}

fn refuse(core: &Core, refused: Refused) -> HttpResponse {
    match refused {
        Refused::Page(reason) => pages::refusal(reason),
        Refused::Client { return_to, error, description } => {
            redirect(core, &return_to, &[("error", error), ("error_description", description)])
        }
    }
}

/// Sends the browser back to the client, with the answer in the address or in a form.
fn redirect(core: &Core, return_to: &ReturnTo, fields: &[(&str, &str)]) -> HttpResponse {
    let Ok(mut target) = Url::parse(&return_to.redirect_uri) else {
        return pages::refusal("The registered redirect_uri is not an address.");
    };
    let settings = core.script.settings();
    let failed = fields.iter().any(|(name, _)| *name == "error");
    let iss = match settings.iss {
        IssParameter::Send => Some(core.issuer(&settings)),
        IssParameter::OmitOnErrors => (!failed).then(|| core.issuer(&settings)),
        IssParameter::Omit => None,
        IssParameter::Wrong => Some(core.address("/another")),
    };
    let state = return_to.state.as_deref().map(|state| ("state", state));
    let iss = iss.as_deref().map(|iss| ("iss", iss));
    let fields = fields.iter().copied().chain(state).chain(iss);
    if return_to.by_form {
        return pages::posting(target.as_str(), fields.collect());
    }
    target.query_pairs_mut().extend_pairs(fields);
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, target.as_str()))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .finish()
}
