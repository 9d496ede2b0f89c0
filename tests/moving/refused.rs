//! What is refused of an export: lines that were changed, that can't be taken in, a passphrase that is another's.

use std::fs;

use serde_json::{Value, json};

use super::{PASSPHRASE, all, another, passphrase, sealed, text};
use crate::database::released::left;
use crate::support::database::{execute, texts};
use crate::support::world::both_engines;

both_engines! {
    async fn a_sealed_export_that_was_changed_is_taken_in_to_there(engine: Engine) {
        let from = left(engine).await;
        let lines = sealed(&from, "moved.jsonl");
        let account = lines.iter().position(|line| line.starts_with("{\"account\"")).expect("an account");
        let link = lines.iter().position(|line| line.starts_with("{\"link\"")).expect("a link");
        let end = lines.len() - 1;
        let with = |change: &dyn Fn(&mut Vec<String>)| {
            let mut lines = lines.clone();
            change(&mut lines);
            lines
        };
        let owner = |line: &str| serde_json::from_str::<Value>(line).expect("JSON")["link"]["subject"].clone();
        let whose = owner(&lines[link]).as_str().expect("a subject").to_owned();
        let changed = [
            ("another owner", link, with(&|all| all[link] = all[link].replace(&whose, "mallory"))),
            ("an administrator", account, with(&|all| all[account] = all[account].replace("\"isAdmin\":false", "\"isAdmin\":true"))),
            ("two in each other's place", link, with(&|all| all.swap(link, link + 1))),
            ("one taken out", link, with(&|all| drop(all.remove(link)))),
            ("one brought in", account + 1, with(&|all| all.insert(account, all[account].clone()))),
            ("one without its seal", link, with(&|all| {
                let (told, _) = all[link].split_once(",\"sealed\"").expect("it is sealed");
                all[link] = format!("{told}}}");
            })),
            ("one in the clear", link, with(&|all| {
                let (told, _) = all[link].split_once(",\"sealed\"").expect("it is sealed");
                all[link] = format!("{told},\"secrets\":{{}}}}");
            })),
            ("another's seal", link, with(&|all| {
                let (told, _) = all[link].split_once(",\"sealed\"").expect("it is sealed");
                let (_, seal) = all[link + 1].split_once(",\"sealed\"").expect("it is sealed");
                all[link] = format!("{told},\"sealed\"{seal}");
            })),
            ("a blank in its place", link, with(&|all| all[link].clear())),
            ("too much in its place", link, with(&|all| all[link] = "x".repeat(1 << 24))),
            ("a line cut off", link, with(&|all| all[link].truncate(50))),
            ("another end", end, with(&|all| all[end] = all[end].replace("\"lines\":", "\"lines\":1"))),
            ("more after the end", end + 1, with(&|all| all.push(all[end].clone()))),
        ];
        for (what, at, changed) in changed {
            let to = another(&from, engine);
            fs::write(to.path("changed.jsonl"), changed.join("\n")).expect("room");
            let refused = to.run(&["import", &text(&to.path("changed.jsonl")), "--passphrase-file", &passphrase(&to)]);
            let words = format!("stopped at line {}", at + 1);
            assert!(refused.complaint().contains(&words), "{what}: {refused:?}");
            let owners = texts(&to.database_url(), "SELECT subject AS value FROM links").await;
            assert!(!owners.contains(&"mallory".to_owned()) && owners.len() <= at.saturating_sub(link), "{what}: {owners:?}");
            let admins = texts(&to.database_url(), "SELECT subject AS value FROM accounts WHERE is_admin").await;
            assert!(admins.is_empty(), "{what}");
        }
        // Cut off between two lines, it is told at its end.
        let to = another(&from, engine);
        fs::write(to.path("short.jsonl"), lines[..end].join("\n")).expect("room");
        let short = to.run(&["import", &text(&to.path("short.jsonl")), "--passphrase-file", &passphrase(&to)]);
        assert!(short.complaint().contains("without its last line: it is not whole"), "{short:?}");
        // What is no text in the place of a line.
        let odd = another(&from, engine);
        let joined = lines.join("\n").replacen("{\"link\"", "\u{0}\u{0}\u{0}", 1).into_bytes();
        let bytes: Vec<u8> = joined.into_iter().map(|byte| if byte == 0 { 0xff } else { byte }).collect();
        fs::write(odd.path("odd.jsonl"), bytes).expect("room");
        let refused = odd.run(&["import", &text(&odd.path("odd.jsonl")), "--passphrase-file", &passphrase(&odd)]);
        assert!(refused.complaint().contains(&format!("stopped at line {}", link + 1)), "{refused:?}");
        // The whole of it goes on from there.
        let on = to.run(&["import", &text(&from.path("moved.jsonl")), "--passphrase-file", &passphrase(&to)]);
        assert!(on.good().starts_with("0 taken in") && on.stderr.contains("going on after line"), "{on:?}");
        assert_eq!(all(&to), all(&from));
    }
    async fn an_export_opens_by_its_passphrase_alone(engine: Engine) {
        let from = left(engine).await;
        let lines = sealed(&from, "moved.jsonl");
        let moved = text(&from.path("moved.jsonl"));
        let to = another(&from, engine);
        let import = |name: &str, passphrase: &str| {
            to.write_private(name, passphrase);
            to.run(&["import", &moved, "--passphrase-file", &text(&to.path(name))])
        };
        let wrong = import("wrong", &PASSPHRASE.to_uppercase());
        assert!(wrong.complaint().contains("passphrase is another than that of the export"), "{wrong:?}");
        let short = import("short", "hunter2");
        assert!(short.complaint().contains("passphrase must have 12 characters"), "{short:?}");
        let none = to.run(&["import", &moved]);
        assert!(none.complaint().contains("give --passphrase-file"), "{none:?}");
        let weak = from.run(&["export", &text(&from.path("weak.jsonl")), "--passphrase-file", &text(&to.path("short"))]);
        assert!(weak.complaint().contains("passphrase must have 12 characters"), "{weak:?}");
        assert!(!from.path("weak.jsonl").exists() && !from.path("weak.jsonl.part").exists());
        // An export of a later form, or with a key made otherwise, is not read for one of today's.
        for (from, into, complaint) in [
            ("\"export\":1", "\"export\":2", "reads form 1"),
            ("m=65536", "m=4194304", "derivation must be"),
        ] {
            fs::write(to.path("other.jsonl"), lines.join("\n").replacen(from, into, 1)).expect("room");
            let other = to.run(&["import", &text(&to.path("other.jsonl")), "--passphrase-file", &passphrase(&to)]);
            assert!(other.complaint().contains(complaint), "{other:?}");
        }
        assert!(texts(&to.database_url(), "SELECT subject AS value FROM accounts").await.is_empty());
        // Without its seals, anybody could have written it.
        let plain = from.run(&["export", "-", "--plain"]);
        let alone = json!({"subject": "eve", "fpType": "box", "fpName": "box_1", "sid": "1"}).to_string();
        for unsealed in [plain.good(), &alone] {
            let given = ["import", "--register", "-", "--passphrase-file", &passphrase(&to)];
            let refused = to.feed(&given, unsealed);
            assert!(refused.complaint().contains("the file is not sealed"), "{refused:?}");
        }
        assert!(texts(&to.database_url(), "SELECT subject AS value FROM accounts").await.is_empty());
        let there = from.run(&["export", &moved, "--passphrase-file", &passphrase(&from)]);
        assert!(there.complaint().contains("is there already"), "{there:?}");
    }
    async fn a_record_that_is_refused_takes_no_other_along(engine: Engine) {
        let from = left(engine).await;
        let plain = from.run(&["export", "-", "--plain"]);
        let mut lines: Vec<String> = plain.good().lines().map(str::to_owned).collect();
        let at = |kind: &str| lines.iter().position(|line| line.starts_with(&format!("{{\"{kind}\""))).expect("one");
        let (account, link) = (at("account"), at("link"));
        let made: Value = serde_json::from_str(&lines[account]).expect("JSON");
        let linked: Value = serde_json::from_str(&lines[link]).expect("JSON");
        let changed = |whole: &Value, kind: &str, changes: Value| {
            let mut whole = whole.clone();
            for (name, value) in changes.as_object().expect("an object") {
                whole[kind][name] = value.clone();
            }
            whole.to_string()
        };
        let of_account = |changes: Value| changed(&made, "account", changes);
        let of_link = |changes: Value| changed(&linked, "link", changes);
        let bad = [
            (of_account(json!({"subject": "u1", "type": "robot"})), "type must be staff"),
            (of_account(json!({"subject": "u2", "email": "nowhere"})), "email must be an address"),
            (of_account(json!({"subject": "u3", "issuer": "https://nobody.example"})), "issuer is none of [[issuers]]"),
            (of_account(json!({"subject": "u4", "rightsSet": "00000000-0000-4000-8000-000000000009"})), "rightsSet names none"),
            (of_account(json!({"subject": "u5", "meta": "[]"})), "meta must be a JSON object"),
            (of_account(json!({"subject": "u6", "isKing": true})), "isKing is not a field this takes"),
            (json!({"account": made["account"], "secrets": {"passwordHash": "$2b$12$abcdefghijklmnopqrstuv"}}).to_string(), "passwordHash must be a PHC string"),
            (of_link(json!({"subject": "nobody"})), "no such user"),
            (of_link(json!({"fpName": "box_2"})), "box:box_2 is no configured provider"),
            (of_link(json!({"fpType": "partner", "fpName": "bank"})), "bank is the identity_type of none of [[partners]]"),
            (of_link(json!({"proof": "surely"})), "proof must be proven or asserted"),
            (of_link(json!({"tokens": {"health": "fine"}})), "tokens.health must be one of"),
            (json!({"employee": {"id": "00000000-0000-4000-8000-000000000001", "organization": "00000000-0000-4000-8000-000000000002", "subject": "alice", "isAccepted": true, "isRejected": false, "isBlocked": false, "created": "2026-01-01T00:00:00Z", "updated": "2026-01-01T00:00:00Z"}}).to_string(), "organization names none that is here"),
            (json!({"cat": {}}).to_string(), "no known kind"),
            ("{\"link\":{}".to_owned(), "is no line of an export"),
            (format!("{{\"link\":\"{}\"}}", "x".repeat(1 << 24)), "is longer than 16 MiB"),
        ];
        let after = lines.len() - 1;
        for (line, _) in &bad {
            lines.insert(after, line.clone());
        }
        let to = another(&from, engine);
        fs::write(to.path("plain.jsonl"), lines.join("\n")).expect("room");
        let told = to.run(&["import", &text(&to.path("plain.jsonl"))]);
        let said = told.complaint();
        for (place, (_, complaint)) in bad.iter().rev().enumerate() {
            let number = format!("line {}: ", after + 1 + place);
            let complained = said.lines().find(|told| told.starts_with(&number));
            assert!(complained.is_some_and(|told| told.contains(complaint)), "{number}{complaint} is not in\n{said}");
        }
        assert_eq!(told.stdout, format!("{} taken in, {} refused\n", after - 1, bad.len()));
        assert_eq!(all(&to), all(&from));
    }
    async fn an_account_at_a_provider_that_somebody_else_has_stays_theirs(engine: Engine) {
        let mut from = left(engine).await;
        from.settings = from.settings.replace("client_id = \"fedlink\"", "client_id = \"fedlink\"\nexclusive = true");
        sealed(&from, "moved.jsonl");
        let to = another(&from, engine);
        let theirs = |line: Value| to.feed(&["import", "--register", "-"], &line.to_string());
        theirs(json!({"subject": "eve", "fpType": "box", "fpName": "box_1", "sid": "of-alice"})).good();
        execute(&to.database_url(), "UPDATE links SET proof = 'proven'").await;
        let told = to.run(&["import", &text(&from.path("moved.jsonl")), "--passphrase-file", &passphrase(&to)]);
        assert!(told.complaint().contains("linked to another"), "{told:?}");
        let owners = texts(&to.database_url(), "SELECT subject AS value FROM links WHERE sid = 'of-alice'").await;
        assert_eq!(owners, ["eve"]);
        let others = texts(&to.database_url(), "SELECT subject AS value FROM links WHERE sid <> 'of-alice'").await;
        let had = texts(&from.database_url(), "SELECT subject AS value FROM links WHERE sid <> 'of-alice'").await;
        assert_eq!(others.len(), had.len(), "all others are in");
    }
}
