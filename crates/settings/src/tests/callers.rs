//! Who is believed to call, and for whom: forms of an issuer's tokens, what a client is to an issuer, what it proves itself by.

use std::path::Path;

use super::super::{ClientKeys, Configuration, Literals, Settings, SubjectTokens, WorkloadKeys, issuers};
use domain::ids::ClientId;
use domain::jwt::TokenForm;

const ISSUER: &str = "[[issuers]]\nissuer = \"https://a.example\"\naudience = \"us\"\n";
const CLIENT: &str = "[[clients]]\nid = \"orders\"\n";

fn parse(more: &str) -> Result<Settings, String> {
    let text = format!("public_url = \"https://us.example\"\n{more}");
    Configuration::parse(&text, Path::new(""), &|_| None, Literals::Allow)
        .map(|read| read.settings)
        .map_err(|errors| errors.to_string())
}

/// The one mistake in these settings begins so.
#[track_caller]
fn refused(more: &str, told: &str) {
    let mistakes = parse(more).expect_err(more);
    assert!(mistakes.starts_with(told) && mistakes.lines().count() == 1, "{more}\n{mistakes}");
}

#[test]
fn an_issuers_preset_is_sound_and_leaves_only_what_is_the_operators() {
    let names = issuers::PRESETS.keys().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(names, ["auth0", "cognito", "entra", "keycloak", "okta"]);
    for name in names {
        let settings = parse(&format!("{ISSUER}preset = \"{name}\"")).unwrap();
        let form = &settings.issuers[0].form;
        assert!(!form.require.is_empty() && !form.machine.is_empty(), "{name}");
        assert!(issuers::PRESETS[name]["source"].as_str().unwrap().starts_with("https://"), "{name}");
    }
    let settings = parse(&format!("{ISSUER}preset = \"okta\"\nsubject_claim = \"sub\"")).unwrap();
    assert_eq!(settings.issuers[0].form.subject_claim, "sub", "what the operator writes wins");
    assert_eq!(parse(ISSUER).unwrap().issuers[0].form, TokenForm::default());
}

#[test]
fn a_form_that_would_take_anything_is_refused() {
    let with = |line: &str| format!("{ISSUER}{line}");
    let require = "issuers[0].require (https://a.example): is missing: where typ is not at+jwt alone";
    for typ in ["\"JWT\"", "\"\"", "[\"at+jwt\", \"JWT\"]", "[\"at+jwt\", \"\"]"] {
        refused(&with(&format!("typ = {typ}")), require);
        assert!(parse(&with(&format!("typ = {typ}\nrequire = {{ token_use = \"access\" }}"))).is_ok(), "{typ}");
    }
    assert!(parse(&with("typ = \"application/AT+JWT\"")).is_ok(), "the same, as media types are compared");
    refused(&with("require = {}"), "issuers[0].require (https://a.example): has a table that asks for nothing");
    refused(&with("require = \"x\""), "issuers[0].require (https://a.example): must be a table of claims");
    refused(&with("require = { a = 1.5 }"), "issuers[0].require.a (https://a.example): must be a text");
    refused(&with("machine = { a = \"\" }"), "issuers[0].machine.a (https://a.example): must not be empty");
    for claim in ["email", "upn", "unique_name", "preferred_username", "name", "login", "nickname"] {
        let told = format!("issuers[0].subject_claim (https://a.example): must not be \"{claim}\"");
        refused(&with(&format!("subject_claim = \"{claim}\"")), &told);
    }
    refused(
        &with("preset = \"keycloack\""),
        "issuers[0].preset (https://a.example): \"keycloack\" is no preset; did you mean",
    );
    let common = ISSUER.replace("https://a.example", "https://login.microsoftonline.com/common/v2.0");
    refused(
        &format!("{common}preset = \"entra\""),
        "issuers[0].issuer (https://login.microsoftonline.com/common/v2.0): must be the tenant's own",
    );
}

#[test]
fn what_is_in_everybodys_hands_is_no_audience() {
    for audience in [
        "account",
        "broker",
        "realm-management",
        "account-console",
        "security-admin-console",
        "https://a.example",
        "https://a.example/",
        "00000003-0000-0000-c000-000000000000",
        "https://graph.microsoft.com",
        "https://x.eu.auth0.com/userinfo",
        "https://x.auth0.com/api/v2/",
    ] {
        let told = format!("issuers[0].audience (https://a.example): must not be \"{audience}\", which ");
        refused(&ISSUER.replace("\"us\"", &format!("[\"us\", \"{audience}\"]")), &told);
        let at = format!("{ISSUER}{CLIENT}at = {{ \"https://a.example\" = {{ audiences = \"{audience}\" }} }}");
        assert!(parse(&at).unwrap_err().contains(&format!("has the audience \"{audience}\", which ")), "{audience}");
    }
}

