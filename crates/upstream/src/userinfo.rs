//! The userinfo call (OpenID Connect Core §5.3), and its like at OAuth 2.0 providers.

use oauth2::HttpRequest;
use oauth2::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use oauth2::http::{self, HeaderMap, HeaderValue, Method};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use url::{Url, form_urlencoded};

use super::client::{Answer, Client};
use super::identity::IdentityError;
use super::passing::Passing;
use settings::{Provider, UserinfoCall};

/// What userinfo answers.
#[derive(Debug)]
pub(crate) enum Told {
    /// Members, which are as good as the connection that they came by.
    Plain(Map<String, Value>),
    /// A JWT, of which nothing is believed yet.
    Signed(String),
}

/// Asks who the access token's owner is.
pub(crate) async fn fetch(
    client: &Client,
    url: &Url,
    settings: &Provider,
    access_token: &SecretString,
) -> Result<Told, IdentityError> {
    let request = request(url, settings, access_token)
        .map_err(|_not_a_header| IdentityError::Refused("the access token does not fit into a header"))?;
    read(&client.send(request).await?)
}

pub(crate) fn request(url: &Url, settings: &Provider, access_token: &SecretString) -> http::Result<HttpRequest> {
    let token = access_token.expose_secret();
    let (method, scheme) = match settings.userinfo_call {
        UserinfoCall::Bearer => (Method::GET, Some("Bearer")),
        UserinfoCall::OAuth => (Method::GET, Some("OAuth")),
        UserinfoCall::Post => (Method::POST, None),
        UserinfoCall::PostClient | UserinfoCall::PostBearer => (Method::POST, Some("Bearer")),
    };
    let mut request = http::Request::builder().uri(url.as_str()).header(ACCEPT, "application/json");
    if let Some(scheme) = scheme {
        let mut credentials = HeaderValue::from_str(&format!("{scheme} {token}"))?;
        credentials.set_sensitive(true);
        request = request.header(AUTHORIZATION, credentials);
    }
    for (name, value) in &settings.userinfo_headers {
        request = request.header(name.as_str(), value.replace("{client_id}", &settings.client_id));
    }
    let mut body = form_urlencoded::Serializer::new(String::new());
    if method == Method::POST && settings.userinfo_call != UserinfoCall::PostBearer {
        request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        body.append_pair("client_id", &settings.client_id);
        match &settings.client_secret {
            Some(secret) if scheme.is_some() => drop(body.append_pair("client_secret", secret.expose_secret())),
            _ => drop(body.append_pair("access_token", token)),
        }
    }
    request.method(method).body(body.finish().into_bytes())
}

fn read(answer: &Answer) -> Result<Told, IdentityError> {
    match answer.status {
        200 => (),
        401 | 403 => return Err(IdentityError::Refused("userinfo refuses the access token")),
        _ => return Err(Passing::definite("userinfo does not answer").into()),
    }
    let body = answer.body.whole().ok_or(Passing::definite("the userinfo answer was cut off"))?;
    if is_jwt(&answer.headers) {
        let token = std::str::from_utf8(body).map_err(|_bytes| IdentityError::Refused("userinfo is no JWT"))?;
        return Ok(Told::Signed(token.trim().to_owned()));
    }
    serde_json::from_slice(body)
        .map(Told::Plain)
        .map_err(|_quotes_the_body: serde_json::Error| IdentityError::Refused("userinfo is no JSON object"))
}

/// §5.3.2: what is signed, or encrypted, says so.
pub(crate) fn is_jwt(headers: &HeaderMap) -> bool {
    let stated = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    stated.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/jwt")
}

/// The members, if they are about `sub`, which is the `id_token`'s. §5.3.2: without the comparison, somebody else's claims could
/// be put under this account.
pub(crate) fn about(members: Map<String, Value>, sub: Option<&str>) -> Result<Map<String, Value>, IdentityError> {
    if sub.is_some() && members.get("sub").and_then(Value::as_str) != sub {
        return Err(IdentityError::Refused("userinfo is about another account"));
    }
    Ok(members)
}
