//! The requests of RFC 6749: built with the `oauth2` crate, sent and judged by us. What a provider words otherwise is
//! put into its words afterwards ([`worded`]).

use std::borrow::Cow;
use std::cell::RefCell;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oauth2::basic::BasicClient;
use oauth2::http::HeaderValue;
use oauth2::http::header::AUTHORIZATION;
use oauth2::{
    AccessToken, AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, DeviceAuthorizationUrl,
    EmptyExtraDeviceAuthorizationFields, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IntrospectionUrl,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RefreshToken, RevocationUrl, Scope, StandardRevocableToken,
    TokenUrl,
};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::identity::{AuthorizationRequest, Redemption};
use super::prepared::Prepared;
use super::revocation::TokenType;
use super::worded;
use domain::params::Texts;
use domain::{Error, Result};
use settings::{ClientAuth, Provider, ProviderKind};

type TokenClient = BasicClient<EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// Where the browser is sent, with what the operator's program adds.
pub(crate) fn authorization_url(
    settings: &Provider,
    endpoint: &Url,
    request: &AuthorizationRequest,
    added: &[(String, SecretString)],
) -> Result<Url> {
    let mut url = plain_url(settings, endpoint, request)?;
    if worded::differs(settings, added) {
        let members = worded::members(settings, url.query().unwrap_or_default().as_bytes(), added);
        url.query_pairs_mut().clear().extend_pairs(members);
    }
    Ok(url)
}

/// The same in the words of the specifications. RFC 7636 S256, where the provider takes it; the nonce goes to OpenID providers that repeat
/// it.
fn plain_url(settings: &Provider, endpoint: &Url, request: &AuthorizationRequest) -> Result<Url> {
    let client =
        BasicClient::new(ClientId::new(settings.client_id.clone())).set_auth_uri(AuthUrl::from_url(endpoint.clone()));
    let mut url = client
        .authorize_url(|| CsrfToken::new(request.state.expose_secret().to_owned()))
        .set_redirect_uri(Cow::Owned(RedirectUrl::from_url(request.redirect_uri.clone())));
    if !settings.scopes.is_empty() {
        url = url.add_scope(Scope::new(settings.scopes.join(settings.scope_separator.encode_utf8(&mut [0; 4]))));
    }
    if settings.pkce {
        url = url.set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier(&request.code_verifier)?));
    }
    if settings.kind == ProviderKind::Oidc && settings.nonce {
        url = url.add_extra_param("nonce", request.nonce.expose_secret().to_owned());
    }
    if let Some(hint) = request.hint.as_ref().filter(|_| !settings.authorize_params.contains_key("login_hint")) {
        url = url.add_extra_param("login_hint", hint);
    }
    for (name, value) in &settings.authorize_params {
        url = url.add_extra_param(name, value);
    }
    Ok(url.url().0)
}

/// RFC 9126 §2.1: what [`authorization_url`] says by way of the browser, as a form of the client's own.
pub(crate) fn pushed_request(
    settings: &Provider,
    prepared: &Prepared,
    request: &AuthorizationRequest,
) -> Result<HttpRequest> {
    // Of this address nothing counts but what we ask.
    let mut bare = prepared.endpoint().clone();
    bare.set_query(None);
    let url = plain_url(settings, &bare, request)?;
    let endpoint = DeviceAuthorizationUrl::from_url(prepared.endpoint().clone());
    let client = token_client(settings, prepared).set_device_authorization_url(endpoint);
    // The crate has no such request, but RFC 8628's too is a form with the client's authentication and nothing else.
    let mut pushed = client.exchange_device_code();
    let in_header = matches!(settings.client_auth, ClientAuth::Basic | ClientAuth::BasicRaw);
    // Where it doesn't stand in the header, the authentication brings our id to the form.
    for (name, value) in url.query_pairs().into_owned().filter(|(name, _)| in_header || name != "client_id") {
        pushed = pushed.add_extra_param(name, value);
    }
    let none = Texts::default();
    for (name, value) in extra(settings, prepared, &none) {
        pushed = pushed.add_extra_param(name, value);
    }
    captured(settings, |capture| drop(pushed.request::<_, EmptyExtraDeviceAuthorizationFields>(&capture)))
}

