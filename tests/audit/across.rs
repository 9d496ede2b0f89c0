//! The record across people: what is found, a page at a time, by whom, and that it is written down.

use domain::event::{About, Actor, AuditLine, Event};
use domain::ids::{ClientId, ProviderId};
use serde_json::json;

use super::{lines, written};
use crate::support::database::execute;
use crate::support::world::{Answer, As, Body, CONSOLE, Engine, RIVAL, World, both_engines};

async fn search(world: &World, who: &As, query: &str) -> Answer {
    world.call("GET", &format!("/api/v3/audit?{query}"), who, Body::None).await
}

/// What a page says: the kind, of whom, and at which account.
#[track_caller]
fn told(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let page = answer.json();
    let lines = page["lines"].as_array().expect("lines").iter();
    let text = |line: &serde_json::Value, name: &str| line[name].as_str().unwrap_or("-").to_owned();
    lines.map(|line| ["type", "obj", "fpName", "extSid"].map(|name| text(line, name)).join(" ")).collect()
}

/// Six lines, a minute between each, of four kinds.
async fn world(engine: Engine) -> (World, As) {
    let world = World::frozen(engine).await;
    let one = ProviderId::parse("box", "box_1").expect("a provider");
    let two = ProviderId::parse("box", "box_2").expect("a provider");
    let rows = [
        (Event::SignedIn, Some("alice"), None, None),
        (Event::Linked, Some("alice"), Some(&one), Some("oleg")),
        (Event::Linked, Some("bob"), Some(&two), Some("oleg")),
        (Event::ConsentNeeded, Some("alice"), Some(&one), Some("oleg")),
        (Event::KeyActivated, None, None, None),
        (Event::Unlinked, Some("bob"), Some(&two), Some("oleg")),
    ];
    for (event, subject, provider, sid) in rows {
        let about = About { subject, provider, sid, detail: Some("k2") };
        let line = AuditLine::new(world.app.parts.entropy.uuid(), world.now(), event, &Actor::default(), about);
        written(&world, &[line]).await;
        world.advance(60);
    }
    let console = world.system(CONSOLE, &["blitz_api_sys_uaud"]).await;
    (world, console)
}

/// What the world wrote, without the calls' own lines.
const SIGNED_IN: &str = "SIGNED_IN alice - -";
const LINKED: &str = "FEDERATION_POINT_BOUND alice box_1 oleg";
const BOBS: &str = "FEDERATION_POINT_BOUND bob box_2 oleg";
const NEEDED: &str = "FEDERATION_CONSENT_NEEDED alice box_1 oleg";
const KEY: &str = "VAULT_KEY_ACTIVATED - - -";
const GONE: &str = "FEDERATION_POINT_UNBOUND bob box_2 oleg";

