//! Settings, good and bad, as an operator would write them.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use secrecy::ExposeSecret as _;
use toml::{Table, Value};

use super::*;
use crate::domain::ids::{ClientId, ProviderId};
use crate::domain::scope::Scope;

/// DESIGN 3's example, as far as its sections exist.
const EXAMPLE: &str = r#"
public_url   = "https://login.company.com"
base_path    = "/blitz"
listen       = "127.0.0.1:8080"
ops_listen   = "127.0.0.1:9090"
database_url = "sqlite:fedlink.db"
subjects     = "registered"

[vault]
keyring = { file = "fedlink.keys" }

[tokens]
min_lifetime  = "30s"
max_concurrency = 64

[[clients]]
id            = "partner-console"
name          = "Partner Console"
secret        = { env = "PARTNER_CONSOLE_SECRET" }
rest_password = { env = "PARTNER_CONSOLE_REST_PASSWORD" }
scopes        = ["blitz_api_sys_ufa", "blitz_api_sys_ufa_chg", "fed_tkn_any", "fed_tkn_tcs_tcs_1"]
callbacks     = ["https://app.company.com/callback", "com.example.app:/done"]

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
authorize_params = { prompt = "consent" }
dead_errors = ["invalid_grant", "status:400"]
"#;

const SECRET: &str = "planted-s3cret";

/// An environment in which every variable is set that is not ours.
fn filled(name: &str) -> Option<String> {
    (!name.starts_with("FEDLINK_")).then(|| SECRET.to_owned())
}

fn parse(text: &str) -> Result<Settings, SettingsErrors> {
    Settings::parse(text, Path::new("/etc/fedlink"), &filled, Literals::Refuse)
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
    let settings = parse(EXAMPLE).unwrap();
    assert_eq!(settings.public_url.as_str(), "https://login.company.com/");
    assert_eq!(settings.database_url.expose_secret(), "sqlite:fedlink.db");
    assert_eq!(settings.keyring, KeyringSource::File("/etc/fedlink/fedlink.keys".into()));
    assert_eq!(settings.tokens.min_lifetime, Duration::from_secs(30));
    let client = &settings.clients[&ClientId::parse("partner-console").unwrap()];
    assert_eq!(client.name, "Partner Console");
    assert_eq!(client.rest_password.as_ref().unwrap().expose_secret(), SECRET);
    assert!(client.scopes.contains(&Scope::TokenOf(ProviderId::parse("tcs", "tcs_1").unwrap())));
    assert_eq!(client.callbacks, ["https://app.company.com/callback", "com.example.app:/done"]);
    let provider = &settings.providers[&ProviderId::parse("tcs", "tcs_1").unwrap()];
    assert_eq!(provider.title, "T-Bank");
    assert_eq!(provider.kind, ProviderKind::Oidc);
    assert_eq!(provider.issuer.as_deref(), Some("https://id.bank.example/"));
    assert_eq!(provider.lifetime, Some(Duration::from_hours(1)));
    assert_eq!(provider.authorize_params["prompt"], "consent");
    assert_eq!(provider.dead_errors, ["invalid_grant", "status:400"]);
}

