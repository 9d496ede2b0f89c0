//! Bind, completed in the browser by the person who is signed in there: what they see, and what the app is told.

use std::collections::BTreeMap;

use futures_util::future::join;
use serde_json::json;

use crate::support::browser::{
    Browser, Callback, field, instruct, instruct_with, instruction, persons_instruction, query,
};
use crate::support::database::{assert_nothing_stored, bind_refusals, count, execute, texts};
use crate::support::fed::{fed_token, token};
use crate::support::world::{As, Body, CALLBACK, CONSOLE, CONSOLE_PASSWORD, Engine, World, both_engines};

/// A callback of the console's that has a query of its own.
const OTHER: &str = "https://app.example/other?x=1";
const BASIC: As = As::Basic(CONSOLE, CONSOLE_PASSWORD);

/// A world with alice, and her user-mode token for the console.
async fn with_alice(engine: Engine) -> (World, As) {
    let world = World::frozen(engine).await;
    world.account("alice").await;
    let alice = world.user(CONSOLE, "alice", &["blitz_api_ufa_chg"]).await;
    (world, alice)
}

/// Whose links there are: subject, account and proof.
async fn links(world: &World) -> Vec<String> {
    texts(&world.database_url, "SELECT subject || ' ' || sid || ' ' || proof AS value FROM links ORDER BY 1").await
}

