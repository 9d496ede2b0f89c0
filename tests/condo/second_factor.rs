//! A second factor beside the password: a phone, by a token that confirms it or by the code that was sent to it; an e-mail address,
//! by a token.

use serde_json::{Value, json};
use service::accounts::{New, Standing};

use crate::support::condo::{by_email, by_phone, refusal, staff};
use crate::support::confirm::{with_email_and, with_sms_and};
use crate::support::database::{Sql, count, execute, texts};
use crate::support::person::{PASSWORD, email, phone};
use crate::support::sms::SmsWebhook;
use crate::support::world::{As, Engine, World, both_engines};

const JANES: &str = "+79991234567";

/// Jane wants a second factor, John doesn't; both have a phone that is known to be theirs.
async fn world(engine: Engine) -> (World, SmsWebhook) {
    let (world, webhook) = with_sms_and(engine, |settings| settings + "[limits]\nsign_in_per_hour = 100\n").await;
    people(&world).await;
    (world, webhook)
}

async fn people(world: &World) {
    let two_factor = Standing { two_factor: true, ..Standing::default() };
    world.person(New { phone: Some(phone(JANES, true)), standing: two_factor, ..staff("jane") }).await;
    let john =
        New { email: Some(email("john@example.com", true)), phone: Some(phone("+79997654321", true)), ..staff("john") };
    world.person(john).await;
}

/// The same, and codes are sent by e-mail as well.
async fn world_with_email(engine: Engine) -> (World, SmsWebhook) {
    let (world, webhook) =
        with_email_and(engine, "[limits]\nsign_in_per_hour = 100\nemails_per_hour_and_ip = 100\n").await;
    people(&world).await;
    (world, webhook)
}

/// A token that confirms an e-mail address.
async fn confirmed_email(world: &World, webhook: &SmsWebhook, address: &str) -> String {
    world.advance(61);
    let token = world.code_to_email(address).await;
    world.complete_email(&token, &webhook.last().code).await.data();
    token
}

fn factor(kind: &str, value: &str) -> Value {
    json!({"secondFactor": {"type": kind, "value": value}})
}

/// A code on its way to a phone; a minute passes first, since there is one code a minute.
async fn code_to(world: &World, webhook: &SmsWebhook, phone: &str) -> (String, i64) {
    world.advance(61);
    let token = world.code_to(phone).await;
    (token, webhook.code())
}

/// A token that confirms a phone.
async fn confirmed(world: &World, webhook: &SmsWebhook, phone: &str) -> String {
    let (token, code) = code_to(world, webhook, phone).await;
    world.complete(&token, code).await.data();
    token
}

async fn is_let_in(world: &World, change: Value) -> bool {
    let answer = by_email::ask(world, change.clone()).await;
    if answer.json().get("errors").is_none() {
        return true;
    }
    assert_eq!(answer.refused_as(), (200, "WRONG_CREDENTIALS".to_owned()), "{change}");
    false
}

