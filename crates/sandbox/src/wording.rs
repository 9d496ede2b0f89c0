//! What the provider wants written otherwise than the specifications have it, and how it finds out whether it is.

use std::fmt::Write as _;

use actix_web::HttpMessage as _;
use actix_web::HttpRequest;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta};
use md5::{Digest as _, Md5};
use serde_json::{Map, Value, json};

use super::core::Core;
use super::form::Form;
use super::lock::lock;

/// How far the time of a signed request may be from ours.
const APART: TimeDelta = TimeDelta::minutes(5);
/// What stands in the demand for 32 hexadecimal digits that come once.
pub const ONCE: &str = "hex32";

/// What is wanted otherwise. At first nothing.
#[derive(Debug, Clone)]
pub struct Wording {
    /// What `client_id` is called.
    pub client_id_param: String,
    /// Requests to the token endpoint, and to those beside it, are JSON objects.
    pub token_json: bool,
    /// Headers of token requests, by name and value; [`ONCE`] stands for 32 hexadecimal digits that no request had before.
    pub token_headers: Vec<(String, String)>,
    /// Parameters of userinfo, by name and value.
    pub userinfo_params: Vec<(String, String)>,
    /// How requests are signed, in `client_secret`.
    pub signed: Option<Signed>,
    /// More parameters of the callback, by name and value.
    pub callback_more: Vec<(String, String)>,
    /// Access tokens are JWTs with these claims.
    pub access_claims: Option<Map<String, Value>>,
    /// How userinfo refuses a dead access token, by status and body, instead of a 401.
    pub dead_access: Option<(u16, String)>,
}

impl Default for Wording {
    fn default() -> Self {
        Self {
            client_id_param: "client_id".to_owned(),
            token_json: false,
            token_headers: Vec::new(),
            userinfo_params: Vec::new(),
            signed: None,
            callback_more: Vec::new(),
            access_claims: None,
            dead_access: None,
        }
    }
}

/// A signature of parameters, as ESIA wants one: ECDSA over P-256, ASN.1, in base64url.
#[derive(Debug, Clone)]
pub struct Signed {
    /// The parameters that are signed, one behind the other.
    pub parts: Vec<String>,
    /// How `timestamp` is written, for chrono.
    pub timestamp: String,
    /// The public key: the point, uncompressed.
    pub public: Vec<u8>,
    /// Whether authorization requests are signed, too.
    pub authorize: bool,
}

impl Signed {
    /// Whether these parameters are signed, now.
    pub(super) fn holds(&self, core: &Core, fields: &Form) -> bool {
        let Some(parts) = self.parts.iter().map(|name| fields.get(name)).collect::<Option<Vec<_>>>() else {
            return false;
        };
        let moment = fields.get("timestamp").and_then(|text| DateTime::parse_from_str(text, &self.timestamp).ok());
        let is_now = moment.is_some_and(|moment| (moment.to_utc() - core.now()).abs() <= APART);
        let signature = fields.get("client_secret").and_then(|text| URL_SAFE.decode(text).ok());
        is_now
            && signature.is_some_and(|signature| {
                let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.public);
                key.verify(parts.concat().as_bytes(), &signature).is_ok()
            })
    }
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
    let has_headers = wording.token_headers.iter().all(|wanted| has_header(core, request, wanted));
    let form = if wording.token_json {
        (request.content_type() == "application/json").then(|| Form::json(body)).flatten()
    } else {
        Form::body(request, body)
    };
    form.filter(|_| has_headers).map(|form| form.under("client_id", &wording.client_id_param))
}

/// Whether a request has a header as it is wanted.
pub(super) fn has_header(core: &Core, request: &HttpRequest, (name, wanted): &(String, String)) -> bool {
    let given = request.headers().get(name.as_str()).and_then(|value| value.to_str().ok());
    given.is_some_and(|given| match wanted.as_str() {
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
