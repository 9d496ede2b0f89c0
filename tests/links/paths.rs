//! Ids of any letters: decoded once, exactly, and refused by name where they can't be ids.

use serde_json::json;

use crate::support::contract::{Operation, operations, takes};
use crate::support::raw::{raw, raw_with};
use crate::support::world::{As, Body, World, both_engines};

fn any_subjects(settings: &str) -> String {
    settings.replace(r#"subjects = "registered""#, r#"subjects = "any""#)
}

fn three_hundred() -> String {
    "x".repeat(300)
}

/// Every call for a token of ours whose path has ids, with `segment` for one of them after the other, and the name of that one.
fn with_segment(segment: &str) -> Vec<(String, String, &'static str)> {
    let good = [("subjectId", "alice"), ("fpType", "box"), ("fpName", "box_1"), ("sid", "1")];
    let mut calls = Vec::new();
    for Operation { method, template } in operations().into_iter().filter(|operation| takes(operation, "bearer")) {
        for (field, _) in good.iter().filter(|(field, _)| template.contains(&format!("{{{field}}}"))) {
            let filled = |path: String, (name, value): &(&str, &str)| {
                path.replace(&format!("{{{name}}}"), if name == field { segment } else { value })
            };
            calls.push((method.clone(), good.iter().fold(template.clone(), filled), *field));
        }
    }
    calls
}

both_engines! {
    async fn a_segment_that_can_be_no_id_is_refused_by_name(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let console = world.console().await;
        // 129 letters of two bytes: the limit is in bytes.
        let (long, wide) = (three_hundred(), "%D0%9E".repeat(129));
        let segments = [
            ("", "is empty"), (long.as_str(), "has 300 bytes"), (wide.as_str(), "has 258 bytes"), ("%FF", "is not UTF-8"),
            ("a%C3", "is not UTF-8"), ("%ED%A0%80", "is not UTF-8"), ("%C0%AF", "is not UTF-8"),
            ("%00", "has the control character U+0000"), ("a%0Ab", "has the control character U+000A"),
            ("%1F", "has the control character U+001F"), ("%7F", "has the control character U+007F"),
        ];
        for (segment, problem) in segments {
            for (method, target, field) in with_segment(segment) {
                // The one that can't do without.
                let body: &[u8] = if target.ends_with("/rejected") { br#"{"sid": "1", "token": "t"}"# } else { b"" };
                for target in [format!("/blitz{target}"), target] {
                    let answer = raw_with(&world, (&method, &target), &console, body).await;
                    assert_eq!(answer.refusal(), (400, "wrong_values".to_owned()), "{method} {target}");
                    let desc = answer.json()["desc"].as_str().expect("words").to_owned();
                    assert!(desc.starts_with(&format!("{field} {problem}")), "{method} {target}: {desc}");
                }
            }
        }
        let most = "x".repeat(255);
        assert_eq!(raw(&world, "POST", &format!("/blitz/api/v3/users/alice/fa/box/box_1/{most}"), &console).await.status, 204);
    }

    async fn an_id_of_any_letters_goes_round(engine: Engine) {
        let world = World::start_with(engine, |settings| any_subjects(&settings)).await;
        let console = world.console().await;
        // As it is sent, and what it is.
        let ids = [
            ("a%2Fb", "a/b"), ("a%2fb", "a/b"), ("%2F", "/"), ("a%252Fb", "a%2Fb"), ("%25", "%"), ("100%", "100%"), ("%zz", "%zz"),
            ("a%20b", "a b"), ("%20", " "), ("a+b", "a+b"), ("%F0%9F%A6%8A", "🦊"), ("%D0%9E%D0%BB%D0%B5%D0%B3", "Олег"),
            ("e%CC%81", "e\u{301}"), ("%C3%A9", "é"), (".", "."), ("..", ".."), ("%2E%2E", ".."), ("a%3Fb%23c", "a?b#c"),
            ("%7Bx%7D", "{x}"), ("a;b=c", "a;b=c"), ("a:b@c", "a:b@c"), ("%EF%BF%BD", "\u{FFFD}"), ("%C2%85", "\u{85}"), ("'%22%5C", "'\"\\"),
        ];
        for (sent, meant) in ids {
            // As the account's id.
            let target = format!("/blitz/api/v3/users/alice/fa/box/box_1/{sent}");
            assert_eq!(raw(&world, "POST", &target, &console).await.status, 204, "{sent}");
            let list = raw(&world, "GET", "/blitz/api/v3/users/alice/fa", &console).await;
            assert_eq!(list.json(), json!([{"sid": meant, "fpType": "box", "fpName": "box_1"}]), "{sent}");
            assert_eq!(raw(&world, "DELETE", &target, &console).await.status, 204, "{sent}");
            assert_eq!(raw(&world, "DELETE", &target, &console).await.refusal(), (404, "link_not_found".to_owned()), "{sent}");
            // As the user's; others' lists stay empty.
            let user = format!("/api/v3/users/{sent}/fa");
            assert_eq!(raw(&world, "POST", &format!("{user}/box/box_1/1"), &console).await.status, 204, "{sent}");
            assert_eq!(raw(&world, "GET", &user, &console).await.json()[0]["sid"], "1", "{sent}");
            let own = world.user("console", meant, &["blitz_api_ufa"]).await;
            assert_eq!(raw(&world, "GET", &user, &own).await.status, 200, "{sent}");
            assert_eq!(raw(&world, "GET", "/api/v3/users/a/fa", &console).await.json(), json!([]), "{sent}");
            let v2 = format!("/api/v2/users/{sent}/fa/box/box_1/1");
            assert_eq!(raw(&world, "DELETE", &v2, &console).await.status, 204, "{sent}");
        }
    }

    async fn a_token_is_fetched_by_an_id_of_any_letters(engine: Engine) {
        let world = World::start(engine).await;
        for (subject, sid) in [("a/b", "c/d"), ("a%2Fb", "c%2Fd")] {
            world.import(json!({"subject": subject, "fpType": "box", "fpName": "box_1", "sid": sid, "accessToken": subject})).await;
        }
        let console = world.console().await;
        let one = world.call("GET", "/api/v3/users/a%2Fb/fedToken/box/box_1?sid=c%2Fd", &console, Body::None).await;
        assert_eq!(one.json(), json!({"c/d": {"token": "a/b"}}));
        let other = world.call("GET", "/api/v3/users/a%252Fb/fedToken/box/box_1", &console, Body::None).await;
        assert_eq!(other.json(), json!({"c%2Fd": {"token": "a%2Fb"}}));
    }

    async fn a_hyphen_that_is_none_is_pointed_out(engine: Engine) {
        let world = World::start(engine).await;
        world.account("d2580c98-e584").await;
        let console = world.console().await;
        // As the vendor's own examples have it.
        let documented = "/blitz/api/v3/users/d2580c98%E2%80%91e584/fa";
        for (method, target) in [("GET", documented.to_owned()), ("POST", format!("{documented}/box/box_1/1")), ("DELETE", format!("{documented}/box/box_1/1"))] {
            let answer = raw(&world, method, &target, &console).await;
            assert_eq!(answer.refusal(), (404, "user_not_found".to_owned()), "{method}");
            assert!(answer.json()["desc"].as_str().is_some_and(|desc| desc.contains("U+2011")), "{}", answer.text());
        }
        let answer = raw(&world, "GET", "/blitz/api/v3/users/d2580c98%E2%80%91e584/fedToken/box/box_1", &console).await;
        assert!(answer.json()["desc"].as_str().is_some_and(|desc| desc.contains("U+2011")), "{}", answer.text());
        let plain = raw(&world, "GET", "/blitz/api/v3/users/stranger/fa", &console).await;
        assert!(!plain.text().contains("U+"), "{}", plain.text());
        assert_eq!(raw(&world, "GET", "/blitz/api/v3/users/d2580c98-e584/fa", &console).await.status, 200);
    }

    async fn where_any_subject_will_do_a_false_hyphen_will_not(engine: Engine) {
        let world = World::start_with(engine, |settings| any_subjects(&settings)).await;
        let console = world.console().await;
        let own = world.user("console", "a\u{2011}b", &["blitz_api_ufa", "blitz_api_ufa_chg", "fed_tkn_any"]).await;
        for (who, hyphen, code) in [
            (&console, "%E2%80%91", "U+2011"), (&console, "%E2%80%90", "U+2010"), (&console, "%E2%80%93", "U+2013"),
            (&console, "%E2%88%92", "U+2212"), (&console, "%EF%BC%8D", "U+FF0D"), (&own, "%E2%80%91", "U+2011"),
        ] {
            for (method, rest) in [("GET", "fa"), ("POST", "fa/box/box_1/1"), ("DELETE", "fa/box/box_1/1"), ("GET", "fedToken/box/box_1")] {
                let answer = raw(&world, method, &format!("/blitz/api/v3/users/a{hyphen}b/{rest}"), who).await;
                assert_eq!(answer.refusal(), (400, "wrong_values".to_owned()), "{method} {code}");
                let desc = answer.json()["desc"].as_str().expect("words").to_owned();
                assert!(desc.starts_with("subjectId") && desc.contains(code), "{desc}");
            }
        }
        // In a sid it is the provider's business.
        assert_eq!(raw(&world, "POST", "/blitz/api/v3/users/a-b/fa/box/box_1/c%E2%80%91d", &console).await.status, 204);
        assert_eq!(raw(&world, "GET", "/blitz/api/v3/users/a-b/fa", &As::Nobody).await.status, 401);
    }
}
