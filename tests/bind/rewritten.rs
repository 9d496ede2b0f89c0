//! A bind whose row somebody rewrote in the database: it completes nothing, and its secrets go to nobody.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use service::sweep;
use sha2::{Digest as _, Sha256};

use crate::support::browser::{Browser, complete, field, instruct, instruct_with, persons_instruction};
use crate::support::database::{assert_nothing_stored, count, execute};
use crate::support::revocations::{ends, waiting, work};
use crate::support::world::{
    As, Body, CONSOLE, CONSOLE_PASSWORD, Engine, RIVAL, RIVAL_PASSWORD, VERIFIER, World, both_engines,
};

const BASIC: As = As::Basic(CONSOLE, CONSOLE_PASSWORD);
const OWN_VERIFIER: &str = "a-verifier-of-the-attackers-own-43-characters-";

/// What an attacker writes, and what completes it if nothing holds against that: the client, the verifier, the subject.
fn rewritings() -> Vec<(String, As, &'static str, &'static str)> {
    let own = URL_SAFE_NO_PAD.encode(Sha256::digest(OWN_VERIFIER));
    let with = |change: &str| (change.to_owned(), BASIC, VERIFIER, "alice");
    vec![
        ("client = 'rival'".to_owned(), As::Basic(RIVAL, RIVAL_PASSWORD), VERIFIER, "alice"),
        ("subject = NULL".to_owned(), BASIC, VERIFIER, "mallory"),
        ("subject = 'mallory'".to_owned(), BASIC, VERIFIER, "mallory"),
        (format!("code_challenge = '{own}'"), BASIC, OWN_VERIFIER, "alice"),
        with("fp_type = 'bin'"),
        with("fp_name = 'box_2'"),
        with("callback = 'https://app.example/other?x=1'"),
        with("sid = 'elle'"),
    ]
}

/// A world with three providers, where alice and mallory have accounts.
async fn world(engine: Engine, more: &str) -> World {
    let world = World::frozen_with(engine, |text| {
        let text = format!("{text}{more}");
        let (_, provider) = text.split_once("[[providers]]").unwrap();
        let (second, third) = (provider.replace("box_1", "box_2"), provider.replace("\"box\"", "\"bin\""));
        format!("{text}[[providers]]{second}[[providers]]{third}")
    })
    .await;
    world.account("alice").await;
    world.account("mallory").await;
    world
}

/// An instruction for alice; gives the address to open.
async fn instruct_alice(world: &World) -> String {
    let alice = world.user(CONSOLE, "alice", &["blitz_api_ufa_chg"]).await;
    instruct(world, &alice).await
}

/// An instruction that alice completes in her browser; gives the address to open.
async fn instruct_person(world: &World) -> String {
    let alice = world.user(CONSOLE, "alice", &["blitz_api_ufa_chg"]).await;
    instruct_with(world, &alice, persons_instruction()).await
}

