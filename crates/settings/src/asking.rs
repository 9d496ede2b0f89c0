//! Reads how a provider wants to be asked, where that differs from the specifications.

use std::collections::BTreeMap;

use super::reader::Reader;
use super::scalar::{choice, text_as};
use super::types::{Asking, TokenBody, UserinfoCall};

const USERINFO_CALLS: [(&str, UserinfoCall); 8] = [
    ("bearer", UserinfoCall::Bearer),
    ("oauth", UserinfoCall::OAuth),
    ("post", UserinfoCall::Post),
    ("post_client", UserinfoCall::PostClient),
    ("post_bearer", UserinfoCall::PostBearer),
    ("post_json", UserinfoCall::PostJson),
    ("query", UserinfoCall::Query),
    ("ok", UserinfoCall::Ok),
];

/// What carries the flow's own protection, or would replace all parameters at once (RFC 9101 §4).
pub(super) const OUR_PARAMS: [&str; 10] = [
    "client_id",
    "redirect_uri",
    "response_type",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "scope",
    "request",
    "request_uri",
];

const TOKEN_BODIES: [(&str, TokenBody); 2] = [("form", TokenBody::Form), ("json", TokenBody::Json)];

/// What a token request says itself (RFC 6749 §4.1.3 and §6, RFC 7636 §4.5, RFC 7521 §4.2), and what a callback says to us
/// alone. `state` may be sent again: it is spent by then, and VK ID asks for one.
const TOKEN_PARAMS: [&str; 12] = [
    "grant_type",
    "code",
    "redirect_uri",
    "code_verifier",
    "refresh_token",
    "scope",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "iss",
    "error",
];

/// What a request says itself, or leaves to the connection.
const OUR_HEADERS: [&str; 10] = [
    "accept-encoding",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "host",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// What else stands in a request somewhere.
const MORE_PARAMS: [&str; 5] = ["response_mode", "login_hint", "token", "token_type_hint", "timestamp"];

/// What a call of userinfo says itself.
const USERINFO_PARAMS: [&str; 4] = ["access_token", "client_id", "client_secret", "sig"];

/// Reads all of it; `resent` are the parameters that come with the code.
pub(super) fn read(reader: &mut Reader<'_>, resent: &[String]) -> Asking {
    let own = "client_id".to_owned();
    let asking = Asking {
        client_id_param: reader.with_default("client_id_param", own, text_as(client_id_param)),
        token_headers: headers(reader, "token_headers"),
        token_params: reader.texts("token_params", |name| refuse_token_param(name, resent)).unwrap_or_default(),
        token_body: reader.with_default("token_body", TokenBody::Form, choice(&TOKEN_BODIES)),
        userinfo_call: reader.with_default("userinfo_call", UserinfoCall::Bearer, choice(&USERINFO_CALLS)),
        userinfo_headers: headers(reader, "userinfo_headers"),
        userinfo_params: reader.texts("userinfo_params", refuse_userinfo_param).unwrap_or_default(),
    };
    let name = &asking.client_id_param;
    if resent.contains(name) || asking.token_params.contains_key(name) {
        reader.wrong("client_id_param", "is the name of another parameter, too: of resent_params, or of token_params");
    }
    asking
}

/// Tells what is wrong with it for a client that is called `client_id` and has a secret or not.
pub(super) fn judge(reader: &Reader<'_>, asking: &Asking, client_id: &str, has_secret: bool) {
    if !has_secret && asking.userinfo_call == UserinfoCall::Ok {
        reader.wrong(
            "userinfo_call",
            "\"ok\" signs with client_secret: set client_auth to one that has it, such as \"post\"",
        );
    }
    let is_visible = client_id.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    for (key, headers) in [("token_headers", &asking.token_headers), ("userinfo_headers", &asking.userinfo_headers)] {
        if !is_visible && headers.values().any(|value| value.contains("{client_id}")) {
            reader.wrong(key, "cannot have {client_id}: yours has characters that no header has");
        }
    }
}

/// The parameters that come with the code and are sent again.
pub(super) fn resent_params(reader: &mut Reader<'_>) -> Vec<String> {
    reader.list("resent_params", resent_param).unwrap_or_default()
}

fn headers(reader: &mut Reader<'_>, key: &'static str) -> BTreeMap<String, String> {
    let headers = reader.texts(key, refuse_header).unwrap_or_default();
    let unfit = |value: &str| value.is_empty() || !value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if headers.values().any(|value| unfit(value)) {
        reader.wrong(key, "must have values of visible ASCII characters");
    }
    headers
}

fn client_id_param(name: &str) -> Result<String, String> {
    let is_ours = OUR_PARAMS.contains(&name) || TOKEN_PARAMS.contains(&name) || MORE_PARAMS.contains(&name);
    let is_free = name == "client_id" || !is_ours;
    if is_free && !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(name.to_owned())
    } else {
        Err("must be the provider's name for client_id, such as \"client_key\"".to_owned())
    }
}

fn refuse_userinfo_param(name: &str) -> Option<String> {
    let is_ours = USERINFO_PARAMS.contains(&name);
    is_ours.then(|| "must not be set: it is part of the request as it is".to_owned())
}

/// Why a request can't have a header of the operator's.
fn refuse_header(name: &str) -> Option<String> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Some("must be the name of a header (RFC 9110 §5.1), such as \"Notion-Version\"".to_owned());
    }
    let is_ours = OUR_HEADERS.iter().any(|ours| name.eq_ignore_ascii_case(ours));
    is_ours.then(|| "must not be set: it is part of the request as it is".to_owned())
}

/// Why a token request can't have a parameter of the operator's: each has one source.
fn refuse_token_param(name: &str, resent: &[String]) -> Option<String> {
    match resent_param(name) {
        Err(_) if TOKEN_PARAMS.contains(&name) => {
            Some("must not be set: it is part of the request as it is".to_owned())
        }
        Err(problem) => Some(problem),
        Ok(name) => {
            resent.contains(&name).then(|| "is one of resent_params: leave it out of one of the two".to_owned())
        }
    }
}

fn resent_param(name: &str) -> Result<String, String> {
    if TOKEN_PARAMS.contains(&name) {
        Err("must not be sent again: it is part of the request as it is".to_owned())
    } else if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
        Err("must be the name of a parameter, such as \"device_id\"".to_owned())
    } else {
        Ok(name.to_owned())
    }
}
