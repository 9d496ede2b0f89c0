//! Peers that send slowly, stop, or read nothing: they are waited for as long as documented, and nobody else waits with them.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use domain::clock::MovableClock;
use domain::pace;
use fedlink::http::server::{Capacity, Hands, Service};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::support::condo::with_sessions;
use crate::support::contract::{Operation, body_type, operations, promises};
use crate::support::program;
use crate::support::raw::parse;
use crate::support::world::{Answer, As, Body, CONSOLE, CONSOLE_PASSWORD, Engine, World, both_engines};

/// What bounds a wait that ends at once unless something is broken.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long something is awaited that may not have happened yet before time is moved on.
const GLANCE: Duration = Duration::from_millis(20);
/// The same where something is about to happen: what was sent is to be read first, and nobody waits for less than ten seconds.
const LOOK: Duration = Duration::from_millis(300);

/// How long to look at a connection in a second of its time.
fn glance(second: u64) -> Duration {
    if matches!(second, 0 | 10..=13 | 75..) { LOOK } else { GLANCE }
}

/// A world that is served at one more address, where time passes for peers only as it is moved on.
struct Slow {
    world: World,
    address: String,
    clock: Arc<MovableClock>,
}

impl Slow {
    async fn start(engine: Engine, connections: usize, bodies: usize) -> Self {
        let world = World::start_with(engine, with_sessions).await;
        let clock = MovableClock::frozen(chrono::DateTime::UNIX_EPOCH);
        let capacity = Capacity { workers: 1, connections, bodies, clock: clock.clone(), drain: Duration::ZERO };
        let [public, ops] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
        let address = public.local_addr().expect("an address").to_string();
        let service = Service::new(&world.current, public, ops, &capacity, &Hands::default()).expect("it serves");
        tokio::spawn(service.run());
        Self { world, address, clock }
    }

    async fn plain(engine: Engine) -> Self {
        Self::start(engine, 100, pace::BODIES).await
    }

    /// Sends the head of a POST that the contract has, and the beginning of its body; gives its path as well.
    #[expect(clippy::too_many_arguments, reason = "a request has that many parts")]
    async fn begin(
        &self,
        operation: &Operation,
        token: &str,
        kind: &str,
        stated: u64,
        sent: usize,
    ) -> (String, TcpStream) {
        let path = operation.target();
        let mut stream = self.connect().await;
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nAuthorization: Bearer {token}");
        let request = format!("{head}\r\nContent-Length: {stated}\r\n\r\n{}", "x".repeat(sent));
        stream.write_all(request.as_bytes()).await.expect("it reads");
        (path, stream)
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).await.expect("it listens")
    }

    /// After how many seconds something comes, or the connection ends, and what comes until that; time is moved on until then.
    async fn wait_for_end(&self, stream: &mut TcpStream) -> (u64, String) {
        let (mut received, mut first) = (Vec::new(), None);
        for second in 0..1000 {
            loop {
                let mut part = [0; 4096];
                match timeout(glance(second), stream.read(&mut part)).await {
                    Ok(Ok(0)) => return (first.unwrap_or(second), String::from_utf8(received).expect("text")),
                    Ok(Ok(read)) => {
                        first.get_or_insert(second);
                        received.extend_from_slice(&part[..read]);
                    }
                    Ok(Err(_reset)) if first.is_some() => {
                        return (first.unwrap_or(second), String::from_utf8(received).expect("text"));
                    }
                    Ok(Err(error)) => return (second, format!("{error}")),
                    Err(_nothing_yet) => break,
                }
            }
            self.clock.advance(Duration::from_secs(1));
        }
        panic!("it never ends");
    }
}

/// One answer of a connection that stays open.
async fn read_answer(stream: &mut TcpStream) -> Answer {
    let mut received = Vec::new();
    loop {
        let mut part = [0; 4096];
        let read = timeout(PATIENCE, stream.read(&mut part)).await.expect("in time").expect("it stands");
        assert_ne!(read, 0, "it ended: {}", String::from_utf8_lossy(&received));
        received.extend_from_slice(&part[..read]);
        let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let answer = parse(&received);
        let length: usize = answer.header("content-length").expect("a length").parse().expect("a number");
        if received.len() >= end + 4 + length {
            return answer;
        }
    }
}

