//! What each entry is told: what fedToken would answer alone, in its place.

use serde_json::{Value, json};

use super::{fed_tokens, of, told};
use crate::support::database::execute;
use crate::support::world::{ALL_SCOPES, Answer, As, Body, CONSOLE, Engine, World, both_engines};

/// Two providers, the second of which nothing is remembered of, and users in every state.
async fn world(engine: Engine) -> World {
    let world = World::frozen_with(engine, |settings| {
        let provider = settings.split_once("[[providers]]").expect("a provider").1.to_owned();
        let second = provider.replace(r#"name = "box_1""#, "name = \"box_2\"\nremember_tokens = false");
        format!("{settings}\n[[providers]]{second}")
    })
    .await;
    world.linked("alice", "oleg").await;
    world.linked("bob", "elle").await;
    for sid in ["one", "two"] {
        let expires = world.now().timestamp() + 3600;
        world.import(json!({
            "subject": "both", "fpType": "box", "fpName": "box_1", "sid": sid, "accessToken": format!("of {sid}"), "expiresOn": expires,
        }))
        .await;
    }
    world.import(json!({"subject": "bare", "fpType": "box", "fpName": "box_1", "sid": "bare"})).await;
    world.import(json!({
        "subject": "late", "fpType": "box", "fpName": "box_1", "sid": "late", "accessToken": "late", "expiresOn": world.now().timestamp(),
    }))
    .await;
    world.linked("off", "irina").await;
    world.account("new").await;
    let is_sqlite = world.database_url.starts_with("sqlite");
    let now = if is_sqlite { "1" } else { "now()" };
    execute(&world.database_url, &format!("UPDATE accounts SET disabled_at = {now} WHERE subject = 'off'")).await;
    world
}

/// What fedToken answers for an entry, as an entry is told it.
async fn alone(world: &World, who: &As, entry: &Value) -> Value {
    let text = |name: &str| entry[name].as_str().expect("text");
    let fp = text("fp").replace(':', "/");
    let sid = entry["sid"].as_str().map_or(String::new(), |sid| format!("?sid={sid}"));
    let target = format!("/api/v3/users/{}/fedToken/{fp}{sid}", text("subject"));
    let answer: Answer = world.call("GET", &target, who, Body::None).await;
    let body = answer.json();
    if answer.status != 200 {
        let mut told = json!({"error": body["error"]});
        if let Some(reason) = body.get("reason") {
            told["reason"] = reason.clone();
        }
        return told;
    }
    let (sid, token) = body.as_object().and_then(|tokens| tokens.iter().next()).expect("a token");
    let mut told = token.clone();
    told["sid"] = json!(sid);
    told
}

fn at(subject: &str, fp: &str, sid: Option<&str>) -> Value {
    let mut entry = json!({"subject": subject, "fp": fp});
    if let Some(sid) = sid {
        entry["sid"] = json!(sid);
    }
    entry
}

both_engines! {
    /// What lies in the row of one was rewritten: it is told so, and all others have theirs.
    async fn one_that_cannot_be_opened_takes_nothing_from_the_others(engine: Engine) {
        let world = world(engine).await;
        let token = |sid: &str| format!("(SELECT sealed_access FROM token_sets JOIN links ON links.id = token_sets.link_id WHERE sid = '{sid}')");
        let whose = "link_id = (SELECT id FROM links WHERE sid = 'elle')";
        execute(&world.database_url, &format!("UPDATE token_sets SET sealed_access = {} WHERE {whose}", token("oleg"))).await;
        let answer = fed_tokens(&world, &world.console().await, &[of("bob"), of("alice")]).await;
        let [bobs, alices] = told(&answer).try_into().expect("two");
        assert_eq!((bobs, &alices["sid"]), (json!({"error": "internal"}), &json!("oleg")));
    }

    async fn each_entry_is_answered_in_its_place_as_it_would_be_alone(engine: Engine) {
        let world = world(engine).await;
        let entries = [
            (of("bob"), "elle"),
            (of("alice"), "oleg"),
            (at("alice", "box:box_1", Some("oleg")), "oleg"),
            (at("both", "box:box_1", Some("two")), "two"),
            (at("both", "box:box_1", Some("three")), "token_not_found"),
            (of("nobody"), "user_not_found"),
            (of("no\u{2011}body"), "user_not_found"),
            (of("new"), "token_not_found"),
            (of("bare"), "token_not_found"),
            (of("late"), "token_not_found"),
            (of("off"), "token_not_found"),
            (at("alice", "box:box_2", None), "token_not_found"),
            (at("alice", "box:box_3", None), "bad_access_token"),
            (at("alice", "no_type:x", None), "bad_access_token"),
        ];
        let console = world.console().await;
        let asked: Vec<Value> = entries.iter().map(|(entry, _)| entry.clone()).collect();
        let answer = fed_tokens(&world, &console, &asked).await;
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let told = told(&answer);
        assert_eq!(told.len(), entries.len());
        for ((entry, expected), told) in entries.iter().zip(told) {
            assert_eq!(told, alone(&world, &console, entry).await, "{entry}");
            assert_eq!(told["sid"].as_str().or(told["error"].as_str()), Some(*expected), "{entry}");
        }
    }

    async fn of_several_accounts_it_has_to_be_said_which(engine: Engine) {
        let world = world(engine).await;
        let console = world.console().await;
        assert_eq!(told(&fed_tokens(&world, &console, &[of("both")]).await), [json!({"error": "ambiguous"})]);
        // One of them is of no use any more, and still one of two.
        execute(&world.database_url, "UPDATE token_sets SET health = 'needs_consent' WHERE link_id IN (SELECT id FROM links WHERE sid = 'one')")
            .await;
        assert_eq!(told(&fed_tokens(&world, &console, &[of("both")]).await), [json!({"error": "ambiguous"})]);
    }

    async fn in_user_mode_every_other_subject_is_refused(engine: Engine) {
        let world = world(engine).await;
        let alice = world.user(CONSOLE, "alice", &ALL_SCOPES).await;
        let entries = [of("bob"), of("alice"), of("nobody"), of("off"), at("alice", "box:box_3", None)];
        let told = told(&fed_tokens(&world, &alice, &entries).await);
        let denied = json!({"error": "bad_access_token"});
        assert_eq!(told[1]["sid"], "oleg");
        for place in [0, 2, 3, 4] {
            assert_eq!(told[place], denied, "{}", entries[place]);
            assert_eq!(alone(&world, &alice, &entries[place]).await, denied);
        }
        // A token that was issued before the account was disabled, or removed.
        for subject in ["off", "nobody"] {
            let own = world.user(CONSOLE, subject, &ALL_SCOPES).await;
            let answer = fed_tokens(&world, &own, &[of(subject)]).await;
            // Whether it is still believed at all is the caller's matter.
            if answer.status == 200 {
                assert_eq!(super::told(&answer).first(), Some(&denied), "{subject}");
            } else {
                assert_eq!(answer.refusal(), (401, "bad_access_token".to_owned()), "{subject}");
            }
        }
    }

    async fn a_scope_opens_the_entries_of_its_provider(engine: Engine) {
        let world = world(engine).await;
        let entries = [of("alice"), at("alice", "box:box_2", None), of("bob")];
        for who in [world.system(CONSOLE, &["fed_tkn_box_box_1"]).await, world.user(CONSOLE, "alice", &["fed_tkn_box_box_1"]).await] {
            let told = told(&fed_tokens(&world, &who, &entries).await);
            assert_eq!((&told[0]["sid"], &told[1]["error"]), (&json!("oleg"), &json!("bad_access_token")));
        }
    }

    async fn where_users_live_elsewhere_a_subject_needs_no_account(engine: Engine) {
        let world = World::frozen_with(engine, |settings| settings.replace(r#"subjects = "registered""#, r#"subjects = "any""#)).await;
        world.linked("alice", "oleg").await;
        let console = world.console().await;
        let entries = [of("nobody"), of("al\u{2011}ice"), of("alice")];
        let told = told(&fed_tokens(&world, &console, &entries).await);
        assert_eq!((&told[0]["error"], &told[1]["error"]), (&json!("token_not_found"), &json!("wrong_values")));
        for (entry, told) in entries.iter().zip(told) {
            assert_eq!(told, alone(&world, &console, entry).await, "{entry}");
        }
    }

    async fn more_than_one_statement_reads_are_answered_in_their_order(engine: Engine) {
        let world = World::frozen(engine).await;
        let console = world.console().await;
        let entries = super::users(&world, "user", 230, 3600).await;
        let told = told(&fed_tokens(&world, &console, &entries).await);
        let sids: Vec<&str> = told.iter().map(|told| told["sid"].as_str().expect("a token")).collect();
        let expected: Vec<String> = (0..230).map(|number| format!("user{number}")).collect();
        assert_eq!(sids, expected);
        assert!(told.iter().all(|told| world.sandbox.is_active(told["token"].as_str().expect("a token"))));
        assert_eq!(crate::support::fed::asked(&world), 0);
    }
}
