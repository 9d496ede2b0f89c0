//! Codes by e-mail: what is sent, what a client is told when it is refused, and how many there are.

use serde_json::{Value, json};
use service::accounts::{self, New};

use domain::ids::Subject;

use crate::support::confirm::{
    COMPLETE_EMAIL, EMAIL_OF, PHONE, RESEND_EMAIL, START_EMAIL, data, with_email, with_email_and, with_sms,
};
use crate::support::database::{count, texts};
use crate::support::person::{email, person};
use crate::support::world::{Answer, As, World, both_engines};

const ELLE: &str = "elle@example.com";
const NOBODY: &str = "ce:18f854bd-8c06-4c98-bdcb-5b01f61ea383";
const IP: &str = "198.51.100.1";

#[track_caller]
fn assert_refused(answer: &Answer, kind: &str) {
    assert_eq!(answer.refused_as(), (200, kind.to_owned()));
}

#[track_caller]
fn assert_ok(answer: &Answer) {
    assert_eq!(answer.data(), json!({"result": {"status": "ok"}}));
}

/// A code that isn't this one.
fn other(code: &str) -> &'static str {
    if code == "100000" { "100001" } else { "100000" }
}

both_engines! {
    async fn an_address_is_confirmed_by_the_code_that_was_sent_to_it(engine: Engine) {
        let (world, webhook) = with_email(engine).await;
        let token = world.code_to_email(" Elle@Example.COM ").await;
        assert!(token.starts_with("ce:") && token.len() == NOBODY.len(), "{token}");
        let sent = webhook.last();
        assert_eq!((sent.to.as_str(), sent.subject.as_deref()), (ELLE, Some("Your code for 127.0.0.1")));
        assert_eq!(sent.text.replace(&sent.code, "CODE"), "CODE is your code for 127.0.0.1. Tell nobody.");
        assert!(sent.code.len() == 6 && sent.code.bytes().all(|c| c.is_ascii_digit()), "{}", sent.code);
        let of = |is_verified: bool| json!({"result": {"email": ELLE, "isEmailVerified": is_verified}});
        assert_eq!(world.email_of(&token).await.data(), of(false));
        for wrong in [other(&sent.code), "", " ", "-1", &format!("+{}", sent.code), &format!("{} ", sent.code), "99999999999999999999"] {
            assert_refused(&world.complete_email(&token, wrong).await, "EMAIL_CODE_VERIFICATION_FAILED");
            world.advance(1);
        }
        assert_ok(&world.complete_email(&token, &sent.code).await);
        assert_eq!(world.email_of(&token).await.data(), of(true));
        // Nothing of it is a phone's.
        assert_refused(&world.phone_of(&token).await, "UNABLE_TO_FIND_CONFIRM_PHONE_ACTION");
        assert_refused(&world.complete(&token, 1234).await, "UNABLE_TO_FIND_CONFIRM_PHONE_ACTION");
        let phones = world.code_to(PHONE).await;
        assert_refused(&world.email_of(&phones).await, "UNABLE_TO_FIND_CONFIRM_EMAIL_ACTION");
        assert_refused(&world.complete_email(&phones, &webhook.last().code).await, "UNABLE_TO_FIND_CONFIRM_EMAIL_ACTION");
    }

    async fn another_code_voids_the_one_before(engine: Engine) {
        let (world, webhook) = with_email(engine).await;
        let token = world.code_to_email(ELLE).await;
        let first = webhook.last().code;
        assert_refused(&world.resend_email(IP, &token).await, "TOO_MANY_REQUESTS");
        world.advance(60);
        assert_ok(&world.resend_email(IP, &token).await);
        let second = webhook.last().code;
        if first != second {
            assert_refused(&world.complete_email(&token, &first).await, "EMAIL_CODE_VERIFICATION_FAILED");
            world.advance(1);
        }
        assert_ok(&world.complete_email(&token, &second).await);
        world.advance(3600);
        assert_refused(&world.email_of(&token).await, "UNABLE_TO_FIND_CONFIRM_EMAIL_ACTION");
    }

    async fn by_a_users_id_the_address_is_told_once_it_is_confirmed(engine: Engine) {
        let (world, webhook) = with_email(engine).await;
        world.person(New { email: Some(email(ELLE, true)), ..person("elle") }).await;
        world.person(New { email: Some(email("paul@example.com", false)), ..person("paul") }).await;
        world.person(person("bare")).await;
        world.person(New { email: Some(email("gone@example.com", true)), ..person("gone") }).await;
        accounts::disable(&world.app.parts, Subject::parse("gone").unwrap()).await.unwrap();
        let start = async |user: &str| world.start_email(IP, &json!({"user": {"id": user}})).await;
        let token = start("elle").await.data()["result"]["token"].as_str().expect("a token").to_owned();
        assert_eq!(webhook.last().to, ELLE);
        let told = |email: &str, is_verified: bool| json!({"result": {"email": email, "isEmailVerified": is_verified}});
        assert_eq!(world.email_of(&token).await.data(), told("el***@example.com", false));
        assert_ok(&world.complete_email(&token, &webhook.last().code).await);
        assert_eq!(world.email_of(&token).await.data(), told(ELLE, true));
        assert!(start("paul").await.data()["result"]["token"].is_string(), "one that is not verified can be");
        for user in ["nobody", "bare", "gone", "\u{1}", &"x".repeat(300)] {
            assert_refused(&start(user).await, "WRONG_EMAIL_VALUE");
        }
    }

    async fn a_refusal_is_told_whole(engine: Engine) {
        let (world, webhook) = with_email(engine).await;
        let error = |operation: &str, kind: &str, message: &str, more: &Value| {
            let mut extensions = json!({"code": "BAD_USER_INPUT", "type": kind, "message": message,
                "messageForDeveloper": format!("{message}\n\nGraphQL request:2:3")});
            extensions[if operation.starts_with("get") { "query" } else { "mutation" }] = operation.into();
            extensions.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json!({"message": message, "name": "GQLError", "locations": [{"line": 2, "column": 3}], "path": ["result"],
                "extensions": extensions})
        };
        let for_user = |key: &str, words: &str| json!({"messageForUser": words, "messageForUserTemplateKey": key});
        let with = |mut value: Value, more: Value| {
            value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            value
        };
        let start = "startConfirmEmailAction";
        let missing = error(start, "EMAIL_AND_USER_ID_IS_MISSING", "Email or user id is missing",
            &for_user("api.user.startConfirmEmailAction.EMAIL_AND_USER_ID_IS_MISSING", "Email or user id is missing"));
        let both = error(start, "SHOULD_BE_ONE_IDENTIFIER_ONLY", "You need to pass either only the email or only the userId",
            &for_user("api.user.startConfirmEmailAction.SHOULD_BE_ONE_IDENTIFIER_ONLY", "Either an email or a user can be given, not both"));
        let wrong = error(start, "WRONG_EMAIL_VALUE", "Wrong format of provided email", &with(
            for_user("api.user.startConfirmEmailAction.WRONG_EMAIL_VALUE", "Wrong format of provided email"),
            json!({"variable": ["data", "email"], "correctExample": "example@example.com"})));
        let unable = |operation: &str| error(operation, "UNABLE_TO_FIND_CONFIRM_EMAIL_ACTION",
            "Confirm email action was expired or it could not be found. Try to initiate email confirmation again", &with(
                for_user("api.user.UNABLE_TO_FIND_CONFIRM_EMAIL_ACTION", "Unable to verify your email. Try again or ask our support"),
                json!({"variable": ["data", "token"]})));
        let version = |operation: &str| error(operation, "DV_VERSION_MISMATCH", "Wrong value for data version number",
            &json!({"variable": ["data", "dv"]}));
        let mut rows = vec![
            (START_EMAIL, data(&json!({})), missing.clone()),
            (START_EMAIL, data(&json!({"email": null, "user": null})), missing.clone()),
            (START_EMAIL, data(&json!({"email": ""})), missing),
            (START_EMAIL, data(&json!({"email": "x", "user": {"id": "x"}})), both),
            (RESEND_EMAIL, data(&json!({"token": NOBODY})), unable("resendConfirmEmailAction")),
            (COMPLETE_EMAIL, data(&json!({"token": NOBODY, "secretCode": "1234"})), unable("completeConfirmEmailAction")),
            (EMAIL_OF, data(&json!({"token": NOBODY})), unable("getEmailByConfirmEmailActionToken")),
        ];
        for bad in ["x", "x@", "@example.com", "a b@example.com", "elle@example.com\r\nBcc: all@example.com", PHONE] {
            rows.push((START_EMAIL, data(&json!({"email": bad})), wrong.clone()));
        }
        for (query, operation) in [(START_EMAIL, start), (RESEND_EMAIL, "resendConfirmEmailAction"),
            (COMPLETE_EMAIL, "completeConfirmEmailAction"), (EMAIL_OF, "getEmailByConfirmEmailActionToken")] {
            let mut second = data(&json!({}));
            if query != START_EMAIL {
                second["data"]["token"] = NOBODY.into();
            }
            if query == COMPLETE_EMAIL {
                second["data"]["secretCode"] = "1234".into();
            }
            second["data"]["dv"] = 2.into();
            rows.push((query, second, version(operation)));
        }
        for (query, variables, told) in rows {
            let answer = world.ask_with(&As::Nobody, query, variables.clone(), &[]).await;
            assert_eq!((answer.status, answer.error()), (200, told), "{variables}");
        }
        // A link to a page of the source's own is not sent as a code.
        let link = data(&json!({"email": ELLE, "confirmationFlow": "LINK_FOR_STAFF_VERIFICATION"}));
        let answer = world.ask_with(&As::Nobody, START_EMAIL, link, &[]).await;
        assert!(answer.error()["message"].as_str().unwrap().starts_with("confirmationFlow must be CODE"), "{}", answer.text());
        assert!(webhook.sent().is_empty());
        let code = data(&json!({"email": ELLE, "confirmationFlow": "CODE"}));
        world.ask_with(&As::Nobody, START_EMAIL, code, &[("accept-language", "ru")]).await.data();
        let sent = webhook.last();
        assert_eq!(sent.subject.as_deref(), Some("Код для 127.0.0.1"));
        assert_eq!(sent.text.replace(&sent.code, "CODE"), "CODE – код для 127.0.0.1. Никому его не сообщайте.");
    }

    async fn ten_wrong_codes_end_it(engine: Engine) {
        let (world, webhook) = with_email(engine).await;
        let token = world.code_to_email(ELLE).await;
        let wrong = other(&webhook.last().code);
        for _ in 0..10 {
            assert_refused(&world.complete_email(&token, wrong).await, "EMAIL_CODE_VERIFICATION_FAILED");
            world.advance(1);
        }
        world.advance(60);
        assert_refused(&world.complete_email(&token, &webhook.last().code).await, "EMAIL_CODE_EXPIRED");
        assert_refused(&world.complete_email(&token, &webhook.last().code).await, "TOO_MANY_REQUESTS");
        world.resend_email(IP, &token).await.data();
        world.advance(1);
        assert_refused(&world.complete_email(&token, &webhook.last().code).await, "EMAIL_CODE_MAX_RETRIES_REACHED");
        assert_refused(&world.complete_email(&token, &webhook.last().code).await, "UNABLE_TO_FIND_CONFIRM_EMAIL_ACTION");
    }

    /// The source has one word for all of them.
    async fn a_limit_is_told_in_one_word_and_takes_nothing_from_phones(engine: Engine) {
        let limits = "[limits]\nemails_per_hour_and_ip = 4\nemails_per_day_and_address = 3\n";
        let (world, webhook) = with_email_and(engine, limits).await;
        let start = async |ip: &str, address: &str| world.start_email(ip, &json!({"email": address})).await;
        world.code_to_email(ELLE).await;
        assert_refused(&start("203.0.113.1", ELLE).await, "TOO_MANY_REQUESTS");
        for n in 0..2 {
            world.advance(60);
            start(&format!("203.0.113.{n}"), ELLE).await.data();
        }
        world.advance(60);
        assert_refused(&start("203.0.113.9", ELLE).await, "TOO_MANY_REQUESTS");
        for n in 0..3 {
            start(IP, &format!("user-{n}@example.com")).await.data();
        }
        assert_refused(&start(IP, "user-9@example.com").await, "TOO_MANY_REQUESTS");
        let sent = webhook.sent().len();
        assert_eq!(sent, 6);
        world.code_to(PHONE).await;
        world.advance(86_400);
        start(IP, ELLE).await.data();
    }

    async fn whether_a_user_gets_mail_takes_no_answer_from_whether_they_get_sms(engine: Engine) {
        let (world, _webhook) = with_email_and(engine, "[limits]\nemails_per_hour_and_ip = 2\nsms_per_hour_and_ip = 3\n").await;
        let nobody = json!({"user": {"id": "nobody"}});
        for _ in 0..2 {
            assert_refused(&world.start_email(IP, &nobody).await, "WRONG_EMAIL_VALUE");
        }
        assert_refused(&world.start_email(IP, &nobody).await, "TOO_MANY_REQUESTS");
        for _ in 0..3 {
            assert_refused(&world.start_confirm(IP, &nobody).await, "WRONG_PHONE_FORMAT");
        }
        assert_refused(&world.start_confirm(IP, &nobody).await, "TOO_MANY_REQUESTS");
    }

    async fn what_was_not_sent_can_be_asked_for_again_at_once(engine: Engine) {
        let (world, webhook) = with_email(engine).await;
        webhook.answer([500, 500]);
        let answer = world.start_email(IP, &json!({"email": ELLE})).await;
        assert_refused(&answer, "EMAIL_NOT_SENT");
        assert_eq!(count(&world, "confirm_phone_actions").await, 0);
        world.code_to_email(ELLE).await;
        let (phones_alone, _sms) = with_sms(engine).await;
        for _ in 0..20 {
            assert_refused(&phones_alone.start_email(IP, &json!({"email": ELLE})).await, "EMAIL_NOT_CONFIGURED");
        }
        assert_refused(&phones_alone.start_email(IP, &json!({"email": "x"})).await, "WRONG_EMAIL_VALUE");
        assert_eq!(count(&phones_alone, "attempts").await, 0);
    }

    /// What was asked for by an address alone is nobody's, until an account that had the address goes.
    async fn confirmations_go_with_the_account_that_had_the_address(engine: Engine) {
        let (world, _webhook) = with_email(engine).await;
        let addresses = [ELLE, "paul@example.com"];
        for (subject, address) in [("elle", addresses[0]), ("paul", addresses[1])] {
            world.person(New { email: Some(email(address, true)), ..person(subject) }).await;
            world.code_to_email(address).await;
            world.advance(60);
            world.start_email(IP, &json!({"user": {"id": subject}})).await.data();
        }
        accounts::remove(&world.app.parts, Subject::parse("elle").unwrap()).await.unwrap();
        let left = "SELECT phone AS value FROM confirm_phone_actions";
        assert_eq!(texts(&world.database_url, left).await, ["paul@example.com", "paul@example.com"]);
        let kept = service::export::kept(&world.app.parts, &Subject::parse("paul").unwrap()).await.unwrap();
        let of = |part: &str| kept.iter().find(|(name, _)| *name == part).map(|(_, value)| value.clone()).unwrap();
        assert_eq!(of("emailConfirmations")[0]["email"], "paul@example.com");
        assert_eq!((of("emailConfirmations").as_array().unwrap().len(), of("phoneConfirmations")), (1, json!([])));
    }

    async fn a_fleet_shares_confirmations(engine: Engine) {
        let (first, webhook) = with_email(engine).await;
        let settings = webhook.settings_with_email();
        let second =
            World::start_beside(&first, |text| format!("trusted_proxies = [\"127.0.0.0/8\"]\n{text}{settings}")).await;
        let token = first.code_to_email(ELLE).await;
        assert_refused(&second.start_email(IP, &json!({"email": ELLE})).await, "TOO_MANY_REQUESTS");
        assert_ok(&second.complete_email(&token, &webhook.last().code).await);
        assert_eq!(first.email_of(&token).await.data()["result"]["isEmailVerified"], true);
    }
}
