//! Confirming a phone by a code: the whole way, how long each thing lives, and how often it may be tried.

use domain::ids::Subject;
use futures_util::future::join_all;
use serde_json::json;
use service::accounts::{self, New};
use service::sweep;

use crate::support::confirm::{COMPLETE, PHONE, START, data, of_webhook, with_sms};
use crate::support::database::{count, texts};
use crate::support::person::{person, phone};
use crate::support::world::{Answer, As, World, both_engines};

const IP: &str = "198.51.100.1";

#[track_caller]
fn assert_ok(answer: &Answer) {
    assert_eq!(answer.data(), json!({"result": {"status": "ok"}}));
}

#[track_caller]
fn assert_refused(answer: &Answer, kind: &str) {
    assert_eq!(answer.refused_as(), (200, kind.to_owned()));
    assert_eq!(answer.json()["data"], json!({"result": null}));
}

both_engines! {
    async fn a_code_confirms_a_phone(engine: Engine) {
        let (world, sms) = with_sms(engine).await;
        let token = world.code_to("+7 (999) 000-12-34").await;
        let uuid = token.strip_prefix("cp:").expect("its prefix");
        assert_eq!(uuid::Uuid::parse_str(uuid).expect("a UUID").get_version_num(), 4);
        let message = sms.last();
        assert_eq!((message.to.as_str(), message.code.len()), (PHONE, 4));
        assert_eq!(message.text, format!("{} is your code for 127.0.0.1. Tell nobody.", message.code));
        let shown = |verified: bool| json!({"result": {"phone": PHONE, "isPhoneVerified": verified}});
        assert_eq!(world.phone_of(&token).await.data(), shown(false));
        assert_ok(&world.complete(&token, sms.code()).await);
        assert_eq!(world.phone_of(&token).await.data(), shown(true));
        // Once more does no harm, as long as the code lives.
        world.advance(1);
        assert_ok(&world.complete(&token, sms.code()).await);
        assert_eq!(sms.sent().len(), 1);
    }

    async fn a_code_lives_a_minute_and_a_confirmation_an_hour(engine: Engine) {
        let (world, sms) = with_sms(engine).await;
        let token = world.code_to(PHONE).await;
        world.advance(60);
        assert_ok(&world.complete(&token, sms.code()).await);
        world.advance(1);
        assert_refused(&world.complete(&token, sms.code()).await, "SMS_CODE_EXPIRED");
        // Sending another prolongs the code alone.
        assert_ok(&world.resend(IP, &token).await);
        world.advance(1);
        assert_ok(&world.complete(&token, sms.code()).await);
        world.advance(3600 - 62);
        assert_ok(&world.resend(IP, &token).await);
        assert_ok(&world.complete(&token, sms.code()).await);
        world.advance(1);
        for answer in [world.complete(&token, sms.code()).await, world.resend(IP, &token).await, world.phone_of(&token).await] {
            assert_refused(&answer, "UNABLE_TO_FIND_CONFIRM_PHONE_ACTION");
        }
        assert_eq!(count(&world, "confirm_phone_actions").await, 1);
        sweep::delete(&world.app.parts).await.unwrap();
        assert_eq!(count(&world, "confirm_phone_actions").await, 0);
    }

    async fn ten_wrong_codes_end_it(engine: Engine) {
        let (world, sms) = with_sms(engine).await;
        let token = world.code_to(PHONE).await;
        let wrong = if sms.code() == 1000 { 1001 } else { 1000 };
        for n in 0..5 {
            assert_refused(&world.complete(&token, wrong).await, "SMS_CODE_VERIFICATION_FAILED");
            world.advance(1);
            // The right one is no wrong one.
            if n == 2 {
                assert_ok(&world.complete(&token, sms.code()).await);
                world.advance(1);
            }
        }
        // Another code gives no more tries.
        world.advance(60);
        assert_ok(&world.resend(IP, &token).await);
        let wrong = if sms.code() == 1000 { 1001 } else { 1000 };
        for _ in 0..5 {
            assert_refused(&world.complete(&token, wrong).await, "SMS_CODE_VERIFICATION_FAILED");
            world.advance(1);
        }
        assert_refused(&world.complete(&token, sms.code()).await, "SMS_CODE_MAX_RETRIES_REACHED");
        world.advance(60);
        assert_refused(&world.complete(&token, sms.code()).await, "UNABLE_TO_FIND_CONFIRM_PHONE_ACTION");
        assert_refused(&world.resend(IP, &token).await, "UNABLE_TO_FIND_CONFIRM_PHONE_ACTION");
        let row = "SELECT CAST(retries AS TEXT) AS value FROM confirm_phone_actions";
        assert_eq!(texts(&world.database_url, row).await, ["10"]);
    }

    async fn no_number_but_the_code_is_the_code(engine: Engine) {
        let (world, sms) = with_sms(engine).await;
        let token = world.code_to(PHONE).await;
        for wrong in [0, -sms.code(), sms.code() + 10_000, i64::from(i32::MAX), i64::from(i32::MIN)] {
            assert_refused(&world.complete(&token, wrong).await, "SMS_CODE_VERIFICATION_FAILED");
            world.advance(1);
        }
        // The code of one is none of another's.
        let code = sms.code();
        let other = world.code_to("+79990000002").await;
        if sms.code() != code {
            assert_refused(&world.complete(&other, code).await, "SMS_CODE_VERIFICATION_FAILED");
        }
        assert_ok(&world.complete(&token, code).await);
    }

    async fn one_try_a_second_is_looked_at(engine: Engine) {
        let (world, sms) = with_sms(engine).await;
        let token = world.code_to(PHONE).await;
        let second = World::start_beside(&world, |settings| of_webhook(&sms, &settings)).await;
        // Wrong or right, late or not: the try before takes the second.
        let tries = (0..100).map(|n| {
            let world = if n % 2 == 0 { &world } else { &second };
            let token = token.clone();
            async move { world.complete(&token, 1).await.refused_as().1 }
        });
        let kinds = join_all(tries).await;
        let of = |wanted: &str| kinds.iter().filter(|kind| *kind == wanted).count();
        assert_eq!((of("SMS_CODE_VERIFICATION_FAILED"), of("TOO_MANY_REQUESTS")), (1, 99), "{kinds:?}");
        world.advance(1);
        assert_ok(&world.complete(&token, sms.code()).await);
        assert_refused(&world.complete(&token, sms.code()).await, "TOO_MANY_REQUESTS");
    }

    async fn another_code_voids_the_one_before(engine: Engine) {
        let (world, sms) = with_sms(engine).await;
        let token = world.code_to(PHONE).await;
        let first = sms.code();
        assert_refused(&world.resend(IP, &token).await, "TOO_MANY_REQUESTS");
        world.advance(59);
        assert_refused(&world.resend(IP, &token).await, "TOO_MANY_REQUESTS");
        world.advance(1);
        assert_ok(&world.resend(IP, &token).await);
        assert_eq!(sms.sent().len(), 2);
        if sms.code() != first {
            assert_refused(&world.complete(&token, first).await, "SMS_CODE_VERIFICATION_FAILED");
            world.advance(1);
        }
        assert_ok(&world.complete(&token, sms.code()).await);
        // The minute is the phone's: nobody has it sent more by starting anew.
        assert_refused(&world.start_confirm(IP, &json!({"phone": PHONE})).await, "TOO_MANY_REQUESTS");
    }

    async fn a_phone_gets_ten_codes_a_day(engine: Engine) {
        let (world, sms) = with_sms(engine).await;
        let noon_to_midnight = {
            use domain::clock::Clock as _;
            86_400 - u64::try_from(world.clock.now().timestamp() % 86_400).unwrap()
        };
        // From one minute after midnight on.
        world.advance(noon_to_midnight + 60);
        let token = world.code_to(PHONE).await;
        for n in 1..10 {
            world.advance(60);
            assert_ok(&world.resend(&format!("198.51.100.{n}"), &token).await);
        }
        world.advance(60);
        for n in 0..3 {
            let ip = format!("203.0.113.{n}");
            assert_refused(&world.start_confirm(&ip, &json!({"phone": PHONE})).await, "SMS_FOR_PHONE_DAY_LIMIT_REACHED");
            assert_refused(&world.resend(&ip, &token).await, "SMS_FOR_PHONE_DAY_LIMIT_REACHED");
        }
        assert_eq!(sms.sent().len(), 10);
        assert_eq!(world.start_confirm(IP, &json!({"phone": "+79990000002"})).await.status, 200, "another phone");
        // The day ends at midnight, not a day after the first.
        world.advance(86_400 - 60 - 10 * 60 - 1);
        assert_refused(&world.start_confirm(IP, &json!({"phone": PHONE})).await, "SMS_FOR_PHONE_DAY_LIMIT_REACHED");
        world.advance(1);
        world.code_to(PHONE).await;
    }

    async fn a_network_asks_for_ten_codes_an_hour(engine: Engine) {
        let (world, sms) = with_sms(engine).await;
        let second = World::start_beside(&world, |settings| of_webhook(&sms, &settings)).await;
        let v6 = |n: usize| format!("2001:db8:1:2::{n}");
        for n in 0..10 {
            let world = if n % 2 == 0 { &world } else { &second };
            let asked = world.start_confirm(&v6(n), &json!({"phone": format!("+7999000000{n}")})).await;
            assert!(asked.data()["result"]["token"].is_string(), "{n}");
        }
        for world in [&world, &second] {
            let refused = world.start_confirm(&v6(99), &json!({"phone": "+79990000099"})).await;
            assert_refused(&refused, "SMS_FOR_IP_DAY_LIMIT_REACHED");
        }
        assert_eq!(sms.sent().len(), 10);
        world.advance(3600 - 1);
        assert_refused(&world.start_confirm(&v6(1), &json!({"phone": "+79990000098"})).await, "SMS_FOR_IP_DAY_LIMIT_REACHED");
        world.advance(1);
        assert!(world.start_confirm(&v6(1), &json!({"phone": "+79990000097"})).await.data()["result"]["token"].is_string());
    }

    async fn codes_are_not_guessed_at_scale(engine: Engine) {
        let (world, sms) = with_sms(engine).await;
        // Of one phone, from wherever: twice as many tries a day as it may get messages.
        let mut kinds = Vec::new();
        for n in 0..3 {
            world.advance(60);
            let from = format!("203.0.113.{n}");
            let token = world.start_confirm(&from, &json!({"phone": PHONE})).await.data()["result"]["token"].as_str().unwrap().to_owned();
            let wrong = if sms.code() == 1234 { 4321 } else { 1234 };
            for _ in 0..10 {
                world.advance(2);
                kinds.push(world.complete(&token, wrong).await.refused_as().1);
            }
        }
        let (looked, refused) = kinds.split_at(20);
        assert!(looked.iter().all(|kind| kind == "SMS_CODE_VERIFICATION_FAILED"), "{looked:?}");
        assert!(refused.iter().all(|kind| kind == "TOO_MANY_REQUESTS"), "{refused:?}");
    }

    async fn users_are_asked_for_only_so_often(engine: Engine) {
        let (world, _sms) = with_sms(engine).await;
        for n in 0..11 {
            let answer = world.start_confirm(IP, &json!({"user": {"id": format!("nobody-{n}")}})).await;
            assert_refused(&answer, if n < 10 { "WRONG_PHONE_FORMAT" } else { "TOO_MANY_REQUESTS" });
        }
    }

    async fn a_fleet_shares_confirmations(engine: Engine) {
        let (first, sms) = with_sms(engine).await;
        let second = World::start_beside(&first, |settings| of_webhook(&sms, &settings)).await;
        let token = first.code_to(PHONE).await;
        assert_refused(&second.start_confirm(IP, &json!({"phone": PHONE})).await, "TOO_MANY_REQUESTS");
        assert_ok(&second.complete(&token, sms.code()).await);
        assert_eq!(first.phone_of(&token).await.data()["result"]["isPhoneVerified"], true);
    }

    async fn by_a_users_id_the_number_is_told_once_it_is_confirmed(engine: Engine) {
        let (world, sms) = with_sms(engine).await;
        world.person(New { phone: Some(phone(PHONE, true)), ..person("elle") }).await;
        world.person(New { phone: Some(phone("+79990000002", false)), ..person("paul") }).await;
        world.person(person("bare")).await;
        world.person(New { phone: Some(phone("+79990000003", true)), ..person("gone") }).await;
        accounts::disable(&world.app.parts, Subject::parse("gone").unwrap()).await.unwrap();
        let start = async |user: &str| world.start_confirm(IP, &json!({"user": {"id": user}})).await;
        let token = start("elle").await.data()["result"]["token"].as_str().expect("a token").to_owned();
        assert_eq!(sms.last().to, PHONE);
        let masked = json!({"result": {"phone": "+79*******34", "isPhoneVerified": false}});
        assert_eq!(world.phone_of(&token).await.data(), masked);
        assert_ok(&world.complete(&token, sms.code()).await);
        let told = json!({"result": {"phone": PHONE, "isPhoneVerified": true}});
        assert_eq!(world.phone_of(&token).await.data(), told);
        assert!(start("paul").await.data()["result"]["token"].is_string(), "one that is not verified can be");
        for user in ["nobody", "bare", "gone", "\u{1}", &"x".repeat(300)] {
            assert_refused(&start(user).await, "WRONG_PHONE_FORMAT");
        }
    }

    async fn what_was_not_sent_can_be_asked_for_again_at_once(engine: Engine) {
        let (world, sms) = with_sms(engine).await;
        for statuses in [[500, 500].as_slice(), &[400], &[302, 503]] {
            sms.answer(statuses.iter().copied());
            assert_refused(&world.start_confirm(IP, &json!({"phone": PHONE})).await, "SMS_NOT_SENT");
        }
        let ids: Vec<String> = sms.sent().into_iter().map(|sent| sent.id).collect();
        assert!(ids.len() == 5 && ids[0] == ids[1] && ids[1] != ids[2] && ids[3] == ids[4], "{ids:?}");
        assert_eq!(count(&world, "confirm_phone_actions").await, 0);
        // One that fails once is sent all the same.
        sms.answer([500]);
        let token = world.code_to(PHONE).await;
        let code = sms.code();
        world.advance(60);
        sms.answer([500, 500]);
        assert_refused(&world.resend(IP, &token).await, "SMS_NOT_SENT");
        assert_ok(&world.complete(&token, code).await);
        assert_ok(&world.resend(IP, &token).await);
    }

    async fn without_a_gateway_it_says_so(engine: Engine) {
        let world = World::condo_frozen(engine).await;
        for _ in 0..20 {
            assert_refused(&world.start_confirm(IP, &json!({"phone": PHONE})).await, "SMS_NOT_CONFIGURED");
        }
        assert_eq!((count(&world, "attempts").await, count(&world, "confirm_phone_actions").await), (0, 0));
        assert_refused(&world.start_confirm(IP, &json!({"phone": "1"})).await, "WRONG_PHONE_FORMAT");
    }

    async fn messages_speak_the_language_of_who_asks(engine: Engine) {
        let (world, sms) = with_sms(engine).await;
        let start = async |phone: &str, headers: &[(&str, &str)]| {
            world.ask_with(&As::Nobody, START, data(&json!({"phone": phone})), headers).await.data();
            let message = sms.last();
            message.text.replace(&message.code, "CODE")
        };
        let (en, ru) = ("CODE is your code for 127.0.0.1. Tell nobody.", "CODE – код для 127.0.0.1. Никому его не сообщайте.");
        assert_eq!(start("+79990000001", &[("accept-language", "ru")]).await, ru);
        assert_eq!(start("+79990000002", &[("accept-language", "en-US,ru;q=0.5")]).await, en);
        assert_eq!(start("+79990000003", &[("cookie", "NEXT_LOCALE=ru")]).await, ru);
    }

    async fn a_token_of_our_own_page_confirms_nothing_here(engine: Engine) {
        let (world, sms) = with_sms(engine).await;
        let token = world.code_to(PHONE).await;
        let uuid = token.trim_start_matches("cp:").to_owned();
        for token in [uuid.clone(), format!("si:{uuid}"), format!("sf:{uuid}"), format!("CP:{uuid}"), String::new(), "cp:".to_owned(), "\u{1}".to_owned()] {
            assert_refused(&world.complete(&token, sms.code()).await, "UNABLE_TO_FIND_CONFIRM_PHONE_ACTION");
        }
        let answer = world.ask_with(&As::Nobody, COMPLETE, data(&json!({"token": token, "smsCode": sms.code()})), &[]).await;
        assert_ok(&answer);
    }
}
