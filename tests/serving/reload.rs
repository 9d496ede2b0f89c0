//! Other settings while it is served: taken whole by the next request, or refused whole; nobody who is served notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::program::{fed_token, move_in};
use crate::support::console::{caller, http};
use crate::support::contract;
use crate::support::program::Running;
use crate::support::site::{CONSOLE_SECRET, Site, provider};
use crate::support::world::{Engine, both_engines};
use sandbox::Sandbox;

/// A site with a link, served; its settings name the port that the operator's listener got.
fn served(engine: Engine) -> (Sandbox, Site, Running) {
    let sandbox = provider();
    let mut site = Site::ready(engine, &sandbox.issuer());
    move_in(&site, &sandbox);
    let serving = site.serve();
    let port = format!("ops_listen = \"{}\"", serving.ops_url.trim_start_matches("http://"));
    site.edit("ops_listen = \"127.0.0.1:0\"", &port);
    (sandbox, site, serving)
}

/// A second provider, where the first is, and an application that has its tokens.
fn second(issuer: &str) -> String {
    format!(
        "\n[[providers]]\ntype = \"tcs\"\nname = \"tcs_2\"\npreset = \"oidc\"\nissuer = \"{issuer}\"\nclient_id = \"fedlink\"\n\
         client_secret = {{ env = \"TCS_SECRET\" }}\n\n[[clients]]\nid = \"orders\"\nsecret = {{ env = \"CONSOLE_SECRET\" }}\n\
         scopes = [\"fed_tkn_any\", \"blitz_api_sys_ufa\"]\n"
    )
}

/// How an application of the settings is answered that asks for a token of its own.
async fn status_of(serving: &Running, client: &str) -> u16 {
    let asked = http().post(format!("{}/blitz/oauth/te", serving.base_url)).basic_auth(client, Some(CONSOLE_SECRET));
    let answer = asked.form(&[("grant_type", "client_credentials")]).send().await.expect("an answer");
    answer.status().as_u16()
}

/// How the operator's listener answers who asks it for a reload, held against openapi.yaml.
async fn asked_to_reload(serving: &Running, origin: Option<&str>) -> u16 {
    let asked = http().post(format!("{}/reload", serving.ops_url));
    let asked = origin.into_iter().fold(asked, |asked, origin| asked.header("Origin", origin));
    let answer = asked.send().await.expect("an answer");
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let headers: Vec<(&str, &str)> =
        headers.iter().map(|(name, value)| (name.as_str(), value.to_str().expect("text"))).collect();
    contract::check("POST", "/reload", status, &headers, &answer.bytes().await.expect("a body"));
    status
}

/// The links of the site's user, with all that is known of them.
async fn listed(serving: &Running, caller: &str) -> Value {
    let url = format!("{}/blitz/api/v3/users/42/fa?detail=true", serving.base_url);
    http().get(url).bearer_auth(caller).send().await.expect("an answer").json().await.expect("JSON")
}

#[track_caller]
fn reload(site: &Site) -> Value {
    let output = site.run(&["reload", "--json"]);
    serde_json::from_str(output.good()).expect("JSON")
}