/// RFC 9126 §4: where the browser is sent with a request that has been pushed.
pub(crate) fn pushed_url(settings: &Provider, endpoint: &Url, request_uri: &str) -> Url {
    let mut url = endpoint.clone();
    let Provider { asking, client_id, .. } = settings;
    url.query_pairs_mut().append_pair(&asking.client_id_param, client_id).append_pair("request_uri", request_uri);
    url
}

/// RFC 6749 §4.1.3.
pub(crate) fn code_request(
    settings: &Provider,
    prepared: &Prepared,
    Redemption { code, redirect_uri, code_verifier, params }: Redemption<'_>,
) -> Result<HttpRequest> {
    let client = token_client(settings, prepared);
    let mut request = client
        .exchange_code(AuthorizationCode::new(code.expose_secret().to_owned()))
        .set_redirect_uri(Cow::Owned(RedirectUrl::from_url(redirect_uri.clone())));
    if settings.pkce {
        request = request.set_pkce_verifier(verifier(code_verifier)?);
    }
    for (name, value) in own(settings, params).chain(extra(settings, prepared, params)) {
        request = request.add_extra_param(name, value);
    }
    captured(settings, |capture| drop(request.request(&capture)))
}

/// RFC 6749 §6. No scope is named: the same as granted.
pub(crate) fn refresh_request(
    settings: &Provider,
    prepared: &Prepared,
    refresh_token: &SecretString,
    params: &Texts,
) -> Result<HttpRequest> {
    let client = token_client(settings, prepared);
    let token = RefreshToken::new(refresh_token.expose_secret().to_owned());
    let mut request = client.exchange_refresh_token(&token);
    for (name, value) in own(settings, params).chain(extra(settings, prepared, params)) {
        request = request.add_extra_param(name, value);
    }
    captured(settings, |capture| drop(request.request(&capture)))
}

/// RFC 7009 §2.1, with the client authentication of the token endpoint.
pub(crate) fn revocation_request(
    settings: &Provider,
    prepared: &Prepared,
    kind: TokenType,
    token: &SecretString,
) -> Result<HttpRequest> {
    let endpoint = prepared.endpoint();
    // The crate refuses http, which our settings allow on loopback: it gets the address as https, and the request its own.
    let mut secure = endpoint.clone();
    secure.set_scheme("https").map_err(|()| Error::internal("a revocation endpoint has no usable scheme"))?;
    let token = token.expose_secret().to_owned();
    let token = match kind {
        TokenType::Access => StandardRevocableToken::AccessToken(AccessToken::new(token)),
        TokenType::Refresh => StandardRevocableToken::RefreshToken(RefreshToken::new(token)),
    };
    let client = token_client(settings, prepared).set_revocation_url(RevocationUrl::from_url(secure));
    let mut request = client.revoke_token(token).map_err(Error::internal)?;
    let none = Texts::default();
    for (name, value) in extra(settings, prepared, &none) {
        request = request.add_extra_param(name, value);
    }
    let mut request = captured(settings, |capture| drop(request.request(&capture)))?;
    *request.uri_mut() = endpoint.as_str().parse().map_err(Error::internal)?;
    Ok(request)
}

/// RFC 7662 §2.1, with the client authentication of the token endpoint.
pub(crate) fn introspection_request(
    settings: &Provider,
    prepared: &Prepared,
    access_token: &SecretString,
) -> Result<HttpRequest> {
    let client =
        token_client(settings, prepared).set_introspection_url(IntrospectionUrl::from_url(prepared.endpoint().clone()));
    let token = AccessToken::new(access_token.expose_secret().to_owned());
    let mut request = client.introspect(&token).set_token_type_hint("access_token");
    let none = Texts::default();
    for (name, value) in extra(settings, prepared, &none) {
        request = request.add_extra_param(name, value);
    }
    captured(settings, |capture| drop(request.request(&capture)))
}

