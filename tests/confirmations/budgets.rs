//! Codes by SMS: strangers and owners have allowances of their own. What somebody does who has given no password takes nothing
//! from who has.

use domain::account::AccountType;
use domain::ids::Subject;
use serde_json::{Value, json};
use service::accounts::{self, New, Standing};

use crate::support::browser::{Browser, field};
use crate::support::condo::{by_email, staff};
use crate::support::confirm::{COMPLETE, PHONE, data, with_sms_and};
use crate::support::person::{PASSWORD, email, person, phone};
use crate::support::sms::SmsWebhook;
use crate::support::world::{Answer, As, Body, Engine, World, both_engines};

/// Where the owner is.
pub(super) const HOME: &str = "203.0.113.7";
/// A phone that is no account's.
pub(super) const NOBODYS: &str = "+79995550000";
const JOHNS: &str = "+79997654321";

pub(super) const MANY: &str = "[limits]\nsign_in_per_hour = 100000\n";

/// Jane and John take a second factor, each by their own phone. A day has just begun.
pub(super) async fn world_with(engine: Engine, limits: &str) -> (World, SmsWebhook) {
    let (world, webhook) = with_sms_and(engine, |settings| settings + limits).await;
    let two_factor = || Standing { two_factor: true, ..Standing::default() };
    world.person(New { phone: Some(phone(PHONE, true)), standing: two_factor(), ..staff("jane") }).await;
    let johns = (Some(email("john@example.com", true)), Some(phone(JOHNS, true)));
    world.person(New { email: johns.0, phone: johns.1, standing: two_factor(), ..staff("john") }).await;
    world.advance(to_midnight(&world));
    (world, webhook)
}

pub(super) fn to_midnight(world: &World) -> u64 {
    86_400 - u64::try_from(world.now().timestamp() % 86_400).expect("not negative")
}

/// A network that nobody else has, with its neighbours.
pub(super) fn network(n: usize) -> String {
    format!("198.{}.{}.1", 18 + n / 256, n % 256)
}

pub(super) fn by_id(user: &str) -> Value {
    json!({"user": {"id": user}})
}

pub(super) fn by_number(number: &str) -> Value {
    json!({"phone": number})
}

/// Jane's password, or what else the change says, given from there.
pub(super) async fn password(world: &World, ip: &str, change: Value) -> Answer {
    by_email::ask_at(world, "", change, &[("x-forwarded-for", ip)]).await
}

/// Has it said that Jane's password is right, and not enough.
pub(super) async fn right_password(world: &World, ip: &str) {
    assert_eq!(password(world, ip, json!({})).await.refused_as().1, "NOT_ENOUGH_AUTH_FACTORS");
}

pub(super) fn digits(code: i64) -> Value {
    factor(&code.to_string())
}

fn factor(value: &str) -> Value {
    json!({"secondFactor": {"type": "CONFIRM_PHONE_TOKEN", "value": value}})
}

/// What came of asking for a message: `sent`, or why not.
pub(super) async fn start(world: &World, ip: &str, whom: Value) -> String {
    let answer = world.start_confirm(ip, &whom).await;
    if answer.json().get("errors").is_none() { "sent".to_owned() } else { answer.refused_as().1 }
}

pub(super) async fn token_of(world: &World, ip: &str, whom: Value) -> String {
    let answer = world.start_confirm(ip, &whom).await;
    answer.data()["result"]["token"].as_str().expect("a token").to_owned()
}

/// What came of sending it again: `sent`, or why not.
async fn again(world: &World, ip: &str, token: &str) -> String {
    let answer = world.resend(ip, token).await;
    if answer.json().get("errors").is_none() { "sent".to_owned() } else { answer.refused_as().1 }
}

/// What came of typing a code: `right`, or why not.
async fn complete(world: &World, ip: &str, token: &str, code: i64) -> String {
    let data = data(&json!({"token": token, "smsCode": code}));
    let answer = world.ask_with(&As::Nobody, COMPLETE, data, &[("x-forwarded-for", ip)]).await;
    if answer.json().get("errors").is_none() { "right".to_owned() } else { answer.refused_as().1 }
}

