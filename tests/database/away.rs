//! A database that is away, locked or read-only: writes wait, then answer 503; nothing is lost, and it passes.

use std::time::Duration;

use serde_json::json;

use crate::support::browser::{Browser, field};
use crate::support::condo::{PLAIN, staff};
use crate::support::database::{Sql, execute};
use crate::support::person::PASSWORD;
use crate::support::world::{
    Answer, As, Body, CALLBACK, CHALLENGE, CONSOLE, CONSOLE_PASSWORD, CONSOLE_SECRET, Engine, VERIFIER, World,
    both_engines,
};

const LINK: &str = "/api/v3/users/alice/fa/box/box_1/1";
const LIST: &str = "/api/v3/users/alice/fa";

async fn te(world: &World) -> Answer {
    let form = Body::Form(vec![("grant_type", "client_credentials".to_owned())]);
    world.call("POST", "/oauth/te", &As::Basic(CONSOLE, CONSOLE_SECRET), form).await
}

/// What no form can send, so that a question by GET is answered.
const PREFLIGHT: &[(&str, &str)] = &[("x-apollo-operation-name", "q")];

fn assert_storage_unavailable(answer: &Answer) {
    let expected = json!({
        "type": "process_error", "error": "storage_unavailable", "desc": "the database is unavailable", "retry_after": 1,
    });
    assert_eq!((answer.status, answer.json()), (503, expected));
    assert_eq!(answer.header("retry-after"), Some("1"));
}

