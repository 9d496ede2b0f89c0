//! Signing in at our own page by a code to a phone: instead of a password, and after it.

use domain::account::AccountType;
use domain::ids::Subject;
use futures_util::future::join_all;
use serde_json::json;
use service::accounts::{self, New};

use crate::support::browser::{Browser, field, instruct_with, persons_instruction};
use crate::support::confirm::{PHONE, of_webhook, with_sms, with_sms_and};
use crate::support::database::{count, execute, texts};
use crate::support::person::{PASSWORD, person, phone};
use crate::support::sms::SmsWebhook;
use crate::support::world::{Answer, As, Body, CONSOLE, CONSOLE_PASSWORD, Engine, World, both_engines};

const MANY: &str = "[limits]\nsign_in_per_hour = 1000\nsms_per_hour_and_ip = 1000\n";

/// A world in which Elle has a verified phone and no password.
async fn with_elle(engine: Engine) -> (World, SmsWebhook) {
    let (world, sms) = with_sms_and(engine, |settings| settings + MANY).await;
    world.person(elle()).await;
    (world, sms)
}

fn elle() -> New {
    New { name: Some("Elle Woods".to_owned()), password: None, phone: Some(phone(PHONE, true)), ..person("elle") }
}

/// Paul has a password, a verified phone, and needs both.
async fn add_paul(world: &World) {
    world.person(New { phone: Some(phone(PHONE, true)), ..person("paul") }).await;
    execute(&world.database_url, "UPDATE accounts SET two_factor = NOT two_factor WHERE subject = 'paul'").await;
}

fn page(world: &World) -> String {
    format!("{}/phone", world.sign_in_page())
}

