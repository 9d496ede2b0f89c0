//! The built program serving a configuration written as the README has it: move in, fetch a fresh token, stop.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::console::{caller, http};
use crate::support::database::texts;
use crate::support::program::Running;
use crate::support::site::{CONSOLE_SECRET, PROVIDER_SECRET, Site, provider};
use crate::support::world::{Engine, both_engines};
use sandbox::Sandbox;
use secrecy::ExposeSecret as _;

const SCOPES: &str = "openid offline_access profile";

/// A site with one link whose access token has run out, as it would move in; gives that token.
pub(super) fn move_in(site: &Site, sandbox: &Sandbox) -> String {
    let tokens = sandbox.issue("1000347601", "fedlink", SCOPES);
    let line = json!({
        "subject": "42", "fpType": "tcs", "fpName": "tcs_1", "sid": "1000347601",
        "accessToken": tokens.access_token.expose_secret(), "refreshToken": tokens.refresh_token.expose_secret(),
        "expiresOn": 1_711_125_311,
    });
    let output = site.feed(&["import", "--register", "-"], &line.to_string());
    assert_eq!(output.good(), "1 taken in, 0 refused\n");
    tokens.access_token.expose_secret().to_owned()
}

pub(super) async fn fed_token(base_url: &str, caller: &str) -> Value {
    let url = format!("{base_url}/blitz/api/v3/users/42/fedToken/tcs/tcs_1");
    let answer = http().get(url).bearer_auth(caller).send().await.expect("an answer");
    let status = answer.status();
    let answer: Value = answer.json().await.expect("JSON");
    assert_eq!(status, 200, "{answer}");
    answer["1000347601"].clone()
}

/// Asks for a token, whoever waits for it.
fn asking(serving: &Running, caller: &str) -> JoinHandle<Value> {
    let (base, caller) = (serving.base_url.clone(), caller.to_owned());
    tokio::spawn(async move { fed_token(&base, &caller).await })
}

/// Asks the provider itself (RFC 7662).
async fn is_accepted(sandbox: &Sandbox, token: &str) -> bool {
    let answer = http()
        .post(format!("{}/introspect", sandbox.issuer()))
        .basic_auth("fedlink", Some(PROVIDER_SECRET))
        .form(&[("token", token)])
        .send()
        .await
        .expect("an answer");
    let answer: Value = answer.json().await.expect("JSON");
    answer["active"].as_bool().expect("RFC 7662 §2.2")
}

/// Whether somebody listens there.
fn accepts(url: &str) -> bool {
    TcpStream::connect(url.trim_start_matches("http://")).is_ok()
}

both_engines! {
    async fn the_readmes_configuration_serves_a_token_the_provider_accepts(engine: Engine) {
        let sandbox = provider();
        let site = Site::ready(engine, &sandbox.issuer());
        site.run(&["check"]).good();
        let mut serving = site.serve();
        // Beside the running server, which has to see it at once.
        let old = move_in(&site, &sandbox);

        let caller = caller(&serving).await;
        let served = fed_token(&serving.base_url, &caller).await;
        let token = served["token"].as_str().expect("a token");
        assert_ne!(token, old);
        assert!(served["expiresOn"].as_i64().expect("Unix seconds") > 1_711_125_311);
        assert!(is_accepted(&sandbox, token).await);
        assert_eq!(fed_token(&serving.base_url, &caller).await, served);
        assert_eq!(sandbox.counts().token_refresh, 1);

        let told = Instant::now();
        assert!(serving.terminate().success(), "{}", serving.logs());
        assert!(told.elapsed() < Duration::from_secs(15), "nothing was under way");
        let counted = "SELECT CAST(sum(count) AS text) AS value FROM audit WHERE event = 'FEDERATION_TOKENS_SERVED'";
        assert_eq!(texts(&site.database_url(), counted).await, ["2"], "what was counted is in the record");
        for secret in [token, &old, &caller, CONSOLE_SECRET, PROVIDER_SECRET] {
            assert!(!serving.logs().contains(secret), "a secret in\n{}", serving.logs());
        }
    }

    async fn a_server_told_to_stop_stores_what_is_under_way(engine: Engine) {
        let sandbox = provider();
        let site = Site::ready(engine, &sandbox.issuer());
        move_in(&site, &sandbox);
        let mut serving = site.serve();
        let caller = caller(&serving).await;
        let hold = sandbox.script().hold_token_answers();
        let asking = asking(&serving, &caller);
        hold.wait_for_arrivals(1).await;
        // The provider has spent the refresh token, and nobody else knows the new one.
        serving.send_sigterm();
        while serving.is_ready() {}
        hold.release();
        let served = asking.await.expect("it is answered");
        assert!(serving.wait().success(), "{}", serving.logs());

        let mut next = site.serve();
        assert_eq!(fed_token(&next.base_url, &caller).await, served);
        assert_eq!(sandbox.counts().token_refresh, 1);
        assert!(next.terminate().success());
    }

    async fn a_server_told_to_stop_stores_what_nobody_waits_for(engine: Engine) {
        let sandbox = provider();
        let site = Site::ready(engine, &sandbox.issuer());
        let old = move_in(&site, &sandbox);
        let mut serving = site.serve();
        let caller = caller(&serving).await;
        let hold = sandbox.script().hold_token_answers();
        let asking = asking(&serving, &caller);
        hold.wait_for_arrivals(1).await;
        asking.abort();
        assert!(asking.await.expect_err("it hung up").is_cancelled());
        serving.send_sigterm();
        match engine {
            // Nobody else can serve it: it is served on.
            Engine::Sqlite => while serving.is_ready() {},
            Engine::Postgres => while accepts(&serving.base_url) {},
        }
        // Nobody is connected any more, and still it does not end: that would take a moment, and these are many.
        for _ in 0..1000 {
            assert!(accepts(&serving.ops_url), "it ended with a refresh under way:\n{}", serving.logs());
        }
        hold.release();
        assert!(serving.wait().success(), "{}", serving.logs());

        let next = site.serve();
        assert_ne!(fed_token(&next.base_url, &caller).await["token"], old);
        assert_eq!(sandbox.counts().token_refresh, 1);
    }
}

