//! Each setting out of shape is refused by name, with what would be right.

use std::path::Path;

use secrecy::ExposeSecret as _;

use super::super::{ClientAuth, Configuration, KeyAlgorithm, Literals, address};
use super::{EXAMPLE, mistakes, mistakes_of, mistakes_of_client, mistakes_of_provider, parse};

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
        ("[limits]\nsign_in_per_hour = 0", "limits.sign_in_per_hour: must be a whole number from 1 to 1000000"),
        (
            "[limits]\nsign_in_per_our = 1",
            "limits.sign_in_per_our: is no known key; did you mean \"sign_in_per_hour\"?",
        ),
        (
            "[limits]\nsms_per_day_and_phon = 1",
            "limits.sms_per_day_and_phon: is no known key; did you mean \"sms_per_day_and_phone\"?",
        ),
        ("[limits]\nsms_per_day = 0", "limits.sms_per_day: must be a whole number from 1 to 1000000"),
        ("[limits]\nsms_per_hour_and_ip = 0", "limits.sms_per_hour_and_ip: must be a whole number from 1 to 1000000"),
        (
            "[limits]\nlist_points_per_hour = 0",
            "limits.list_points_per_hour: must be a whole number from 1 to 1000000000",
        ),
        ("[limits]\nlist_timeout = \"0s\"", "limits.list_timeout: must be from 1 s to 60 s"),
        ("[limits]\nlist_timeout = \"2m\"", "limits.list_timeout: must be from 1 s to 60 s"),
        ("trusted_proxies = \"10.0.0.0/8\"", "trusted_proxies: must be a list of texts"),
        ("trusted_proxies = [\"10.0.0.0/33\"]", "trusted_proxies[0]: must be an IP address, or a network such as"),
        ("trusted_proxies = [\"10.0.0.1\", \"proxy\"]", "trusted_proxies[1]: must be an IP address, or a network"),
        ("locale = \"de\"", "locale: \"de\" is no choice; known are en, ru"),
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
        (
            "redirect_uris = [\"https://app.example/done\"]",
            "clients[0].redirect_uris (app): are of no use without secret, which codes are redeemed with",
        ),
        (
            "secret = { env = \"S\" }\nredirect_uris = [\"javascript:x\"]",
            "clients[0].redirect_uris[0] (app): must be an https:// address",
        ),
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
fn an_issuer_out_of_shape_is_refused() {
    let one = "[[issuers]]\nissuer = \"https://a.example\"\naudience = \"us\"\n";
    let two = format!("{one}[[issuers]]\nissuer = \"https://b.example\"\naudience = \"us\"\n");
    for (text, told) in [
        ("[[issuers]]\naudience = \"us\"".to_owned(), "issuers[0].issuer: is missing: "),
        (
            "[[issuers]]\nissuer = \"https://a.example\"".to_owned(),
            "issuers[0].audience (https://a.example): is missing: ",
        ),
        (one.replace("https", "http"), "issuers[0].issuer (http://a.example): must be https"),
        (one.replace("\"us\"", "\" \""), "issuers[0].audience (https://a.example): must not be blank"),
        (format!("{one}jwks_url = \"x\""), "issuers[0].jwks_url (https://a.example): must start with https://"),
        (
            format!("{one}system_clients = [\"x\"]"),
            "issuers[0].system_clients[0] (https://a.example): \"x\" is none of [[clients]]",
        ),
        (
            format!("{one}subject_prefix = \"{}\"", "x".repeat(65)),
            "issuers[0].subject_prefix (https://a.example): must have at most 64 bytes",
        ),
        (
            format!("{one}subject_prefix = \"\\n\""),
            "issuers[0].subject_prefix (https://a.example): must not have control",
        ),
        (format!("{one}subject_prefix = \"a\"\n{one}"), "issuers[1].issuer (https://a.example): stands in another"),
        (two.clone(), "issuers[1].subject_prefix (https://b.example): must not be empty twice"),
        (
            format!("{one}subject_prefix = \"a:\"\n{}subject_prefix = \"a:b\"", one.replace("a.example", "b.example")),
            "issuers[1].subject_prefix (https://b.example): must not begin as another does",
        ),
        (
            format!("{one}subject_prefix = \"a:b\"\n{}subject_prefix = \"a:\"", one.replace("a.example", "b.example")),
            "issuers[1].subject_prefix (https://b.example): must not begin as another does",
        ),
    ] {
        let mistakes = mistakes_of(&text);
        assert!(mistakes.starts_with(told) && mistakes.lines().count() == 1, "{text}\n{mistakes}");
    }
    for good in [one.to_owned(), format!("{two}subject_prefix = \"b:\"")] {
        assert!(parse(&format!("public_url = \"https://a.example\"\n{good}")).is_ok(), "{good}");
    }
}