/// The crate asserts the length of RFC 7636 §4.1; a wrong one must not end the process.
fn verifier(code_verifier: &SecretString) -> Result<PkceCodeVerifier> {
    if !(43..=128).contains(&code_verifier.expose_secret().len()) {
        return Err(Error::internal("a PKCE verifier has 43 to 128 characters"));
    }
    Ok(PkceCodeVerifier::new(code_verifier.expose_secret().to_owned()))
}

fn token_client(settings: &Provider, prepared: &Prepared) -> TokenClient {
    let client = BasicClient::new(ClientId::new(settings.client_id.clone()))
        .set_token_uri(TokenUrl::from_url(prepared.endpoint().clone()))
        .set_auth_type(match settings.client_auth {
            ClientAuth::Basic | ClientAuth::BasicRaw => AuthType::BasicAuth,
            ClientAuth::Post
            | ClientAuth::PrivateKeyJwt
            | ClientAuth::SignedSecret
            | ClientAuth::External
            | ClientAuth::None => AuthType::RequestBody,
        });
    let secret = match settings.client_auth {
        ClientAuth::Basic | ClientAuth::BasicRaw | ClientAuth::Post => settings.client_secret.as_ref(),
        ClientAuth::SignedSecret => prepared.proof(),
        ClientAuth::PrivateKeyJwt | ClientAuth::External | ClientAuth::None => None,
    };
    match secret {
        Some(secret) => client.set_client_secret(ClientSecret::new(secret.expose_secret().to_owned())),
        None => client,
    }
}

/// What a request says beside what the crate makes it say: the client assertion (RFC 7523 §2.2) of a client that proves
/// itself by one, and the grant's own parameters.
fn extra<'a>(settings: &Provider, prepared: &'a Prepared, params: &'a Texts) -> Vec<(&'a str, &'a str)> {
    let assertion = prepared.proof().filter(|_| settings.client_auth == ClientAuth::PrivateKeyJwt);
    let mut extra: Vec<_> = params.iter().map(|(name, value)| (name, value.expose_secret())).collect();
    if let Some(assertion) = assertion {
        extra.push(("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"));
        extra.push(("client_assertion", assertion.expose_secret()));
    }
    extra
}

/// What the operator adds to requests for tokens. What a link has kept under that name since its bind goes before it: a
/// parameter stands once (RFC 6749 §3.2).
fn own<'a>(settings: &'a Provider, kept: &'a Texts) -> impl Iterator<Item = (&'a str, &'a str)> {
    let all = settings.asking.token_params.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    all.filter(|(name, _)| kept.iter().all(|(kept, _)| kept != *name))
}

/// Stands in for the network: the crate hands it the finished request, and would parse too strictly what came back.
#[derive(Debug, thiserror::Error)]
#[error("captured, not sent")]
struct Captured;

/// The request that the crate would have sent.
fn captured(
    settings: &Provider,
    send: impl FnOnce(&dyn Fn(HttpRequest) -> std::result::Result<HttpResponse, Captured>),
) -> Result<HttpRequest> {
    let slot = RefCell::new(None);
    send(&|request| {
        slot.replace(Some(request));
        Err(Captured)
    });
    let mut request = slot.into_inner().ok_or_else(|| Error::internal("the token request cannot be built"))?;
    if let (ClientAuth::BasicRaw, Some(secret)) = (settings.client_auth, &settings.client_secret) {
        let pair = STANDARD.encode(format!("{}:{}", settings.client_id, secret.expose_secret()));
        let value = HeaderValue::from_str(&format!("Basic {pair}")).map_err(Error::internal)?;
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    if let Some(credentials) = request.headers_mut().get_mut(AUTHORIZATION) {
        credentials.set_sensitive(true);
    }
    Ok(request)
}
