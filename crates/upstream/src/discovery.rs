//! A provider's metadata: OpenID Connect Discovery merged with RFC 8414, under what the settings say.

use oauth2::http::HeaderMap;
use serde_json::{Map, Value};
use url::{Host, Url};

use super::client::{Answer, Client};
use super::passing::{Passing, PassingKind};
use settings::{Endpoints, Provider, ProviderKind};

/// Where a provider is and what it says of itself. Every endpoint is https, or http on loopback; one that was discovered is
/// http only where its issuer is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metadata {
    /// The endpoints, those set by hand first.
    pub(crate) endpoints: Endpoints,
    /// RFC 9207 §3: it promises `iss` in every authorization response.
    pub(crate) states_iss: bool,
    /// RFC 9126 §5: it takes no authorization request but a pushed one.
    pub(crate) requires_par: bool,
    /// Whether it has the scope for refresh tokens (OpenID Connect Core §11).
    pub(crate) offers_offline_access: bool,
    /// What each tenant calls itself, with `{tenantid}` for its id, where the issuer is one for many.
    pub(crate) issuer_of_tenants: Option<String>,
}

/// The scope that refresh tokens come by (OpenID Connect Core §11).
pub(crate) const OFFLINE_ACCESS: &str = "offline_access";

/// What of metadata is meant for us.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Terms {
    /// Whether they may be of an issuer for many tenants.
    pub(crate) may_be_of_tenants: bool,
    /// Whether we show the provider a certificate.
    pub(crate) shows_certificate: bool,
}

/// The members we use, each by itself: one that is left out, or is not what it should be, is wanting only where it is needed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Document {
    issuer: String,
    issuer_of_tenants: Option<String>,
    authorization_endpoint: Option<Url>,
    token_endpoint: Option<Url>,
    userinfo_endpoint: Option<Url>,
    jwks_uri: Option<Url>,
    revocation_endpoint: Option<Url>,
    introspection_endpoint: Option<Url>,
    pushed_authorization_request_endpoint: Option<Url>,
    require_pushed_authorization_requests: bool,
    authorization_response_iss_parameter_supported: bool,
    /// Whether `scopes_supported` has `offline_access`.
    offers_offline_access: bool,
}

impl Document {
    /// Reads a document that must be `issuer`'s own, letter by letter: OpenID Connect Discovery §4.3, RFC 8414 §3.3.
    /// One for many tenants states how each of them calls itself, at the same host; that is believed only where it `may_be_of_tenants`.
    pub(crate) fn read(answer: &Answer, issuer: &str, terms: Terms) -> Result<Self, Passing> {
        let may_be_of_tenants = terms.may_be_of_tenants;
        if answer.status != 200 {
            return Err(Passing::definite("the metadata is not served"));
        }
        let body = answer.body.whole().ok_or(Passing::definite("the metadata was cut off"))?;
        let mut members: Map<String, Value> = serde_json::from_slice(body)
            .map_err(|_quotes_the_body: serde_json::Error| Passing::definite("the metadata cannot be read"))?;
        if terms.shows_certificate
            && let Some(Value::Object(aliases)) = members.remove("mtls_endpoint_aliases")
        {
            // RFC 8705 §5: where clients with a certificate ask instead.
            members.extend(aliases.into_iter().filter(|(name, _)| {
                // Browsers have no certificate of ours.
                name.ends_with("_endpoint") && name != "authorization_endpoint"
            }));
        }
        match members.get("issuer").and_then(Value::as_str) {
            Some(stated) if stated == issuer && may_be_of_tenants => {
                return Err(Passing::definite("the metadata is one issuer's alone: leave tenants out"));
            }
            Some(stated) if stated == issuer => {}
            Some(stated) if may_be_of_tenants && is_of_tenants(stated, issuer) => {
                return Ok(Self { issuer_of_tenants: Some(stated.to_owned()), ..Self::of(issuer, &members) });
            }
            // Entra's `common` and `organizations`: whose tokens are good is not said before each says its own tenant.
            Some(stated) if stated.contains("{tenantid}") => {
                return Err(Passing::definite(
                    "the metadata is of every tenant there is: set issuer to your own tenant's, .../<tenant id>/v2.0, or tenants to those whose users may link",
                ));
            }
            _ => return Err(Passing::definite("the metadata is another issuer's")),
        }
        Ok(Self::of(issuer, &members))
    }