both_engines! {
    async fn a_provider_and_an_application_come_under_load_and_nobody_notices(engine: Engine) {
        let (sandbox, mut site, serving) = served(engine);
        let console = caller(&serving).await;
        assert_eq!(status_of(&serving, "orders").await, 401);
        let (is_over, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let load: Vec<_> = (0..4).map(|_| {
            let (is_over, served) = (Arc::clone(&is_over), Arc::clone(&served));
            let (base, console) = (serving.base_url.clone(), console.clone());
            tokio::spawn(async move {
                while !is_over.load(Ordering::SeqCst) {
                    // Anything but a token fails the test.
                    assert!(fed_token(&base, &console).await["token"].is_string());
                    served.fetch_add(1, Ordering::SeqCst);
                }
            })
        }).collect();
        let with_one = site.settings.clone();
        for round in 0..4 {
            site.settings = if round % 2 == 0 { with_one.clone() + &second(&sandbox.issuer()) } else { with_one.clone() };
            let before = served.load(Ordering::SeqCst);
            let told = tokio::task::block_in_place(|| reload(&site));
            assert_eq!(told, json!({"keyring": true, "at_next_start": ["ops_listen"]}));
            assert_eq!(status_of(&serving, "orders").await, if round % 2 == 0 { 200 } else { 401 });
            while served.load(Ordering::SeqCst) < before + 50 {
                tokio::task::yield_now().await;
            }
        }
        is_over.store(true, Ordering::SeqCst);
        for task in load {
            task.await.expect("every call got its token");
        }
    }

    async fn what_is_wrong_is_told_whole_and_changes_nothing(engine: Engine) {
        let (sandbox, mut site, mut serving) = served(engine);
        let good = site.settings.clone();
        let of_file = [
            ("base_pth = \"/x\"\n".to_owned() + &good + &second("no address"), vec!["base_pth", "providers[1].issuer"]),
            (format!("base_path = \"/other\"\n{good}{}", second(&sandbox.issuer())), vec!["base_path: it is served under \"/blitz\""]),
            (good.clone() + "[[", vec!["line "]),
        ];
        for (settings, words) in of_file {
            site.settings = settings;
            let output = site.run(&["reload"]);
            let said = output.complaint();
            assert!(words.iter().all(|word| said.contains(word)), "{words:?} are not all in {said}");
            assert_eq!(status_of(&serving, "orders").await, 401);
            assert_eq!(status_of(&serving, "console").await, 200);
        }
        // The keyring, and the settings with it.
        let keyring = site.path("fedlink.keys");
        let keys = std::fs::read_to_string(&keyring).expect("a keyring");
        std::fs::write(&keyring, "no keyring").expect("it is written");
        site.settings = good.clone() + &second("no address");
        let said = site.run(&["reload"]).complaint().to_owned();
        assert!(said.contains("providers[1].issuer") && said.contains("the keyring's line 1"), "{said}");
        std::fs::write(&keyring, keys).expect("it is written");
        assert_eq!(asked_to_reload(&serving, None).await, 422);
        // A signal says it in the log.
        let said = serving.reload();
        assert!(said.contains("nothing was reloaded") && said.contains("providers[1].issuer"), "{said}");
        site.settings = good + &second(&sandbox.issuer());
        let said = "reloaded the keyring and the settings; from the next start on: ops_listen\n";
        assert_eq!(site.run(&["reload"]).good(), said);
        assert_eq!(status_of(&serving, "orders").await, 200);
        assert!(serving.terminate().success());
        assert!(site.run(&["reload"]).complaint().contains("is it served?"));
    }

    async fn a_provider_that_leaves_keeps_its_links_and_is_not_asked(engine: Engine) {
        let (sandbox, mut site, serving) = served(engine);
        let console = caller(&serving).await;
        assert_eq!(listed(&serving, &console).await[0].get("providerGone"), None);
        let whole = site.settings.clone();
        let (without, _) = whole.split_once("[[providers]]").expect("a provider");
        site.settings = without.to_owned();
        tokio::task::block_in_place(|| reload(&site));
        let asked = sandbox.counts().token_refresh;
        let console = caller(&serving).await;
        let list = listed(&serving, &console).await;
        assert_eq!((&list[0]["providerGone"], &list[0]["sid"]), (&json!(true), &json!("1000347601")), "{list}");
        let url = format!("{}/blitz/api/v3/users/42/fedToken/tcs/tcs_1", serving.base_url);
        let refused = http().get(url).bearer_auth(&console).send().await.expect("an answer");
        assert!(refused.status().is_client_error(), "{refused:?}");
        assert_eq!(sandbox.counts().token_refresh, asked);
        // It comes back, with its tokens.
        site.settings = whole;
        tokio::task::block_in_place(|| reload(&site));
        let console = caller(&serving).await;
        assert!(fed_token(&serving.base_url, &console).await["token"].is_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_of_a_browser_has_it_done() {
    let site = Site::alone();
    let serving = site.serve();
    assert_eq!(asked_to_reload(&serving, None).await, 200);
    for origin in ["null", "http://127.0.0.1:9090", "https://evil.example"] {
        assert_eq!(asked_to_reload(&serving, Some(origin)).await, 403, "{origin}");
    }
}