const WHOLE: &[u8] = b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_has_ten_seconds_whichever_of_its_connection_it_is() {
    let slow = Slow::plain(Engine::Sqlite).await;
    for before in [0, 1, 3] {
        for head in ["G", "GET /nothing HTT", "GET /nothing HTTP/1.1\r\nHost: x\r\n", "\r\n"] {
            let mut stream = slow.connect().await;
            for _ in 0..before {
                stream.write_all(WHOLE).await.expect("it reads");
                assert_eq!(read_answer(&mut stream).await.status, 404);
            }
            stream.write_all(head.as_bytes()).await.expect("it reads");
            let (seconds, received) = slow.wait_for_end(&mut stream).await;
            let case = format!("{head:?} after {before}: {received}");
            assert!((10..=12).contains(&seconds), "{seconds} s, {case}");
            let answer = parse(received.as_bytes());
            assert_eq!(answer.status, 408, "{case}");
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{case}");
            assert_eq!(answer.header("connection"), Some("close"), "{case}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_comes_bit_by_bit_has_ten_seconds_too() {
    let slow = Slow::plain(Engine::Sqlite).await;
    let mut stream = slow.connect().await;
    let mut part = [0; 4096];
    for second in 0..1000 {
        assert!(second <= 12, "it goes on");
        if stream.write_all(b"x").await.is_err() {
            break;
        }
        if let Ok(Ok(read)) = timeout(glance(second), stream.read(&mut part)).await {
            assert!(part[..read].starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&part[..read]));
            assert!(second >= 9, "after {second} s");
            break;
        }
        slow.clock.advance(Duration::from_secs(1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_says_nothing_is_not_answered() {
    let slow = Slow::plain(Engine::Sqlite).await;
    let (seconds, received) = slow.wait_for_end(&mut slow.connect().await).await;
    assert!((10..=12).contains(&seconds) && received.is_empty(), "{seconds} s: {received}");
    let mut stream = slow.connect().await;
    stream.write_all(WHOLE).await.expect("it reads");
    assert_eq!(read_answer(&mut stream).await.status, 404);
    let (seconds, received) = slow.wait_for_end(&mut stream).await;
    assert!((75..=81).contains(&seconds) && received.is_empty(), "{seconds} s: {received}");
}

both_engines! {
    async fn a_body_has_ten_seconds_and_more_as_it_comes(engine: Engine) {
        let slow = Slow::plain(engine).await;
        let basic = {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD.encode(format!("{CONSOLE}:{CONSOLE_PASSWORD}"))
        };
        let json = "Content-Type: application/json";
        let form = "Content-Type: application/x-www-form-urlencoded";
        for (path, head, stated, sent, wanted) in [
            ("/oauth/te", form, 100, 10, 10..=12),
            ("/oauth/te", form, 60_000, 32 * 1024, 12..=14),
            ("/sign-in", form, 100, 0, 10..=12),
            ("/admin/api", json, 100, 10, 10..=12),
            ("/api/v2/users/current/fa/bind", &format!("{json}\r\nAuthorization: Basic {basic}"), 100, 10, 10..=12),
        ] {
            let mut stream = slow.connect().await;
            let request = format!("POST {path} HTTP/1.1\r\nHost: x\r\n{head}\r\nContent-Length: {stated}\r\n\r\n{}", "x".repeat(sent));
            stream.write_all(request.as_bytes()).await.expect("it reads");
            let (seconds, received) = slow.wait_for_end(&mut stream).await;
            assert!(wanted.contains(&seconds), "{path}: {seconds} s: {received}");
            let answer = parse(received.as_bytes());
            assert_eq!(answer.status, 408, "{path}: {received}");
            answer.hold("POST", path);
        }
    }

    async fn no_body_that_the_contract_takes_is_waited_for_longer_or_read_further(engine: Engine) {
        let slow = Slow::plain(engine).await;
        slow.world.account("alice").await;
        let As::Bearer(token) = slow.world.console().await else { panic!("a token") };
        let posts: Vec<_> = operations().into_iter().filter(|operation| promises(operation, 408)).collect();
        assert!(posts.len() >= 15, "{posts:?}");
        for (refusal, stated, sent) in [(413, 1_u64 << 40, 0), (415, 1, 1), (408, 100, 10)] {
            let mut answers = JoinSet::new();
            assert!(posts.iter().filter(|operation| promises(operation, refusal)).count() >= 15, "{refusal}");
            for operation in posts.iter().filter(|operation| promises(operation, refusal)) {
                let kind = if refusal == 415 { "text/plain".to_owned() } else { body_type(operation) };
                let (path, mut stream) = slow.begin(operation, &token, &kind, stated, sent).await;
                answers.spawn(async move { (path, read_answer(&mut stream).await) });
            }
            while !answers.is_empty() {
                match timeout(LOOK, answers.join_next()).await {
                    Err(_all_wait) => slow.clock.advance(Duration::from_secs(1)),
                    Ok(answered) => {
                        let (path, answer) = answered.expect("one").expect("an answer");
                        assert_eq!(answer.status, refusal, "{path}: {}", answer.text());
                        answer.hold("POST", &path);
                    }
                }
            }
        }
    }

    async fn what_says_that_it_is_too_large_is_not_read(engine: Engine) {
        let slow = Slow::plain(engine).await;
        for (path, kind, stated) in [
            ("/oauth/te", "application/x-www-form-urlencoded", 65_537),
            ("/sign-in", "application/x-www-form-urlencoded", 1_u64 << 40),
            // Of nobody's no more than of a form; whoever is signed in may send half a megabyte.
            ("/admin/api", "application/json", 65_537),
        ] {
            let mut stream = slow.connect().await;
            let request = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {stated}\r\n\r\n");
            stream.write_all(request.as_bytes()).await.expect("it reads");
            assert_eq!(read_answer(&mut stream).await.status, 413, "{path}");
        }
    }

    async fn where_there_is_no_room_for_a_body_whoever_sends_it_is_told_so(engine: Engine) {
        let slow = Slow::start(engine, 100, 7_000).await;
        slow.world.account("alice").await;
        let As::Bearer(token) = slow.world.console().await else { panic!("a token") };
        let posts: Vec<_> = operations().into_iter().filter(|operation| promises(operation, 408)).collect();
        let te = posts.iter().find(|operation| operation.template == "/oauth/te").expect("it is there");
        // Those that have room keep it, so there is never more than when the first of them had none.
        let mut held = Vec::new();
        loop {
            let (_, mut stream) = slow.begin(te, &token, &body_type(te), 2_001, 2_000).await;
            match timeout(LOOK, read_answer(&mut stream)).await {
                Ok(refused) => break assert_eq!(refused.status, 429, "{}", refused.text()),
                Err(_waited_for) => held.push(stream),
            }
            assert!(held.len() < 4, "there is no end of room");
        }
        for operation in &posts {
            // Less than any of them may have.
            let (path, mut stream) = slow.begin(operation, &token, &body_type(operation), 2_001, 2_000).await;
            let answer = read_answer(&mut stream).await;
            assert_eq!(answer.status, 429, "{path}: {}", answer.text());
            answer.hold("POST", &path);
        }
        let first = held.first_mut().expect("there was room for one");
        first.write_all(b"x").await.expect("it reads");
        assert_ne!(read_answer(first).await.status, 429);
    }

    async fn bodies_take_no_more_room_than_there_is(engine: Engine) {
        let slow = Slow::start(engine, 100, 100 * 1024).await;
        let request = |bytes: usize| {
            let head = "POST /oauth/te HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded";
            format!("{head}\r\nContent-Length: 60000\r\n\r\n{}", "x".repeat(bytes))
        };
        let mut first = slow.connect().await;
        first.write_all(request(59_999).as_bytes()).await.expect("it reads");
        // As much again is more than there is: one of the two is told so, whichever is read first.
        let mut second = slow.connect().await;
        second.write_all(request(59_999).as_bytes()).await.expect("it reads");
        let (refused, other) = tokio::select! {
            answer = read_answer(&mut first) => (answer, &mut second),
            answer = read_answer(&mut second) => (answer, &mut first),
        };
        assert_eq!(refused.status, 429, "{}", refused.text());
        assert_eq!(refused.header("retry-after"), Some("1"));
        // And the other goes on.
        other.write_all(b"x").await.expect("it reads");
        assert_eq!(read_answer(other).await.status, 401);
        let mut third = slow.connect().await;
        third.write_all(request(60_000).as_bytes()).await.expect("it reads");
        assert_eq!(read_answer(&mut third).await.status, 401, "there is room again");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_no_answers_is_asked_for_no_more() {
    let slow = Slow::plain(Engine::Sqlite).await;
    let mut stream = slow.connect().await;
    let many = WHOLE.repeat(1000);
    let mut taken = 0;
    // Until it takes no more: what the kernel keeps for both is a few MB at most.
    while let Ok(written) = timeout(Duration::from_secs(2), stream.write(&many)).await {
        taken += written.expect("it stands");
        assert!(taken < 64 << 20, "it reads for ever");
    }
    // Others are served.
    let mut other = slow.connect().await;
    other.write_all(WHOLE).await.expect("it reads");
    assert_eq!(read_answer(&mut other).await.status, 404);
    // Ten seconds later it is gone, whatever it still has to say.
    let mut gone = false;
    for _ in 0..100 {
        slow.clock.advance(Duration::from_secs(1));
        if let Ok(Err(_)) = timeout(GLANCE, stream.write(b"x")).await {
            gone = true;
            break;
        }
    }
    assert!(gone);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_in_one_breath_are_answered_in_order() {
    let slow = Slow::plain(Engine::Sqlite).await;
    let mut stream = slow.connect().await;
    let form = "grant_type=client_credentials";
    let post = |body: &str| {
        format!(
            "POST /oauth/te HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let chunked = "POST /oauth/te HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nxx\r\n0\r\n\r\n";
    let whole = String::from_utf8(WHOLE.to_vec()).expect("text");
    let last = "GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let padded = post(&format!("{form}&x={}", "y".repeat(30_000)));
    let all = [whole.as_str(), &post(form), chunked, &padded, &whole, &whole, &post(""), last].concat();
    stream.write_all(all.as_bytes()).await.expect("it reads");
    let mut received = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut received)).await.expect("in time").expect("text");
    let statuses: Vec<&str> =
        received.split("HTTP/1.1 ").skip(1).map(|answer| answer.split(' ').next().unwrap_or_default()).collect();
    assert_eq!(statuses, ["404", "401", "415", "401", "404", "404", "401", "404"], "{received}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stalled_connections_make_room_for_those_who_wait() {
    let slow = Slow::start(Engine::Sqlite, 4, pace::BODIES).await;
    let mut stalled = Vec::new();
    for _ in 0..4 {
        let mut stream = slow.connect().await;
        stream.write_all(b"GET /nothing HTTP/1.1\r\nHo").await.expect("it reads");
        stalled.push(stream);
    }
    let mut waiting = slow.connect().await;
    waiting.write_all(WHOLE).await.expect("it reads");
    for stream in &mut stalled {
        let (_, received) = slow.wait_for_end(stream).await;
        assert!(received.starts_with("HTTP/1.1 408 "), "{received}");
    }
    assert_eq!(read_answer(&mut waiting).await.status, 404);
    let still = slow.world.call("GET", "/api/v3/users/alice/fa", &As::Nobody, Body::None).await;
    assert_eq!(still.status, 401);
}

#[test]
fn strangers_write_no_line_to_the_log() {
    use std::io::{Read as _, Write as _};
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("fedlink.toml");
    std::fs::write(
        &config,
        "public_url = \"http://127.0.0.1:1\"\nlisten = \"127.0.0.1:0\"\nops_listen = \"127.0.0.1:0\"\n",
    )
    .expect("it is written");
    let running = program::serve(&config, &[]);
    let before = running.logs();
    let address = running.base_url.trim_start_matches("http://").to_owned();
    for head in
        ["nonsense\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\0"]
    {
        let mut stream = std::net::TcpStream::connect(&address).expect("it listens");
        stream.write_all(head.as_bytes()).expect("it reads");
        stream.shutdown(std::net::Shutdown::Write).expect("it stands");
        drop(stream.read_to_end(&mut Vec::new()));
    }
    assert_eq!(running.logs(), before);
}
