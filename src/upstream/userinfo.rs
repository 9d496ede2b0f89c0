//! The userinfo call (OpenID Connect Core §5.3), and its like at OAuth 2.0 providers.

use oauth2::http::header::AUTHORIZATION;
use oauth2::http::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use url::Url;

use super::IdentityError;
use super::client::{Answer, Client};
use super::outcome::Passing;

/// Asks who the access token's owner is. `sub` is the `id_token`'s: §5.3.2 wants the same one here.
pub(crate) async fn fetch(
    client: &Client,
    url: &Url,
    access_token: &SecretString,
    sub: Option<&str>,
) -> Result<Map<String, Value>, IdentityError> {
    let mut credentials = HeaderValue::from_str(&format!("Bearer {}", access_token.expose_secret()))
        .map_err(|_not_a_header| IdentityError::Refused("the access token does not fit into a header"))?;
    credentials.set_sensitive(true);
    let answer = client.get(url, HeaderMap::from_iter([(AUTHORIZATION, credentials)])).await?;
    read(&answer, sub)
}

/// The members of a userinfo answer, if they are about `sub`.
pub(crate) fn read(answer: &Answer, sub: Option<&str>) -> Result<Map<String, Value>, IdentityError> {
    match answer.status {
        200 => (),
        401 | 403 => return Err(IdentityError::Refused("userinfo refuses the access token")),
        _ => return Err(Passing::definite("userinfo does not answer").into()),
    }
    let body = answer.body.as_deref().ok_or(Passing::definite("the userinfo answer was cut off"))?;
    let members: Map<String, Value> = serde_json::from_slice(body)
        .map_err(|_quotes_the_body: serde_json::Error| IdentityError::Refused("userinfo is no JSON object"))?;
    // §5.3.2: without the comparison, somebody else's claims could be put under this account.
    if sub.is_some() && members.get("sub").and_then(Value::as_str) != sub {
        return Err(IdentityError::Refused("userinfo is about another account"));
    }
    Ok(members)
}
