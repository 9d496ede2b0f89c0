//! Settings, good and bad, as an operator would write them.

mod anything;
mod audit;
mod callers;
mod partners;
mod phones;
mod presets;
mod restart;
mod secrets;
mod session;
mod shapes;
mod webhooks;

use std::fs;
use std::path::Path;

use secrecy::ExposeSecret as _;

use super::*;
use domain::expiry::Lifetime;
use domain::ids::{ClientId, ProviderId};
use domain::scope::Scope;

/// A whole file, with most of what may be set.
const EXAMPLE: &str = r#"
public_url   = "https://login.company.com"
base_path    = "/blitz"
listen       = "127.0.0.1:8080"
ops_listen   = "127.0.0.1:9090"
database_url = "sqlite:fedlink.db"
subjects     = "registered"

[vault]
keyring = { file = "fedlink.keys" }

[session]
secret    = { env = "COOKIE_SECRET" }
max_age   = "30d"
same_site = "lax"

[tokens]
min_lifetime  = "30s"
max_concurrency = 64

[limits]
sign_in_per_hour = 10
sms_per_hour_and_ip = 11
sms_per_day_and_phone = 12
sms_per_day = 13
emails_per_hour_and_ip = 15
emails_per_day_and_address = 16
list_points_per_hour = 14
list_timeout = "15s"

[sms]
url    = "https://sms.company.com/send"
secret = { env = "SMS_WEBHOOK_SECRET" }

[email]
url    = "https://mail.company.com/send"
secret = { env = "EMAIL_WEBHOOK_SECRET" }

[[ip_proxies]]
id        = "my-proxy"
addresses = ["203.0.113.7"]
secret    = { env = "PROXY_SECRET" }

[[clients]]
id            = "partner-console"
name          = "Partner Console"
secret        = { env = "PARTNER_CONSOLE_SECRET" }
rest_password = { env = "PARTNER_CONSOLE_REST_PASSWORD" }
scopes        = ["blitz_api_sys_ufa", "blitz_api_sys_ufa_chg", "fed_tkn_any", "fed_tkn_tcs_tcs_1"]
callbacks     = ["https://app.company.com/callback", "com.example.app:/done"]
redirect_uris = ["https://console.company.com/oauth/callback"]

[[issuers]]
issuer = "https://sso.company.com"
audience = "fedlink"
subject_prefix = "sso:"
system_clients = ["partner-console"]
jwks_url = "https://sso.company.com/keys"

[[providers]]
type = "tcs"
name = "tcs_1"
title = "T-Bank"
preset = "oidc"
issuer = "https://id.bank.example/"
client_id = "fedlink"
client_secret = { env = "TCS_SECRET" }
client_auth = "basic"
scopes = ["openid", "offline_access", "profile"]
remember_tokens = true
exclusive = true
sid = "{sub}"
user_name = "{email}"
confirm = true
lifetime = "1h"
rotates = false
reuse_window = "30s"
idle_life = "180d"
refresh_dies_with_access = true
authorize_params = { prompt = "consent" }
resent_params = ["device_id", "state"]
dead_errors = ["invalid_grant", "status:400", "status:401 error.code=gone"]
"#;

const SECRET: &str = "planted-s3cret-that-signs";
/// The same, as the one has to be that signs calls of a webhook.
const WEBHOOK_SECRET: &str = "whsec_cGxhbnRlZC1zM2NyZXQtdGhhdC1zaWducw==";

/// An environment in which every variable is set that is not ours.
fn filled(name: &str) -> Option<String> {
    let secret = if name.ends_with("_WEBHOOK_SECRET") { WEBHOOK_SECRET } else { SECRET };
    (!name.starts_with("FEDLINK_")).then(|| secret.to_owned())
}

fn read(text: &str) -> Result<Configuration, SettingsErrors> {
    Configuration::parse(text, Path::new("/etc/fedlink"), &filled, Literals::Refuse)
}

fn parse(text: &str) -> Result<Settings, SettingsErrors> {
    read(text).map(|read| read.settings)
}

fn mistakes(text: &str) -> String {
    parse(text).expect_err(text).to_string()
}

/// The mistakes of a file whose only content beside a good `public_url` is `text`.
fn mistakes_of(text: &str) -> String {
    mistakes(&format!("public_url = \"https://a.example\"\n{text}"))
}

