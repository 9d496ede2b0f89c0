//! The catalogue of providers: what it says, what is made of it, and every preset walked at a sandbox that behaves as the vendor's
//! own pages say.

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::process::Command;

use futures_util::FutureExt as _;
use serde_json::{Value, json};
use settings::{Configuration, Known, Literals, Tier, catalogue};

use super::manners::{MANNERS, Manners};
use super::walk::Walk;
use crate::support::world::{World, both_engines};

fn vendors(tier: Tier) -> impl Iterator<Item = Known<'static>> {
    let generic = ["oidc", "oauth2"];
    catalogue().filter(move |known| known.tier() == tier && !generic.contains(&known.name))
}

/// Whether each address of the preset is the vendor's.
fn addresses(known: Known<'_>, manners: &Manners, over: &str) -> Result<(), String> {
    let over: toml::Table = over.parse().expect("settings");
    let bare = |address: &str| address.split('?').next().unwrap_or_default().to_owned();
    for (key, vendors) in [
        ("issuer", &manners.issuer),
        ("authorization_endpoint", &manners.authorization),
        ("token_endpoint", &manners.token),
        ("userinfo_endpoint", &manners.userinfo),
        ("revocation_endpoint", &manners.revocation),
    ] {
        let preset = known.settings().find(|(set, _)| *set == key).map(|(_, value)| value);
        let Some(address) = over.get(key).or(preset).and_then(toml::Value::as_str) else { continue };
        let is_same = vendors.as_deref().is_some_and(|vendors| bare(vendors) == bare(address));
        if !is_same {
            return Err(format!("{}: {key} is {address}, not {vendors:?}", known.name));
        }
    }
    Ok(())
}

fn find(name: &str) -> Known<'static> {
    catalogue().find(|known| known.name == name).unwrap_or_else(|| panic!("no preset {name}"))
}

/// What a userinfo answer looks like in which the template finds `value`.
fn answer_for(template: &str, value: &str) -> Value {
    let path = template.trim_matches(['{', '}']);
    path.rsplit('.').fold(json!(value), |inner, step| match step.parse::<usize>() {
        Ok(_first) => json!([inner]),
        Err(_name) => json!({ step: inner }),
    })
}

#[test]
fn every_preset_of_the_first_tier_has_manners_and_their_addresses() {
    let known: Vec<&str> = vendors(Tier::First).map(|known| known.name).collect();
    assert_eq!(known, MANNERS.keys().map(String::as_str).collect::<Vec<_>>());
    for known in vendors(Tier::First) {
        let manners = &MANNERS[known.name];
        assert!(
            !manners.pages.is_empty() && manners.pages.iter().all(|page| page.starts_with("https://")),
            "{}",
            known.name
        );
        assert!(manners.checked.starts_with("20"), "{}", known.name);
        addresses(known, manners, "").unwrap_or_else(|problem| panic!("{problem}"));
    }
}

/// docs/providers.md is what `fedlink providers --markdown` writes.
#[test]
fn the_page_of_providers_is_made_of_the_catalogue() {
    let made = run(&["providers", "--markdown"]);
    let page =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/providers.md")).expect("a page");
    assert!(
        made == page,
        "docs/providers.md is of another catalogue: fedlink providers --markdown > docs/providers.md"
    );
}

/// What is printed to be pasted is taken.
#[test]
fn what_is_shown_of_each_preset_can_be_pasted() {
    let listed: Value = serde_json::from_str(&run(&["--json", "providers"])).expect("JSON");
    let names: Vec<&str> =
        listed.as_array().expect("a list").iter().filter_map(|entry| entry["preset"].as_str()).collect();
    assert_eq!(names, catalogue().map(|known| known.name).collect::<Vec<_>>());
    // All of them in a few runs of the program would take as long as all other tests of this file.
    for name in ["github", "microsoft", "apple", "vk", "oauth2", "dropbox"] {
        let shown: Value = serde_json::from_str(&run(&["--json", "providers", "show", name])).expect("JSON");
        let block = shown["settings"].as_str().expect("a block");
        let text = format!("public_url = \"https://a.example\"\n{block}")
            .replace("{ file = \"key.pem\" }", "\"-----BEGIN PRIVATE KEY-----\"");
        let read = Configuration::parse(
            &text,
            Path::new(""),
            &|name| (name == "SECRET").then(|| "x".to_owned()),
            Literals::Allow,
        );
        assert!(read.is_ok(), "{name}: {}", read.err().map(|errors| errors.to_string()).unwrap_or_default());
        let callback = shown["callback"].as_str().expect("an address");
        assert!(shown["setup"].to_string().contains(callback), "{shown}");
    }
    let output =
        Command::new(env!("CARGO_BIN_EXE_fedlink")).args(["providers", "show", "gihub"]).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("is no preset"), "{said}");
}

