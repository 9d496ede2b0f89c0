//! Known providers: what a preset says, and that each is whole.

use toml::{Table, Value};

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

/// Every preset has its source, no key that an operator could not write, and says it plainly where it can't be used.
#[test]
fn every_preset_is_sound() {
    let wanted = "apple discord esia facebook github gitlab google linkedin mail.ru microsoft oauth2 oidc ok sber slack tcs \
                  vk yandex";
    assert_eq!(providers::PRESETS.keys().map(String::as_str).collect::<Vec<_>>().join(" "), wanted);
    // Two teams may each have a user of one id.
    assert_eq!(providers::PRESETS["slack"]["sid"].as_str(), Some("{https://slack.com/team_id}.{sub}"));
    // What its users have to do anew is no failure that passes.
    let final_there = providers::PRESETS["microsoft"]["dead_errors"].as_array().unwrap();
    for error in ["interaction_required", "consent_required", "login_required", "bad_token"] {
        assert!(final_there.contains(&error.into()), "{error}");
    }
    let pem = "-----BEGIN PRIVATE KEY-----";
    for (name, preset) in &*providers::PRESETS {
        let preset = preset.as_table().unwrap();
        assert!(preset["source"].as_str().unwrap().starts_with("https://"), "{name}");
        // As an operator writes it: the name of the preset, and what it leaves open.
        let mut entry = Table::new();
        let own = [("type", "a"), ("name", "b"), ("preset", name.as_str()), ("client_id", "c")];
        entry.extend(own.map(|(key, value)| (key.to_owned(), value.into())));
        let left_open: &[_] = match (name.as_str(), preset.get("client_auth").and_then(Value::as_str)) {
            (_, Some("none")) => &[],
            (_, Some("signed_secret")) => &[("client_key", pem), ("client_key_id", "k"), ("client_key_issuer", "t")],
            ("oidc" | "microsoft", _) => &[("client_secret", "s"), ("issuer", "https://a.example")],
            ("oauth2", _) => &[
                ("client_secret", "s"),
                ("authorization_endpoint", "https://a.example/a"),
                ("token_endpoint", "https://a.example/t"),
                ("userinfo_endpoint", "https://a.example/u"),
            ],
            _ => &[("client_secret", "s")],
        };
        entry.extend(left_open.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())));
        // Written out, it is what the preset says: an unknown key or value would be told.
        for written_out in [false, true] {
            let mut entry = entry.clone();
            if written_out {
                entry.extend(preset.clone().into_iter().filter(|(key, _)| key != "source" && key != "unsupported"));
            }
            let mut file: Table = "public_url = \"https://a.example\"".parse().unwrap();
            file.insert("providers".to_owned(), vec![Value::Table(entry)].into());
            let read = Configuration::parse(&file.to_string(), Path::new(""), &filled, Literals::Allow);
            match preset.get("unsupported").map(|why| why.as_str().unwrap()) {
                None => assert!(read.is_ok(), "{name}: {}", read.unwrap_err()),
                Some(why) => {
                    let told = format!("providers[0].preset (a:b): {name:?} is not supported: {why}");
                    assert_eq!(read.unwrap_err().to_string(), told);
                    assert_eq!(preset.len(), 2, "{name} says more than it can");
                }
            }
        }
    }
}

/// RFC 9700 §2.1.1: PKCE, or a nonce.
#[test]
fn codes_that_nothing_binds_are_told() {
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
    ] {
        assert_eq!(with_preset(preset, more).unbound_codes().count(), usize::from(is_told), "{preset} {more}");
    }
}
