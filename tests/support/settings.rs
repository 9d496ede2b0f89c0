//! The settings of most tests.

use std::path::Path;

/// Every scope there is, for the sandbox provider.
pub(crate) const ALL_SCOPES: [&str; 9] = [
    "blitz_api_ufa",
    "blitz_api_sys_ufa",
    "blitz_api_ufa_chg",
    "blitz_api_sys_ufa_chg",
    "blitz_api_uaud",
    "blitz_api_sys_uaud",
    "fed_evt_any",
    "fed_tkn_any",
    "fed_tkn_box_box_1",
];

/// Settings as most tests want them: two clients with all scopes, one provider (the sandbox).
pub(crate) fn settings(database_url: &str, keyring: &Path, public_url: &str, issuer: &str) -> String {
    let scopes = serde_json::to_string(&ALL_SCOPES).expect("JSON");
    format!(
        r#"
public_url = "{public_url}"
database_url = "{database_url}"
listen = "127.0.0.1:0"
ops_listen = "127.0.0.1:0"
subjects = "registered"
[vault]
keyring = {{ file = "{keyring}" }}
[[clients]]
id = "console"
name = "Console"
secret = "console-secret-of-tests"
rest_password = "console-password"
scopes = {scopes}
callbacks = ["https://app.example/callback", "https://app.example/other?x=1"]
redirect_uris = ["https://app.example/signed-in", "https://app.example/tenant?id=1", "com.example.app:/signed-in"]
[[clients]]
id = "rival"
name = "Rival"
secret = "rival-secret-of-tests"
rest_password = "rival-password-of-tests"
scopes = {scopes}
callbacks = ["https://app.example/callback"]
redirect_uris = ["https://app.example/signed-in"]
[[providers]]
type = "box"
name = "box_1"
title = "Sandbox"
preset = "oidc"
issuer = "{issuer}"
client_id = "fedlink"
client_secret = "sandbox-secret"
scopes = ["openid", "offline_access", "profile", "email"]
user_name = "{{name}}"
"#,
        keyring = keyring.display(),
    )
}
