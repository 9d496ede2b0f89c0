//! docs/moving-from.md: its queries and programs are run as they stand, on what others keep and answer; the import takes what
//! they write, and serves.

use std::process::Command;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::clock::SystemClock;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::all;
use crate::support::browser::field;
use crate::support::console::{get, http};
use crate::support::database::execute;
use crate::support::issuer::{Issuer, Key};
use crate::support::office::Office;
use crate::support::page::blocks;
use crate::support::postgres::{binaries, fresh_database};
use crate::support::program::Running;
use crate::support::site::{Site, provider};
use crate::support::world::{self, As, World, both_engines};

const PAGE: &str = include_str!("../../docs/moving-from.md");
/// Keycloak's own tables, as far as they are asked.
const KEYCLOAK: &str = include_str!("keycloak.sql");

/// The file that the page shows under a name, and the command behind it.
fn shown(name: &str) -> (&'static str, &'static str) {
    let (_, part) = PAGE.split_once(&format!("`{name}`")).expect("the page names it");
    let [(_, file), ("sh", command), ..] = *blocks(part) else { panic!("{name}, then its command") };
    (file, command)
}

/// Does what the page shows of a file, in the site's folder; gives what the command says.
fn does(site: &Site, name: &str, more: &[(&str, &str)]) -> String {
    let (file, command) = shown(name);
    let folder = site.path("");
    std::fs::write(site.path(name), file).expect("room");
    // Makes the database, and the settings as they are by now.
    site.run(&["migrate"]).good();
    let bin = site.path("bin");
    std::fs::create_dir_all(&bin).expect("a folder");
    let fedlink = "#!/bin/sh\nexec \"$FEDLINK\" --config \"$FEDLINK_SETTINGS\" \"$@\"\n";
    std::fs::write(bin.join("fedlink"), fedlink).expect("room");
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(bin.join("fedlink"), executable).expect("it is ours");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = [bin, binaries()].into_iter().chain(std::env::split_paths(&path));
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", command])
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::join_paths(path).expect("plain names"))
        .env("FEDLINK", env!("CARGO_BIN_EXE_fedlink"))
        .env("FEDLINK_SETTINGS", site.path("fedlink.toml"))
        .envs(site.env.iter().map(|(name, value)| (*name, value)))
        .envs(more.iter().copied())
        .output()
        .expect("there is a shell");
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(output.status.success(), "{name}: {said}");
    said
}

/// The tokens that the site serves of a user.
async fn served(serving: &Running, user: &str, provider: &str) -> Value {
    get(serving, &format!("{user}/fedToken/{provider}")).await.1
}

/// Whether somebody signs in at our own page, whose address is that of the settings.
async fn signs_in(serving: &Running, login: &str, password: &str) -> bool {
    let page = format!("{}/blitz/sign-in", serving.base_url);
    let answer = http().get(&page).send().await.expect("a page");
    let cookies: Vec<_> = answer.headers().get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    let cookies = cookies.iter().filter_map(|cookie| cookie.split(';').next()).collect::<Vec<_>>().join("; ");
    let csrf = field(&answer.text().await.expect("a text"), "csrf");
    let form = [("csrf", csrf.as_str()), ("login", login), ("password", password)];
    // Who is in is led to the page anew, at its own address, where nobody serves.
    let stays = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let sent = stays.post(&page).header("cookie", cookies).header("origin", "http://127.0.0.1:8080").form(&form);
    match sent.send().await.expect("an answer").status().as_u16() {
        303 => true,
        422 => false,
        other => panic!("{other}"),
    }
}

/// A password as Keycloak 25 keeps it: what is told of the hash, and the hash.
fn hashed(password: &str) -> [String; 2] {
    let salt: [u8; 16] = std::array::from_fn(|at| u8::try_from(at * 13).unwrap());
    let mut hash = [0; 32];
    let params = Params::new(7168, 5, 1, Some(hash.len())).expect("Keycloak's own");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password.as_bytes(), &salt, &mut hash)
        .expect("a hash");
    let how = json!({"hashIterations": 5, "algorithm": "argon2", "additionalParameters": {
        "hashLength": ["32"], "memory": ["7168"], "type": ["id"], "version": ["1.3"], "parallelism": ["1"]}});
    let secret = json!({"value": STANDARD.encode(hash), "salt": STANDARD.encode(salt), "additionalParameters": {}});
    [how.to_string(), secret.to_string()]
}

/// What it was given when the identity provider's tokens were to be stored.
fn stored(access: &str, refresh: Option<&str>, ends: i64) -> String {
    json!({
        "access_token": access, "expires_in": 300, "refresh_expires_in": 0, "refresh_token": refresh, "token_type": "Bearer",
        "id_token": "e30.e30.", "not-before-policy": 0, "scope": "openid offline_access", "accessTokenExpiration": ends,
    })
    .to_string()
}

