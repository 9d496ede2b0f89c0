//! Secrets that applications and proxies prove themselves by: long enough not to be guessed, guesses slowed and told of, and
//! the right one let in whatever others guess.

use std::fs;
use std::path::Path;
use std::time::Instant;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use domain::clock::Clock as _;
use serde_json::json;
use settings::{Configuration, Literals};

use crate::support::program;
use crate::support::world::{Answer, As, Body, CONSOLE, CONSOLE_PASSWORD, CONSOLE_SECRET, Engine, World, both_engines};

/// So many wrong ones a network has in a minute.
const ALLOWANCE: usize = 30;
const PROXY_SECRET: &str = "the proxy's own secret";

/// A world behind a proxy that says where calls come from, in which no time passes.
async fn world(engine: Engine) -> World {
    World::frozen_with(engine, |settings| format!("trusted_proxies = [\"127.0.0.1\"]\n{settings}")).await
}

/// Each of the calls that a secret opens, as whoever says so.
const CALLS: usize = 5;

async fn call(world: &World, number: usize, (id, secret): (&str, &str), from: &str) -> Answer {
    let basic = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    let all = [("x-forwarded-for", from), ("authorization", basic.as_str())];
    let headers = if number % CALLS == 1 { &all[..1] } else { &all[..] };
    let form =
        |fields: &[(&'static str, &str)]| Body::Form(fields.iter().map(|(k, v)| (*k, (*v).to_owned())).collect());
    let who = &As::Nobody;
    match number % CALLS {
        0 => world.call_with("POST", "/oauth/te", who, form(&[("grant_type", "client_credentials")]), headers).await,
        1 => {
            let fields = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)];
            world.call_with("POST", "/oauth/te", who, form(&fields), headers).await
        }
        2 => world.call_with("POST", "/oauth/introspect", who, form(&[("token", "x")]), headers).await,
        3 => world.call_with("POST", "/oauth/revoke", who, form(&[("token", "x")]), headers).await,
        _ => {
            let fa = "/api/v2/users/nobody/fa/box/box_1/1";
            world.call_with("DELETE", fa, who, Body::None, headers).await
        }
    }
}

fn is_right(answer: &Answer) -> bool {
    // Unlinking is allowed, and there is nothing to unlink.
    answer.status == 200 || answer.refusal() == (404, "user_not_found".to_owned())
}

async fn is_let_in(world: &World, from: &str) {
    for number in 0..CALLS {
        let secret = if number == 4 { CONSOLE_PASSWORD } else { CONSOLE_SECRET };
        let answer = call(world, number, (CONSOLE, secret), from).await;
        assert!(is_right(&answer), "{number}: {} {}", answer.status, answer.text());
    }
}

async fn wrong(world: &World, number: usize, from: &str) -> u16 {
    // Whom they name makes no difference, nor whether there is such an application.
    let id = ["console", "rival", "nobody", "someone-else"][number % 4];
    let answer = call(world, number, (id, &format!("a wrong secret, the {number}th")), from).await;
    if answer.status == 429 {
        let wait: u64 = answer.header("retry-after").expect("how long").parse().expect("seconds");
        assert!((1..=60).contains(&wait), "{wait}");
        let body = answer.json();
        if number % CALLS == 4 {
            assert_eq!((&body["error"], &body["retry_after"]), (&json!("too_many_attempts"), &json!(wait)));
        } else {
            assert_eq!(body["error"], "temporarily_unavailable");
        }
    }
    answer.status
}

