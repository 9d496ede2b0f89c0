//! Lines of the record in the log, for those who ship logs: each that is committed, and none where nobody says so.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::site::Site;
use crate::support::world::both_engines;

/// The lines of the record that a log tells, by their ids, without what each line of a log has.
pub(super) fn told(log: &str) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for line in log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        let Value::Object(mut line) = line else { continue };
        if line.get("message") == Some(&json!("audit")) {
            let usual = ["message", "level", "timestamp"].map(|name| line.remove(name));
            assert!(usual.iter().all(Option::is_some), "{line:?}");
            let id = line["id"].as_str().expect("an id").to_owned();
            assert_eq!(found.insert(id, Value::Object(line)), None, "each is told once");
        }
    }
    found
}

/// The record as it is read, with `detail` where the log has it.
fn record(site: &Site) -> BTreeMap<String, Value> {
    let output = site.run(&["audit", "--json"]);
    let mut found = BTreeMap::new();
    for line in output.good().lines() {
        let mut line: Value = serde_json::from_str(line).expect("JSON");
        let members = line.as_object_mut().expect("an object");
        if let Some(prms) = members.remove("prms") {
            members.insert("detail".to_owned(), prms["detail"].clone());
        }
        found.insert(line["id"].as_str().expect("an id").to_owned(), line);
    }
    found
}

/// Everything that a site's commands say in its log while a link is made and a key is changed.
fn commands(site: &Site) -> String {
    let line = json!({"subject": "alice", "fpType": "tcs", "fpName": "tcs_1", "sid": "1"}).to_string();
    let mut log = site.run(&["keys", "add"]).stderr;
    log += &site.feed(&["import", "--register", "-"], &line).stderr;
    let added = site.keys(&["add"])[0]["id"].as_str().expect("an id").to_owned();
    log + &site.run(&["keys", "activate", &added]).stderr
}

both_engines! {
    async fn each_line_is_told_to_the_log_whatever_else_is(engine: Engine) {
        tokio::task::block_in_place(|| {
            let mut site = Site::new(engine, "http://127.0.0.1:9");
            site.settings += "\n[audit]\nlog = true\n";
            site.env.push(("FEDLINK_LOG", "off".to_owned()));
            let told = told(&commands(&site));
            assert!(told.values().any(|line| line["type"] == "VAULT_KEY_ACTIVATED"), "{told:?}");
            assert!(told.values().any(|line| line["type"] == "FEDERATION_POINT_BOUND" && line["extSid"] == "1"), "{told:?}");
            assert_eq!(told, record(&site));
        });
    }

    async fn what_is_counted_is_told_as_it_is_added(engine: Engine) {
        tokio::task::block_in_place(|| {
            let mut site = Site::new(engine, "http://127.0.0.1:9");
            site.settings += "\n[audit]\nlog = true\n";
            site.make_keyring(engine);
            let mut serving = site.serve();
            let te = format!("{}/blitz/oauth/te", serving.base_url);
            for _ in 0..3 {
                let wrong = ["-s", "-u", "console:wrong", "-d", "grant_type=client_credentials", &te];
                assert!(Command::new("curl").args(wrong).output().expect("there is curl").status.success());
            }
            serving.terminate();
            let counts: Vec<u64> = serving
                .logs()
                .lines()
                .filter_map(|line| serde_json::from_str::<Value>(line).ok())
                .filter(|line| line["message"] == "audit" && line["type"] == "CLIENT_AUTHENTICATION_FAILED")
                .map(|line| line["count"].as_u64().expect("a number"))
                .collect();
            assert_eq!(counts.iter().sum::<u64>(), 3, "{counts:?}");
        });
    }

    async fn where_nobody_says_so_none_is_told(engine: Engine) {
        tokio::task::block_in_place(|| {
            let mut site = Site::new(engine, "http://127.0.0.1:9");
            site.env.push(("FEDLINK_LOG", "trace".to_owned()));
            assert_eq!(told(&commands(&site)), BTreeMap::new());
            assert!(record(&site).len() > 2);
        });
    }
}
