//! What a client is told when a confirmation is refused: each whole error, in both languages, and which comes first.

use serde_json::{Value, json};

use crate::support::confirm::{COMPLETE, PHONE, PHONE_OF, RESEND, START, data, with_sms};
use crate::support::world::{As, World, both_engines};

const NOBODY: &str = "cp:18f854bd-8c06-4c98-bdcb-5b01f61ea383";

/// What an error says beside what all of them do.
struct Told {
    operation: &'static str,
    code: &'static str,
    kind: &'static str,
    message: &'static str,
    variable: Option<&'static str>,
    /// The key of the translation, before the type, and the words.
    user: Option<(&'static str, &'static str)>,
    more: Value,
}

impl Told {
    fn new(operation: &'static str, kind: &'static str, message: &'static str) -> Self {
        Self { operation, code: "BAD_USER_INPUT", kind, message, variable: None, user: None, more: json!({}) }
    }

    fn at(self, variable: &'static str) -> Self {
        Self { variable: Some(variable), ..self }
    }

    fn user(self, key: &'static str, text: &'static str) -> Self {
        Self { user: Some((key, text)), ..self }
    }

    fn with(self, more: Value) -> Self {
        Self { more, ..self }
    }

    fn error(&self) -> Value {
        let mut extensions = json!({"code": self.code, "type": self.kind, "message": self.message,
            "messageForDeveloper": format!("{}\n\nGraphQL request:2:3", self.message)});
        let query = self.operation.starts_with("get");
        extensions[if query { "query" } else { "mutation" }] = self.operation.into();
        if let Some(variable) = self.variable {
            extensions["variable"] = json!(["data", variable]);
        }
        if let Some((key, text)) = self.user {
            extensions["messageForUser"] = text.into();
            extensions["messageForUserTemplateKey"] = format!("{key}.{}", self.kind).into();
        }
        extensions.as_object_mut().unwrap().extend(self.more.as_object().unwrap().clone());
        json!({"message": self.message, "name": "GQLError", "locations": [{"line": 2, "column": 3}], "path": ["result"],
            "extensions": extensions})
    }
}