both_engines! {
    /// The document of the source's documentation, letter for letter but for the values, and the walk it speaks of.
    async fn the_documented_second_factor_lets_in(engine: Engine) {
        let (world, webhook) = world(engine).await;
        let details = json!({
            "code": "BAD_USER_INPUT", "type": "NOT_ENOUGH_AUTH_FACTORS", "message": "Not enough auth factors",
            "messageForUser": "Not enough auth factors", "messageForUserTemplateKey": "api.user.NOT_ENOUGH_AUTH_FACTORS",
            "authDetails": {
                "is2FAEnabled": true, "userId": "jane", "availableSecondFactors": ["confirmPhoneToken"],
                "maskedData": {"phone": "+79*******67"},
            },
        });
        let asked = by_email::ask(&world, json!({})).await;
        assert_eq!((asked.status, asked.error()), (200, refusal(by_email::MUTATION, details.clone())));
        assert_eq!(asked.json()["data"], json!({by_email::MUTATION: null}));
        assert_eq!(by_phone::ask(&world, json!({})).await.error(), refusal(by_phone::MUTATION, details));
        assert_eq!(count(&world, "condo_sessions").await, 0);
        assert!(!is_let_in(&world, json!({"password": "wrong"})).await, "without the password nothing is told");

        let user = asked.error()["extensions"]["authDetails"]["userId"].clone();
        world.start_confirm("198.51.100.1", &json!({"user": {"id": user}})).await.data();
        assert_eq!(webhook.last().to, JANES);
        let answer = world.ask(&As::Nobody, &format!(r#"mutation SignInWith2FA {{
  authenticateUserWithEmailAndPassword(data: {{
    dv: 1
    sender: {{ dv: 1, fingerprint: "my-app" }}
    userType: staff
    email: "jane@example.com"
    password: "{PASSWORD}"
    secondFactor: {{
      type: CONFIRM_PHONE_TOKEN
      value: "{}"
    }}
  }}) {{
    token
    item {{ id }}
  }}
}}"#, webhook.code())).await;
        assert_eq!(answer.data()[by_email::MUTATION]["item"]["id"], "jane");
        let record = "SELECT event || ' ' || detail AS value FROM audit WHERE event LIKE 'SIGN%' ORDER BY at, id";
        let mut lines = texts(&world.database_url, record).await;
        lines.sort_unstable();
        assert_eq!(lines, [
            "SIGNED_IN authenticateUserWithEmailAndPassword",
            "SIGN_IN_REFUSED second_factor_missing",
            "SIGN_IN_REFUSED second_factor_missing",
            "SIGN_IN_REFUSED wrong_password",
        ]);
    }

    async fn a_token_of_the_users_own_phone_lets_in_once(engine: Engine) {
        let (world, webhook) = world(engine).await;
        for kind in ["confirmPhoneToken", "CONFIRM_PHONE_TOKEN"] {
            let (unconfirmed, code) = code_to(&world, &webhook, JANES).await;
            assert!(!is_let_in(&world, factor(kind, &unconfirmed)).await, "not confirmed");
            world.complete(&unconfirmed, code).await.data();
            let confirmed = unconfirmed;
            assert!(!is_let_in(&world, factor("confirmEmailToken", &confirmed)).await, "of another kind");
            let wrong_password = json!({"password": "wrong", "secondFactor": {"type": kind, "value": confirmed}});
            assert!(!is_let_in(&world, wrong_password).await);
            let johns = json!({"email": "john@example.com", "secondFactor": {"type": kind, "value": confirmed}});
            assert!(!is_let_in(&world, johns).await, "of another's phone");
            assert!(is_let_in(&world, factor(kind, &confirmed)).await, "none of these has spent it");
            assert!(!is_let_in(&world, factor(kind, &confirmed)).await, "it is spent");
        }
        let foreign = confirmed(&world, &webhook, "+79990000000").await;
        assert!(!is_let_in(&world, factor("confirmPhoneToken", &foreign)).await);
        let late = confirmed(&world, &webhook, JANES).await;
        world.advance(3601);
        assert!(!is_let_in(&world, factor("confirmPhoneToken", &late)).await, "more than an hour later");
    }

    /// Who passes a second factor that is not asked for must pass a right one.
    async fn a_factor_that_is_not_needed_has_to_be_right(engine: Engine) {
        let (world, webhook) = world(engine).await;
        let johns = |value: &str| json!({
            "email": "john@example.com", "secondFactor": {"type": "confirmPhoneToken", "value": value},
        });
        assert!(!is_let_in(&world, johns("1234")).await);
        let (_, code) = code_to(&world, &webhook, "+79997654321").await;
        assert!(is_let_in(&world, johns(&code.to_string())).await);
    }

    async fn a_token_of_the_users_own_mailbox_lets_in_once(engine: Engine) {
        let (world, webhook) = world_with_email(engine).await;
        let details = by_email::ask(&world, json!({})).await.error()["extensions"]["authDetails"].clone();
        assert_eq!(details, json!({
            "is2FAEnabled": true, "userId": "jane", "availableSecondFactors": ["confirmEmailToken", "confirmPhoneToken"],
            "maskedData": {"email": "ja***@example.com", "phone": "+79*******67"},
        }));
        let started = world.start_email("198.51.100.1", &json!({"user": {"id": "jane"}})).await.data();
        let token = started["result"]["token"].as_str().expect("a token").to_owned();
        let (to, code) = (webhook.last().to, webhook.last().code);
        assert_eq!(to, "jane@example.com");
        let kind = "confirmEmailToken";
        assert!(!is_let_in(&world, factor(kind, &token)).await, "not confirmed");
        assert!(!is_let_in(&world, factor(kind, &code)).await, "digits are no token");
        world.complete_email(&token, &code).await.data();
        for other in ["confirmPhoneToken", "CONFIRM_PHONE_TOKEN"] {
            assert!(!is_let_in(&world, factor(other, &token)).await, "of another kind");
        }
        let johns = json!({"email": "john@example.com", "secondFactor": {"type": kind, "value": token}});
        assert!(!is_let_in(&world, johns).await, "of another's mailbox");
        let foreign = confirmed_email(&world, &webhook, "someone@example.com").await;
        assert!(!is_let_in(&world, factor(kind, &foreign)).await);
        assert!(is_let_in(&world, factor(kind, &token)).await, "none of these has spent it");
        assert!(!is_let_in(&world, factor(kind, &token)).await, "it is spent");
        let token = confirmed_email(&world, &webhook, "jane@example.com").await;
        let tries = (0..8).map(|_| is_let_in(&world, factor(kind, &token)));
        let let_in = futures_util::future::join_all(tries).await;
        assert_eq!(let_in.iter().filter(|is_in| **is_in).count(), 1);
    }

    /// Whoever has no phone signs in by e-mail; one that nobody has shown to be theirs is neither offered nor taken.
    async fn a_mailbox_alone_is_a_second_factor_if_it_is_known_to_be_theirs(engine: Engine) {
        let (world, webhook) = world_with_email(engine).await;
        let two_factor = Standing { two_factor: true, ..Standing::default() };
        for (subject, number, is_verified) in [("mary", "+79995556671", true), ("nora", "+79995556672", false)] {
            let address = format!("{subject}@example.com");
            let new = New {
                email: Some(email(&address, is_verified)), phone: Some(phone(number, false)), standing: two_factor, ..staff(subject)
            };
            world.person(new).await;
            let token = confirmed_email(&world, &webhook, &address).await;
            let of_phone = |second: Value| json!({"phone": number, "secondFactor": second});
            let told = by_phone::ask(&world, json!({"phone": number})).await.error()["extensions"]["authDetails"].clone();
            let offered = if is_verified { json!(["confirmEmailToken"]) } else { json!([]) };
            assert_eq!(told["availableSecondFactors"], offered, "{subject}");
            let answer = by_phone::ask(&world, of_phone(json!({"type": "confirmEmailToken", "value": token}))).await;
            assert_eq!(answer.json().get("errors").is_none(), is_verified, "{subject}: {}", answer.text());
        }
    }

    /// What was shown of an address that is another's when the session opens has shown nothing.
    async fn a_factor_is_of_an_address_that_is_theirs_when_they_come_in(engine: Engine) {
        let (world, webhook) = world_with_email(engine).await;
        let rows = [
            (by_phone::MUTATION, "confirmEmailToken", "email = 'moved@example.com'"),
            (by_email::MUTATION, "confirmPhoneToken", "phone = '+79990009988'"),
            (by_email::MUTATION, "confirmPhoneToken", "phone_verified = false"),
        ];
        for (mutation, kind, change) in rows {
            let token = match kind {
                "confirmEmailToken" => confirmed_email(&world, &webhook, "jane@example.com").await,
                _ => confirmed(&world, &webhook, JANES).await,
            };
            let mut sql = Sql::open(&world.database_url).await;
            sql.hold_subject("jane").await;
            let coming = async {
                if mutation == by_phone::MUTATION {
                    by_phone::ask(&world, factor(kind, &token)).await
                } else {
                    by_email::ask(&world, factor(kind, &token)).await
                }
            };
            let (answer, ()) = tokio::join!(coming, async {
                sql.wait_for_a_rival().await;
                sql.run(&format!("UPDATE accounts SET {change} WHERE subject = 'jane'; COMMIT")).await;
            });
            assert_eq!(answer.refused_as(), (200, "WRONG_CREDENTIALS".to_owned()), "{change}");
            assert_eq!(count(&world, "condo_sessions").await, 0, "{change}");
            let back = format!("email = 'jane@example.com', phone = '{JANES}', phone_verified = true");
            execute(&world.database_url, &format!("UPDATE accounts SET {back} WHERE subject = 'jane'")).await;
            let again = if mutation == by_phone::MUTATION {
                by_phone::ask(&world, factor(kind, &token)).await
            } else {
                by_email::ask(&world, factor(kind, &token)).await
            };
            again.data();
            execute(&world.database_url, "DELETE FROM condo_sessions").await;
        }
    }

    async fn codes_are_tried_ten_times(engine: Engine) {
        let (world, webhook) = world(engine).await;
        let (_, code) = code_to(&world, &webhook, JANES).await;
        let wrong = if code == 1234 { "4321" } else { "1234" };
        for value in ["", "x", "-1", "12345678901234567890", "１２３４"] {
            assert!(!is_let_in(&world, factor("CONFIRM_PHONE_TOKEN", value)).await, "{value}");
        }
        for _ in 0..10 {
            assert!(!is_let_in(&world, factor("CONFIRM_PHONE_TOKEN", wrong)).await);
            world.advance(1);
        }
        assert!(!is_let_in(&world, factor("CONFIRM_PHONE_TOKEN", &code.to_string())).await, "there is no look left");
        let (_, code) = code_to(&world, &webhook, JANES).await;
        world.advance(61);
        assert!(!is_let_in(&world, factor("CONFIRM_PHONE_TOKEN", &code.to_string())).await, "too late");
    }

    async fn a_token_used_twice_at_once_lets_in_once(engine: Engine) {
        let (world, webhook) = world(engine).await;
        let token = confirmed(&world, &webhook, JANES).await;
        let tries = (0..8).map(|_| is_let_in(&world, factor("confirmPhoneToken", &token)));
        let let_in = futures_util::future::join_all(tries).await;
        assert_eq!(let_in.iter().filter(|is_in| **is_in).count(), 1);
        assert_eq!(count(&world, "condo_sessions").await, 1);
    }

    /// Who has started a confirmation of somebody's phone must not be handed it by that one's typing the code elsewhere.
    async fn digits_confirm_nothing_to_who_asked_for_them(engine: Engine) {
        let (world, webhook) = world(engine).await;
        let (token, code) = code_to(&world, &webhook, JANES).await;
        assert!(is_let_in(&world, factor("CONFIRM_PHONE_TOKEN", &code.to_string())).await);
        assert!(!is_let_in(&world, factor("CONFIRM_PHONE_TOKEN", &code.to_string())).await, "used up");
        assert_eq!(world.phone_of(&token).await.refused_as().1, "UNABLE_TO_FIND_CONFIRM_PHONE_ACTION");
        assert!(!is_let_in(&world, factor("confirmPhoneToken", &token)).await);
    }

    async fn a_phone_that_is_not_known_to_be_theirs_is_not_offered(engine: Engine) {
        let (world, webhook) = world(engine).await;
        let two_factor = Standing { two_factor: true, ..Standing::default() };
        let new = New { email: Some(email("mary@example.com", true)), phone: Some(phone("+79995556677", false)), standing: two_factor, ..staff("mary") };
        world.person(new).await;
        let details = by_email::ask(&world, json!({"email": "mary@example.com"})).await.error();
        assert_eq!(details["extensions"]["authDetails"], json!({
            "is2FAEnabled": true, "userId": "mary", "availableSecondFactors": [], "maskedData": {},
        }));
        let (_, code) = code_to(&world, &webhook, "+79995556677").await;
        let change = json!({
            "email": "mary@example.com", "secondFactor": {"type": "CONFIRM_PHONE_TOKEN", "value": code.to_string()},
        });
        assert!(!is_let_in(&world, change).await, "nor taken");
    }
}
