//! The GraphQL endpoint itself: where it is, what it takes, how its answers look.

use serde_json::json;

use crate::support::condo::{API, by_email, staff, with_sessions};
use crate::support::world::{As, Body, World, both_engines};

both_engines! {
    async fn nobody_is_signed_in_without_a_session(engine: Engine) {
        let world = World::condo(engine).await;
        for path in [API, "/api/graphql"] {
            let body = Body::Json(json!({"query": "{ authenticatedUser { id name email } }"}));
            let answer = world.call("POST", path, &As::Nobody, body).await;
            assert_eq!(answer.data(), json!({"authenticatedUser": null}), "{path}");
            assert_eq!(answer.header("set-cookie"), None);
        }
        for base in ["", "/blitz"] {
            for path in ["/admin/api", "/admin/api/", "/api/graphql", "/api/graphql/"] {
                let url = format!("{}{base}{path}", world.base);
                let body = Body::Json(json!({"query": "{ __typename }"}));
                let answer = world.send("POST", &url, &As::Nobody, body, &[]).await;
                assert_eq!(answer.json(), json!({"data": {"__typename": "Query"}}), "{base}{path}");
                let answer = world.send("GET", &format!("{url}?query=%7B__typename%7D"), &As::Nobody, Body::None, &[]).await;
                assert_eq!(answer.json(), json!({"data": {"__typename": "Query"}}), "{base}{path}");
            }
            let answer = world.send("GET", &format!("{}{base}/api/whoami/", world.base), &As::Nobody, Body::None, &[]).await;
            assert_eq!(answer.json(), json!({"ip": "127.0.0.1"}), "{base}");
        }
        let answer = world.ask(&As::Nobody, "mutation { unauthenticateUser { success } }").await;
        assert_eq!(answer.data(), json!({"unauthenticateUser": {"success": true}}));
        assert_eq!(answer.header("set-cookie"), None, "there was no session to end");
    }

    async fn without_sessions_the_dialect_is_not_there(engine: Engine) {
        let world = World::start(engine).await;
        for path in [API, "/api/graphql"] {
            let body = Body::Json(json!({"query": "{ authenticatedUser { id } }"}));
            assert_eq!(world.call("POST", path, &As::Nobody, body).await.status, 404, "{path}");
            assert_eq!(world.call("OPTIONS", path, &As::Nobody, Body::None).await.status, 404, "{path}");
            let target = format!("{path}?query=%7B__typename%7D");
            assert_eq!(world.call("GET", &target, &As::Nobody, Body::None).await.status, 404, "{path}");
        }
        // They come while it is served, and go.
        for (has_sessions, status) in [(true, 200), (false, 404)] {
            world.decide(|settings| if has_sessions { with_sessions(settings) } else { settings });
            for base in ["", "/blitz"] {
                let body = Body::Json(json!({"query": "{ authenticatedUser { id } }"}));
                let answer = world.send("POST", &format!("{}{base}{API}", world.base), &As::Nobody, body, &[]).await;
                assert_eq!(answer.status, status, "{base}");
            }
        }
    }

    async fn a_body_is_taken_as_it_is(engine: Engine) {
        let world = World::condo(engine).await;
        for (coding, status) in [("identity", 200), ("Identity", 200), ("gzip", 415), ("deflate", 415), ("br", 415), ("identity, gzip", 415), ("", 200)] {
            let body = Body::Json(json!({"query": "{ __typename }"}));
            let answer = world.call_with("POST", world.api(), &As::Nobody, body, &[("content-encoding", coding)]).await;
            assert_eq!(answer.status, status, "{coding}");
            if status == 415 {
                assert_eq!(answer.error()["message"], "The body must come without a Content-Encoding", "{coding}");
            }
        }
    }

    async fn what_is_no_request_is_not_run(engine: Engine) {
        let world = World::condo(engine).await;
        let asked = |query: &str| Body::Json(json!({"query": query}));
        let rows = [
            (asked("{ authenticatedUser { id }"), 400, "SyntaxError", "GRAPHQL_PARSE_FAILED"),
            (asked(""), 400, "SyntaxError", "GRAPHQL_PARSE_FAILED"),
            (asked("{ nothing }"), 400, "ValidationError", "GRAPHQL_VALIDATION_FAILED"),
            (asked("{ authenticatedUser }"), 400, "ValidationError", "GRAPHQL_VALIDATION_FAILED"),
            (asked("query a { __typename } query b { __typename }"), 400, "ValidationError", "GRAPHQL_VALIDATION_FAILED"),
            (Body::Json(json!({})), 400, "GQLError", "BAD_USER_INPUT"),
            (Body::Json(json!({"query": 1})), 400, "GQLError", "BAD_USER_INPUT"),
            (Body::Json(json!({"query": "{ __typename }", "variables": [1]})), 400, "GQLError", "BAD_USER_INPUT"),
            (Body::Json(json!("{ __typename }")), 400, "GQLError", "BAD_USER_INPUT"),
            (Body::Json(json!([])), 400, "GQLError", "BAD_USER_INPUT"),
            (Body::Raw("application/json", b"{".to_vec()), 400, "GQLError", "BAD_USER_INPUT"),
            (Body::Raw("application/json", b"\xff".to_vec()), 400, "GQLError", "BAD_USER_INPUT"),
            (Body::Raw("application/json", Vec::new()), 400, "GQLError", "BAD_USER_INPUT"),
            (Body::Raw("text/plain", br#"{"query":"{ __typename }"}"#.to_vec()), 415, "GQLError", "BAD_USER_INPUT"),
            (Body::Raw("application/graphql", b"{ __typename }".to_vec()), 415, "GQLError", "BAD_USER_INPUT"),
            (Body::Raw("application/graphql+json", br#"{"query":"{ __typename }"}"#.to_vec()), 415, "GQLError", "BAD_USER_INPUT"),
            (Body::Form(vec![("query", "{ __typename }".to_owned())]), 415, "GQLError", "BAD_USER_INPUT"),
            (Body::None, 415, "GQLError", "BAD_USER_INPUT"),
        ];
        for (body, status, name, code) in rows {
            let answer = world.call("POST", world.api(), &As::Nobody, body.clone()).await;
            let error = answer.error();
            let told = (answer.status, error["name"].as_str().unwrap(), error["extensions"]["code"].as_str().unwrap());
            assert_eq!(told, (status, name, code), "{body:?}");
            assert_eq!(answer.json().get("data"), None, "{body:?}");
        }
        let typed = Body::Raw("application/json; charset=utf-8", br#"{"query":"{ __typename }","variables":null,"operationName":null}"#.to_vec());
        assert_eq!(world.call("POST", world.api(), &As::Nobody, typed).await.data(), json!({"__typename": "Query"}));
        let two = json!({"query": "query a { __typename } query b { authenticatedUser { id } }", "operationName": "b"});
        let one = world.call("POST", world.api(), &As::Nobody, Body::Json(two)).await;
        assert_eq!(one.data(), json!({"authenticatedUser": null}));
        let php = Body::Json(json!({"query": "{ __typename }", "variables": []}));
        assert_eq!(world.call("POST", world.api(), &As::Nobody, php).await.data(), json!({"__typename": "Query"}));
        let hash = Body::Json(json!({"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "a"}}}));
        let answer = world.call("POST", world.api(), &As::Nobody, hash).await;
        assert_eq!(answer.error()["message"], "PersistedQueryNotSupported");
        assert_eq!(answer.refused_as(), (200, "PERSISTED_QUERY_NOT_SUPPORTED".to_owned()));
        for method in ["PUT", "DELETE", "PATCH"] {
            let answer = world.call(method, world.api(), &As::Nobody, Body::None).await;
            assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, POST")), "{method}");
        }
    }

    async fn every_answer_has_the_id_of_its_request(engine: Engine) {
        let world = World::condo(engine).await;
        let body = |text: &str| Body::Json(json!({"query": text}));
        for (method, target, body, status) in [
            ("POST", world.api(), body("{ __typename }"), 200),
            ("POST", world.api(), body("{"), 400),
            ("POST", world.api(), Body::None, 415),
            ("GET", "/api/graphql?query=%7B__typename%7D", Body::None, 200),
            ("GET", "/api/graphql", Body::None, 400),
            ("PUT", world.api(), Body::None, 405),
            ("OPTIONS", world.api(), Body::None, 405),
            ("GET", "/api/auth/nobody?user_type=staff", Body::None, 404),
            ("GET", "/", Body::None, 200),
            ("GET", "/api/whoami", Body::None, 200),
            ("POST", "/api/whoami", Body::None, 405),
        ] {
            for (sent, comes_back) in [("req-1", true), ("a b", false)] {
                let headers = [("x-request-id", sent)];
                let answer = world.call_with(method, target, &As::Nobody, body.clone(), &headers).await;
                let id = answer.header("x-request-id").expect("an id");
                assert_eq!((answer.status, id == sent), (status, comes_back), "{method} {target} {sent}: {id}");
            }
        }
    }

    async fn a_query_may_stand_in_the_address(engine: Engine) {
        let world = World::condo(engine).await;
        world.person(staff("jane")).await;
        let signed_in = by_email::ask(&world, json!({})).await;
        let cookie = signed_in.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        let token = signed_in.data()[by_email::MUTATION]["token"].as_str().unwrap().to_owned();
        let query = [
            ("query", "query who($with: Boolean!) { authenticatedUser { id name @include(if: $with) } }"),
            ("variables", r#"{"with":false}"#),
            ("operationName", "who"),
        ];
        let target = format!("{}?{}", world.api(), url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish());
        let get = async |target: &str, headers: &[(&str, &str)]| world.call_with("GET", target, &As::Nobody, Body::None, headers).await;
        assert_eq!(get(&target, &[]).await.data(), json!({"authenticatedUser": null}));
        let bearer = format!("Bearer {token}");
        assert_eq!(get(&target, &[("authorization", &bearer)]).await.data(), json!({"authenticatedUser": {"id": "jane"}}));

        // The cookie, which a form or a link anywhere brings along.
        let cookie = ("cookie", cookie.as_str());
        let (from, meant) = ("sec-fetch-site", [("apollo-require-preflight", "true"), ("x-apollo-operation-name", "who"), ("content-type", "application/json")]);
        for header in meant.into_iter().chain([(from, "same-origin"), ("origin", world.base.as_str())]) {
            assert_eq!(get(&target, &[cookie, header]).await.data(), json!({"authenticatedUser": {"id": "jane"}}), "{header:?}");
        }
        for headers in [&[cookie][..], &[cookie, (from, "none")], &[cookie, ("content-type", "text/plain")], &[cookie, ("apollo-require-preflight", "")]] {
            let answer = get(&target, headers).await;
            let message = answer.error()["message"].as_str().unwrap().to_owned();
            assert!(answer.status == 400 && message.contains("Apollo-Require-Preflight"), "{headers:?}: {message}");
        }
        for elsewhere in [(from, "cross-site"), (from, "same-site"), ("origin", "https://evil.example")] {
            assert_eq!(get(&target, &[cookie, meant[0], elsewhere]).await.refused_as(), (403, "FORBIDDEN".to_owned()), "{elsewhere:?}");
        }

        // What changes something.
        for (query, operation) in [("mutation { unauthenticateUser { success } }", ""), ("query a { __typename } mutation b { unauthenticateUser { success } }", "b")] {
            let pairs = [("query", query), ("operationName", operation)];
            let target = format!("{}?{}", world.api(), url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish());
            let answer = get(&target, &[("authorization", &bearer)]).await;
            assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")), "{query}");
            assert_eq!(answer.error()["message"], "GET supports only query operations: use POST");
        }
        assert_eq!(get(&target, &[("authorization", &bearer)]).await.data(), json!({"authenticatedUser": {"id": "jane"}}), "it stands");
        for wrong in ["", "?query=", "?query=%7B", "?query=%7B__typename%7D&variables=1", "?query=%7Ba%7D", "?query=a%00"] {
            let answer = get(&format!("{}{wrong}", world.api()), &[]).await;
            assert_eq!(answer.status, 400, "{wrong}: {}", answer.text());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_of_the_parser_shows_nothing_of_the_query() {
    let world = World::start_with(crate::support::world::Engine::Sqlite, with_sessions).await;
    let answer = world.ask(&As::Nobody, "mutation { a(password: \"s3cret\" } ").await;
    assert_eq!(answer.status, 400);
    assert!(!answer.text().contains("s3cret"), "{}", answer.text());
}

/// Clients read keys, people read the order: it is the source's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_keeps_the_order_of_its_keys() {
    let world = World::condo(crate::support::world::Engine::Sqlite).await;
    let text = by_email::ask(&world, json!({})).await.text();
    let (before, rest) = text.split_once("\"errId\":\"").expect("an errId");
    let (_, after) = rest.split_once('"').expect("its end");
    assert_eq!(
        format!("{before}{after}"),
        r#"{"errors":[{"message":"Wrong email or password","name":"GQLError",,"locations":[{"line":2,"column":3}],"path":["authenticateUserWithEmailAndPassword"],"extensions":{"mutation":"authenticateUserWithEmailAndPassword","code":"BAD_USER_INPUT","type":"WRONG_CREDENTIALS","message":"Wrong email or password","messageForUser":"Wrong email or password","messageForUserTemplateKey":"api.user.authenticateUserWithEmailAndPassword.WRONG_CREDENTIALS","messageForDeveloper":"Wrong email or password\n\nGraphQL request:2:3"}}],"data":{"authenticateUserWithEmailAndPassword":null}}"#
    );
}
