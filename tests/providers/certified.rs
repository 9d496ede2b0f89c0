//! The main job against a certified provider that no one here wrote, with strict rotation of refresh tokens.

use futures_util::future::join_all;
use serde_json::json;

use crate::support::browser::{Browser, instruct};
use crate::support::oidc_provider::{Counts, OidcProvider};
use crate::support::world::{As, Body, CONSOLE, CONSOLE_PASSWORD, Engine, VERIFIER, World, both_engines};

const FED_TOKEN: &str = "/api/v3/users/alice/fedToken/box/box_1";
const LIST: &str = "/api/v3/users/alice/fa";

/// A world whose provider is the certified one, and an account in it.
async fn start(engine: Engine) -> (World, OidcProvider) {
    start_as(engine, OidcProvider::start, |settings| settings).await
}

/// As [`start`], with such a provider, and settings that are changed otherwise, too.
pub(crate) async fn start_as(
    engine: Engine,
    provide: fn(&str) -> OidcProvider,
    change: impl FnOnce(String) -> String,
) -> (World, OidcProvider) {
    let mut provider = None;
    let world = World::start_with(engine, |settings| {
        let settings = change(settings);
        let (_, rest) = settings.split_once("public_url = \"").expect("it has one");
        let (public_url, _) = rest.split_once('"').expect("in quotes");
        let started = provide(&format!("{public_url}/blitz/login/externalIdps/callback/box/box_1/false"));
        let (_, rest) = settings.split_once("issuer = \"").expect("it has one");
        let (sandbox, _) = rest.split_once('"').expect("in quotes");
        let settings = settings
            .replace(sandbox, &started.issuer)
            .replace("client_id = \"fedlink\"", &format!("client_id = {:?}", started.client_id))
            .replace("\"sandbox-secret\"", &format!("{:?}", started.client_secret));
        provider = Some(started);
        settings
    })
    .await;
    world.account("alice").await;
    (world, provider.expect("the settings were changed"))
}

/// Binds `oleg` of the provider to alice, through the provider's own pages.
pub(crate) async fn bind(world: &World, provider: &OidcProvider) {
    let basic = As::Basic(CONSOLE, CONSOLE_PASSWORD);
    let mut browser = Browser::default();
    let to_provider = browser.go(world, "GET", &instruct(world, &basic).await, Body::None).await;
    assert_eq!(to_provider.status, 303, "{}", to_provider.text());
    let back = provider.sign_in_and_consent("oleg", &to_provider.location()).await;
    let to_confirm = browser.go(world, "GET", &back, Body::None).await;
    assert_eq!(to_confirm.status, 303, "{}", to_confirm.text());
    let callback = browser.decide(world, &to_confirm.location(), "yes").await;
    assert_eq!(callback.get("status"), "pending", "{callback:?}");
    let complete = json!({"bind_code": callback.get("bind_code"), "code_verifier": VERIFIER, "subject": "alice"});
    let done = world.call("POST", "/api/v2/users/current/fa/bind/complete", &basic, Body::Json(complete)).await;
    assert_eq!(done.status, 204, "{}", done.text());
}

/// The token that alice's link has now.
pub(crate) async fn token(world: &World) -> String {
    let answer = world.call("GET", FED_TOKEN, &world.console().await, Body::None).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["oleg"]["token"].as_str().expect("a token").to_owned()
}

both_engines! {
    async fn a_certified_provider_takes_pushed_requests(engine: Engine) {
        let (world, provider) = start_as(engine, OidcProvider::start_pushed, |settings| settings).await;
        bind(&world, &provider).await;
        assert!(provider.introspect(&token(&world).await).await);
    }

    async fn the_main_job_works_with_a_certified_provider(engine: Engine) {
        let (world, provider) = start(engine).await;
        let console = world.console().await;
        assert_eq!(world.call("GET", LIST, &console, Body::None).await.json(), json!([]));
        bind(&world, &provider).await;
        let listed = json!([{"sid": "oleg", "fpType": "box", "fpName": "box_1", "userName": "oleg at the provider"}]);
        assert_eq!(world.call("GET", LIST, &console, Body::None).await.json(), listed);
        let first = token(&world).await;
        assert!(provider.introspect(&first).await);
        assert_eq!(token(&world).await, first);

        // The old token dies twice: each refresh has to spend what the one before brought.
        let mut seen = vec![first];
        for refreshes in 1..=2 {
            world.advance(3600);
            let refreshed = token(&world).await;
            assert!(provider.introspect(&refreshed).await);
            assert!(!seen.contains(&refreshed));
            seen.push(refreshed);
            assert_eq!(provider.counts(), Counts { exchanges: 1, refreshes, refusals: 0, revocations: 0 });
        }

        let console = world.console().await;
        let gone = world.call("DELETE", &format!("{LIST}/box/box_1/oleg"), &console, Body::None).await;
        assert_eq!(gone.status, 204);
        assert_eq!(world.call("GET", LIST, &console, Body::None).await.json(), json!([]));
        let none = world.call("GET", FED_TOKEN, &console, Body::None).await;
        assert_eq!(none.refusal(), (404, "token_not_found".to_owned()));
    }

    async fn twenty_callers_at_expiry_spend_one_refresh_token(engine: Engine) {
        let (world, provider) = start(engine).await;
        let tokens = provider.obtain_tokens("oleg").await;
        world.import(json!({
            "subject": "alice", "fpType": "box", "fpName": "box_1", "sid": "oleg", "scope": tokens.scope,
            "accessToken": tokens.access_token, "refreshToken": tokens.refresh_token,
            "expiresOn": world.now().timestamp() + tokens.expires_in,
        }))
        .await;
        assert_eq!(token(&world).await, tokens.access_token);
        world.advance(3600);
        let served = join_all((0..20).map(|_| token(&world))).await;
        assert!(served.iter().all(|token| *token == served[0] && *token != tokens.access_token), "{}", served.len());
        assert!(provider.introspect(&served[0]).await);
        assert_eq!(provider.counts(), Counts { exchanges: 1, refreshes: 1, refusals: 0, revocations: 0 });
    }
}
