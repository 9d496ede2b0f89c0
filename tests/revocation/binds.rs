//! What a bind was granted and no link keeps dies at the provider, however the bind ended.

use sandbox::IdTokenForm;
use service::sweep;

use crate::support::browser::{Browser, complete, instruct};
use crate::support::database::{assert_nothing_stored, bind_refusals, count, execute};
use crate::support::fed::{fed_token, lasting, token};
use crate::support::revocations::{REVOKED, SPARED, alive, ends, unlink, waiting, work};
use crate::support::world::{
    As, Body, CONSOLE, CONSOLE_PASSWORD, Engine, RIVAL, RIVAL_PASSWORD, VERIFIER, World, both_engines,
};

const BASIC: As = As::Basic(CONSOLE, CONSOLE_PASSWORD);

/// A world where alice has an account, and a browser at the confirm page of a bind as oleg; gives the page's address, too.
async fn at_confirm(engine: Engine) -> (World, Browser, String) {
    let world = World::frozen(engine).await;
    world.account("alice").await;
    let (browser, url) = to_confirm(&world).await;
    (world, browser, url)
}

async fn to_confirm(world: &World) -> (Browser, String) {
    let mut browser = Browser::default();
    let redirect_to = instruct(world, &BASIC).await;
    let url = browser.identify(world, &redirect_to, "oleg").await;
    (browser, url)
}

/// Works the queue off; every one of so many grants is dead then, and it took a call for each token.
async fn revoked(world: &World, grants: usize) {
    work(world).await;
    assert_eq!(waiting(world).await, 0);
    assert_eq!((world.sandbox.revoked_families(), ends(world).await), (grants, vec![REVOKED.to_owned(); grants]));
    assert_eq!(world.sandbox.counts().revoke, u64::try_from(2 * grants).unwrap());
}

