//! A dead link gets another try on an application's word, as on an operator's.

use crate::support::database::{execute, texts};
use crate::support::fed::{asked, expired, fed_token, health, refused_for_good, token};
use crate::support::world::{ALL_SCOPES, Answer, As, Body, CONSOLE, World, both_engines};

async fn retry(world: &World, who: &As, link: &str) -> Answer {
    world.call("POST", &format!("/api/v3/users/{link}/retry"), who, Body::None).await
}

const OWN: &str = "alice/fa/box/box_1/oleg";

both_engines! {
    async fn a_dead_link_is_asked_for_again(engine: Engine) {
        let (world, console) = refused_for_good(engine).await;
        let answer = retry(&world, &console, OWN).await;
        assert_eq!((answer.status, asked(&world)), (204, 1), "{}", answer.text());
        assert_eq!(health(&world, &console, "oleg").await, "degraded");
        // It is no more dead, and the record has one line of it.
        assert_eq!(retry(&world, &console, OWN).await.refusal(), (409, "nothing_to_retry".to_owned()));
        assert!(world.sandbox.is_active(&token(&fed_token(&world, &console, "").await, "oleg")));
        assert_eq!(health(&world, &console, "oleg").await, "ok");
        let record = "SELECT client || '|' || subject || '|' || sid || '|' || detail AS value FROM audit WHERE event = 'FEDERATION_REFRESH_RETRIED'";
        assert_eq!(texts(&world.database_url, record).await, ["console|alice|oleg|needs_consent"]);
    }

    async fn what_cannot_be_tried_is_told(engine: Engine) {
        let (world, console) = refused_for_good(engine).await;
        expired(&world, "elle").await;
        // Of a provider that is configured no more.
        expired(&world, "irina").await;
        let links = "UPDATE links SET fp_type = 'gone', fp_name = 'gone' WHERE sid = 'irina'";
        let sets = "UPDATE token_sets SET health = 'needs_consent' WHERE link_id IN (SELECT id FROM links WHERE sid = 'irina')";
        execute(&world.database_url, &format!("{links}; {sets}")).await;
        for (link, status, error) in [
            ("alice/fa/box/box_1/elle", 409, "nothing_to_retry"),
            ("alice/fa/gone/gone/irina", 409, "nothing_to_retry"),
            ("alice/fa/box/box_1/nobody", 404, "link_not_found"),
            ("alice/fa/box/box_2/oleg", 404, "link_not_found"),
            ("alice/fa/no_type/x/oleg", 404, "link_not_found"),
            ("nobody/fa/box/box_1/oleg", 404, "user_not_found"),
            ("alice/fa/box/box_1/", 400, "wrong_values"),
        ] {
            assert_eq!(retry(&world, &console, link).await.refusal(), (status, error.to_owned()), "{link}");
        }
        // After 30 days there is nothing left to try with.
        execute(&world.database_url, "UPDATE token_sets SET sealed_refresh = NULL WHERE health = 'needs_consent'").await;
        assert_eq!(retry(&world, &console, OWN).await.refusal(), (409, "nothing_to_retry".to_owned()));
        assert_eq!(health(&world, &console, "oleg").await, "needs_consent");
    }

    async fn it_is_for_support_alone(engine: Engine) {
        let (world, _) = refused_for_good(engine).await;
        let own = world.user(CONSOLE, "alice", &ALL_SCOPES).await;
        let other = world.system(CONSOLE, &["blitz_api_sys_ufa", "blitz_api_ufa_chg", "fed_tkn_any"]).await;
        for who in [own, other, As::Nobody] {
            assert_eq!(retry(&world, &who, OWN).await.refusal(), (401, "bad_access_token".to_owned()), "{who:?}");
        }
    }
}
