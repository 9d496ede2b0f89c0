//! `[session]` and the origins of other sites: what turns the Condo dialect on, and what would open it to anybody.

use std::path::Path;
use std::time::Duration;

use secrecy::ExposeSecret as _;

use super::super::{Literals, SameSite, Settings};

/// Settings with literal secrets, as the demo's.
fn parse(public_url: &str, more: &str) -> Result<Settings, String> {
    let text = format!("public_url = {public_url:?}\n{more}");
    Settings::parse(&text, Path::new(""), &|_| None, Literals::Allow).map_err(|errors| errors.to_string())
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
        ("https://a.example", "cors_origins = [\"*\"]", "cors_origins[0]: must start with"),
        ("https://a.example", "cors_origins = [\"https://b.example/x\"]", "cors_origins[0]: must end after"),
        ("https://a.example", "cors_origins = [\"null\"]", "cors_origins[0]: must start with"),
    ] {
        let refused = parse(url, more).expect_err(more);
        assert!(refused.contains(told), "{more}: {refused}");
    }
}

#[test]
fn origins_are_kept_as_browsers_send_them() {
    let more = "cors_origins = [\"https://B.example:443/\", \"http://localhost:3000\"]\n[session]\nsecret = \"qwerty-secret-123\"\nsame_site = \"none\"";
    let settings = parse("https://a.example", more).unwrap();
    assert_eq!(
        settings.cors_origins.iter().map(String::as_str).collect::<Vec<_>>(),
        ["http://localhost:3000", "https://b.example"]
    );
    assert_eq!(settings.session.map(|session| session.same_site), Some(SameSite::None));
}
