//! The commands as an operator runs them: what they print, what they refuse, and that a refusal says what to do.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use chrono::TimeDelta;
use domain::clock::{Clock as _, MovableClock};
use serde_json::{Value, json};

use crate::support::database::texts;
use crate::support::nginx::Nginx;
use crate::support::program;
use crate::support::site::{CONSOLE_SECRET, PROVIDER_SECRET, Site, provider, provider_at};
use crate::support::world::{Engine, both_engines};

/// Secrets that stand in the lines of an import.
const ACCESS: &str = "access-token-of-the-import";
const REFRESH: &str = "refresh-token-of-the-import";

fn line(subject: &str, sid: &str) -> String {
    json!({
        "subject": subject, "fpType": "tcs", "fpName": "tcs_1", "sid": sid,
        "accessToken": ACCESS, "refreshToken": REFRESH, "expiresOn": 1_711_125_311,
    })
    .to_string()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A site on SQLite with one sealed token set.
fn moved_in() -> Site {
    let site = Site::alone();
    site.feed(&["import", "--register", "-"], &line("42", "1")).good();
    site
}

#[test]
fn a_missing_settings_file_is_named_with_the_way_out() {
    let gone = program::run(&["check", "--config", "/nonexistent/fedlink.toml"], &[], "");
    let said = gone.complaint();
    assert!(said.contains("/nonexistent/fedlink.toml") && said.contains("--config"), "{said}");
    let by_variable = program::run(&["check"], &[("FEDLINK_CONFIG", "/nonexistent/other.toml")], "");
    assert!(by_variable.complaint().contains("/nonexistent/other.toml"), "{by_variable:?}");
}

#[test]
fn mistakes_in_the_settings_are_told_all_at_once() {
    let mut site = Site::alone();
    site.edit("database_url", "databse_url");
    site.edit("preset        =", "preste =");
    site.edit("\"fed_tkn_any\"", "\"fed_tkn_all\"");
    site.env.retain(|(name, _)| *name != "TCS_SECRET");
    let output = site.run(&["migrate"]);
    let said = output.complaint();
    for words in [
        r#"databse_url: is no known key; did you mean "database_url"?"#,
        r#"did you mean "preset"?"#,
        "fed_tkn_all",
        r#"the environment variable "TCS_SECRET" is not set"#,
    ] {
        assert!(said.contains(words), "{words} is missing in\n{said}");
    }
    assert!(!said.contains(CONSOLE_SECRET), "{said}");
    assert!(!site.database().exists());
}

#[test]
fn a_mistyped_database_address_makes_no_file() {
    let mut site = Site::alone();
    site.edit("sqlite:fedlink.db", "postgress://db.company.com/fedlink");
    let output = site.run(&["migrate"]);
    assert!(output.complaint().contains(r#""postgress" is no scheme we know"#), "{output:?}");
    let names: Vec<_> = std::fs::read_dir(site.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["fedlink.toml"]);
}

#[test]
fn a_relative_database_stands_beside_the_settings() {
    let site = Site::alone();
    site.run(&["migrate"]).good();
    assert!(site.database().exists());
}

#[test]
fn a_provider_whose_codes_nothing_binds_is_told() {
    for (more, is_told) in [("pkce = false", false), ("nonce = false", false), ("pkce = false\nnonce = false", true)] {
        let mut site = Site::alone();
        site.edit("preset        = \"oidc\"", &format!("preset = \"oidc\"\n{more}"));
        let output = site.run(&["check"]);
        let line = output.stdout.lines().find(|line| line.contains("neither PKCE nor a nonce"));
        assert_eq!(line.is_some_and(|line| line.contains("tcs:tcs_1")), is_told, "{more}: {output:?}");
    }
}

#[test]
fn a_lost_keyring_is_not_replaced_by_a_new_one() {
    let site = moved_in();
    let keyring = std::fs::read_to_string(site.path("fedlink.keys")).unwrap();
    std::fs::remove_file(site.path("fedlink.keys")).unwrap();
    for command in ["check", "serve"] {
        let output = site.run(&[command]);
        let said = output.complaint();
        assert!(said.contains("put back the keyring that made it"), "{said}");
        assert!(!site.path("fedlink.keys").exists(), "{command} made another");
    }

    // Another key under the same id would open nothing.
    let (id, _) = keyring.lines().last().unwrap().split_once(' ').unwrap();
    let another = format!("{id} active AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n");
    std::fs::write(site.path("fedlink.keys"), another).unwrap();
    std::fs::set_permissions(site.path("fedlink.keys"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let output = site.run(&["check"]);
    assert!(output.complaint().contains("is not the key of that id"), "{output:?}");

    std::fs::write(site.path("fedlink.keys"), &keyring).unwrap();
    std::fs::set_permissions(site.path("fedlink.keys"), std::fs::Permissions::from_mode(0o640)).unwrap();
    let output = site.run(&["check"]);
    assert!(output.complaint().contains("chmod 600"), "{output:?}");
    assert!(!output.stderr.contains(keyring.split(' ').next_back().unwrap().trim()), "{output:?}");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for key in ["listen", "ops_listen"] {
        let mut site = Site::alone();
        site.edit(&format!("{key} = \"127.0.0.1:0\""), &format!("{key} = \"{address}\""));
        if key == "listen" {
            // The edit has met `ops_listen` as well.
            site.edit(&format!("ops_listen = \"{address}\""), "ops_listen = \"127.0.0.1:0\"");
        }
        let output = site.run(&["serve"]);
        assert!(output.complaint().contains(&format!("can't listen on {address} ({key})")), "{output:?}");
    }
}

#[tokio::test]
async fn a_sqlite_file_is_served_once() {
    let mut site = Site::alone();
    let mut first = site.serve();
    let written = site.settings.clone();
    // A second server with other settings: had it opened the database before it was refused, it would have written this.
    site.edit("[\"openid\", \"offline_access\", \"profile\"]", "[\"openid\"]\nexclusive = false");
    let output = site.run(&["serve"]);
    assert!(output.complaint().contains("is served already by another process; use PostgreSQL"), "{output:?}");
    let rules = "SELECT fp_type || ':' || fp_name || ' ' || exclusive AS value FROM provider_rules";
    assert_eq!(texts(&format!("sqlite:{}", site.database().display()), rules).await, ["tcs:tcs_1 1"]);
    site.settings = written;
    // Other commands are second writers beside the server.
    site.run(&["account", "create", "--id", "42"]).good();
    assert!(first.terminate().success());
    assert!(site.serve().terminate().success(), "the lock goes with the process");
}

#[test]
fn a_read_only_database_is_told_as_such() {
    let site = moved_in();
    // To root no file is read-only; to SQLite this one is: a write version it does not know (file format §1.3.3).
    let mut bytes = std::fs::read(site.database()).unwrap();
    bytes[18] = 9;
    std::fs::write(site.database(), bytes).unwrap();
    let output = site.run(&["account", "create", "--id", "43"]);
    assert!(output.complaint().contains("readonly database"), "{output:?}");
}

#[test]
fn a_database_out_of_reach_is_named() {
    let mut site = Site::alone();
    site.edit("sqlite:fedlink.db", "sqlite:no/such/folder/fedlink.db");
    let output = site.run(&["check"]);
    assert!(output.complaint().contains("no/such/folder/fedlink.db"), "{output:?}");
    assert!(!site.path("fedlink.keys").exists(), "a keyring without a database");

    let port = free_port();
    let mut site = Site::alone();
    site.edit("\"sqlite:fedlink.db\"", r#"{ env = "DATABASE_URL" }"#);
    site.env.push(("DATABASE_URL", format!("postgres://fedlink:pa55word@127.0.0.1:{port}/fedlink")));
    for command in ["check", "migrate", "serve"] {
        let output = site.run(&[command]);
        assert!(output.complaint().contains("can't connect to Postgres"), "{output:?}");
        assert!(!format!("{output:?}").contains("pa55word"), "{output:?}");
    }
}

#[test]
fn check_tells_a_line_for_each_part_and_the_status_says_all() {
    let sandbox = provider();
    let site = Site::new(Engine::Sqlite, &sandbox.issuer());
    let output = site.run(&["check"]);
    let starts =
        ["ok      settings: 1 clients, 1 providers", "ok      database: ", "ok      keyring: ", "ok      tcs:tcs_1: "];
    assert_eq!(output.good().lines().count(), starts.len(), "{output:?}");
    assert!(output.stdout.lines().zip(starts).all(|(line, start)| line.starts_with(start)), "{output:?}");

    sandbox.stop();
    let output = site.run(&["check", "--json"]);
    output.complaint();
    let parts: Vec<Value> = output.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> =
        parts.iter().map(|part| (part["check"].as_str().unwrap(), part["ok"].as_bool().unwrap())).collect();
    assert_eq!(told, [("settings", true), ("database", true), ("keyring", true), ("tcs:tcs_1", false)]);
    assert!(!format!("{output:?}").contains(PROVIDER_SECRET));
}

#[test]
fn check_tells_what_may_soon_be_wrong() {
    let clock = MovableClock::running();
    let ends = clock.now() + TimeDelta::days(9) + TimeDelta::hours(1);
    clock.advance(Duration::from_secs(40));
    let sandbox = provider_at(clock);
    let address = sandbox.issuer().trim_start_matches("http://").to_owned();
    let nginx = Nginx::until("127.0.0.1", &address, ends);
    let mut site = Site::new(Engine::Sqlite, &sandbox.issuer());
    std::fs::write(site.path("ca.pem"), &nginx.authority).expect("room");
    site.edit("public_url", "ca_file = \"ca.pem\"\npublic_url");
    let (_, entry) = site.settings.split_once("[[providers]]").expect("a provider");
    let twin = format!("[[providers]]{}", entry.replace("\"tcs_1\"", "\"tcs_2\""));
    let other = format!("jwks_uri = \"https://127.0.0.1:{}/jwks\"\n{twin}", nginx.port);
    site.settings.push_str(&other);
    site.settings = site.settings.replacen("\"offline_access\", ", "", 1);
    let output = site.run(&["check"]);
    let warnings: Vec<_> = output.good().lines().filter(|line| line.starts_with("WARNING")).collect();
    for (what, words) in [
        ("tcs:tcs_1", "remember_tokens without offline access: "),
        (&*format!("127.0.0.1:{}", nginx.port), "its certificate ends in 9 days"),
        (&*address, "its clock differs from ours by "),
        ("revocation", "2 entries share a grant, tcs:tcs_1, tcs:tcs_2: "),
    ] {
        let line = format!("WARNING {what}: {words}");
        assert!(warnings.iter().any(|warning| warning.starts_with(&line)), "{line} is not in {output:?}");
    }
    assert_eq!(warnings.len(), 4, "{output:?}");
}

#[test]
fn a_client_block_can_be_pasted() {
    let mut site = Site::alone();
    let output = site.run(&["client", "new", "--id", "back-office"]);
    let (block, exports) = output.good().split_once("# In the environment").unwrap();
    site.settings.push_str(block);
    for (name, value) in exports.lines().filter_map(|line| line.strip_prefix("export ")?.split_once('=')) {
        assert_eq!(value.len(), 43, "256 bits");
        site.env.push((
            if name.ends_with("_SECRET") { "BACK_OFFICE_SECRET" } else { "BACK_OFFICE_REST_PASSWORD" },
            value.to_owned(),
        ));
    }
    site.run(&["migrate"]).good();
    assert_ne!(site.run(&["client", "new", "--id", "back-office"]).good(), output.stdout, "secrets are random");
    assert!(site.run(&["client", "new", "--id", ""]).complaint().contains("client_id"));
}

#[test]
fn a_keyring_is_made_once_and_then_added_to() {
    let site = Site::alone();
    site.run(&["keys", "add"]).good();
    let file = site.path("fedlink.keys");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let made = std::fs::read_to_string(&file).unwrap();
    let output = site.run(&["keys", "add"]);
    assert!(output.good().contains("keys activate "), "{output:?}");
    let now = std::fs::read_to_string(&file).unwrap();
    let added = now.strip_prefix(&made).expect("what was there is there");
    assert!(added.contains(" open ") && added.lines().count() == 1);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    for line in now.lines().filter(|line| !line.starts_with('#')) {
        assert!(!format!("{output:?}").contains(line.rsplit(' ').next().unwrap()), "a key in the output");
    }
}

#[test]
fn bad_lines_of_an_import_are_named_and_the_good_ones_go_in() {
    let site = Site::alone();
    site.run(&["account", "create", "--id", "42"]).good();
    let other_provider = line("42", "5").replace("tcs_1", "tcs_2");
    let partner = line("42", "6").replace("\"tcs\"", "\"partner\"");
    let lines = [
        line("42", "1"),
        line("stranger", "2"),
        line("42", "3").chars().take(90).collect(),
        String::new(),
        line("42", "4").replace("refreshToken", "refresh_token"),
        other_provider,
        partner,
        line("42", "7").replace("1711125311", &format!("\"{ACCESS}\"")),
        line("42", "8"),
    ];
    std::fs::write(site.path("links.jsonl"), lines.join("\n")).unwrap();
    let file = site.path("links.jsonl").to_str().unwrap().to_owned();
    let output = site.run(&["import", &file]);
    let said = output.complaint();
    for reason in [
        "line 2: no such user",
        "line 3: the line ends in the middle of the JSON",
        "line 5: refresh_token is not a field this takes",
        "line 6: fpName tcs:tcs_2 is no configured provider",
        "line 7: fpType partner links",
        "line 8: expiresOn has a value of the wrong type",
    ] {
        assert!(said.contains(reason), "{reason} is missing in\n{said}");
    }
    assert_eq!(said.lines().count(), 6, "{said}");
    assert_eq!(output.stdout, "2 taken in, 6 refused\n");
    assert!(!format!("{output:?}").contains(ACCESS) && !format!("{output:?}").contains(REFRESH), "{output:?}");

    let again = site.feed(&["import", "--register", "--json", "-"], &format!("{}\n{}", lines[0], lines[1]));
    let told: Value = serde_json::from_str(again.good()).unwrap();
    let counts = ["taken_in", "refused", "newer_kept", "there_already"].map(|name| told[name].as_u64());
    assert_eq!(counts, [Some(2), Some(0), Some(0), Some(0)], "{told}");
    site.run(&["account", "show", "stranger"]).good();
    assert!(site.run(&["import", "/nonexistent"]).complaint().contains("can't read /nonexistent"));
}

#[test]
fn completions_know_the_commands() {
    let output = program::run(&["completions", "bash"], &[], "");
    for word in ["_fedlink()", "serve", "import", "--config"] {
        assert!(output.good().contains(word), "{word}");
    }
}

both_engines! {
    async fn a_database_is_migrated_once(engine: Engine) {
        let site = Site::new(engine, "http://127.0.0.1:9");
        assert!(site.run(&["migrate"]).good().starts_with("ran "));
        assert_eq!(site.run(&["migrate"]).good(), "nothing to do\n");
        assert_eq!(site.run(&["migrate", "--json"]).good(), "{\"ran\":[]}\n");
    }

    async fn an_account_is_made_shown_and_deleted(engine: Engine) {
        let site = Site::new(engine, "http://127.0.0.1:9");
        if engine == Engine::Postgres {
            let output = site.run(&["account", "create"]);
            assert!(output.complaint().contains("fedlink keys add"), "a fleet's keyring is made by hand: {output:?}");
            site.run(&["keys", "add"]).good();
        }
        let made = site.run(&["account", "create", "--id", "42", "--type", "staff", "--name", "Elle Woods"]);
        assert_eq!(made.good(), "42\n");
        assert!(site.run(&["account", "create", "--id", "42"]).complaint().contains("id has an account already"));
        let shown: Value = serde_json::from_str(site.run(&["account", "show", "42", "--json"]).good()).unwrap();
        assert_eq!((&shown["subject"], &shown["name"]), (&json!("42"), &json!("Elle Woods")), "{shown}");
        assert!(site.run(&["account", "show", "42"]).good().starts_with("staff 42 Elle Woods, no password, since 20"));

        let random = site.run(&["account", "create", "--json"]);
        let random: Value = serde_json::from_str(random.good()).unwrap();
        assert_eq!(random["id"].as_str().unwrap().len(), 36, "a UUID");
        assert!(site.run(&["account", "delete", "42"]).good().contains("deleted 42"));
        for command in ["show", "delete"] {
            let error: Value = serde_json::from_str(site.run(&["account", command, "42", "--json"]).complaint()).unwrap();
            assert_eq!(error, json!({"error": "no such user"}));
        }
    }
}