/// The mistakes of a provider that is good but for `text`; a key of the good one that `text` has is left out.
fn mistakes_of_provider(text: &str) -> String {
    let good = [
        "type = \"a\"",
        "name = \"b\"",
        "preset = \"oidc\"",
        "issuer = \"https://a.example\"",
        "client_id = \"c\"",
        "client_secret = { env = \"S\" }",
    ];
    let has = |line: &&str| {
        let key = line.split(' ').next().unwrap();
        text.lines().any(|own| own.starts_with(&format!("{key} ")))
    };
    let rest: Vec<&str> = good.into_iter().filter(|line| !has(line)).collect();
    mistakes_of(&format!("[[providers]]\n{}\n{text}", rest.join("\n")))
}

fn mistakes_of_client(text: &str) -> String {
    mistakes_of(&format!("[[clients]]\nid = \"app\"\n{text}"))
}

#[test]
fn the_designs_example_is_read() {
    let Configuration { start, settings } = read(EXAMPLE).unwrap();
    assert_eq!(settings.public_url.as_str(), "https://login.company.com/");
    assert_eq!(start.database_url.expose_secret(), "sqlite:/etc/fedlink/fedlink.db");
    assert_eq!(start.keyring, KeyringSource::File("/etc/fedlink/fedlink.keys".into()));
    assert_eq!(settings.tokens.min_lifetime, Duration::from_secs(30));
    let limits = &settings.limits;
    assert_eq!((limits.sign_in_per_hour, limits.sms_per_hour_and_ip, limits.sms_per_day_and_phone), (10, 11, 12));
    assert_eq!(limits.sms_per_day, Some(13));
    assert_eq!((limits.emails_per_hour_and_ip, limits.emails_per_day_and_address), (15, 16));
    assert_eq!((limits.list_points_per_hour, limits.list_timeout), (14, Duration::from_secs(15)));
    assert!(
        settings.session.is_some()
            && settings.sms.is_some()
            && settings.email.is_some()
            && settings.ip_proxies.contains_key("my-proxy")
    );
    let client = &settings.clients[&ClientId::parse("partner-console").unwrap()];
    assert_eq!(client.name, "Partner Console");
    assert_eq!(client.rest_password.as_ref().unwrap().expose_secret(), SECRET);
    assert!(client.scopes.contains(&Scope::TokenOf(ProviderId::parse("tcs", "tcs_1").unwrap())));
    assert_eq!(client.callbacks, ["https://app.company.com/callback", "com.example.app:/done"]);
    assert_eq!(client.redirect_uris, ["https://console.company.com/oauth/callback"]);
    let [issuer] = settings.issuers.as_slice() else { panic!("one issuer") };
    assert_eq!((issuer.issuer.as_str(), issuer.audiences.contains("fedlink")), ("https://sso.company.com", true));
    assert_eq!(issuer.subject_prefix, "sso:");
    assert!(issuer.system_clients.contains(&client.id));
    assert_eq!(issuer.jwks_url.as_ref().unwrap().as_str(), "https://sso.company.com/keys");
    let provider = &settings.providers[&ProviderId::parse("tcs", "tcs_1").unwrap()];
    assert_eq!(provider.title, "T-Bank");
    assert_eq!(provider.kind, ProviderKind::Oidc);
    assert_eq!(provider.issuer.as_deref(), Some("https://id.bank.example/"));
    assert_eq!(provider.lifetime, Some(Lifetime::Lasts(Duration::from_hours(1))));
    assert_eq!((provider.rotates, provider.refresh_dies_with_access), (false, true));
    assert_eq!(provider.reuse_window, Some(Duration::from_secs(30)));
    assert_eq!(provider.idle_life, Some(Duration::from_hours(180 * 24)));
    assert_eq!(provider.authorize_params["prompt"], "consent");
    assert_eq!(provider.resent_params, ["device_id", "state"]);
    let dead_errors: Vec<String> = provider.dead_errors.iter().map(ToString::to_string).collect();
    assert_eq!(dead_errors, ["invalid_grant", "status:400", "status:401 error.code=gone"]);
}