both_engines! {
    async fn a_rewritten_flow_does_not_open(engine: Engine) {
        let world = world(engine, "").await;
        let mut unread = 0;
        for (change, client, verifier, subject) in rewritings() {
            for confirmed in [false, true] {
                let mut browser = Browser::default();
                let url = browser.identify(&world, &instruct_alice(&world).await, "oleg").await;
                let change = format!("UPDATE flows SET {change}");
                let callback = if confirmed {
                    let callback = browser.decide(&world, &url, "yes").await;
                    execute(&world.database_url, &change).await;
                    callback
                } else {
                    execute(&world.database_url, &change).await;
                    browser.decide(&world, &url, "yes").await
                };
                let answer = complete(&world, &client, callback.get("bind_code"), (verifier, subject)).await;
                assert_eq!(answer.status, 500, "{change}, confirmed {confirmed}: {}", answer.text());
                assert_nothing_stored(&world, &change).await;
                world.advance(3600);
                sweep::delete(&world.app.parts).await.expect("it sweeps");
                work(&world).await;
                unread += 1;
                assert_eq!((count(&world, "flows").await, waiting(&world).await), (0, 0), "{change}");
                assert_eq!(world.sandbox.counts().revoke, 0, "{change}: asked of who knows whom");
                assert_eq!(ends(&world).await, vec!["FEDERATION_REVOCATION_GIVEN_UP unreadable"; unread], "{change}");
            }
        }
        // One that nobody touched completes.
        let callback = Browser::default().walk(&world, &instruct_alice(&world).await, "oleg").await;
        let done = complete(&world, &BASIC, callback.get("bind_code"), (VERIFIER, "alice")).await;
        assert_eq!(done.status, 204, "{}", done.text());
    }

    async fn a_flow_that_is_rewritten_on_its_way_redeems_no_code(engine: Engine) {
        let world = world(engine, "").await;
        for (change, ..) in rewritings() {
            if change.starts_with("sid") {
                // There is none before the provider proves it.
                continue;
            }
            let mut browser = Browser::default();
            let back = browser.arrive(&world, &instruct_alice(&world).await, "oleg").await;
            execute(&world.database_url, &format!("UPDATE flows SET {change}")).await;
            let answer = browser.go(&world, "GET", &back, Body::None).await;
            // At another provider's redirect URI it is told so; the rest comes to light when the secrets are opened.
            assert_eq!(answer.status, if change.starts_with("fp_") { 303 } else { 500 }, "{change}");
            assert_eq!(world.sandbox.counts().token_code, 0, "{change}");
            execute(&world.database_url, "DELETE FROM flows").await;
        }
    }

    // Before the provider's leg, and where no tokens are kept, there is no secret in it; it holds together all the same.
    async fn a_flow_that_is_rewritten_before_it_is_opened_leads_nowhere(engine: Engine) {
        let world = world(engine, "").await;
        for person in [false, true] {
            for (change, ..) in rewritings() {
                if change.starts_with("sid") {
                    continue;
                }
                for opened in [false, true] {
                    if opened && !person {
                        continue;
                    }
                    let mut browser = Browser::default();
                    let redirect_to = if person { instruct_person(&world).await } else { instruct_alice(&world).await };
                    if opened {
                        assert_eq!(browser.go(&world, "GET", &redirect_to, Body::None).await.status, 303);
                    }
                    execute(&world.database_url, &format!("UPDATE flows SET {change}")).await;
                    browser.sign_in(&world, "alice").await;
                    let answer = browser.go(&world, "GET", &redirect_to, Body::None).await;
                    assert_eq!(answer.status, 500, "{change}, a person's: {person}, opened: {opened}");
                    execute(&world.database_url, "DELETE FROM flows").await;
                }
            }
        }
        // What was sealed at first can't be taken away either.
        let redirect_to = instruct_alice(&world).await;
        execute(&world.database_url, "UPDATE flows SET sealed = NULL").await;
        assert_eq!(Browser::default().go(&world, "GET", &redirect_to, Body::None).await.status, 410);
    }

    async fn a_flow_without_tokens_holds_together_too(engine: Engine) {
        let world = world(engine, "remember_tokens = false\n").await;
        for (change, client, verifier, subject) in rewritings() {
            let mut browser = Browser::default();
            let callback = browser.walk(&world, &instruct_alice(&world).await, "oleg").await;
            execute(&world.database_url, &format!("UPDATE flows SET {change}")).await;
            let answer = complete(&world, &client, callback.get("bind_code"), (verifier, subject)).await;
            assert_eq!(answer.status, 500, "{change}: {}", answer.text());
            assert_nothing_stored(&world, &change).await;
            execute(&world.database_url, "DELETE FROM flows").await;
        }
        let callback = Browser::default().walk(&world, &instruct_alice(&world).await, "oleg").await;
        let done = complete(&world, &BASIC, callback.get("bind_code"), (VERIFIER, "alice")).await;
        assert_eq!((done.status, count(&world, "links").await, count(&world, "token_sets").await), (204, 1, 0));
    }

    async fn a_persons_flow_that_is_rewritten_while_it_is_confirmed_links_nothing(engine: Engine) {
        for more in ["", "remember_tokens = false\n"] {
            let world = world(engine, more).await;
            let own = URL_SAFE_NO_PAD.encode(Sha256::digest(OWN_VERIFIER));
            for change in [
                "subject = 'mallory'".to_owned(),
                "sid = 'elle'".to_owned(),
                "client = 'rival'".to_owned(),
                "fp_name = 'box_2'".to_owned(),
                "callback = 'https://app.example/other?x=1'".to_owned(),
            ] {
                let mut browser = Browser::default();
                browser.sign_in(&world, "alice").await;
                let to_confirm = browser.identify(&world, &instruct_person(&world).await, "oleg").await;
                execute(&world.database_url, &format!("UPDATE flows SET {change}")).await;
                if change.starts_with("subject") {
                    browser.sign_in(&world, "mallory").await;
                }
                let csrf = field(&browser.go(&world, "GET", &to_confirm, Body::None).await.text(), "csrf");
                let yes = Body::Form(vec![("csrf", csrf), ("decision", "yes".to_owned())]);
                assert_eq!(browser.go(&world, "POST", &to_confirm, yes).await.status, 500, "{more}{change}");
                assert_nothing_stored(&world, &change).await;
                execute(&world.database_url, "DELETE FROM flows").await;
            }
            // Turned into one that an app completes, with a verifier of the attacker's: the code is worth nothing.
            let mut browser = Browser::default();
            browser.sign_in(&world, "alice").await;
            let to_confirm = browser.identify(&world, &instruct_person(&world).await, "oleg").await;
            execute(&world.database_url, &format!("UPDATE flows SET code_challenge = '{own}'")).await;
            let callback = browser.decide(&world, &to_confirm, "yes").await;
            let answer = complete(&world, &BASIC, callback.get("bind_code"), (OWN_VERIFIER, "mallory")).await;
            assert_eq!(answer.status, 401, "{}", answer.text());
            assert_nothing_stored(&world, "an app's now").await;
            // And the reverse: an app's flow that whoever is signed in would complete.
            let mut browser = Browser::default();
            let to_confirm = browser.identify(&world, &instruct_alice(&world).await, "oleg").await;
            execute(&world.database_url, "UPDATE flows SET code_challenge = ''").await;
            browser.sign_in(&world, "alice").await;
            let csrf = field(&browser.go(&world, "GET", &to_confirm, Body::None).await.text(), "csrf");
            let yes = Body::Form(vec![("csrf", csrf), ("decision", "yes".to_owned())]);
            assert_eq!(browser.go(&world, "POST", &to_confirm, yes).await.status, 500);
            assert_nothing_stored(&world, "a person's now").await;
        }
    }

    async fn a_rewritten_callback_is_nobodys_destination(engine: Engine) {
        let world = world(engine, "").await;
        let evil = "UPDATE flows SET callback = 'https://evil.example/'";
        let mut browser = Browser::default();
        browser.sign_in(&world, "alice").await;
        let to_confirm = browser.identify(&world, &instruct_person(&world).await, "oleg").await;
        execute(&world.database_url, evil).await;
        let csrf = field(&browser.go(&world, "GET", &to_confirm, Body::None).await.text(), "csrf");
        let no = Body::Form(vec![("csrf", csrf), ("decision", "no".to_owned())]);
        let answer = browser.go(&world, "POST", &to_confirm, no).await;
        assert_eq!((answer.status, answer.header("location")), (410, None));

        let back = browser.arrive(&world, &instruct_person(&world).await, "oleg").await;
        execute(&world.database_url, evil).await;
        world.advance(3600);
        let answer = browser.go(&world, "GET", &back, Body::None).await;
        assert_eq!((answer.status, answer.header("location")), (410, None));
    }
}
