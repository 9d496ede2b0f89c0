//! The main job from end to end: bind, list, fedToken, refresh, unlink.

use serde_json::json;

use crate::support::browser::{Browser, instruct};
use crate::support::world::{As, Body, CONSOLE, CONSOLE_PASSWORD, VERIFIER, World, both_engines};

both_engines! {
    async fn a_user_links_an_account_and_services_get_fresh_tokens(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let console = world.console().await;
        let list = world.call("GET", "/api/v3/users/alice/fa", &console, Body::None).await;
        assert_eq!((list.status, list.json()), (200, json!([])));

        let redirect_to = instruct(&world, &As::Basic(CONSOLE, CONSOLE_PASSWORD)).await;
        let callback = Browser::default().walk(&world, &redirect_to, "oleg").await;
        assert_eq!(callback.get("status"), "pending");
        assert_eq!(callback.get("fp"), "box:box_1");
        let complete = json!({"bind_code": callback.get("bind_code"), "code_verifier": VERIFIER, "subject": "alice"});
        let done = world.call("POST", "/api/v2/users/current/fa/bind/complete", &console, Body::Json(complete)).await;
        assert_eq!(done.status, 204, "{}", done.text());

        let list = world.call("GET", "/api/v3/users/alice/fa", &console, Body::None).await;
        assert_eq!(list.json(), json!([{"sid": "oleg", "fpType": "box", "fpName": "box_1", "userName": "Oleg Sandbox"}]));

        let first = world.call("GET", "/api/v3/users/alice/fedToken/box/box_1", &console, Body::None).await;
        assert_eq!(first.status, 200, "{}", first.text());
        let first_token = first.json()["oleg"]["token"].as_str().expect("a token").to_owned();
        assert!(world.sandbox.is_active(&first_token));

        world.advance(3600);
        // Our own token has run out as well.
        let console = world.console().await;
        let second = world.call("GET", "/api/v3/users/alice/fedToken/box/box_1", &console, Body::None).await;
        assert_eq!(second.status, 200, "{}", second.text());
        let second_token = second.json()["oleg"]["token"].as_str().expect("a token").to_owned();
        assert_ne!(first_token, second_token);
        assert!(world.sandbox.is_active(&second_token));
        assert_eq!(world.sandbox.counts().token_refresh, 1);

        let gone = world.call("DELETE", "/api/v3/users/alice/fa/box/box_1/oleg", &console, Body::None).await;
        assert_eq!(gone.status, 204);
        let list = world.call("GET", "/api/v3/users/alice/fa", &console, Body::None).await;
        assert_eq!(list.json(), json!([]));
        let none = world.call("GET", "/api/v3/users/alice/fedToken/box/box_1", &console, Body::None).await;
        assert_eq!(none.refusal(), (404, "token_not_found".to_owned()));
    }
}