#[test]
fn what_is_not_said_has_a_default() {
    let settings = parse(
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
    assert_eq!((settings.listen.port(), settings.ops_listen.port()), (8080, 9090));
    assert!(settings.listen.ip().is_loopback() && settings.ops_listen.ip().is_loopback());
    assert_eq!(settings.database_url.expose_secret(), "sqlite:fedlink.db");
    assert_eq!(settings.keyring, KeyringSource::File("/etc/fedlink/fedlink.keys".into()));
    assert_eq!((settings.tokens.min_lifetime, settings.tokens.max_concurrency), (Duration::from_secs(30), 64));
    let client = &settings.clients[&ClientId::parse("app").unwrap()];
    assert_eq!((client.name.as_str(), client.introspect_any), ("app", false));
    let provider = &settings.providers[&ProviderId::parse("a", "b").unwrap()];
    assert_eq!((provider.title.as_str(), provider.client_auth), ("b", ClientAuth::None));
    assert_eq!((provider.sid.as_str(), provider.user_name.as_str()), ("{sub}", "{email}"));
    assert_eq!(provider.scopes, ["openid"]);
    assert!(provider.remember_tokens && provider.exclusive && provider.confirm);
    assert!(provider.client_secret.is_none() && provider.lifetime.is_none() && provider.dead_errors.is_empty());
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
    assert_eq!(
        mistakes_of("[session]"),
        "session: is no known key; known are base_path, ca_file, clients, database_url, listen, ops_listen, \
         providers, public_url, subjects, tokens, vault"
    );
    assert_eq!(
        mistakes_of_client("secret = { enf = \"X\" }"),
        "clients[0].secret (app): must have env = \"NAME\" or file = \"PATH\"\n\
         clients[0].secret.enf (app): is no known key; did you mean \"env\"?"
    );
    assert_eq!(
        mistakes_of_provider("redirect = 1\n\"a\\nb\" = 2"),
        "providers[0].\"a\\nb\" (a:b): is no known key; known are authorization_endpoint, authorize_params, client_auth, \
         client_id, client_secret, confirm, dead_errors, exclusive, issuer, jwks_uri, kind, lifetime, name, preset, \
         remember_tokens, revocation_endpoint, scopes, sid, title, token_endpoint, type, user_name, userinfo_endpoint\n\
         providers[0].redirect (a:b): is no known key; known are authorization_endpoint, authorize_params, client_auth, \
         client_id, client_secret, confirm, dead_errors, exclusive, issuer, jwks_uri, kind, lifetime, name, preset, \
         remember_tokens, revocation_endpoint, scopes, sid, title, token_endpoint, type, user_name, userinfo_endpoint"
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
        "FEDLINK_SUBJECTS" => Some("any".to_owned()),
        "FEDLINK_DATABASE_URL" => Some("postgres://fedlink:pw@db/fedlink".to_owned()),
        "FEDLINK_VAULT_KEYRING_ENV" => Some("KEYS".to_owned()),
        other => filled(other),
    };
    let settings = Settings::parse(EXAMPLE, Path::new(""), &env, Literals::Refuse).unwrap();
    assert_eq!(settings.public_url.as_str(), "https://env.example/");
    assert_eq!((settings.tokens.min_lifetime, settings.tokens.max_concurrency), (Duration::from_mins(2), 3));
    assert_eq!(settings.subjects, Subjects::Any);
    assert_eq!(settings.database_url.expose_secret(), "postgres://fedlink:pw@db/fedlink");
    assert!(matches!(settings.keyring, KeyringSource::Text(KeyringText(text)) if text.expose_secret() == SECRET));

    let only = |name: &str| (name == "FEDLINK_PUBLIC_URL").then(|| "https://env.example".to_owned());
    assert!(Settings::parse("", Path::new(""), &only, Literals::Refuse).is_ok());

    let wrong = |name: &str| match name {
        "FEDLINK_LISTEN" => Some("localhost".to_owned()),
        "FEDLINK_TOKENS_MAX_CONCURRENCY" => Some("many".to_owned()),
        "FEDLINK_DATABASE_URL" => Some("fedlink:pw@db".to_owned()),
        other => filled(other),
    };
    assert_eq!(
        Settings::parse(EXAMPLE, Path::new(""), &wrong, Literals::Refuse).unwrap_err().to_string(),
        r#"FEDLINK_LISTEN: must be an IP address with a port, such as "127.0.0.1:8080" or "[::1]:8080"
FEDLINK_DATABASE_URL: must start with a scheme we know: write "sqlite:fedlink.db" or "postgres://user@host/database"
FEDLINK_TOKENS_MAX_CONCURRENCY: must be a whole number from 1 to 100000"#
    );
}

#[test]
fn secrets_come_from_variables_and_files_only() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("secret"), "from a file\n").unwrap();
    fs::write(folder.path().join("empty"), "\n").unwrap();
    let parse = |secret: &str, literals| {
        let text = format!("public_url = \"https://a.example\"\n[[clients]]\nid = \"app\"\nsecret = {secret}");
        let env = |name: &str| match name {
            "SET" => Some("from the environment".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        let settings = Settings::parse(&text, folder.path(), &env, literals).map_err(|errors| errors.to_string())?;
        Ok(settings.clients.into_values().next().unwrap().secret.unwrap().expose_secret().to_owned())
    };
    let refuse = |secret: &str| -> String { parse(secret, Literals::Refuse).unwrap_err() };
    let at = "clients[0].secret";
    assert_eq!(parse("{ file = \"secret\" }", Literals::Refuse), Ok("from a file".to_owned()));
    assert_eq!(parse("{ env = \"SET\" }", Literals::Refuse), Ok("from the environment".to_owned()));
    assert_eq!(parse("\"literal\"", Literals::Allow), Ok("literal".to_owned()));
    assert_eq!(parse("\"\"", Literals::Allow), Err(format!("{at} (app): must not be empty")));
    assert!(!refuse("\"literal\"").contains("literal"));
    assert_eq!(refuse("{ env = \"X\" }"), format!("{at}.env (app): the environment variable \"X\" is not set"));
    assert_eq!(refuse("{ env = \"EMPTY\" }"), format!("{at}.env (app): the environment variable \"EMPTY\" is empty"));
    assert_eq!(
        refuse("{ file = \"none\" }"),
        format!(
            "{at}.file (app): {}/none cannot be read: No such file or directory (os error 2)",
            folder.path().display()
        )
    );
    assert_eq!(refuse("{ file = \"empty\" }"), format!("{at}.file (app): {}/empty is empty", folder.path().display()));
    assert_eq!(
        refuse("{ env = \"SET\", file = \"secret\" }"),
        format!("{at} (app): must have either env or file, not both")
    );
    assert!(refuse("7").ends_with("not a number"));
}

#[test]
fn no_secret_is_shown() {
    let text = EXAMPLE
        .replace("{ file = \"fedlink.keys\" }", "{ env = \"KEYS\" }")
        .replace("\"sqlite:fedlink.db\"", "{ env = \"URL\" }");
    let env = |name: &str| match name {
        "URL" => Some(format!("postgres://fedlink:{SECRET}@db/fedlink")),
        other => filled(other),
    };
    let settings = Settings::parse(&text, Path::new(""), &env, Literals::Refuse).unwrap();
    assert!(settings.database_url.expose_secret().contains(SECRET));
    assert!(!format!("{settings:?} {settings:#?}").contains(SECRET));
    // The same where the secrets are no good.
    let told = mistakes(&text);
    assert!(told.starts_with("database_url: "), "{told}");
    assert!(!told.contains(SECRET), "{told}");
}

#[test]
fn a_mistyped_database_is_refused() {
    let scheme = "write \"sqlite:fedlink.db\" or \"postgres://user@host/database\"";
    let refuse = |url: &str| mistakes_of(&format!("database_url = {url:?}"));
    assert_eq!(refuse("postgress://db/x"), format!("database_url: \"postgress\" is no scheme we know: {scheme}"));
    for bare in ["fedlink.db", "/var/lib/fedlink.db", "postgres", "mysql:x", "SQLITE:x", ""] {
        assert_eq!(refuse(bare), format!("database_url: must start with a scheme we know: {scheme}"), "{bare}");
    }
    for memory in ["sqlite:", "sqlite::memory:", "sqlite:file:x?mode=memory"] {
        assert_eq!(refuse(memory), "database_url: must name a file, such as \"sqlite:fedlink.db\"", "{memory}");
    }
    assert!(refuse("sqlite://fedlink.db").contains("right after the colon"));
    assert!(refuse("postgres:/db").contains("must go on as in"));
    for password in ["postgres://u:hunter2@db/x", "postgresql://db/x?user=u&password=hunter2"] {
        let told = refuse(password);
        assert!(told.starts_with("database_url: must not hold a password"), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
    let several = "postgres://user@host1:5432,host2:5432/fedlink?target_session_attrs=read-write";
    for good in ["sqlite:/var/lib/x.db", several, "postgresql:///x?host=/run/postgresql"] {
        assert!(parse(&format!("public_url = \"https://a.example\"\ndatabase_url = {good:?}")).is_ok(), "{good}");
    }
}

#[test]
fn a_setting_out_of_shape_is_refused() {
    for (text, told) in [
        ("base_path = \"/blitz/\"", "base_path: must be empty or like \"/blitz\""),
        ("base_path = \"/{x}\"", "base_path: must be empty or like \"/blitz\""),
        ("base_path = \"/..\"", "base_path: must be empty or like \"/blitz\""),
        ("listen = 8080", "listen: must be a text in quotes, not a number"),
        ("listen = \"127.0.0.1:9090\"", "ops_listen: 127.0.0.1:9090 collides with listen 127.0.0.1:9090"),
        ("listen = \"[::]:9090\"", "ops_listen: 127.0.0.1:9090 collides with listen [::]:9090"),
        ("subjects = \"registred\"", "subjects: \"registred\" is no choice; did you mean \"registered\"?"),
        ("tokens = 3", "tokens: must be a table, not a number"),
        ("[tokens]\nmin_lifetime = \"601s\"", "tokens.min_lifetime: must be from 0 s to 600 s"),
        ("[tokens]\nmin_lifetime = 30", "tokens.min_lifetime: must be a whole number with s, m, h or d, in quotes"),
        ("[tokens]\nmin_lifetime = \"-1s\"", "tokens.min_lifetime: must be a whole number with s, m, h or d"),
        ("[tokens]\nmin_lifetime = \"99999999999999999d\"", "tokens.min_lifetime: must be a whole number"),
        ("[tokens]\nmin_lifetime = \"3\u{20ac}\"", "tokens.min_lifetime: must be a whole number"),
        ("[tokens]\nmax_concurrency = 0", "tokens.max_concurrency: must be a whole number from 1 to 100000"),
        (
            "[vault]\nkeyring = \"x\"",
            "vault.keyring: must be { env = \"NAME\" } or { file = \"/run/secrets/name\" }, not a text",
        ),
        ("ca_file = \"none.pem\"", "ca_file: /etc/fedlink/none.pem cannot be read: "),
        ("ca_file = \"/etc/passwd\"", "ca_file: /etc/passwd has no PEM certificate"),
        ("[clients]\nid = \"x\"", "clients: must be an array of tables, not a table: write [[clients]]"),
        ("providers = [1]", "providers[0]: must be a table, not a number: write [[providers]]"),
    ] {
        let mistakes = mistakes_of(text);
        assert!(mistakes.starts_with(told) && mistakes.lines().count() == 1, "{text}\n{mistakes}");
    }
    assert!(mistakes("").starts_with("public_url: is missing: "));
    let port_0 = "public_url = \"https://a.example\"\nlisten = \"127.0.0.1:0\"\nops_listen = \"127.0.0.1:0\"";
    assert!(parse(port_0).is_ok());
}

#[test]
fn a_client_out_of_shape_is_refused() {
    for (text, told) in [
        ("callbacks = \"x\"", "clients[0].callbacks (app): must be a list of texts"),
        ("callbacks = [1]", "clients[0].callbacks[0] (app): must be a text in quotes, not a number"),
        ("scopes = [\"fed_tkn_a_b\"]", "clients[0].scopes[0] (app): \"fed_tkn_a_b\" names no configured provider"),
        (
            "scopes = [\"blitz_api_usr_ufa\"]",
            "clients[0].scopes[0] (app): \"blitz_api_usr_ufa\" is no scope; did you mean",
        ),
        ("name = \" \"", "clients[0].name (app): must not be blank"),
        ("introspect_any = \"true\"", "clients[0].introspect_any (app): must be true or false, not a text"),
        ("[[clients]]\nid = \"app\"", "clients[1].id (app): is taken by clients[0]: each client needs its own"),
        ("[[clients]]\nid = \"a:b\"", "clients[1].id (a:b): must be printable ASCII without a colon"),
        ("[[clients]]\nid = \"\"", "clients[1].id (): is empty"),
        ("[[clients]]", "clients[1].id: is missing: "),
    ] {
        let mistakes = mistakes_of_client(text);
        assert!(mistakes.starts_with(told) && mistakes.lines().count() == 1, "{text}\n{mistakes}");
    }
}

#[test]
fn a_provider_out_of_shape_is_refused() {
    let oauth2 = "preset = \"oauth2\"\nauthorization_endpoint = \"https://a.example/a\"";
    for (text, told) in [
        ("type = \"partner\"", "type (partner:b): \"partner\" is kept for sign-in partners"),
        ("type = \"a_b\"", "type (a_b:b): must be 1 to 64 of A-Z a-z 0-9 . -"),
        ("name = \"\"", "name (a:): must be 1 to 64 of A-Z a-z 0-9 . _ -"),
        ("preset = \"gogle\"", "preset (a:b): \"gogle\" is no preset; did you mean \"google\"?"),
        ("kind = \"saml\"", "kind (a:b): \"saml\" is no choice; known are oidc, oauth2"),
        ("issuer = \"https://a.example?x\"", "issuer (a:b): must not have a query"),
        ("issuer = 1", "issuer (a:b): must be a text in quotes, not a number"),
        ("token_endpoint = \"http://a.example/t\"", "token_endpoint (a:b): must be https"),
        ("client_auth = \"none\"", "client_secret (a:b): must be left out where client_auth is \"none\""),
        ("client_secret = \"x\"", "client_secret (a:b): must not stand in the file itself"),
        ("scopes = [\"email\"]", "scopes (a:b): must include \"openid\""),
        ("scopes = [\"openid email\", \"openid\"]", "scopes[0] (a:b): must be one scope"),
        ("sid = \"{sub\"", "sid (a:b): has a { without its }"),
        ("sid = \"sub}\"", "sid (a:b): has a } without its {"),
        ("sid = \"{{sub}}\"", "sid (a:b): has a { without its }"),
        ("sid = \"{a..b}\"", "sid (a:b): has {a..b}, which names no claim"),
        ("sid = \"sub\"", "sid (a:b): must name a claim in braces"),
        ("user_name = \"{}\"", "user_name (a:b): has {}, which names no claim"),
        ("lifetime = \"0s\"", "lifetime (a:b): must be from 1 s"),
        ("authorize_params = { state = \"x\" }", "authorize_params.state (a:b): must not be set: it is part"),
        ("authorize_params = { scope = \"x\" }", "authorize_params.scope (a:b): must not be set here: write"),
        ("authorize_params = { max_age = 1 }", "authorize_params.max_age (a:b): must be a text in quotes"),
        ("dead_errors = [\"status:503\"]", "dead_errors[0] (a:b): must be an OAuth error"),
        (oauth2, "token_endpoint (a:b): is missing: "),
    ] {
        let mistakes = mistakes_of_provider(text);
        assert!(mistakes.starts_with(&format!("providers[0].{told}")), "{text}\n{mistakes}");
        assert!(mistakes.lines().count() == 1 || text == oauth2, "{text}\n{mistakes}");
    }
    assert!(mistakes_of_provider(oauth2).contains("providers[0].userinfo_endpoint (a:b): is missing: "));
    let twice = format!("{EXAMPLE}\n[[providers]]\ntype = \"tcs\"\nname = \"tcs_1\"");
    assert!(mistakes(&twice).contains("providers[1].name (tcs:tcs_1): is taken by providers[0]: "));
    let bare = mistakes_of("[[providers]]\nname = \"b\"");
    for key in ["type", "kind", "client_id", "client_secret"] {
        assert!(bare.contains(&format!("providers[0].{key} (b): is missing: ")), "{key}\n{bare}");
    }
}

#[test]
fn a_preset_fills_what_is_not_said() {
    let google = |more: &str| {
        let text = format!(
            "public_url = \"https://a.example\"\n[[providers]]\ntype = \"google\"\nname = \"google_1\"\n\
             preset = \"google\"\nclient_id = \"c\"\nclient_secret = {{ env = \"S\" }}\n{more}"
        );
        parse(&text).unwrap().providers.into_values().next().unwrap()
    };
    let plain = google("");
    assert_eq!(plain.title, "Google");
    assert_eq!(plain.issuer.as_deref(), Some("https://accounts.google.com"));
    assert_eq!(plain.authorize_params["access_type"], "offline");
    let own = google("title = \"Ours\"\nscopes = [\"openid\"]\nauthorize_params = {}");
    assert_eq!((own.title.as_str(), own.scopes.len(), own.authorize_params.len()), ("Ours", 1, 0));
}

/// Every preset has its source, and no key that an operator could not write.
#[test]
fn every_preset_is_sound() {
    assert!(providers::PRESETS.len() >= 3);
    for (name, preset) in &*providers::PRESETS {
        let mut entry: Table = preset.as_table().unwrap().clone();
        let source = entry.remove("source").unwrap_or_else(|| panic!("{name} names no source"));
        assert!(source.as_str().unwrap().starts_with("https://"), "{name}");
        let supplied = [
            ("type", "a"),
            ("name", "b"),
            ("client_id", "c"),
            ("client_secret", "s"),
            ("issuer", "https://a.example"),
            ("authorization_endpoint", "https://a.example/a"),
            ("token_endpoint", "https://a.example/t"),
            ("userinfo_endpoint", "https://a.example/u"),
        ];
        for (key, value) in supplied {
            entry.entry(key).or_insert_with(|| value.into());
        }
        let mut file: Table = "public_url = \"https://a.example\"".parse().unwrap();
        file.insert("providers".to_owned(), vec![Value::Table(entry)].into());
        let read = Settings::parse(&file.to_string(), Path::new(""), &filled, Literals::Allow);
        assert!(read.is_ok(), "{name}: {}", read.unwrap_err());
    }
}

#[test]
fn an_address_that_could_mislead_is_refused() {
    for bad in [
        "javascript:alert(1)",
        "data:text/html,x",
        "app:/x",
        "com.example.app:x",
        "Com.example.app:/x",
        "com.example.app://u@h/x",
        "com.example.app:/x#f",
        "//a.example/x",
        "/x",
        "",
        "https:a.example",
        "https:/a.example",
        "https:///a.example",
        "https://",
        "https://?x",
        "HTTPS://a.example",
        "https://u@a.example/x",
        "https://u:p@a.example/x",
        "https://a.example\\@b.example/x",
        "https://a.example/x#f",
        "https://a.example/x y",
        "https://a.example/\r\nx",
        "https://\u{430}.example/x",
        "https://a%2eexample/x",
        "http://a.example/x",
        "http://localhost.example/x",
        "http://128.0.0.1/x",
    ] {
        assert!(address::callback(bad).is_err(), "{bad}");
        assert!(address::origin(bad).is_err() && address::issuer(bad).is_err(), "{bad}");
    }
    for good in [
        "https://a.example",
        "https://a.example:8443/x?y=z",
        "http://localhost:3000/x",
        "http://127.8.8.8/x",
        "http://[::1]:1/x",
        "com.example.app:/x",
        "com.example.app://host/x?y",
    ] {
        assert_eq!(address::callback(good).as_deref(), Ok(good));
    }
    for bad in ["https://a.example/x", "https://a.example?x", "https://a.example/?"] {
        assert!(address::origin(bad).is_err(), "{bad}");
    }
    assert_eq!(address::issuer("https://a.example/").as_deref(), Ok("https://a.example/"));
}

#[test]
fn a_file_is_loaded_with_what_stands_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("fedlink.toml");
    let missing = Settings::load(&file, &filled).unwrap_err().to_string();
    assert!(missing.contains("fedlink.toml: cannot be read: No such file"), "{missing}");
    fs::write(&file, format!("ca_file = \"ca.pem\"\n{EXAMPLE}")).unwrap();
    fs::write(folder.path().join("ca.pem"), "-----BEGIN CERTIFICATE-----\n").unwrap();
    let settings = Settings::load(&file, &filled).unwrap();
    assert_eq!(settings.ca_file, Some(folder.path().join("ca.pem")));
    assert_eq!(settings.keyring, KeyringSource::File(folder.path().join("fedlink.keys")));
}

/// Tables of known and unknown keys with values of every type, so that each reader meets what it does not expect.
fn any_table() -> impl Strategy<Value = Table> {
    let key = prop_oneof![
        prop::sample::select(vec![
            "public_url",
            "base_path",
            "listen",
            "database_url",
            "ca_file",
            "vault",
            "keyring",
            "tokens",
            "min_lifetime",
            "max_concurrency",
            "clients",
            "id",
            "secret",
            "env",
            "file",
            "scopes",
            "callbacks",
            "providers",
            "type",
            "name",
            "preset",
            "kind",
            "issuer",
            "client_secret",
            "sid",
            "lifetime",
            "authorize_params",
            "dead_errors",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ];
    let leaf = prop_oneof![
        any::<String>().prop_map(Value::from),
        prop::sample::select(vec!["oidc", "google", "{sub}", "1h", "https://a.example", "sqlite:x", "fed_tkn_a_b"])
            .prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
    ];
    let table = |value: BoxedStrategy<Value>| {
        prop::collection::btree_map(key.clone(), value, 0..8).prop_map(|map| map.into_iter().collect::<Table>())
    };
    let value = leaf.prop_recursive(4, 64, 8, {
        let table = table.clone();
        move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                table(inner.boxed()).prop_map(Value::from),
            ]
        }
    });
    table(value.boxed())
}

proptest! {
    #[test]
    fn no_settings_make_us_panic(table in any_table(), literal: bool) {
        let literals = if literal { Literals::Allow } else { Literals::Refuse };
        if let Err(errors) = Settings::parse(&table.to_string(), Path::new("/none"), &filled, literals) {
            prop_assert!(errors.iter().count() > 0);
            prop_assert_eq!(errors.to_string().lines().count(), errors.iter().count());
        }
    }

    #[test]
    fn no_text_makes_us_panic(text: String) {
        let told = Settings::parse(&text, Path::new("/none"), &|_| Some(text.clone()), Literals::Refuse);
        prop_assert!(told.is_ok() || told.is_err_and(|errors| errors.iter().count() > 0));
    }
}
