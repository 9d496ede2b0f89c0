//! What a partner's sign-in is refused for, word for word (`docs/condo-contract.md` 1.4), and in which order it is looked at.

use domain::ids::Subject;
use sandbox::Userinfo;
use serde_json::{Value, json};
use service::accounts;

use crate::support::database::{count, execute, texts};
use crate::support::partner::{LENIENT, SDK, cookie, encoded, refused, trusting, with_partner};
use crate::support::world::{Answer, World, both_engines};

const MISSING: &str = "MISSING_QUERY_PARAMETER";
const INVALID: &str = "INVALID_PARAMETER";
const PHONE: &str = "Phone number must be verified to continue authorization. Verify it using startConfirmPhoneAction / \
                     completeConfirmPhoneAction mutations and provide verified token as \
                     \\\"confirm_phone_action_token\\\" query-parameter";

/// What is expected of a refusal: its type, its message as JSON writes it, and its interpolation.
type Expected<'a> = (&'a str, &'a str, &'a str);

/// Fails unless the answer is this refusal, letter by letter.
#[track_caller]
fn assert_refused(
    what: &str,
    answer: &Answer,
    (status, code): (u16, &str),
    (kind, message, interpolation): Expected<'_>,
) {
    let err_id = answer.json()["errors"][0]["errId"].as_str().unwrap_or_default().to_owned();
    let interpolation =
        if interpolation.is_empty() { String::new() } else { format!(",\"messageInterpolation\":{interpolation}") };
    let expected = format!(
        "{{\"errors\":[{{\"message\":\"{message}\",\"name\":\"GQLError\",\"reqId\":\"req-1\",\"errId\":\"{err_id}\",\
         \"extensions\":{{\"code\":\"{code}\",\"type\":\"{kind}\",\"message\":\"{message}\"{interpolation}}}}}]}}"
    );
    assert_eq!((answer.status, answer.text()), (status, expected), "{what}");
    assert_eq!(answer.header("x-request-id"), Some("req-1"), "{what}");
}

async fn ask(world: &World, target: &str) -> Answer {
    world.visit(target, &[("x-request-id", "req-1")]).await
}

fn parameter(name: &str) -> String {
    format!("{{\"parameter\":\"{name}\"}}")
}

const TYPES: Expected<'static> = (
    "INVALID_USER_TYPE",
    "Invalid user type provided. Expected to be one of the following: resident, staff",
    "{\"allowedTypes\":\"resident, staff\"}",
);