#[test]
fn a_provider_out_of_shape_is_refused() {
    each_is_refused(&[
        ("type = \"partner\"", "type (partner:b): \"partner\" is kept for sign-in partners"),
        ("type = \"a_b\"", "type (a_b:b): must be 1 to 64 of A-Z a-z 0-9 . -"),
        ("name = \"\"", "name (a:): must be 1 to 64 of A-Z a-z 0-9 . _ -"),
        ("preset = \"gogle\"", "preset (a:b): \"gogle\" is no preset; did you mean \"google\"?"),
        ("kind = \"saml\"", "kind (a:b): \"saml\" is no choice; known are oidc, oauth2"),
        (
            "userinfo_call = \"get\"",
            "userinfo_call (a:b): \"get\" is no choice; known are bearer, oauth, post, post_client",
        ),
        ("issuer = \"https://a.example?x\"", "issuer (a:b): must not have a query"),
        ("issuer = 1", "issuer (a:b): must be a text in quotes, not a number"),
        ("token_endpoint = \"http://a.example/t\"", "token_endpoint (a:b): must be https"),
        ("client_auth = \"none\"", "client_secret (a:b): must be left out where client_auth is \"none\""),
        ("client_key_id = \"k\"", "client_key_id (a:b): must be left out where there is no client_key"),
        ("client_key = { env = \"K\" }", "client_key (a:b): must be left out where client_auth is \"basic\""),
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
        ("lifetime = \"99999d\"", "lifetime (a:b): must be from 1 s"),
        (
            "lifetime = \"Never\"",
            "lifetime (a:b): must be a whole number with s, m, h or d, in quotes, such as \"30s\"; or \"never\"",
        ),
        ("lifetime = true", "lifetime (a:b): must be a whole number with s, m, h or d"),
        ("revoke = \"no\"", "revoke (a:b): must be true or false, not a text"),
        ("rotates = \"no\"", "rotates (a:b): must be true or false, not a text"),
        ("reuse_window = 30", "reuse_window (a:b): must be a whole number with s, m, h or d, in quotes"),
        ("idle_life = \"0d\"", "idle_life (a:b): must be from 1 s"),
        ("authorize_params = { state = \"x\" }", "authorize_params.state (a:b): must not be set: it is part"),
        ("authorize_params = { scope = \"x\" }", "authorize_params.scope (a:b): must not be set here: write"),
        ("authorize_params = { max_age = 1 }", "authorize_params.max_age (a:b): must be a text in quotes"),
        ("dead_errors = [\"status:503\"]", "dead_errors[0] (a:b): names 503, which is never final"),
        ("dead_errors = [\"status:+40\"]", "dead_errors[0] (a:b): must have a status of three digits"),
        ("dead_errors = [\"=17\"]", "dead_errors[0] (a:b): must have the path of a member"),
        ("dead_errors = [\"\"]", "dead_errors[0] (a:b): must be an OAuth error"),
    ]);
}

