//! Links across users: what is found, a page at a time, by whom, and that it is written down.

use domain::ids::ClientId;
use serde_json::json;

use crate::support::database::{execute, texts};
use crate::support::world::{ALL_SCOPES, Answer, As, Body, CONSOLE, Engine, RIVAL, World, both_engines};

async fn search(world: &World, who: &As, query: &str) -> Answer {
    world.call("GET", &format!("/api/v3/fa?{query}"), who, Body::None).await
}

/// Whose links a page has, in no order.
#[track_caller]
fn subjects(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let page = answer.json();
    let links = page["links"].as_array().expect("links").iter();
    let mut subjects: Vec<String> = links.map(|link| link["subject"].as_str().expect("a subject").to_owned()).collect();
    subjects.sort();
    subjects
}

/// Users with links at two providers, some of them ailing.
async fn world(engine: Engine) -> (World, As) {
    let world = World::frozen_with(engine, |settings| {
        let settings = settings.replace(r#""email"]"#, r#""email", "accounts"]"#);
        let provider = settings.split_once("[[providers]]").expect("a provider").1.to_owned();
        let shared = provider.replace(r#"name = "box_1""#, "name = \"box_2\"\nexclusive = false");
        format!("{settings}\n[[providers]]{shared}")
    })
    .await;
    for (subject, fp_name, sid) in [
        ("alice", "box_1", "oleg"),
        ("bob", "box_1", "elle"),
        ("carol", "box_1", "irina"),
        ("bob", "box_2", "elle"),
        ("carol", "box_2", "irina"),
        ("dave", "box_2", "oleg"),
    ] {
        world.import(json!({
            "subject": subject, "fpType": "box", "fpName": fp_name, "sid": sid, "userName": format!("{sid} there"), "accessToken": "a",
            "refreshToken": "r", "expiresOn": world.now().timestamp() + 3600, "scope": "openid",
        }))
        .await;
    }
    // One without tokens, to an account that is another's too.
    world.import(json!({"subject": "erin", "fpType": "box", "fpName": "box_2", "sid": "oleg"})).await;
    for (health, sid) in [("needs_consent", "elle"), ("lost_in_flight", "irina")] {
        let links = format!("SELECT id FROM links WHERE sid = '{sid}'");
        execute(&world.database_url, &format!("UPDATE token_sets SET health = '{health}' WHERE link_id IN ({links})"))
            .await;
    }
    let console = world.console().await;
    (world, console)
}

both_engines! {
    async fn what_fits_all_that_is_said_is_found(engine: Engine) {
        let (world, console) = world(engine).await;
        for (query, expected) in [
            ("health=needs_consent", vec!["bob", "bob"]),
            ("health=lost_in_flight", vec!["carol", "carol"]),
            ("health=degraded", vec![]),
            ("health=ok", vec!["alice", "dave", "erin"]),
            ("fp=box:box_1", vec!["alice", "bob", "carol"]),
            ("fp=box:box_2", vec!["bob", "carol", "dave", "erin"]),
            ("fp=box:box_2&health=needs_consent", vec!["bob"]),
            ("fp=box:box_2&health=ok", vec!["dave", "erin"]),
            ("fp=box:box_2&sid=oleg", vec!["dave", "erin"]),
            ("fp=box%3Abox_1&sid=oleg", vec!["alice"]),
            ("fp=box:box_1&sid=oleg&health=ok", vec!["alice"]),
            ("fp=box:box_1&sid=oleg&health=needs_consent", vec![]),
            ("fp=box:box_1&sid=nobody", vec![]),
            ("fp=box:box_9", vec![]),
            ("fp=partner:sdk", vec![]),
        ] {
            let answer = search(&world, &console, query).await;
            assert_eq!(subjects(&answer), expected, "{query}");
            assert!(answer.json().get("next").is_none(), "{query}");
        }
        let links = search(&world, &console, "fp=box:box_1&sid=oleg").await.json()["links"].take();
        let scopes = (&links[0]["scopes"], &links[0]["missingScopes"]);
        assert_eq!(scopes, (&json!(["openid"]), &json!(["accounts"])));
    }

    async fn a_link_is_shown_as_its_owners_detailed_list_shows_it(engine: Engine) {
        let (world, console) = world(engine).await;
        let found = search(&world, &console, "fp=box:box_1&sid=elle").await.json();
        let listed = world.call("GET", "/api/v3/users/bob/fa?detail=true", &console, Body::None).await.json();
        let mut expected = listed.as_array().and_then(|links| links.iter().find(|link| link["fpName"] == "box_1")).expect("it").clone();
        expected["subject"] = json!("bob");
        assert_eq!(found, json!({"links": [expected]}));
        assert_eq!(found["links"][0]["health"], "needs_consent");
        let text = search(&world, &console, "health=ok").await.text();
        assert!(!text.contains("token"), "{text}");
    }

    async fn pages_follow_each_other_to_the_last(engine: Engine) {
        let (world, console) = world(engine).await;
        for (query, all) in [
            ("fp=box:box_2", vec!["bob", "carol", "dave", "erin"]),
            ("health=needs_consent", vec!["bob", "bob"]),
            ("fp=box:box_2&sid=oleg", vec!["dave", "erin"]),
            ("health=ok", vec!["alice", "dave", "erin"]),
        ] {
            let (mut seen, mut after, mut pages) = (Vec::new(), String::new(), 0);
            loop {
                let answer = search(&world, &console, &format!("{query}&limit=1{after}")).await;
                seen.extend(subjects(&answer));
                pages += 1;
                let Some(next) = answer.json()["next"].as_str().map(str::to_owned) else { break };
                assert!(pages <= all.len(), "{query}: no end");
                after = format!("&after={next}");
            }
            seen.sort();
            assert_eq!(seen, all, "{query}");
        }
    }

    /// What fits is rare among many that have the same health: the page says where to go on, and the last has it.
    async fn a_page_looks_at_so_many_links_and_says_where_to_go_on(engine: Engine) {
        let (world, console) = world(engine).await;
        let is_sqlite = world.database_url.starts_with("sqlite");
        let id = "'00000000-0000-4000-8000-' || (100000000000 + i)";
        let (id, now, blob) = if is_sqlite {
            (format!("({id})"), "1", "x'00'")
        } else {
            (format!("CAST({id} AS uuid)"), "now()", "'\\x00'::bytea")
        };
        let numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)";
        let key = "(SELECT min(key_id) FROM token_sets)";
        execute(&world.database_url, &format!(
            "{numbers} INSERT INTO links (id, subject, fp_type, fp_name, sid, proof, created) SELECT {id}, 'u' || i, 'other', 'o', 's', 'asserted', \
             {now} FROM n; {numbers} INSERT INTO token_sets (link_id, key_id, wrapped_key, version, health, failures) SELECT {id}, {key}, {blob}, \
             1, 'needs_consent', 0 FROM n"
        )).await;
        let (mut seen, mut after, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let answer = search(&world, &console, &format!("health=needs_consent&fp=box:box_1{after}")).await;
            seen.extend(subjects(&answer));
            pages += 1;
            let Some(next) = answer.json()["next"].as_str().map(str::to_owned) else { break };
            after = format!("&after={next}");
        }
        assert_eq!((seen, pages), (vec!["bob".to_owned()], 2));
        let full = search(&world, &console, "health=needs_consent").await;
        assert_eq!(subjects(&full).len(), 200);
        assert!(full.json()["next"].is_string());
    }

    async fn what_is_wrong_with_a_search_is_named(engine: Engine) {
        let (world, console) = world(engine).await;
        for (query, words) in [
            ("", "health or fp must be given"),
            ("limit=1", "health or fp must be given"),
            ("sid=oleg", "sid goes with fp"),
            ("sid=oleg&health=ok", "sid goes with fp"),
            ("health=", "health must be ok, degraded, needs_consent or lost_in_flight"),
            ("health=OK", "health must be"),
            ("health=ok&health=ok", "health stands more than once"),
            ("fp=box", "fp must be type:name"),
            ("fp=b_x:y", "fp must be type:name"),
            ("fp=box:box_1&sid=", "sid is empty"),
            ("fp=box:box_1&sid=%FF", "sid is not UTF-8"),
            ("health=ok&limit=0", "limit must be a whole number from 1 to 200"),
            ("health=ok&limit=201", "limit must be"),
            ("health=ok&limit=%2B1", "limit must be"),
            ("health=ok&limit=", "limit must be"),
            ("health=ok&after=", "after must be the next of a page before"),
            ("health=ok&after=x", "after must be"),
            ("health=ok&after=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "after must be"),
        ] {
            let answer = search(&world, &console, query).await;
            assert_eq!(answer.refusal(), (400, "wrong_values".to_owned()), "{query}");
            let desc = answer.json()["desc"].as_str().expect("words").to_owned();
            assert!(desc.starts_with(words), "{query}: {desc}");
        }
    }

    async fn an_application_looks_once_at_a_time(engine: Engine) {
        let (world, console) = world(engine).await;
        let rival = world.system(RIVAL, &ALL_SCOPES).await;
        let client = ClientId::parse(CONSOLE).expect("a client id");
        let held = world.app.parts.caller_sized.place_of(&client).await.expect("a place");
        let mut waits = Box::pin(search(&world, &console, "health=needs_consent"));
        assert!(futures_util::poll!(&mut waits).is_pending());
        assert_eq!(subjects(&search(&world, &rival, "health=needs_consent").await), ["bob", "bob"]);
        assert!(futures_util::poll!(&mut waits).is_pending());
        drop(held);
        assert_eq!(subjects(&waits.await), ["bob", "bob"]);
    }

    /// Each link stands there again and again, so no statement that reads them ends by itself.
    async fn what_never_ends_is_ended(engine: Engine) {
        let world = World::frozen_with(engine, |settings| settings + "[limits]\nlist_timeout = \"1s\"\n").await;
        world.linked("alice", "oleg").await;
        let console = world.console().await;
        execute(
            &world.database_url,
            "ALTER TABLE links RENAME TO elsewhere; CREATE VIEW links AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) \
             SELECT elsewhere.* FROM n CROSS JOIN elsewhere",
        )
        .await;
        let mut answers =
            vec![search(&world, &console, "fp=box:box_1").await, search(&world, &console, "health=ok").await];
        // SQLite writes a view that is joined down before it reads the first row of it, and this one for ever; of a table, which ends,
        // it reads rows by the index.
        if engine == Engine::Postgres {
            let body = Body::Json(json!({"tokens": [{"subject": "alice", "fp": "box:box_1"}]}));
            answers.push(world.call("POST", "/api/v3/fedTokens", &console, body).await);
        }
        for answer in answers {
            assert_eq!(answer.refusal(), (503, "storage_unavailable".to_owned()));
            assert_eq!(answer.header("retry-after"), Some("1"));
        }
    }

    async fn nobody_acts_for_a_user_and_sees_others(engine: Engine) {
        let (world, _) = world(engine).await;
        let alice = world.user(CONSOLE, "alice", &ALL_SCOPES).await;
        for who in [alice, As::Nobody, world.system(CONSOLE, &["blitz_api_ufa", "blitz_api_sys_ufa_chg", "fed_tkn_any"]).await] {
            assert_eq!(search(&world, &who, "health=ok").await.refusal(), (401, "bad_access_token".to_owned()), "{who:?}");
        }
        assert_eq!(lines(&world).await, Vec::<String>::new());
    }

    async fn each_call_is_written_down(engine: Engine) {
        let (world, console) = world(engine).await;
        for query in ["health=needs_consent", "fp=box:box_1&sid=oleg", "health=needs_consent"] {
            search(&world, &console, query).await;
            world.advance(1);
        }
        assert_eq!(lines(&world).await, ["console|-|-|needs_consent", "console|box:box_1|oleg|-", "console|-|-|needs_consent"]);
    }
}

/// Who looked for what, by the audit record.
async fn lines(world: &World) -> Vec<String> {
    texts(
        &world.database_url,
        "SELECT client || '|' || coalesce(fp_type || ':' || fp_name, '-') || '|' || coalesce(sid, '-') || '|' || coalesce(detail, '-') AS value \
         FROM audit WHERE event = 'FEDERATION_POINTS_SEARCHED' AND subject IS NULL ORDER BY at",
    )
    .await
}
