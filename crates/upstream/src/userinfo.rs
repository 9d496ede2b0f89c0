//! The userinfo call (OpenID Connect Core §5.3), and its like at OAuth 2.0 providers.

use oauth2::HttpRequest;
use oauth2::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use oauth2::http::{self, HeaderMap, HeaderValue, Method};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use url::{Url, form_urlencoded};

use super::client::{Answer, Client};
use super::identity::IdentityError;
use super::odnoklassniki;
use super::passing::Passing;
use super::worded;
use domain::entropy::SharedEntropy;
use settings::{Asking, Provider, UserinfoCall};

/// What userinfo answers.
#[derive(Debug)]
pub(crate) enum Told {
    /// Members, which are as good as the connection that they came by.
    Plain(Map<String, Value>),
    /// A JWT, of which nothing is believed yet.
    Signed(String),
}

/// Asks who the access token's owner is.
pub(crate) async fn fetch(client: &Client, request: HttpRequest) -> Result<Told, IdentityError> {
    read(&client.send(request).await?)
}

/// The request that asks for an access token's owner. Fails if the token does not fit into a header.
pub(crate) fn request(
    url: &Url,
    settings: &Provider,
    entropy: &SharedEntropy,
    access_token: &SecretString,
) -> Result<HttpRequest, IdentityError> {
    let Asking { userinfo_call, userinfo_headers, userinfo_params, .. } = &settings.asking;
    let token = access_token.expose_secret();
    let ours = ("client_id", settings.client_id.as_str());
    let (scheme, body) = match userinfo_call {
        UserinfoCall::Bearer => (Some("Bearer"), Body::None),
        UserinfoCall::OAuth => (Some("OAuth"), Body::None),
        UserinfoCall::Query => (None, Body::None),
        UserinfoCall::Post => (None, Body::Form(vec![ours, ("access_token", token)])),
        UserinfoCall::PostClient => {
            let secret = settings.client_secret.as_ref();
            let proof = secret.map_or(("access_token", token), |secret| ("client_secret", secret.expose_secret()));
            (Some("Bearer"), Body::Form(vec![ours, proof]))
        }
        UserinfoCall::PostBearer => (Some("Bearer"), Body::Form(Vec::new())),
        UserinfoCall::PostJson => (Some("Bearer"), Body::Json),
        UserinfoCall::Ok => (None, Body::Form(vec![("access_token", token)])),
    };
    let mut url = url.clone();
    let mut more: Vec<(String, String)> = userinfo_params.clone().into_iter().collect();
    match userinfo_call {
        UserinfoCall::Ok => {
            more.extend(url.query_pairs().into_owned());
            url.set_query(None);
            let sig = odnoklassniki::signature(&mut more, token, settings.client_secret.as_ref());
            more.push(("sig".to_owned(), sig));
        }
        // No other place is known there; nothing of ours writes an address down.
        UserinfoCall::Query => more.push(("access_token".to_owned(), token.to_owned())),
        _ => {}
    }
    if matches!(body, Body::None) && !more.is_empty() {
        url.query_pairs_mut().extend_pairs(more.drain(..));
    }
    built(&url, scheme.map(|scheme| format!("{scheme} {token}")), body, more)
        .ok()
        .and_then(|mut request| {
            request.headers_mut().extend(worded::headers(settings, entropy, userinfo_headers).ok()?);
            Some(request)
        })
        .ok_or(IdentityError::Refused("the access token does not fit into a header"))
}

/// What the request has in its body, beside the operator's parameters.
enum Body<'a> {
    /// None: it is a GET.
    None,
    /// A form with these.
    Form(Vec<(&'a str, &'a str)>),
    /// A JSON object.
    Json,
}

fn built(
    url: &Url,
    credentials: Option<String>,
    body: Body<'_>,
    more: Vec<(String, String)>,
) -> http::Result<HttpRequest> {
    let mut request = http::Request::builder().uri(url.as_str()).header(ACCEPT, "application/json");
    if let Some(credentials) = credentials {
        let mut credentials = HeaderValue::from_str(&credentials)?;
        credentials.set_sensitive(true);
        request = request.header(AUTHORIZATION, credentials);
    }
    let (content_type, body) = match body {
        Body::None => return request.method(Method::GET).body(Vec::new()),
        Body::Form(ours) => {
            let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(ours).extend_pairs(more).finish();
            ((!form.is_empty()).then_some("application/x-www-form-urlencoded"), form)
        }
        Body::Json => {
            let object: Map<String, Value> = more.into_iter().map(|(name, value)| (name, value.into())).collect();
            (Some("application/json"), Value::Object(object).to_string())
        }
    };
    if let Some(content_type) = content_type {
        request = request.header(CONTENT_TYPE, content_type);
    }
    request.method(Method::POST).body(body.into_bytes())
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
