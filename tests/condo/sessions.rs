//! Sessions of the Condo dialect: how they come with a request, what ends them, what they open.

use domain::ids::Subject;
use serde_json::{Value, json};
use service::accounts;

use crate::support::condo::{self, by_email, staff, with_sessions};
use crate::support::database::{count, texts};
use crate::support::world::{Answer, As, Body, Engine, World, both_engines};

const WHO: &str = "{ authenticatedUser { id } }";
const OUT: &str = "mutation { unauthenticateUser { success } }";

async fn world(engine: Engine) -> World {
    let world = World::condo_frozen(engine).await;
    world.person(staff("jane")).await;
    world
}

/// Who is signed in by these headers.
async fn who(world: &World, headers: &[(&str, &str)]) -> Value {
    world.ask_with(&As::Nobody, WHO, json!({}), headers).await.data()["authenticatedUser"]["id"].clone()
}

async fn who_bears(world: &World, token: &str) -> Value {
    who(world, &[("authorization", &format!("Bearer {token}"))]).await
}

/// The cookie of an answer, as a browser sends it back.
fn cookie(answer: &Answer) -> String {
    answer.header("set-cookie").expect("a cookie").split(';').next().unwrap().to_owned()
}

fn subject(id: &str) -> Subject {
    Subject::parse(id).unwrap()
}

