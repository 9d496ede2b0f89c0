//! ops/alerts.yaml: each alert is set off by what it is for, and by nothing that another is for; ops/dashboard.json: it asks for what is
//! told.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use chrono::TimeDelta;
use domain::clock::{MovableClock, SystemClock};
use domain::pace;
use domain::served::Due;
use fedlink::http::server::{Capacity, Hands, Service};
use sandbox::Refusal;
use service::{counting, folding};
use tokio::net::TcpStream;

use super::moves::Samples;
use super::{samples, samples_at, trusting, with_a_secret_that_ends};
use crate::support::database::execute;
use crate::support::fed::{expired, fed_token, fed_token_of, held, lasting};
use crate::support::promtool::promtool;
use crate::support::receiver::{Manner, Receiver, deliver};
use crate::support::revocations::unlink;
use crate::support::site::Site;
use crate::support::world::{As, Body, Engine, World, both_engines};

const RULES: &str = include_str!("../../ops/alerts.yaml");

/// What was told until something happened, and what is told since; nothing where nobody answered.
type Scrapes = [Option<Samples>; 2];

/// Has the rules judge five minutes of the first and half an hour of the second: these alerts have fired, and no others.
#[track_caller]
fn assert_fires(scrapes: &Scrapes, alerts: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("alerts.yaml"), RULES).expect("it is written");
    let names: BTreeSet<&String> = scrapes.iter().flatten().flat_map(|samples| samples.keys()).collect();
    let mut series = String::new();
    let mut add = |name: &str, values: [Option<f64>; 2]| {
        let [before, after] = values.map(|value| value.map(|value| value.to_string()));
        let gap = || "_".to_owned();
        let (before, after) = (before.unwrap_or_else(gap), after.unwrap_or_else(gap));
        let _infallible = writeln!(series, "      - series: '{name}'\n        values: '{before}x4 {after}x30'");
    };
    for name in names {
        let (metric, labels) = name.split_once('{').unwrap_or((name, "}"));
        let separator = if labels == "}" { "" } else { "," };
        let labelled = format!("{metric}{{job=\"fedlink\",instance=\"one\"{separator}{labels}");
        add(&labelled, scrapes.each_ref().map(|samples| samples.as_ref()?.get(name).copied()));
    }
    let up = scrapes.each_ref().map(|samples| Some(if samples.is_some() { 1.0 } else { 0.0 }));
    add("up{job=\"fedlink\",instance=\"one\"}", up);
    let fired =
        alerts.iter().map(|alert| format!("          - labels: '{{alertname=\"{alert}\"}}'\n            value: 1\n"));
    let fired: String = fired.collect();
    let expected = if fired.is_empty() { " []".to_owned() } else { format!("\n{fired}") };
    let test = format!(
        "rule_files: [alerts.yaml]\nevaluation_interval: 1m\ntests:\n  - interval: 1m\n    input_series:\n{series}    promql_expr_test:\n\
         \u{20}     - expr: max by (alertname) (max_over_time(ALERTS{{alertstate=\"firing\"}}[30m]))\n        eval_time: 30m\n        exp_samples:{expected}"
    );
    std::fs::write(folder.path().join("test.yaml"), test).expect("it is written");
    promtool(folder.path(), &["test", "rules", "test.yaml"]);
}

async fn world_with(engine: Engine, change: impl FnOnce(String) -> String) -> (World, As) {
    let world = World::frozen_with(engine, change).await;
    world.account("alice").await;
    let console = world.console().await;
    (world, console)
}

async fn world(engine: Engine) -> (World, As) {
    world_with(engine, |settings| settings).await
}

