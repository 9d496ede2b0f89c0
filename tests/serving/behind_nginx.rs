//! Behind nginx as docs/operating.md has it, whose example is run as it stands there.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde_json::json;

use crate::support::browser::{Browser, complete, instruct};
use crate::support::fed::fed_token_of;
use crate::support::nginx::Nginx;
use crate::support::partner::{LENIENT, SDK, encoded, with_partner};
use crate::support::world::{As, Body, CONSOLE, CONSOLE_PASSWORD, Engine, PUBLIC, VERIFIER, World, both_engines};

const BASIC: As = As::Basic(CONSOLE, CONSOLE_PASSWORD);
/// Where the test calls nginx from; nginx itself calls fedlink from 127.0.0.1.
const CLIENT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// fedlink at a name of the world's, by https, behind nginx; the world's calls go there.
async fn start(engine: Engine) -> (World, Nginx) {
    let mut world = World::start_with(engine, |settings| {
        let (_, rest) = settings.split_once("\ndatabase_url").expect("a database");
        let settings = format!("public_url = \"{PUBLIC}\"\ntrusted_proxies = [\"127.0.0.1\"]\ndatabase_url{rest}");
        with_partner(&settings, "")
    })
    .await;
    let nginx = Nginx::start("login.example", world.base.trim_start_matches("http://"));
    go_through(&mut world, &nginx);
    (world, nginx)
}

fn go_through(world: &mut World, nginx: &Nginx) {
    let authority = reqwest::Certificate::from_pem(nginx.authority.as_bytes()).expect("a certificate");
    let client = reqwest::Client::builder()
        .tls_certs_only([authority])
        .resolve("login.example", SocketAddr::from((Ipv4Addr::LOCALHOST, nginx.port)))
        .local_address(IpAddr::V4(CLIENT))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .expect("a client");
    world.go_through(format!("{PUBLIC}:{}", nginx.port), client);
}

both_engines! {
    async fn the_main_job_is_done_through_the_readmes_nginx(engine: Engine) {
        let (world, nginx) = start(engine).await;
        world.account("a/b").await;
        let redirect_to = instruct(&world, &BASIC).await;
        assert!(redirect_to.starts_with(PUBLIC), "{redirect_to}");
        let callback = Browser::default().walk(&world, &redirect_to, "oleg").await;
        let done = complete(&world, &BASIC, callback.get("bind_code"), (VERIFIER, "a/b")).await;
        assert_eq!(done.status, 204, "{}", done.text());
        // Ids pass to the letter.
        let console = world.console().await;
        let token = fed_token_of(&world, &console, "a%2Fb", "").await;
        assert!(world.sandbox.is_active(token.json()["oleg"]["token"].as_str().unwrap()), "{}", token.text());
        for name in ["strict-transport-security", "cache-control", "x-content-type-options"] {
            assert_eq!(token.headers.iter().filter(|(found, _)| found == name).count(), 1, "{name}");
        }
        // A partner's user, whose token is as long as they come; and the largest question.
        world.userinfo(&json!({"sub": "jane", "name": "Jane"}));
        let begun = world.visit(&format!("{}&pad={}", world.callback("resident", LENIENT).replace("/callback", ""), "x".repeat(20_000)), &[]).await;
        assert_eq!(begun.status, 302);
        let arrived = world.visit(&begun.location(), &[]).await;
        assert_eq!(arrived.status, 302, "{}", arrived.text());
        let cookie = arrived.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        let variables = json!({"a": "x".repeat(512 * 1024 - 8)});
        let own = [("cookie", cookie.as_str()), ("origin", PUBLIC), ("sec-fetch-site", "same-origin")];
        let asked = world.ask_with(&As::Nobody, "{ authenticatedUser { name } }", variables, &own).await;
        assert_eq!(asked.data()["authenticatedUser"]["name"], "Jane");
        let foreign = [("cookie", cookie.as_str()), ("origin", "https://evil.example"), ("sec-fetch-site", "same-site")];
        let refused = world.ask_with(&As::Nobody, "{ authenticatedUser { name } }", json!({}), &foreign).await;
        assert_eq!(refused.status, 403);
        drop(nginx);
    }

    async fn a_client_is_who_nginx_says_whatever_it_says_itself(engine: Engine) {
        let (world, _nginx) = start(engine).await;
        let lies = [
            &[][..], &[("x-forwarded-for", "198.51.100.1")], &[("x-forwarded-for", "127.0.0.1")],
            &[("x-forwarded-for", "198.51.100.1"), ("x-forwarded-for", "198.51.100.2, 127.0.0.1")],
            &[("x-real-ip", "198.51.100.1"), ("forwarded", "for=198.51.100.1"), ("true-client-ip", "198.51.100.1")],
        ];
        for lie in lies {
            let seen = world.call_with("GET", "/api/whoami", &As::Nobody, Body::None, lie).await;
            assert_eq!(seen.json(), json!({"ip": CLIENT.to_string()}), "{lie:?}");
        }
    }

    async fn nothing_of_a_query_is_in_the_logs_of_nginx(engine: Engine) {
        let (mut world, first) = start(engine).await;
        let token = "a-partners-access-token";
        let target = format!("/api/auth/{SDK}/callback?user_type=resident&client_id={LENIENT}&access_token={}", encoded(token));
        let referer = format!("{PUBLIC}{target}");
        // Refused by fedlink; and by nginx, before a fedlink that is not there.
        world.userinfo(&json!({"sub": "jane", "name": "Jane"}));
        world.visit(&target, &[("referer", &referer)]).await;
        let (calls, errors) = first.stop();
        assert!(calls.contains("127.0.0.2 [") && calls.contains(&format!("\"GET /api/auth/{SDK}/callback\" ")), "{calls}");
        assert!(!calls.contains(token) && !errors.contains(token), "{calls}{errors}");

        let away = Nginx::start("login.example", "127.0.0.1:9");
        go_through(&mut world, &away);
        let answer = world.send("GET", &format!("{}{target}", world.served_at), &As::Nobody, Body::None, &[("referer", &referer)]).await;
        assert_eq!(answer.status, 502);
        let (calls, errors) = away.stop();
        assert!(calls.contains(" 502 "), "{calls}");
        assert!(!calls.contains(token) && !errors.contains(token), "{calls}{errors}");
    }
}
