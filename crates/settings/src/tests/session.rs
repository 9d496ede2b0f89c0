//! `[session]` and the origins of other sites: what turns the Condo dialect on, and what would open it to anybody.

use std::path::Path;
use std::time::Duration;

use secrecy::ExposeSecret as _;

use super::super::{Configuration, Literals, SameSite, Settings};

/// Settings with literal secrets, as the demo's.
fn parse(public_url: &str, more: &str) -> Result<Settings, String> {
    let text = format!("public_url = {public_url:?}\n{more}");
    Configuration::parse(&text, Path::new(""), &|_| None, Literals::Allow)
        .map(|read| read.settings)
        .map_err(|errors| errors.to_string())
}

#[test]
fn without_its_secret_the_dialect_is_off() {
    let settings = parse("https://a.example", "").unwrap();
    assert!(settings.session.is_none() && settings.cors_origins.is_empty());
    let session = parse("https://a.example", "[session]\nsecret = \"qwerty-secret-123\"").unwrap().session.unwrap();
    assert_eq!(session.secret.expose_secret(), "qwerty-secret-123");
    assert_eq!((session.max_age, session.same_site), (Duration::from_hours(30 * 24), SameSite::Lax));
}

#[test]
fn what_would_open_it_is_refused() {
    for (url, more, told) in [
        ("https://a.example", "[session]", "session.secret: is missing: it signs the cookie keystone.sid"),
        ("https://a.example", "[session]\nsecret = \"fifteen-letters\"", "session.secret: has 15 bytes, at least 16"),
        (
            "https://a.example",
            "subjects = \"any\"\n[session]\nsecret = \"qwerty-secret-123\"",
            "session.secret: turns on",
        ),
        (
            "https://a.example",
            "[session]\nsecret = \"qwerty-secret-123\"\nsame_site = \"none\"",
            "session.same_site: is",
        ),
        (
            "http://127.0.0.1",
            "cors_origins = [\"https://b.example\"]\n[session]\nsecret = \"qwerty-secret-123\"\nsame_site = \"none\"",
            "session.same_site: is",
        ),
        (
            "https://a.example",
            "[session]\nsecret = \"qwerty-secret-123\"\nmax_age = \"59s\"",
            "session.max_age: must be from",
        ),
    ] {
        let refused = parse(url, more).expect_err(more);
        assert!(refused.contains(told), "{more}: {refused}");
    }
}

#[test]
fn an_origin_is_kept_as_browsers_send_it() {
    let origins = [
        "https://b.example",
        "https://b.example:8443",
        "https://xn--e1afmkfd.example",
        "https://127.0.0.1",
        "https://[2001:db8::1]:8443",
        "http://localhost:3000",
        "http://127.0.0.1",
        "http://[::1]:3000",
        "http://tauri.localhost",
        "https://tauri.localhost",
        "capacitor://localhost",
        "capacitor://app.company.com",
        "ionic://localhost",
        "tauri://localhost",
        "com.company.app://localhost",
    ];
    let more = format!("cors_origins = {origins:?}\n[session]\nsecret = \"qwerty-secret-123\"\nsame_site = \"none\"");
    let settings = parse("https://a.example", &more).unwrap();
    assert_eq!(settings.cors_origins, origins.map(str::to_owned).into());
    assert_eq!(settings.session.map(|session| session.same_site), Some(SameSite::None));
}

#[test]
fn what_would_never_match_an_origin_is_refused_with_what_would() {
    for (origin, told) in [
        ("*", "has a wildcard, which would match nothing: name each origin"),
        ("https://*.b.example", "has a wildcard"),
        ("https://b.example:*", "has a wildcard"),
        ("null", "is what browsers send for pages whose origin they hide"),
        ("", "must be an origin: https://, a host"),
        ("b.example", "must be an origin: https://, a host"),
        ("//b.example", "must be an origin: https://, a host"),
        ("https:b.example", "must be an origin: https://, a host"),
        ("https://b.example/", "write \"https://b.example\""),
        ("https://b.example/x?y", "write \"https://b.example\""),
        ("https://B.example", "write \"https://b.example\""),
        ("HTTPS://b.example", "write \"https://b.example\""),
        ("https://b.example:443", "write \"https://b.example\""),
        ("http://localhost:80", "write \"http://localhost\""),
        ("https://127.1", "write \"https://127.0.0.1\""),
        ("https://[2001:DB8:0::1]", "write \"https://[2001:db8::1]\""),
        ("https://b.example#x", "must not have a fragment"),
        ("https://elle:woods@b.example", "must not have a user name or password"),
        ("https://п.example", "must be plain ASCII"),
        (" https://b.example", "must be"),
        ("https://b.example ", "must be plain ASCII"),
        ("https://", "must name a host"),
        ("http://b.example", "must be https: http is for a loopback host"),
        ("http://localhost.b.example", "must be https: http is for a loopback host"),
        ("Capacitor://LocalHost/", "write \"capacitor://localhost\""),
        ("capacitor://", "is no origin that a browser sends"),
        ("capacitor://localhost:80", "is no origin that a browser sends"),
        ("capacitor://x@localhost", "is no origin that a browser sends"),
        ("htps://b.example", "is no origin that a browser sends"),
        ("file://localhost", "is no origin that a browser sends"),
        ("wss://localhost", "is no origin that a browser sends"),
        ("1x://localhost", "is no origin that a browser sends"),
    ] {
        let refused = parse("https://a.example", &format!("cors_origins = [\"https://ok.example\", {origin:?}]"));
        let refused = refused.expect_err(origin);
        assert!(refused.starts_with("cors_origins[1]: ") && refused.contains(told), "{origin}: {refused}");
        assert!(!refused.contains("woods"), "{refused}");
    }
}