#[test]
fn what_differs_from_the_specifications_has_a_shape_too() {
    each_is_refused(&[
        ("token_params = { code = \"x\" }", "token_params.code (a:b): must not be set: it is part of the request"),
        (
            "resent_params = [\"device_id\"]\ntoken_params = { device_id = \"x\" }",
            "token_params.device_id (a:b): is one of resent_params",
        ),
        ("scope_separator = \"+\"", "scope_separator (a:b): \"+\" is no choice"),
        ("claims_in = \"access_token\"", "claims_in (a:b): goes with kind = \"oauth2\""),
        ("client_command = [\"/bin/sign\"]", "client_command (a:b): must be left out where client_auth is not"),
        ("client_id_param = \"state\"", "client_id_param (a:b): must be the provider's name for client_id"),
        (
            "client_id_param = \"x\"\ntoken_params = { x = \"y\" }",
            "client_id_param (a:b): is the name of another parameter",
        ),
        ("client_id = \"é\"\ntoken_headers = { x = \"{client_id}\" }", "token_headers (a:b): cannot have {client_id}"),
        ("response_fields = [\"Client_Secret\"]", "response_fields[0] (a:b): must not be handed on"),
        ("callback_fields = [\"code\"]", "callback_fields[0] (a:b): must not be handed on"),
        ("client_id_param = \"code\"", "client_id_param (a:b): must be the provider's name for client_id"),
        ("token_body = \"xml\"", "token_body (a:b): \"xml\" is no choice; known are form, json"),
        ("token_headers = { Host = \"x\" }", "token_headers.Host (a:b): must not be set: it is part of the request"),
        ("userinfo_params = { sig = \"x\" }", "userinfo_params.sig (a:b): must not be set: it is part of the request"),
        ("response_fields = [\"a.access_token\"]", "response_fields[0] (a:b): must not be handed on"),
        ("response_fields = [\"state\"]", "response_fields[0] (a:b): must not be handed on"),
        ("response_fields = [\"a..b\"]", "response_fields[0] (a:b): must be names of members with dots"),
        ("dead_access_errors = [\"\"]", "dead_access_errors[0] (a:b): must be an OAuth error"),
        ("tls_key = { env = \"K\" }", "tls_certificate (a:b): is missing: a certificate and its key go together"),
        ("tls_certificate = { env = \"K\" }", "tls_key (a:b): is missing: a certificate and its key go together"),
        (
            "tls_certificate = { env = \"K\" }\ntls_key = { env = \"K\" }",
            "tls_certificate (a:b): must be a PEM (-----BEGIN CERTIFICATE-----)",
        ),
        ("pkce = \"no\"", "pkce (a:b): must be true or false"),
        ("userinfo_headers = { Authorization = \"x\" }", "userinfo_headers.Authorization (a:b): must not be set"),
        ("userinfo_headers = { \"a b\" = \"x\" }", "userinfo_headers.\"a b\" (a:b): must be the name of a header"),
        (
            "userinfo_headers = { Notion-Version = \"a\\nb\" }",
            "userinfo_headers (a:b): must have values of visible ASCII",
        ),
        ("token_path = \"a..b\"", "token_path (a:b): must be names of members with dots between them"),
        ("tenants = []", "tenants (a:b): must name tenants by their ids"),
        ("tenants = [\"common\"]", "tenants[0] (a:b): must be a tenant's id"),
        ("tenants = [\"{9122040d-6c67-4c5b-b112-36a304b66dad}\"]", "tenants[0] (a:b): must be a tenant's id"),
        ("tenants = [\"*\", \"9122040d-6c67-4c5b-b112-36a304b66dad\"]", "tenants (a:b): must be [\"*\"] alone"),
        (
            "tenants = [\"*\"]\nauthorization_endpoint = \"https://a.example/a\"\ntoken_endpoint = \"https://a.example/t\"\njwks_uri = \"https://a.example/j\"",
            "tenants (a:b): needs the issuer's metadata",
        ),
        ("tenants = [\"*\"]\nsid = \"{sub}\"", "sid (a:b): must have {tid}"),
        ("resent_params = [\"code\"]", "resent_params[0] (a:b): must not be sent again"),
        ("resent_params = [\"a b\"]", "resent_params[0] (a:b): must be the name of a parameter"),
    ]);
}

#[track_caller]
fn each_is_refused(wrong: &[(&str, &str)]) {
    for (text, told) in wrong {
        let mistakes = mistakes_of_provider(text);
        assert!(mistakes.starts_with(&format!("providers[0].{told}")), "{text}\n{mistakes}");
        assert_eq!(mistakes.lines().count(), 1, "{text}\n{mistakes}");
    }
}

