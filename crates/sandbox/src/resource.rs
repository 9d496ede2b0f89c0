//! What can be done with a token: ask for its user, ask whether it lives, revoke it.

use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, web};
use serde_json::{Map, json};

use super::answer::{self, Refused};
use super::asking::UserinfoCall;
use super::authenticate::authenticate;
use super::clients::SandboxClient;
use super::core::Core;
use super::form::Form;
use super::grants::Consent;
use super::id_token::{describe, sign_userinfo};
use super::lock::lock;
use super::peculiar::{Answer, Settings, Userinfo};
use super::wording::ANY;
use super::written;

const MEBIBYTE: usize = 1024 * 1024;

/// OpenID Connect Core §5.3; the token comes in the header only (RFC 6750 §2.1), or as the script has it.
pub(super) async fn userinfo(core: web::Data<Core>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    core.count(|counts| counts.userinfo += 1);
    if let Some(gate) = core.script.userinfo_gate() {
        gate.pass().await;
    }
    let settings = core.script.settings();
    match settings.userinfo {
        Userinfo::Absent => return HttpResponse::NotFound().finish(),
        Userinfo::Status(number) => {
            let status = StatusCode::from_u16(number).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            return HttpResponse::build(status).finish();
        }
        Userinfo::Html => return HttpResponse::Ok().content_type("text/html").body("<!doctype html><h1>Hello</h1>"),
        Userinfo::Redirect => {
            return HttpResponse::TemporaryRedirect()
                .insert_header((header::LOCATION, core.address("/moved")))
                .finish();
        }
        Userinfo::Hang => return std::future::pending().await,
        Userinfo::List => return HttpResponse::Ok().json(json!(["sub"])),
        // Five parts, as JWE has them (RFC 7516 §3.1).
        Userinfo::Encrypted => return jwt("eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.AA.AA.AA.AA".to_owned()),
        Userinfo::Good
        | Userinfo::WrongSub
        | Userinfo::NoSub
        | Userinfo::HalfJson
        | Userinfo::Signed(_)
        | Userinfo::Big => {}
    }
    if !settings.userinfo_headers.iter().all(|(name, wanted)| written::has_header(&core, &request, name, wanted)) {
        return HttpResponse::BadRequest().finish();
    }
    let Some(token) = shown(&core, &settings, &request, &body) else { return challenge("Bearer") };
    let consent = lock(&core.grants)
        .access(&token, core.now())
        .map(|active| (active.consent.sub.clone(), active.consent.client_id.clone()));
    let Some((sub, client_id)) = consent else {
        return match settings.wording.dead_access {
            None => challenge(r#"Bearer error="invalid_token""#),
            Some((status, body)) => HttpResponse::build(StatusCode::from_u16(status).unwrap_or(StatusCode::FORBIDDEN))
                .content_type("application/json")
                .body(body),
        };
    };
    if let Some(answer) = settings.userinfo_answer {
        return HttpResponse::Ok().json(answer);
    }
    let mut claims = Map::new();
    if let Some(user) = core.user(&sub) {
        describe(user, &mut claims);
    }
    let told = if settings.userinfo == Userinfo::WrongSub { "another-sub" } else { &sub };
    claims.insert("sub".to_owned(), told.into());
    claims.extend(settings.claims.clone());
    claims.extend(settings.userinfo_claims.clone());
    if settings.userinfo == Userinfo::NoSub {
        claims.remove("sub");
    }
    if let Userinfo::Signed(form) = settings.userinfo {
        let signed = sign_userinfo(&core, &settings, form, &client_id, claims);
        return signed.map_or_else(|_failed| HttpResponse::InternalServerError().finish(), jwt);
    }
    if settings.userinfo == Userinfo::HalfJson {
        let (half, _) = answer::first_half(&claims);
        return HttpResponse::Ok().content_type("application/json").body(half);
    }
    if settings.userinfo == Userinfo::Big {
        claims.insert("filler".to_owned(), "x".repeat(MEBIBYTE).into());
    }
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(claims)
}

fn jwt(token: String) -> HttpResponse {
    HttpResponse::Ok().content_type("application/jwt").body(token)
}

/// RFC 7662: any client may ask about any token.
pub(super) async fn introspect(core: web::Data<Core>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    core.count(|counts| counts.introspect += 1);
    let (_, token) = match asked(&core, &request, &body) {
        Ok(asked) => asked,
        Err(refused) => return refused.response(),
    };
    let settings = core.script.settings();
    let grants = lock(&core.grants);
    let Some(active) = grants.find(&token, core.now()) else {
        return HttpResponse::Ok().json(json!({ "active": false }));
    };
    let Consent { sub, client_id, .. } = active.consent;
    let (iss, scope) = (core.issuer(&settings), active.scope);
    let mut answer = match active.times {
        Some((issued_at, expires_at)) => json!({
            "active": true, "iss": iss, "sub": sub, "client_id": client_id, "scope": scope,
            "token_type": "Bearer", "iat": issued_at.timestamp(), "exp": expires_at.timestamp(),
        }),
        None => json!({ "active": true, "iss": iss, "sub": sub, "client_id": client_id, "scope": scope }),
    };
    if let Some(members) = answer.as_object_mut() {
        members.extend(settings.introspection);
    }
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(answer)
}

/// RFC 7009: 200 for an unknown token too, since it is as good as revoked.
pub(super) async fn revoke(core: web::Data<Core>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    core.count(|counts| counts.revoke += 1);
    let shape = core.script.take_revocation_answer();
    if let Some(gate) = core.script.revocations_gate() {
        gate.pass().await;
    }
    if shape != Answer::Json {
        return answer::token(&core, shape, Ok(Map::new())).await;
    }
    match asked(&core, &request, &body) {
        Ok((client, token)) => {
            let whole = core.script.settings().revokes_all_grants;
            lock(&core.grants).revoke(&token, &client.id, whole);
            HttpResponse::Ok().finish()
        }
        Err(refused) => refused.response(),
    }
}

/// The client that asks, and the token it asks about.
fn asked<'core>(
    core: &'core Core,
    request: &HttpRequest,
    body: &[u8],
) -> Result<(&'core SandboxClient, String), Refused> {
    let form = written::members(core, request, body);
    let form = form.ok_or_else(|| Refused::new("invalid_request", "not written as it is wanted"))?;
    let client = authenticate(core, request, &form).map_err(|_reason| Refused::invalid_client())?;
    let token = form.get("token").ok_or_else(|| Refused::new("invalid_request", "token is missing"))?;
    Ok((client, token.to_owned()))
}