/// Where no other instance can serve, what is stored is served until the last answer is; nothing is asked for any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_only_server_goes_on_answering_until_it_ends() {
    let sandbox = provider();
    let site = Site::ready(Engine::Sqlite, &sandbox.issuer());
    move_in(&site, &sandbox);
    let other = json!({
        "subject": "43", "fpType": "tcs", "fpName": "tcs_1", "sid": "1000347602", "accessToken": "run out",
        "refreshToken": "not to be sent", "expiresOn": 1_711_125_311,
    });
    site.feed(&["import", "--register", "-"], &other.to_string()).good();
    let mut serving = site.serve();
    let caller = caller(&serving).await;
    let hold = sandbox.script().hold_token_answers();
    let asking = asking(&serving, &caller);
    hold.wait_for_arrivals(1).await;
    serving.send_sigterm();
    while serving.is_ready() {}
    let get = async |path: &str| {
        let url = format!("{}/blitz/api/v3/users/{path}", serving.base_url);
        http().get(url).bearer_auth(&caller).send().await.expect("it answers")
    };
    let refused = get("43/fedToken/tcs/tcs_1").await;
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    let listed = get("42/fa").await;
    assert_eq!(listed.status(), 200);
    assert_eq!(listed.headers().get("connection").expect("it says so"), "close");
    hold.release();
    asking.await.expect("it is answered");
    assert!(serving.wait().success(), "{}", serving.logs());
    assert_eq!(sandbox.counts().token_refresh, 1);
}

/// In a fleet others serve, once they are sent what would come here: until then it is served on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_of_a_fleet_drains_before_it_stops() {
    let sandbox = provider();
    let mut site = Site::ready(Engine::Postgres, &sandbox.issuer());
    site.edit("drain = \"0s\"", "drain = \"2s\"");
    move_in(&site, &sandbox);
    let mut serving = site.serve();
    let caller = caller(&serving).await;
    let told = Instant::now();
    serving.send_sigterm();
    while serving.is_ready() {}
    // Not ready, and served all the same: a token that has to be refreshed first.
    fed_token(&serving.base_url, &caller).await;
    assert_eq!(sandbox.counts().token_refresh, 1);
    assert!(serving.wait().success(), "{}", serving.logs());
    assert!(told.elapsed() >= Duration::from_secs(2), "{:?}", told.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_come_from_files_as_well() {
    let sandbox = provider();
    let mut site = Site::ready(Engine::Sqlite, &sandbox.issuer());
    // As `echo` and editors leave it.
    std::fs::write(site.path("console"), format!("{CONSOLE_SECRET}\n")).expect("a file");
    std::fs::write(site.path("tcs"), format!("{PROVIDER_SECRET}\r\n")).expect("a file");
    site.edit(r#"{ env = "CONSOLE_SECRET" }"#, r#"{ file = "console" }"#);
    site.edit(r#"{ env = "TCS_SECRET" }"#, r#"{ file = "tcs" }"#);
    site.env.retain(|(name, _)| *name == "CONSOLE_REST_PASSWORD");
    move_in(&site, &sandbox);
    let serving = site.serve();
    let caller = caller(&serving).await;
    let served = fed_token(&serving.base_url, &caller).await;
    assert!(is_accepted(&sandbox, served["token"].as_str().expect("a token")).await);
}
