//! The page that says how to fetch a token: its settings are taken, its lines run as they stand there, and its answers are those.

use std::collections::BTreeSet;
use std::process::Command;

use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::{account_of, with};
use crate::support::database::execute;
use crate::support::issuer::{Issuer, Key};
use crate::support::page::{alike, blocks};
use crate::support::world::{As, Engine, World, both_engines};

const PAGE: &str = include_str!("../../docs/fetch.md");
const SECRET: &str = "orders-secret-of-tests";

/// Whose token `USER_TOKEN` is, by the section that uses it; `OWN_TOKEN` is always 42's.
const SECTIONS: &[(&str, &str)] = &[
    ("With the token that your user sent you", "42"),
    ("With a token of fedlink's own", "42"),
    ("With the user's id alone", "42"),
    ("Where the user has several accounts", "43"),
    ("What the token has to be good for", "42"),
    ("No token, and why", "44"),
    ("Where the user can link again", "44"),
    ("fedToken, for any user", "42"),
    ("fedToken, for one user", "42"),
    ("Of many users at once", "42"),
];

/// Who has what is amiss, by the page's word for it.
const REASONS: &[(&str, &str)] = &[
    ("not_linked", "44"),
    ("needs_consent", "45"),
    ("lost_in_flight", "46"),
    ("expired", "47"),
    ("missing_scopes", "42"),
];

/// Lines of the page, and what it says comes of them.
struct Lines {
    section: &'static str,
    shell: &'static str,
    /// Left out where it is the same as the first of its kind.
    answer: Option<Value>,
}

fn lines() -> Vec<Lines> {
    let mut found = Vec::new();
    for part in PAGE.split("\n## ").skip(1) {
        let section = part.lines().next().expect("a heading");
        let blocks = blocks(part);
        for (at, (language, shell)) in blocks.iter().enumerate().filter(|(_, (language, _))| *language == "sh") {
            let answer = blocks.get(at + 1).filter(|(language, _)| *language == "json");
            let answer = answer.map(|(_, text)| serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}")));
            assert_eq!(*language, "sh");
            found.push(Lines { section, shell, answer });
        }
    }
    found
}

/// The first column of the table under a heading that says so.
fn first_column(heading: &str) -> BTreeSet<&'static str> {
    let table = PAGE.split_once(&format!("| {heading} |")).expect("a table").1;
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.split('`').nth(1).expect("a word")).collect()
}

/// Where the page's settings hold, and users who are in each of its states.
struct Place {
    world: World,
    issuer: Issuer,
    key: Key,
    own_token: String,
}

impl Place {
    async fn set(engine: Engine) -> Self {
        let key = Key::es256(Some("1"));
        let issuer = Issuer::start(&[&key]);
        let written = blocks(PAGE).into_iter().find(|(language, _)| *language == "toml").expect("settings").1;
        let settings = written
            .replace("https://sso.company.com", &issuer.name)
            .replace("{ env = \"ORDERS_SECRET\" }", &format!("\"{SECRET}\""));
        let world = World::start_with(engine, |plain| {
            let plain =
                plain.replace("box_box_1", "tcs_tcs_1").replace("\"box_1\"", "\"tcs_1\"").replace("\"box\"", "\"tcs\"");
            plain + "\n" + &settings
        })
        .await;
        let As::Bearer(own_token) = world.user("orders", "42", &["fed_tkn_any"]).await else {
            unreachable!("a bearer")
        };
        let place = Self { world, issuer, key, own_token };
        place.fill().await;
        place
    }

    async fn fill(&self) {
        for user in ["42", "43", "44", "45", "46", "47"] {
            account_of(&self.world, &self.issuer, user).await;
        }
        let now = self.world.now().timestamp();
        for (user, sid, name) in [
            ("42", "1000347601", "Oleg"),
            ("43", "2000517341", "Oleg"),
            ("43", "2000517342", "Oleg & Sons"),
            ("45", "3000000001", "Irina"),
            ("46", "3000000002", "Irina"),
            ("47", "3000000003", "Irina"),
        ] {
            let tokens = self.world.sandbox.issue(sid, "fedlink", "openid");
            let mut line = json!({"subject": user, "fpType": "tcs", "fpName": "tcs_1", "sid": sid, "userName": name});
            let (access, refresh) = (tokens.access_token.expose_secret(), tokens.refresh_token.expose_secret());
            let given = match user {
                "42" | "43" => json!({"accessToken": access, "expiresOn": now + 3600}),
                "47" => json!({"accessToken": access, "expiresOn": now}),
                _ => json!({"refreshToken": refresh}),
            };
            line.as_object_mut().expect("an object").extend(given.as_object().expect("an object").clone());
            self.world.import(line).await;
        }
        let of = |user: &str| format!("WHERE link_id IN (SELECT id FROM links WHERE subject = '{user}')");
        for change in [
            format!("UPDATE token_sets SET scope = 'accounts' {}", of("42")),
            format!("UPDATE token_sets SET health = 'needs_consent' {}", of("45")),
            format!("UPDATE token_sets SET health = 'lost_in_flight' {}", of("46")),
        ] {
            execute(&self.world.database_url, &change).await;
        }
    }

    /// Runs lines as somebody would who has set what the page says.
    async fn run(&self, shell: &str, user: &str) -> Value {
        let claims =
            with(&self.issuer.claims(&self.world, user, "orders.read"), "aud", json!("https://orders.company.com"));
        let user_token = self.key.sign(&with(&claims, "client_id", json!("some-web-page")));
        let mut command = Command::new("bash");
        command
            .args(["-euo", "pipefail", "-c", shell])
            .env("FEDLINK", format!("{}/blitz", self.world.base))
            .env("ORDERS_SECRET", SECRET)
            .env("USER_TOKEN", user_token)
            .env("OWN_TOKEN", &self.own_token);
        let output = spawn_blocking(move || command.output()).await.expect("nobody panics").expect("bash");
        assert!(output.status.success(), "{shell}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
    }
}

both_engines! {
    async fn its_lines_get_what_it_says(engine: Engine) {
        let place = Place::set(engine).await;
        let lines = lines();
        let sections: BTreeSet<_> = lines.iter().map(|lines| lines.section).collect();
        assert_eq!(sections, SECTIONS.iter().map(|(section, _)| *section).collect(), "each section with lines is tried");
        let first = lines.first().and_then(|lines| lines.answer.clone()).expect("an answer");
        let fed_token = lines.iter().find(|lines| lines.section == "fedToken, for any user").and_then(|lines| lines.answer.clone());
        for Lines { section, shell, answer } in lines {
            let (_, user) = SECTIONS.iter().find(|(known, _)| *known == section).expect("it is one of them");
            let shown = answer.unwrap_or_else(|| {
                if section.starts_with("fedToken") { fed_token.clone().expect("an answer") } else { first.clone() }
            });
            let found = place.run(shell, user).await;
            assert!(alike(&shown, &found), "{section}: the page shows {shown}, and {found} came");
        }
    }

    async fn each_reason_that_it_names_is_one(engine: Engine) {
        let place = Place::set(engine).await;
        assert_eq!(first_column("`reason`"), REASONS.iter().map(|(reason, _)| *reason).collect());
        let lines = lines();
        for (reason, user) in REASONS {
            let section = if *reason == "missing_scopes" { "What the token has to be good for" } else { "No token, and why" };
            let shell = lines.iter().find(|lines| lines.section == section).expect("lines").shell;
            let told = place.run(shell, user).await;
            assert_eq!((&told["error"], &told["reason"]), (&json!("interaction_required"), &json!(reason)), "{told}");
        }
    }
}
