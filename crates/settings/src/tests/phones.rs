//! `[sms]`, `[email]` and `[[ip_proxies]]`, good and bad.

use std::path::Path;

use domain::numbering::Reach;
use secrecy::ExposeSecret as _;

use super::super::{Configuration, Literals, Messenger, Settings, SettingsErrors};
use super::{EXAMPLE, SECRET, mistakes_of, parse};

/// 24 bytes, as the shortest key has.
const KEY: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";

fn with_secret(secret: &str, text: &str) -> Result<Settings, SettingsErrors> {
    let text = format!("public_url = \"https://a.example\"\n{SESSION}[sms]\n{text}");
    let env = |name: &str| match name {
        "SMS_WEBHOOK_SECRET" => Some(secret.to_owned()),
        "COOKIE_SECRET" => Some("a secret of sixteen bytes or more".to_owned()),
        _ => None,
    };
    Configuration::parse(&text, Path::new("/etc/fedlink"), &env, Literals::Refuse).map(|read| read.settings)
}

const SESSION: &str = "[session]\nsecret = { env = \"COOKIE_SECRET\" }\n";
const URL: &str = "url = \"https://sms.example/send\"\n";
const FROM_ENV: &str = "secret = { env = \"SMS_WEBHOOK_SECRET\" }\n";

#[test]
fn an_sms_webhook_is_read() {
    let settings = with_secret(KEY, &format!("{URL}{FROM_ENV}")).unwrap();
    let Some(Messenger::Webhook { url, key }) = &settings.sms else { panic!("a webhook") };
    assert_eq!(
        (url.as_str(), key.expose_secret()),
        ("https://sms.example/send", b"0123456789abcdef01234567".as_slice())
    );
    assert_eq!(settings.sms_reach, Reach::default());
    let settings = with_secret(KEY, &format!("{URL}{FROM_ENV}prefixes = [\"+7\", \"+44\"]")).unwrap();
    assert_eq!(settings.sms_reach, Reach::of(vec!["+7".to_owned(), "+44".to_owned()]));
    assert!(parse("public_url = \"https://a.example\"").unwrap().sms.is_none());
    let from_env = |name: &str| match name {
        "FEDLINK_SMS_URL" => Some("http://127.0.0.1:9/send".to_owned()),
        "S" | "COOKIE_SECRET" => Some(KEY.to_owned()),
        _ => None,
    };
    let text = format!("public_url = \"https://a.example\"\n{SESSION}[sms]\nsecret = {{ env = \"S\" }}");
    let Configuration { settings, .. } =
        Configuration::parse(&text, Path::new("/etc/fedlink"), &from_env, Literals::Refuse).unwrap();
    assert!(matches!(&settings.sms, Some(Messenger::Webhook { url, .. }) if url.as_str() == "http://127.0.0.1:9/send"));
}

#[test]
fn an_email_webhook_is_read_as_that_of_sms_is() {
    let email = |text: &str| {
        let env = |name: &str| match name {
            "EMAIL_WEBHOOK_SECRET" => Some(KEY.to_owned()),
            "COOKIE_SECRET" => Some("a secret of sixteen bytes or more".to_owned()),
            _ => None,
        };
        let text = format!("public_url = \"https://a.example\"\n{text}");
        Configuration::parse(&text, Path::new("/etc/fedlink"), &env, Literals::Refuse).map(|read| read.settings)
    };
    let (url, from_env) = ("url = \"https://mail.example/send\"\n", "secret = { env = \"EMAIL_WEBHOOK_SECRET\" }\n");
    let settings = email(&format!("{SESSION}[email]\n{url}{from_env}")).unwrap();
    assert!(
        matches!(&settings.email, Some(Messenger::Webhook { url, .. }) if url.as_str() == "https://mail.example/send")
    );
    assert!(settings.sms.is_none());
    for (text, told) in [
        (format!("{SESSION}[email]\n{from_env}"), "email.url: is missing: set it to where your mailer listens"),
        (format!("{SESSION}[email]\n{url}"), "email.secret: is missing: set it to what our calls are signed with"),
        (format!("[email]\n{url}{from_env}"), "email: needs [session]: codes are kept under its secret"),
        (
            format!("{SESSION}[email]\n{url}{from_env}prefixes = [\"a\"]"),
            "email.prefixes: is no known key; known are secret, url",
        ),
    ] {
        let mistakes = email(&text).expect_err(&text).to_string();
        assert!(mistakes.contains(told) && mistakes.lines().count() == 1, "{text}\n{mistakes}");
    }
}

/// One that is not taken is told, or its operator believes that messages are sent and sessions are signed.
#[test]
fn a_secret_that_is_a_variable_of_our_own_is_told_so() {
    for (section, file) in [
        ("sms", format!("{SESSION}[sms]\n{URL}")),
        ("email", format!("{SESSION}[email]\n{URL}")),
        ("session", "[session]\nmax_age = \"1d\"\n".to_owned()),
        // Without a word in the file.
        ("sms", SESSION.to_owned()),
        ("email", SESSION.to_owned()),
        ("session", String::new()),
    ] {
        let variable = format!("FEDLINK_{}_SECRET", section.to_ascii_uppercase());
        let env = |name: &str| match name {
            "COOKIE_SECRET" => Some("a secret of sixteen bytes or more".to_owned()),
            _ => (name == variable).then(|| KEY.to_owned()),
        };
        let text = format!("public_url = \"https://a.example\"\n{file}");
        let read = Configuration::parse(&text, Path::new("/etc/fedlink"), &env, Literals::Refuse);
        let mistakes = read.map(|read| read.settings).expect_err(&text).to_string();
        let told = format!("{section}.secret: must not be the environment variable itself: write {{ env = ");
        assert!(mistakes.contains(&told) && !mistakes.contains(KEY), "{text}\n{mistakes}");
    }
}

