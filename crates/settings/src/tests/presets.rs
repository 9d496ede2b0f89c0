//! Known providers: what a preset says, and that each is whole.

use toml::{Table, Value};

use super::super::catalogue::PRESETS;
use super::super::*;
use super::{filled, parse};

/// Settings with one provider: a preset, and what the operator says besides.
fn with_preset(preset: &str, more: &str) -> Settings {
    let text = format!(
        "public_url = \"https://a.example\"\n[[providers]]\ntype = \"a\"\nname = \"b\"\npreset = \"{preset}\"\nclient_id = \"c\"\n\
         client_secret = {{ env = \"S\" }}\n{more}"
    );
    parse(&text).unwrap()
}

#[test]
fn a_preset_fills_what_is_not_said() {
    let google = |more: &str| with_preset("google", more).providers.into_values().next().unwrap();
    let plain = google("");
    assert_eq!(plain.title, "Google");
    assert_eq!(plain.issuer.as_deref(), Some("https://accounts.google.com"));
    assert_eq!(plain.authorize_params["access_type"], "offline");
    let own = google("title = \"Ours\"\nscopes = [\"openid\"]\nauthorize_params = {}");
    assert_eq!((own.title.as_str(), own.scopes.len(), own.authorize_params.len()), ("Ours", 1, 0));
}

/// Every entry of the catalogue has its source and its day, no key that an operator could not write, and a page for each fact.
#[test]
fn every_preset_is_sound() {
    // Two teams may each have a user of one id.
    assert_eq!(PRESETS["slack"]["sid"].as_str(), Some("{https://slack.com/team_id}.{sub}"));
    // What its users have to do anew is no failure that passes.
    let final_there = PRESETS["microsoft"]["dead_errors"].as_array().unwrap();
    for error in ["interaction_required", "consent_required", "login_required", "bad_token"] {
        assert!(final_there.contains(&error.into()), "{error}");
    }
    for known in catalogue() {
        let preset = PRESETS[known.name].as_table().unwrap();
        sound(known, preset);
        // As an operator writes it: the name of the preset, and what it leaves open.
        let mut entry = Table::new();
        let own = [("type", "a"), ("name", "b"), ("preset", known.name)];
        entry.extend(own.map(|(key, value)| (key.to_owned(), value.into())));
        let left_open = known.left_open().into_iter().map(|(key, what)| match key {
            "client_key" | "tls_key" => (key, "-----BEGIN PRIVATE KEY-----".into()),
            "tls_certificate" => (key, "-----BEGIN CERTIFICATE-----".into()),
            "client_secret" => (key, "s".into()),
            // A table or a list, as it would be pasted.
            _ if what.starts_with(['{', '[']) => (key, format!("a = {what}").parse::<Table>().unwrap()["a"].clone()),
            _ => (key, what.into()),
        });
        entry.extend(left_open.map(|(key, value): (_, Value)| (key.to_owned(), value)));
        // Written out, it is what the preset says: an unknown key or value would be told.
        for written_out in [false, true] {
            let mut entry = entry.clone();
            if written_out {
                entry.extend(known.settings().map(|(key, value)| (key.to_owned(), value.clone())));
            }
            let mut file: Table = "public_url = \"https://a.example\"".parse().unwrap();
            file.insert("providers".to_owned(), vec![Value::Table(entry)].into());
            let read = Configuration::parse(&file.to_string(), Path::new(""), &filled, Literals::Allow);
            assert!(read.is_ok(), "{}: {}", known.name, read.unwrap_err());
        }
    }
}

fn sound(known: Known<'_>, preset: &Table) {
    let (name, is_page) = (known.name, |text: &str| text.starts_with("https://") && !text.contains(' '));
    assert!(is_page(known.source()) && ["oidc", "oauth2"].contains(&known.kind()), "{name}");
    let is_generic = ["oidc", "oauth2"].contains(&name);
    if is_generic {
        return;
    }
    assert!(known.checked().is_some_and(|day| day.parse::<chrono::NaiveDate>().is_ok()), "{name}");
    let facts = preset.get("facts").and_then(Value::as_array).into_iter().flatten();
    for fact in facts {
        let of = fact.get("of").and_then(Value::as_array).into_iter().flatten().map(|key| key.as_str().unwrap());
        for key in of {
            assert!(preset.contains_key(key), "{name}: no {key} rests on a fact");
        }
        assert!(
            is_page(fact["source"].as_str().unwrap()) && fact["says"].as_str().unwrap().ends_with('.'),
            "{name}: {fact}"
        );
    }
    match known.tier() {
        Tier::First => {
            assert!(known.facts().count() > 0 && known.setup().count() > 1, "{name}");
            assert!(known.setup().any(|line| line.contains("{callback}")), "{name} has no redirect URI to register");
            assert_eq!(known.agree().count(), 0, "{name}");
        }
        Tier::Second => assert!(known.agree().count() > 1, "{name}"),
    }
}

#[test]
fn the_first_tier_has_the_vendors_that_people_ask_for() {
    let first = catalogue().filter(|known| known.tier() == Tier::First);
    assert!(first.count() >= 25 + 2, "beside oidc and oauth2");
    assert!(catalogue().filter(|known| known.tier() == Tier::Second).count() >= 15);
}

/// Slack's tokens for its other methods.
const SLACKS: &str = "authorization_endpoint = \"https://slack.com/oauth/v2/authorize\"\n\
                      token_endpoint = \"https://slack.com/api/oauth.v2.access\"\nsid = \"{team.id}.{authed_user.id}\"";

/// RFC 9700 §2.1.1: PKCE, or a nonce; what shows tokens to others; whose tokens they are.
#[test]
fn what_a_provider_is_not_safe_in_is_told() {
    for (preset, more, is_told) in [
        ("google", "", false),
        ("google", "pkce = false", false),
        ("google", "nonce = false", false),
        ("google", "pkce = false\nnonce = false", true),
        ("linkedin", "", true),
        ("linkedin", "pkce = true", false),
        // Without an id_token a nonce comes back nowhere.
        ("yandex", "", false),
        ("yandex", "pkce = false", true),
        ("mail.ru", "", true),
        ("mail.ru", "userinfo_call = \"bearer\"", false),
        ("slack", "", false),
        ("oauth2", SLACKS, true),
        ("oauth2", &format!("{SLACKS}\ntoken_path = \"authed_user\""), false),
    ] {
        assert_eq!(with_preset(preset, more).provider_warnings().count(), usize::from(is_told), "{preset} {more}");
    }
}
