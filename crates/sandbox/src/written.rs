//! Whether what comes is written as the provider wants it, and what it writes itself.

use std::fmt::Write as _;

use actix_web::HttpMessage as _;
use actix_web::HttpRequest;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta};
use md5::{Digest as _, Md5};
use serde_json::{Value, json};

use super::core::Core;
use super::form::Form;
use super::lock::lock;
use super::wording::{ONCE, Signed, Wording};

/// How far the time of a signed request may be from ours.
const APART: TimeDelta = TimeDelta::minutes(5);
/// Whether these parameters are signed, now.
pub(super) fn is_signed(core: &Core, signed: &Signed, fields: &Form) -> bool {
    let Some(parts) = signed.parts.iter().map(|name| fields.get(name)).collect::<Option<Vec<_>>>() else {
        return false;
    };
    let moment = fields.get("timestamp").and_then(|text| DateTime::parse_from_str(text, &signed.timestamp).ok());
    let is_now = moment.is_some_and(|moment| (moment.to_utc() - core.now()).abs() <= APART);
    let signature = fields.get("client_secret").and_then(|text| URL_SAFE.decode(text).ok());
    is_now
        && signature.is_some_and(|signature| {
            let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &signed.public);
            key.verify(parts.concat().as_bytes(), &signature).is_ok()
        })
}

/// An access token as it is wanted: a JWT, by whose signature nobody is meant to go, or `token` alone.
pub(super) fn access_token(wording: &Wording, token: String) -> String {
    let Some(claims) = &wording.access_claims else { return token };
    let mut claims = claims.clone();
    claims.insert("jti".to_owned(), token.as_str().into());
    let part = |text: String| URL_SAFE_NO_PAD.encode(text);
    let header = json!({ "typ": "JWT", "alg": "GOST3410_2012_256" });
    format!("{}.{}.{}", part(header.to_string()), part(Value::Object(claims).to_string()), part(token))
}

/// The members of a request to the token endpoint, or to one beside it, if it is written as the provider wants it.
pub(super) fn members(core: &Core, request: &HttpRequest, body: &[u8]) -> Option<Form> {
    let wording = core.script.settings().wording;
    let has_headers = wording.token_headers.iter().all(|(name, wanted)| has_header(core, request, name, wanted));
    let form = if wording.token_json {
        (request.content_type() == "application/json").then(|| Form::json(body)).flatten()
    } else {
        Form::body(request, body)
    };
    form.filter(|_| has_headers).map(|form| form.under("client_id", &wording.client_id_param))
}

/// Whether a request has a header as it is wanted.
pub(super) fn has_header(core: &Core, request: &HttpRequest, name: &str, wanted: &str) -> bool {
    let given = request.headers().get(name).and_then(|value| value.to_str().ok());
    given.is_some_and(|given| match wanted {
        ONCE => {
            given.len() == 32
                && given.bytes().all(|byte| byte.is_ascii_hexdigit())
                && lock(&core.request_ids).insert(given.to_owned())
        }
        wanted => given == wanted,
    })
}

/// Whether a call of userinfo is signed as Odnoklassniki wants it.
pub(super) fn has_sig(form: &Form, access_token: &str, client_secret: &str) -> bool {
    let mut parameters: Vec<_> = form.all().filter(|(name, _)| !["sig", "access_token"].contains(name)).collect();
    parameters.sort_unstable();
    let mut text = parameters.into_iter().fold(String::new(), |mut text, (name, value)| {
        _ = write!(text, "{name}={value}");
        text
    });
    text.push_str(&md5(&format!("{access_token}{client_secret}")));
    form.get("sig") == Some(md5(&text).as_str())
}

fn md5(text: &str) -> String {
    Md5::digest(text).iter().fold(String::new(), |mut digits, byte| {
        _ = write!(digits, "{byte:02x}");
        digits
    })
}
