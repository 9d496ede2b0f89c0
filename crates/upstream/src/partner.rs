//! A partner's token: whose it is (userinfo), and whether it was made for us. Asked once, and forgotten.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oauth2::HttpRequest;
use oauth2::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use oauth2::http::{self, HeaderValue, Method};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::form_urlencoded;

use super::client::{Answer, Client};
use super::jwt::Jwt;
use super::oidc::{is_in_time, is_plain};
use super::signing_keys::SigningKeys;
use super::userinfo::is_jwt;
use domain::clock::SharedClock;
use settings::{Introspection, PartnerClient};

/// All that a partner is asked, from the first byte sent to the last one read: a person waits.
const LIMIT: Duration = Duration::from_secs(5);

/// Why a partner's token signs nobody in. For the log: nothing the partner wrote, no token, no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserInfoError {
    /// The token is no good here: made for another, dead, or no token at all.
    #[error("{0}")]
    Token(&'static str),
    /// The partner fails, refuses, or answers what nobody understands.
    #[error("{0}")]
    Partner(&'static str),
}

/// How a partner is asked.
#[derive(Debug)]
pub(crate) struct Asking<'a> {
    pub(crate) client: &'a Client,
    pub(crate) clock: &'a SharedClock,
    /// The keys of [`PartnerClient::signed_by`].
    pub(crate) keys: Option<&'a SigningKeys>,
}

/// What the partner tells of the token's owner, if the token is one for us. One try: whoever comes again brings it again.
pub(crate) async fn user_info(
    how: &Asking<'_>,
    partner: &PartnerClient,
    access_token: &SecretString,
) -> Result<Value, UserInfoError> {
    let asking = async {
        if let Some(introspection) = &partner.introspection {
            let asked = introspection_request(introspection, access_token);
            judge_introspection(&json(&send(how.client, asked).await?)?, partner.audience.as_deref())?;
        }
        let answer = send(how.client, userinfo_request(partner, access_token)).await?;
        let userinfo = match &partner.signed_by {
            None if is_jwt(&answer.headers) => {
                return Err(UserInfoError::Partner("userinfo is signed, and no issuer is set that signs it"));
            }
            None => json(&answer)?,
            Some(signed_by) => how.verified(&answer, &signed_by.issuer).await?,
        };
        if partner.introspection.is_none() {
            judge_userinfo(&userinfo, partner.audience.as_deref())?;
        }
        Ok(userinfo)
    };
    // Boxed: it is large, and what stands around it is on its way of every request.
    let timed = tokio::time::timeout(LIMIT, Box::pin(asking)).await;
    timed.unwrap_or(Err(UserInfoError::Partner("no answer in time")))
}

/// OpenID Connect Core §5.3.1.
fn userinfo_request(partner: &PartnerClient, access_token: &SecretString) -> http::Result<HttpRequest> {
    http::Request::builder()
        .method(Method::GET)
        .uri(partner.user_info_url.as_str())
        .header(
            ACCEPT,
            if partner.signed_by.is_some() { "application/jwt, application/json" } else { "application/json" },
        )
        .header(AUTHORIZATION, credentials("Bearer", access_token.expose_secret())?)
        .body(Vec::new())
}

/// RFC 7662 §2.1, the client's own authentication as RFC 6749 §2.3.1 has it.
fn introspection_request(introspection: &Introspection, access_token: &SecretString) -> http::Result<HttpRequest> {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let secret = encoded(introspection.client_secret.expose_secret());
    let pair = STANDARD.encode(format!("{}:{secret}", encoded(&introspection.client_id)));
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("token", access_token.expose_secret()).append_pair("token_type_hint", "access_token");
    http::Request::builder()
        .method(Method::POST)
        .uri(introspection.url.as_str())
        .header(ACCEPT, "application/json")
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(AUTHORIZATION, credentials("Basic", &pair)?)
        .body(form.finish().into_bytes())
}

fn credentials(scheme: &str, text: &str) -> http::Result<HeaderValue> {
    let mut credentials = HeaderValue::from_str(&format!("{scheme} {text}"))?;
    credentials.set_sensitive(true);
    Ok(credentials)
}

