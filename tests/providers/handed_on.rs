//! What a provider hands on with its tokens for those who use them: beside each token, as it is now, sealed where it lies.

use serde_json::{Value, json};

use super::row::bind;
use crate::batch::{fed_tokens, of};
use crate::exchange::{EXCHANGE, account_of, sent_to_api, trusting_with};
use crate::support::database::texts;
use crate::support::fed::fed_token;
use crate::support::user_mode::{AS_CONSOLE, te};
use crate::support::world::{Engine, World, both_engines};

const SETTING: &str = "response_fields = [\"instance_url\", \"team.id\", \"realmId\"]\n";

/// The sandbox says so from now on; `realm` with the code.
fn says(world: &World, members: Value, realm: &[&str]) {
    let Value::Object(members) = members else { panic!("members") };
    let realm = realm.iter().map(|id| ("realmId".to_owned(), (*id).to_owned())).collect();
    world.sandbox.script().set(|script| {
        script.extra_fields = members;
        script.wording.callback_more = realm;
    });
}

/// What stands beside alice's token.
async fn fields(world: &World, query: &str) -> Value {
    let answer = fed_token(world, &world.console().await, query).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["oleg"].get("fields").cloned().unwrap_or(Value::Null)
}

async fn world(engine: Engine) -> World {
    let world = World::frozen_with(engine, |settings| settings + SETTING).await;
    world.account("alice").await;
    world
}

both_engines! {
    async fn what_comes_with_tokens_stands_beside_them_and_follows_each_refresh(engine: Engine) {
        let world = world(engine).await;
        says(&world, json!({"instance_url": "https://planted-org.example", "team": {"id": 7}, "other": "x"}), &["4620"]);
        bind(&world, "handed on").await;
        let first = json!({"instance_url": "https://planted-org.example", "team.id": "7", "realmId": "4620"});
        assert_eq!(fields(&world, "").await, first);
        // In a batch as well, and where a scope is asked for.
        let batch = fed_tokens(&world, &world.console().await, &[of("alice"), of("nobody")]).await.json();
        assert_eq!(batch["tokens"][0]["fields"], first, "{batch}");
        assert!(batch["tokens"][1].get("fields").is_none(), "{batch}");
        // Nowhere in the clear.
        let hex = if world.database_url.starts_with("sqlite") { "lower(hex(sealed_params))" } else { "encode(sealed_params, 'hex')" };
        let kept = texts(&world.database_url, &format!("SELECT {hex} AS value FROM token_sets")).await.concat();
        // "planted".
        let planted = "706c616e746564";
        assert!(kept.len() > 2 * planted.len() && !kept.contains(planted), "{kept}");

        // One that a refresh says anew is another; those that it leaves out are as they were.
        says(&world, json!({"instance_url": "https://moved.example"}), &[]);
        world.advance(3601);
        let second = json!({"instance_url": "https://moved.example", "team.id": "7", "realmId": "4620"});
        assert_eq!(fields(&world, "").await, second);
        assert_eq!(world.sandbox.counts().token_refresh, 1);
        says(&world, json!({}), &[]);
        world.advance(3601);
        assert_eq!(fields(&world, "").await, second);

        // Another grant brings its own.
        says(&world, json!({"team": {"id": "T2"}}), &["99"]);
        bind(&world, "linked again").await;
        assert_eq!(fields(&world, "").await, json!({"team.id": "T2", "realmId": "99"}));
        says(&world, json!({}), &[]);
        bind(&world, "without any").await;
        assert_eq!(fields(&world, "").await, Value::Null);
    }

    async fn what_is_not_asked_for_is_not_kept(engine: Engine) {
        let world = World::frozen(engine).await;
        world.account("alice").await;
        says(&world, json!({"instance_url": "https://a.example"}), &["4620"]);
        bind(&world, "nothing is handed on").await;
        assert_eq!(fields(&world, "").await, Value::Null);
        let kept = texts(&world.database_url, "SELECT 'x' AS value FROM token_sets WHERE sealed_params IS NOT NULL").await;
        assert!(kept.is_empty());
    }

    async fn an_exchanged_token_has_it_too(engine: Engine) {
        let (world, issuer, key) = trusting_with(engine, "", |settings| settings.replace("[[issuers]]", &format!("{SETTING}[[issuers]]"))).await;
        account_of(&world, &issuer, "alice").await;
        says(&world, json!({"instance_url": "https://a.example"}), &[]);
        bind(&world, "to be exchanged").await;
        let token = key.sign(&sent_to_api(&issuer, &world, "alice"));
        let answer = te(&world, &AS_CONSOLE, &[
            ("grant_type", EXCHANGE),
            ("audience", "box:box_1"),
            ("subject_token", &token),
            ("subject_token_type", crate::exchange::ACCESS_TOKEN),
        ])
        .await;
        assert_eq!(answer.json()["fields"], json!({"instance_url": "https://a.example"}), "{}", answer.text());
    }
}