fn assert_oauth_unavailable(answer: &Answer) {
    assert_eq!(answer.refusal(), (503, "temporarily_unavailable".to_owned()));
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_sqlite_file_answers_503_to_every_writer_and_reads_go_on() {
    let world = World::start(Engine::Sqlite).await;
    world.account("alice").await;
    let console = world.console().await;
    let mut intruder = Sql::open(&world.database_url).await;
    intruder.run("BEGIN EXCLUSIVE").await;
    let link = || world.call("POST", LINK, &console, Body::None);
    let all = async {
        tokio::join!(link(), link(), link(), link(), te(&world), world.call("GET", LIST, &console, Body::None))
    };
    // Each waits 5 s for the lock; they wait together, not one after the other.
    let (a, b, c, d, token, list) = tokio::time::timeout(Duration::from_secs(20), all).await.expect("in time");
    for refused in [a, b, c, d] {
        assert_storage_unavailable(&refused);
    }
    assert_oauth_unavailable(&token);
    assert_eq!((list.status, list.json()), (200, json!([])));
    intruder.run("ROLLBACK").await;
    assert_eq!(link().await.status, 204);
    assert_eq!(te(&world).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_only_postgres_answers_503_to_writers_and_reads_go_on() {
    let world = World::start(Engine::Postgres).await;
    world.account("alice").await;
    let console = world.console().await;
    let (server, name) = world.database_url.rsplit_once('/').expect("a name");
    let turn = async |how: &str| {
        // A server that becomes a standby, or stops being one, drops its connections too.
        let drop = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
        execute(&format!("{server}/postgres"), &format!("ALTER DATABASE {name} {how}; {drop}")).await;
    };
    turn("SET default_transaction_read_only = on").await;
    // Connections that were closed under our feet answer like a database that is away.
    for _ in 0..6 {
        assert_storage_unavailable(&world.call("POST", LINK, &console, Body::None).await);
        assert_storage_unavailable(&world.call("DELETE", LINK, &console, Body::None).await);
        assert_oauth_unavailable(&te(&world).await);
        let list = world.call("GET", LIST, &console, Body::None).await;
        assert_eq!((list.status, list.json()), (200, json!([])));
    }
    turn("RESET default_transaction_read_only").await;
    let mut answer = world.call("POST", LINK, &console, Body::None).await;
    for _ in 0..20 {
        if answer.status == 204 {
            break;
        }
        assert_storage_unavailable(&answer);
        answer = world.call("POST", LINK, &console, Body::None).await;
    }
    assert_eq!(answer.status, 204, "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_postgres_table_answers_503_in_time_and_it_passes() {
    let world = World::start(Engine::Postgres).await;
    world.account("alice").await;
    let console = world.console().await;
    let list = || world.call("GET", LIST, &console, Body::None);
    assert_eq!(list().await.status, 200);
    let mut intruder = Sql::open(&world.database_url).await;
    intruder.run("BEGIN; LOCK TABLE links IN ACCESS EXCLUSIVE MODE").await;
    // Each waits 5 s for the lock; they wait together, though they share connections, and whoever comes later starts afresh.
    let all = async { tokio::join!(list(), list(), list(), list(), te(&world)) };
    let (a, b, c, d, token) = tokio::time::timeout(Duration::from_secs(20), all).await.expect("in time");
    for refused in [a, b, c, d] {
        assert_storage_unavailable(&refused);
    }
    assert!([200, 503].contains(&token.status), "{}", token.text());
    intruder.run("ROLLBACK").await;
    let found = list().await;
    assert_eq!((found.status, found.json()), (200, json!([])));
    assert_eq!(te(&world).await.status, 200);
}

both_engines! {
    async fn a_token_that_cannot_be_checked_is_no_wrong_token(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let console = world.console().await;
        execute(&world.database_url, "ALTER TABLE oauth_tokens RENAME TO elsewhere").await;
        let answer = world.call("GET", LIST, &console, Body::None).await;
        assert_eq!(answer.refusal(), (500, "internal".to_owned()));
        assert!(!answer.text().contains("oauth_tokens"), "{}", answer.text());
        execute(&world.database_url, "ALTER TABLE elsewhere RENAME TO oauth_tokens").await;
        assert_eq!(world.call("GET", LIST, &console, Body::None).await.status, 200);
    }
}

/// Whatever asks the database says so, in the form of its own dialect.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_the_contract_has_answers_503_while_the_database_is_away() {
    let world = World::condo(Engine::Postgres).await;
    world.account("alice").await;
    world.person(staff("jane")).await;
    let variables = json!({"identity": "jane@example.com", "secret": PASSWORD});
    let signed_in = world.ask_with(&As::Nobody, PLAIN, variables, &[]).await;
    let cookie = signed_in.header("set-cookie").and_then(|set| set.split(';').next()).expect("a cookie").to_owned();
    let signed_in = signed_in.data();
    let session = As::Bearer(signed_in["auth"]["token"].as_str().expect("a token").to_owned());
    let (console, basic) = (world.console().await, As::Basic(CONSOLE, CONSOLE_PASSWORD));
    let secret = As::Basic(CONSOLE, CONSOLE_SECRET);
    assert_eq!(world.call("GET", LIST, &console, Body::None).await.status, 200);
    let mut browser = Browser::default();
    browser.sign_in(&world, "alice").await;
    let at = |target: &str| format!("{}/blitz{target}", world.base);
    let to_go = field(&browser.go(&world, "GET", &at("/sign-out"), Body::None).await.text(), "csrf");
    let mut another = Browser::default();
    let to_come = another.open_sign_in(&world, &world.sign_in_page()).await;
    world.cut_off_database().await;

    let (fed, bind) = ("/api/v3/users/alice/fedToken/box/box_1", "/api/v2/users/current/fa/bind");
    let auth = format!("{bind}/auth/5f0e1c4e-6a53-4c0e-9d53-1f2a3b4c5d6e");
    let (confirm, complete) = (format!("{auth}/confirm"), format!("{bind}/complete"));
    let v2 = LINK.replace("v3", "v2");
    let retry = format!("{LINK}/retry");
    for (method, target) in [
        ("GET", LIST),
        ("GET", fed),
        ("GET", "/api/v3/fa?health=degraded"),
        ("GET", "/api/v3/fa?fp=box:box_1&sid=1"),
        ("GET", "/api/v3/audit"),
        ("GET", "/api/v3/users/alice/audit"),
        ("GET", "/api/v3/events"),
        ("POST", LINK),
        ("DELETE", LINK),
        ("DELETE", &v2),
        ("POST", &retry),
    ] {
        assert_storage_unavailable(&world.call(method, target, &console, Body::None).await);
    }
    let instruction = json!({"fp": "box:box_1", "callback": CALLBACK, "code_challenge": CHALLENGE});
    let completion = json!({"bind_code": "x", "code_verifier": VERIFIER, "subject": "alice"});
    for (target, who, body) in [
        ("/api/v3/fedTokens", &console, json!({"tokens": [{"subject": "alice", "fp": "box:box_1"}]})),
        ("/api/v3/events/replay", &console, json!({"id": "5f0e1c4e-6a53-4c0e-9d53-1f2a3b4c5d6e"})),
        (bind, &basic, instruction),
        (&complete, &basic, completion),
    ] {
        let answer = world.call("POST", target, who, Body::Json(body)).await;
        // A batch says of each entry what is in its way.
        let is_told = answer.status == 200 && answer.text().contains("storage_unavailable");
        assert!(is_told || answer.status == 503, "{target}: {} {}", answer.status, answer.text());
    }
    for target in ["/oauth/introspect", "/oauth/revoke"] {
        let form = Body::Form(vec![("token", "x".to_owned())]);
        assert_oauth_unavailable(&world.call("POST", target, &secret, form).await);
    }
    assert_oauth_unavailable(&te(&world).await);
    let callback = "/login/externalIdps/callback/box/box_1/false";
    let returned = format!("{callback}?state=x&code=y");
    for (method, target) in [("GET", auth.as_str()), ("GET", &confirm), ("GET", &returned)] {
        assert_eq!(world.call(method, target, &As::Nobody, Body::None).await.status, 503, "{method} {target}");
    }
    let decided = vec![("csrf", "0wN8Zk6EtX3jV2qYb1cRfA".to_owned()), ("decision", "yes".to_owned())];
    for (target, fields) in [(confirm.as_str(), decided), (callback, vec![("state", "x".to_owned())])] {
        let posted = world.call("POST", target, &As::Nobody, Body::Form(fields)).await;
        assert_eq!(posted.status, 503, "POST {target}: {}", posted.text());
    }
    let asks = format!(
        "/oauth/ae?response_type=code&client_id={CONSOLE}&redirect_uri=https%3A%2F%2Fapp.example%2Fsigned-in\
         &code_challenge={CHALLENGE}&code_challenge_method=S256"
    );
    for target in ["/sign-in", "/sign-out", &asks] {
        let page = browser.go(&world, "GET", &at(target), Body::None).await;
        assert_eq!(page.status, 503, "GET {target}: {}", page.text());
    }
    let out = browser.go(&world, "POST", &at("/sign-out"), Body::Form(vec![("csrf", to_go)])).await;
    let tried = another.send_sign_in(&world, &to_come, ("alice", PASSWORD), &[]).await;
    let home = world.call_with("GET", "/", &As::Nobody, Body::None, &[("cookie", &cookie)]).await;
    assert_eq!(
        (out.status, tried.status, home.status),
        (503, 503, 503),
        "{} {} {}",
        out.text(),
        tried.text(),
        home.text()
    );
    let ready = world.send("GET", &format!("{}/readyz", world.ops), &As::Nobody, Body::None, &[]).await;
    ready.hold("GET", "/readyz");
    assert_eq!((ready.status, &ready.json()["checks"]["database"]), (503, &json!("unavailable")));
    let question = "{ authenticatedUser { id } }";
    for path in ["/admin/api", "/api/graphql"] {
        let posted = world.call("POST", path, &session, Body::Json(json!({"query": question}))).await;
        let got = world
            .call_with("GET", &format!("{path}?query=%7BauthenticatedUser%7Bid%7D%7D"), &session, Body::None, PREFLIGHT)
            .await;
        assert_eq!((posted.status, got.status), (503, 503), "{path}: {} {}", posted.text(), got.text());
    }
}