fn another_than(code: i64) -> i64 {
    if code == 1234 { 4321 } else { 1234 }
}

/// The phone gets all that anybody may send it in a day; ten minutes pass.
async fn spend_the_day_of(world: &World, number: &str) {
    for n in 0..10 {
        assert_eq!(start(world, &network(n), by_number(number)).await, "sent");
        world.advance(60);
    }
    assert_eq!(start(world, &network(11), by_number(number)).await, "SMS_FOR_PHONE_DAY_LIMIT_REACHED");
}

/// Somebody types so many wrong codes of a phone that no more are looked at.
async fn spend_the_looks_of(world: &World, sms: &SmsWebhook, number: &str) -> String {
    let mut token = String::new();
    for n in 0..2 {
        world.advance(60);
        token = token_of(world, &network(n), by_number(number)).await;
        let wrong = another_than(sms.code());
        for _ in 0..10 {
            world.advance(1);
            assert_eq!(complete(world, &network(n), &token, wrong).await, "SMS_CODE_VERIFICATION_FAILED");
        }
    }
    world.advance(1);
    assert_eq!(complete(world, &network(3), &token, sms.code()).await, "TOO_MANY_REQUESTS");
    token
}

/// A browser that is somewhere.
pub(super) struct Visitor<'a> {
    world: &'a World,
    ip: &'a str,
    browser: Browser,
}

impl<'a> Visitor<'a> {
    pub(super) fn new(world: &'a World, ip: &'a str) -> Self {
        Self { world, ip, browser: Browser::default() }
    }

    pub(super) async fn password(&mut self, login: &str, password: &str) -> Answer {
        self.browser.try_sign_in(self.world, (login, password), &[("x-forwarded-for", self.ip)]).await
    }