#[test]
fn no_two_clients_have_a_name_or_an_audience_at_an_issuer() {
    let at = |id: &str, audience: &str| {
        format!("at = {{ \"https://a.example\" = {{ id = \"{id}\", audiences = [\"{audience}\"] }} }}\n")
    };
    let rival = "[[clients]]\nid = \"rival\"\n";
    let good = format!("{ISSUER}{CLIENT}{}{rival}{}", at("web", "api"), at("rival-web", "rival-api"));
    let settings = parse(&good).unwrap();
    let called = |id: &str| settings.client_at("https://a.example", id).map(|client| client.id.as_str());
    assert_eq!((called("web"), called("orders"), called("rival-web")), (Some("orders"), None, Some("rival")));
    for (orders, rivals, told) in [
        (at("web", "api"), at("web", "other"), "has the id \"web\", which is "),
        (at("web", "api"), at("b", "api"), "has the audience \"api\", which "),
        (at("web", "us"), String::new(), "has the audience \"us\", which is ours"),
        (at("web", "rival"), String::new(), "has the audience \"rival\", which is what the issuer calls"),
        (at("rival", "api"), String::new(), "has the id \"rival\", which is rival's there"),
        (at("web", "web"), String::new(), "has the audience \"web\", which is what the issuer calls"),
    ] {
        let mistakes = parse(&format!("{ISSUER}{CLIENT}{orders}{rival}{rivals}")).unwrap_err();
        assert!(mistakes.contains(told), "{told}: {mistakes}");
    }
    let nobody = format!("{ISSUER}{CLIENT}at = {{ \"https://b.example\" = {{ }} }}");
    assert!(parse(&nobody).unwrap_err().contains("is none of [[issuers]]"));
    // Where the application's id is the audience, an ID token has none.
    let cognito = format!("{ISSUER}preset = \"cognito\"\n{CLIENT}{}", at("web", "web"));
    assert!(parse(&cognito).is_ok());
    // An issuer of a client's own API alone needs no audience of ours.
    let own = format!("{}{CLIENT}{}", ISSUER.replace("audience = \"us\"\n", ""), at("web", "api"));
    assert!(parse(&own).unwrap().issuers[0].audiences.is_empty());
}

#[test]
fn what_a_client_proves_itself_by() {
    let pem = "-----BEGIN PUBLIC KEY-----\\nMCowBQYDK2VwAyEA\\n-----END PUBLIC KEY-----";
    let with = |line: &str| format!("{CLIENT}{line}");
    let read = |line: &str| parse(&with(line)).unwrap().clients.remove(&ClientId::parse("orders").unwrap()).unwrap();
    assert!(matches!(read(&format!("public_key = \"{pem}\"")).keys, Some(ClientKeys::Pem(_))));
    assert!(matches!(read("jwks_url = \"https://k.example/jwks\"").keys, Some(ClientKeys::At(_))));
    assert_eq!(
        read("secret = \"a-secret-of-the-client\"\nsecret_ends = 2027-03-01").secret_ends.unwrap().to_string(),
        "2027-03-01"
    );
    assert_eq!(read("subject_tokens = [\"access_token\", \"subject\"]").subject_tokens, SubjectTokens::InClearToo);
    assert_eq!((read("").tokens_per_minute, read("").binds_per_minute), (None, 6_000));
    let workload = "workload = { issuer = \"https://k8s\", subject = \"s\", audience = \"us\" }";
    assert!(matches!(read(workload).workload.unwrap().keys, WorkloadKeys::Discovered));
    let redirected = "redirect_uris = [\"https://app.example/in\"]\n";
    assert!(parse(&with(&format!("{redirected}public_key = \"{pem}\""))).is_ok());
    for (line, told) in [
        (redirected.to_owned(), "clients[0].redirect_uris (orders): are of no use without secret"),
        (
            format!("public_key = \"{pem}\"\njwks_url = \"https://k.example\""),
            "clients[0].jwks_url (orders): must not stand beside",
        ),
        (
            "public_key = \"-----BEGIN PRIVATE KEY-----\"".to_owned(),
            "clients[0].public_key (orders): must be PEM that begins",
        ),
        (
            "assertion_for_token_endpoint = true".to_owned(),
            "clients[0].assertion_for_token_endpoint (orders): is of no use",
        ),
        ("secret_ends = \"soon\"".to_owned(), "clients[0].secret_ends (orders): must be a day"),
        ("subject_tokens = [\"subject\"]".to_owned(), "clients[0].subject_tokens (orders): must have \"access_token\""),
        ("tokens_per_minute = 0".to_owned(), "clients[0].tokens_per_minute (orders): must be a whole number from 1"),
        (
            "workload = { issuer = \"https://k8s\", subject = \"s\" }".to_owned(),
            "clients[0].workload.audience (orders): is missing",
        ),
        (workload.replace(" }", ", jwks = \"x\" }"), "clients[0].workload.jwks (orders): must be { file"),
    ] {
        refused(&with(&line), told);
    }
    let twice = format!("{CLIENT}{workload}\n[[clients]]\nid = \"rival\"\n{workload}");
    assert!(
        parse(&twice).unwrap_err().contains("is orders's as well")
            || parse(&twice).unwrap_err().contains("is rival's as well")
    );
}