impl Asking<'_> {
    /// What a signed userinfo says (OpenID Connect Core §5.3.2), if its issuer has signed it: where an operator says who signs,
    /// nobody else's word is taken, nor one that says not whose it is.
    async fn verified(&self, answer: &Answer, issuer: &str) -> Result<Value, UserInfoError> {
        if !is_jwt(&answer.headers) {
            return Err(UserInfoError::Partner("userinfo is not signed"));
        }
        let text = std::str::from_utf8(whole(answer)?).unwrap_or_default();
        // One that is encrypted has five parts, and cannot be read either.
        let jwt = Jwt::parse(text.trim()).ok_or(UserInfoError::Partner("the signed userinfo cannot be read"))?;
        if !is_plain(&jwt) {
            return Err(UserInfoError::Partner("the signed userinfo is of an unknown kind"));
        }
        if jwt.issuer() != Some(issuer) {
            return Err(UserInfoError::Partner("the signed userinfo is another issuer's"));
        }
        if !is_in_time(&jwt, self.clock.now()) {
            return Err(UserInfoError::Partner("the signed userinfo is expired"));
        }
        let no_keys = UserInfoError::Partner("the keys that sign userinfo can't be had");
        let keys = self.keys.ok_or(no_keys)?;
        match keys.flaw(&jwt).await {
            Ok(None) => Ok(Value::Object(jwt.into_claims())),
            Ok(Some(flaw)) => Err(UserInfoError::Partner(flaw)),
            Err(_told) => Err(no_keys),
        }
    }
}

async fn send(client: &Client, request: http::Result<HttpRequest>) -> Result<Answer, UserInfoError> {
    // The addresses are the settings' and have been read: what doesn't fit into a request is the token.
    let request = request.map_err(|_names_the_token| UserInfoError::Token("it does not fit into a header"))?;
    let answer = client.send(request).await.map_err(|passing| UserInfoError::Partner(passing.reason))?;
    match answer.status {
        200 => Ok(answer),
        401 | 403 => Err(UserInfoError::Partner("the partner refuses the token, or us")),
        300..=399 => Err(UserInfoError::Partner("the partner answers with a redirect")),
        _ => Err(UserInfoError::Partner("the partner does not answer")),
    }
}

fn whole(answer: &Answer) -> Result<&[u8], UserInfoError> {
    answer.body.whole().ok_or(UserInfoError::Partner("the answer was cut off"))
}

/// As the source reads it.
fn json(answer: &Answer) -> Result<Value, UserInfoError> {
    domain::json::lenient(whole(answer)?).ok_or(UserInfoError::Partner("the answer is no JSON"))
}

/// A token that is active at an endpoint where we have credentials of our own may be used here: RFC 7662 §4 has the server
/// see to that. Where an audience is set it has to be stated as well: as `aud`, or as who asked for the token.
fn judge_introspection(answer: &Value, audience: Option<&str>) -> Result<(), UserInfoError> {
    if answer.get("active") != Some(&Value::Bool(true)) {
        return Err(UserInfoError::Token("it is not active at the partner"));
    }
    // RFC 7662 §2.2 with RFC 8705 §3.2 and 9449 §6.2: to hold it is not enough, and nobody here looks at a proof.
    let token_type = answer.get("token_type").and_then(Value::as_str);
    if answer.get("cnf").is_some() || token_type.is_some_and(|kind| kind.eq_ignore_ascii_case("dpop")) {
        return Err(UserInfoError::Token("it is bound to a key"));
    }
    let Some(audience) = audience else { return Ok(()) };
    let asked_by_us = answer.get("client_id").and_then(Value::as_str) == Some(audience);
    if asked_by_us || names(answer.get("aud"), audience) {
        return Ok(());
    }
    Err(UserInfoError::Token("it was made for another audience"))
}

/// Where only an audience is set, userinfo has to state it: an access token is opaque to us (RFC 6749 §1.4), so what stands
/// inside, unverified, says nothing.
fn judge_userinfo(answer: &Value, audience: Option<&str>) -> Result<(), UserInfoError> {
    let Some(audience) = audience else { return Ok(()) };
    if names(answer.get("aud"), audience) {
        return Ok(());
    }
    Err(UserInfoError::Token("userinfo does not name us as its audience"))
}

/// RFC 7519 §4.1.3: a text, or a list of them.
fn names(aud: Option<&Value>, audience: &str) -> bool {
    match aud {
        Some(Value::String(one)) => one == audience,
        Some(Value::Array(several)) => several.iter().any(|one| one.as_str() == Some(audience)),
        _ => false,
    }
}
