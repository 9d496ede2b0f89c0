//! Which account, and what there is of it: several, none, one that needs its user, scopes that were never granted.

use serde_json::json;

use super::{account_of, asks_for, exchange, exchange_with, is, sent_to_api, trusting, trusting_with};
use crate::support::database::execute;
use crate::support::fed::{expired, give, lasting};
use crate::support::user_mode::AS_CONSOLE;
use crate::support::world::both_engines;

both_engines! {
    async fn of_several_accounts_one_is_to_be_named(engine: Engine) {
        let (world, issuer, key) = trusting(engine).await;
        account_of(&world, &issuer, "alice").await;
        let (first, second) = (expired(&world, "1").await, lasting(&world, "2", 600).await);
        let token = key.sign(&sent_to_api(&issuer, &world, "alice"));
        execute(&world.database_url, "UPDATE links SET user_name = 'Oleg' WHERE sid = '1'").await;
        let answer = exchange(&world, &token).await;
        is(&answer, (400, "invalid_target"), "two accounts");
        assert_eq!(answer.json()["accounts"][0]["name"], json!("Oleg"));
        let accounts = answer.json()["accounts"].clone();
        assert_eq!(accounts.as_array().map(|list| list.iter().map(|one| one["sid"].clone()).collect::<Vec<_>>()), Some(vec![json!("1"), json!("2")]));
        assert_eq!(world.sandbox.counts().token_refresh, 0, "nothing is refreshed for a question");
        let named = exchange_with(&world, &AS_CONSOLE, &token, &[("login_hint", "2")]).await;
        assert_eq!(named.json()["access_token"], json!(secrecy::ExposeSecret::expose_secret(&second.access_token)));
        asks_for(&exchange_with(&world, &AS_CONSOLE, &token, &[("login_hint", "3")]).await, "not_linked");
        drop(first);
    }

    async fn who_may_not_list_accounts_is_not_told_them(engine: Engine) {
        let unlisted = |settings: String| settings.replacen("scopes = [", "scopes = [\"fed_tkn_any\"] # [", 1);
        let (world, issuer, key) = trusting_with(engine, "", unlisted).await;
        account_of(&world, &issuer, "alice").await;
        lasting(&world, "1", 600).await;
        lasting(&world, "2", 600).await;
        let answer = exchange(&world, &key.sign(&sent_to_api(&issuer, &world, "alice"))).await;
        is(&answer, (400, "invalid_target"), "two accounts");
        assert!(answer.json().get("accounts").is_none(), "{}", answer.text());
    }

    async fn a_link_that_needs_its_user_says_why(engine: Engine) {
        let (world, issuer, key) = trusting(engine).await;
        account_of(&world, &issuer, "alice").await;
        let token = key.sign(&sent_to_api(&issuer, &world, "alice"));
        asks_for(&exchange(&world, &token).await, "not_linked");
        let tokens = world.sandbox.issue("1", "fedlink", "openid");
        give(&world, "1", (Some(&tokens.access_token), None), Some(0)).await;
        asks_for(&exchange(&world, &token).await, "expired");
        give(&world, "1", (None, Some(&tokens.refresh_token)), None).await;
        for (health, reason) in [("needs_consent", "needs_consent"), ("lost_in_flight", "lost_in_flight")] {
            execute(&world.database_url, &format!("UPDATE token_sets SET health = '{health}'")).await;
            asks_for(&exchange(&world, &token).await, reason);
            let fed = crate::support::fed::fed_token(&world, &world.system("console", &["fed_tkn_any"]).await, "").await;
            assert_eq!(fed.json()["reason"], json!(reason), "fedToken says so too");
        }
    }

    async fn scopes_that_were_not_granted_are_missing(engine: Engine) {
        let (world, issuer, key) = trusting_with(engine, "", |settings| {
            settings.replace("user_name = \"{name}\"", "user_name = \"{name}\"\nscope_aliases = { \"https://box.example/mail\" = \"mail\" }")
        }).await;
        account_of(&world, &issuer, "alice").await;
        lasting(&world, "1", 600).await;
        let token = key.sign(&sent_to_api(&issuer, &world, "alice"));
        let asked = async |scope: &str| exchange_with(&world, &AS_CONSOLE, &token, &[("scope", scope)]).await;
        let unknown = asked("mail files").await;
        assert_eq!(unknown.status, 200, "imported, nobody knows what was granted: {}", unknown.text());
        assert!(unknown.json().get("scope").is_none());
        execute(&world.database_url, "UPDATE token_sets SET scope = 'https://box.example/mail calendar'").await;
        let missing = asked("mail files openid files").await;
        asks_for(&missing, "missing_scopes");
        assert_eq!(missing.json()["missing_scopes"], json!(["files"]));
        let there = asked("calendar mail").await;
        assert_eq!((there.status, &there.json()["scope"]), (200, &json!("https://box.example/mail calendar")));
    }
}
