//! What an account may do, and asks for, is judged when somebody wants in, not when they were linked.

use serde_json::json;

use crate::support::database::{count, execute, texts};
use crate::support::partner::{LENIENT, bearer, cookie, encoded, refused, trusting};
use crate::support::sms::{self, SmsWebhook};
use crate::support::world::{Answer, As, Body, Engine, World, both_engines};

const OWN: &str = "+79990001234";
const OTHER: &str = "+79990005678";

/// Somebody whom a partner has signed in once, as [`LENIENT`]'s, in a world that sends codes.
async fn linked(engine: Engine) -> (World, SmsWebhook) {
    let webhook = SmsWebhook::start().await;
    let url = webhook.url.clone();
    let world = World::frozen_with(engine, |settings| {
        let often = "= 100000\nsms_per_hour_and_ip = 1000\nsms_per_day_and_phone = 1000";
        let settings = trusting(&settings).replace("= 100000", often);
        format!("{settings}\n[sms]\nurl = \"{url}\"\nsecret = \"{}\"\n", sms::SECRET)
    })
    .await;
    world.userinfo(&json!({ "sub": "1", "name": "John Doe" }));
    assert_eq!(world.arrive().await.status, 302);
    (world, webhook)
}

/// Makes the one account something else.
async fn becomes(world: &World, change: &str) {
    let nothing = "is_admin = false, is_support = false, rights_set = NULL, two_factor = false, phone = NULL, \
                   phone_verified = false, disabled_at = NULL";
    execute(&world.database_url, &format!("UPDATE accounts SET {nothing}")).await;
    if !change.is_empty() {
        execute(&world.database_url, &format!("UPDATE accounts SET {change}")).await;
    }
}

/// A confirmed phone's token.
async fn confirmed(world: &World, webhook: &SmsWebhook, number: &str) -> String {
    world.advance(61);
    let token = world.code_to(number).await;
    world.complete(&token, webhook.code()).await.data();
    token
}

async fn arrive_with(world: &World, token: &str) -> Answer {
    let target = format!("{}&confirm_phone_action_token={}", world.callback("resident", LENIENT), encoded(token));
    world.visit(&target, &[]).await
}

/// Why sign-ins were refused, in the audit record.
async fn reasons(world: &World) -> Vec<String> {
    let query = "SELECT detail AS value FROM audit WHERE event = 'SIGN_IN_REFUSED' ORDER BY at, id";
    let mut reasons = texts(&world.database_url, query).await;
    reasons.sort_unstable();
    reasons
}

fn blocked() -> (u16, String) {
    (400, "EXTERNAL_IDENTITY_BLOCKED".to_owned())
}

