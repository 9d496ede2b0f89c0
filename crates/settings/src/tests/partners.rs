//! `[[partners]]`, good and bad.

use std::path::Path;

use secrecy::ExposeSecret as _;
use serde_json::json;

use super::{Configuration, Settings};
use crate::{Literals, Partner, PartnerClient, SettingsErrors};
use domain::ids::{ClientId, ProviderId};
use domain::partner::Trust;

/// As docs/settings.md has it, with all that may be said.
const EXAMPLE: &str = r#"
[[partners]]
name = "test-sdk"
trust_phone = true
trust_email = true
[partners.clients.test-client-id]
identity_type = "test-sdk"
user_info_url = "https://my-app.example.com/api/oidc/me"
trust_phone = true
require_confirmed_phone = false
audience = "fedlink"
introspection_url = "https://my-app.example.com/introspect"
introspection_client_id = "fedlink"
introspection_client_secret = { env = "SDK_SECRET" }
[partners.clients.test-client-id.fields]
phone = "contact.phone"
email = "emails[0]"
[partners.clients."second client"]
identity_type = "test-sdk"
user_info_url = "http://127.0.0.1:4000/me"
"#;

const SECRET: &str = "planted-s3cret-of-a-length";

fn parse(text: &str) -> Result<Settings, SettingsErrors> {
    let text = format!("public_url = \"https://a.example\"\nsession = {{ secret = {{ env = \"COOKIE\" }} }}\n{text}");
    Configuration::parse(&text, Path::new(""), &filled, Literals::Refuse).map(|read| read.settings)
}

fn filled(name: &str) -> Option<String> {
    (!name.starts_with("FEDLINK_") && name != "UNSET").then(|| SECRET.to_owned())
}

fn read(text: &str) -> Settings {
    parse(text).unwrap()
}

fn mistakes_of(text: &str) -> String {
    parse(text).expect_err(text).to_string()
}

fn client<'s>(partner: &'s Partner, id: &str) -> &'s PartnerClient {
    &partner.clients[&ClientId::parse(id).unwrap()]
}

/// The mistakes of a partner with one client that is good but for `text`; a key of the good one that `text` has is left out.
fn mistakes_of_client(text: &str) -> String {
    let good = ["identity_type = \"b\"", "user_info_url = \"https://a.example/me\""];
    let has = |line: &&str| {
        let key = line.split(' ').next().unwrap();
        text.lines().any(|own| own.starts_with(&format!("{key} ")))
    };
    let rest: Vec<&str> = good.into_iter().filter(|line| !has(line)).collect();
    mistakes_of(&format!("[[partners]]\nname = \"a\"\n[partners.clients.c]\n{}\n{text}", rest.join("\n")))
}

#[test]
fn a_partner_is_read() {
    let settings = read(EXAMPLE);
    let partner = &settings.partners["test-sdk"];
    assert_eq!((partner.name.as_str(), partner.clients.len()), ("test-sdk", 2));
    let first = client(partner, "test-client-id");
    assert_eq!(first.identity, ProviderId::parse("partner", "test-sdk").unwrap());
    assert_eq!(first.user_info_url.as_str(), "https://my-app.example.com/api/oidc/me");
    assert_eq!(first.trust, Trust { phone: true, email: false }, "it takes both to trust");
    assert!(!first.require_confirmed_phone);
    assert_eq!(first.audience.as_deref(), Some("fedlink"));
    let introspection = first.introspection.as_ref().unwrap();
    assert_eq!(introspection.url.as_str(), "https://my-app.example.com/introspect");
    assert_eq!((introspection.client_id.as_str(), introspection.client_secret.expose_secret()), ("fedlink", SECRET));
    let userinfo =
        json!({ "sub": "1", "contact": { "phone": "+79990001234" }, "emails": ["a@example.com"], "name": "J" });
    let profile = first.fields.read(&userinfo).unwrap();
    assert_eq!(profile.phone.unwrap().as_str(), "+79990001234");
    assert_eq!(profile.email.unwrap().as_str(), "a@example.com");
    assert_eq!((profile.sid.as_str(), profile.name.as_deref()), ("1", Some("J")), "the rest is where OpenID has it");
    assert!(!format!("{settings:?}").contains(SECRET));
}

#[test]
fn what_is_not_said_of_a_partner_is_careful() {
    let settings = read(EXAMPLE);
    let second = client(&settings.partners["test-sdk"], "second client");
    assert_eq!(second.identity, client(&settings.partners["test-sdk"], "test-client-id").identity);
    assert_eq!(second.trust, Trust::default());
    assert!(second.require_confirmed_phone);
    assert!(second.audience.is_none() && second.introspection.is_none());
    assert!(read("").partners.is_empty());
}