both_engines! {
    async fn wrong_secrets_are_slowed_by_network_and_right_ones_never(engine: Engine) {
        let world = world(engine).await;
        let from = "203.0.113.7";
        for number in 0..1000 {
            let expected = if number < ALLOWANCE { 401 } else { 429 };
            assert_eq!(wrong(&world, number, from).await, expected, "{number}");
        }
        is_let_in(&world, from).await;
        // Somebody else has tries of their own, in the same street as well.
        for other in ["203.0.113.8", "198.51.100.7", "2001:db8::7"] {
            for number in 0..CALLS {
                assert_eq!(wrong(&world, number, other).await, 401, "{other}");
            }
        }
        // A right one takes none of the wrong ones back.
        assert_eq!(wrong(&world, 0, from).await, 429);
        world.advance(60);
        assert_eq!(wrong(&world, 0, from).await, 401);
    }

    async fn who_holds_a_prefix_guesses_no_more_for_it(engine: Engine) {
        let world = world(engine).await;
        let mut refused = 0;
        // 1024 networks, of each of which a single one is tried; all from one site's /48.
        for number in 0..1024 {
            let from = format!("2001:db8:0:{number:x}::1");
            refused += usize::from(wrong(&world, number, &from).await == 429);
        }
        assert_eq!(refused, 1024 - 16 * ALLOWANCE);
        is_let_in(&world, "2001:db8::1").await;
        assert_eq!(wrong(&world, 0, "2001:db8:1::1").await, 401);
    }

    async fn what_is_no_guess_is_not_counted(engine: Engine) {
        let world = world(engine).await;
        let headers = [("x-forwarded-for", "203.0.113.7")];
        for _ in 0..=ALLOWANCE {
            let form = || Body::Form(vec![("grant_type", "client_credentials".to_owned())]);
            assert_eq!(world.call_with("POST", "/oauth/te", &As::Nobody, form(), &headers).await.status, 401);
            let bearer = As::Bearer("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned());
            let fa = "/api/v2/users/alice/fa/box/box_1/1";
            assert_eq!(world.call_with("DELETE", fa, &bearer, Body::None, &headers).await.status, 401);
        }
        assert_eq!(wrong(&world, 0, "203.0.113.7").await, 401);
    }

    async fn a_proxys_wrong_signatures_count_as_guesses(engine: Engine) {
        let world = World::frozen_with(engine, |settings| {
            format!("{settings}[[ip_proxies]]\nid = \"my-proxy\"\naddresses = [\"127.0.0.1\"]\nsecret = \"{PROXY_SECRET}\"\n")
        })
        .await;
        let whoami = async |secret: &str| {
            let now = world.clock.now();
            let timestamp = now.timestamp_millis().to_string();
            let claims = json!({"x-proxy-ip": "198.51.100.1", "x-proxy-id": "my-proxy", "x-proxy-timestamp": timestamp,
                "method": "GET", "url": "/blitz/api/whoami"});
            let signature = signed(&claims.to_string(), secret);
            let headers = [("x-proxy-id", "my-proxy"), ("x-proxy-ip", "198.51.100.1"),
                ("x-proxy-timestamp", &timestamp), ("x-proxy-signature", &signature)];
            world.call_with("GET", "/api/whoami", &As::Nobody, Body::None, &headers).await.json()["ip"].clone()
        };
        for _ in 0..ALLOWANCE {
            assert_eq!(whoami("another secret").await, "127.0.0.1");
        }
        let form = Body::Form(vec![("grant_type", "client_credentials".to_owned())]);
        let te = world.call("POST", "/oauth/te", &As::Basic(CONSOLE, "wrong"), form).await;
        assert_eq!(te.status, 429, "{}", te.text());
        // It goes on as ever, and who signs right is believed.
        assert_eq!(whoami("another secret").await, "127.0.0.1");
        assert_eq!(whoami(PROXY_SECRET).await, "198.51.100.1");
    }
}

fn signed(claims: &str, secret: &str) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let message = format!("{}.{}", part(r#"{"alg":"HS256","typ":"JWT"}"#), part(claims));
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_minute_of_wrong_secrets_is_one_line_of_the_log() {
    let mut text = String::new();
    let mut world = World::start_with(Engine::Sqlite, |settings| {
        text.clone_from(&settings);
        settings
    })
    .await;
    let config = world.folder.path().join("fedlink.toml");
    let mut env = Vec::new();
    for (name, line) in [
        ("A", "secret = \"console-"),
        ("B", "rest_password = \"console-"),
        ("C", "secret = \"rival-"),
        ("D", "rest_password = \"rival-"),
        ("E", "client_secret = \"sandbox-"),
    ] {
        let start = text.find(&format!("\n{line}")).expect(line) + 1;
        let end = start + text.get(start..).and_then(|rest| rest.find('\n')).expect("a line's end");
        let (key, value) = text.get(start..end).and_then(|line| line.split_once(" = ")).expect("a setting");
        env.push((name, value.trim_matches('"').to_owned()));
        text.replace_range(start..end, &format!("{key} = {{ env = \"{name}\" }}"));
    }
    fs::write(&config, text).expect("a file");
    let env: Vec<_> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let begun = Instant::now();
    let running = program::serve(&config, &env);
    world.served_at.clone_from(&running.base_url);
    for number in 0..200 {
        let status = wrong(&world, number, "127.0.0.1").await;
        assert!(status == 401 || (status == 429 && number >= ALLOWANCE), "{number}: {status}");
    }
    is_let_in(&world, "127.0.0.1").await;
    let minutes = usize::try_from(begun.elapsed().as_secs() / 60).expect("not so long");
    let logs = running.logs();
    let lines: Vec<&str> = logs.lines().filter(|line| line.contains("wrong secret")).collect();
    assert!(!lines.is_empty() && lines.len() <= 1 + minutes, "{logs}");
    assert!(lines.iter().all(|line| line.contains("127.0.0.") && line.contains("WARN")), "{logs}");
    assert!(!logs.contains("th\"") && !logs.contains("a wrong secret, the"), "a guess is in the log: {logs}");
}

#[test]
fn a_secret_that_we_hold_has_at_least_16_bytes() {
    let text = r#"
public_url = "https://a.example"
[[clients]]
id = "app"
secret = "LITERAL"
rest_password = "LITERAL"
[[clients]]
id = "env"
secret = { env = "X" }
[[ip_proxies]]
id = "p"
addresses = ["10.0.0.1"]
secret = "LITERAL"
[session]
secret = "LITERAL"
[[providers]]
type = "tcs"
name = "tcs_1"
preset = "oidc"
issuer = "https://id.example"
client_id = "us"
client_secret = "x"
[[partners]]
name = "them"
[partners.clients.us]
identity_type = "them"
user_info_url = "https://them.example/me"
introspection_url = "https://them.example/introspect"
introspection_client_id = "us"
introspection_client_secret = "x"
"#;
    let parse = |secret: &str| {
        let env = |name: &str| (name == "X").then(|| secret.to_owned());
        let text = text.replace("LITERAL", secret);
        Configuration::parse(&text, Path::new("/etc/fedlink"), &env, Literals::Allow)
            .map_err(|errors| errors.to_string())
    };
    let places = [
        "clients[0].secret (app)",
        "clients[0].rest_password (app)",
        "clients[1].secret (env)",
        "ip_proxies[0].secret (p)",
        "session.secret",
    ];
    // Bytes, not letters.
    for (short, bytes) in [("x", 1), ("fifteen-letters", 15), ("семь-бу", 13)] {
        let told = parse(short).expect_err(short);
        for place in places {
            let expected = format!("{place}: has {bytes} bytes, at least 16 are needed");
            assert!(told.contains(&expected), "{expected}\n{told}");
        }
        // What providers and partners have chosen is theirs. And no secret is told.
        assert_eq!(told.lines().count(), places.len(), "{told}");
        assert!(short == "x" || !told.contains(short), "{told}");
    }
    for long in ["sixteen--letters", "восемьбу"] {
        parse(long).unwrap_or_else(|errors| panic!("{long}: {errors}"));
    }
}
