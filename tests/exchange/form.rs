//! What an exchange is asked with, and by whom; which providers there are is nobody's to find out.

use serde_json::json;

use super::{ACCESS_TOKEN, LEFT_OUT, account_of, exchange_with, is, sent_to_api, trusting, trusting_with};
use crate::support::fed::lasting;
use crate::support::user_mode::{AS_CONSOLE, te};
use crate::support::world::{As, both_engines};

/// What is changed of a good request.
type Changes<'a> = &'a [(&'static str, &'a str)];

both_engines! {
    async fn each_parameter_is_as_it_has_to_be(engine: Engine) {
        let (world, issuer, key) = trusting(engine).await;
        account_of(&world, &issuer, "alice").await;
        lasting(&world, "1", 600).await;
        let token = key.sign(&sent_to_api(&issuer, &world, "alice"));
        let rows: &[(Changes<'_>, u16, &str)] = &[
            (&[], 200, ""),
            (&[("requested_token_type", ACCESS_TOKEN)], 200, ""),
            (&[("requested_token_type", "")], 200, ""),
            (&[("resource", ""), ("actor_token", "")], 200, ""),
            (&[("min_ttl", "0"), ("login_hint", "1"), ("scope", "")], 200, ""),
            (&[("audience", LEFT_OUT)], 400, "invalid_request"),
            (&[("audience", "")], 400, "invalid_request"),
            (&[("audience", "box:box_1"), ("audience", "box:box_1")], 400, "invalid_target"),
            (&[("audience", "box_1")], 400, "invalid_target"),
            (&[("audience", "https://api.example")], 400, "invalid_target"),
            (&[("audience", "box:box_2")], 400, "invalid_target"),
            (&[("audience", "BOX:box_1")], 400, "invalid_target"),
            (&[("resource", "https://api.example")], 400, "invalid_target"),
            (&[("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token")], 400, "invalid_request"),
            (&[("requested_token_type", "urn:ietf:params:oauth:token-type:jwt")], 400, "invalid_request"),
            (&[("actor_token", "x"), ("actor_token_type", ACCESS_TOKEN)], 400, "invalid_request"),
            (&[("subject_token", LEFT_OUT)], 400, "invalid_request"),
            (&[("subject_token_type", "access_token")], 400, "invalid_request"),
            (&[("subject_token_type", "urn:ietf:params:oauth:token-type:refresh_token")], 400, "invalid_request"),
            (&[("min_ttl", "601")], 400, "invalid_request"),
            (&[("min_ttl", "+1")], 400, "invalid_request"),
            (&[("scope", "a\"b")], 400, "invalid_scope"),
            (&[("scope", "почта")], 400, "invalid_scope"),
        ];
        for (changes, status, error) in rows {
            let answer = exchange_with(&world, &AS_CONSOLE, &token, changes).await;
            assert_eq!(answer.status, *status, "{changes:?} {}", answer.text());
            if *status != 200 {
                is(&answer, (*status, error), &format!("{changes:?}"));
            }
        }
        // Authenticated as everywhere.
        is(&exchange_with(&world, &As::Nobody, &token, &[]).await, (401, "invalid_client"), "nobody");
        is(&exchange_with(&world, &As::Basic("console", "wrong"), &token, &[]).await, (401, "invalid_client"), "wrong secret");
        let twice = [("grant_type", super::EXCHANGE), ("subject_token", "a"), ("subject_token", "b")];
        is(&te(&world, &AS_CONSOLE, &twice).await, (400, "invalid_request"), "twice");
    }

    async fn a_provider_that_is_not_granted_looks_like_one_that_is_not_there(engine: Engine) {
        let granted = |settings: String| {
            let settings = settings.replacen("scopes = [", "scopes = [\"fed_tkn_box_box_1\"] # [", 1);
            let other = "\n[[providers]]\ntype = \"box\"\nname = \"box_2\"\npreset = \"oidc\"\nissuer = \"https://two.example\"\nclient_id = \"a\"\nclient_secret = \"b\"\n";
            settings + other + "[[clients]]\nid = \"linker\"\nsecret = \"linker-secret-of-tests\"\nscopes = [\"blitz_api_sys_ufa\"]\n"
        };
        let (world, issuer, key) = trusting_with(engine, "", granted).await;
        account_of(&world, &issuer, "alice").await;
        lasting(&world, "1", 600).await;
        let token = key.sign(&sent_to_api(&issuer, &world, "alice"));
        assert_eq!(exchange_with(&world, &AS_CONSOLE, &token, &[]).await.status, 200);
        let [there, not] = [
            exchange_with(&world, &AS_CONSOLE, &token, &[("audience", "box:box_2")]).await,
            exchange_with(&world, &AS_CONSOLE, &token, &[("audience", "box:box_3")]).await,
        ];
        is(&there, (400, "invalid_target"), "not granted");
        assert_eq!(there.json(), not.json());
        let as_linker = As::Basic("linker", "linker-secret-of-tests");
        is(&exchange_with(&world, &as_linker, &token, &[]).await, (400, "unauthorized_client"), "no token scope at all");
        assert_eq!(there.json()["error"], json!("invalid_target"));
    }
}
