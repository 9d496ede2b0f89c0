//! `[[webhooks]]`, good and bad.

use std::path::Path;

use secrecy::ExposeSecret as _;

use super::super::{Configuration, Literals, Settings};
use domain::event::Event;

/// 24 bytes, as the shortest key has; and another.
const KEY: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";
const OLD_KEY: &str = "whsec_b2xkX29sZF9vbGRfb2xkX29sZF9vbGRf";

fn parse(webhooks: &str) -> Result<Settings, String> {
    let text = format!("public_url = \"https://us.example\"\n{webhooks}");
    let env = |name: &str| match name {
        "NEW" => Some(KEY.to_owned()),
        "OLD" => Some(OLD_KEY.to_owned()),
        "SHORT" => Some("whsec_c2hvcnQ=".to_owned()),
        _ => None,
    };
    let read = Configuration::parse(&text, Path::new("/etc/fedlink"), &env, Literals::Refuse);
    read.map(|read| read.settings).map_err(|errors| errors.to_string())
}

const NAMED: &str = "[[webhooks]]\nname = \"crm\"\n";
const URL: &str = "url = \"https://crm.example/events?key=1\"\n";
const ONE: &str = "secrets = [{ env = \"NEW\" }]\n";

#[test]
fn who_is_told_is_read_with_all_that_anybody_is_told_of() {
    let settings = parse(&format!("{NAMED}{URL}{ONE}")).unwrap();
    let crm = &settings.webhooks["crm"];
    assert_eq!((crm.name.as_str(), crm.url.as_str()), ("crm", "https://crm.example/events?key=1"));
    assert_eq!(crm.keys[0].expose_secret(), b"0123456789abcdef01234567");
    assert!(crm.allow.is_empty());
    for event in Event::ALL {
        assert_eq!(crm.wants(*event), event.rule().is_told, "{event:?}");
    }
    let events = "secrets = [{ env = \"NEW\" }, { env = \"OLD\" }]\nevents = [\"SIGNED_IN\", \"ACCOUNT_DELETED\"]\n";
    let settings = parse(&format!("{NAMED}{URL}{events}")).unwrap();
    let crm = &settings.webhooks["crm"];
    assert_eq!(crm.keys[1].expose_secret(), b"old_old_old_old_old_old_");
    assert_eq!(crm.events, [Event::SignedIn, Event::AccountDeleted]);
    assert!(parse("").unwrap().webhooks.is_empty());
}

#[test]
fn no_key_and_no_path_of_a_webhook_is_shown() {
    let settings = parse(&format!("{NAMED}{URL}{ONE}")).unwrap();
    let shown = format!("{settings:?}");
    let bytes = b"0123456789abcdef".map(|byte| byte.to_string()).join(", ");
    assert!(shown.contains("crm.example"));
    for secret in ["0123456789abcdef", "MDEyMzQ1", "key=1", "/events", &bytes] {
        assert!(!shown.contains(secret), "{secret}");
    }
}

#[test]
fn a_webhook_out_of_shape_is_refused() {
    let http = "url = \"http://127.0.0.1:9/x\"\n";
    for (text, told) in [
        (format!("[[webhooks]]\n{URL}{ONE}"), "webhooks[0].name: is missing: "),
        (format!("[[webhooks]]\nname = \"a b\"\n{URL}{ONE}"), "webhooks[0].name (a b): must be 1 to 64 of"),
        (format!("[[webhooks]]\nname = \"{}\"\n{URL}{ONE}", "a".repeat(65)), "webhooks[0].name (aaaa"),
        (format!("{NAMED}{URL}{ONE}{NAMED}{URL}{ONE}"), "webhooks[1].name (crm): is taken by webhooks[0]"),
        (format!("{NAMED}{ONE}"), "webhooks[0].url (crm): is missing: "),
        (format!("{NAMED}{ONE}url = \"http://crm.example/\"\n"), "webhooks[0].url (crm): must be https"),
        (format!("{NAMED}{ONE}url = \"https://u:p@crm.example/\"\n"), "webhooks[0].url (crm): must not have a user"),
        (
            format!("{NAMED}{ONE}{http}"),
            "webhooks[0].url (crm): is no public address: if it is meant, write allow = [\"127.0.0.1\"]",
        ),
        (format!("{NAMED}{ONE}url = \"http://localhost:9/\"\n"), "webhooks[0].url (crm): is this machine"),
        (
            format!("{NAMED}{ONE}url = \"http://localhost:9/\"\nallow = [\"10.0.0.0/8\"]\n"),
            "webhooks[0].url (crm): is this machine",
        ),
        (format!("{NAMED}{ONE}url = \"https://10.0.0.1/\"\n"), "webhooks[0].url (crm): is no public address"),
        (format!("{NAMED}{ONE}url = \"https://0x7f.1/\"\n"), "webhooks[0].url (crm): is no public address"),
        (format!("{NAMED}{ONE}url = \"https://[::ffff:10.0.0.1]/\"\n"), "webhooks[0].url (crm): is no public address"),
        (
            format!("{NAMED}{ONE}url = \"https://169.254.169.254/\"\nallow = [\"10.0.0.0/8\"]\n"),
            "webhooks[0].url (crm): is no public",
        ),
        (format!("{NAMED}{URL}{ONE}allow = [\"crm.example\"]\n"), "webhooks[0].allow[0] (crm): must be an IP address"),
        (format!("{NAMED}{URL}"), "webhooks[0].secrets (crm): is missing: "),
        (format!("{NAMED}{URL}secrets = []\n"), "webhooks[0].secrets (crm): must be one, or 2"),
        (
            format!("{NAMED}{URL}secrets = [{{ env = \"NEW\" }}, {{ env = \"OLD\" }}, {{ env = \"NEW\" }}]\n"),
            "webhooks[0].secrets (crm): must be one",
        ),
        (format!("{NAMED}{URL}secrets = [\"{KEY}\"]\n"), "webhooks[0].secrets[0]"),
        (
            format!("{NAMED}{URL}secrets = [{{ env = \"SHORT\" }}]\n"),
            "webhooks[0].secrets (crm): webhooks[0].secrets[0] must be whsec_ and base64",
        ),
        (format!("{NAMED}{URL}{ONE}events = []\n"), "webhooks[0].events (crm): must name an event"),
        (
            format!("{NAMED}{URL}{ONE}events = [\"SIGNED_OUT\"]\n"),
            "webhooks[0].events[0] (crm): \"SIGNED_OUT\" is told to nobody; told are FEDERATION_POINT_BOUND, ",
        ),
        (
            format!("{NAMED}{URL}{ONE}events = [\"SIGNED_ON\"]\n"),
            "webhooks[0].events[0] (crm): \"SIGNED_ON\" is no event; did you mean \"SIGNED_IN\"?",
        ),
        (
            format!("{NAMED}{URL}{ONE}event = \"x\"\n"),
            "webhooks[0].event (crm): is no known key; did you mean \"events\"?",
        ),
    ] {
        let mistakes = parse(&text).expect_err(&text);
        assert!(mistakes.starts_with(told), "{text}\n{mistakes}");
        assert!(!mistakes.contains("MDEyMzQ1"), "{text}\n{mistakes}");
    }
    assert!(parse(&format!("{NAMED}{ONE}{http}allow = [\"127.0.0.0/8\"]\n")).is_ok());
    assert!(parse(&format!("{NAMED}{ONE}url = \"http://localhost:9/\"\nallow = [\"::1\"]\n")).is_ok());
}