#[test]
fn the_rules_are_rules() {
    promtool(&Path::new(env!("CARGO_MANIFEST_DIR")).join("ops"), &["check", "rules", "alerts.yaml"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_is_down_is_noticed() {
    let site = Site::alone();
    let mut serving = site.serve();
    let before = samples_at(&serving.ops_url).await;
    assert!(before.is_some());
    assert!(serving.terminate().success());
    assert_fires(&[before, samples_at(&serving.ops_url).await], &["FedlinkIsDown"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_is_noticed() {
    let (world, _) = world(Engine::Postgres).await;
    let before = samples(&world).await;
    world.cut_off_database().await;
    assert_fires(&[Some(before), Some(samples(&world).await)], &["FedlinkHasNoDatabase"]);
}

both_engines! {
    async fn what_goes_well_sets_nothing_off(engine: Engine) {
        let (world, console) = world(engine).await;
        let before = samples(&world).await;
        expired(&world, "oleg").await;
        for _ in 0..20 {
            assert_eq!(fed_token(&world, &console, "").await.status, 200);
        }
        assert_fires(&[Some(before), Some(samples(&world).await)], &[]);
    }

    async fn a_fault_of_ours_is_noticed(engine: Engine) {
        let (world, console) = world(engine).await;
        lasting(&world, "oleg", 3600).await;
        let before = samples(&world).await;
        execute(&world.database_url, "DROP TABLE link_uses").await;
        let failed = world.call("GET", "/api/v3/users/alice/fa?detail=true", &console, Body::None).await;
        assert_eq!(failed.status, 500, "{}", failed.text());
        assert_fires(&[Some(before), Some(samples(&world).await)], &["FedlinkFails"]);
    }

    async fn a_provider_that_fails_is_noticed(engine: Engine) {
        for (refusal, alert) in [
            (Refusal::new(500, "server_error"), "FedlinkProviderFails"),
            (Refusal::new(400, "invalid_grant"), "FedlinkProviderRefuses"),
        ] {
            let (world, console) = world(engine).await;
            let before = samples(&world).await;
            world.sandbox.script().set(|settings| settings.refuse_refresh = Some(refusal));
            expired(&world, "oleg").await;
            assert_ne!(fed_token(&world, &console, "").await.status, 200);
            assert_fires(&[Some(before), Some(samples(&world).await)], &[alert]);
        }
    }

    async fn a_provider_that_is_slow_is_noticed(engine: Engine) {
        let (world, console) = world(engine).await;
        let before = samples(&world).await;
        expired(&world, "oleg").await;
        let hold = world.sandbox.script().hold_token_answers();
        let call = held(fed_token(&world, &console, ""), &hold).await;
        world.advance(8);
        hold.release();
        assert_eq!(call.await.status, 200);
        assert_fires(&[Some(before), Some(samples(&world).await)], &["FedlinkProviderIsSlow"]);
    }

    async fn a_provider_that_is_left_alone_is_noticed(engine: Engine) {
        let (world, console) = world(engine).await;
        let before = samples(&world).await;
        world.sandbox.script().set(|settings| settings.refuse_refresh = Some(Refusal::new(429, "slow_down")));
        for failing in 0..12 {
            expired(&world, &format!("failing-{failing}")).await;
            assert_eq!(fed_token(&world, &console, &format!("?sid=failing-{failing}")).await.status, 503);
        }
        assert_fires(&[Some(before), Some(samples(&world).await)], &["FedlinkProviderIsLeftAlone"]);
    }

    async fn what_is_not_revoked_is_noticed(engine: Engine) {
        let (world, console) = world(engine).await;
        lasting(&world, "oleg", 3600).await;
        let before = samples(&world).await;
        unlink(&world, &console, "oleg").await;
        world.advance(7 * 3600);
        assert_fires(&[Some(before), Some(samples(&world).await)], &["FedlinkRevocationsWait"]);
    }

    async fn a_receiver_that_takes_nothing_is_noticed(engine: Engine) {
        for (hours, alert) in [(2_u32, "FedlinkEventsWait"), (25, "FedlinkEventsGivenUp")] {
            let receiver = Receiver::start().await;
            let (world, console) = world_with(engine, |settings| settings + &receiver.settings("crm")).await;
            receiver.behave(Manner::Status(500));
            let before = samples(&world).await;
            let linked = world.call("POST", "/api/v3/users/alice/fa/box/box_1/oleg", &console, Body::None).await;
            assert_eq!(linked.status, 204, "{}", linked.text());
            for _ in 0..hours {
                deliver(&world).await;
                world.advance(3600);
            }
            deliver(&world).await;
            assert_fires(&[Some(before), Some(samples(&world).await)], &[alert]);
        }
    }

    async fn counts_that_wait_or_are_lost_are_noticed(engine: Engine) {
        for (is_damaged, alert) in [(false, "FedlinkCountsWait"), (true, "FedlinkCountsAreLost")] {
            let (world, console) = world(engine).await;
            lasting(&world, "oleg", 3600).await;
            let before = samples(&world).await;
            assert_eq!(fed_token(&world, &console, "").await.status, 200);
            counting::write(&world.app.parts).await.expect("what is counted is written");
            if is_damaged {
                let garbage = match engine {
                    Engine::Sqlite => "x'00'",
                    Engine::Postgres => "'\\x00'",
                };
                execute(&world.database_url, &format!("UPDATE served_pages SET page = {garbage}")).await;
                folding::fold(&world.app.parts, Due::AtTheEnd).await.expect("what can't be read is put aside");
            } else {
                world.advance(3 * 3600);
            }
            assert_fires(&[Some(before), Some(samples(&world).await)], &[alert]);
        }
    }

    async fn connections_that_are_refused_are_noticed(engine: Engine) {
        let (world, _) = world(engine).await;
        // Three workers would take two each: the house is full before any of them is.
        let (clock, drain) = (SystemClock::shared(), Duration::ZERO);
        let capacity = Capacity { workers: 3, connections: 4, bodies: pace::BODIES, clock, drain };
        let [public, ops] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
        let [address, ops_url] = [&public, &ops].map(|listener| listener.local_addr().expect("an address").to_string());
        let service = Service::new(&world.current, public, ops, &capacity, &Hands::default()).expect("it serves");
        tokio::spawn(service.run());
        let ops_url = format!("http://{ops_url}");
        let before = samples_at(&ops_url).await;
        let mut connected = Vec::new();
        for _ in 0..6 {
            connected.push(TcpStream::connect(&address).await.expect("it listens"));
        }
        let is_refused = |samples: &Option<Samples>| {
            samples.as_ref().is_some_and(|samples| samples["fedlink_http_connections_refused_total"] >= 1.0)
        };
        let mut after = samples_at(&ops_url).await;
        let mut looks = 0;
        while !is_refused(&after) {
            looks += 1;
            assert!(looks < 1_000, "{after:?}");
            after = samples_at(&ops_url).await;
        }
        assert_fires(&[before, after], &["FedlinkRefusesConnections"]);
    }

    async fn a_limit_that_many_reach_is_noticed(engine: Engine) {
        let limited = |settings: String| settings.replacen("id = \"console\"", "id = \"console\"\ntokens_per_minute = 1", 1);
        let (world, console) = world_with(engine, limited).await;
        lasting(&world, "oleg", 3600).await;
        let before = samples(&world).await;
        assert_eq!(fed_token(&world, &console, "").await.status, 200);
        for _ in 0..150 {
            assert_eq!(fed_token_of(&world, &console, "alice", "").await.status, 429);
        }
        assert_fires(&[Some(before), Some(samples(&world).await)], &["FedlinkLimitIsReached"]);
    }

    async fn secrets_and_certificates_that_end_are_noticed(engine: Engine) {
        let (world, _) = world_with(engine, |settings| with_a_secret_that_ends(&settings)).await;
        let before = samples(&world).await;
        let days = before["fedlink_client_secret_days{client=\"rival\"}"];
        // To ten days before.
        while samples(&world).await["fedlink_client_secret_days{client=\"rival\"}"] > 10.0 {
            world.advance(24 * 3600 * if days > 60.0 { 30 } else { 1 });
        }
        assert_fires(&[Some(before), Some(samples(&world).await)], &["FedlinkSecretEnds"]);

        let folder = tempfile::tempdir().expect("a folder");
        let (world, _) = world_with(engine, |settings| trusting(&settings, folder.path(), 100)).await;
        let before = samples(&world).await;
        world.advance(90 * 24 * 3600);
        assert_fires(&[Some(before), Some(samples(&world).await)], &["FedlinkCertificateEnds"]);
    }

    async fn clocks_that_differ_are_noticed(engine: Engine) {
        let (first, console) = world(engine).await;
        let late = MovableClock::frozen(first.now() - TimeDelta::seconds(45));
        let world = World::start_beside_at(&first, late, |settings| settings).await;
        let before = samples(&world).await;
        expired(&first, "oleg").await;
        world.send("GET", &format!("{}/blitz/api/v3/users/alice/fedToken/box/box_1?force=true", world.base), &console, Body::None, &[]).await;
        assert_fires(&[Some(before), Some(samples(&world).await)], &["FedlinkClocksDiffer"]);
    }
}
