//! What every answer carries, whoever made it: a handler, the router, or nobody.

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::browser::{Browser, instruct};
use crate::support::condo::with_sessions;
use crate::support::contract::{operations, promises};
use crate::support::raw::{parse, unchecked};
use crate::support::world::{Answer, As, Body, CONSOLE, CONSOLE_PASSWORD, Engine, PUBLIC, World, both_engines};

/// Whether people reach it by https.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reached {
    Https,
    Http,
}

async fn start(engine: Engine, reached: Reached) -> World {
    World::start_with(engine, |settings| {
        let settings = with_sessions(settings);
        if reached == Reached::Http {
            return settings;
        }
        let (_, rest) = settings.split_once("\ndatabase_url").expect("a database");
        format!("public_url = \"{PUBLIC}\"\ndatabase_url{rest}")
    })
    .await
}

#[track_caller]
fn assert_careful(answer: &Answer, reached: Reached, case: &str) {
    let all = |name: &str| -> Vec<&str> {
        let found = answer.headers.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str()).collect()
    };
    let case = format!("{case} → {}", answer.status);
    assert_eq!(all("cache-control"), ["no-store"], "{case}");
    assert_eq!(all("x-content-type-options"), ["nosniff"], "{case}");
    let expected: &[&str] = if reached == Reached::Https { &["max-age=31536000"] } else { &[] };
    assert_eq!(all("strict-transport-security"), expected, "{case}");
}

/// Every path of openapi.yaml, its parameters filled in, under both prefixes, and some that it doesn't have.
fn paths() -> Vec<String> {
    let mut paths: Vec<String> = operations().into_iter().map(|operation| operation.template).collect();
    paths.dedup();
    assert!(paths.len() > 20, "{paths:?}");
    let filled = paths.iter().map(|path| {
        let parts = path.split('/').map(|part| if part.starts_with('{') { "x" } else { part });
        parts.collect::<Vec<_>>().join("/")
    });
    let mut paths: Vec<String> = filled.flat_map(|path| [format!("/blitz{path}"), path]).collect();
    paths.extend(["/nothing", "/blitz", "/blitz/nothing/at/all", "/%FF", "//", "/?a=b", "*"].map(str::to_owned));
    paths
}

both_engines! {
    async fn every_answer_is_kept_by_nobody_and_read_as_what_it_is(engine: Engine) {
        for reached in [Reached::Https, Reached::Http] {
            let world = start(engine, reached).await;
            let mut statuses = std::collections::BTreeSet::new();
            for path in paths() {
                for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"] {
                    let answer = unchecked(&world, (method, &path), &As::Nobody, b"").await;
                    statuses.insert(answer.status);
                    assert_careful(&answer, reached, &format!("{method} {path}"));
                }
            }
            for status in [200, 400, 401, 403, 404, 405, 410, 415] {
                assert!(statuses.contains(&status), "no {status} in {statuses:?}");
            }
            // What is too large, before and after somebody looks at who sends it.
            let console = world.console().await;
            for (path, kind) in [
                ("/blitz/api/v2/users/current/fa/bind", "application/json"), ("/blitz/oauth/te", "application/x-www-form-urlencoded"),
                ("/admin/api", "application/json"), ("/blitz/sign-in", "application/x-www-form-urlencoded"),
            ] {
                let body = Body::Raw(kind, vec![b'x'; 700 * 1024]);
                let answer = world.send("POST", &format!("{}{path}", world.base), &console, body, &[]).await;
                assert_eq!(answer.status, 413, "{path}");
                assert_careful(&answer, reached, path);
            }
            // What succeeds.
            world.account("alice").await;
            world.linked("alice", "oleg").await;
            for path in ["/api/v3/users/alice/fa", "/api/v3/users/alice/fedToken/box/box_1", "/api/whoami", "/sign-in"] {
                let answer = unchecked(&world, ("GET", path), &console, b"").await;
                assert_eq!(answer.status, 200, "{path}: {}", answer.text());
                assert_careful(&answer, reached, path);
            }
            let redirect_to = instruct(&world, &As::Basic(CONSOLE, CONSOLE_PASSWORD)).await;
            let sent_on = Browser::default().go(&world, "GET", &redirect_to, Body::None).await;
            assert_eq!(sent_on.status, 303);
            assert_careful(&sent_on, reached, "to the provider");
            let asked = world.ask(&As::Nobody, "{ __typename }").await;
            assert_careful(&asked, reached, "GraphQL");
        }
    }

    async fn the_operators_port_is_as_careful(engine: Engine) {
        let world = start(engine, Reached::Https).await;
        for (method, path) in [
            ("GET", "/healthz"), ("GET", "/readyz"), ("POST", "/readyz"), ("GET", "/nothing"), ("PUT", "/"),
        ] {
            let answer = world.send(method, &format!("{}{path}", world.ops), &As::Nobody, Body::None, &[]).await;
            // RFC 6797 §7.2: nobody comes there by https.
            assert_careful(&answer, Reached::Http, &format!("{method} {path}"));
        }
    }
}

