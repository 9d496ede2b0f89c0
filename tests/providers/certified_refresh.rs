//! Refreshes against servers that no one here wrote, from bind to unlink: nothing that worked stops working.

use std::time::Duration;

use serde_json::json;

use crate::providers::certified::{bind, start_as, token};
use crate::support::browser::{Browser, complete, instruct};
use crate::support::fed::{fed_token, health};
use crate::support::glewlwyd::Glewlwyd;
use crate::support::oidc_provider::OidcProvider;
use crate::support::revocations::{REVOKED, ends, waiting, work};
use crate::support::world::{Answer, As, Body, CONSOLE, CONSOLE_PASSWORD, Engine, VERIFIER, World, both_engines};

const BASIC: As = As::Basic(CONSOLE, CONSOLE_PASSWORD);

/// How a provider treats a refresh token that was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Used {
    TakesTheGrant,
    IsGoodForAnHour,
}

/// A world whose provider treats used refresh tokens so, as its settings say; `oleg` is bound to alice.
async fn bound(engine: Engine, used: Used) -> (World, OidcProvider) {
    let (world, provider) = match used {
        Used::TakesTheGrant => start_as(engine, OidcProvider::start, |settings| settings).await,
        Used::IsGoodForAnHour => {
            let knows = |settings| settings + "reuse_window = \"1h\"\n";
            start_as(engine, OidcProvider::start_graceful, knows).await
        }
    };
    bind(&world, &provider).await;
    (world, provider)
}

/// Asks until there is a token, at most so often, each time as late as it was told to.
async fn at_last(world: &World, times: u32) -> String {
    for _ in 0..times {
        let answer = fed_token(world, &world.console().await, "").await;
        if answer.status == 200 {
            return answer.json()["oleg"]["token"].as_str().expect("a token").to_owned();
        }
        assert_eq!(answer.refusal(), (503, "provider_unavailable".to_owned()));
        let wait = answer.header("retry-after").and_then(|text| text.parse().ok()).expect("a Retry-After");
        world.advance(wait);
    }
    panic!("no token after {times} calls");
}