#[test]
fn no_key_of_a_webhook_is_shown() {
    let settings = parse(EXAMPLE).unwrap();
    let Some(Messenger::Webhook { key, .. }) = &settings.sms else { panic!("a webhook") };
    assert_eq!(key.expose_secret(), SECRET.as_bytes());
    // As text, as base64, and byte by byte.
    let bytes = SECRET.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", ");
    let shown = format!("{settings:?}");
    assert!(![SECRET, "cGxhbnRlZC", &bytes].iter().any(|form| shown.contains(form)));
}

#[test]
fn an_sms_webhook_out_of_shape_is_refused() {
    let long = format!("whsec_{}", "A".repeat(88));
    let shape = "sms.secret: must be whsec_ and base64 of 24 to 64 random bytes";
    for (secret, text, told) in [
        (KEY, format!("{URL}{FROM_ENV}to = \"x\""), "sms.to: is no known key; known are prefixes, secret, url"),
        (KEY, FROM_ENV.to_owned(), "sms.url: is missing: set it to where your gateway listens"),
        (KEY, format!("url = \"http://sms.example/send\"\n{FROM_ENV}"), "sms.url: must be https: "),
        (KEY, URL.to_owned(), "sms.secret: is missing: set it to what our calls are signed with"),
        (KEY, format!("{URL}secret = \"{KEY}\""), "sms.secret: must not stand in the file itself"),
        (SECRET, format!("{URL}{FROM_ENV}"), shape),
        ("whsec_", format!("{URL}{FROM_ENV}"), shape),
        ("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY", format!("{URL}{FROM_ENV}"), shape),
        ("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NQ==", format!("{URL}{FROM_ENV}"), shape),
        (&long, format!("{URL}{FROM_ENV}"), shape),
        (KEY, format!("{URL}{FROM_ENV}prefixes = \"+7\""), "sms.prefixes: must be a list of texts"),
        (KEY, format!("{URL}{FROM_ENV}prefixes = []"), "sms.prefixes: is empty: no code would be sent"),
        (KEY, format!("{URL}{FROM_ENV}prefixes = [\"+7\", \"44\"]"), "sms.prefixes[1]: must be + and the first digits"),
        (KEY, format!("{URL}{FROM_ENV}prefixes = [\"+881\"]"), "sms.prefixes[0]: is how no phone's number begins"),
    ] {
        let mistakes = with_secret(secret, &text).expect_err(&text).to_string();
        assert!(mistakes.starts_with(told) && mistakes.lines().count() == 1, "{text}\n{mistakes}");
        assert!(!mistakes.contains(secret.trim_start_matches("whsec_")) || secret == "whsec_", "{mistakes}");
    }
    let told = mistakes_of("[sms]\nurl = \"https://sms.example\"\nsecret = { file = \"x\" }");
    assert!(told.ends_with("\nsms: needs [session]: codes are kept under its secret"), "{told}");
    assert!(with_secret(KEY, "").unwrap_err().iter().count() == 2, "an empty table has neither");
}

#[test]
fn an_ip_proxy_is_read() {
    let text = "public_url = \"https://a.example\"\n[[ip_proxies]]\nid = \"my-proxy\"\n\
        addresses = [\"203.0.113.7\", \"10.0.0.0/8\", \"2001:db8::/32\"]\nsecret = { env = \"PROXY_SECRET\" }";
    let settings = parse(text).unwrap();
    let proxy = &settings.ip_proxies["my-proxy"];
    assert_eq!(
        proxy.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["203.0.113.7/32", "10.0.0.0/8", "2001:db8::/32"]
    );
    assert_eq!(proxy.secret.expose_secret(), SECRET);
    assert!(!format!("{settings:?}").contains(SECRET));
}

#[test]
fn an_ip_proxy_out_of_shape_is_refused() {
    let good = "id = \"p\"\naddresses = [\"10.0.0.1\"]\nsecret = { env = \"S\" }\n";
    for (text, told) in [
        (good.replace("id = \"p\"\n", ""), "ip_proxies[0].id: is missing: "),
        (good.replace("\"p\"", "\"\""), "ip_proxies[0].id (): must be printable ASCII"),
        (good.replace("\"p\"", "\" p\""), "ip_proxies[0].id ( p): must be printable ASCII"),
        (good.replace("addresses = [\"10.0.0.1\"]\n", ""), "ip_proxies[0].addresses (p): is missing: "),
        (good.replace("[\"10.0.0.1\"]", "[]"), "ip_proxies[0].addresses (p): must name an address"),
        (good.replace("[\"10.0.0.1\"]", "\"10.0.0.1\""), "ip_proxies[0].addresses (p): must be a list of texts"),
        (good.replace("10.0.0.1", "10.0.0.0/33"), "ip_proxies[0].addresses[0] (p): must be an IP address"),
        (good.replace("secret = { env = \"S\" }\n", ""), "ip_proxies[0].secret (p): is missing: "),
        (good.replace("{ env = \"S\" }", "\"x\""), "ip_proxies[0].secret (p): must not stand in the file itself"),
        (
            format!("{good}address = \"10.0.0.1\""),
            "ip_proxies[0].address (p): is no known key; did you mean \"addresses\"?",
        ),
        (format!("{good}[[ip_proxies]]\n{good}"), "ip_proxies[1].id (p): is taken by ip_proxies[0]"),
    ] {
        let mistakes = mistakes_of(&format!("[[ip_proxies]]\n{text}"));
        assert!(mistakes.starts_with(told) && mistakes.lines().count() == 1, "{text}\n{mistakes}");
    }
    assert!(mistakes_of("[ip_proxies]\nid = \"p\"").starts_with("ip_proxies: must be an array of tables"));
}