/// A call that is refused, and what it is told.
type Row = (&'static str, Value, Told);

fn format(operation: &'static str) -> Vec<Row> {
    let query = match operation {
        "startConfirmPhoneAction" => START,
        "resendConfirmPhoneActionSms" => RESEND,
        _ => COMPLETE,
    };
    let call = |dv: i32, sender_dv: i32, fingerprint: &str| {
        let mut data = data(&match operation {
            "startConfirmPhoneAction" => json!({}),
            "resendConfirmPhoneActionSms" => json!({"token": NOBODY}),
            _ => json!({"token": NOBODY, "smsCode": 1234}),
        });
        data["data"]["dv"] = dv.into();
        data["data"]["sender"] = json!({"dv": sender_dv, "fingerprint": fingerprint});
        data
    };
    let version = || Told::new(operation, "DV_VERSION_MISMATCH", "Wrong value for data version number").at("dv");
    let sender = || {
        let message = "Invalid format of \"sender\" field value. Please, check the example for details";
        let example = "{ \"dv\": 1, \"fingerprint\": \"uniq-device-or-container-id\" }";
        let more = json!({"correctExample": example, "messageInterpolation": {"details": "Please, check the example for details"}});
        Told::new(operation, "WRONG_FORMAT", message).at("sender").with(more)
    };
    vec![
        (query, call(2, 1, "a-test-device"), version()),
        (query, call(0, 2, "-"), version()),
        (query, call(1, 2, "a-test-device"), sender()),
        (query, call(1, 1, "-"), sender()),
    ]
}

fn unable(operation: &'static str) -> Told {
    let message = "Confirm phone action was expired or it could not be found. Try to initiate phone confirmation again";
    Told::new(operation, "UNABLE_TO_FIND_CONFIRM_PHONE_ACTION", message)
        .at("token")
        .user("api.user", "Unable to verify your phone number. Try again or ask our support")
}

async fn assert_told(world: &World, (query, variables, told): Row) {
    let answer = world.ask_with(&As::Nobody, query, variables.clone(), &[("x-forwarded-for", "198.51.100.1")]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.error(), told.error(), "{variables}");
    assert_eq!(answer.json()["data"], json!({"result": null}));
}

both_engines! {
    async fn a_refusal_is_told_whole(engine: Engine) {
        let (world, sms) = with_sms(engine).await;
        let start = "startConfirmPhoneAction";
        let phone_wrong = || Told::new(start, "WRONG_PHONE_FORMAT", "Wrong format of provided phone number")
            .at("phone").user("api.common", "Wrong phone number format").with(json!({"correctExample": "+79991234567"}));
        let missing = || Told::new(start, "PHONE_AND_USER_ID_IS_MISSING", "Phone or user id is missing")
            .user("api.user.startConfirmPhoneAction", "Phone or user id is missing");
        let both = Told::new(start, "SHOULD_BE_ONE_IDENTIFIER_ONLY", "You need to pass either only the phone or only the userId")
            .user("api.user.startConfirmPhoneAction", "Either a phone or a user can be given, not both");
        let mut rows: Vec<Row> = Vec::new();
        for operation in [start, "resendConfirmPhoneActionSms", "completeConfirmPhoneAction"] {
            rows.extend(format(operation));
        }
        rows.extend([
            (START, data(&json!({})), missing()),
            (START, data(&json!({"phone": null, "user": null})), missing()),
            (START, data(&json!({"phone": ""})), missing()),
            (START, data(&json!({"phone": "89990001234", "user": {"id": "x"}})), both),
            (START, data(&json!({"phone": "89990001234"})), phone_wrong()),
            (START, data(&json!({"user": {"id": "nobody"}})), phone_wrong()),
            (RESEND, data(&json!({"token": NOBODY})), unable("resendConfirmPhoneActionSms")),
            (COMPLETE, data(&json!({"token": NOBODY, "smsCode": 1234})), unable("completeConfirmPhoneAction")),
            (PHONE_OF, json!({"data": {"token": NOBODY, "captcha": "1234"}}), unable("getPhoneByConfirmPhoneActionToken")),
        ]);
        for row in rows {
            assert_told(&world, row).await;
        }
        assert!(sms.sent().is_empty());
    }

    async fn a_limit_is_told_whole(engine: Engine) {
        let (world, sms) = with_sms(engine).await;
        let start = "startConfirmPhoneAction";
        let call = |phone: &str| data(&json!({"phone": phone}));
        world.code_to(PHONE).await;
        let wait = "You have to wait 1 min. to be able to send request again";
        let waiting = |operation| {
            let template = "You have to wait {minutesRemaining} min. to be able to send request again";
            let more = json!({"messageForUserTemplate": template, "messageInterpolation": {"minutesRemaining": 1}});
            Told::new(operation, "TOO_MANY_REQUESTS", wait).user("api.user", wait).with(more)
        };
        assert_told(&world, (START, call(PHONE), waiting(start))).await;
        for n in 0..9 {
            world.advance(60);
            world.start_confirm(&format!("203.0.113.{n}"), &json!({"phone": PHONE})).await.data();
        }
        let message = "Too many sms requests for this phone number. Try again tomorrow";
        let limit = Told::new(start, "SMS_FOR_PHONE_DAY_LIMIT_REACHED", message).user("api.user", message);
        assert_told(&world, (START, call(PHONE), limit)).await;
        for n in 0..8 {
            world.start_confirm("198.51.100.1", &json!({"phone": format!("+7999000000{n}")})).await;
        }
        let message = "Too many sms requests from this ip address. Try again tomorrow";
        let limit = Told::new(start, "SMS_FOR_IP_DAY_LIMIT_REACHED", message)
            .user("api.user", "Too many sms requests. Try again tomorrow");
        assert_told(&world, (START, call("+79990000009"), limit)).await;
        let sent = sms.sent().len();

        let fresh = with_sms(engine).await;
        let (world, sms) = (&fresh.0, &fresh.1);
        sms.answer([400]);
        let message = "The message could not be sent";
        let mut not_sent = Told::new(start, "SMS_NOT_SENT", message).user("api.user", "The message could not be sent. Try again later");
        not_sent.code = "INTERNAL_ERROR";
        assert_told(world, (START, call(PHONE), not_sent)).await;
        let none = World::condo_frozen(engine).await;
        let message = "No message can be sent: the operator of this service has configured no [sms]";
        let mut unset = Told::new(start, "SMS_NOT_CONFIGURED", message)
            .user("api.user", "Phone numbers can't be confirmed here. Ask our support");
        unset.code = "INTERNAL_ERROR";
        assert_told(&none, (START, call(PHONE), unset)).await;
        assert_eq!(sent, 18);
    }

    async fn a_try_is_told_whole(engine: Engine) {
        let (world, sms) = with_sms(engine).await;
        let complete = "completeConfirmPhoneAction";
        let key = "api.user.completeConfirmPhoneAction";
        let token = world.code_to(PHONE).await;
        let wrong = if sms.code() == 1000 { 1001 } else { 1000 };
        let call = |code: i64| data(&json!({"token": token, "smsCode": code}));
        let mismatch = || Told::new(complete, "SMS_CODE_VERIFICATION_FAILED", "SMS code verification mismatch")
            .at("smsCode").user(key, "Wrong SMS code");
        for _ in 0..10 {
            assert_told(&world, (COMPLETE, call(wrong), mismatch())).await;
            world.advance(1);
        }
        // Late, even where there were too many tries: the code is looked at first.
        world.advance(60);
        let message = "SMS code expired. Try to initiate phone confirmation again";
        let expired = Told::new(complete, "SMS_CODE_EXPIRED", message)
            .at("smsCode").user(key, "SMS code expired, try to verify phone number again");
        assert_told(&world, (COMPLETE, call(wrong), expired)).await;
        let wait = "You have to wait 1 min. to be able to send request again";
        let template = "You have to wait {minutesRemaining} min. to be able to send request again";
        let more = json!({"messageForUserTemplate": template, "messageInterpolation": {"minutesRemaining": 1}});
        let waiting = Told::new(complete, "TOO_MANY_REQUESTS", wait).user("api.user", wait).with(more);
        assert_told(&world, (COMPLETE, call(wrong), waiting)).await;
        world.resend("198.51.100.1", &token).await.data();
        world.advance(1);
        let message = "Max retries reached for SMS code confirmation. Try to initiate phone confirmation again";
        let over = Told::new(complete, "SMS_CODE_MAX_RETRIES_REACHED", message)
            .at("smsCode").user(key, "Too many wrong codes, try to verify phone number again");
        assert_told(&world, (COMPLETE, call(sms.code()), over)).await;
        // What is over is not there, and needs no second of its own.
        assert_told(&world, (COMPLETE, call(sms.code()), unable(complete))).await;
    }

    async fn the_phone_is_told_before_the_network_and_both_before_the_minute(engine: Engine) {
        let (world, _sms) = with_sms(engine).await;
        let kind = async |ip: &str, phone: &str| world.start_confirm(ip, &json!({"phone": phone})).await.refused_as().1;
        world.code_to(PHONE).await;
        for _ in 0..9 {
            assert_eq!(kind("198.51.100.1", PHONE).await, "TOO_MANY_REQUESTS", "refused, and counted for the network");
        }
        assert_eq!(kind("198.51.100.1", PHONE).await, "SMS_FOR_IP_DAY_LIMIT_REACHED");
        // What was refused is not of the phone's day: nobody else can use that up.
        for n in 0..9 {
            world.advance(60);
            world.start_confirm(&format!("203.0.113.{n}"), &json!({"phone": PHONE})).await.data();
        }
        // All are over: the phone is told.
        assert_eq!(kind("198.51.100.1", PHONE).await, "SMS_FOR_PHONE_DAY_LIMIT_REACHED");
        assert_eq!(kind("198.51.100.1", "+79990000002").await, "SMS_FOR_IP_DAY_LIMIT_REACHED");
        assert_eq!(kind("203.0.113.99", PHONE).await, "SMS_FOR_PHONE_DAY_LIMIT_REACHED");
        // What is wrong with the number is told before anything is counted.
        assert_eq!(kind("198.51.100.1", "1").await, "WRONG_PHONE_FORMAT");
    }

    async fn users_are_told_in_their_language(engine: Engine) {
        let (world, _sms) = with_sms(engine).await;
        for (language, told) in [("ru", "Неверный формат номера телефона"), ("en", "Wrong phone number format")] {
            let headers = [("accept-language", language)];
            let answer = world.ask_with(&As::Nobody, START, data(&json!({"phone": "1"})), &headers).await;
            assert_eq!(answer.error()["extensions"]["messageForUser"], told);
        }
    }

    async fn what_the_schema_wants_is_refused_before_anything_runs(engine: Engine) {
        let (world, sms) = with_sms(engine).await;
        let mut bare = data(&json!({"phone": PHONE}));
        bare["data"].as_object_mut().unwrap().remove("captcha");
        let code = json!({"token": NOBODY, "smsCode": "1234"});
        for (query, variables) in [(START, bare), (COMPLETE, data(&code)), (COMPLETE, data(&json!({"token": NOBODY})))] {
            let answer = world.ask_with(&As::Nobody, query, variables, &[]).await;
            assert_eq!(answer.status, 400, "{}", answer.text());
        }
        assert!(sms.sent().is_empty());
    }
}