/// Sends this to an address of the service and reads to the end of the connection.
async fn exchange(address: &str, head: &[u8]) -> String {
    let mut stream = TcpStream::connect(address.trim_start_matches("http://")).await.expect("it listens");
    // It may have answered, and gone, before all of it is sent.
    drop(stream.write_all(head).await);
    let mut received = Vec::new();
    drop(stream.read_to_end(&mut received).await);
    String::from_utf8(received).expect("text")
}

/// What is no HTTP is answered below all that is ours: with no body, the headers of every answer, and the end of the connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_request_is_answered_with_nothing() {
    for reached in [Reached::Https, Reached::Http] {
        let world = start(Engine::Sqlite, reached).await;
        let (long, many) = ("x".repeat(200 * 1024), "A: b\r\n".repeat(200));
        let good = "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n";
        for (head, status) in [
            ("nonsense\r\n\r\n".to_owned(), "400"),
            ("GET / HTTP/1.1\r\nbad header\r\n\r\n".to_owned(), "400"),
            ("GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n".to_owned(), "400"),
            ("\u{16}\u{3}\u{1}\u{2}\0\u{1}".to_owned(), "400"),
            (format!("GET / HTTP/1.1\r\n{many}\r\n"), "431"),
            (format!("GET /{long} HTTP/1.1\r\n\r\n"), "431"),
            // Not the first of its connection.
            (format!("{good}{good}nonsense\r\n\r\n"), "400"),
        ] {
            let received = exchange(&world.base, head.as_bytes()).await;
            let head = head.chars().take(40).collect::<String>();
            let last = received.rfind("HTTP/1.1 ").expect("an answer");
            let answer = parse(&received.as_bytes()[last..]);
            assert_eq!(answer.status.to_string(), status, "{head}: {received}");
            assert!(answer.body.is_empty() && received.contains("content-length: 0\r\n"), "{head}: {received}");
            assert_careful(&answer, reached, &head);
        }
        let still = world.call("GET", "/api/v3/users/alice/fa", &As::Nobody, Body::None).await;
        assert_eq!(still.json()["error"], json!("bad_access_token"));
    }
}

/// All that operations refuse which look at nothing of a request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_is_too_large_is_refused_as_documented() {
    let world = start(Engine::Sqlite, Reached::Http).await;
    let fields = |count: usize| "A: b\r\n".repeat(count - 2);
    let long = |kibibytes: usize| format!("A: {}\r\n", "x".repeat(kibibytes * 1024));
    let metadata = "/.well-known/oauth-authorization-server/blitz";
    for (address, path) in [
        (&world.base, "/sign-out"),
        (&world.base, "/blitz/sign-out"),
        (&world.base, "/api/whoami"),
        (&world.base, metadata),
        (&world.ops, "/healthz"),
        (&world.ops, "/readyz"),
    ] {
        for (more, status) in [(fields(96), 200), (fields(97), 431), (long(100), 200), (long(200), 431)] {
            let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{more}\r\n");
            let answer = parse(exchange(address, head.as_bytes()).await.as_bytes());
            assert_eq!(answer.status, status, "{path} with {} bytes", head.len());
            answer.hold("GET", path);
        }
    }
    let ops = ["/healthz", "/readyz", "/metrics", "/reload"];
    let too_long = "a".repeat(65_535);
    for operation in operations().into_iter().filter(|operation| promises(operation, 431)) {
        let address = if ops.contains(&operation.template.as_str()) { &world.ops } else { &world.base };
        let (method, path) = (&operation.method, operation.target());
        for (target, more) in [(path.clone(), fields(97)), (format!("{path}?query={too_long}"), String::new())] {
            let head = format!("{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{more}\r\n");
            let answer = parse(exchange(address, head.as_bytes()).await.as_bytes());
            assert_eq!(answer.status, 431, "{method} {path} with {} bytes", head.len());
            answer.hold(method, &path);
        }
    }
}
