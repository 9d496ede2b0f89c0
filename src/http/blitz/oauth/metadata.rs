//! What the authorization server says of itself (RFC 8414).

use actix_web::HttpResponse;
use serde_json::json;

use crate::app::App;
use crate::http::blitz::exchange;
use domain::pkce;
use domain::scope::Scope;
use settings::Subjects;

/// What assertions may be signed by.
const ASSERTION_ALGORITHMS: [&str; 4] = ["ES256", "RS256", "PS256", "EdDSA"];

/// `GET /.well-known/oauth-authorization-server{base_path}`
pub(crate) async fn metadata(app: App) -> HttpResponse {
    let settings = &app.parts.settings;
    let issuer = settings.issuer();
    let asserts = settings.clients.values().any(|client| client.keys.is_some());
    let by_secret = ["client_secret_basic", "client_secret_post"];
    let methods: Vec<&str> = by_secret.into_iter().chain(asserts.then_some("private_key_jwt")).collect();
    let mut document = json!({
        "issuer": issuer,
        "token_endpoint": format!("{issuer}/oauth/te"),
        "introspection_endpoint": format!("{issuer}/oauth/introspect"),
        "revocation_endpoint": format!("{issuer}/oauth/revoke"),
        "grant_types_supported": ["client_credentials", exchange::GRANT_TYPE],
        "subject_token_types_supported": exchange::subject_token_types(settings),
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": methods,
        // Without those of single providers: anybody may read this.
        "scopes_supported": Scope::FIXED.each_ref().map(ToString::to_string),
    });
    if let (true, Some(members)) = (asserts, document.as_object_mut()) {
        for endpoint in ["token", "introspection", "revocation"] {
            let name = format!("{endpoint}_endpoint_auth_signing_alg_values_supported");
            members.insert(name, json!(ASSERTION_ALGORITHMS));
        }
    }
    // Where the users live elsewhere, nobody signs in here.
    if let (Subjects::Registered, Some(members)) = (settings.subjects, document.as_object_mut()) {
        for (name, value) in [
            ("authorization_endpoint", json!(format!("{issuer}/oauth/ae"))),
            (
                "grant_types_supported",
                json!(["authorization_code", "refresh_token", "client_credentials", exchange::GRANT_TYPE]),
            ),
            ("response_types_supported", json!(["code"])),
            ("response_modes_supported", json!(["query"])),
            ("code_challenge_methods_supported", json!([pkce::S256])),
            ("authorization_response_iss_parameter_supported", json!(true)),
        ] {
            members.insert(name.to_owned(), value);
        }
    }
    HttpResponse::Ok().json(document)
}