both_engines! {
    async fn what_fits_all_that_is_said_is_found_newest_first(engine: Engine) {
        let (world, console) = world(engine).await;
        let ended = world.now();
        let at = |minute: i64| (ended - chrono::TimeDelta::minutes(6 - minute)).format("%Y-%m-%dT%H:%M:%SZ").to_string();
        let until = format!("to={}", at(6));
        for (query, expected) in [
            (until.clone(), vec![GONE, KEY, NEEDED, BOBS, LINKED, SIGNED_IN]),
            (format!("from={}&to={}", at(1), at(3)), vec![BOBS, LINKED]),
            (format!("from={}&{until}&type=FEDERATION_POINT_BOUND", at(2)), vec![BOBS]),
            ("type=FEDERATION_POINT_BOUND,FEDERATION_POINT_UNBOUND".to_owned(), vec![GONE, BOBS, LINKED]),
            ("type=VAULT_KEY_ACTIVATED".to_owned(), vec![KEY]),
            ("type=VAULT_KEY_DROPPED".to_owned(), vec![]),
            (format!("fp=box:box_1&{until}"), vec![NEEDED, LINKED]),
            (format!("fp=box%3Abox_2&sid=oleg&{until}"), vec![GONE, BOBS]),
            ("fp=box:box_2&sid=oleg&type=FEDERATION_POINT_UNBOUND".to_owned(), vec![GONE]),
            ("fp=box:box_2&sid=nobody&type=FEDERATION_POINT_UNBOUND".to_owned(), vec![]),
            ("fp=partner:sdk&type=SIGNED_IN".to_owned(), vec![]),
        ] {
            let answer = search(&world, &console, &query).await;
            assert_eq!(told(&answer), expected, "{query}");
            assert!(answer.json().get("next").is_none(), "{query}");
        }
    }

    async fn pages_follow_each_other_to_the_last(engine: Engine) {
        let (world, console) = world(engine).await;
        let until = world.now().format("to=%Y-%m-%dT%H:%M:%SZ").to_string();
        for (query, all) in [
            (until.clone(), vec![GONE, KEY, NEEDED, BOBS, LINKED, SIGNED_IN]),
            ("type=FEDERATION_POINT_BOUND,FEDERATION_POINT_UNBOUND,SIGNED_IN".to_owned(), vec![GONE, BOBS, LINKED, SIGNED_IN]),
            (format!("fp=box:box_1&{until}"), vec![NEEDED, LINKED]),
            (format!("fp=box:box_2&sid=oleg&{until}"), vec![GONE, BOBS]),
        ] {
            let (mut seen, mut after, mut pages) = (Vec::new(), String::new(), 0);
            loop {
                let answer = search(&world, &console, &format!("{query}&limit=1{after}")).await;
                seen.extend(told(&answer));
                pages += 1;
                let Some(next) = answer.json()["next"].as_str().map(str::to_owned) else { break };
                assert!(pages <= all.len(), "{query}: no end");
                after = format!("&after={next}");
            }
            assert_eq!(seen, all, "{query}");
        }
    }

    /// What fits is rare among what is looked at: the page says where to go on, and the last has it.
    async fn a_page_looks_at_so_many_lines_and_says_where_to_go_on(engine: Engine) {
        let (world, console) = world(engine).await;
        let id = "'00000000-0000-4000-8000-' || (100000000000 + i)";
        let (id, now) = if engine == Engine::Sqlite {
            (format!("({id})"), format!("{}", world.now().timestamp_micros()))
        } else {
            (format!("CAST({id} AS uuid)"), format!("to_timestamp({})", world.now().timestamp()))
        };
        let numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)";
        let fill = format!(
            "{numbers} INSERT INTO audit (id, at, event, fp_type, fp_name, sid) SELECT {id}, {now}, 'FEDERATION_TOKENS_SERVED', 'box', 'other', 's' FROM n"
        );
        execute(&world.database_url, &fill).await;
        let (mut seen, mut after, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let answer = search(&world, &console, &format!("fp=box:box_2&type=FEDERATION_POINT_BOUND,FEDERATION_TOKENS_SERVED{after}")).await;
            seen.extend(told(&answer));
            pages += 1;
            let Some(next) = answer.json()["next"].as_str().map(str::to_owned) else { break };
            after = format!("&after={next}");
        }
        assert_eq!((seen, pages), (vec![BOBS.to_owned()], 2));
        let page = search(&world, &console, "type=FEDERATION_TOKENS_SERVED").await;
        assert_eq!(told(&page).len(), 200);
        assert!(page.json()["next"].is_string());
        assert_eq!(told(&search(&world, &console, "type=FEDERATION_TOKENS_SERVED&limit=1000").await).len(), 1000);
    }

    async fn what_is_wrong_with_a_search_is_named(engine: Engine) {
        let (world, console) = world(engine).await;
        for (query, words) in [
            ("from=yesterday", "from must be a moment of RFC 3339"),
            ("from=1637230238", "from must be"),
            ("to=", "to must be a moment of RFC 3339"),
            ("to=2026-11-26T00:00:00Z&to=2026-11-26T00:00:00Z", "to stands more than once"),
            ("type=", "type must be names of events"),
            ("type=signed_in", "type must be names of events"),
            ("type=SIGNED_IN,", "type must be names of events"),
            ("fp=box", "fp must be type:name"),
            ("sid=oleg", "sid goes with fp"),
            ("sid=oleg&type=SIGNED_IN", "sid goes with fp"),
            ("fp=box:box_1&sid=", "sid is empty"),
            ("limit=0", "limit must be a whole number from 1 to 1000"),
            ("limit=1001", "limit must be"),
            ("limit=%2B1", "limit must be"),
            ("after=", "after must be the next of an answer before"),
            ("after=AAAA", "after must be"),
        ] {
            let answer = search(&world, &console, query).await;
            assert_eq!(answer.refusal(), (400, "wrong_values".to_owned()), "{query}");
            let desc = answer.json()["desc"].as_str().expect("words").to_owned();
            assert!(desc.starts_with(words), "{query}: {desc}");
        }
        assert_eq!(lines(&world, "AUDIT_SEARCHED", &["client"]).await, Vec::<String>::new(), "who sees nothing is not noted");
    }

    async fn each_reading_is_written_down_before_it_is_answered(engine: Engine) {
        let (world, console) = world(engine).await;
        for query in ["type=SIGNED_IN,SIGNED_OUT", "fp=box:box_1&sid=oleg&limit=1", "from=2026-01-01T00:00:00Z"] {
            let headers = [("x-forwarded-for", "192.0.2.7"), ("user-agent", "Support")];
            let answer = world.call_with("GET", &format!("/api/v3/audit?{query}"), &console, Body::None, &headers).await;
            assert_eq!(answer.status, 200, "{query}");
        }
        let columns = ["client", "actor", "subject", "fp_name", "sid", "detail", "claimed_ip", "claimed_agent"];
        assert_eq!(
            lines(&world, "AUDIT_SEARCHED", &columns).await,
            [
                "console - - - - - 192.0.2.7 Support",
                "console - - - - SIGNED_IN,SIGNED_OUT 192.0.2.7 Support",
                "console - - box_1 oleg - 192.0.2.7 Support",
            ]
        );
        // And it can be read there.
        let own = search(&world, &console, "type=AUDIT_SEARCHED&limit=1").await;
        assert_eq!(own.json()["lines"][0]["cId"], json!("console"));
    }

    async fn nobody_acts_for_a_user_and_reads_of_others(engine: Engine) {
        let (world, _) = world(engine).await;
        let alice = world.user(CONSOLE, "alice", &["blitz_api_uaud", "blitz_api_sys_uaud"]).await;
        let own = world.system(CONSOLE, &["blitz_api_uaud", "blitz_api_sys_ufa", "fed_evt_any"]).await;
        for who in [alice, As::Nobody, own] {
            assert_eq!(search(&world, &who, "").await.refusal(), (401, "bad_access_token".to_owned()), "{who:?}");
        }
        assert_eq!(lines(&world, "AUDIT_SEARCHED", &["client"]).await, Vec::<String>::new());
    }

    async fn an_application_reads_once_at_a_time(engine: Engine) {
        let (world, console) = world(engine).await;
        let rival = world.system(RIVAL, &["blitz_api_sys_uaud"]).await;
        let client = ClientId::parse(CONSOLE).expect("a client id");
        let held = world.app.parts.caller_sized.place_of(&client).await.expect("a place");
        let mut waits = Box::pin(search(&world, &console, "type=SIGNED_IN"));
        assert!(futures_util::poll!(&mut waits).is_pending());
        assert_eq!(told(&search(&world, &rival, "type=SIGNED_IN").await), [SIGNED_IN]);
        assert!(futures_util::poll!(&mut waits).is_pending());
        drop(held);
        assert_eq!(told(&waits.await), [SIGNED_IN]);
    }

    /// Each line stands there again and again, so no statement that reads them ends by itself.
    async fn what_never_ends_is_ended(engine: Engine) {
        let world = World::frozen_with(engine, |settings| settings + "[limits]\nlist_timeout = \"1s\"\n").await;
        world.account("alice").await;
        let console = world.system(CONSOLE, &["blitz_api_sys_uaud"]).await;
        let shadow = "ALTER TABLE audit RENAME TO elsewhere; CREATE VIEW audit AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) \
                      SELECT elsewhere.* FROM n CROSS JOIN elsewhere";
        execute(&world.database_url, shadow).await;
        let answer = world.call("GET", "/api/v3/users/alice/audit", &console, Body::None).await;
        assert_eq!(answer.refusal(), (503, "storage_unavailable".to_owned()));
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
}