#[test]
fn what_is_not_said_has_a_default() {
    let Configuration { start, settings } = read(
        r#"
        public_url = "http://127.0.0.1:8080"
        [[clients]]
        id = "app"
        [[providers]]
        type = "a"
        name = "b"
        preset = "oidc"
        issuer = "http://[::1]:4000/realm"
        client_id = "c"
        client_auth = "none"
        "#,
    )
    .unwrap();
    assert_eq!((settings.base_path.as_str(), settings.subjects), ("/blitz", Subjects::Registered));
    assert_eq!((start.listen.port(), start.ops_listen.port()), (8080, 9090));
    assert!(start.listen.ip().is_loopback() && start.ops_listen.ip().is_loopback());
    assert_eq!(start.database_url.expose_secret(), "sqlite:/etc/fedlink/fedlink.db");
    assert_eq!(start.keyring, KeyringSource::File("/etc/fedlink/fedlink.keys".into()));
    assert_eq!((settings.tokens.min_lifetime, settings.tokens.max_concurrency), (Duration::from_secs(30), 64));
    let client = &settings.clients[&ClientId::parse("app").unwrap()];
    assert_eq!((client.name.as_str(), client.introspect_any), ("app", false));
    let provider = &settings.providers[&ProviderId::parse("a", "b").unwrap()];
    assert_eq!((provider.title.as_str(), provider.client_auth), ("b", ClientAuth::None));
    assert_eq!((provider.sid.as_str(), provider.user_name.as_str()), ("{sub}", "{email}"));
    assert_eq!(provider.scopes, ["openid"]);
    assert!(provider.remember_tokens && provider.exclusive && provider.confirm);
    assert!(provider.client_secret.is_none() && provider.lifetime.is_none() && provider.dead_errors.is_empty());
    // What is careful towards a provider nobody knows: its refresh tokens are good for one refresh.
    assert!(provider.rotates && provider.reuse_window.is_none());
    assert!(provider.idle_life.is_none() && !provider.refresh_dies_with_access);
}

#[test]
fn every_mistake_is_told_at_once() {
    let text = EXAMPLE
        .replace("https://login.company.com", "http://login.company.com")
        .replace("max_concurrency", "max_concurency")
        .replace("fed_tkn_tcs_tcs_1", "fed_tkn_tcs_tcs_2")
        .replace("\"basic\"", "\"basik\"")
        .replace("{ env = \"TCS_SECRET\" }", "\"hunter2\"");
    assert_eq!(
        mistakes(&text),
        r#"public_url: must be https: http is for a loopback host (localhost, 127.0.0.1, [::1]) only
tokens.max_concurency: is no known key; did you mean "max_concurrency"?
providers[0].client_auth (tcs:tcs_1): "basik" is no choice; did you mean "basic"?
providers[0].client_secret (tcs:tcs_1): must not stand in the file itself: write { env = "NAME" } or { file = "/run/secrets/name" }
clients[0].scopes[3] (partner-console): "fed_tkn_tcs_tcs_2" names no configured provider; did you mean "fed_tkn_tcs_tcs_1"?"#
    );
}

#[test]
fn an_unknown_key_is_named_in_every_table() {
    assert_eq!(mistakes_of("bse_path = 1"), "bse_path: is no known key; did you mean \"base_path\"?");
    assert_eq!(mistakes_of("[vault]\nkeyrings = 1"), "vault.keyrings: is no known key; did you mean \"keyring\"?");
    assert_eq!(mistakes_of("[sessions]"), "sessions: is no known key; did you mean \"session\"?");
    assert_eq!(
        mistakes_of_client("secret = { enf = \"X\" }"),
        "clients[0].secret (app): must have env = \"NAME\" or file = \"PATH\"\n\
         clients[0].secret.enf (app): is no known key; did you mean \"env\"?"
    );
    let known = "answer_within, authorization_endpoint, authorize_params, callback_fields, claims_in, client_auth, client_command, client_id, \
                 client_id_param, client_key, client_key_alg, client_key_id, client_key_issuer, client_secret, \
                 confirm, dead_access_errors, dead_errors, exclusive, \
                 idle_life, introspection_endpoint, issuer, jwks_uri, kind, lifetime, name, nonce, par, pkce, preset, \
                 pushed_authorization_request_endpoint, refresh_dies_with_access, remember_tokens, resent_params, response_fields, \
                 reuse_window, revocation_endpoint, revoke, rotates, scope_aliases, scope_separator, scopes, sid, \
                 tenants, title, tls_certificate, tls_key, token_body, token_endpoint, token_headers, token_params, \
                 token_path, type, user_name, userinfo_call, userinfo_endpoint, userinfo_headers, userinfo_params";
    assert_eq!(
        mistakes_of_provider("redirect = 1\n\"a\\nb\" = 2"),
        format!(
            "providers[0].\"a\\nb\" (a:b): is no known key; known are {known}\n\
             providers[0].redirect (a:b): is no known key; known are {known}"
        )
    );
}