    pub(super) async fn send(&mut self, csrf: &str, fields: &[(&'static str, &str)]) -> Answer {
        let mut form = vec![("csrf", csrf.to_owned())];
        form.extend(fields.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let page = format!("{}/phone", self.world.sign_in_page());
        self.browser.go_with(self.world, ("POST", &page), Body::Form(form), &[("x-forwarded-for", self.ip)]).await
    }

    pub(super) async fn ask_code(&mut self, number: &str) -> Answer {
        let page = format!("{}/phone", self.world.sign_in_page());
        let shown = self.browser.go(self.world, "GET", &page, Body::None).await.text();
        self.send(&field(&shown, "csrf"), &[("phone", number)]).await
    }

    pub(super) async fn type_code(&mut self, shown: &Answer, code: &str) -> Answer {
        let (csrf, token) = (field(&shown.text(), "csrf"), field(&shown.text(), "token"));
        self.send(&csrf, &[("token", &token), ("code", code)]).await
    }

    pub(super) async fn again(&mut self, shown: &Answer) -> Answer {
        let (csrf, token) = (field(&shown.text(), "csrf"), field(&shown.text(), "token"));
        self.send(&csrf, &[("token", &token), ("again", "1")]).await
    }
}

#[track_caller]
pub(super) fn assert_sent(answer: &Answer) {
    assert!(
        answer.status == 200 && answer.text().contains("We sent a code to "),
        "{} {}",
        answer.status,
        answer.text()
    );
}

both_engines! {
    async fn a_stranger_keeps_nobody_from_a_code(engine: Engine) {
        let (world, sms) = world_with(engine, MANY).await;
        // The phone's day by number and by id, the hour of the owner's own network, and its questions about users.
        for n in 0..10 {
            let whom = if n % 2 == 0 { by_number(PHONE) } else { by_id("jane") };
            assert_eq!(start(&world, &network(n), whom).await, "sent");
            world.advance(60);
        }
        for n in 0..10 {
            assert_eq!(start(&world, HOME, by_number(&format!("+7999000010{n}"))).await, "sent");
        }
        assert_eq!(start(&world, HOME, by_number(NOBODYS)).await, "SMS_FOR_IP_DAY_LIMIT_REACHED");
        for n in 0..10 {
            assert_eq!(start(&world, HOME, by_id(&format!("nobody-{n}"))).await, "WRONG_PHONE_FORMAT");
        }
        assert_eq!(start(&world, HOME, by_id("jane")).await, "TOO_MANY_REQUESTS");

        let mut jane = Visitor::new(&world, HOME);
        let asked = jane.password("jane", PASSWORD).await;
        assert_sent(&asked);
        world.advance(60);
        assert_sent(&jane.again(&asked).await);
        assert_eq!(jane.type_code(&asked, &sms.last().code).await.status, 303, "at our page");

        world.advance(60);
        right_password(&world, HOME).await;
        let token = token_of(&world, HOME, by_id("jane")).await;
        world.advance(60);
        assert_eq!(again(&world, HOME, &token).await, "sent");
        assert_eq!(sms.last().to, PHONE);
        assert_eq!(complete(&world, HOME, &token, sms.code()).await, "right");
        assert_eq!(password(&world, HOME, factor(&token)).await.data()[by_email::MUTATION]["item"]["id"], "jane", "in the dialect");
    }

    async fn the_minute_of_a_stranger_is_not_the_owners(engine: Engine) {
        let (world, sms) = world_with(engine, MANY).await;
        assert_eq!(start(&world, &network(1), by_number(PHONE)).await, "sent");
        right_password(&world, HOME).await;
        assert_eq!(start(&world, HOME, by_id("jane")).await, "sent");
        assert_eq!(start(&world, HOME, by_id("jane")).await, "TOO_MANY_REQUESTS", "one a minute, of an account too");
        assert_eq!(start(&world, HOME, by_number(PHONE)).await, "TOO_MANY_REQUESTS", "without an id it is anybody's");
        world.advance(60);
        // Nor is the owner's the stranger's, who would learn by it that somebody signs in.
        assert_sent(&Visitor::new(&world, HOME).password("jane", PASSWORD).await);
        assert_eq!(start(&world, &network(2), by_number(PHONE)).await, "sent");
        assert_eq!(sms.sent().len(), 4);
        // What could not be sent takes nobody's minute.
        world.advance(60);
        sms.answer([400]);
        assert_eq!(start(&world, HOME, by_id("jane")).await, "SMS_NOT_SENT");
        assert_eq!(start(&world, HOME, by_id("jane")).await, "sent");
    }

    async fn a_right_password_opens_a_budget_of_its_own(engine: Engine) {
        let (world, sms) = world_with(engine, MANY).await;
        let spent = "SMS_FOR_PHONE_DAY_LIMIT_REACHED";
        spend_the_day_of(&world, PHONE).await;
        spend_the_day_of(&world, JOHNS).await;
        let (home, next_door, elsewhere) = ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1");
        // What opens nothing: no password, a wrong one, and a right one of which nobody was told.
        assert_eq!(start(&world, home, by_id("jane")).await, spent);
        for wrong in [json!({"password": "wrong"}), digits(1234), factor("cp:18f854bd-8c06-4c98-bdcb-5b01f61ea383")] {
            assert_eq!(password(&world, home, wrong.clone()).await.refused_as().1, "WRONG_CREDENTIALS", "{wrong}");
            assert_eq!(start(&world, home, by_id("jane")).await, spent, "{wrong}");
        }
        right_password(&world, home).await;
        for other in [elsewhere, HOME, &network(1)] {
            assert_eq!(start(&world, other, by_id("jane")).await, spent, "another network");
        }
        assert_eq!(start(&world, home, by_id("john")).await, spent, "another account");
        assert_eq!(start(&world, home, by_id("nobody")).await, "WRONG_PHONE_FORMAT");
        assert_eq!(start(&world, home, by_number(PHONE)).await, spent, "the number alone");
        let token = token_of(&world, next_door, by_id("jane")).await;
        assert_eq!(sms.last().to, PHONE);
        world.advance(599);
        assert_eq!(again(&world, elsewhere, &token).await, spent, "another network");
        assert_eq!(again(&world, home, &token).await, "sent");
        world.advance(60);
        assert_eq!(again(&world, home, &token).await, spent, "the eleventh minute");
        assert_eq!(start(&world, home, by_id("jane")).await, spent, "the eleventh minute");
        // A password that is given again opens it anew, from then on.
        right_password(&world, home).await;
        world.advance(300);
        right_password(&world, home).await;
        world.advance(599);
        assert_eq!(start(&world, home, by_id("jane")).await, "sent");
        // One that is changed ends it.
        right_password(&world, home).await;
        let subject = Subject::parse("jane").unwrap();
        accounts::set_password(&world.app.parts, subject.clone(), "another password".into()).await.unwrap();
        world.advance(60);
        assert_eq!(start(&world, home, by_id("jane")).await, spent, "a changed password");
        let another = json!({"password": "another password"});
        assert_eq!(password(&world, home, another).await.refused_as().1, "NOT_ENOUGH_AUTH_FACTORS");
        assert_eq!(start(&world, home, by_id("jane")).await, "sent");
        world.advance(60);
        accounts::disable(&world.app.parts, subject).await.unwrap();
        assert_eq!(start(&world, home, by_id("jane")).await, "WRONG_PHONE_FORMAT", "a disabled account");
    }

    async fn an_account_gets_ten_messages_a_day_after_its_password(engine: Engine) {
        let (world, sms) = world_with(engine, MANY).await;
        let mut jane = Visitor::new(&world, HOME);
        for n in 0..10 {
            if n % 2 == 0 {
                right_password(&world, HOME).await;
                assert_eq!(start(&world, HOME, by_id("jane")).await, "sent", "{n}");
            } else {
                assert_sent(&jane.password("jane", PASSWORD).await);
            }
            world.advance(60);
        }
        // From wherever, and by whichever way.
        for ip in [HOME, &network(1)] {
            right_password(&world, ip).await;
            assert_eq!(start(&world, ip, by_id("jane")).await, "SMS_FOR_PHONE_DAY_LIMIT_REACHED", "{ip}");
            let refused = Visitor::new(&world, ip).password("jane", PASSWORD).await;
            assert_eq!((refused.status, refused.header("retry-after")), (429, Some((86_400 - 600).to_string().as_str())));
        }
        assert_eq!(sms.sent().len(), 10);
        // It is nobody else's: not the phone's, nor another account's of the same phone.
        assert_eq!(start(&world, HOME, by_number(PHONE)).await, "sent");
        world.person(New { account_type: AccountType::Resident, email: None, phone: Some(phone(PHONE, true)),
            standing: Standing { two_factor: true, ..Standing::default() }, ..person("resident") }).await;
        assert_sent(&Visitor::new(&world, HOME).password("resident", PASSWORD).await);
        world.advance(86_400 - 600);
        right_password(&world, HOME).await;
        assert_eq!(start(&world, HOME, by_id("jane")).await, "sent", "another day");
    }

    async fn digits_count_as_looks(engine: Engine) {
        let (world, sms) = world_with(engine, MANY).await;
        let mut kinds = Vec::new();
        for n in 0..10 {
            world.advance(60);
            // Of whosever code it is.
            if n % 2 == 0 {
                token_of(&world, &network(n), by_number(PHONE)).await;
            } else {
                right_password(&world, HOME).await;
                token_of(&world, HOME, by_id("jane")).await;
            }
            let wrong = another_than(sms.code());
            for m in 0..10 {
                world.advance(1);
                kinds.push(password(&world, &network(n * 10 + m), digits(wrong)).await.refused_as().1);
            }
        }
        let (looked, refused) = kinds.split_at(20);
        assert!(looked.iter().all(|kind| kind == "WRONG_CREDENTIALS"), "{looked:?}");
        assert!(refused.iter().all(|kind| kind == "TOO_MANY_REQUESTS"), "{refused:?}");
        world.advance(1);
        let waiting = password(&world, HOME, digits(sms.code())).await;
        assert_eq!(waiting.refused_as().1, "TOO_MANY_REQUESTS", "the right ones");
        let minutes = to_midnight(&world).div_ceil(60);
        assert_eq!(waiting.error()["extensions"]["messageInterpolation"]["minutesRemaining"], minutes);
        assert_eq!(password(&world, HOME, json!({"password": "wrong", "secondFactor": digits(1)["secondFactor"]})).await
            .refused_as().1, "WRONG_CREDENTIALS", "who has no password is told nothing");
        world.advance(to_midnight(&world));
        right_password(&world, HOME).await;
        token_of(&world, HOME, by_id("jane")).await;
        assert_eq!(password(&world, HOME, digits(another_than(sms.code()))).await.refused_as().1, "WRONG_CREDENTIALS");
        assert_eq!(password(&world, HOME, digits(sms.code())).await.refused_as().1, "TOO_MANY_REQUESTS", "one a second");
        world.advance(1);
        assert!(password(&world, HOME, digits(sms.code())).await.data()[by_email::MUTATION]["token"].is_string());
    }

    async fn codes_at_our_page_are_looked_at_once_a_second(engine: Engine) {
        let (world, sms) = world_with(engine, MANY).await;
        world.person(New { phone: Some(phone(NOBODYS, true)), ..person("elle") }).await;
        for (number, secret) in [(NOBODYS, None), (PHONE, Some(PASSWORD))] {
            let mut visitor = Visitor::new(&world, HOME);
            let asked = match secret {
                Some(secret) => visitor.password("jane", secret).await,
                None => visitor.ask_code(number).await,
            };
            assert_sent(&asked);
            assert_eq!(visitor.type_code(&asked, "1").await.status, 422, "{number}");
            let early = visitor.type_code(&asked, &sms.last().code).await;
            assert_eq!((early.status, early.header("retry-after")), (429, Some("1")), "{number}");
            // The form stays.
            world.advance(1);
            assert_eq!(visitor.type_code(&early, &sms.last().code).await.status, 303, "{number}");
        }
    }

    async fn a_strangers_looks_are_not_the_owners(engine: Engine) {
        let (world, sms) = world_with(engine, MANY).await;
        spend_the_looks_of(&world, &sms, PHONE).await;
        // By the digits, though a stranger had another code sent meanwhile.
        right_password(&world, HOME).await;
        token_of(&world, HOME, by_id("jane")).await;
        let own = sms.code();
        world.advance(50);
        let strangers = token_of(&world, &network(5), by_number(PHONE)).await;
        for _ in 0..3 {
            complete(&world, &network(5), &strangers, another_than(sms.code())).await;
        }
        assert_eq!(password(&world, HOME, digits(own)).await.data()[by_email::MUTATION]["item"]["id"], "jane");
        // By the token.
        world.advance(60);
        right_password(&world, HOME).await;
        let token = token_of(&world, HOME, by_id("jane")).await;
        assert_eq!(complete(&world, HOME, &token, another_than(sms.code())).await, "SMS_CODE_VERIFICATION_FAILED");
        world.advance(1);
        assert_eq!(complete(&world, HOME, &token, sms.code()).await, "right");
        // At our page.
        world.advance(60);
        let mut jane = Visitor::new(&world, HOME);
        let asked = jane.password("jane", PASSWORD).await;
        assert_eq!(jane.type_code(&asked, "1").await.status, 422);
        world.advance(1);
        assert_eq!(jane.type_code(&asked, &sms.last().code).await.status, 303);
        // Nor has the id alone, without the password, more than the number has.
        world.advance(60);
        let token = token_of(&world, &network(6), by_id("jane")).await;
        assert_eq!(complete(&world, &network(6), &token, sms.code()).await, "TOO_MANY_REQUESTS");
    }
}