#[test]
fn trust_takes_the_partner_and_the_client() {
    for (partner, of_client) in [(false, false), (false, true), (true, false), (true, true)] {
        let text = format!(
            "[[partners]]\nname = \"a\"\ntrust_phone = {partner}\ntrust_email = {partner}\n[partners.clients.c]\n\
             identity_type = \"b\"\nuser_info_url = \"https://a.example/me\"\ntrust_phone = {of_client}\n\
             trust_email = {of_client}"
        );
        let both = partner && of_client;
        let trust = client(&read(&text).partners["a"], "c").trust;
        assert_eq!(trust, Trust { phone: both, email: both }, "{partner} and {of_client}");
    }
}

#[test]
fn what_silence_means_is_told_where_it_opens_accounts() {
    let table = "[partners.clients.c]\nidentity_type = \"b\"\nuser_info_url = \"https://a.example/me\"\n";
    let trusted = "trust_phone = true\ntrust_email = true\n";
    for (of_partner, of_client, told) in [
        ("", "audience = \"us\"", vec![]),
        ("", "", vec!["made for any application"]),
        (trusted, "audience = \"us\"", vec![]),
        (trusted, "audience = \"us\"\ntrust_email = true", vec!["leaves email_verified out"]),
        (trusted, "audience = \"us\"\ntrust_phone = true", vec!["leaves phone_verified out"]),
        (
            trusted,
            "trust_email = true\ntrust_phone = true",
            vec!["made for any application", "leaves email_verified or phone_verified out"],
        ),
        (trusted, "audience = \"us\"\ntrust_email = true\nabsent_means_verified = false", vec![]),
    ] {
        let settings = read(&format!("[[partners]]\nname = \"a\"\n{of_partner}{table}{of_client}"));
        let warnings = settings.partner_warnings();
        assert_eq!(warnings.len(), told.len(), "{of_client}: {warnings:?}");
        for (warning, words) in warnings.iter().zip(told) {
            assert!(warning.words.contains(words), "{of_client}: {warning:?}");
            assert_eq!((warning.partner, warning.client.as_str()), ("a", "c"));
        }
        let strict = of_client.contains("absent_means_verified");
        assert_eq!(client(&settings.partners["a"], "c").fields.absent_means_verified, !strict);
    }
    for (text, expected) in [("", false), ("text_booleans = true\n", true)] {
        let settings = read(&format!("[[partners]]\nname = \"a\"\n{table}{text}"));
        assert_eq!(client(&settings.partners["a"], "c").fields.text_booleans, expected);
    }
    let odd = mistakes_of(&format!("[[partners]]\nname = \"a\"\n{table}absent_means_verified = \"no\""));
    assert!(odd.starts_with("partners[0].clients.c.absent_means_verified (a): must be"), "{odd}");
}

#[test]
fn every_mistake_of_a_partner_is_told_at_once() {
    let text = EXAMPLE
        .replace("name = \"test-sdk\"", "name = \"test sdk\"")
        .replace("trust_email = true", "trust_mail = true")
        .replace("my-app.example.com/api", "user@my-app.example.com/api")
        .replace("contact.phone", "contact..phone")
        .replace("email = \"emails[0]\"", "mail = \"emails[0]\"");
    assert_eq!(
        mistakes_of(&text),
        r#"partners[0].name (test sdk): must be 1 to 64 of A-Z a-z 0-9 . _ -
partners[0].clients.test-client-id.user_info_url (test sdk): must not have a user name or password
partners[0].clients.test-client-id.fields.phone (test sdk): must be a path such as contact.phone or phones[0].number
partners[0].clients.test-client-id.fields.mail (test sdk): is no known key; did you mean "email"?
partners[0].trust_mail (test sdk): is no known key; did you mean "trust_email"?"#
    );
    assert_eq!(
        mistakes_of("[[partners]]\nname = \"a\"\n[partners.clients.\"c d\"]\ntrust_phone = 1"),
        "partners[0].clients.\"c d\".identity_type (a): is missing: set it to the kind of identity its users have; it \
         becomes their links' fpName\n\
         partners[0].clients.\"c d\".user_info_url (a): is missing: set it to where the partner tells whose an access \
         token is\n\
         partners[0].clients.\"c d\".trust_phone (a): must be true or false, not a number"
    );
}