both_engines! {
    async fn every_refusal_of_the_query_is_told_in_full(engine: Engine) {
        let world = World::start_with(engine, |settings| with_partner(&settings, "")).await;
        let missing = |name: &str| (MISSING, format!("Query parameter \\\"{name}\\\" is missing in request"), parameter(name));
        let invalid = |name: &str| (INVALID, format!("Invalid {name}"), parameter(name));
        let types = || (TYPES.0, TYPES.1.to_owned(), TYPES.2.to_owned());
        let unknown = || ("UNKNOWN_PROVIDER", "Unknown auth provider: nobody".to_owned(), "{\"provider\":\"nobody\"}".to_owned());
        let untyped = || (
            "NO_USER_TYPE_IN_CALLBACK",
            format!("userType parameter was not found saved between requests, pass it via query parameters explicitly or visit /api/auth/{SDK} first"),
            format!("{{\"provider\":\"{SDK}\"}}"),
        );
        let rows = [
            ("?", missing("user_type")),
            ("?user_type=", missing("user_type")),
            ("?user_type=service", types()),
            ("?user_type=STAFF", types()),
            ("?user_type=staff&user_type=staff", types()),
            ("/callback", untyped()),
            ("/callback?user_type=", untyped()),
            ("/callback?user_type=service", types()),
            ("/callback?user_type=staff&user_type=resident", types()),
            ("/callback?user_type=staff", missing("access_token")),
            ("/callback?user_type=staff&access_token=&client_id=x", missing("access_token")),
            ("/callback?user_type=staff&access_token=a&access_token=b", invalid("access_token")),
            ("/callback?user_type=staff&access_token=a", missing("client_id")),
            ("/callback?user_type=staff&access_token=a&client_id=", missing("client_id")),
            ("/callback?user_type=staff&access_token=a&client_id=lenient&client_id=lenient", invalid("client_id")),
            ("/callback?user_type=staff&access_token=a&client_id=nobody", invalid("client_id")),
            ("/callback?user_type=staff&access_token=a&client_id=%00", invalid("client_id")),
        ];
        for (target, (kind, message, interpolation)) in rows {
            let answer = ask(&world, &format!("/api/auth/{SDK}{target}")).await;
            assert_refused(target, &answer, (400, "BAD_USER_INPUT"), (kind, &message, &interpolation));
        }
        // Whatever is wrong with the user type comes before whatever is wrong with the partner.
        let rows = [
            ("nobody?user_type=x", 400, "BAD_USER_INPUT", types()),
            ("nobody?user_type=staff", 404, "NOT_FOUND", unknown()),
            ("nobody/callback?user_type=x", 400, "BAD_USER_INPUT", types()),
            ("nobody/callback?user_type=staff", 404, "NOT_FOUND", unknown()),
        ];
        for (target, status, code, (kind, message, interpolation)) in rows {
            let answer = ask(&world, &format!("/api/auth/{target}")).await;
            assert_refused(target, &answer, (status, code), (kind, &message, &interpolation));
            assert_eq!(answer.header("set-cookie"), None, "{target}");
        }
        assert_eq!(world.sandbox.counts().userinfo, 0);
        assert_eq!(count(&world, "condo_sessions").await, 0);
    }

    async fn a_token_that_tells_nobody_is_a_failure(engine: Engine) {
        let world = World::start_with(engine, |settings| with_partner(&settings, "")).await;
        let failed = ("AUTHORIZATION_FAILED", "Failed to authorize user", "");
        let wrong = world.callback("staff", LENIENT).replace("access_token=", "access_token=x");
        assert_refused("an unknown token", &ask(&world, &wrong).await, (500, "INTERNAL_ERROR"), failed);
        let ways = [
            Userinfo::Status(500),
            Userinfo::Status(204),
            Userinfo::Absent,
            Userinfo::Html,
            Userinfo::Big,
            Userinfo::Redirect,
            Userinfo::Hang,
        ];
        for way in ways {
            world.sandbox.script().set(|script| script.userinfo = way);
            let before = world.sandbox.counts().userinfo;
            let answer = ask(&world, &world.callback("staff", LENIENT)).await;
            assert_refused(&format!("{way:?}"), &answer, (500, "INTERNAL_ERROR"), failed);
            assert_eq!(world.sandbox.counts().userinfo, before + 1, "{way:?}: it is asked once");
        }
        assert_eq!(world.sandbox.counts().followed_redirect, 0);
        assert_eq!(count(&world, "accounts").await, 0);
    }

    async fn userinfo_that_is_not_what_it_must_be_is_a_failure(engine: Engine) {
        let world = World::start_with(engine, |settings| with_partner(&settings, "")).await;
        let invalid = ("INVALID_USER_DATA", "Invalid user data received from auth provider", "");
        let wrong = [
            json!({ "sub": -1 }),
            json!({ "sub": null }),
            json!({ "sub": "1", "phone_number": "89990001234" }),
            json!({ "sub": "1", "phone_number_verified": "true" }),
            json!({ "sub": "1", "email": "oleg" }),
            json!({ "sub": "1", "email_verified": null }),
            json!({ "sub": "1", "name": { "first": "Oleg" } }),
        ];
        for userinfo in wrong {
            world.userinfo(&userinfo);
            let answer = ask(&world, &world.callback("staff", LENIENT)).await;
            assert_refused(&userinfo.to_string(), &answer, (500, "INTERNAL_ERROR"), invalid);
        }
        world.userinfo(&json!({ "sub": 17 }));
        assert_eq!(world.arrive().await.status, 302);
    }

    async fn a_first_sign_in_asks_for_a_confirmed_phone(engine: Engine) {
        let world = World::start_with(engine, |settings| with_partner(&settings, "")).await;
        let callback = || world.callback("resident", "test-client-id");
        for (phone, told) in [(json!("+79990001234"), "\"+79990001234\""), (Value::Null, "null")] {
            world.userinfo(&json!({ "sub": "1", "phone_number": phone }));
            let interpolation = format!("{{\"phone\":{told},\"parameter\":\"confirm_phone_action_token\"}}");
            let expected = ("PHONE_CONFIRMATION_REQUIRED", PHONE, interpolation.as_str());
            for more in ["", "&confirm_phone_action_token="] {
                let answer = ask(&world, &format!("{}{more}", callback())).await;
                assert_refused(more, &answer, (400, "BAD_USER_INPUT"), expected);
            }
        }
        let name = "confirm_phone_action_token";
        let interpolation = parameter(name);
        let expected = (INVALID, "Invalid confirm_phone_action_token", interpolation.as_str());
        let unknown = "cp:18f854bd-8c06-4c98-bdcb-5b01f61ea383";
        for more in [format!("&{name}={unknown}&{name}={unknown}"), format!("&{name}={unknown}"), format!("&{name}=x")] {
            let answer = ask(&world, &format!("{}{more}", callback())).await;
            assert_refused(&more, &answer, (400, "BAD_USER_INPUT"), expected);
        }
        assert_eq!(count(&world, "accounts").await, 0);
    }

    async fn whoever_is_deleted_stays_out(engine: Engine) {
        let world = World::start_with(engine, |settings| trusting(&settings)).await;
        world.userinfo(&json!({ "sub": "1" }));
        world.arrive().await;
        let subject = texts(&world.database_url, "SELECT subject AS value FROM accounts").await.concat();
        accounts::disable(&world.app.parts, Subject::parse(subject).unwrap()).await.unwrap();
        let answer = ask(&world, &world.callback("resident", LENIENT)).await;
        let expected = ("EXTERNAL_IDENTITY_BLOCKED", "Its not possible to sign in using this account", "");
        assert_refused("", &answer, (400, "BAD_USER_INPUT"), expected);
        // A link whose account is not there at all is nobody's either.
        execute(&world.database_url, "UPDATE links SET subject = 'nobody'").await;
        let answer = ask(&world, &world.callback("resident", LENIENT)).await;
        assert_refused("", &answer, (400, "BAD_USER_INPUT"), expected);
    }

    async fn the_eleventh_sign_in_of_an_hour_is_refused(engine: Engine) {
        let world = World::frozen_with(engine, |settings| trusting(&settings).replace("= 100000", "= 10")).await;
        world.userinfo(&json!({ "sub": "1" }));
        for _ in 0..4 {
            // Failures count, and what is not even looked at any more.
            assert_eq!(ask(&world, "/api/auth/nobody/callback?user_type=staff").await.status, 404);
        }
        for _ in 0..6 {
            assert_eq!(world.arrive().await.status, 302);
        }
        world.advance(60);
        let wait = "You have to wait 59 min. to be able to send request again";
        for language in ["en", "ru"] {
            let headers = [("x-request-id", "req-1"), ("accept-language", language)];
            let answer = world.visit(&world.callback("resident", LENIENT), &headers).await;
            let translated = if language == "ru" { "Повторить запрос можно будет через {minutesRemaining} мин." } else { "You have to wait {minutesRemaining} min. to be able to send request again" };
            let mut body = answer.json();
            assert!(body["errors"][0].as_object_mut().unwrap().remove("errId").is_some());
            let expected = json!({ "errors": [{
                "message": wait, "name": "GQLError", "reqId": "req-1",
                "extensions": {
                    "code": "BAD_USER_INPUT", "type": "TOO_MANY_REQUESTS", "message": wait,
                    "messageForUser": translated.replace("{minutesRemaining}", "59"),
                    "messageForUserTemplateKey": "api.user.TOO_MANY_REQUESTS",
                    "messageForUserTemplate": translated,
                    "messageInterpolation": { "minutesRemaining": 59 },
                },
            }] });
            assert_eq!((answer.status, body), (400, expected));
        }
        // The beginning counts for nothing, nor is it refused.
        assert_eq!(world.visit(&format!("/api/auth/{SDK}?user_type=staff"), &[]).await.status, 302);
        world.advance(59 * 60);
        assert_eq!(world.arrive().await.status, 302);
    }

    async fn a_user_who_is_signed_in_is_counted_from_everywhere(engine: Engine) {
        let world = World::start_with(engine, |settings| {
            format!("trusted_proxies = [\"127.0.0.0/8\"]\n{}", trusting(&settings).replace("= 100000", "= 10"))
        })
        .await;
        world.userinfo(&json!({ "sub": "1" }));
        let mut session = cookie(&world.arrive().await);
        for from in 0..10 {
            let headers = [("cookie", session.as_str()), ("x-forwarded-for", &format!("203.0.113.{from}"))];
            let answer = world.visit(&world.callback("resident", LENIENT), &headers).await;
            assert_eq!(answer.status, 302, "{from}");
            session = cookie(&answer);
        }
        let headers = [("cookie", session.as_str()), ("x-forwarded-for", "203.0.113.99")];
        let answer = world.visit(&world.callback("resident", LENIENT), &headers).await;
        assert_eq!(refused(&answer), (400, "TOO_MANY_REQUESTS".to_owned()));
        // Somebody else there goes on.
        let headers = [("x-forwarded-for", "203.0.113.99")];
        assert_eq!(world.visit(&world.callback("resident", LENIENT), &headers).await.status, 302);
    }

    async fn a_token_that_was_made_for_another_is_refused(engine: Engine) {
        let strict = |settings: &str| {
            let issuer = settings.split("issuer = \"").nth(1).unwrap().split('"').next().unwrap();
            format!(
                "{}\n[partners.clients.audience]\nidentity_type = \"{SDK}\"\nuser_info_url = \"{issuer}/userinfo\"\n\
                 require_confirmed_phone = false\naudience = \"us\"\n\
                 [partners.clients.introspected]\nidentity_type = \"{SDK}\"\nuser_info_url = \"{issuer}/userinfo\"\n\
                 require_confirmed_phone = false\naudience = \"us\"\nintrospection_url = \"{issuer}/introspect\"\n\
                 introspection_client_id = \"fedlink\"\nintrospection_client_secret = \"sandbox-secret\"",
                with_partner(settings, "")
            )
        };
        let world = World::start_with(engine, |settings| strict(&settings)).await;
        let interpolation = parameter("access_token");
        let invalid = (INVALID, "Invalid access_token", interpolation.as_str());
        world.userinfo(&json!({ "sub": "1" }));
        for client in ["audience", "introspected"] {
            let answer = ask(&world, &world.callback("staff", client)).await;
            assert_refused(client, &answer, (400, "BAD_USER_INPUT"), invalid);
        }
        // One that is dead is told by its introspection alone.
        let dead = world.callback("staff", "introspected").replace("access_token=", "access_token=x");
        assert_refused("dead", &ask(&world, &dead).await, (400, "BAD_USER_INPUT"), invalid);
        assert_eq!(world.sandbox.counts().userinfo, 1, "where introspection refuses, userinfo isn't asked");
        let us = json!({ "aud": ["them", "us"] }).as_object().unwrap().clone();
        world.sandbox.script().set(|script| script.introspection = us);
        assert_eq!(ask(&world, &world.callback("staff", "introspected")).await.status, 302);
        assert_eq!(ask(&world, &world.callback("staff", "audience")).await.status, 400);
        world.userinfo(&json!({ "sub": "1", "aud": "us" }));
        assert_eq!(ask(&world, &world.callback("staff", "audience")).await.status, 302);
    }

    async fn a_request_keeps_its_id_if_it_is_one(engine: Engine) {
        let world = World::start_with(engine, |settings| with_partner(&settings, "")).await;
        let target = format!("/api/auth/{SDK}/callback");
        let long = "x".repeat(129);
        for sane in ["0169d0e8612d9c810fe1a25989c24cd1", "a", "A-b_c.d:1"] {
            let answer = world.visit(&target, &[("x-request-id", sane)]).await;
            assert_eq!(answer.header("x-request-id"), Some(sane));
        }
        for odd in ["", " ", "a b", "<script>", "a\"b", &long] {
            let answer = world.visit(&target, &[("x-request-id", odd)]).await;
            let id = answer.header("x-request-id").unwrap();
            assert_eq!((id.len(), answer.json()["errors"][0]["reqId"].as_str()), (36, Some(id)), "{odd:?}");
        }
    }

    async fn what_the_path_names_is_told_as_it_is(engine: Engine) {
        let world = World::start_with(engine, |settings| with_partner(&settings, "")).await;
        let name = "<a href=\"x\">\u{202e}%2F";
        let answer = world.visit(&format!("/api/auth/{}?user_type=staff", encoded(name)), &[]).await;
        assert_eq!(answer.status, 404);
        assert_eq!(answer.json()["errors"][0]["extensions"]["messageInterpolation"], json!({ "provider": name }));
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
}
