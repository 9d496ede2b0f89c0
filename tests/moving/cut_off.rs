//! Cut off at any moment, an import or an export goes on where it was: neither a double nor a gap.

use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::{all, another, passphrase, sealed, text};
use crate::database::released::left;
use crate::support::database::{execute, texts};
use crate::support::site::Site;
use crate::support::world::{Engine, both_engines};

/// Links of one user beside those of the release: some batches of them.
const MANY: usize = 1000;

async fn with_many(engine: Engine) -> Site {
    let site = left(engine).await;
    site.run(&["migrate"]).good();
    let lines: Vec<_> = (0..MANY).map(many).collect();
    site.feed(&["import", "-"], &lines.join("\n")).good();
    site
}

fn many(number: usize) -> String {
    json!({
        "subject": "alice", "fpType": "box", "fpName": "box_1", "sid": format!("sid-{number}"),
        "accessToken": format!("access-{number}"), "refreshToken": format!("refresh-{number}"),
    })
    .to_string()
}

/// Writes a file that is ours alone, whatever was there.
fn write_private(file: &Path, content: &[u8]) {
    fs::write(file, content).expect("room");
    fs::set_permissions(file, Permissions::from_mode(0o600)).expect("it is ours");
}

/// How many rows a query counts.
async fn count(site: &Site, rows: &str) -> usize {
    let counted = texts(&site.database_url(), &format!("SELECT CAST(count(*) AS text) AS value FROM {rows}")).await;
    counted.concat().parse().expect("a number")
}

both_engines! {
    async fn an_import_that_is_killed_goes_on_without_a_double_or_a_gap(engine: Engine) {
        let from = with_many(Engine::Sqlite).await;
        let lines = sealed(&from, "moved.jsonl");
        let to = another(&from, engine);
        let pipe = to.path("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().expect("there is mkfifo").success());
        let given = ["import", &text(&pipe), "--passphrase-file", &passphrase(&to)];
        let going = to.start(&given);
        // It is given two thirds, and waits for more when it is killed: whatever it has got to by then.
        let mut writer = File::options().write(true).open(&pipe).expect("it reads");
        writer.write_all((lines[..700].join("\n") + "\n").as_bytes()).expect("it reads on");
        while count(&to, "links").await < 200 {}
        drop(going);
        drop(writer);
        let before = count(&to, "links").await;
        assert!((200..lines.len()).contains(&before), "{before}");
        assert_eq!(count(&to, "imports").await, 1);

        let moved = text(&from.path("moved.jsonl"));
        let on = to.run(&["import", &moved, "--passphrase-file", &passphrase(&to), "--json"]);
        let told: Value = serde_json::from_str(on.good()).expect("JSON");
        assert!(on.stderr.contains("going on after line"), "{on:?}");
        assert_eq!(told["there_already"], json!(0), "nothing is taken in a second time: {told}");
        assert_eq!(all(&to), all(&from));
        let bound = count(&to, "audit WHERE event = 'FEDERATION_POINT_BOUND'").await;
        assert_eq!(bound, count(&to, "links").await, "each link has one line of the record");
        assert_eq!(count(&to, "imports").await, 0, "whoever takes it in again means all of it");
    }
    async fn an_import_that_is_killed_behind_the_last_record_ends_when_it_is_run_again(engine: Engine) {
        let from = left(engine).await;
        let lines = sealed(&from, "moved.jsonl");
        let to = another(&from, engine);
        let moved = text(&from.path("moved.jsonl"));
        let import = || to.run(&["import", &moved, "--passphrase-file", &passphrase(&to)]);
        import().good();
        // As it stands then: all records are in, and nobody has noted that those were all.
        let header: Value = serde_json::from_str(&lines[0]).expect("JSON");
        let export = header["fedlink"]["id"].as_str().expect("an id");
        let now = if engine == Engine::Sqlite { "1700000000000000" } else { "now()" };
        let note = format!("INSERT INTO imports VALUES ('{export}', {}, {now})", lines.len() - 1);
        execute(&to.database_url(), &note).await;
        let on = import();
        assert!(on.good().starts_with("0 taken in") && on.stderr.contains("going on after line"), "{on:?}");
        assert_eq!(count(&to, "imports").await, 0);
        assert_eq!(all(&to), all(&from));
    }
    async fn two_imports_of_one_export_take_in_nothing_twice(engine: Engine) {
        let from = with_many(Engine::Sqlite).await;
        sealed(&from, "moved.jsonl");
        let to = another(&from, engine);
        let moved = text(&from.path("moved.jsonl"));
        let given = ["import", &moved, "--passphrase-file", &passphrase(&to)];
        let mut at_once = [to.start(&given), to.start(&given)];
        let ended = at_once.each_mut().map(|going| going.wait().success());
        assert!(ended.contains(&true), "{ended:?}");
        assert_eq!(all(&to), all(&from));
        let bound = count(&to, "audit WHERE event = 'FEDERATION_POINT_BOUND'").await;
        // One that comes when the other is done takes all in anew, and changes nothing.
        let links = count(&to, "links").await;
        assert!(bound == links || (ended == [true, true] && bound == 2 * links), "{bound} of {links}, {ended:?}");
    }
    async fn an_export_that_is_cut_off_goes_on(engine: Engine) {
        let site = with_many(engine).await;
        let lines = sealed(&site, "whole.jsonl");
        let whole = fs::read_to_string(site.path("whole.jsonl")).expect("text");
        let file = text(&site.path("again.jsonl"));
        let part = site.path("again.jsonl.part");
        let export = ["export", &file, "--passphrase-file", &passphrase(&site)];
        let of = |line: &str| lines.iter().position(|other| other.starts_with(line)).expect("there is one");
        // After the header, in the middle of a line, between two, before the end, and after it.
        for cut in [
            lines[0].len() + 1,
            lines[..=of("{\"account\"")].join("\n").len() + 30,
            lines[..=of("{\"link\"")].join("\n").len() + 1,
            lines[..lines.len() - 1].join("\n").len() + 1,
            whole.len(),
        ] {
            write_private(&part, &whole.as_bytes()[..cut]);
            let on = site.run(&export);
            on.good();
            assert!(on.stderr.contains("going on after line"), "{cut}: {on:?}");
            assert!(!part.exists());
            let again = fs::read_to_string(&file).expect("text");
            let clear = |line: &str| line.split(",\"sealed\"").next().expect("something").to_owned();
            assert!(again.lines().map(clear).eq(lines.iter().map(|line| clear(line))), "{cut}");
            fs::remove_file(&file).expect("it is there");
        }
        // What it goes on with has to be an export of this passphrase.
        for (left, complaint) in [
            (lines[0].chars().take(40).collect(), "the header is missing"),
            (format!("{}\n", many(1)), "the header is missing"),
            (format!("{}\n{}\n", lines[0], lines[2]), "does not open"),
        ] {
            write_private(&part, left.as_bytes());
            let refused = site.run(&export);
            assert!(refused.complaint().contains(complaint), "{refused:?}");
            assert_eq!(fs::read_to_string(&part).expect("it stays"), left);
        }
        write_private(&part, whole.as_bytes());
        let plain = site.run(&["export", &file, "--plain"]);
        assert!(plain.complaint().contains("--plain must be as it was"), "{plain:?}");
        fs::set_permissions(&part, Permissions::from_mode(0o640)).expect("it is ours");
        let shared = site.run(&export);
        assert!(shared.complaint().contains("is not ours alone"), "{shared:?}");
    }
}