fn run(args: &[&str]) -> String {
    crate::support::contract::commands::ran(args);
    let output = Command::new(env!("CARGO_BIN_EXE_fedlink")).args(args).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Facts that would be wrong, each of which a walk has to notice.
const PLANTED: [(&str, &str); 41] = [
    ("airtable", "pkce = false"),
    ("apple", "authorize_params = {}"),
    ("atlassian", "authorize_params = {}"),
    ("atlassian", "scopes = [\"read:me\"]"),
    ("bitbucket", "client_auth = \"post\""),
    ("bitbucket", "sid = \"{display_name}\""),
    ("blitz", "authorize_params = {}"),
    ("box", "rotates = false"),
    ("calendly", "sid = \"{resource.name}\""),
    ("discord", "token_endpoint = \"https://discord.com/oauth2/token\""),
    ("esia", "authorize_params = {}"),
    ("esia", "claims_in = \"id_token\""),
    ("esia", "sid = \"{sub}\""),
    ("facebook", "dead_access_errors = []"),
    ("github", "client_auth = \"basic\""),
    ("github", "dead_errors = []"),
    ("github", "sid = \"{login}\""),
    ("google", "authorize_params = {}"),
    ("linkedin", "nonce = true"),
    ("linkedin", "pkce = true"),
    ("linkedin", "scopes = [\"openid\", \"r_liteprofile\"]"),
    ("linear", "userinfo_call = \"post_bearer\""),
    ("linear", "userinfo_params = { query = \"{ viewer { id } }\" }"),
    ("mail.ru", "userinfo_call = \"bearer\""),
    ("naver", "sid = \"{id}\""),
    ("notion", "token_body = \"form\""),
    ("notion", "userinfo_headers = {}"),
    ("ok", "scope_separator = \" \"\nscopes = [\"VALUABLE_ACCESS\", \"GET_EMAIL\"]"),
    ("ok", "userinfo_call = \"post\""),
    ("reddit", "dead_errors = []"),
    ("sber", "scopes = [\"openid\", \"name\"]"),
    ("sber", "token_headers = {}"),
    ("sber", "userinfo_headers = { x-introspect-rquid = \"1\" }"),
    ("slack", "dead_access_errors = []"),
    ("slack", "issuer = \"https://slack.com/\""),
    ("tiktok", "client_id_param = \"client_id\""),
    ("tiktok", "userinfo_params = {}"),
    ("vk", "resent_params = []"),
    ("vk", "userinfo_call = \"bearer\""),
    ("yandex", "refresh_dies_with_access = false"),
    ("yandex", "userinfo_call = \"bearer\""),
];

both_engines! {
    async fn each_of_the_first_tier_is_walked(engine: Engine) {
        let world = World::frozen(engine).await;
        let mut failed = Vec::new();
        for known in vendors(Tier::First) {
            let walk = Walk::start(&world, known, &MANNERS[known.name], (known.name, ""));
            if AssertUnwindSafe(walk.whole()).catch_unwind().await.is_err() {
                failed.push(known.name);
            }
        }
        assert!(failed.is_empty(), "{failed:?}");
    }

    async fn each_of_the_second_tier_links_and_serves(engine: Engine) {
        let world = World::frozen(engine).await;
        for known in vendors(Tier::Second) {
            let text = |key: &str| known.settings().find(|(set, _)| *set == key).and_then(|(_, value)| value.as_str());
            let id = format!("{}-4711", known.name);
            let manners = Manners::of_anybody(&answer_for(text("sid").expect("a sid"), &id), &id);
            let walk = Walk::start(&world, known, &manners, (known.name, ""));
            world.sandbox.script().set(|script| script.userinfo_call = match text("userinfo_call") {
                Some("post_bearer") => sandbox::UserinfoCall::PostBearer,
                _ => sandbox::UserinfoCall::Bearer,
            });
            world.account(known.name).await;
            let sid = walk.links().await;
            let first = walk.serves(&sid).await;
            walk.refreshes(&sid, &first).await;
        }
    }

    async fn a_wrong_fact_fails_its_walk(engine: Engine) {
        let world = World::frozen(engine).await;
        for (number, (name, over)) in PLANTED.iter().enumerate() {
            let (known, manners) = (find(name), &MANNERS[*name]);
            if addresses(known, manners, over).is_err() {
                continue;
            }
            let walk = Walk::start(&world, known, manners, (&format!("planted-{number}"), over));
            let walked = AssertUnwindSafe(walk.whole()).catch_unwind().await;
            assert!(walked.is_err(), "{name} with {over} goes through");
        }
    }
}
