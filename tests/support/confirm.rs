//! Confirming a phone as clients of the Condo dialect do.

use serde_json::{Value, json};

use super::call::{Answer, As};
use super::sms::SmsWebhook;
use super::world::{Engine, World};

/// Any phone.
pub(crate) const PHONE: &str = "+79990001234";

/// A world that stands still and sends codes, behind a proxy of its own: tests say where calls come from.
pub(crate) async fn with_sms(engine: Engine) -> (World, SmsWebhook) {
    with_sms_and(engine, |settings| settings).await
}

/// As [`with_sms`], its settings file changed first.
pub(crate) async fn with_sms_and(engine: Engine, change: impl FnOnce(String) -> String) -> (World, SmsWebhook) {
    let webhook = SmsWebhook::start().await;
    let world = World::frozen_with(engine, |settings| change(of_webhook(&webhook, &settings))).await;
    (world, webhook)
}

/// As [`with_sms`], and codes are sent by e-mail as well.
pub(crate) async fn with_email(engine: Engine) -> (World, SmsWebhook) {
    with_email_and(engine, "").await
}

/// As [`with_email`], with more settings.
pub(crate) async fn with_email_and(engine: Engine, more: &str) -> (World, SmsWebhook) {
    let webhook = SmsWebhook::start().await;
    let change =
        |settings| format!("trusted_proxies = [\"127.0.0.0/8\"]\n{settings}{}{more}", webhook.settings_with_email());
    let world = World::frozen_with(engine, change).await;
    (world, webhook)
}

/// Settings that send codes by this webhook, and believe what calls say of where they come from.
pub(crate) fn of_webhook(webhook: &SmsWebhook, settings: &str) -> String {
    format!("trusted_proxies = [\"127.0.0.0/8\"]\n{settings}{}", webhook.settings())
}

/// What every mutation begins with.
pub(crate) fn data(more: &Value) -> Value {
    let mut data = json!({"dv": 1, "sender": {"dv": 1, "fingerprint": "a-test-device"}, "captcha": "1234"});
    data.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    json!({"data": data})
}

pub(crate) const START: &str = "mutation start ($data: StartConfirmPhoneActionInput!) {
  result: startConfirmPhoneAction(data: $data) { token } }";
pub(crate) const RESEND: &str = "mutation resend ($data: ResendConfirmPhoneActionSmsInput!) {
  result: resendConfirmPhoneActionSms(data: $data) { status } }";
pub(crate) const COMPLETE: &str = "mutation complete ($data: CompleteConfirmPhoneActionInput!) {
  result: completeConfirmPhoneAction(data: $data) { status } }";
pub(crate) const PHONE_OF: &str = "query phone ($data: GetPhoneByConfirmPhoneActionTokenInput!) {
  result: getPhoneByConfirmPhoneActionToken(data: $data) { phone isPhoneVerified } }";

pub(crate) const START_EMAIL: &str = "mutation start ($data: StartConfirmEmailActionInput!) {
  result: startConfirmEmailAction(data: $data) { token } }";
pub(crate) const RESEND_EMAIL: &str = "mutation resend ($data: ResendConfirmEmailActionInput!) {
  result: resendConfirmEmailAction(data: $data) { status } }";
pub(crate) const COMPLETE_EMAIL: &str = "mutation complete ($data: CompleteConfirmEmailActionInput!) {
  result: completeConfirmEmailAction(data: $data) { status } }";
pub(crate) const EMAIL_OF: &str = "query email ($data: GetEmailByConfirmEmailActionTokenInput!) {
  result: getEmailByConfirmEmailActionToken(data: $data) { email isEmailVerified } }";

impl World {
    /// Asks for a code by e-mail with these arguments, from an address.
    pub(crate) async fn start_email(&self, ip: &str, arguments: &Value) -> Answer {
        self.ask_with(&As::Nobody, START_EMAIL, data(arguments), &[("x-forwarded-for", ip)]).await
    }

    /// Has a code sent to an e-mail address; gives the token.
    pub(crate) async fn code_to_email(&self, address: &str) -> String {
        let answer = self.start_email("198.51.100.1", &json!({"email": address})).await;
        answer.data()["result"]["token"].as_str().expect("a token").to_owned()
    }

    /// Has another code sent by e-mail.
    pub(crate) async fn resend_email(&self, ip: &str, token: &str) -> Answer {
        self.ask_with(&As::Nobody, RESEND_EMAIL, data(&json!({"token": token})), &[("x-forwarded-for", ip)]).await
    }

    /// Types a code that came by e-mail.
    pub(crate) async fn complete_email(&self, token: &str, code: &str) -> Answer {
        self.ask_with(&As::Nobody, COMPLETE_EMAIL, data(&json!({"token": token, "secretCode": code})), &[]).await
    }

    /// What the token shows of its e-mail address.
    pub(crate) async fn email_of(&self, token: &str) -> Answer {
        self.ask_with(&As::Nobody, EMAIL_OF, data(&json!({"token": token})), &[]).await
    }

    /// Asks for a code with these arguments, from an address.
    pub(crate) async fn start_confirm(&self, ip: &str, arguments: &Value) -> Answer {
        self.ask_with(&As::Nobody, START, data(arguments), &[("x-forwarded-for", ip)]).await
    }

    /// Has a code sent to [`PHONE`], or another; gives the token.
    pub(crate) async fn code_to(&self, phone: &str) -> String {
        let answer = self.start_confirm("198.51.100.1", &json!({"phone": phone})).await;
        answer.data()["result"]["token"].as_str().expect("a token").to_owned()
    }

    /// Has another code sent.
    pub(crate) async fn resend(&self, ip: &str, token: &str) -> Answer {
        self.ask_with(&As::Nobody, RESEND, data(&json!({"token": token})), &[("x-forwarded-for", ip)]).await
    }

    /// Types a code.
    pub(crate) async fn complete(&self, token: &str, code: i64) -> Answer {
        self.ask_with(&As::Nobody, COMPLETE, data(&json!({"token": token, "smsCode": code})), &[]).await
    }

    /// What the token shows of its phone.
    pub(crate) async fn phone_of(&self, token: &str) -> Answer {
        self.ask_with(&As::Nobody, PHONE_OF, json!({"data": {"token": token, "captcha": "1234"}}), &[]).await
    }
}
