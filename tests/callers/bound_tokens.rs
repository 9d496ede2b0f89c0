//! Tokens that are bound to a key of their holder's (RFC 7800, 8705, 9449): whoever holds one alone is nobody, as long as the
//! proof of the key is not checked.

use serde_json::{Value, json};

use crate::support::issuer::{Issuer, Key};
use crate::support::partner::{SDK, encoded, refused, with_partner};
use crate::support::world::{As, Body, World, both_engines};

const LIST: &str = "blitz_api_ufa";
const TARGET: &str = "/api/v3/users/alice/fa";

/// Forms of `cnf`, those that mean something and those that don't.
fn confirmations() -> Vec<Value> {
    vec![
        json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}),
        json!({"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}),
        json!({"jwk": {"kty": "OKP"}}),
        json!({"kid": "1"}),
        json!({}),
        json!(null),
        json!(""),
        json!("jkt"),
        json!(7),
        json!(false),
        json!([]),
    ]
}

both_engines! {
    async fn a_jwt_that_is_bound_to_a_key_is_no_bearer_token(engine: Engine) {
        let key = Key::es256(Some("1"));
        let issuer = Issuer::start(&[&key]);
        let world = World::start_with(engine, |settings| settings + &issuer.section("")).await;
        let good = issuer.claims(&world, "alice", LIST);
        for cnf in confirmations() {
            let mut claims = good.clone();
            claims["cnf"] = cnf.clone();
            let token = As::Bearer(key.sign(&claims));
            for _ in 0..2 {
                let answer = world.call("GET", TARGET, &token, Body::None).await;
                assert_eq!(answer.refusal(), (401, "bad_access_token".to_owned()), "{cnf}");
            }
        }
        assert_eq!(world.call("GET", TARGET, &As::Bearer(key.sign(&good)), Body::None).await.status, 200, "not bound");
    }

    async fn a_token_that_comes_with_a_proof_is_not_taken_without_looking_at_it(engine: Engine) {
        let key = Key::es256(Some("1"));
        let issuer = Issuer::start(&[&key]);
        let world = World::start_with(engine, |settings| settings + &issuer.section("")).await;
        world.account("bob").await;
        let As::Bearer(theirs) = issuer.token(&world, &key, ("alice", LIST)) else { panic!("a token") };
        let As::Bearer(ours) = world.console().await else { panic!("a token") };
        for (target, token) in [(TARGET, &theirs), ("/api/v3/users/bob/fa", &ours)] {
            for scheme in ["DPoP", "dpop", "DPOP"] {
                let credentials = format!("{scheme} {token}");
                let headers = [("authorization", credentials.as_str()), ("dpop", "a.b.c")];
                let answer = world.call_with("GET", target, &As::Nobody, Body::None, &headers).await;
                assert_eq!(answer.refusal(), (401, "bad_access_token".to_owned()), "{scheme}");
            }
            assert_eq!(world.call("GET", target, &As::Bearer(token.clone()), Body::None).await.status, 200);
        }
    }

    async fn a_partners_token_that_is_bound_to_a_key_signs_nobody_in(engine: Engine) {
        let world = World::start_with(engine, |settings| {
            let issuer = settings.split("issuer = \"").nth(1).unwrap().split('"').next().unwrap().to_owned();
            format!(
                "{}\n[partners.clients.introspected]\nidentity_type = \"{SDK}\"\nuser_info_url = \"{issuer}/userinfo\"\n\
                 require_confirmed_phone = false\nintrospection_url = \"{issuer}/introspect\"\n\
                 introspection_client_id = \"fedlink\"\nintrospection_client_secret = \"sandbox-secret\"\n",
                with_partner(&settings, "")
            )
        })
        .await;
        world.userinfo(&json!({"sub": "1"}));
        let arrive = async || {
            let token = encoded(&world.partner_token());
            let target = format!("/api/auth/{SDK}/callback?user_type=staff&client_id=introspected&access_token={token}");
            world.visit(&target, &[]).await
        };
        let say = |members: Value| {
            let members = members.as_object().cloned().unwrap_or_default();
            world.sandbox.script().set(|script| script.introspection = members);
        };
        let bound = confirmations().into_iter().map(|cnf| json!({"cnf": cnf}));
        // RFC 9449 §6.2: what such a token is called there.
        for members in bound.chain([json!({"token_type": "DPoP"}), json!({"token_type": "dpop"})]) {
            say(members.clone());
            let answer = arrive().await;
            assert_eq!(refused(&answer), (400, "INVALID_PARAMETER".to_owned()), "{members}");
            assert!(answer.text().contains("Invalid access_token"), "{}", answer.text());
        }
        assert_eq!(world.sandbox.counts().userinfo, 0, "and nobody is asked whose it is");
        for members in [json!({}), json!({"token_type": "Bearer"}), json!({"token_type": null}), json!({"token_type": 7})] {
            say(members.clone());
            assert_eq!(arrive().await.status, 302, "{members}");
        }
    }
}