#[test]
fn broken_toml_is_told_by_line_without_its_text() {
    let told = mistakes("public_url = \"https://a.example\"\nclient_secret = \"hunter2\nlisten == 3\n");
    assert!(told.contains("line 2") && told.contains("line 3"), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
    assert!(mistakes("listen = \"a\"\nlisten = \"b\"\n").contains("line 2"));
}

#[test]
fn the_environment_wins_over_the_file() {
    let env = |name: &str| match name {
        "FEDLINK_PUBLIC_URL" => Some("https://env.example".to_owned()),
        "FEDLINK_TOKENS_MIN_LIFETIME" => Some("2m".to_owned()),
        "FEDLINK_TOKENS_MAX_CONCURRENCY" => Some("3".to_owned()),
        "FEDLINK_SUBJECTS" => Some("registered".to_owned()),
        "FEDLINK_DATABASE_URL" => Some("postgres://fedlink:pw@db/fedlink".to_owned()),
        "FEDLINK_VAULT_KEYRING_ENV" => Some("KEYS".to_owned()),
        other => filled(other),
    };
    let file = EXAMPLE.replace("\"registered\"", "\"any\"");
    let Configuration { start, settings } = Configuration::parse(&file, Path::new(""), &env, Literals::Refuse).unwrap();
    assert_eq!(settings.public_url.as_str(), "https://env.example/");
    assert_eq!((settings.tokens.min_lifetime, settings.tokens.max_concurrency), (Duration::from_mins(2), 3));
    assert_eq!(settings.subjects, Subjects::Registered);
    assert_eq!(start.database_url.expose_secret(), "postgres://fedlink:pw@db/fedlink");
    assert!(matches!(start.keyring, KeyringSource::Text(KeyringText(text)) if text.expose_secret() == SECRET));

    let only = |name: &str| (name == "FEDLINK_PUBLIC_URL").then(|| "https://env.example".to_owned());
    assert!(Configuration::parse("", Path::new(""), &only, Literals::Refuse).is_ok());

    let wrong = |name: &str| match name {
        "FEDLINK_LISTEN" => Some("localhost".to_owned()),
        "FEDLINK_TOKENS_MAX_CONCURRENCY" => Some("many".to_owned()),
        "FEDLINK_DATABASE_URL" => Some("fedlink:pw@db".to_owned()),
        other => filled(other),
    };
    assert_eq!(
        Configuration::parse(EXAMPLE, Path::new(""), &wrong, Literals::Refuse).unwrap_err().to_string(),
        r#"FEDLINK_LISTEN: must be an IP address with a port, such as "127.0.0.1:8080" or "[::1]:8080"
FEDLINK_DATABASE_URL: must start with a scheme we know: write "sqlite:fedlink.db" or "postgres://user@host/database"
FEDLINK_TOKENS_MAX_CONCURRENCY: must be a whole number from 1 to 100000"#
    );
}

#[test]
fn a_file_is_loaded_with_what_stands_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("fedlink.toml");
    let missing = Configuration::load(&file, &filled).unwrap_err().to_string();
    assert!(missing.contains("fedlink.toml: cannot be read: No such file"), "{missing}");
    fs::write(&file, format!("ca_file = \"ca.pem\"\n{EXAMPLE}")).unwrap();
    fs::write(folder.path().join("ca.pem"), "-----BEGIN CERTIFICATE-----\n").unwrap();
    let Configuration { start, settings } = Configuration::load(&file, &filled).unwrap();
    assert_eq!(settings.ca_file, Some(folder.path().join("ca.pem")));
    assert_eq!(start.keyring, KeyringSource::File(folder.path().join("fedlink.keys")));
}