both_engines! {
    async fn the_person_who_is_signed_in_links_their_account(engine: Engine) {
        let (world, alice) = with_alice(engine).await;
        for who in [&alice, &BASIC] {
            let mut browser = Browser::default();
            browser.sign_in(&world, "alice").await;
            let redirect_to = instruct_with(&world, who, persons_instruction()).await;
            let id = redirect_to.rsplit('/').next().unwrap();

            let callback = browser.walk(&world, &redirect_to, "oleg").await;
            assert_eq!(callback.url, format!("{CALLBACK}?fp=box%3Abox_1&bind={id}&status=linked"));
            assert_eq!(links(&world).await, ["alice oleg proven"]);
            assert_eq!(count(&world, "flows").await, 0);
            token(&fed_token(&world, &world.console().await, "").await, "oleg");
        }
        let record = "SELECT client || ' ' || subject || ' ' || detail AS value FROM audit WHERE event = 'FEDERATION_POINT_BOUND'";
        assert_eq!(texts(&world.database_url, record).await, ["console alice proven", "console alice proven"]);
    }

    async fn signing_in_leads_straight_back_into_the_flow(engine: Engine) {
        let (world, alice) = with_alice(engine).await;
        for who in [&alice, &BASIC] {
            let mut browser = Browser::default();
            let redirect_to = instruct_with(&world, who, persons_instruction()).await;
            // Reloaded, it asks again.
            for _ in 0..2 {
                let to_sign_in = browser.go(&world, "GET", &redirect_to, Body::None).await;
                assert_eq!(to_sign_in.status, 303);
                let url = to_sign_in.location();
                assert!(url.starts_with(&format!("{}/blitz/sign-in?", world.base)), "{url}");
                assert_eq!(format!("{}{}", world.base, query(&url)["to"]), redirect_to);
            }
            // Ten minutes to sign in, not the five in which the instruction had to be opened.
            world.advance(9 * 60);
            browser.sign_in(&world, "alice").await;
            assert_eq!(browser.walk(&world, &redirect_to, "oleg").await.get("status"), "linked");
        }
        assert_eq!(links(&world).await, ["alice oleg proven"]);
    }

    async fn who_takes_too_long_to_sign_in_is_told(engine: Engine) {
        let (world, alice) = with_alice(engine).await;
        let mut browser = Browser::default();
        let redirect_to = instruct_with(&world, &alice, persons_instruction()).await;
        browser.go(&world, "GET", &redirect_to, Body::None).await;
        world.advance(10 * 60);
        browser.sign_in(&world, "alice").await;
        let back = Callback::of(&browser.go(&world, "GET", &redirect_to, Body::None).await);
        assert_eq!((back.get("status"), back.get("error")), ("error", "flow_expired"));
        assert_eq!(bind_refusals(&world).await, ["flow_expired"]);
    }

    async fn the_confirm_page_names_both_accounts(engine: Engine) {
        let (world, _) = with_alice(engine).await;
        let redirect_to = instruct_with(&world, &BASIC, persons_instruction()).await;
        for (name, shown) in [("'Elle Woods'", "Elle Woods"), ("'<b>Elle\u{202E}</b>'", "&#60;b&#62;Elle&#60;/b&#62;"), ("NULL", "which has no name")] {
            execute(&world.database_url, &format!("UPDATE accounts SET name = {name}")).await;
            let mut browser = Browser::default();
            browser.sign_in(&world, "alice").await;
            let redirect_to = if shown == "Elle Woods" { redirect_to.clone() } else { instruct_with(&world, &BASIC, persons_instruction()).await };
            let to_confirm = browser.identify(&world, &redirect_to, "oleg").await;
            let page = browser.go(&world, "GET", &to_confirm, Body::None).await.text();
            for text in ["Sandbox", "Oleg", shown, "Console"] {
                assert!(page.contains(text), "no {text} in {page}");
            }
            assert!(!page.contains("alice"), "a subject is no name: {page}");
        }
    }

    async fn a_person_is_asked_even_where_apps_are_not(engine: Engine) {
        let unasked = |settings: String| format!("{settings}confirm = false\n");
        let world = World::start_with(engine, unasked).await;
        world.account("alice").await;
        let mut browser = Browser::default();
        browser.sign_in(&world, "alice").await;
        let redirect_to = instruct_with(&world, &BASIC, persons_instruction()).await;
        assert_eq!(browser.walk(&world, &redirect_to, "oleg").await.get("status"), "linked");
        // Completed by the app, it goes on without the question.
        let redirect_to = instruct(&world, &BASIC).await;
        let back = browser.arrive(&world, &redirect_to, "oleg").await;
        let callback = Callback::of(&browser.go(&world, "GET", &back, Body::None).await);
        assert_eq!(callback.get("status"), "pending");
    }

    async fn a_person_can_say_no(engine: Engine) {
        let (world, alice) = with_alice(engine).await;
        let mut browser = Browser::default();
        browser.sign_in(&world, "alice").await;
        let redirect_to = instruct_with(&world, &alice, persons_instruction()).await;
        let to_confirm = browser.identify(&world, &redirect_to, "oleg").await;
        let back = browser.decide(&world, &to_confirm, "no").await;
        assert_eq!((back.get("status"), back.get("error")), ("error", "access_denied"));
        assert_nothing_stored(&world, "no").await;
        assert_eq!(count(&world, "revocations").await, 1, "what was granted goes");
    }

    async fn an_account_of_another_persons_is_not_taken(engine: Engine) {
        let (world, alice) = with_alice(engine).await;
        world.account("bob").await;
        let mut bob = Browser::default();
        bob.sign_in(&world, "bob").await;
        let redirect_to = instruct_with(&world, &BASIC, persons_instruction()).await;
        assert_eq!(bob.walk(&world, &redirect_to, "oleg").await.get("status"), "linked");

        let mut browser = Browser::default();
        browser.sign_in(&world, "alice").await;
        let redirect_to = instruct_with(&world, &alice, persons_instruction()).await;
        let back = browser.walk(&world, &redirect_to, "oleg").await;
        assert_eq!((back.get("status"), back.get("error")), ("error", "already_linked"));
        assert_eq!(links(&world).await, ["bob oleg proven"]);
        assert_eq!(bind_refusals(&world).await, ["already_linked"]);
        assert_eq!(count(&world, "flows").await, 0);
    }

    async fn a_proven_link_takes_the_account_from_an_asserted_one(engine: Engine) {
        let (world, alice) = with_alice(engine).await;
        world.account("bob").await;
        world.linked("bob", "oleg").await;
        let mut browser = Browser::default();
        browser.sign_in(&world, "alice").await;
        let redirect_to = instruct_with(&world, &alice, persons_instruction()).await;
        assert_eq!(browser.walk(&world, &redirect_to, "oleg").await.get("status"), "linked");
        assert_eq!(links(&world).await, ["alice oleg proven"]);
    }

    async fn a_double_click_links_once(engine: Engine) {
        let (world, alice) = with_alice(engine).await;
        let mut browser = Browser::default();
        browser.sign_in(&world, "alice").await;
        let redirect_to = instruct_with(&world, &alice, persons_instruction()).await;
        let to_confirm = browser.identify(&world, &redirect_to, "oleg").await;
        let csrf = field(&browser.go(&world, "GET", &to_confirm, Body::None).await.text(), "csrf");
        let yes = || Body::Form(vec![("csrf", csrf.clone()), ("decision", "yes".to_owned())]);
        let (mut first, mut second) = (browser.clone(), browser.clone());
        let (first, second) =
            join(first.go(&world, "POST", &to_confirm, yes()), second.go(&world, "POST", &to_confirm, yes())).await;
        let mut statuses = [first.status, second.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [303, 410]);
        assert_eq!(links(&world).await, ["alice oleg proven"]);
    }

    async fn two_tabs_of_one_person_do_not_collide(engine: Engine) {
        let (world, alice) = with_alice(engine).await;
        let mut browser = Browser::default();
        browser.sign_in(&world, "alice").await;
        let first = instruct_with(&world, &alice, persons_instruction()).await;
        let second = instruct_with(&world, &alice, persons_instruction()).await;
        let first_back = browser.arrive(&world, &first, "oleg").await;
        let second_back = browser.arrive(&world, &second, "elle").await;
        for (back, redirect_to) in [(second_back, &second), (first_back, &first)] {
            let to_confirm = browser.go(&world, "GET", &back, Body::None).await.location();
            assert_eq!(to_confirm, format!("{redirect_to}/confirm"));
            assert_eq!(browser.decide(&world, &to_confirm, "yes").await.get("status"), "linked");
        }
        assert_eq!(links(&world).await, ["alice elle proven", "alice oleg proven"]);
    }

    async fn where_nobody_can_sign_in_the_app_has_to_complete(engine: Engine) {
        let anybody = |settings: String| settings.replace("subjects = \"registered\"", "subjects = \"any\"");
        let world = World::start_with(engine, anybody).await;
        let ask = async |body| world.call("POST", "/api/v2/users/current/fa/bind", &BASIC, Body::Json(body)).await;
        let refused = ask(persons_instruction()).await;
        assert_eq!(refused.refusal(), (400, "wrong_values".to_owned()));
        assert!(refused.text().contains("code_challenge is required"), "{}", refused.text());
        assert_eq!(ask(instruction()).await.status, 200);
        // A method without a challenge is a mistake anywhere.
        let registered = World::start(engine).await;
        let half = json!({"fp": "box:box_1", "callback": CALLBACK, "code_challenge_method": "S256"});
        let refused = registered.call("POST", "/api/v2/users/current/fa/bind", &BASIC, Body::Json(half)).await;
        assert!(refused.text().contains("code_challenge is required"), "{}", refused.text());
    }

    async fn a_popups_last_page_tells_its_opener(engine: Engine) {
        let (world, _) = with_alice(engine).await;
        let popup = || json!({"fp": "box:box_1", "callback": OTHER, "isPopup": true});
        for (decision, status) in [("yes", "linked"), ("no", "error")] {
            let mut browser = Browser::default();
            browser.sign_in(&world, "alice").await;
            let redirect_to = instruct_with(&world, &BASIC, popup()).await;
            let to_confirm = browser.identify(&world, &redirect_to, "oleg").await;
            let csrf = field(&browser.go(&world, "GET", &to_confirm, Body::None).await.text(), "csrf");
            let form = Body::Form(vec![("csrf", csrf), ("decision", decision.to_owned())]);
            let page = browser.go(&world, "POST", &to_confirm, form).await;
            assert_eq!((page.status, page.header("location")), (200, None));
            let policy = page.header("content-security-policy").unwrap();
            assert!(policy.contains("script-src 'nonce-") && !policy.contains("unsafe"), "{policy}");
            assert_eq!(page.header("cross-origin-opener-policy"), None, "it would cut the window off from its opener");

            let html = page.text();
            assert_eq!(attribute(&html, "data-origin"), "https://app.example");
            let told: BTreeMap<String, String> = serde_json::from_str(&attribute(&html, "data-result")).unwrap();
            assert_eq!((told["status"].as_str(), told["fp"].as_str()), (status, "box:box_1"));
            assert!(redirect_to.ends_with(&told["bind"]));
            // The address says the same, and keeps the callback's own query.
            let mut in_address = query(&attribute(&html, "data-address"));
            assert_eq!(in_address.remove("x").as_deref(), Some("1"));
            assert_eq!(in_address, told);
            assert!(html.contains(&format!("href=\"{}\"", attribute_text(&html, "data-address"))), "a way on without a script");
        }
    }
}

/// An attribute's value, as it stands in the page.
fn attribute_text<'a>(html: &'a str, name: &str) -> &'a str {
    let start = format!("{name}=\"");
    let rest = html.split_once(&start).unwrap_or_else(|| panic!("no {name} in {html}")).1;
    rest.split('"').next().unwrap_or_default()
}

/// An attribute's value.
fn attribute(html: &str, name: &str) -> String {
    let entities = [("&#34;", "\""), ("&#60;", "<"), ("&#62;", ">"), ("&#39;", "'"), ("&#38;", "&")];
    entities.iter().fold(attribute_text(html, name).to_owned(), |text, (entity, plain)| text.replace(entity, plain))
}
