//! How a client proves who it is.

use actix_web::HttpRequest;
use actix_web::http::header;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use subtle::ConstantTimeEq as _;

use super::assertion;
use super::clients::{ClientAuth, SandboxClient};
use super::core::Core;
use super::form::Form;
use super::written::is_signed;

/// RFC 7523 §2.2
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Why a client is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotAuthenticated {
    /// 400 `invalid_request`: two ways at once.
    TwoWays,
    /// 401 `invalid_client`.
    Unknown,
}

/// The client that makes a call, once it has proved to be it.
pub(super) fn authenticate<'core>(
    core: &'core Core,
    request: &HttpRequest,
    form: &Form,
) -> Result<&'core SandboxClient, NotAuthenticated> {
    let header = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let proofs = [header, form.get("client_secret"), form.get("client_assertion")];
    // RFC 6749 §2.3: a client must not use more than one way in a request.
    if proofs.iter().flatten().count() > 1 {
        return Err(NotAuthenticated::TwoWays);
    }
    let Some(header) = header else { return by_body(core, form).ok_or(NotAuthenticated::Unknown) };
    let client = by_basic(core, header).ok_or(NotAuthenticated::Unknown)?;
    match form.get("client_id") {
        Some(id) if id != client.id => Err(NotAuthenticated::Unknown),
        _ => Ok(client),
    }
}

fn by_basic<'core>(core: &'core Core, header: &str) -> Option<&'core SandboxClient> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (raw_id, raw_secret) = text.split_once(':')?;
    let settings = core.script.settings();
    core.clients.iter().find(|client| {
        let Some(secret) = settings.client_secret.as_ref().or(client.secret.as_ref()) else { return false };
        let raw = raw_id == client.id && same(raw_secret, secret);
        let encoded = form_decoded(raw_id).is_some_and(|id| id == client.id)
            && form_decoded(raw_secret).is_some_and(|given| same(&given, secret));
        match settings.client_auth.unwrap_or(client.auth) {
            ClientAuth::Any => raw || encoded,
            ClientAuth::Basic => encoded,
            ClientAuth::BasicRaw => raw,
            ClientAuth::Post
            | ClientAuth::PrivateKeyJwt
            | ClientAuth::SignedSecret
            | ClientAuth::Signature
            | ClientAuth::None => false,
        }
    })
}

fn by_body<'core>(core: &'core Core, form: &Form) -> Option<&'core SandboxClient> {
    let settings = core.script.settings();
    let client = core.client(form.get("client_id")?)?;
    let signed = |token, once| {
        let key = settings.client_key.as_ref();
        key.is_some_and(|key| assertion::is_good(core, key, &client.id, token, once))
    };
    let wanted = settings.client_secret.as_ref().or(client.secret.as_ref());
    let (given, asserted) = (form.get("client_secret"), form.get("client_assertion"));
    let accepted = match (settings.client_auth.unwrap_or(client.auth), wanted, given) {
        (ClientAuth::Any | ClientAuth::Post, Some(wanted), Some(given)) => same(given, wanted),
        (ClientAuth::PrivateKeyJwt, ..) => {
            form.get("client_assertion_type") == Some(ASSERTION_TYPE)
                && asserted.is_some_and(|token| signed(token, true))
        }
        (ClientAuth::Signature, ..) => {
            settings.wording.signed.as_ref().is_some_and(|signed| is_signed(core, signed, form))
        }
        (ClientAuth::SignedSecret, _, Some(given)) => signed(given, false),
        (ClientAuth::Any, None, None) | (ClientAuth::None, _, None) => asserted.is_none(),
        _ => false,
    };
    accepted.then_some(client)
}

fn form_decoded(text: &str) -> Option<String> {
    percent_decode_str(&text.replace('+', " ")).decode_utf8().ok().map(String::from)
}

fn same(given: &str, wanted: &str) -> bool {
    given.as_bytes().ct_eq(wanted.as_bytes()).into()
}
