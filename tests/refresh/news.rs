//! What is told of links beside their needing consent: that they recovered, that scopes are missing, that a refresh token ends soon.

use sandbox::Refusal;
use serde_json::json;
use service::refresh::{see_to_marked, tell_news};

use crate::audit::lines;
use crate::support::browser::{Browser, complete, instruct};
use crate::support::database::execute;
use crate::support::fed::{asked, fed_token, refused_for_good};
use crate::support::world::{VERIFIER, World, both_engines};

const RECOVERED: &str = "FEDERATION_RECOVERED";
const ENDING: &str = "FEDERATION_EXPIRES_SOON";

async fn told(world: &World, event: &str) -> Vec<String> {
    tell_news(&world.app.parts).await.unwrap();
    lines(world, event, &["subject", "fp_type", "fp_name", "sid", "detail"]).await
}

both_engines! {
    async fn a_link_that_needed_its_user_is_told_to_have_recovered(engine: Engine) {
        let (world, _) = refused_for_good(engine).await;
        let refusal = Some(Refusal::new(400, "invalid_grant"));
        world.sandbox.script().set(|settings| settings.refuse_refresh = refusal);
        world.advance(3_600);
        see_to_marked(&world.app.parts).await.unwrap();
        world.advance(3_600);
        see_to_marked(&world.app.parts).await.unwrap();
        assert_eq!(lines(&world, "FEDERATION_CONSENT_NEEDED", &["sid"]).await, ["oleg"]);
        assert_eq!(told(&world, RECOVERED).await, Vec::<String>::new(), "it is dead still");
        let fresh = json!({
            "subject": "alice", "fpType": "box", "fpName": "box_1", "sid": "oleg", "accessToken": "a", "refreshToken": "another",
            "expiresOn": world.now().timestamp() + 600,
        });
        world.import(fresh).await;
        for _ in 0..2 {
            assert_eq!(told(&world, RECOVERED).await, ["alice box box_1 oleg -"], "once");
        }
    }

    async fn the_end_of_a_refresh_token_is_told_twice(engine: Engine) {
        let world = World::frozen(engine).await;
        world.linked("alice", "oleg").await;
        let day = 24 * 3_600;
        let moment = |days: i64| {
            let at = world.now().timestamp() + days * day;
            if world.database_url.starts_with("sqlite") { (at * 1_000_000).to_string() } else { format!("to_timestamp({at})") }
        };
        let ends = format!("UPDATE token_sets SET refresh_expires_at = {}, warning_at = {}", moment(10), moment(3));
        execute(&world.database_url, &ends).await;
        assert_eq!(told(&world, ENDING).await, Vec::<String>::new());
        world.advance(3 * 24 * 3_600);
        let week = "alice box box_1 oleg within_7_days";
        assert_eq!(told(&world, ENDING).await, [week]);
        assert_eq!(told(&world, ENDING).await, [week], "once");
        world.advance(6 * 24 * 3_600);
        let both = ["alice box box_1 oleg within_1_day", week];
        assert_eq!(told(&world, ENDING).await, both);
        world.advance(2 * 24 * 3_600);
        assert_eq!(told(&world, ENDING).await, both, "it is over");
    }

    async fn scopes_that_are_not_granted_are_told_at_the_bind_and_when_a_refresh_brings_fewer(engine: Engine) {
        let wants = |settings: String| settings.replace(r#""profile", "email"]"#, r#""files", "mail"]"#);
        let world = World::frozen_with(engine, wants).await;
        let console = world.console().await;
        world.account("alice").await;
        let grants = |scope: &str| {
            let scope = Some(scope.to_owned());
            world.sandbox.script().set(|settings| settings.granted_scope = scope);
        };
        let told = async || lines(&world, "FEDERATION_SCOPES_MISSING", &["subject", "sid", "detail"]).await;
        let mut browser = Browser::default();
        grants("openid offline_access mail");
        let redirect_to = instruct(&world, &console).await;
        let code = browser.walk(&world, &redirect_to, "oleg").await.get("bind_code").to_owned();
        assert_eq!(complete(&world, &console, &code, (VERIFIER, "alice")).await.status, 204);
        let at_the_bind = "alice oleg missing_scopes: files";
        assert_eq!(told().await, [at_the_bind]);
        // The same again is no news; one more is; what comes back is none.
        let refreshed = async || {
            world.advance(7_200);
            assert_eq!(fed_token(&world, &world.console().await, "").await.status, 200);
        };
        refreshed().await;
        assert_eq!(told().await, [at_the_bind]);
        grants("openid offline_access");
        refreshed().await;
        let fewer = "alice oleg missing_scopes: files mail";
        assert_eq!(told().await, [at_the_bind, fewer]);
        grants("openid offline_access files");
        refreshed().await;
        assert_eq!((told().await, asked(&world)), (vec![at_the_bind.to_owned(), fewer.to_owned()], 3));
    }
}