impl Browser {
    /// Sends a form of the page, with the token of the one that is open.
    async fn send_form(&mut self, world: &World, csrf: &str, fields: Vec<(&'static str, String)>) -> Answer {
        let mut form = vec![("csrf", csrf.to_owned())];
        form.extend(fields);
        self.go(world, "POST", &page(world), Body::Form(form)).await
    }

    /// Asks for a code to a number.
    async fn ask_code(&mut self, world: &World, number: &str) -> Answer {
        let shown = self.go(world, "GET", &page(world), Body::None).await;
        let csrf = field(&shown.text(), "csrf");
        self.send_form(world, &csrf, vec![("phone", number.to_owned())]).await
    }

    /// Types a code into the form that `shown` is.
    async fn type_code(&mut self, world: &World, shown: &Answer, code: &str) -> Answer {
        let (csrf, token) = (field(&shown.text(), "csrf"), field(&shown.text(), "token"));
        self.send_form(world, &csrf, vec![("token", token), ("code", code.to_owned())]).await
    }
}

/// A page without what is new in each.
fn bare(answer: &Answer) -> String {
    let mut page = answer.text();
    let nonce = page.split_once("nonce=\"").expect("a style").1.split('"').next().unwrap_or_default().to_owned();
    for changing in [field(&page, "csrf"), field(&page, "token"), nonce] {
        page = page.replace(&changing, "NEW");
    }
    page
}

both_engines! {
    async fn a_code_signs_in_who_has_no_password(engine: Engine) {
        let (world, sms) = with_elle(engine).await;
        let mut browser = Browser::default();
        let form = browser.go(&world, "GET", &world.sign_in_page(), Body::None).await.text();
        assert!(form.contains(&format!("href=\"{}\"", page(&world))), "{form}");
        let asked = browser.ask_code(&world, "+7 (999) 000-12-34").await;
        assert_eq!(asked.status, 200);
        assert!(asked.text().contains("We sent a code to +79*******34."), "{}", asked.text());
        let message = sms.last();
        assert_eq!((message.to.as_str(), message.code.len()), (PHONE, 6));
        assert_eq!(message.text, format!("{} is your code to sign in at 127.0.0.1. Tell nobody.", message.code));
        let done = browser.type_code(&world, &asked, &format!(" {} ", message.code)).await;
        assert_eq!((done.status, done.location()), (303, world.sign_in_page()));
        assert_eq!(browser.signed_in_as(&world).await.as_deref(), Some("Elle Woods"));
        let record = "SELECT subject || ' ' || detail AS value FROM audit WHERE event = 'SIGNED_IN'";
        assert_eq!(texts(&world.database_url, record).await, ["elle code"]);
        // Once: neither a second time here nor in another browser.
        let again = browser.type_code(&world, &asked, &message.code).await;
        assert_eq!(again.status, 422);
        assert_eq!(count(&world, "sessions").await, 1);
    }

    async fn a_code_lets_in_once_however_many_send_it_at_once(engine: Engine) {
        let (world, sms) = with_elle(engine).await;
        let mut browser = Browser::default();
        let asked = browser.ask_code(&world, PHONE).await;
        let code = sms.last().code;
        let tries = (0..8).map(|_| {
            let mut browser = browser.clone();
            let (world, asked, code) = (&world, &asked, &code);
            async move { browser.type_code(world, asked, code).await.status }
        });
        let mut statuses = join_all(tries).await;
        statuses.sort_unstable();
        // Who comes once it is used up is told so, who comes before that to wait: one look a second.
        let (in_, out) = statuses.split_first().expect("eight");
        assert!(*in_ == 303 && out.iter().all(|status| [422, 429].contains(status)), "{statuses:?}");
        assert_eq!(count(&world, "sessions").await, 1);
    }

    async fn whose_number_it_is_makes_no_difference_until_it_is_confirmed(engine: Engine) {
        let (world, sms) = with_elle(engine).await;
        world.person(New { phone: Some(phone("+79990000002", false)), ..person("unverified") }).await;
        world.person(New { phone: Some(phone("+79990000003", true)), ..person("disabled") }).await;
        accounts::disable(&world.app.parts, Subject::parse("disabled").unwrap()).await.unwrap();
        world.person(New { phone: Some(phone("+79990000004", true)), ..person("second") }).await;
        execute(&world.database_url, "UPDATE accounts SET two_factor = NOT two_factor WHERE subject = 'second'").await;
        let known = Browser::default().ask_code(&world, PHONE).await;
        for number in ["+79990000002", "+79990000003", "+79990000004", "+79990000005"] {
            let mut browser = Browser::default();
            let asked = browser.ask_code(&world, number).await;
            let masked = |number: &str| format!("+79*******{}", number.get(10..).expect("its last digits"));
            assert_eq!(asked.status, known.status);
            assert_eq!(bare(&asked).replace(&masked(number), "MASK"), bare(&known).replace(&masked(PHONE), "MASK"));
            assert_eq!(sms.last().to, number);
            let refused = browser.type_code(&world, &asked, &sms.last().code).await;
            assert_eq!(refused.status, 422, "{number}");
            assert!(refused.text().contains("no account signs in with this phone alone"), "{}", refused.text());
            assert_eq!(browser.signed_in_as(&world).await, None, "{number}");
        }
        let refusals = "SELECT DISTINCT detail AS value FROM audit WHERE event = 'SIGN_IN_REFUSED'";
        assert_eq!(texts(&world.database_url, refusals).await, ["no_account_for_phone"]);
    }

    async fn what_is_wrong_with_a_code_is_told(engine: Engine) {
        let (world, sms) = with_elle(engine).await;
        let mut browser = Browser::default();
        let nothing = browser.ask_code(&world, "89990001234").await;
        assert!(nothing.status == 422 && nothing.text().contains("This is no phone number"), "{}", nothing.text());
        assert!(nothing.text().contains("value=\"89990001234\""), "what was typed is kept");
        let asked = browser.ask_code(&world, PHONE).await;
        for wrong in ["", "x", "100000000000000000000", "-1", "0", "1234"] {
            let refused = browser.type_code(&world, &asked, wrong).await;
            assert!(refused.status == 422 && refused.text().contains("This is not the code"), "{wrong}: {}", refused.text());
            assert_eq!(field(&refused.text(), "token"), field(&asked.text(), "token"));
            world.advance(1);
        }
        world.advance(61);
        let late = browser.type_code(&world, &asked, &sms.last().code).await;
        assert!(late.status == 422 && late.text().contains("This code has run out"), "{}", late.text());
        let (csrf, token) = (field(&late.text(), "csrf"), field(&late.text(), "token"));
        let again = vec![("token", token.clone()), ("code", String::new()), ("again", "1".to_owned())];
        let sent = browser.send_form(&world, &csrf, again.clone()).await;
        assert_eq!((sent.status, field(&sent.text(), "token")), (200, token));
        let early = browser.send_form(&world, &csrf, again.clone()).await;
        assert_eq!((early.status, early.header("retry-after")), (429, Some("60")), "one a minute");
        assert!(early.text().contains("Try again in 1 min.") && early.text().contains("name=\"code\""), "{}", early.text());
        for n in 0..4 {
            world.advance(1);
            assert_eq!(browser.type_code(&world, &sent, "1").await.status, 422, "{n}");
        }
        world.advance(1);
        let over = browser.type_code(&world, &sent, &sms.last().code).await;
        assert!(over.status == 422 && over.text().contains("Please start again"), "{}", over.text());
        assert!(over.text().contains("name=\"phone\""), "{}", over.text());
        assert_eq!(browser.send_form(&world, &csrf, again).await.status, 422, "nothing to send it for");
        assert_eq!(browser.signed_in_as(&world).await, None);
    }

    async fn a_message_that_is_not_sent_can_be_asked_for_again(engine: Engine) {
        let (world, sms) = with_elle(engine).await;
        let mut browser = Browser::default();
        sms.answer([400]);
        let refused = browser.ask_code(&world, PHONE).await;
        assert!(refused.status == 503 && refused.text().contains("could not be sent"), "{}", refused.text());
        let asked = browser.ask_code(&world, PHONE).await;
        world.advance(60);
        sms.answer([400]);
        let again = vec![("token", field(&asked.text(), "token")), ("again", "1".to_owned())];
        let refused = browser.send_form(&world, &field(&asked.text(), "csrf"), again).await;
        assert_eq!(refused.status, 503);
        // The code before is still good.
        assert_eq!(browser.type_code(&world, &refused, &sms.sent()[1].code).await.status, 303);
    }

    async fn a_form_of_another_site_asks_for_nothing(engine: Engine) {
        let (world, sms) = with_elle(engine).await;
        let mut browser = Browser::default();
        let asked = browser.ask_code(&world, PHONE).await;
        let token = field(&asked.text(), "token");
        for (csrf, headers) in [("", vec![]), ("guess", vec![]), (&field(&asked.text(), "csrf"), vec![("sec-fetch-site", "cross-site")])] {
            let form = vec![("csrf", csrf.to_owned()), ("token", token.clone()), ("code", sms.last().code)];
            let refused = browser.go_with(&world, ("POST", &page(&world)), Body::Form(form), &headers).await;
            assert_eq!(refused.status, 403, "{csrf}");
        }
        let form = vec![("csrf", field(&asked.text(), "csrf")), ("token", token), ("code", sms.last().code)];
        assert_eq!(Browser::default().go(&world, "POST", &page(&world), Body::Form(form)).await.status, 403, "another browser");
        assert_eq!((count(&world, "sessions").await, sms.sent().len()), (0, 1));
        assert_eq!(browser.type_code(&world, &asked, &sms.last().code).await.status, 303);
    }

    async fn a_confirmation_of_the_dialect_signs_nobody_in_here(engine: Engine) {
        let (world, sms) = with_elle(engine).await;
        let token = world.code_to(PHONE).await;
        assert_eq!(world.complete(&token, sms.code()).await.data(), json!({"result": {"status": "ok"}}));
        let mut browser = Browser::default();
        let shown = browser.go(&world, "GET", &page(&world), Body::None).await;
        let csrf = field(&shown.text(), "csrf");
        for token in [token.clone(), token.replace("cp:", "si:"), token.replace("cp:", "sf:")] {
            let fields = vec![("token", token), ("code", sms.last().code)];
            assert_eq!(browser.send_form(&world, &csrf, fields).await.status, 422);
        }
        assert_eq!(count(&world, "sessions").await, 0);
    }

    async fn of_several_accounts_one_is_chosen(engine: Engine) {
        let (world, sms) = with_elle(engine).await;
        world.person(New { account_type: AccountType::Staff, phone: Some(phone(PHONE, true)), ..person("clerk") }).await;
        for (account, who, is_third) in [("staff", "clerk", false), ("resident", "elle", false), ("service", "robot", true)] {
            if is_third {
                let robot = New { account_type: AccountType::Service, phone: Some(phone(PHONE, true)), ..person("robot") };
                world.person(robot).await;
            }
            let mut browser = Browser::default();
            let asked = browser.ask_code(&world, PHONE).await;
            let choice = browser.type_code(&world, &asked, &sms.last().code).await;
            assert_eq!(choice.status, 200);
            let shown = choice.text();
            assert!(shown.contains("As an employee") && shown.contains("As a resident"), "{shown}");
            assert_eq!(shown.contains("As a program"), is_third, "{shown}");
            let (csrf, token) = (field(&shown, "csrf"), field(&shown, "token"));
            let choose = |account: &str| vec![("token", token.clone()), ("account", account.to_owned())];
            if !is_third {
                assert_eq!(browser.send_form(&world, &csrf, choose("service")).await.status, 422, "there is none");
            }
            assert_eq!(browser.send_form(&world, &csrf, choose(account)).await.status, 303, "{account}");
            assert_eq!(texts(&world.database_url, "SELECT subject AS value FROM sessions").await, [who]);
            execute(&world.database_url, "DELETE FROM sessions").await;
            world.advance(60);
        }
    }

    async fn a_second_factor_is_asked_for_after_the_password(engine: Engine) {
        let (world, sms) = with_sms_and(engine, |settings| settings + MANY).await;
        add_paul(&world).await;
        let mut browser = Browser::default();
        assert_eq!(browser.try_sign_in(&world, ("paul", "wrong password"), &[]).await.status, 422);
        assert!(sms.sent().is_empty());
        let asked = browser.try_sign_in(&world, ("paul", PASSWORD), &[]).await;
        assert_eq!((asked.status, count(&world, "sessions").await), (200, 0));
        assert!(asked.text().contains("We sent a code to +79*******34."), "{}", asked.text());
        assert_eq!((sms.last().to.as_str(), sms.last().code.len()), (PHONE, 6));
        assert_eq!(browser.type_code(&world, &asked, "1").await.status, 422);
        world.advance(1);
        let done = browser.type_code(&world, &asked, &sms.last().code).await;
        assert_eq!((done.status, done.location()), (303, world.sign_in_page()));
        assert_eq!(browser.signed_in_as(&world).await.as_deref(), Some(PHONE));
        let record = "SELECT subject || ' ' || detail AS value FROM audit WHERE event = 'SIGNED_IN'";
        assert_eq!(texts(&world.database_url, record).await, ["paul password_and_code"]);
    }

    async fn a_second_factor_is_of_its_password_and_its_phone(engine: Engine) {
        let (world, sms) = with_sms_and(engine, |settings| settings + MANY).await;
        add_paul(&world).await;
        let change = [
            "UPDATE accounts SET phone = '+79990000009' WHERE subject = 'paul'",
            "UPDATE accounts SET phone_verified = NOT phone_verified WHERE subject = 'paul'",
            "UPDATE accounts SET disabled_at = created WHERE subject = 'paul'",
        ];
        let back = [
            "UPDATE accounts SET phone = '+79990001234' WHERE subject = 'paul'",
            "UPDATE accounts SET phone_verified = NOT phone_verified WHERE subject = 'paul'",
            "UPDATE accounts SET disabled_at = NULL WHERE subject = 'paul'",
        ];
        for (change, back) in change.into_iter().zip(back) {
            let mut browser = Browser::default();
            let asked = browser.try_sign_in(&world, ("paul", PASSWORD), &[]).await;
            execute(&world.database_url, change).await;
            assert_eq!(browser.type_code(&world, &asked, &sms.last().code).await.status, 422, "{change}");
            execute(&world.database_url, back).await;
            world.advance(60);
        }
        let mut browser = Browser::default();
        let asked = browser.try_sign_in(&world, ("paul", PASSWORD), &[]).await;
        let subject = Subject::parse("paul").unwrap();
        accounts::set_password(&world.app.parts, subject, "another password".into()).await.unwrap();
        let over = browser.type_code(&world, &asked, &sms.last().code).await;
        assert!(over.status == 422 && over.text().contains("name=\"password\""), "{}", over.text());
        assert_eq!(count(&world, "sessions").await, 0);
    }

    async fn without_a_phone_there_is_no_second_factor(engine: Engine) {
        let (world, sms) = with_sms(engine).await;
        world.person(New { phone: Some(phone(PHONE, false)), ..person("paul") }).await;
        execute(&world.database_url, "UPDATE accounts SET two_factor = NOT two_factor WHERE subject = 'paul'").await;
        let refused = Browser::default().try_sign_in(&world, ("paul", PASSWORD), &[]).await;
        assert!(refused.status == 422 && refused.text().contains("takes a code to a verified phone"), "{}", refused.text());
        let none = World::start(engine).await;
        none.person(New { phone: Some(phone(PHONE, true)), ..person("paul") }).await;
        execute(&none.database_url, "UPDATE accounts SET two_factor = NOT two_factor WHERE subject = 'paul'").await;
        assert_eq!(Browser::default().try_sign_in(&none, ("paul", PASSWORD), &[]).await.status, 422);
        assert_eq!((sms.sent().len(), count(&world, "sessions").await, count(&none, "sessions").await), (0, 0, 0));
    }

    async fn codes_are_counted_as_everywhere(engine: Engine) {
        let (world, sms) = with_sms(engine).await;
        world.person(elle()).await;
        let mut browser = Browser::default();
        let asked = browser.ask_code(&world, PHONE).await;
        // The minute is the same as of the dialect, and so are the day and the network.
        assert_eq!(world.start_confirm("203.0.113.1", &json!({"phone": PHONE})).await.refused_as().1, "TOO_MANY_REQUESTS");
        let later = browser.ask_code(&world, PHONE).await;
        assert_eq!((later.status, later.header("retry-after")), (429, Some("60")));
        assert!(later.text().contains("Try again in 1 min."), "{}", later.text());
        // One look a second, at whichever instance.
        let second = World::start_beside(&world, |settings| of_webhook(&sms, &settings)).await;
        let form = vec![("csrf", field(&asked.text(), "csrf")), ("token", field(&asked.text(), "token")), ("code", "1".to_owned())];
        let mut moved = browser.clone();
        let url = format!("{}/phone", second.sign_in_page());
        assert_eq!(moved.go(&second, "POST", &url, Body::Form(form)).await.status, 422);
        let early = browser.type_code(&world, &asked, &sms.last().code).await;
        assert_eq!((early.status, early.header("retry-after")), (429, Some("1")));
        world.advance(1);
        assert_eq!(browser.type_code(&world, &asked, &sms.last().code).await.status, 303);
    }

    async fn signing_in_by_a_code_leads_on_to_the_bind(engine: Engine) {
        let (world, sms) = with_elle(engine).await;
        let mut browser = Browser::default();
        let redirect_to = instruct_with(&world, &As::Basic(CONSOLE, CONSOLE_PASSWORD), persons_instruction()).await;
        let to_sign_in = browser.go(&world, "GET", &redirect_to, Body::None).await.location();
        let form = browser.go(&world, "GET", &to_sign_in, Body::None).await.text();
        let (_, by_phone) = form.split_once("class=\"button\" href=\"").expect("a way by phone");
        let by_phone = by_phone.split('"').next().unwrap_or_default().replace("&#38;", "&");
        let shown = browser.go(&world, "GET", &by_phone, Body::None).await.text();
        let to = field(&shown, "to");
        assert!(redirect_to.ends_with(&to), "{to}");
        let fields = vec![("phone", PHONE.to_owned()), ("to", to.clone())];
        let asked = browser.send_form(&world, &field(&shown, "csrf"), fields).await.text();
        assert_eq!(field(&asked, "to"), to);
        let fields = vec![("token", field(&asked, "token")), ("code", sms.last().code), ("to", to.clone())];
        let done = browser.send_form(&world, &field(&asked, "csrf"), fields).await;
        assert_eq!(done.status, 200);
        assert!(done.text().contains(&format!("content=\"0;url={to}\"")), "{}", done.text());
        assert_eq!(browser.walk(&world, &redirect_to, "oleg").await.get("status"), "linked");
    }

    async fn without_a_gateway_there_is_no_such_page(engine: Engine) {
        let world = World::start(engine).await;
        let mut browser = Browser::default();
        let form = browser.go(&world, "GET", &world.sign_in_page(), Body::None).await.text();
        assert!(!form.contains("sign-in/phone"), "{form}");
        for (method, body) in [("GET", Body::None), ("POST", Body::Form(vec![("phone", PHONE.to_owned())]))] {
            let answer = browser.go(&world, method, &page(&world), body).await;
            assert!(answer.status == 404 && answer.text().contains("No codes are sent here"), "{}", answer.text());
        }
    }

    async fn a_form_out_of_shape_is_told_so(engine: Engine) {
        let (world, _sms) = with_elle(engine).await;
        let (mut browser, url) = (Browser::default(), page(&world));
        let form = "application/x-www-form-urlencoded";
        for (content_type, body, status) in [
            (form, b"phone=1&phone=2".to_vec(), 400),
            (form, vec![b'x'; 70_000], 413),
            ("application/json", b"{}".to_vec(), 415),
            (form, b"phone=1".to_vec(), 403),
        ] {
            assert_eq!(browser.go(&world, "POST", &url, Body::Raw(content_type, body)).await.status, status);
        }
        assert_eq!(browser.go(&world, "GET", &format!("{url}?to=a&to=b"), Body::None).await.status, 400);
    }
}
