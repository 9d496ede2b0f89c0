//! What the GraphQL endpoint refuses to do for whoever asks: too much, for other sites' pages, or to tell about itself.

use serde_json::{Value, json};

use crate::support::condo::{self, by_email, staff, with_sessions};
use crate::support::world::{Answer, As, Body, PUBLIC, World, both_engines};

const LISTED: &str = "https://app.example";

async fn post(world: &World, body: Value) -> Answer {
    world.call("POST", world.api(), &As::Nobody, Body::Json(body)).await
}

/// Status and message of the one error.
#[track_caller]
fn told(answer: &Answer) -> (u16, String) {
    (answer.status, answer.error()["message"].as_str().unwrap().to_owned())
}

both_engines! {
    async fn a_request_that_asks_too_much_is_not_run(engine: Engine) {
        let world = World::condo(engine).await;
        world.person(staff("jane")).await;
        let token = As::Bearer(condo::token(&world).await);
        let fields = |count: usize| -> String { (0..count).map(|n| format!(" a{n}: id")).collect::<Vec<_>>().concat() };
        let most = format!("{{ authenticatedUser {{{} }} }}", fields(249));
        assert_eq!(world.ask(&token, &most).await.data()["authenticatedUser"]["a248"], "jane");
        let more = format!("{{ authenticatedUser {{{} }} }}", fields(250));
        assert_eq!(told(&world.ask(&token, &more).await), (400, "Query is too complex.".to_owned()));
        // The same by fragments: what they come to counts, and a million fields take no time to be refused.
        let spread = |levels: usize| -> String {
            (0..levels).map(|n| {
                let next = if n + 1 == levels { "id ".to_owned() } else { format!("...f{} ", n + 1).repeat(10) };
                format!(" fragment f{n} on User {{ {next}}}")
            }).collect::<Vec<_>>().concat()
        };
        for levels in [4, 6, 12] {
            let bomb = format!("{{ authenticatedUser {{ ...f0 }} }}{}", spread(levels));
            assert_eq!(told(&world.ask(&As::Nobody, &bomb).await), (400, "Query is too complex.".to_owned()), "{levels}");
        }
        let circle = "{ authenticatedUser { ...f } } fragment f on User { ...g } fragment g on User { ...f }";
        let deep = format!("{{ a{} }}", "{ a".repeat(2000));
        let values = format!("{{ a(b: {}) }}", "[".repeat(4000));
        for query in [circle, &deep, &values] {
            assert_eq!(told(&world.ask(&As::Nobody, query).await), (400, "Query is nested too deep.".to_owned()));
        }
        let twice = world.ask(&As::Nobody, "{ authenticatedUser { id @include(if: true) @include(if: true) } }").await;
        assert_eq!(twice.status, 400);
    }

    async fn a_request_that_is_too_long_is_not_run(engine: Engine) {
        let world = World::condo(engine).await;
        world.person(staff("jane")).await;
        let jane = As::Bearer(condo::token(&world).await);
        let post = async |body: Value| world.call("POST", world.api(), &jane, Body::Json(body)).await;
        let query = |length: usize| json!({"query": format!("{{ __typename }}#{}", "я".repeat(length - 15))});
        assert_eq!(post(query(8192)).await.status, 200);
        for path in ["/admin/api", "/api/graphql"] {
            let target = format!("{path}?query=%7B__typename%7D%23{}", "a".repeat(8193 - 13));
            assert_eq!(world.call("GET", &target, &jane, Body::None).await.status, 413, "{path}");
        }
        let long = post(query(8193)).await;
        assert_eq!(long.error(), json!({
            "message": "The query has more than 8192 characters", "name": "GQLError",
            "extensions": {
                "code": "PAYLOAD_TOO_LARGE", "type": "PAYLOAD_TOO_LARGE",
                "message": "The query has more than 8192 characters",
            },
        }));
        assert_eq!(long.status, 413);
        let variables = |length: usize| json!({"query": "{ __typename }", "variables": {"a": "x".repeat(length - 8)}});
        assert_eq!(post(variables(512 * 1024)).await.status, 200);
        let message = "The variables have more than 512 KB".to_owned();
        assert_eq!(told(&post(variables(512 * 1024 + 1)).await), (413, message));
        let message = "The body is larger than any that is read".to_owned();
        assert_eq!(told(&post(variables(600 * 1024)).await), (413, message));
        // Of nobody's, less is read.
        let nobodys = async |length: usize| world.call("POST", world.api(), &As::Nobody, Body::Json(variables(length))).await;
        assert_eq!(nobodys(60 * 1024).await.status, 200);
        let message = "The body is larger than any that is read of who is not signed in".to_owned();
        assert_eq!(told(&nobodys(64 * 1024).await), (413, message));
    }

    async fn a_batch_holds_fifty_requests_within_the_budget_of_ten(engine: Engine) {
        let world = World::condo(engine).await;
        let one = json!({"query": "{ __typename }"});
        let fifty = post(&world, vec![one.clone(); 50].into()).await;
        assert_eq!((fifty.status, fifty.json()), (200, vec![json!({"data": {"__typename": "Query"}}); 50].into()));
        for count in [0, 51] {
            let refused = post(&world, vec![one.clone(); count].into()).await;
            assert_eq!(told(&refused), (400, "A batch must hold from 1 to 50 requests".to_owned()), "{count}");
        }
        // Each asks for all that one may; the eleventh is over, and what costs next to nothing still fits.
        let wide: Vec<String> = (1..250).map(|n| format!("a{n}: id")).collect();
        let wide = json!({"query": format!("{{ authenticatedUser {{ {} }} }}", wide.join(" "))});
        let eleven = post(&world, vec![wide; 11].into()).await.json();
        let messages: Vec<&str> = eleven.as_array().unwrap().iter().map(|one| one["errors"][0]["message"].as_str().unwrap_or_default()).collect();
        assert_eq!(messages, [vec![""; 10], vec!["Batch is too complex."]].concat());
        // One that a hash names is told in its place.
        let hash = json!({"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "a"}}});
        let mixed = post(&world, json!([one, hash])).await.json();
        assert_eq!((&mixed[0]["data"]["__typename"], &mixed[1]["errors"][0]["message"]), (&json!("Query"), &json!("PersistedQueryNotSupported")));
        // Each has its own answer.
        let mixed = post(&world, json!([one, {"query": "{ nothing }"}, {"query": "{"}, one])).await;
        let data: Vec<bool> = mixed.json().as_array().unwrap().iter().map(|one| one.get("data").is_some()).collect();
        assert_eq!((mixed.status, data), (200, vec![true, false, false, true]));
    }

    async fn the_schema_is_not_told(engine: Engine) {
        let world = World::condo(engine).await;
        let no = "GraphQL introspection is not allowed, but the query contained __schema or __type".to_owned();
        for query in ["{ __schema { types { name } } }", "{ a: __type(name: \"User\") { name } }"] {
            assert_eq!(told(&world.ask(&As::Nobody, query).await), (400, no.clone()), "{query}");
        }
        // Nor is it told to who guesses.
        for query in ["{ authenticateduser { id } }", "{ authenticatedUser(nam: 1) { id } }", "{ authenticatedUser { nam } }"] {
            let answer = world.ask(&As::Nobody, query).await;
            assert_eq!(answer.status, 400);
            assert!(!answer.text().contains("Did you mean"), "{}", answer.text());
        }
    }

    async fn a_value_that_is_none_of_an_enum_is_named(engine: Engine) {
        let world = World::condo(engine).await;
        let message = "Value \"clerk\" does not exist in \"UserTypeType\" enum.";
        let variable = by_email::ask(&world, json!({"userType": "clerk"})).await;
        let literal = world.ask(&As::Nobody, "mutation { authenticateUserWithPhoneAndPassword(data: {phone: \"+79991234567\", password: \"x\", userType: clerk}) { token } }").await;
        for answer in [variable, literal] {
            let error = answer.error();
            assert_eq!((answer.status, error["message"].as_str()), (400, Some(message)));
            assert_eq!((error["name"].as_str(), error["extensions"]["code"].as_str()), (Some("ValidationError"), Some("GRAPHQL_VALIDATION_FAILED")));
            assert_eq!(answer.json().get("data"), None);
        }
    }

    async fn what_a_variable_was_not_given_is_not_there(engine: Engine) {
        let world = World::condo(engine).await;
        world.person(staff("jane")).await;
        let query = "mutation ($dv: Int, $sender: SenderFieldInput, $type: UserTypeType) { authenticateUserWithPhoneAndPassword(data: {dv: $dv, sender: $sender, userType: $type, phone: \"+79991234567\", password: \"wrong\"}) { token } }";
        let kind = async |variables: Value| world.ask_with(&As::Nobody, query, variables, &[]).await.refused_as().1;
        assert_eq!(kind(json!({})).await, "WRONG_CREDENTIALS", "the defaults");
        assert_eq!(kind(json!({"dv": null})).await, "DV_VERSION_MISMATCH");
        assert_eq!(kind(json!({"sender": null})).await, "WRONG_FORMAT");
    }

    /// A page of another site may make a browser send its cookies: that alone must do nothing.
    async fn a_cookie_counts_for_pages_of_known_origins_alone(engine: Engine) {
        let world = World::start_with(engine, |settings| {
            with_sessions(format!("cors_origins = [\"{LISTED}\"]\n{settings}"))
        }).await;
        world.person(staff("jane")).await;
        let answer = by_email::ask(&world, json!({})).await;
        let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        let bearer = format!("Bearer {}", answer.data()[by_email::MUTATION]["token"].as_str().unwrap());
        let ask = async |headers: &[(&str, &str)]| {
            world.ask_with(&As::Nobody, "{ authenticatedUser { id } }", json!({}), headers).await
        };
        let foreign = [
            "https://evil.example", "null", "http://app.example", "https://app.example:8443", "https://app.example.evil.example",
            "https://APP.example", "https://app.example/", "",
        ];
        for origin in foreign {
            let refused = ask(&[("cookie", &cookie), ("origin", origin)]).await;
            assert_eq!((refused.status, refused.error()["extensions"]["code"].as_str()), (403, Some("FORBIDDEN")), "{origin}");
            assert_eq!(refused.header("access-control-allow-origin"), None, "{origin}");
            // A bearer token is added by no browser, so whoever sends it has it.
            let borne = ask(&[("authorization", &bearer), ("cookie", &cookie), ("origin", origin)]).await;
            assert_eq!(borne.data()["authenticatedUser"]["id"], "jane", "{origin}");
            assert_eq!(ask(&[("origin", origin)]).await.data()["authenticatedUser"], Value::Null, "{origin}");
        }
        let planted = ask(&[("cookie", "keystone.sid=s%3Aanything"), ("origin", "https://evil.example")]).await;
        assert_eq!(planted.status, 403, "whatever the cookie is worth");
        let twice = ask(&[("cookie", &cookie), ("origin", LISTED), ("origin", "https://evil.example")]).await;
        assert_eq!(twice.status, 403);
        for (origin, allowed) in [(world.base.as_str(), None), (LISTED, Some(LISTED))] {
            let welcome = ask(&[("cookie", &cookie), ("origin", origin)]).await;
            assert_eq!(welcome.data()["authenticatedUser"]["id"], "jane", "{origin}");
            assert_eq!(welcome.header("access-control-allow-origin"), allowed);
            assert_eq!(welcome.header("access-control-allow-credentials"), allowed.map(|_| "true"));
            assert_eq!(welcome.header("vary"), Some("Origin"));
        }
        assert_eq!(ask(&[("cookie", &cookie)]).await.data()["authenticatedUser"]["id"], "jane", "no browser: no origin");
    }

    async fn a_browser_is_told_who_may_post(engine: Engine) {
        let world = World::start_with(engine, |settings| {
            with_sessions(format!("cors_origins = [\"{LISTED}\"]\n{settings}"))
        }).await;
        let ask = async |headers: &[(&str, &str)]| world.call_with("OPTIONS", world.api(), &As::Nobody, Body::None, headers).await;
        let question = ("access-control-request-method", "POST");
        let yes = ask(&[("origin", LISTED), question, ("access-control-request-headers", "content-type")]).await;
        assert_eq!(yes.status, 204);
        for (name, value) in [
            ("access-control-allow-origin", LISTED),
            ("access-control-allow-credentials", "true"),
            ("access-control-allow-methods", "POST"),
            ("vary", "Origin"),
        ] {
            assert_eq!(yes.header(name), Some(value), "{name}");
        }
        assert!(yes.header("access-control-allow-headers").unwrap().contains("content-type"));
        for headers in [&[("origin", "https://evil.example"), question][..], &[("origin", PUBLIC), question], &[question], &[("origin", LISTED)]] {
            let no = ask(headers).await;
            assert_eq!((no.status, no.header("access-control-allow-origin")), (405, None), "{headers:?}");
        }
    }
}