/// The token that userinfo is asked with, if it is asked as the script has it.
fn shown(core: &Core, settings: &Settings, request: &HttpRequest, body: &[u8]) -> Option<String> {
    let form = || match settings.userinfo_call {
        UserinfoCall::PostJson => (request.content_type() == "application/json").then(|| Form::json(body)).flatten(),
        _ => Form::body(request, body),
    };
    let is_ours = |form: &Form| form.get("client_id").is_some_and(|id| core.client(id).is_some());
    let is_post = request.method() == Method::POST;
    let query = || Form::parse(request.query_string().as_bytes());
    let wanted = &settings.wording.userinfo_params;
    let has = |form: &Form, name: &str, value: &str| form.get(name).is_some_and(|given| value == ANY || value == given);
    let has_wanted = |form: &Form| wanted.iter().all(|(name, value)| has(form, name, value));
    if !wanted.is_empty() && !(if is_post { form() } else { query() }).is_some_and(|given| has_wanted(&given)) {
        return None;
    }
    match settings.userinfo_call {
        UserinfoCall::Bearer => by_scheme(request, "bearer"),
        UserinfoCall::OAuth => by_scheme(request, "oauth"),
        UserinfoCall::Post => {
            form().filter(|form| is_post && is_ours(form)).and_then(|form| form.get("access_token").map(str::to_owned))
        }
        UserinfoCall::PostClient => {
            let proves = |form: &Form| is_ours(form) && form.get("client_secret").is_some();
            form().filter(|form| is_post && proves(form)).and_then(|_form| by_scheme(request, "bearer"))
        }
        UserinfoCall::Query => query().and_then(|query| query.get("access_token").map(str::to_owned)),
        UserinfoCall::Ok => {
            let form = form().filter(|_| is_post && request.query_string().is_empty())?;
            let token = form.get("access_token")?;
            let secret = settings.client_secret.as_ref().or(core.clients.first()?.secret.as_ref())?;
            written::has_sig(&form, token, secret).then(|| token.to_owned())
        }
        UserinfoCall::PostBearer => by_scheme(request, "bearer").filter(|_token| is_post && body.is_empty()),
        UserinfoCall::PostJson => {
            form().filter(|_| is_post && request.query_string().is_empty()).and_then(|_| by_scheme(request, "bearer"))
        }
    }
}

/// A token of any characters: a scripted one may not be ASCII.
fn by_scheme(request: &HttpRequest, wanted: &str) -> Option<String> {
    let value = std::str::from_utf8(request.headers().get(header::AUTHORIZATION)?.as_bytes()).ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case(wanted).then(|| token.to_owned())
}

fn challenge(value: &'static str) -> HttpResponse {
    HttpResponse::Unauthorized().insert_header((header::WWW_AUTHENTICATE, value)).finish()
}