    fn of(issuer: &str, members: &Map<String, Value>) -> Self {
        let endpoint = |name: &str| members.get(name)?.as_str()?.parse().ok();
        let flag = |name: &str| match members.get(name) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) => text == "true",
            _ => false,
        };
        Self {
            issuer: issuer.to_owned(),
            issuer_of_tenants: None,
            authorization_endpoint: endpoint("authorization_endpoint"),
            token_endpoint: endpoint("token_endpoint"),
            userinfo_endpoint: endpoint("userinfo_endpoint"),
            jwks_uri: endpoint("jwks_uri"),
            revocation_endpoint: endpoint("revocation_endpoint"),
            introspection_endpoint: endpoint("introspection_endpoint"),
            pushed_authorization_request_endpoint: endpoint("pushed_authorization_request_endpoint"),
            require_pushed_authorization_requests: flag("require_pushed_authorization_requests"),
            authorization_response_iss_parameter_supported: flag("authorization_response_iss_parameter_supported"),
            offers_offline_access: members
                .get("scopes_supported")
                .and_then(Value::as_array)
                .is_some_and(|scopes| scopes.iter().any(|scope| scope == OFFLINE_ACCESS)),
        }
    }

    /// What one document leaves out, the other may say.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            issuer: self.issuer,
            issuer_of_tenants: self.issuer_of_tenants.or(other.issuer_of_tenants),
            authorization_endpoint: self.authorization_endpoint.or(other.authorization_endpoint),
            token_endpoint: self.token_endpoint.or(other.token_endpoint),
            userinfo_endpoint: self.userinfo_endpoint.or(other.userinfo_endpoint),
            jwks_uri: self.jwks_uri.or(other.jwks_uri),
            revocation_endpoint: self.revocation_endpoint.or(other.revocation_endpoint),
            introspection_endpoint: self.introspection_endpoint.or(other.introspection_endpoint),
            pushed_authorization_request_endpoint: self
                .pushed_authorization_request_endpoint
                .or(other.pushed_authorization_request_endpoint),
            require_pushed_authorization_requests: self.require_pushed_authorization_requests
                || other.require_pushed_authorization_requests,
            authorization_response_iss_parameter_supported: self.authorization_response_iss_parameter_supported
                || other.authorization_response_iss_parameter_supported,
            offers_offline_access: self.offers_offline_access || other.offers_offline_access,
        }
    }

    /// The metadata under the endpoints set by hand; refused if an endpoint is open to eavesdroppers, or if an issuer that
    /// is elsewhere would have us send secrets to a port of this machine.
    pub(crate) fn under(self, by_hand: &Endpoints) -> Result<Metadata, Passing> {
        let issuer_is_local = Url::parse(&self.issuer).is_ok_and(|issuer| issuer.scheme() == "http");
        let discovered = [
            self.authorization_endpoint.as_ref().filter(|_| by_hand.authorization.is_none()),
            self.token_endpoint.as_ref().filter(|_| by_hand.token.is_none()),
            self.userinfo_endpoint.as_ref().filter(|_| by_hand.userinfo.is_none()),
            self.jwks_uri.as_ref().filter(|_| by_hand.jwks.is_none()),
            self.revocation_endpoint.as_ref().filter(|_| by_hand.revocation.is_none()),
            self.introspection_endpoint.as_ref().filter(|_| by_hand.introspection.is_none()),
            self.pushed_authorization_request_endpoint.as_ref().filter(|_| by_hand.pushed.is_none()),
        ];
        if !issuer_is_local && discovered.into_iter().flatten().any(|url| url.scheme() == "http") {
            return Err(Passing::definite("the metadata of an https issuer names an http endpoint"));
        }
        let by_hand = by_hand.clone();
        let endpoints = Endpoints {
            authorization: by_hand.authorization.or(self.authorization_endpoint),
            token: by_hand.token.or(self.token_endpoint),
            userinfo: by_hand.userinfo.or(self.userinfo_endpoint),
            jwks: by_hand.jwks.or(self.jwks_uri),
            revocation: by_hand.revocation.or(self.revocation_endpoint),
            introspection: by_hand.introspection.or(self.introspection_endpoint),
            pushed: by_hand.pushed.or(self.pushed_authorization_request_endpoint),
        };
        let all = [
            &endpoints.authorization,
            &endpoints.token,
            &endpoints.userinfo,
            &endpoints.jwks,
            &endpoints.revocation,
            &endpoints.introspection,
            &endpoints.pushed,
        ];
        if !all.into_iter().flatten().all(is_safe) {
            return Err(Passing::definite("the metadata names an endpoint that is neither https nor on loopback"));
        }
        Ok(Metadata {
            endpoints,
            states_iss: self.authorization_response_iss_parameter_supported,
            requires_par: self.require_pushed_authorization_requests,
            offers_offline_access: self.offers_offline_access,
            issuer_of_tenants: self.issuer_of_tenants,
        })
    }
}

