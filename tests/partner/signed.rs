//! A partner whose userinfo is signed: the certified provider, and whom its tokens are for.

use serde_json::json;

use crate::support::database::texts;
use crate::support::oidc_provider::OidcProvider;
use crate::support::partner::{SDK, encoded, refused, with_partner};
use crate::support::world::{World, both_engines};

both_engines! {
    /// Its access tokens are opaque, and its userinfo says whom they were made for, since it is signed.
    async fn an_audience_is_stated_by_a_signed_userinfo(engine: Engine) {
        let provider = OidcProvider::start_signing("http://127.0.0.1:9/callback");
        let plain = OidcProvider::start("http://127.0.0.1:9/callback");
        let world = World::start_with(engine, |settings| {
            let client = |id: &str, more: &str, at: &OidcProvider| {
                let issuer = &at.issuer;
                format!(
                    "[partners.clients.{id}]\nidentity_type = \"{SDK}\"\nuser_info_url = \"{issuer}/me\"\n\
                     require_confirmed_phone = false\n{more}"
                )
            };
            let signed = format!("issuer = \"{}\"\n", provider.issuer);
            let ours = format!("audience = \"{}\"\n", provider.client_id);
            let by_hand = format!("jwks_url = \"{}/jwks\"\n", provider.issuer);
            let of_plain = format!("issuer = \"{}\"\n", plain.issuer);
            let clients = [
                client("ours", &format!("{signed}{ours}"), &provider),
                client("by-hand", &format!("{signed}{ours}{by_hand}"), &provider),
                client("others", &format!("{signed}audience = \"somebody-else\"\n"), &provider),
                client("unread", &ours, &provider),
                client("unsigned", &of_plain, &plain),
            ];
            with_partner(&settings, &clients.concat())
        })
        .await;
        let come = async |client: &str, at: &OidcProvider| {
            let token = encoded(&at.obtain_tokens("elle").await.access_token);
            let target = format!("/api/auth/{SDK}/callback?user_type=resident&client_id={client}&access_token={token}");
            world.visit(&target, &[]).await
        };
        for client in ["ours", "by-hand"] {
            let answer = come(client, &provider).await;
            assert_eq!(answer.status, 302, "{client}: {}", answer.text());
        }
        assert_eq!(texts(&world.database_url, "SELECT sid AS value FROM links").await, ["elle"]);
        let of_another = come("others", &provider).await;
        assert_eq!(refused(&of_another), (400, "INVALID_PARAMETER".to_owned()));
        let told = &of_another.json()["errors"][0]["extensions"]["messageInterpolation"];
        assert_eq!(*told, json!({ "parameter": "access_token" }));
        assert_eq!(refused(&come("unread", &provider).await), (500, "AUTHORIZATION_FAILED".to_owned()));
        assert_eq!(refused(&come("unsigned", &plain).await), (500, "AUTHORIZATION_FAILED".to_owned()));
        assert!(world.app.parts.upstream.check_partners().await.iter().all(|(_, checked)| checked.is_ok()));
    }
}
