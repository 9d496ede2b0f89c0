//! docs/audit.md: its table has what the rules have, its settings are read as they stand, its lines run, and its answers are those.

use std::collections::BTreeSet;
use std::process::Command;

use domain::event::{About, Actor, AuditLine, Event, Field, Readers};
use domain::ids::ProviderId;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::logged::told;
use super::written;
use crate::support::page::{alike, blocks};
use crate::support::site::Site;
use crate::support::world::{World, both_engines};

const PAGE: &str = include_str!("../../docs/audit.md");
const SECRET: &str = "support-secret-of-tests";

/// The part of the page under a heading.
fn section(heading: &str) -> &'static str {
    let rest = PAGE.split_once(&format!("\n## {heading}\n")).expect("the section").1;
    rest.split_once("\n## ").map_or(rest, |(section, _)| section)
}

/// What a section's blocks of a language say.
fn shown(heading: &str, language: &str) -> Vec<&'static str> {
    let blocks = blocks(section(heading)).into_iter();
    blocks.filter(|(found, _)| *found == language).map(|(_, text)| text).collect()
}

/// The words in code of a cell.
fn words(cell: &str) -> BTreeSet<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// What the page calls a field.
fn names(field: Field) -> &'static [&'static str] {
    match field {
        Field::Client => &["cId"],
        Field::Actor => &["sbj"],
        Field::Subject => &["obj"],
        Field::Provider => &["fpType", "fpName"],
        Field::Sid => &["extSid"],
        Field::Detail => &["detail"],
        Field::Ip => &["ip"],
        Field::Agent => &["ua"],
        Field::Count => &["count"],
    }
}

#[test]
fn the_table_has_what_the_rules_have() {
    let mut seen = Vec::new();
    for row in section("What is recorded").lines().filter(|line| line.starts_with("| `")).skip(1) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, kinds, _, process, fields, readers, _] = cells.as_slice() else { panic!("{row}") };
        for name in words(kinds) {
            let event = Event::parse(name).unwrap_or_else(|| panic!("{name} is none"));
            let rule = event.rule();
            assert_eq!(words(process), BTreeSet::from([rule.process]), "{name}");
            let has: BTreeSet<&str> = rule.fields.iter().flat_map(|field| names(*field)).copied().collect();
            assert_eq!(words(fields), has, "{name}");
            let expected = if rule.readers == Readers::Subject { "person" } else { "system" };
            assert_eq!(*readers, expected, "{name}");
            seen.push(event.as_str());
        }
    }
    seen.sort_unstable();
    let mut all: Vec<&str> = Event::ALL.iter().map(|event| event.as_str()).collect();
    all.sort_unstable();
    assert_eq!(seen, all, "each once");
}

/// The lines that the page's answers show, and one more of each kind that is asked for.
async fn fill(world: &World) {
    let provider = ProviderId::parse("tcs", "tcs_1").expect("a provider");
    let text = |text: &str| Some(text.to_owned());
    let browser = Actor {
        client: text("partner-console"),
        subject: text("42"),
        claimed_ip: text("203.0.113.9"),
        claimed_agent: text("Mozilla/5.0"),
    };
    let nobody = Actor::default();
    for (event, subject, sid, detail, actor) in [
        (Event::ConsentNeeded, "43", "2000517342", "needs_consent", &nobody),
        (Event::SignedIn, "42", "-", "password", &nobody),
        (Event::ConsentNeeded, "43", "2000517341", "needs_consent: invalid_grant", &nobody),
        (Event::Linked, "42", "1000347601", "proven", &browser),
    ] {
        let about = About { subject: Some(subject), provider: Some(&provider), sid: Some(sid), detail: Some(detail) };
        written(world, &[AuditLine::new(world.app.parts.entropy.uuid(), world.now(), event, actor, about)]).await;
        world.advance(1);
    }
}

both_engines! {
    async fn what_the_page_shows_over_http_is_what_comes(engine: Engine) {
        let [client] = shown("Over HTTP", "toml")[..] else { panic!("settings") };
        let client = client.replace("{ env = \"SUPPORT_SECRET\" }", &format!("\"{SECRET}\""));
        let world = World::frozen_with(engine, |plain| plain + "\n" + &client).await;
        world.account("42").await;
        fill(&world).await;
        let (lines, answers) = (shown("Over HTTP", "sh"), shown("Over HTTP", "json"));
        assert_eq!((lines.len(), answers.len()), (2, 2));
        let mut before = String::new();
        for (shell, answer) in lines.into_iter().zip(answers) {
            let expected: Value = serde_json::from_str(answer).expect("JSON");
            let mut command = Command::new("bash");
            command
                .args(["-euo", "pipefail", "-c", &format!("{before}\n{shell}")])
                .env("FEDLINK", format!("{}/blitz", world.base))
                .env("SUPPORT_SECRET", SECRET);
            let output = spawn_blocking(move || command.output()).await.expect("it ends").expect("there is bash");
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            let found: Value = serde_json::from_str(said.trim()).unwrap_or_else(|error| panic!("{error}: {said}"));
            assert!(alike(&expected, &found), "{shell}\n{expected}\n{found}");
            // The token is asked for once.
            before = shell.split("\ncurl").next().unwrap_or_default().to_owned();
        }
    }

    async fn what_the_page_shows_on_the_command_line_runs(engine: Engine) {
        tokio::task::block_in_place(|| {
            let site = Site::ready(engine, "http://127.0.0.1:9");
            let line = json!({"subject": "42", "fpType": "tcs", "fpName": "tcs_1", "sid": "1000347601"}).to_string();
            site.feed(&["import", "--register", "-"], &line).good();
            let [block] = shown("On the command line", "sh")[..] else { panic!("commands") };
            let mut ran = 0;
            for command in block.lines() {
                let words: Vec<&str> =
                    command.split('#').next().unwrap_or_default().split_whitespace().skip(1).collect();
                if words.contains(&"--follow") {
                    let mut following = site.start(&words);
                    assert!(!following.line().is_empty(), "{command}");
                    assert!(following.terminate().success(), "{command}");
                } else {
                    assert_eq!(site.run(&words).good().is_empty(), command.contains("SIGN_IN_REFUSED"), "{command}");
                }
                ran += 1;
            }
            assert_eq!(ran, 4);
        });
    }

    async fn what_the_page_shows_of_the_log_is_what_comes(engine: Engine) {
        tokio::task::block_in_place(|| {
            let mut site = Site::new(engine, "http://127.0.0.1:9");
            let [settings] = shown("In the log", "toml")[..] else { panic!("settings") };
            site.settings += settings;
            site.make_keyring(engine);
            let line = json!({"subject": "alice", "fpType": "tcs", "fpName": "tcs_1", "sid": "1"}).to_string();
            let said = site.feed(&["import", "--register", "-"], &line).stderr;
            let [answer] = shown("In the log", "json")[..] else { panic!("a line") };
            let mut expected: Value = serde_json::from_str(answer).expect("JSON");
            for usual in ["timestamp", "level", "message"] {
                assert!(expected.as_object_mut().expect("an object").remove(usual).is_some());
            }
            let found = told(&said);
            assert!(found.values().any(|line| alike(&expected, line)), "{expected}\n{found:#?}");
        });
    }
}