/// Whether this is an issuer for each tenant at the host of `issuer`: the one variable is the tenant's id, a segment of the path.
fn is_of_tenants(stated: &str, issuer: &str) -> bool {
    let Some((before, after)) = stated.split_once("/{tenantid}/") else { return false };
    let origin = |address: &str| Url::parse(address).ok().map(|url| url.origin());
    !after.contains(['{', '}'])
        && !before.contains(['{', '}'])
        && origin(before).is_some()
        && origin(before) == origin(issuer)
}

/// Whether nobody can listen in: https, or http on loopback.
fn is_safe(url: &Url) -> bool {
    match (url.scheme(), url.host()) {
        ("https", Some(_)) => true,
        ("http", Some(Host::Domain(name))) => name == "localhost",
        ("http", Some(Host::Ipv4(address))) => address.is_loopback(),
        ("http", Some(Host::Ipv6(address))) => address.is_loopback(),
        _ => false,
    }
}

/// Whether the settings leave anything to be discovered that the protocol needs.
pub(crate) fn issuer_to_ask(settings: &Provider) -> Option<&str> {
    let by_hand = &settings.endpoints;
    let complete = by_hand.authorization.is_some()
        && by_hand.token.is_some()
        && (!settings.par || by_hand.pushed.is_some())
        && (settings.kind == ProviderKind::OAuth2 || by_hand.jwks.is_some());
    settings.issuer.as_deref().filter(|_| !complete)
}

/// Fetches the metadata of `issuer`. One document suffices; the second is asked for what the first leaves out.
pub(crate) async fn fetch(client: &Client, settings: &Provider, issuer: &str) -> Result<Metadata, Passing> {
    let (openid, oauth) = addresses(issuer).ok_or(Passing::definite("the issuer is no address"))?;
    let (first, second) = match settings.kind {
        ProviderKind::Oidc => (openid, oauth),
        ProviderKind::OAuth2 => (oauth, openid),
    };
    let terms = Terms { may_be_of_tenants: settings.tenants.is_some(), shows_certificate: settings.tls.is_some() };
    let document = match (document(client, &first, issuer, terms).await, settings.kind) {
        // Some providers have their revocation endpoint in RFC 8414's document only.
        (Ok(found), _) if found.revocation_endpoint.is_none() && settings.endpoints.revocation.is_none() => {
            match document(client, &second, issuer, terms).await {
                Ok(more) => found.or(more),
                Err(_has_no_second) => found,
            }
        }
        (Ok(found), _) => found,
        (Err(_has_no_rfc_8414), ProviderKind::OAuth2) => document(client, &second, issuer, terms).await?,
        (Err(passing), ProviderKind::Oidc) => return Err(passing),
    };
    document.under(&settings.endpoints)
}

/// Where an issuer's keys are, by whichever of its documents says so.
pub(crate) async fn jwks_url(client: &Client, issuer: &str) -> Result<Url, Passing> {
    let (openid, oauth) = addresses(issuer).ok_or(Passing::definite("the issuer is no address"))?;
    let document = match document(client, &openid, issuer, Terms::default()).await {
        Ok(found) if found.jwks_uri.is_some() => found,
        _ => document(client, &oauth, issuer, Terms::default()).await?,
    };
    let endpoints = document.under(&Endpoints::default())?.endpoints;
    endpoints.jwks.ok_or(Passing::definite("the metadata doesn't say where the signing keys are"))
}

async fn document(client: &Client, url: &Url, issuer: &str, terms: Terms) -> Result<Document, Passing> {
    // Nothing is spent by a question for metadata, so its failures are never ambiguous.
    let answer = client
        .get(url, HeaderMap::new())
        .await
        .map_err(|passing| Passing { kind: PassingKind::Definite, ..passing })?;
    Document::read(&answer, issuer, terms)
}

/// Where the two documents stand. OpenID Connect Discovery §4 appends to the path, RFC 8414 §3 inserts before it;
/// both drop the slash at its end, which still counts when issuers are compared.
pub(crate) fn addresses(issuer: &str) -> Option<(Url, Url)> {
    let base = Url::parse(issuer).ok().filter(is_safe)?;
    let path = base.path().trim_end_matches('/').to_owned();
    let at = |path: &str| {
        let mut url = base.clone();
        url.set_path(path);
        url.set_query(None);
        url.set_fragment(None);
        url
    };
    Some((
        at(&format!("{path}/.well-known/openid-configuration")),
        at(&format!("/.well-known/oauth-authorization-server{path}")),
    ))
}