both_engines! {
    async fn links_tokens_and_passwords_move_from_keycloaks_database(engine: Engine) {
        let sandbox = provider();
        let site = Site::ready(engine, &sandbox.issuer());
        let keycloak = fresh_database();
        let now = SystemClock::shared().now().timestamp();
        let tokens = sandbox.issue("1000347601", "fedlink", "openid offline_access profile");
        let fresh = stored("of-alice", None, now + 3600);
        let old = stored("ended", Some(tokens.refresh_token.expose_secret()), now - 3600);
        let [how, secret] = hashed("correct horse battery staple");
        let rows = [("FRESH", fresh), ("OLD", old), ("HOW", how), ("SECRET", secret)];
        let filled = rows.iter().fold(KEYCLOAK.to_owned(), |sql, (name, text)| sql.replace(&format!("'{name}'"), &format!("$${text}$$")));
        execute(&keycloak, &filled).await;
        let at = [("KEYCLOAK_DATABASE", keycloak.as_str())];
        assert!(does(&site, "accounts.sql", &at).contains("3 taken in, 0 refused"));
        assert!(does(&site, "links.sql", &at).contains("3 taken in, 0 refused"));
        let lines = all(&site);
        let of = |kind: &str, subject: &str| {
            let mut found = lines.iter().filter(|line| line[kind]["subject"] == subject);
            found.next().unwrap_or_else(|| panic!("{kind} of {subject} in {lines:?}")).clone()
        };
        let alice = &of("account", "alice")["account"];
        assert_eq!((&alice["name"], &alice["email"]), (&json!("Alice Ivanova"), &json!("alice@example.com")));
        assert_eq!(alice["emailVerified"], true);
        assert!(of("account", "carol")["account"]["disabled"].is_string());
        assert_eq!(of("link", "alice")["link"]["userName"], "alice@bank");
        let serving = site.serve();
        assert_eq!(served(&serving, "alice", "tcs/tcs_1").await["5551"]["token"], "of-alice");
        let refreshed = served(&serving, "bob", "tcs/tcs_1").await;
        let token = refreshed["1000347601"]["token"].as_str().unwrap_or_else(|| panic!("{refreshed}"));
        assert!(!token.is_empty() && token != "ended");
        assert_eq!(served(&serving, "carol", "tcs/tcs_1").await["error"], "token_not_found");
        assert!(signs_in(&serving, "alice@example.com", "correct horse battery staple").await);
        assert!(!signs_in(&serving, "alice@example.com", "another horse").await);
        drop(serving);
        // The other system goes on, and is imported again: what was refreshed here stays.
        let again = does(&site, "links.sql", &at);
        assert!(again.contains("1 links have newer tokens than the file"), "{again}");
        let serving = site.serve();
        assert_eq!(served(&serving, "bob", "tcs/tcs_1").await["1000347601"]["token"], token);
    }

    async fn links_move_by_keycloaks_rest_interface(engine: Engine) {
        let site = Site::ready(engine, "http://127.0.0.1:9");
        let keycloak = Issuer::start(&[&Key::es256(None)]);
        let answers = |path: &str, body: Value| keycloak.describe(path, 200, &body);
        answers("/realms/company/protocol/openid-connect/token", json!({"access_token": "t", "expires_in": 60}));
        answers("/admin/realms/company/users?briefRepresentation=true&first=0&max=100", json!([{"id": "alice"}, {"id": "bob"}]));
        answers("/admin/realms/company/users?briefRepresentation=true&first=2&max=100", json!([]));
        let linked = json!([
            {"identityProvider": "tbank", "userId": "5551", "userName": "alice@bank"},
            {"identityProvider": "elsewhere", "userId": "7", "userName": "al"},
        ]);
        answers("/admin/realms/company/users/alice/federated-identity", linked);
        answers("/admin/realms/company/users/bob/federated-identity", json!([]));
        let at = [("KEYCLOAK", keycloak.name.as_str()), ("CLIENT_ID", "mover"), ("CLIENT_SECRET", "s")];
        assert!(does(&site, "links.py", &at).contains("1 taken in, 0 refused"));
        let found = all(&site).into_iter().find(|line| line.get("link").is_some()).expect("a link");
        let link = &found["link"];
        assert_eq!((&link["subject"], &link["sid"]), (&json!("alice"), &json!("5551")));
        assert_eq!((&link["userName"], &link["proof"]), (&json!("alice@bank"), &json!("asserted")));
    }

    // What Blitz documents, fedlink answers: it stands in for it.
    async fn links_and_tokens_move_by_blitzs_documented_calls(engine: Engine) {
        let blitz = World::start(engine).await;
        for subject in ["alice", "a/ü", "idle"] {
            blitz.account(subject).await;
        }
        let tokens = blitz.linked("alice", "oleg").await;
        blitz.import(json!({"subject": "a/ü", "fpType": "box", "fpName": "box_1", "sid": "elle", "userName": "Elle"})).await;
        let mut site = Site::ready(engine, "http://127.0.0.1:9");
        site.edit("\"tcs\"", "\"box\"");
        site.edit("\"tcs_1\"", "\"box_1\"");
        std::fs::write(site.path("subjects"), "alice\na/ü\nidle\nnobody\n").expect("room");
        let base = format!("{}/blitz", blitz.base);
        let at = [("BLITZ", base.as_str()), ("CLIENT_ID", world::CONSOLE), ("CLIENT_SECRET", world::CONSOLE_SECRET)];
        assert!(does(&site, "blitz.py", &at).contains("2 taken in, 0 refused"));
        let serving = site.serve();
        let token = served(&serving, "alice", "box/box_1").await;
        assert_eq!(token["oleg"]["token"], tokens.access_token.expose_secret());
        assert_eq!(token["oleg"]["expiresOn"], tokens.expires_at.timestamp());
        assert_eq!(served(&serving, "a%2F%C3%BC", "box/box_1").await["error"], "token_not_found");
    }

    // What Condo's GraphQL answers, fedlink's does.
    async fn accounts_move_by_condos_graphql_and_links_to_partners_by_a_line(engine: Engine) {
        let office = Office::open(engine).await;
        office.staff("alice").await;
        let As::Bearer(token) = &office.admin else { panic!("a session") };
        let mut site = Site::ready(engine, "http://127.0.0.1:9");
        site.settings += "[session]\nsecret = { env = \"COOKIE_SECRET\" }\n[[partners]]\nname = \"bank-id\"\n\
                          [partners.clients.app]\nidentity_type = \"bank\"\nuser_info_url = \"https://bank.example/me\"\n";
        site.env.push(("COOKIE_SECRET", "a-secret-of-the-tests-of-moving-in".to_owned()));
        let at = [("CONDO", office.world.base.as_str()), ("CONDO_TOKEN", token.as_str())];
        assert!(does(&site, "condo.py", &at).contains("2 taken in, 0 refused"));
        let (_, rest) = PAGE.split_once("`{\"link\": ").expect("the page shows the line");
        let (line, _) = rest.split_once('`').expect("to its end");
        let line = format!("{{\"link\": {line}")
            .replacen("\"…\"", "\"00000000-0000-4000-8000-000000000001\"", 1)
            .replacen("\"…\"", "\"alice\"", 1)
            .replacen("\"…\"", "\"2024-01-01T00:00:00Z\"", 1)
            .replace("identityType", "\"bank\"")
            .replace("identityId", "\"5551\"");
        let head = r#"{"fedlink": {"export": 1, "id": "00000000-0000-4000-8000-000000000002", "made": "2024-01-01T00:00:00Z"}}"#;
        let file = format!("{head}\n{line}\n{{\"end\": {{\"lines\": 2}}}}\n");
        assert!(site.feed(&["import", "-"], &file).good().contains("1 taken in"));
        let lines = all(&site);
        let found = |kind: &str| lines.iter().find(|line| line[kind]["subject"] == "alice").expect("a line");
        let account = &found("account")["account"];
        assert_eq!((&account["type"], &account["email"]), (&json!("staff"), &json!("alice@example.com")));
        assert_eq!(account["emailVerified"], true);
        let moved = &found("link")["link"];
        assert_eq!((&moved["fpType"], &moved["sid"], &moved["proof"]), (&json!("partner"), &json!("5551"), &json!("proven")));
        // The partner is called otherwise than its users' identities are, and is there all the same.
        let (_, listed) = get(&site.serve(), "alice/fa?detail=true").await;
        let listed = &listed[0];
        assert_eq!((&listed["fpName"], listed.get("providerGone")), (&json!("bank"), None), "{listed}");
    }
}

#[test]
fn every_file_and_command_of_the_page_is_run() {
    let source = include_str!("from_others.rs");
    let (mut files, mut commands) = (0, 0);
    for (language, text) in blocks(PAGE) {
        match language {
            "sh" => commands += 1,
            "sql" | "python" => files += 1,
            other => panic!("{other}: {text}"),
        }
    }
    let run = ["links.sql", "accounts.sql", "links.py", "blitz.py", "condo.py"];
    assert!(run.iter().all(|name| source.contains(&format!("does(&site, \"{name}\""))));
    assert_eq!((files, commands), (run.len(), run.len()));
}