#[test]
fn what_a_provider_lacks_is_told() {
    let oauth2 =
        "[[providers]]\ntype = \"a\"\nname = \"b\"\npreset = \"oauth2\"\nclient_id = \"c\"\nclient_auth = \"none\"";
    let told = mistakes_of(&format!("{oauth2}\nauthorization_endpoint = \"https://a.example/a\""));
    assert!(
        mistakes_of(&format!("{oauth2}\npkce = false"))
            .contains("pkce (a:b): must not be false where client_auth is \"none\"")
    );
    for key in ["token_endpoint", "userinfo_endpoint"] {
        assert!(told.contains(&format!("providers[0].{key} (a:b): is missing: ")), "{told}");
    }
    let discovered = format!("public_url = \"https://a.example\"\n{oauth2}\nissuer = \"https://a.example\"");
    assert!(parse(&discovered).is_ok(), "RFC 8414 metadata may say the rest");
    let keyless = mistakes_of_provider("client_auth = \"private_key_jwt\"");
    assert!(keyless.contains("client_secret (a:b): must be left out where client_auth is \"private_key_jwt\""));
    assert!(keyless.contains("client_key (a:b): is missing: "), "{keyless}");
    let twice = format!("{EXAMPLE}\n[[providers]]\ntype = \"tcs\"\nname = \"tcs_1\"");
    assert!(mistakes(&twice).contains("providers[1].name (tcs:tcs_1): is taken by providers[0]: "));
    let bare = mistakes_of("[[providers]]\nname = \"b\"");
    for key in ["type", "kind", "client_id", "client_secret"] {
        assert!(bare.contains(&format!("providers[0].{key} (b): is missing: ")), "{key}\n{bare}");
    }
}

#[test]
fn a_client_key_is_a_pem_in_pkcs8_with_a_way_to_sign() {
    let provider = "public_url = \"https://a.example\"\n[[providers]]\ntype = \"a\"\nname = \"b\"\npreset = \"oidc\"\n\
                    issuer = \"https://a.example\"\nclient_id = \"c\"\nclient_key = { env = \"K\" }";
    let read = |more: &str, pem: &str| {
        let text = format!("{provider}\n{more}");
        let env = |name: &str| (name == "K").then(|| pem.to_owned());
        Configuration::parse(&text, Path::new("/etc"), &env, Literals::Refuse).map(|read| read.settings)
    };
    let good = "-----BEGIN PRIVATE KEY-----\nMIG=\n-----END PRIVATE KEY-----";
    let jwt = "client_auth = \"private_key_jwt\"";
    let settings = read(&format!("{jwt}\nclient_key_id = \"k\"\nclient_key_alg = \"PS256\""), good).unwrap();
    let provider = settings.providers.values().next().unwrap();
    let key = provider.client_key.as_ref().unwrap();
    assert_eq!((provider.client_auth, provider.client_secret.is_none()), (ClientAuth::PrivateKeyJwt, true));
    assert_eq!((key.pem.expose_secret(), key.id.as_deref()), (good, Some("k")));
    assert_eq!((key.algorithm, key.issuer.is_none()), (Some(KeyAlgorithm::Ps256), true));
    for other in ["-----BEGIN EC PRIVATE KEY-----", "-----BEGIN ENCRYPTED PRIVATE KEY-----", "planted-s3cret"] {
        let told = read(jwt, other).unwrap_err().to_string();
        assert!(told.starts_with("providers[0].client_key (a:b): must be an unencrypted PEM in PKCS#8"), "{told}");
        assert!(!told.contains("s3cret"), "{told}");
    }
    let told = read("client_auth = \"signed_secret\"", good).unwrap_err().to_string();
    assert!(told.contains("client_key_id (a:b): is missing") && told.contains("client_key_issuer (a:b): is missing"));
    let told = read(&format!("{jwt}\nclient_key_alg = \"HS256\""), good).unwrap_err().to_string();
    assert!(told.contains("client_key_alg (a:b): \"HS256\" is no choice"), "{told}");
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