both_engines! {
    async fn a_promoted_account_is_guarded_at_every_door(engine: Engine) {
        let (world, webhook) = linked(engine).await;
        let set = "9f2c1c4e-6a53-4c0e-9d53-1f2a3b4c5d6e";
        let id = format!("'{set}'");
        let moment = if engine == Engine::Sqlite { "0" } else { "now()" };
        execute(&world.database_url, &format!(
            "INSERT INTO rights_sets (id, name, granted, created, updated) VALUES ({id}, 'Some', '', {moment}, {moment})"
        )).await;
        let own = confirmed(&world, &webhook, OWN).await;
        let sessions = count(&world, "condo_sessions").await;
        let with_phone = format!("phone = '{OWN}', phone_verified = true");
        let rows = [
            ("is_admin = true".to_owned(), "privileged_account"),
            ("is_support = true".to_owned(), "privileged_account"),
            (format!("rights_set = {id}"), "privileged_account"),
            (format!("is_admin = true, two_factor = true, {with_phone}"), "privileged_account"),
            ("two_factor = true".to_owned(), "no_phone_for_second_factor"),
            (format!("two_factor = true, phone = '{OWN}', phone_verified = false"), "no_phone_for_second_factor"),
            (format!("disabled_at = {moment}"), "account_disabled"),
            (format!("disabled_at = {moment}, two_factor = true, {with_phone}"), "account_disabled"),
        ];
        let mut expected = Vec::new();
        for (change, why) in rows {
            becomes(&world, &change).await;
            assert_eq!(refused(&world.arrive().await), blocked(), "{change}");
            // A confirmed phone is no way round, and is not spent.
            assert_eq!(refused(&arrive_with(&world, &own).await), blocked(), "{change}");
            expected.extend([why, why]);
        }
        expected.sort_unstable();
        assert_eq!(reasons(&world).await, expected);
        assert_eq!(count(&world, "condo_sessions").await, sessions, "nobody got in");
        becomes(&world, &format!("two_factor = true, {with_phone}")).await;
        assert_eq!(arrive_with(&world, &own).await.status, 302);
        becomes(&world, "").await;
        assert_eq!(world.arrive().await.status, 302);
    }

    async fn two_factors_take_the_accounts_own_phone(engine: Engine) {
        let (world, webhook) = linked(engine).await;
        becomes(&world, &format!("two_factor = true, phone = '{OWN}', phone_verified = true")).await;
        let stopped = world.arrive().await;
        assert_eq!(refused(&stopped), (400, "PHONE_CONFIRMATION_REQUIRED".to_owned()));
        let told = |answer: &Answer| answer.json()["errors"][0]["extensions"]["messageInterpolation"]["phone"].clone();
        assert_eq!(told(&stopped), json!("+79*******34"), "of a number that the partner doesn't tell, its mask");
        // Told by the partner, it can be passed on to startConfirmPhoneAction as it is.
        world.userinfo(&json!({ "sub": "1", "phone_number": OWN }));
        assert_eq!(told(&world.arrive().await), json!(OWN));
        world.userinfo(&json!({ "sub": "1", "phone_number": OTHER }));
        assert_eq!(told(&world.arrive().await), json!("+79*******34"));

        // One that gets no codes is not told, whoever tells it.
        becomes(&world, "two_factor = true, phone = '+78091234567', phone_verified = true").await;
        world.userinfo(&json!({ "sub": "1", "phone_number": "+78091234567" }));
        assert_eq!(told(&world.arrive().await), json!(null));
        becomes(&world, &format!("two_factor = true, phone = '{OWN}', phone_verified = true")).await;
        world.userinfo(&json!({ "sub": "1", "phone_number": OTHER }));

        let (own, others) = (confirmed(&world, &webhook, OWN).await, confirmed(&world, &webhook, OTHER).await);
        let invalid = (400, "INVALID_PARAMETER".to_owned());
        for token in ["x", &others, &own.to_uppercase()] {
            assert_eq!(refused(&arrive_with(&world, token).await), invalid, "{token}");
        }
        let twice = format!("{}&confirm_phone_action_token=a&confirm_phone_action_token=b", world.callback("resident", LENIENT));
        assert_eq!(refused(&world.visit(&twice, &[]).await), invalid);
        let signed_in = arrive_with(&world, &own).await;
        assert_eq!(signed_in.status, 302, "{}", signed_in.text());
        let query = json!({ "query": "{ authenticatedUser { name } }" });
        let url = format!("{}/admin/api", world.served_at);
        let answer = world.send("POST", &url, &As::Bearer(bearer(&cookie(&signed_in))), Body::Json(query), &[]).await;
        assert_eq!(answer.json()["data"], json!({ "authenticatedUser": { "name": "John Doe" } }));
        assert_eq!(refused(&arrive_with(&world, &own).await), invalid, "it lets in once");
        // The other's was not spent by being refused.
        world.userinfo(&json!({ "sub": "2" }));
        let strict = format!("{}&confirm_phone_action_token={}", world.callback("resident", "test-client-id"), encoded(&others));
        assert_eq!(world.visit(&strict, &[]).await.status, 302);
        let mut lines = reasons(&world).await;
        lines.dedup();
        assert_eq!(lines, ["second_factor_missing", "wrong_second_factor"]);
    }

    async fn one_confirmation_is_one_second_factor(engine: Engine) {
        let (world, webhook) = linked(engine).await;
        becomes(&world, &format!("two_factor = true, phone = '{OWN}', phone_verified = true")).await;
        for _ in 0..5 {
            let own = confirmed(&world, &webhook, OWN).await;
            let hold = world.sandbox.script().hold_userinfo();
            let arrivals = futures_util::future::join_all((0..4).map(|_| arrive_with(&world, &own)));
            let (answers, ()) = tokio::join!(arrivals, async {
                hold.wait_for_arrivals(4).await;
                hold.release();
            });
            let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
            statuses.sort_unstable();
            assert_eq!(statuses, [302, 400, 400, 400]);
        }
    }

    /// The account is held: one who is let in before it changes is in, one who comes after is not.
    async fn a_door_that_closes_meanwhile_is_closed(engine: Engine) {
        let (world, _webhook) = linked(engine).await;
        let hold = world.sandbox.script().hold_userinfo();
        let (answer, ()) = tokio::join!(world.arrive(), async {
            hold.wait_for_arrivals(1).await;
            becomes(&world, "is_admin = true").await;
            hold.release();
        });
        assert_eq!(refused(&answer), blocked());
        assert_eq!(reasons(&world).await, ["privileged_account"]);
    }
}