#[test]
fn each_mistake_of_a_partner_says_what_would_be_right() {
    let long = format!("identity_type = {:?}", "x".repeat(65));
    let at = "partners[0].clients.c";
    let rows = [
        ("identity_type = \"a:b\"", format!("{at}.identity_type (a): must be 1 to 64 of")),
        (long.as_str(), format!("{at}.identity_type (a): must be 1 to 64 of")),
        ("identity_type = \"\"", format!("{at}.identity_type (a): must be 1 to 64 of")),
        ("user_info_url = \"http://a.example/me\"", format!("{at}.user_info_url (a): must be https: http is for")),
        ("user_info_url = \"https://a.example/me#x\"", format!("{at}.user_info_url (a): must not have a fragment")),
        (
            "require_confirmed_email = true",
            format!("{at}.require_confirmed_email: needs [email]: codes are sent by it"),
        ),
        ("issuer = \"a.example\"", format!("{at}.issuer (a): must start with https://")),
        (
            "jwks_url = \"https://a.example/jwks\"",
            format!("{at}.jwks_url (a): must be left out where there is no issuer"),
        ),
        ("audience = \" \"", format!("{at}.audience (a): must not be blank")),
        ("fields = \"sub\"", format!("{at}.fields (a): must be a table, not a text")),
        ("fields = { id = 1 }", format!("{at}.fields.id (a): must be a text in quotes, not a number")),
        (
            "introspection_client_id = \"x\"",
            format!("{at}.introspection_client_id (a): must be left out where there is no introspection_url"),
        ),
        (
            "introspection_url = \"https://a.example/i\"\nintrospection_client_id = \"x\"",
            format!("{at}.introspection_client_secret (a): is missing: write {{ env = "),
        ),
        (
            "introspection_url = \"https://a.example/i\"\nintrospection_client_id = \"x\"\n\
             introspection_client_secret = \"hunter2\"",
            format!("{at}.introspection_client_secret (a): must not stand in the file itself"),
        ),
        (
            "secret = \"x\"",
            format!(
                "{at}.secret (a): is no known key; known are absent_means_verified, audience, fields, identity_type,"
            ),
        ),
    ];
    for (text, expected) in rows {
        let told = mistakes_of_client(text);
        assert!(told.starts_with(&expected) && told.lines().count() == 1, "{text}\n{told}");
        assert!(!told.contains("hunter2"));
    }
    let rows = [
        ("partners = 1", "partners: must be an array of tables, not a number: write [[partners]]"),
        ("[[partners]]\nname = \"a\"", "partners[0].clients (a): is missing: write [partners.clients.ID] for each"),
        ("[[partners]]\nname = \"a\"\nclients = {}", "partners[0].clients (a): must not be empty: write"),
        ("[[partners]]\nname = \"a\"\nclients = 1", "partners[0].clients (a): must be a table of tables, not a number"),
        ("[[partners]]\nname = \"a\"\nclients = { c = 1 }", "partners[0].clients.c (a): must be a table, not a number"),
    ];
    for (text, expected) in rows {
        let told = mistakes_of(text);
        assert!(told.starts_with(expected), "{text}\n{told}");
    }
    let twice = mistakes_of(&format!("{EXAMPLE}{EXAMPLE}"));
    assert_eq!(twice, "partners[1].name (test-sdk): is taken by partners[0]: each partner needs its own");
    let nameless = mistakes_of(&EXAMPLE.replacen("name = \"test-sdk\"", "", 1));
    assert!(nameless.starts_with("partners[0].name: is missing: set it to what stands in the address"), "{nameless}");
    let long_id = mistakes_of(&EXAMPLE.replacen("test-client-id]", &format!("{}]", "x".repeat(256)), 1));
    assert!(long_id.contains(": has 256 bytes, at most 255 are allowed"), "{long_id}");
}

#[test]
fn a_secret_of_a_partners_is_fetched_like_any_other() {
    assert_eq!(
        mistakes_of(&EXAMPLE.replace("SDK_SECRET", "UNSET")),
        "partners[0].clients.test-client-id.introspection_client_secret.env (test-sdk): the environment variable \
         \"UNSET\" is not set"
    );
}

#[test]
fn partners_need_sessions() {
    let text = format!("public_url = \"https://a.example\"\n{EXAMPLE}");
    let told = Configuration::parse(&text, Path::new(""), &filled, Literals::Refuse).unwrap_err();
    let expected = "session: is missing: [[partners]] sign users in, and its secret signs their sessions";
    assert_eq!(told.to_string(), expected);
}

#[test]
fn a_kind_of_identity_is_one_partners() {
    let partner = |name: &str, identity: &str| {
        format!(
            "[[partners]]\nname = \"{name}\"\n[partners.clients.c]\nidentity_type = \"{identity}\"\n\
             user_info_url = \"https://{name}.example/me\"\n"
        )
    };
    assert_eq!(read(&(partner("a", "x") + &partner("b", "y"))).partners.len(), 2);
    assert_eq!(
        mistakes_of(&(partner("a", "x") + &partner("b", "x"))),
        "partners[1].clients.c.identity_type: is another partner's (a): who answers for one would sign in the other's users"
    );
}
