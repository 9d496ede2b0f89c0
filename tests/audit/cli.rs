//! The built program: its operator reads the record, and follows it.

use serde_json::{Value, json};

use crate::support::site::Site;
use crate::support::world::{Engine, both_engines};

fn lines(output: &str) -> Vec<Value> {
    output.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn import(site: &Site, subject: &str, sid: &str) {
    let line = json!({"subject": subject, "fpType": "tcs", "fpName": "tcs_1", "sid": sid}).to_string();
    site.feed(&["import", "--register", "-"], &line).good();
}

fn site(engine: Engine) -> Site {
    let site = Site::ready(engine, "http://127.0.0.1:9");
    site.run(&["migrate"]).good();
    for (subject, sid) in [("alice", "1"), ("bob", "2")] {
        import(&site, subject, sid);
    }
    site
}

/// The kind of each line, and of whom it is.
fn told(site: &Site, args: &[&str]) -> Vec<String> {
    let output = site.run(&[&["audit", "--json"], args].concat());
    let text = |line: &Value, name: &str| line[name].as_str().unwrap_or("-").to_owned();
    lines(output.good()).iter().map(|line| [text(line, "type"), text(line, "obj")].join(" ")).collect()
}

const ALICE: [&str; 2] = ["ACCOUNT_CREATED alice", "FEDERATION_POINT_BOUND alice"];
const BOB: [&str; 2] = ["ACCOUNT_CREATED bob", "FEDERATION_POINT_BOUND bob"];

both_engines! {
    async fn an_operator_reads_the_record_as_it_happened(engine: Engine) {
        tokio::task::block_in_place(|| {
            let site = site(engine);
            let all: Vec<String> = told(&site, &[]).into_iter().filter(|line| !line.starts_with("VAULT_")).collect();
            assert_eq!(all, [ALICE, BOB].concat());
            for (args, expected) in [
                (&["--limit", "2"][..], &BOB[..]),
                (&["--subject", "alice"], &ALICE),
                (&["--type", "FEDERATION_POINT_BOUND,SIGNED_IN"], &[ALICE[1], BOB[1]]),
                (&["--type", "FEDERATION_POINT_BOUND", "--limit", "1"], &[BOB[1]]),
                (&["--provider", "tcs:tcs_1"], &[ALICE[1], BOB[1]]),
                (&["--provider", "tcs:tcs_1", "--sid", "1"], &[ALICE[1]]),
                (&["--subject", "bob", "--provider", "tcs:tcs_1", "--sid", "1"], &[]),
                (&["--from", "2999-01-01T00:00:00Z"], &[]),
                (&["--to", "2020-01-01T00:00:00Z"], &[]),
                (&["--subject", "bob", "--from", "2020-01-01T00:00:00Z", "--to", "2999-01-01T00:00:00+03:00"], &BOB),
            ] {
                assert_eq!(told(&site, args), expected, "{args:?}");
            }
            let words = site.run(&["audit", "--subject", "alice", "--limit", "1"]);
            assert!(words.good().contains("Z FEDERATION_POINT_BOUND subject=alice provider=tcs:tcs_1 sid=1 detail="), "{words:?}");
            for (wrong, complaint) in [
                (&["audit", "--type", "signed_in"][..], "type must be names of events"),
                (&["audit", "--provider", "tcs"], "fp must be type:name"),
            ] {
                assert!(site.run(wrong).complaint().contains(complaint), "{wrong:?}");
            }
            for wrong in [
                &["audit", "--limit", "0"][..], &["audit", "--limit", "100001"], &["audit", "--sid", "1"], &["audit", "--from", "yesterday"],
                &["audit", "--follow", "--to", "2026-01-01T00:00:00Z"],
            ] {
                assert_eq!(site.run(wrong).status.code(), Some(2), "{wrong:?}");
            }
        });
    }

    async fn an_operator_follows_the_record_until_told_to_stop(engine: Engine) {
        tokio::task::block_in_place(|| {
            let site = site(engine);
            let follow = ["audit", "--json", "--follow", "--limit", "1", "--type", "ACCOUNT_CREATED,FEDERATION_POINT_BOUND"];
            let mut following = site.start(&follow);
            let next = |following: &mut crate::support::program::Going| {
                let line: Value = serde_json::from_str(&following.line()).expect("JSON");
                format!("{} {}", line["type"].as_str().unwrap_or_default(), line["obj"].as_str().unwrap_or_default())
            };
            assert_eq!(next(&mut following), BOB[1], "the newest that was there");
            for (subject, sid) in [("carol", "3"), ("dave", "4")] {
                import(&site, subject, sid);
                let expected = ["ACCOUNT_CREATED", "FEDERATION_POINT_BOUND"].map(|kind| format!("{kind} {subject}"));
                assert_eq!([next(&mut following), next(&mut following)], expected, "each once");
            }
            assert!(following.terminate().success());

            let mut following = site.start(&follow);
            assert_eq!(next(&mut following), "FEDERATION_POINT_BOUND dave");
            following.hang_up();
            import(&site, "erin", "5");
            assert!(following.wait().success(), "nobody reads it any more");
        });
    }
}
