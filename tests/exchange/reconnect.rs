//! `reconnect_url`: where a user goes who has to link again, given to whom may change their links, and no way to hijack or pile up binds.

use serde_json::{Value, json};

use super::{account_of, asks_for, exchange_with, is, sent_to_api, trusting, trusting_with};
use crate::support::browser::{Browser, complete};
use crate::support::database::{count, execute};
use crate::support::user_mode::{AS_CONSOLE, AS_RIVAL};
use crate::support::world::{Answer, As, Body, CHALLENGE, VERIFIER, World, both_engines};

const CALLBACK: &str = "https://app.example/callback";
const OTHER_CHALLENGE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Exchanges, and says how the user may come back.
async fn asking(world: &World, who: &As, token: &str, more: &[(&'static str, &str)]) -> Answer {
    let plain = [("callback", CALLBACK), ("code_challenge", CHALLENGE)];
    let kept: Vec<_> = plain.into_iter().filter(|(name, _)| !more.iter().any(|(changed, _)| changed == name)).collect();
    exchange_with(world, who, token, &[kept.as_slice(), more].concat()).await
}

/// The address in an answer that says the user has to do something.
#[track_caller]
fn url(answer: &Answer) -> Option<String> {
    is(answer, (400, "interaction_required"), "the user has to");
    answer.json().get("reconnect_url").map(|url| url.as_str().expect("a text").to_owned())
}

/// A challenge of its own for each number.
fn challenge(number: usize) -> String {
    format!("{number:0>42}A")
}

both_engines! {
    async fn the_user_links_again_and_the_next_exchange_is_served(engine: Engine) {
        let (world, issuer, key) = trusting(engine).await;
        account_of(&world, &issuer, "alice").await;
        let token = key.sign(&sent_to_api(&issuer, &world, "alice"));
        let answer = asking(&world, &AS_CONSOLE, &token, &[("login_hint", "alice")]).await;
        asks_for(&answer, "not_linked");
        let address = url(&answer).expect("an address");
        let mut browser = Browser::default();
        let to_provider = browser.open(&world, &address).await;
        assert!(to_provider.contains("login_hint=alice"), "{to_provider}");
        let callback = {
            let back = browser.consent(&world, &to_provider, "elle").await;
            let answer = browser.go(&world, "GET", &back, Body::None).await;
            browser.decide(&world, &answer.location(), "yes").await
        };
        assert_eq!(callback.get("status"), "pending");
        let console = world.console().await;
        let refused = complete(&world, &console, callback.get("bind_code"), (VERIFIER, "bob")).await;
        assert_ne!(refused.status, 204, "not for another subject");
        let mut browser = Browser::default();
        let address = url(&asking(&world, &AS_CONSOLE, &token, &[]).await).expect("another, since that one was opened");
        let callback = browser.walk(&world, &address, "elle").await;
        assert_eq!(complete(&world, &console, callback.get("bind_code"), (VERIFIER, "alice")).await.status, 204);
        let served = asking(&world, &AS_CONSOLE, &token, &[("code_challenge_method", "S256")]).await;
        assert_eq!(served.status, 200, "{}", served.text());
    }

    async fn only_an_unopened_address_that_is_wholly_the_same_is_given_again(engine: Engine) {
        let (world, issuer, key) = trusting(engine).await;
        account_of(&world, &issuer, "alice").await;
        account_of(&world, &issuer, "bob").await;
        let token = |subject: &str| key.sign(&sent_to_api(&issuer, &world, subject));
        let alice = token("alice");
        let asked = async |token: &str, more: &[(&'static str, &str)]| {
            url(&asking(&world, &AS_CONSOLE, token, more).await).expect("an address")
        };
        let first = asked(&alice, &[]).await;
        assert_eq!(asked(&alice, &[]).await, first);
        for different in [
            asked(&alice, &[("code_challenge", OTHER_CHALLENGE)]).await,
            asked(&alice, &[("callback", "https://app.example/other?x=1")]).await,
            asked(&alice, &[("login_hint", "7")]).await,
            asked(&token("bob"), &[]).await,
        ] {
            assert_ne!(different, first);
        }
        Browser::default().open(&world, &first).await;
        assert_ne!(asked(&alice, &[]).await, first, "opened");
    }

    async fn addresses_do_not_pile_up(engine: Engine) {
        let (world, issuer, key) = trusting(engine).await;
        account_of(&world, &issuer, "alice").await;
        account_of(&world, &issuer, "bob").await;
        let alice = key.sign(&sent_to_api(&issuer, &world, "alice"));
        let asked = async |number: usize, token: &str| {
            url(&asking(&world, &AS_CONSOLE, token, &[("code_challenge", &challenge(number))]).await).is_some()
        };
        for number in 0..20 {
            assert!(asked(number, &alice).await, "{number}");
        }
        assert!(!asked(20, &alice).await, "the answer comes without");
        assert!(asked(0, &alice).await, "one that waits is given again");
        assert_eq!(count(&world, "flows").await, 20);
        let bob = key.sign(&sent_to_api(&issuer, &world, "bob"));
        assert!(asked(21, &bob).await, "another's are others");
        // A bind of the same application's for the same user is refused alike, and says when to come again.
        let who = world.user("console", "alice", &["blitz_api_ufa_chg"]).await;
        let instruction = json!({"fp": "box:box_1", "callback": CALLBACK, "code_challenge": CHALLENGE});
        let refused = world.call("POST", "/api/v2/users/current/fa/bind", &who, Body::Json(instruction.clone())).await;
        is(&refused, (429, "too_many_attempts"), "twenty wait");
        assert!(refused.header("retry-after").is_some());
        let rival = world.user("rival", "alice", &["blitz_api_ufa_chg"]).await;
        assert_eq!(world.call("POST", "/api/v2/users/current/fa/bind", &rival, Body::Json(instruction)).await.status, 200);
    }

    async fn whoever_may_not_change_links_gets_no_address(engine: Engine) {
        let narrow = |settings: String| settings.replacen("scopes = [", "scopes = [\"fed_tkn_any\", \"blitz_api_sys_ufa_chg\"] # [", 1);
        let (world, issuer, key) = trusting_with(engine, "", narrow).await;
        account_of(&world, &issuer, "alice").await;
        let token = key.sign(&sent_to_api(&issuer, &world, "alice"));
        assert_eq!(url(&asking(&world, &AS_CONSOLE, &token, &[]).await), None, "a system scope is none for a user's token");
        assert_eq!(count(&world, "flows").await, 0);
        let (world, issuer, key) = trusting(engine).await;
        account_of(&world, &issuer, "alice").await;
        let own = |scope: &str| key.sign(&issuer.claims(&world, "alice", scope));
        assert_eq!(url(&asking(&world, &AS_CONSOLE, &own("fed_tkn_any"), &[]).await), None, "it has to be in the token, too");
        assert!(url(&asking(&world, &AS_CONSOLE, &own("fed_tkn_any blitz_api_ufa_chg"), &[]).await).is_some());
        let token = key.sign(&sent_to_api(&issuer, &world, "alice"));
        assert_eq!(url(&asking(&world, &AS_CONSOLE, &token, &[("code_challenge", super::LEFT_OUT)]).await), None, "an issuer's user does not sign in here");
        assert_eq!(url(&exchange_with(&world, &AS_CONSOLE, &token, &[]).await), None, "nobody asked for one");
        let unknown = key.sign(&sent_to_api(&issuer, &world, "nobody"));
        assert_eq!(url(&asking(&world, &AS_CONSOLE, &unknown, &[]).await), None, "nobody is there");
        for (name, value) in [("callback", "https://evil.example/callback"), ("callback", "https://app.example/callback?x"), ("code_challenge", "short")] {
            is(&asking(&world, &AS_CONSOLE, &token, &[(name, value)]).await, (400, "invalid_request"), value);
        }
        let plain = [("code_challenge_method", "plain")];
        is(&asking(&world, &AS_CONSOLE, &token, &plain).await, (400, "invalid_request"), "plain");
        let method_alone = [("code_challenge", super::LEFT_OUT), ("code_challenge_method", "S256")];
        is(&asking(&world, &AS_CONSOLE, &token, &method_alone).await, (400, "invalid_request"), "a method alone");
        is(&asking(&world, &AS_CONSOLE, &token, &[("callback", super::LEFT_OUT)]).await, (400, "invalid_request"), "a challenge alone");
        is(&asking(&world, &AS_RIVAL, &token, &[]).await, (400, "invalid_request"), "another's token");
    }

    async fn who_signs_in_here_may_complete_it_themselves(engine: Engine) {
        let in_clear = |settings: String| {
            settings.replace("[[clients]]\nid = \"rival\"", "subject_tokens = [\"access_token\", \"subject\"]\n[[clients]]\nid = \"rival\"")
        };
        let world = World::start_with(engine, in_clear).await;
        world.account("alice").await;
        let kind = format!("{}/blitz/token-type/subject", world.base);
        let more = [("subject_token_type", kind.as_str()), ("code_challenge", super::LEFT_OUT)];
        let address = url(&asking(&world, &AS_CONSOLE, "alice", &more).await).expect("an address");
        let mut browser = Browser::default();
        browser.sign_in(&world, "alice").await;
        assert_eq!(browser.walk(&world, &address, "elle").await.get("status"), "linked");
        let served = asking(&world, &AS_CONSOLE, "alice", &more).await;
        assert_eq!(served.status, 200, "{}", served.text());
    }

    async fn what_was_granted_is_kept_and_what_was_not_is_told(engine: Engine) {
        let world = World::start_with(engine, |settings| {
            settings.replace("scopes = [\"openid\", \"offline_access\", \"profile\", \"email\"]", "scopes = [\"openid\", \"offline_access\", \"mail\", \"files\"]")
        })
        .await;
        world.account("alice").await;
        let who = world.user("console", "alice", &["blitz_api_ufa_chg", "blitz_api_ufa"]).await;
        let linked = async || {
            let instruction = json!({"fp": "box:box_1", "callback": CALLBACK});
            let answer = world.call("POST", "/api/v2/users/current/fa/bind", &who, Body::Json(instruction)).await;
            let address = answer.json()["redirectTo"].as_str().expect("an address").to_owned();
            let mut browser = Browser::default();
            browser.sign_in(&world, "alice").await;
            browser.walk(&world, &address, "elle").await
        };
        let callback = linked().await;
        assert_eq!((callback.get("status"), callback.query.get("missing_scopes")), ("linked", None));
        let detail = crate::support::fed::detail(&world, &who, "elle").await;
        assert_eq!(detail["scopes"], json!(["openid", "offline_access", "mail", "files"]), "{detail}");
        assert!(detail.get("missingScopes").is_none(), "{detail}");
        world.sandbox.script().set(|provider| provider.granted_scope = Some("openid mail".to_owned()));
        let callback = linked().await;
        assert_eq!((callback.get("status"), callback.get("missing_scopes")), ("linked", "files"));
        let detail = crate::support::fed::detail(&world, &who, "elle").await;
        assert_eq!((&detail["scopes"], &detail["missingScopes"]), (&json!(["openid", "mail"]), &json!(["files"])));
        // What was asked for is what was granted where the provider doesn't say.
        world.sandbox.script().set(|provider| {
            provider.granted_scope = None;
            provider.scope = sandbox::ScriptedScope::Never;
        });
        assert_eq!(linked().await.query.get("missing_scopes"), None);
        let detail = crate::support::fed::detail(&world, &who, "elle").await;
        assert_eq!(detail["scopes"], json!(["openid", "offline_access", "mail", "files"]), "{detail}");
        execute(&world.database_url, "UPDATE token_sets SET scope = NULL").await;
        let detail = crate::support::fed::detail(&world, &who, "elle").await;
        assert_eq!((detail.get("scopes"), detail.get("missingScopes")), (None::<&Value>, None));
    }
}
