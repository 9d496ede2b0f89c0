//! What the authorization server says of itself (RFC 8414).

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde_json::json;

use crate::app::App;
use crate::domain::scope::Scope;

/// `GET /.well-known/oauth-authorization-server{base_path}`
pub(crate) async fn metadata(app: Data<App>) -> HttpResponse {
    let settings = &app.parts.settings;
    let issuer = format!("{}{}", settings.public_url.as_str().trim_end_matches('/'), settings.base_path);
    let methods = ["client_secret_basic", "client_secret_post"];
    HttpResponse::Ok().json(json!({
        "issuer": issuer,
        "token_endpoint": format!("{issuer}/oauth/te"),
        "introspection_endpoint": format!("{issuer}/oauth/introspect"),
        "revocation_endpoint": format!("{issuer}/oauth/revoke"),
        "grant_types_supported": ["client_credentials"],
        // No authorization endpoint, so no response types; RFC 8414 §2 requires the member.
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": methods,
        // Without those of single providers: anybody may read this.
        "scopes_supported": Scope::FIXED.each_ref().map(ToString::to_string),
    }))
}