both_engines! {
    async fn a_declined_account_is_let_go(engine: Engine) {
        let (world, mut browser, url) = at_confirm(engine).await;
        browser.decide(&world, &url, "no").await;
        assert_eq!(bind_refusals(&world).await, ["declined_at_confirm"]);
        revoked(&world, 1).await;
    }

    async fn a_burnt_code_revokes_what_it_stood_for(engine: Engine) {
        let (world, mut browser, url) = at_confirm(engine).await;
        let callback = browser.decide(&world, &url, "yes").await;
        let code = callback.get("bind_code");
        // Another client's call burns nothing.
        let rival = complete(&world, &As::Basic(RIVAL, RIVAL_PASSWORD), code, (VERIFIER, "alice")).await;
        assert_eq!((rival.status, waiting(&world).await), (401, 0));
        let wrong = complete(&world, &BASIC, code, ("another-verifier-of-at-least-43-characters-ok", "alice")).await;
        assert_eq!((wrong.status, waiting(&world).await), (400, 1), "{}", wrong.text());
        revoked(&world, 1).await;
        assert_nothing_stored(&world, "burnt").await;
    }

    async fn an_account_that_is_anothers_keeps_its_own_tokens(engine: Engine) {
        let (world, mut browser, url) = at_confirm(engine).await;
        world.sandbox.script().set(|settings| settings.revokes_all_grants = true);
        // Bob proves the account first.
        world.account("bob").await;
        let first = browser.decide(&world, &url, "yes").await;
        assert_eq!(complete(&world, &BASIC, first.get("bind_code"), (VERIFIER, "bob")).await.status, 204);
        let (mut browser, url) = to_confirm(&world).await;
        let second = browser.decide(&world, &url, "yes").await;
        let refused = complete(&world, &BASIC, second.get("bind_code"), (VERIFIER, "alice")).await;
        assert_eq!((refused.status, waiting(&world).await), (409, 1), "{}", refused.text());
        work(&world).await;
        assert_eq!((world.sandbox.revoked_families(), ends(&world).await), (0, vec![SPARED.to_owned()]));
    }

    async fn a_bind_that_nobody_finishes_is_revoked_when_it_is_swept(engine: Engine) {
        let (world, mut browser, url) = at_confirm(engine).await;
        // One waits for its owner's answer, one for the app; one has only been opened, one not even that.
        let (_, _) = to_confirm(&world).await;
        browser.decide(&world, &url, "yes").await;
        Browser::default().open(&world, &instruct(&world, &BASIC).await).await;
        instruct(&world, &BASIC).await;
        world.advance(15 * 60 - 1);
        sweep::delete(&world.app.parts).await.expect("it sweeps");
        assert_eq!((count(&world, "flows").await, waiting(&world).await), (3, 1), "late, but for a while to tell its browser");
        world.advance(6 * 60);
        sweep::delete(&world.app.parts).await.expect("it sweeps");
        assert_eq!((count(&world, "flows").await, waiting(&world).await), (0, 2));
        assert_eq!(bind_refusals(&world).await, ["flow_expired"; 4]);
        revoked(&world, 2).await;
    }

    async fn more_binds_than_a_batch_are_swept(engine: Engine) {
        let (world, _, _) = at_confirm(engine).await;
        for _ in 0..101 {
            instruct(&world, &BASIC).await;
        }
        world.advance(3600);
        let again = World::start_beside(&world, |settings| settings).await;
        let (one, other) = tokio::join!(sweep::delete(&world.app.parts), sweep::delete(&again.app.parts));
        assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
        // Where two sweep, each stops when the other has been everywhere it looks.
        sweep::delete(&world.app.parts).await.expect("it sweeps");
        assert_eq!((count(&world, "flows").await, waiting(&world).await), (0, 1));
    }

    async fn a_late_browser_is_told_and_its_grant_revoked(engine: Engine) {
        let (world, mut browser, url) = at_confirm(engine).await;
        world.advance(5 * 60);
        let late = browser.go(&world, "GET", &url, Body::None).await;
        assert!(late.location().contains("flow_expired"), "{}", late.location());
        revoked(&world, 1).await;
    }

    async fn a_grant_that_proves_nobody_is_revoked(engine: Engine) {
        let world = World::frozen(engine).await;
        world.account("alice").await;
        world.sandbox.script().set(|settings| settings.id_token = IdTokenForm::BadSignature);
        let mut browser = Browser::default();
        let back = browser.arrive(&world, &instruct(&world, &BASIC).await, "oleg").await;
        assert!(browser.go(&world, "GET", &back, Body::None).await.location().contains("provider_error"));
        revoked(&world, 1).await;

        // It might be the grant of any link there is: none is put at risk.
        let kept = lasting(&world, "oleg", 3600).await;
        let back = browser.arrive(&world, &instruct(&world, &BASIC).await, "oleg").await;
        browser.go(&world, "GET", &back, Body::None).await;
        work(&world).await;
        assert_eq!((alive(&world, &kept), ends(&world).await), ((true, true), vec![SPARED.to_owned(), REVOKED.to_owned()]));
        // Nor where the bind was for somebody else, if the provider takes a token for all that the account has granted.
        world.sandbox.script().set(|settings| settings.revokes_all_grants = true);
        let bob = world.user(CONSOLE, "bob", &["blitz_api_ufa_chg"]).await;
        world.account("bob").await;
        let back = browser.arrive(&world, &instruct(&world, &bob).await, "oleg").await;
        browser.go(&world, "GET", &back, Body::None).await;
        work(&world).await;
        assert_eq!((alive(&world, &kept), world.sandbox.revoked_families()), ((true, true), 1));
        assert_eq!((waiting(&world).await, ends(&world).await), (0, [SPARED, SPARED, REVOKED].map(str::to_owned).to_vec()));
        // Nobody holds any: it dies.
        unlink(&world, &world.console().await, "oleg").await;
        let back = browser.arrive(&world, &instruct(&world, &bob).await, "oleg").await;
        browser.go(&world, "GET", &back, Body::None).await;
        work(&world).await;
        assert_eq!((alive(&world, &kept), waiting(&world).await), ((false, false), 0));
    }

    async fn a_reload_at_the_confirm_page_lets_the_first_grant_go(engine: Engine) {
        let (world, mut browser, url) = at_confirm(engine).await;
        let redirect_to = url.trim_end_matches("/confirm");
        let back = browser.arrive(&world, redirect_to, "elle").await;
        assert_eq!(waiting(&world).await, 1);
        work(&world).await;
        assert_eq!(ends(&world).await, [REVOKED]);
        // The second trip goes on unharmed.
        let confirm = browser.go(&world, "GET", &back, Body::None).await.location();
        let callback = browser.decide(&world, &confirm, "yes").await;
        assert_eq!(complete(&world, &BASIC, callback.get("bind_code"), (VERIFIER, "alice")).await.status, 204);
        let console = world.console().await;
        assert!(world.sandbox.is_active(&token(&fed_token(&world, &console, "").await, "elle")));
        assert_eq!(waiting(&world).await, 0);
    }

    async fn an_answer_that_a_reload_overtook_is_let_go(engine: Engine) {
        let world = World::frozen(engine).await;
        world.account("alice").await;
        let redirect_to = instruct(&world, &BASIC).await;
        let mut browser = Browser::default();
        let back = browser.arrive(&world, &redirect_to, "oleg").await;
        let mut twin = browser.clone();
        let hold = world.sandbox.script().hold_token_answers();
        let reload = async {
            hold.wait_for_arrivals(1).await;
            twin.open(&world, &redirect_to).await;
            hold.release();
        };
        let (overtaken, ()) = tokio::join!(browser.go(&world, "GET", &back, Body::None), reload);
        assert_eq!(overtaken.status, 410);
        revoked(&world, 1).await;
    }

    async fn a_revocation_waits_for_a_bind_that_may_link_the_account_again(engine: Engine) {
        let world = World::frozen(engine).await;
        world.account("alice").await;
        let console = world.console().await;
        world.sandbox.script().set(|settings| settings.revokes_all_grants = true);
        lasting(&world, "oleg", 3600).await;
        unlink(&world, &console, "oleg").await;
        let (mut browser, url) = to_confirm(&world).await;
        work(&world).await;
        let callback = browser.decide(&world, &url, "yes").await;
        world.advance(59);
        work(&world).await;
        assert_eq!((world.sandbox.counts().revoke, waiting(&world).await), (0, 1));
        assert_eq!(complete(&world, &BASIC, callback.get("bind_code"), (VERIFIER, "alice")).await.status, 204);
        world.advance(60);
        work(&world).await;
        assert_eq!((waiting(&world).await, ends(&world).await), (0, vec![SPARED.to_owned()]));
        let console = world.console().await;
        assert!(world.sandbox.is_active(&token(&fed_token(&world, &console, "").await, "oleg")));
    }

    async fn a_takeover_revokes_the_tokens_of_the_link_it_ends_if_none_replace_them(engine: Engine) {
        let (world, mut browser, url) = at_confirm(engine).await;
        let asserted = world.linked("mallory", "oleg").await;
        let callback = browser.decide(&world, &url, "yes").await;
        assert_eq!(complete(&world, &BASIC, callback.get("bind_code"), (VERIFIER, "alice")).await.status, 204);
        assert_eq!((count(&world, "links").await, waiting(&world).await), (1, 1));
        work(&world).await;
        // The new owner's tokens are of the same account.
        assert_eq!((alive(&world, &asserted), ends(&world).await), ((true, true), vec![SPARED.to_owned()]));

        // The same installation, whose operator has decided meanwhile that tokens are not remembered.
        let world = World::frozen(engine).await;
        world.account("alice").await;
        let asserted = world.linked("mallory", "oleg").await;
        let mut forgetful = World::start_beside(&world, |text| {
            let (_, rest) = text.split_once("\ndatabase_url").unwrap();
            format!("public_url = \"{}\"\ndatabase_url{rest}remember_tokens = false\n", world.base)
        })
        .await;
        forgetful.base.clone_from(&world.base);
        let (mut browser, url) = to_confirm(&forgetful).await;
        let callback = browser.decide(&forgetful, &url, "yes").await;
        let done = complete(&forgetful, &BASIC, callback.get("bind_code"), (VERIFIER, "alice")).await;
        assert_eq!(done.status, 204, "{}", done.text());
        work(&world).await;
        assert_eq!((alive(&world, &asserted), ends(&world).await), ((false, false), vec![REVOKED.to_owned()]));
    }

    async fn a_grant_that_does_not_open_keeps_no_bind_alive(engine: Engine) {
        let (world, mut browser, url) = at_confirm(engine).await;
        execute(&world.database_url, "UPDATE flows SET wrapped_key = sealed").await;
        browser.decide(&world, &url, "no").await;
        assert_eq!((count(&world, "flows").await, waiting(&world).await), (0, 0));
        assert_eq!(ends(&world).await, ["FEDERATION_REVOCATION_GIVEN_UP unreadable"]);
    }

    async fn what_is_not_remembered_is_not_kept_for_a_revocation(engine: Engine) {
        let world = World::frozen_with(engine, |settings| settings.replace("issuer =", "remember_tokens = false\nissuer =")).await;
        world.account("alice").await;
        let (mut browser, url) = to_confirm(&world).await;
        browser.decide(&world, &url, "no").await;
        world.sandbox.script().set(|settings| settings.id_token = IdTokenForm::BadSignature);
        let back = browser.arrive(&world, &instruct(&world, &BASIC).await, "oleg").await;
        browser.go(&world, "GET", &back, Body::None).await;
        assert_eq!(waiting(&world).await, 0);
    }
}