both_engines! {
    /// `docs/condo-contract.md` 2: what is no token of ours is nobody's, without an error.
    async fn only_a_whole_token_under_the_right_scheme_counts(engine: Engine) {
        let world = world(engine).await;
        let answer = by_email::ask(&world, json!({})).await;
        let token = answer.data()[by_email::MUTATION]["token"].as_str().unwrap().to_owned();
        let cookie = cookie(&answer);
        let (sid, signature) = token.split_once('.').unwrap();
        assert_eq!(who_bears(&world, &token).await, "jane");
        let nobody = [
            sid.to_owned(),
            format!("{sid}."),
            format!("s:{token}"),
            format!("{sid}.{}", signature.to_lowercase()),
            format!("{sid}.{}", "A".repeat(43)),
            format!("{}.{signature}", "A".repeat(32)),
            format!("{token}="),
            "A".repeat(43),
        ];
        for token in nobody {
            assert_eq!(who_bears(&world, &token).await, Value::Null, "{token}");
            // It stands for nobody even beside a cookie that would do: the header wins.
            let authorization = format!("Bearer {token}");
            assert_eq!(who(&world, &[("authorization", &authorization), ("cookie", &cookie)]).await, Value::Null, "{token}");
        }
        for scheme in ["bearer", "BEARER", "Basic", "Token"] {
            let authorization = format!("{scheme} {token}");
            assert_eq!(who(&world, &[("authorization", &authorization)]).await, Value::Null, "{scheme}");
            assert_eq!(who(&world, &[("authorization", &authorization), ("cookie", &cookie)]).await, "jane", "{scheme}");
        }
        let bare = format!("keystone.sid={token}");
        assert_eq!(who(&world, &[("cookie", &bare)]).await, Value::Null, "without s:");
        let plain = format!("keystone.sid=s:{token}");
        assert_eq!(who(&world, &[("cookie", &plain)]).await, "jane", "not encoded");
        let (_, value) = cookie.split_once('=').unwrap();
        for loose in [format!("a=1;\tkeystone.sid = \"{value}\" ; b"), format!("keystone.sid={value}; keystone.sid=other"), format!("a;{cookie}")] {
            assert_eq!(who(&world, &[("cookie", &loose)]).await, "jane", "{loose}");
        }
        for other in [format!("keystone.sid=other; {cookie}"), format!("keystone.sid=\"{value}"), format!("x{cookie}")] {
            assert_eq!(who(&world, &[("cookie", &other)]).await, Value::Null, "{other}");
        }
    }

    async fn a_password_change_ends_every_session(engine: Engine) {
        let world = world(engine).await;
        let tokens = [condo::token(&world).await, condo::token(&world).await];
        for token in &tokens {
            assert_eq!(who_bears(&world, token).await, "jane");
        }
        accounts::set_password(&world.app.parts, subject("jane"), "another good password".into()).await.unwrap();
        for token in &tokens {
            assert_eq!(who_bears(&world, token).await, Value::Null);
        }
        assert_eq!(count(&world, "condo_sessions").await, 0);
    }

    /// The source keeps such a session, to say that its user may do nothing.
    async fn a_user_who_is_deleted_is_told_so(engine: Engine) {
        let world = world(engine).await;
        let token = As::Bearer(condo::token(&world).await);
        accounts::disable(&world.app.parts, subject("jane")).await.unwrap();
        let answer = world.ask(&token, WHO).await;
        assert_eq!(answer.json()["data"], json!({"authenticatedUser": null}));
        assert_eq!(answer.error(), json!({
            "message": "You do not have access to this resource", "name": "AccessDeniedError",
            "locations": [{"line": 1, "column": 3}], "path": ["authenticatedUser"],
            "extensions": {
                "code": "INTERNAL_SERVER_ERROR",
                "messageForDeveloper": "You do not have access to this resource\n\nGraphQL request:1:3",
            },
            "data": {"type": "query", "target": "authenticatedUser"},
        }));
        accounts::enable(&world.app.parts, subject("jane")).await.unwrap();
        assert_eq!(world.ask(&token, WHO).await.data(), json!({"authenticatedUser": null}), "it doesn't come to life again");
    }

    async fn signing_out_ends_the_one_session(engine: Engine) {
        let world = world(engine).await;
        let (token, other) = (condo::token(&world).await, condo::token(&world).await);
        let out = world.ask(&As::Bearer(token.clone()), OUT).await;
        assert_eq!(out.data(), json!({"unauthenticateUser": {"success": true}}));
        assert_eq!(who_bears(&world, &token).await, Value::Null);
        assert_eq!(who_bears(&world, &other).await, "jane");
        // A fresh session of nobody's takes its place.
        let fresh = cookie(&out);
        assert_eq!(who(&world, &[("cookie", &fresh)]).await, Value::Null);
        assert_eq!(count(&world, "condo_sessions").await, 1, "which is in no row");
        let again = world.ask_with(&As::Nobody, OUT, json!({}), &[("cookie", &fresh)]).await;
        assert_eq!(again.header("set-cookie"), None, "nobody signs out of nothing");
        assert_eq!(count(&world, "condo_sessions").await, 1);
        let record = "SELECT subject AS value FROM audit WHERE event = 'SIGNED_OUT'";
        assert_eq!(texts(&world.database_url, record).await, ["jane"], "nobody's signs nobody out");
    }

    async fn signing_in_again_ends_the_session_before(engine: Engine) {
        let world = world(engine).await;
        let first = by_email::ask(&world, json!({})).await;
        let planted = cookie(&first);
        let second = by_email::ask_at(&world, "", json!({}), &[("cookie", &planted)]).await;
        assert_eq!(who(&world, &[("cookie", &planted)]).await, Value::Null, "whoever planted it is not in");
        assert_eq!(who(&world, &[("cookie", &cookie(&second))]).await, "jane");
        // A try that fails ends nothing.
        by_email::ask_at(&world, "", json!({"password": "wrong"}), &[("cookie", &cookie(&second))]).await.error();
        assert_eq!(who(&world, &[("cookie", &cookie(&second))]).await, "jane");
    }

    async fn a_session_that_is_used_lives_on_and_the_browser_is_told(engine: Engine) {
        let world = world(engine).await;
        let answer = by_email::ask(&world, json!({})).await;
        let (cookie, token) = (cookie(&answer), answer.data()[by_email::MUTATION]["token"].as_str().unwrap().to_owned());
        let day = 24 * 60 * 60;
        let ask = async |headers: &[(&str, &str)]| world.ask_with(&As::Nobody, WHO, json!({}), headers).await;
        assert_eq!(ask(&[("cookie", &cookie)]).await.header("set-cookie"), None, "its end is far");
        world.advance(2 * day);
        let renewed = ask(&[("cookie", &cookie)]).await;
        assert_eq!(renewed.data()["authenticatedUser"]["id"], "jane");
        let (expires, first) = (renewed.header("set-cookie").unwrap(), answer.header("set-cookie").unwrap());
        assert!(expires.starts_with(&cookie) && expires != first, "{first} {expires}");
        for path in ["/admin/api", "/api/graphql"] {
            world.advance(2 * day);
            let target = format!("{path}?query=%7BauthenticatedUser%7Bid%7D%7D");
            let headers = [("cookie", cookie.as_str()), ("x-apollo-operation-name", "who")];
            let renewed = world.call_with("GET", &target, &As::Nobody, Body::None, &headers).await;
            assert!(renewed.header("set-cookie").is_some_and(|set| set.starts_with(&cookie)), "{path}: {}", renewed.text());
        }
        world.advance(2 * day);
        let bearer = format!("Bearer {token}");
        let borne = ask(&[("authorization", &bearer)]).await;
        assert_eq!((borne.data()["authenticatedUser"]["id"].as_str(), borne.header("set-cookie")), (Some("jane"), None));
        world.advance(30 * day);
        assert_eq!(who_bears(&world, &token).await, Value::Null, "unused for thirty days");
    }

    async fn a_session_opens_nothing_but_its_dialect(engine: Engine) {
        let world = world(engine).await;
        let answer = by_email::ask(&world, json!({})).await;
        let token = answer.data()[by_email::MUTATION]["token"].as_str().unwrap().to_owned();
        let listed = world.call("GET", "/api/v3/users/jane/fa", &As::Bearer(token), Body::None).await;
        assert_eq!(listed.refusal(), (401, "bad_access_token".to_owned()));
        let page = world.call_with("GET", "/sign-in", &As::Nobody, Body::None, &[("cookie", &cookie(&answer))]).await;
        assert!(page.text().contains("type=\"password\""), "nobody is signed in there: {}", page.text());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_instances_share_sessions() {
    let first = world(Engine::Postgres).await;
    let second = World::start_beside(&first, with_sessions).await;
    let token = condo::token(&first).await;
    assert_eq!(who_bears(&second, &token).await, "jane");
    second.ask(&As::Bearer(token.clone()), OUT).await.data();
    assert_eq!(who_bears(&first, &token).await, Value::Null);
}
