//! What a provider hands on with its tokens for those who use them: beside each token, as it is now, sealed where it lies.

use serde_json::{Value, json};

use super::row::bind;
use crate::batch::{fed_tokens, of};
use crate::exchange::{EXCHANGE, account_of, sent_to_api, trusting_with};
use crate::support::database::{execute, texts};
use crate::support::fed::fed_token;
use crate::support::user_mode::{AS_CONSOLE, te};
use crate::support::world::{Body, Engine, World, both_engines};

const SETTING: &str = "response_fields = [\"instance_url\", \"team.id\"]\ncallback_fields = [\"realmId\"]\n";

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

    async fn what_a_browser_makes_up_stands_where_a_browser_may_say_it_and_is_no_longer_than_an_address(engine: Engine) {
        let world = world(engine).await;
        let (longest, longer) = ("é".repeat(2048), "é".repeat(2049));
        world.sandbox.script().set(|script| {
            script.wording.callback_more = vec![("instance_url".to_owned(), "https://evil.example".to_owned())];
        });
        bind(&world, "the tokens' own answer says it, or nobody").await;
        assert_eq!(fields(&world, "").await, Value::Null);
        for (sent, told) in [(&longest, json!({"realmId": longest})), (&longer, Value::Null)] {
            says(&world, json!({}), &[sent]);
            bind(&world, "by the browser alone").await;
            assert_eq!(fields(&world, "").await, told);
        }
    }

    async fn what_the_settings_name_no_more_is_told_no_more(engine: Engine) {
        let world = world(engine).await;
        says(&world, json!({"instance_url": "https://a.example", "team": {"id": "T"}}), &["7"]);
        bind(&world, "all of it").await;
        world.decide(|text| text + "response_fields = [\"instance_url\"]\n");
        assert_eq!(fields(&world, "").await, json!({"instance_url": "https://a.example"}));
        world.decide(|text| text);
        assert_eq!(fields(&world, "").await, Value::Null);
    }

    async fn a_new_grant_without_a_refresh_token_brings_its_own_fields(engine: Engine) {
        let world = world(engine).await;
        says(&world, json!({"instance_url": "https://a.example"}), &["7"]);
        bind(&world, "with a refresh token").await;
        world.sandbox.script().set(|script| script.refresh_tokens = false);
        says(&world, json!({}), &["8"]);
        bind(&world, "without one, of another organization").await;
        assert_eq!(fields(&world, "").await, json!({"realmId": "8"}));
        says(&world, json!({}), &[]);
        bind(&world, "without anything").await;
        assert_eq!(fields(&world, "").await, Value::Null);
    }

    async fn what_cannot_be_read_keeps_no_token_from_anybody(engine: Engine) {
        let world = world(engine).await;
        says(&world, json!({"instance_url": "https://a.example"}), &[]);
        bind(&world, "to be broken").await;
        let other = if world.database_url.starts_with("sqlite") { "x'00'" } else { "'\\x00'::bytea" };
        execute(&world.database_url, &format!("UPDATE token_sets SET sealed_params = {other}")).await;
        assert_eq!(fields(&world, "").await, Value::Null);
        let batch = fed_tokens(&world, &world.console().await, &[of("alice")]).await.json();
        assert!(batch["tokens"][0]["token"].is_string() && batch["tokens"][0].get("fields").is_none(), "{batch}");
    }

    async fn a_report_and_many_entries_have_it_too(engine: Engine) {
        let world = world(engine).await;
        says(&world, json!({"instance_url": "https://a.example"}), &[]);
        bind(&world, "to be reported").await;
        world.advance(31);
        let console = world.console().await;
        let token = fed_token(&world, &console, "").await.json()["oleg"]["token"].clone();
        let report = Body::Json(json!({"sid": "oleg", "token": token}));
        let answer = world.call("POST", "/api/v3/users/alice/fedToken/box/box_1/rejected", &console, report).await;
        assert_eq!(answer.json()["oleg"]["fields"], json!({"instance_url": "https://a.example"}), "{}", answer.text());
        // More than one statement reads, among those that have nothing.
        let mut entries: Vec<Value> = (0..150).map(|n| of(&format!("nobody-{n}"))).collect();
        entries.insert(120, of("alice"));
        let batch = fed_tokens(&world, &console, &entries).await.json();
        assert_eq!(batch["tokens"][120]["fields"], json!({"instance_url": "https://a.example"}), "{batch}");
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
