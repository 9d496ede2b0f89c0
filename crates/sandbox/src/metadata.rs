//! What the provider tells about itself: metadata and signing keys.

use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use super::core::Core;
use super::lock::lock;
use super::peculiar::{Signing, Userinfo};

/// The scopes there are.
pub(super) const SCOPES: [&str; 6] = ["openid", "profile", "email", "offline_access", "mail", "files"];

/// How the answer to an authorization request may come back.
pub(super) const RESPONSE_MODES: [&str; 2] = ["query", "form_post"];

/// OpenID Connect Discovery §3
pub(super) async fn openid(core: web::Data<Core>) -> HttpResponse {
    core.count(|counts| counts.discovery += 1);
    let hidden = core.script.settings().revocation_in_oauth_metadata_only.then_some("revocation_endpoint");
    HttpResponse::Ok().json(metadata(&core, hidden))
}

/// RFC 8414 §3
pub(super) async fn oauth(core: web::Data<Core>) -> HttpResponse {
    core.count(|counts| counts.discovery += 1);
    HttpResponse::Ok().json(metadata(&core, None))
}

/// OpenID Connect Core §10.1.1
pub(super) async fn jwks(core: web::Data<Core>) -> HttpResponse {
    core.count(|counts| counts.jwks += 1);
    HttpResponse::Ok().json(lock(&core.keys).jwks(&core.script.settings().more_keys))
}

fn metadata(core: &Core, hidden: Option<&str>) -> Value {
    let settings = core.script.settings();
    let algorithm = match settings.signing {
        Signing::Es256 => "ES256",
        Signing::Rs256 => "RS256",
    };
    let authentication = ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"];
    let mut metadata = json!({
        "issuer": settings.discovery_issuer.clone().unwrap_or_else(|| match &settings.tenant {
            Some(_) => core.address("/{tenantid}/v2.0"),
            None => core.issuer(&settings),
        }),
        "authorization_endpoint": core.address("/authorize"),
        "token_endpoint": core.address("/token"),
        "introspection_endpoint": core.address("/introspect"),
        "userinfo_endpoint": core.address("/userinfo"),
        "revocation_endpoint": core.address("/revoke"),
        "jwks_uri": core.address("/jwks"),
        "pushed_authorization_request_endpoint": core.address("/par"),
        "require_pushed_authorization_requests": settings.require_par,
        "scopes_supported": SCOPES,
        "response_types_supported": ["code"],
        "response_modes_supported": RESPONSE_MODES,
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [algorithm],
        "token_endpoint_auth_methods_supported": authentication,
        "introspection_endpoint_auth_methods_supported": authentication,
        "revocation_endpoint_auth_methods_supported": authentication,
        "token_endpoint_auth_signing_alg_values_supported": ["ES256", "RS256", "PS256"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": settings.advertise_iss,
    });
    let no_userinfo = (settings.userinfo == Userinfo::Absent).then_some("userinfo_endpoint");
    if let Some(fields) = metadata.as_object_mut() {
        fields.extend(settings.metadata);
        fields.retain(|name, _| Some(name.as_str()) != hidden && Some(name.as_str()) != no_userinfo);
    }
    metadata
}
