//! A person's record: who reads it, what they see, and how its pages follow each other.

use std::collections::BTreeSet;

use domain::event::{About, Actor, AuditLine, Event};
use serde_json::{Value, json};

use super::written;
use crate::support::database::execute;
use crate::support::world::{ALL_SCOPES, Answer, As, Body, CONSOLE, World, both_engines};

const OWN: &[&str] = &["blitz_api_uaud"];
const ANYBODYS: &[&str] = &["blitz_api_sys_uaud"];

async fn read(world: &World, who: &As, query: &str) -> Answer {
    world.call("GET", &format!("/api/v3/users/alice/audit{query}"), who, Body::None).await
}

#[track_caller]
fn lines(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json().as_array().expect("a list").clone()
}

/// The lines' own moments, in seconds.
fn seconds(answer: &Answer) -> Vec<i64> {
    lines(answer).iter().map(|line| line["ts"].as_i64().expect("a number") / 1000).collect()
}

/// The query of the page behind.
fn next(answer: &Answer) -> Option<String> {
    let link = answer.header("link")?;
    let query =
        link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\"")).expect("the form of RFC 8288");
    Some(query.to_owned())
}

/// A line about alice, by somebody at an address.
fn line(world: &World, event: Event, who: (Option<&str>, Option<&str>)) -> AuditLine {
    let text = |text: &str| Some(text.to_owned());
    let actor = Actor {
        client: who.0.and_then(text),
        subject: who.1.and_then(text),
        claimed_ip: text("203.0.113.66"),
        claimed_agent: text("Curl"),
    };
    let about = About { subject: Some("alice"), detail: Some("wrong_user"), ..About::default() };
    AuditLine::new(world.app.parts.entropy.uuid(), world.now(), event, &actor, about)
}

