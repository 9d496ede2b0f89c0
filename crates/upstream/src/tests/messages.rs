//! What the webhooks that send messages are sent, and how long they are waited for.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::client::{Client, Trusted};
use super::super::messages::{Gateway, NotSent};
use super::network::Fake;
use super::noon;
use domain::account::{Address, AddressKind, Email};
use domain::clock::{MovableClock, SharedClock, SystemClock};
use domain::confirmation::{Code, Message, Purpose, phone};
use domain::entropy::SystemEntropy;
use settings::Messenger;

const KEY: [u8; 24] = *b"a key of the test, sixty";

fn of(to: AddressKind, settings: Option<&Messenger>) -> Gateway {
    let client = Client::new(&Trusted::default(), SystemClock::shared()).unwrap();
    let clock: SharedClock = MovableClock::frozen(noon());
    Gateway::new(to, settings, &client, &clock, &SystemEntropy::shared())
}

fn gateway_to(to: AddressKind, url: &str) -> Gateway {
    let webhook = Messenger::Webhook { url: url.parse().unwrap(), key: KEY.to_vec().into() };
    of(to, Some(&webhook)).within(Duration::from_millis(300))
}

fn gateway(url: &str) -> Gateway {
    gateway_to(AddressKind::Phone, url)
}

fn message() -> Message {
    let code = Code::drawn(Purpose::ConfirmPhone, || 234_u32.to_be_bytes());
    let to = Address::Phone(phone("+79991234567").unwrap());
    Message { to, subject: None, text: "Код 1234".to_owned(), code }
}

#[tokio::test]
async fn an_email_has_a_subject() {
    let fake = Fake::start();
    fake.json("/send", 202, &json!({}));
    let to = Address::Email(Email::parse("elle@example.com").unwrap());
    let email = Message { to, subject: Some("Код".to_owned()), ..message() };
    gateway_to(AddressKind::Email, &format!("{}/send", fake.issuer)).send(email).await.unwrap();
    let [asked] = fake.asked("/send").try_into().unwrap();
    let body: Value = serde_json::from_str(&asked.body).unwrap();
    assert_eq!(body, json!({"to": "elle@example.com", "subject": "Код", "text": "Код 1234", "code": "1234"}));
}

#[tokio::test]
async fn a_message_is_posted_signed() {
    let fake = Fake::start();
    fake.json("/send", 202, &json!({}));
    gateway(&format!("{}/send", fake.issuer)).send(message()).await.unwrap();
    let [asked] = fake.asked("/send").try_into().unwrap();
    let body: Value = serde_json::from_str(&asked.body).unwrap();
    assert_eq!(body, json!({"to": "+79991234567", "text": "Код 1234", "code": "1234"}));
    assert_eq!(asked.header("content-type"), "application/json");
    let (id, timestamp) = (asked.header("webhook-id"), asked.header("webhook-timestamp"));
    assert!(id.starts_with("msg_") && id.len() == 36, "{id}");
    assert_eq!(timestamp, noon().timestamp().to_string());
    let signature = asked.header("webhook-signature").strip_prefix("v1,").unwrap().to_owned();
    let signed = format!("{id}.{timestamp}.{}", asked.body);
    let key = hmac::Key::new(hmac::HMAC_SHA256, &KEY);
    hmac::verify(&key, signed.as_bytes(), &STANDARD.decode(signature).unwrap()).unwrap();
}

#[tokio::test]
async fn a_failure_is_tried_once_more_and_a_refusal_is_not() {
    for (status, calls, told) in [
        (500, 2, "it fails"),
        (302, 2, "it fails"),
        (503, 2, "it fails"),
        (429, 2, "it is asked too much"),
        (400, 1, "it refuses the call"),
        (401, 1, "it refuses the call"),
        (404, 1, "it refuses the call"),
    ] {
        let fake = Fake::start();
        fake.json("/send", status, &json!({"error": "+79991234567"}));
        let outcome = gateway(&format!("{}/send", fake.issuer)).send(message()).await;
        assert_eq!(outcome.map_err(|why: NotSent| why.to_string()), Err(told.to_owned()), "{status}");
        let asked = fake.asked("/send");
        assert_eq!(asked.len(), calls, "{status}");
        assert!(asked.iter().all(|call| call.header("webhook-id") == asked[0].header("webhook-id")), "{status}");
    }
}

#[tokio::test]
async fn a_webhook_that_is_away_or_hangs_is_not_waited_for() {
    // Bound and not served: connections wait, and nobody answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/send", silent.local_addr().unwrap());
    assert_eq!(gateway(&url).send(message()).await.unwrap_err().to_string(), "no answer in time");
    drop(silent);
    assert_eq!(gateway(&url).send(message()).await.unwrap_err().to_string(), "no connection");
}

#[tokio::test]
async fn messages_can_be_handed_over_in_the_process() {
    let (sink, mut messages) = tokio::sync::mpsc::unbounded_channel();
    let gateway = of(AddressKind::Phone, Some(&Messenger::Handed(sink)));
    gateway.send(message()).await.unwrap();
    assert_eq!(messages.recv().await.unwrap().text, "Код 1234");
    drop(messages);
    gateway.send(message()).await.unwrap_err();
    for (to, told) in [(AddressKind::Phone, "no [sms] is configured"), (AddressKind::Email, "no [email] is configured")]
    {
        let nobody = of(to, None);
        assert!(gateway.is_there() && !nobody.is_there());
        assert_eq!(nobody.send(message()).await.unwrap_err().to_string(), told);
    }
}
