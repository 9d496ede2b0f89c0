//! The applications registered at the provider, and how each proves who it is.

use actix_web::HttpRequest;
use actix_web::http::header;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use subtle::ConstantTimeEq as _;

use super::core::Core;
use super::form::Form;

/// How a client authenticates (RFC 6749 §2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// Any of the others; without a secret the id alone is enough.
    Any,
    /// HTTP Basic, id and secret form-encoded first.
    Basic,
    /// HTTP Basic, id and secret as they are.
    BasicRaw,
    /// Id and secret in the body.
    Post,
    /// The id in the body, and no secret.
    None,
}

/// An application registered at the sandbox provider. `Debug` leaves its secret out.
#[derive(Clone)]
pub struct SandboxClient {
    /// The client id.
    pub id: String,
    /// The client secret; without one the client is public.
    pub secret: Option<String>,
    /// The redirect URIs, matched exactly.
    pub redirect_uris: Vec<String>,
    /// The one way the client may authenticate.
    pub auth: ClientAuth,
}

impl std::fmt::Debug for SandboxClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { id, secret: _, redirect_uris, auth } = self;
        f.debug_struct("SandboxClient")
            .field("id", id)
            .field("redirect_uris", redirect_uris)
            .field("auth", auth)
            .finish_non_exhaustive()
    }
}

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
    match (header, form.get("client_secret")) {
        // RFC 6749 §2.3: a client must not use more than one way in a request.
        (Some(_), Some(_)) => Err(NotAuthenticated::TwoWays),
        (Some(header), None) => {
            let client = by_basic(core, header).ok_or(NotAuthenticated::Unknown)?;
            match form.get("client_id") {
                Some(id) if id != client.id => Err(NotAuthenticated::Unknown),
                _ => Ok(client),
            }
        }
        (None, secret) => by_body(core, form.get("client_id"), secret).ok_or(NotAuthenticated::Unknown),
    }
}

fn by_basic<'core>(core: &'core Core, header: &str) -> Option<&'core SandboxClient> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (raw_id, raw_secret) = text.split_once(':')?;
    core.clients.iter().find(|client| {
        let Some(secret) = &client.secret else { return false };
        let raw = raw_id == client.id && same(raw_secret, secret);
        let encoded = form_decoded(raw_id).is_some_and(|id| id == client.id)
            && form_decoded(raw_secret).is_some_and(|given| same(&given, secret));
        match client.auth {
            ClientAuth::Any => raw || encoded,
            ClientAuth::Basic => encoded,
            ClientAuth::BasicRaw => raw,
            ClientAuth::Post | ClientAuth::None => false,
        }
    })
}

fn by_body<'core>(core: &'core Core, id: Option<&str>, secret: Option<&str>) -> Option<&'core SandboxClient> {
    let client = core.client(id?)?;
    let accepted = match (client.auth, &client.secret, secret) {
        (ClientAuth::Any | ClientAuth::Post, Some(wanted), Some(given)) => same(given, wanted),
        (ClientAuth::Any, None, None) | (ClientAuth::None, _, None) => true,
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