both_engines! {
    async fn a_person_reads_their_own_record_newest_first_in_blitzs_form(engine: Engine) {
        let world = World::frozen(engine).await;
        world.account("alice").await;
        let alice = world.user(CONSOLE, "alice", &ALL_SCOPES).await;
        let made = world.now().timestamp_millis();
        world.advance(60);
        let linked = "/api/v3/users/alice/fa/box/box_1/oleg%201";
        let headers = [("x-forwarded-for", "192.0.2.1"), ("user-agent", "Firefox \"1\"")];
        assert_eq!(world.call_with("POST", linked, &alice, Body::None, &headers).await.status, 204);
        let mut found = lines(&read(&world, &alice, "").await);
        for line in &mut found {
            assert!(line["id"].as_str().is_some_and(|id| id.len() == 36), "{line}");
            line.as_object_mut().expect("an object").remove("id");
        }
        assert_eq!(found, [
            json!({
                "ts": made + 60_000, "type": "FEDERATION_POINT_BOUND", "proc": "link", "sbj": "alice", "obj": "alice", "cId": "console",
                "ip": "192.0.2.1", "ua": "Firefox \"1\"", "prms": {"detail": "asserted"}, "fpType": "box", "fpName": "box_1", "extSid": "oleg 1",
            }),
            json!({"ts": made, "type": "ACCOUNT_CREATED", "proc": "account", "obj": "alice"}),
        ]);
        let mut bare = found.clone();
        bare[0].as_object_mut().expect("an object").remove("ua");
        let without = lines(&read(&world, &alice, "?ua=none").await);
        assert_eq!(without[0].get("ua"), None);
        assert_eq!(without[0]["ip"], bare[0]["ip"]);
        // Their reading leaves no line, and neither does a refusal.
        assert_eq!(lines(&read(&world, &alice, "").await).len(), 2);
    }

    async fn a_person_sees_no_other_persons_address(engine: Engine) {
        let world = World::frozen(engine).await;
        world.account("alice").await;
        let cases = [
            (Event::SignInRefused, (None, None), true),
            (Event::SignedIn, (Some("sdk"), None), true),
            (Event::BindRefused, (Some(CONSOLE), Some("alice")), true),
            (Event::BindRefused, (Some(CONSOLE), Some("mallory")), false),
            (Event::Linked, (Some(CONSOLE), None), false),
            (Event::AccountChanged, (None, Some("admin")), false),
        ];
        for (event, who, _) in cases {
            world.advance(1);
            written(&world, &[line(&world, event, who)]).await;
        }
        let (alice, system) = (world.user(CONSOLE, "alice", OWN).await, world.system(CONSOLE, ANYBODYS).await);
        let (theirs, all) = (lines(&read(&world, &alice, "").await), lines(&read(&world, &system, "").await));
        assert_eq!((theirs.len(), all.len()), (7, 7), "and the account's own line");
        for (((event, (client, actor), is_shown), theirs), all) in cases.iter().rev().zip(&theirs).zip(&all) {
            let case = format!("{event:?} by {client:?} {actor:?}");
            assert_eq!((&theirs["type"], &theirs["id"]), (&json!(event.as_str()), &all["id"]), "{case}");
            assert_eq!(theirs.get("cId"), client.map(|client| json!(client)).as_ref(), "{case}");
            for (member, value) in [("ip", json!("203.0.113.66")), ("ua", json!("Curl"))] {
                assert_eq!(all.get(member), Some(&value), "{case}");
                assert_eq!(theirs.get(member), is_shown.then_some(&value), "{case}");
            }
            assert_eq!(all.get("sbj"), actor.map(|actor| json!(actor)).as_ref(), "{case}");
            assert_eq!(theirs.get("sbj"), actor.filter(|_| *is_shown).map(|actor| json!(actor)).as_ref(), "{case}");
        }
        let text = read(&world, &alice, "").await.text();
        assert!(!text.contains("mallory") && !text.contains("admin"), "{text}");
    }

    async fn of_who_is_gone_the_record_stays_for_who_reads_anybodys(engine: Engine) {
        let world = World::frozen(engine).await;
        let system = world.system(CONSOLE, ANYBODYS).await;
        assert_eq!(read(&world, &system, "").await.refusal(), (404, "user_not_found".to_owned()));
        world.account("alice").await;
        let alice = world.user(CONSOLE, "alice", OWN).await;
        execute(&world.database_url, "UPDATE accounts SET disabled_at = created").await;
        assert_eq!(read(&world, &alice, "").await.refusal(), (401, "bad_access_token".to_owned()));
        assert_eq!(lines(&read(&world, &system, "").await).len(), 1);
        execute(&world.database_url, "DELETE FROM accounts").await;
        assert_eq!(read(&world, &alice, "").await.refusal(), (401, "bad_access_token".to_owned()));
        assert_eq!(lines(&read(&world, &system, "").await).len(), 1);
        let nothing_then = read(&world, &system, "?rql=le(ts,1000000000)").await;
        assert_eq!(lines(&nothing_then), Vec::<Value>::new(), "a stretch without a line is no missing user");
        execute(&world.database_url, "DELETE FROM audit").await;
        assert_eq!(read(&world, &system, "").await.refusal(), (404, "user_not_found".to_owned()));
        let false_hyphen = "/api/v3/users/a%E2%80%91b/audit";
        let told = world.call("GET", false_hyphen, &system, Body::None).await;
        assert!(told.status == 404 && told.text().contains("U+2011"), "{}", told.text());
    }

    async fn where_the_users_live_elsewhere_everybody_has_a_record(engine: Engine) {
        let any = |settings: String| settings.replace("subjects = \"registered\"", "subjects = \"any\"");
        let world = World::frozen_with(engine, any).await;
        let (alice, system) = (world.user(CONSOLE, "alice", OWN).await, world.system(CONSOLE, ANYBODYS).await);
        assert_eq!(lines(&read(&world, &alice, "").await), Vec::<Value>::new());
        written(&world, &[line(&world, Event::Linked, (None, None))]).await;
        for who in [alice, system] {
            assert_eq!(lines(&read(&world, &who, "").await).len(), 1);
        }
    }

    async fn rql_says_which_seconds_and_how_many(engine: Engine) {
        let world = World::frozen(engine).await;
        world.account("alice").await;
        world.advance(10);
        let zero = world.now().timestamp();
        for half in 0..10 {
            let at = world.now() + chrono::TimeDelta::milliseconds(half * 500);
            written(&world, &[AuditLine { at, ..line(&world, Event::Linked, (None, None)) }]).await;
        }
        let system = world.system(CONSOLE, ANYBODYS).await;
        let at = |second: i64| zero + second;
        for (rql, expected) in [
            (format!("and(ge(ts,{}),le(ts,{}),limit(100))", at(1), at(2)), vec![2, 2, 1, 1]),
            (format!("and(limit(3),ge(ts,{}))", at(1)), vec![4, 4, 3]),
            (format!("le(ts,{})", at(1)), vec![1, 1, 0, 0, -10]),
            (format!("ge(ts,{})", at(4)), vec![4, 4]),
            ("limit(1)".to_owned(), vec![4]),
            (format!("and%28ge%28ts%2C{}%29%2Climit%281%29%29", at(1)), vec![4]),
            (format!("and(ge(ts,{}),le(ts,{}))", at(2), at(1)), vec![]),
            ("ge(ts,253402300799)".to_owned(), vec![]),
            ("le(ts,0)".to_owned(), vec![]),
        ] {
            let found = seconds(&read(&world, &system, &format!("?rql={rql}")).await);
            assert_eq!(found, expected.into_iter().map(at).collect::<Vec<_>>(), "{rql}");
        }
    }

    async fn what_is_wrong_with_a_query_is_named(engine: Engine) {
        let world = World::frozen(engine).await;
        world.account("alice").await;
        let system = world.system(CONSOLE, ANYBODYS).await;
        let deep = format!("rql={}limit(1){}", "and(".repeat(20), ")".repeat(20));
        for (query, words) in [
            ("rql=", "rql is empty"),
            ("rql=or(ge(ts,1),le(ts,2))", "rql has or; it knows and, ge, le and limit"),
            ("rql=and(ge(ts,1),ge(ts,1))", "rql has ge twice"),
            ("rql=and(limit(1001))", "rql must have a whole number from 1 to 1000 in limit"),
            ("rql=limit(0)", "rql must have a whole number from 1 to 1000 in limit"),
            ("rql=ge(ts,1637230238015)", "rql has a ts beyond the year 9999 in ge"),
            ("rql=eq(sbj,bob)", "rql has eq"),
            ("rql=limit%25281%2529", "rql is percent-encoded twice"),
            ("rql=and(limit(1),+ge(ts,1))", "rql has a space"),
            ("rql=%FF", "rql is not UTF-8"),
            ("rql=limit(1)&rql=limit(2)", "rql stands more than once"),
            ("rql=limit(1)%27%20OR%201=1--", "rql has a space"),
            ("rql=limit(1);drop", "rql goes on behind its last bracket"),
            (deep.as_str(), "rql has "),
            ("ua=parsed", "ua must be none, or left out"),
            ("ua=", "ua must be none"),
            ("after=", "after must be the next of an answer before"),
            ("after=x", "after must be"),
            // A moment that no calendar of a database has.
            ("after=OTIyMzM3MjAzNjg1NDc3NTgwNzowMDAwMDAwMC0wMDAwLTAwMDAtMDAwMC0wMDAwMDAwMDAwMDA", "after must be"),
            ("after=LTEwMDAwMDAwMDAwMDAwMDAwMDowMDAwMDAwMC0wMDAwLTAwMDAtMDAwMC0wMDAwMDAwMDAwMDA", "after must be"),
        ] {
            let answer = read(&world, &system, &format!("?{query}")).await;
            assert_eq!(answer.refusal(), (400, "wrong_values".to_owned()), "{query}");
            let desc = answer.json()["desc"].as_str().expect("words").to_owned();
            assert!(desc.starts_with(words), "{query}: {desc}");
            assert!(!desc.contains("bob"), "nothing that was sent comes back: {desc}");
        }
    }

    async fn pages_miss_nothing_and_repeat_nothing_while_lines_of_the_same_moment_are_added(engine: Engine) {
        let world = World::frozen(engine).await;
        world.account("alice").await;
        let alice = world.user(CONSOLE, "alice", OWN).await;
        let of_now = |count: usize| (0..count).map(|_| line(&world, Event::Linked, (None, None))).collect::<Vec<_>>();
        written(&world, &of_now(50)).await;
        let there: BTreeSet<String> = ids(&lines(&read(&world, &alice, "").await)).into_iter().collect();
        assert_eq!(there.len(), 51);
        let (mut seen, mut query) = (Vec::new(), Some("?rql=limit(7)&ua=none".to_owned()));
        while let Some(page) = query {
            let answer = read(&world, &alice, &page).await;
            assert!(lines(&answer).len() <= 7 && lines(&answer).iter().all(|line| line.get("ua").is_none()));
            seen.extend(ids(&lines(&answer)));
            // Of the same moment, so wherever their ids put them.
            written(&world, &of_now(2)).await;
            query = next(&answer);
        }
        let once: BTreeSet<String> = seen.iter().cloned().collect();
        assert_eq!(once.len(), seen.len(), "none is repeated");
        assert!(once.is_superset(&there), "none is missed");
    }

    async fn a_page_is_no_longer_than_it_may_be(engine: Engine) {
        let world = World::frozen(engine).await;
        world.account("alice").await;
        let actor = Actor {
            client: Some("c".repeat(255)),
            subject: Some("alice".to_owned()),
            claimed_ip: Some("9".repeat(255)),
            claimed_agent: Some("\u{10FFFF}".repeat(255)),
        };
        let detail = "d".repeat(255);
        let about = About { subject: Some("alice"), detail: Some(&detail), ..About::default() };
        let widest = |_| AuditLine::new(world.app.parts.entropy.uuid(), world.now(), Event::BindRefused, &actor, about);
        written(&world, &(0..1100).map(widest).collect::<Vec<_>>()).await;
        let alice = world.user(CONSOLE, "alice", OWN).await;
        for (query, length) in [("", 200), ("?rql=limit(1000)", 1000), ("?rql=limit(5)", 5)] {
            let page = read(&world, &alice, query).await;
            assert_eq!(lines(&page).len(), length, "{query}");
            assert!(page.body.len() < 4 << 20, "{} bytes", page.body.len());
            assert!(next(&page).is_some(), "{query}");
        }
    }

    async fn a_user_and_an_application_read_once_at_a_time(engine: Engine) {
        let world = World::frozen(engine).await;
        world.account("alice").await;
        let (alice, system) = (world.user(CONSOLE, "alice", OWN).await, world.system(CONSOLE, ANYBODYS).await);
        let subject = domain::ids::Subject::parse("alice").expect("a subject");
        let held = world.app.parts.caller_sized.place(&subject).await.expect("a place");
        let mut waits = Box::pin(read(&world, &alice, ""));
        assert!(futures_util::poll!(&mut waits).is_pending());
        assert_eq!(lines(&read(&world, &system, "").await).len(), 1, "others do not wait");
        assert!(futures_util::poll!(&mut waits).is_pending());
        drop(held);
        assert_eq!(lines(&waits.await).len(), 1);
    }
}

fn ids(lines: &[Value]) -> Vec<String> {
    lines.iter().map(|line| line["id"].as_str().expect("an id").to_owned()).collect()
}
