//! The built program: it tells by itself while it serves, and its operator sees and replays what was not taken.

use serde_json::{Value, json};

use crate::support::receiver::{Manner, NEW_SECRET, Receiver, is_signed};
use crate::support::site::Site;
use crate::support::world::both_engines;

fn lines(output: &str) -> Vec<Value> {
    output.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

both_engines! {
    async fn a_server_tells_by_itself_and_its_operator_sees_what_was_not_taken(engine: Engine) {
        let receiver = Receiver::start().await;
        let mut site = Site::new(engine, "http://127.0.0.1:9");
        site.settings += &receiver.settings_with("crm", "secrets = [{ env = \"HOOK\" }]");
        site.env.push(("HOOK", NEW_SECRET.to_owned()));
        site.make_keyring(engine);
        let checked = tokio::task::block_in_place(|| site.run(&["check"]));
        assert!(checked.stdout.contains("webhook crm: 127.0.0.1, 16 kinds of events"), "{checked:?}");
        assert!(!format!("{checked:?}").contains("whsec_"), "{checked:?}");
        let line = |sid: &str| json!({"subject": "alice", "fpType": "tcs", "fpName": "tcs_1", "sid": sid}).to_string();
        let import = |sid: &str| tokio::task::block_in_place(|| site.feed(&["import", "--register", "-"], &line(sid)).good().to_owned());
        import("1");
        let waiting = lines(tokio::task::block_in_place(|| site.run(&["events", "list", "--json"])).good());
        assert_eq!(waiting.len(), 1);
        assert_eq!((&waiting[0]["type"], &waiting[0]["endpoint"], &waiting[0]["attempts"]), (&json!("FEDERATION_POINT_BOUND"), &json!("crm"), &json!(0)));
        receiver.behave(Manner::Status(507));
        let mut serving = tokio::task::block_in_place(|| site.serve());
        receiver.wait_for(1).await;
        receiver.behave(Manner::Status(200));
        // Another process queues, and this one tells: the first when its pause is over.
        import("2");
        receiver.wait_for(3).await;
        // Taken, and written down.
        while !tokio::task::block_in_place(|| site.run(&["events", "list"])).good().is_empty() {}
        serving.kill();
        let taken = receiver.taken();
        assert!(taken.iter().all(|told| is_signed(told, NEW_SECRET)));
        let mut took = receiver.took();
        took.sort();
        assert_eq!(took, ["FEDERATION_POINT_BOUND 1", "FEDERATION_POINT_BOUND 2"]);
        let id = &taken[0].id;
        let run = |args: &[&str]| tokio::task::block_in_place(|| site.run(args));
        assert_eq!(lines(run(&["events", "replay", "--id", id, "--json"]).good()), [json!({"replayed": 1})]);
        assert_eq!(lines(run(&["events", "replay", "--since", "2026-01-01T00:00:00Z", "--json"]).good()), [json!({"replayed": 1})]);
        assert_eq!(lines(run(&["events", "replay", "--endpoint", "crm", "--dead", "--json"]).good()), [json!({"replayed": 0})]);
        let of_a_day = ["events", "replay", "--since", "2025-01-01T00:00:00Z", "--until", "2025-01-02T00:00:00Z", "--json"];
        assert_eq!(lines(run(&of_a_day).good()), [json!({"replayed": 0})]);
        assert_eq!(lines(run(&["events", "list", "--endpoint", "crm", "--json"]).good()).len(), 2);
        assert!(run(&["events", "list", "--dead"]).good().is_empty());
        assert!(run(&["events", "replay", "--endpoint", "nobody", "--dead"]).complaint().contains("endpoint is none that the settings name"));
        for wrong in [&["events", "replay"][..], &["events", "replay", "--dead"], &["events", "replay", "--id", "x"]] {
            assert_eq!(run(wrong).status.code(), Some(2), "{wrong:?}");
        }
    }
}
