//! Partners' proxies: a call counts as the one's on whose behalf a known proxy makes it, and says so signed.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::clock::Clock as _;
use serde_json::{Value, json};

use crate::support::browser::Browser;
use crate::support::person::{PASSWORD, person};
use crate::support::world::{As, Body, Engine, World, both_engines};

const SECRET: &str = "the proxy's own secret";
const CLIENT: &str = "198.51.100.1";

fn proxies(settings: &str, addresses: &str) -> String {
    format!("{settings}[[ip_proxies]]\nid = \"my-proxy\"\naddresses = [{addresses}]\nsecret = \"{SECRET}\"\n")
}

async fn with_proxy(engine: Engine) -> World {
    World::frozen_with(engine, |settings| proxies(&settings, "\"127.0.0.1\"")).await
}

fn signed(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(&json!({"alg": "HS256", "typ": "JWT"})), part(claims));
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()), message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac))
}

/// The four headers of a call for [`CLIENT`], made now, as the partner's library makes them.
fn headers(world: &World, ip: &str, (method, url): (&str, &str)) -> Vec<(&'static str, String)> {
    let now = world.clock.now();
    let timestamp = now.timestamp_millis().to_string();
    let claims = json!({"x-proxy-ip": ip, "x-proxy-id": "my-proxy", "x-proxy-timestamp": timestamp,
        "method": method, "url": url, "iat": now.timestamp(), "exp": now.timestamp() + 5});
    vec![
        ("x-proxy-id", "my-proxy".to_owned()),
        ("x-proxy-ip", ip.to_owned()),
        ("x-proxy-timestamp", timestamp),
        ("x-proxy-signature", signed(&claims)),
    ]
}

fn borrowed<'a>(headers: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    headers.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

async fn whoami(world: &World, query: &str, headers: &[(&'static str, String)]) -> String {
    let answer =
        world.call_with("GET", &format!("/api/whoami{query}"), &As::Nobody, Body::None, &borrowed(headers)).await;
    assert_eq!(answer.status, 200);
    let body = answer.json();
    assert_eq!(body.as_object().expect("an object").len(), 1);
    body["ip"].as_str().expect("an address").to_owned()
}

both_engines! {
    async fn a_signed_address_is_believed_for_this_call_alone(engine: Engine) {
        let world = with_proxy(engine).await;
        let url = "/blitz/api/whoami?a=1&b=%2F";
        let good = headers(&world, CLIENT, ("GET", url));
        assert_eq!(whoami(&world, "?a=1&b=%2F", &good).await, CLIENT);
        assert_eq!(whoami(&world, "?a=1&b=/", &good).await, "127.0.0.1", "another query");
        assert_eq!(whoami(&world, "", &good).await, "127.0.0.1", "no query");
        let six = headers(&world, "2001:db8::1", ("GET", url));
        assert_eq!(whoami(&world, "?a=1&b=%2F", &six).await, "2001:db8::1");
        // It is good for five seconds, and no longer.
        world.advance(4);
        assert_eq!(whoami(&world, "?a=1&b=%2F", &good).await, CLIENT);
        world.advance(1);
        assert_eq!(whoami(&world, "?a=1&b=%2F", &good).await, "127.0.0.1");
    }

    async fn all_four_headers_stand_once(engine: Engine) {
        let world = with_proxy(engine).await;
        let good = headers(&world, CLIENT, ("GET", "/blitz/api/whoami"));
        assert_eq!(whoami(&world, "", &good).await, CLIENT);
        for missing in 0..4 {
            let mut less = good.clone();
            let (name, value) = less.remove(missing);
            assert_eq!(whoami(&world, "", &less).await, "127.0.0.1", "without {name}");
            less.extend([(name, value.clone()), (name, value)]);
            assert_eq!(whoami(&world, "", &less).await, "127.0.0.1", "{name} twice");
        }
    }

    async fn the_root_and_the_base_path_are_addresses_of_their_own(engine: Engine) {
        let world = with_proxy(engine).await;
        for (signed_for, called, expected) in [
            ("/api/whoami", "/api/whoami", CLIENT),
            ("/blitz/api/whoami", "/blitz/api/whoami", CLIENT),
            ("/api/whoami", "/blitz/api/whoami", "127.0.0.1"),
            ("/blitz/api/whoami", "/api/whoami", "127.0.0.1"),
        ] {
            let said = headers(&world, CLIENT, ("GET", signed_for));
            let url = format!("{}{called}", world.base);
            let answer = world.send("GET", &url, &As::Nobody, Body::None, &borrowed(&said)).await;
            assert_eq!(answer.json(), json!({"ip": expected}), "{signed_for} at {called}");
        }
    }

    async fn a_proxy_is_believed_only_where_it_calls_from(engine: Engine) {
        let elsewhere = World::frozen_with(engine, |settings| proxies(&settings, "\"203.0.113.7\"")).await;
        let said = headers(&elsewhere, CLIENT, ("GET", "/blitz/api/whoami"));
        assert_eq!(whoami(&elsewhere, "", &said).await, "127.0.0.1");
        // Behind a proxy of the operator's it calls from where that one says.
        let behind = World::frozen_with(engine, |settings| {
            format!("trusted_proxies = [\"127.0.0.1\"]\n{}", proxies(&settings, "\"203.0.113.0/24\""))
        }).await;
        for (forwarded, expected) in [("203.0.113.7", CLIENT), ("203.0.114.7", "203.0.114.7")] {
            let mut said = headers(&behind, CLIENT, ("GET", "/blitz/api/whoami"));
            said.push(("x-forwarded-for", forwarded.to_owned()));
            assert_eq!(whoami(&behind, "", &said).await, expected);
        }
    }

    async fn limits_count_by_the_address_that_was_signed(engine: Engine) {
        let world = with_proxy(engine).await;
        world.person(person("elle")).await;
        let attempt = async |ip: &str, login: &str| {
            let said = headers(&world, ip, ("POST", "/blitz/sign-in"));
            Browser::default().try_sign_in(&world, (login, PASSWORD), &borrowed(&said)).await.status
        };
        for n in 0..10 {
            assert_eq!(attempt(CLIENT, &format!("user-{n}")).await, 422, "{n}");
        }
        assert_eq!(attempt(CLIENT, "elle").await, 429);
        assert_eq!(attempt("198.51.100.2", "elle").await, 303);
    }
}