/// Refreshes while the provider's answer takes so many seconds.
async fn slowly(world: &World, provider: &OidcProvider, seconds: u64) -> Answer {
    let console = world.console().await;
    let before = provider.counts().refreshes;
    provider.hold_answers();
    let mut call = Box::pin(fed_token(world, &console, ""));
    let asked = async {
        while provider.counts().refreshes == before {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        () = asked => {}
        answer = &mut call => panic!("answered while the provider was silent: {answer:?}"),
    }
    for _ in 0..seconds {
        world.advance(1);
        // Whatever waits for that second has seen it.
        let early = tokio::time::timeout(Duration::from_millis(5), &mut call).await;
        assert!(early.is_err(), "answered while the provider was silent: {early:?}");
    }
    provider.release_answers();
    call.await
}

/// Unlinks alice's account; the provider is told.
async fn unlink(world: &World, sid: &str) {
    crate::support::revocations::unlink(world, &world.console().await, sid).await;
    work(world).await;
    assert_eq!((ends(world).await, waiting(world).await), (vec![REVOKED.to_owned()], 0));
}

both_engines! {
    async fn a_certified_provider_is_refreshed_for_days_and_told_at_the_end(engine: Engine) {
        for used in [Used::TakesTheGrant, Used::IsGoodForAnHour] {
            let (world, provider) = bound(engine, used).await;
            let mut last = token(&world).await;
            for refreshes in 1..=12 {
                world.advance(3600);
                let next = token(&world).await;
                assert!(next != last && provider.introspect(&next).await, "{used:?}: refresh {refreshes}");
                assert_eq!((provider.counts().refreshes, provider.counts().refusals), (refreshes, 0), "{used:?}");
                last = next;
            }
            unlink(&world, "oleg").await;
            assert!(!provider.introspect(&last).await, "{used:?}");
            assert_eq!(provider.counts().refusals, 0, "{used:?}");
        }
    }

    async fn a_certified_providers_slow_answer_is_taken(engine: Engine) {
        for used in [Used::TakesTheGrant, Used::IsGoodForAnHour] {
            let (world, provider) = bound(engine, used).await;
            world.advance(3600);
            let fresh = slowly(&world, &provider, 12).await;
            assert_eq!(fresh.status, 200, "{used:?}: {}", fresh.text());
            assert!(provider.introspect(&token(&world).await).await, "{used:?}");
            world.advance(3600);
            assert!(provider.introspect(&token(&world).await).await, "{used:?}");
            assert_eq!(provider.counts().refusals, 0, "{used:?}");
        }
    }

    /// The next refresh token is on that answer: a grace gives it again, and without one nobody can.
    async fn a_certified_providers_lost_answer_is_made_good_or_told(engine: Engine) {
        let (world, provider) = bound(engine, Used::IsGoodForAnHour).await;
        for _ in 0..3 {
            world.advance(3600);
            provider.lose_the_next_answer();
            assert!(provider.introspect(&at_last(&world, 4).await).await);
            assert_eq!(health(&world, &world.console().await, "oleg").await, "ok");
        }
        assert_eq!(provider.counts().refusals, 0);

        let (world, provider) = bound(engine, Used::TakesTheGrant).await;
        world.advance(3600);
        provider.lose_the_next_answer();
        let console = world.console().await;
        let lost = fed_token(&world, &console, "").await;
        assert_eq!(lost.refusal(), (503, "provider_unavailable".to_owned()));
        world.advance(lost.header("retry-after").and_then(|text| text.parse().ok()).expect("a Retry-After"));
        let told = fed_token(&world, &console, "").await;
        assert_eq!(told.refusal(), (404, "token_not_found".to_owned()));
        assert!(told.text().contains("lost on its way"), "{}", told.text());
        assert_eq!(health(&world, &console, "oleg").await, "lost_in_flight");
        bind(&world, &provider).await;
        assert_eq!(health(&world, &console, "oleg").await, "ok");
        world.advance(3600);
        assert!(provider.introspect(&token(&world).await).await);
    }

    async fn a_certified_providers_revoked_grant_is_told_and_no_other_is_touched(engine: Engine) {
        let (world, provider) = bound(engine, Used::TakesTheGrant).await;
        let tokens = provider.obtain_tokens("elle").await;
        world.import(json!({
            "subject": "alice", "fpType": "box", "fpName": "box_1", "sid": "elle", "scope": tokens.scope,
            "accessToken": tokens.access_token, "refreshToken": tokens.refresh_token,
            "expiresOn": world.now().timestamp() + tokens.expires_in,
        }))
        .await;
        provider.revoke(&tokens.refresh_token).await;
        world.advance(3600);
        let console = world.console().await;
        let gone = fed_token(&world, &console, "?sid=elle").await;
        assert_eq!(gone.refusal(), (404, "token_not_found".to_owned()));
        assert_eq!(health(&world, &console, "elle").await, "needs_consent");
        assert!(provider.introspect(&token(&world).await).await);
        assert_eq!(health(&world, &console, "oleg").await, "ok");
    }

    async fn glewlwyd_is_refreshed_and_told_at_the_end(engine: Engine) {
        let (world, server, sid) = with_glewlwyd(engine, "dead_errors = [\"status:400\"]\n").await;
        let mut last = its_token(&world, &sid).await;
        for _ in 0..6 {
            world.advance(3600);
            let next = its_token(&world, &sid).await;
            assert!(next != last && server.introspect(&next).await);
            last = next;
        }
        assert_eq!(health(&world, &world.console().await, &sid).await, "ok");
        unlink(&world, &sid).await;
        assert!(!server.introspect(&last).await);
    }

    async fn glewlwyds_empty_400_is_final_if_it_is_listed(engine: Engine) {
        let (world, server, sid) = with_glewlwyd(engine, "dead_errors = [\"status:400\"]\n").await;
        server.end_all().await;
        world.advance(3600);
        let console = world.console().await;
        assert_eq!(fed_token(&world, &console, "").await.refusal(), (404, "token_not_found".to_owned()));
        assert_eq!(health(&world, &console, &sid).await, "needs_consent");
        assert_eq!(bind_glewlwyd(&world, &server).await, sid);
        assert_eq!(health(&world, &console, &sid).await, "ok");
        world.advance(3600);
        assert!(server.introspect(&its_token(&world, &sid).await).await);
    }

    async fn glewlwyds_empty_400_is_never_final_if_it_is_not_listed(engine: Engine) {
        let (world, server, sid) = with_glewlwyd(engine, "").await;
        server.end_all().await;
        world.advance(3600);
        for _ in 0..12 {
            let console = world.console().await;
            let answer = fed_token(&world, &console, "").await;
            assert_eq!(answer.refusal(), (503, "provider_unavailable".to_owned()));
            assert_eq!(health(&world, &console, &sid).await, "degraded");
            world.advance(answer.header("retry-after").and_then(|text| text.parse().ok()).expect("a Retry-After"));
        }
    }
}

/// A world whose provider is glewlwyd, and whose settings have `more` to say of it; its user is bound to alice. Gives the id of
/// the account.
async fn with_glewlwyd(engine: Engine, more: &str) -> (World, Glewlwyd, String) {
    let mut server = None;
    let world = World::start_with(engine, |settings| {
        let value = |name: &str| {
            let (_, rest) = settings.split_once(&format!("{name} = \"")).expect("it has one");
            rest.split_once('"').expect("in quotes").0.to_owned()
        };
        let (public_url, sandbox) = (value("public_url"), value("issuer"));
        let callback = format!("{public_url}/blitz/login/externalIdps/callback/box/box_1/false");
        // The settings are wanted at once, and the address of the server is in them.
        let starting = async { Glewlwyd::start(&callback).await };
        let started = tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(starting));
        let settings = settings
            .replace(&sandbox, &started.issuer)
            .replace("\"sandbox-secret\"", &format!("{:?}", started.client_secret))
            .replace(r#"scopes = ["openid", "offline_access", "profile", "email"]"#, r#"scopes = ["openid"]"#);
        server = Some(started);
        settings + more
    })
    .await;
    world.account("alice").await;
    let server = server.expect("the settings were changed");
    let sid = bind_glewlwyd(&world, &server).await;
    (world, server, sid)
}

/// Binds its user to alice; gives the id of the account.
async fn bind_glewlwyd(world: &World, server: &Glewlwyd) -> String {
    let mut browser = Browser::default();
    let to_provider = browser.go(world, "GET", &instruct(world, &BASIC).await, Body::None).await;
    assert_eq!(to_provider.status, 303, "{}", to_provider.text());
    let back = server.sign_in_and_consent(&to_provider.location()).await;
    let to_confirm = browser.go(world, "GET", &back, Body::None).await;
    assert_eq!(to_confirm.status, 303, "{}", to_confirm.text());
    let callback = browser.decide(world, &to_confirm.location(), "yes").await;
    assert_eq!(callback.get("status"), "pending", "{callback:?}");
    let done = complete(world, &BASIC, callback.get("bind_code"), (VERIFIER, "alice")).await;
    assert_eq!(done.status, 204, "{}", done.text());
    let list = world.call("GET", "/api/v3/users/alice/fa", &world.console().await, Body::None).await;
    list.json()[0]["sid"].as_str().expect("a link").to_owned()
}

async fn its_token(world: &World, sid: &str) -> String {
    crate::support::fed::token(&fed_token(world, &world.console().await, "").await, sid)
}
