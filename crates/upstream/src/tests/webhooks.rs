//! What receivers of events are sent, what counts as taken, and which addresses are connected to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::super::client::Trusted;
use super::super::webhooks::Receiver;
use super::network::Fake;
use super::noon;
use domain::clock::MovableClock;
use domain::event::Event;
use domain::outbox::{Answered, Sink as _, Told};
use settings::Webhook;
use uuid::Uuid;

const NEW: [u8; 24] = *b"the newest key of a test";
const OLD: [u8; 24] = *b"the one before that one.";

fn told() -> Told {
    Told {
        id: Uuid::from_u128(7),
        at: noon(),
        event: Event::Linked.as_str().to_owned(),
        subject: Some("alice".to_owned()),
        provider: Some(("tcs".to_owned(), "tcs_1".to_owned())),
        sid: Some("t-1".to_owned()),
        reason: Some("proven".to_owned()),
        replayed: false,
    }
}

fn webhook(url: &str, allow: &[&str]) -> Webhook {
    Webhook {
        name: "crm".to_owned(),
        url: url.parse().unwrap(),
        keys: vec![NEW.to_vec().into(), OLD.to_vec().into()],
        events: vec![Event::Linked],
        allow: allow.iter().map(|network| network.parse().unwrap()).collect(),
    }
}

/// A receiver whose name has these addresses, one list after the other; how often it was looked up.
fn named(webhook: Webhook, answers: Vec<Vec<&'static str>>) -> (Receiver, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let lookup = move |_name| -> std::pin::Pin<Box<dyn Future<Output = std::io::Result<Vec<SocketAddr>>> + Send>> {
        let answer = answers.get(count.fetch_add(1, Ordering::SeqCst)).cloned().unwrap_or_default();
        let found = answer.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0)).collect();
        Box::pin(std::future::ready(Ok(found)))
    };
    let receiver = Receiver::new(webhook, &Trusted::default(), MovableClock::frozen(noon()), Arc::new(lookup)).unwrap();
    (receiver, asked)
}

fn receiver(url: &str, allow: &[&str]) -> Receiver {
    named(webhook(url, allow), Vec::new()).0
}

fn why(answered: &Answered) -> &str {
    let Answered::Failed { code, .. } = answered else { panic!("{answered:?}") };
    code
}

#[tokio::test]
async fn an_event_is_posted_signed_with_each_key_and_the_newest_first() {
    let fake = Fake::start();
    fake.json("/events", 204, &json!({}));
    let receiver = receiver(&format!("{}/events", fake.issuer), &["127.0.0.1/32"]);
    assert_eq!(receiver.deliver(&told()).await, Answered::Taken);
    let [asked] = fake.asked("/events").try_into().unwrap();
    let body: Value = serde_json::from_str(&asked.body).unwrap();
    assert_eq!(body["type"], "FEDERATION_POINT_BOUND");
    let (id, timestamp) = (asked.header("webhook-id"), asked.header("webhook-timestamp"));
    assert_eq!((id, timestamp), (told().id.to_string().as_str(), noon().timestamp().to_string().as_str()));
    assert_eq!(asked.header("content-type"), "application/json");
    let signatures: Vec<&str> = asked.header("webhook-signature").split(' ').collect();
    let signed = format!("{id}.{timestamp}.{}", asked.body);
    assert_eq!(signatures.len(), 2);
    for (signature, key) in signatures.iter().zip([NEW, OLD]) {
        let signature = STANDARD.decode(signature.strip_prefix("v1,").unwrap()).unwrap();
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes(), &signature).unwrap();
    }
}

#[tokio::test]
async fn two_hundred_and_its_kin_are_taken_and_nothing_else_is() {
    for status in [200, 201, 202, 204, 299] {
        let fake = Fake::start();
        fake.raw("/x", format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n").into_bytes());
        let answered = receiver(&format!("{}/x", fake.issuer), &["127.0.0.1/32"]).deliver(&told()).await;
        assert_eq!(answered, Answered::Taken, "{status}");
    }
    for status in [300, 301, 302, 303, 307, 308, 400, 401, 404, 410, 429, 500, 503, 507, 599] {
        let (fake, elsewhere) = (Fake::start(), Fake::start());
        let to = format!("{}/elsewhere", elsewhere.issuer);
        fake.raw(
            "/x",
            format!("HTTP/1.1 {status} X\r\nLocation: {to}\r\nRetry-After: 90\r\nContent-Length: 0\r\n\r\n")
                .into_bytes(),
        );
        let answered = receiver(&format!("{}/x", fake.issuer), &["127.0.0.1/32"]).deliver(&told()).await;
        let failed =
            Answered::Failed { code: format!("status_{status}").into(), retry_after: Some(Duration::from_secs(90)) };
        assert_eq!(answered, failed);
        assert_eq!((fake.asked("/x").len(), elsewhere.asked("/elsewhere").len()), (1, 0), "{status}");
    }
}

#[tokio::test]
async fn an_address_is_judged_though_it_stands_in_the_url() {
    let fake = Fake::start();
    fake.json("/x", 200, &json!({}));
    let url = format!("{}/x", fake.issuer);
    for (written, allow) in [("127.0.0.1", "127.0.0.2/32"), ("0x7f.1", "10.0.0.0/8"), ("[::ffff:127.0.0.1]", "::1/128")]
    {
        let answered = receiver(&url.replace("127.0.0.1", written), &[allow]).deliver(&told()).await;
        assert_eq!(why(&answered), "address_refused", "{written}");
    }
    assert!(fake.asked("/x").is_empty());
    assert_eq!(receiver(&url, &["127.0.0.0/8"]).deliver(&told()).await, Answered::Taken);
}

#[tokio::test]
async fn a_name_is_judged_by_its_addresses_at_each_connection() {
    let fake = Fake::start();
    fake.raw("/x", b"HTTP/1.1 200 X\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".to_vec());
    let url = format!("{}/x", fake.issuer).replace("127.0.0.1", "crm.example");
    let answers = vec![
        vec!["10.0.0.1", "169.254.169.254", "127.0.0.1"],
        vec!["::ffff:10.0.0.1", "::1"],
        vec![],
        vec!["127.0.0.1"],
    ];
    let (receiver, asked) = named(webhook(&url, &["127.0.0.1/32"]), answers);
    assert_eq!(receiver.deliver(&told()).await, Answered::Taken);
    // Its owner has it mean another address now.
    assert_eq!(why(&receiver.deliver(&told()).await), "address_refused");
    assert_eq!(why(&receiver.deliver(&told()).await), "address_refused");
    assert_eq!(receiver.deliver(&told()).await, Answered::Taken);
    assert_eq!((asked.load(Ordering::SeqCst), fake.asked("/x").len()), (4, 2));
}

#[tokio::test]
async fn a_check_sends_nothing_and_says_what_may_not_be_connected_to() {
    let url = "https://crm.example/secret-path";
    let (good, _) = named(webhook(url, &[]), vec![vec!["1.1.1.1", "10.0.0.1"]]);
    assert_eq!(good.check().await.unwrap(), "crm.example, 1 kinds of events, signed with 2 of its secrets");
    let (bad, _) = named(webhook(url, &[]), vec![vec!["10.0.0.1"]]);
    assert!(bad.check().await.unwrap_err().starts_with("crm.example has no public address"));
    assert!(receiver("https://10.0.0.1/x", &[]).check().await.is_err());
    assert!(receiver("https://10.0.0.1/x", &["10.0.0.0/8"]).check().await.is_ok());
    assert!(!format!("{good:?}").contains("secret-path"));
}

/// A receiver that takes connections and does with them what it is told.
async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/x", listener.local_addr().unwrap());
    (listener, url)
}

#[tokio::test]
async fn the_head_is_waited_for_so_long_and_the_body_not_at_all() {
    // One that never answers, one that drips its head, one whose body never ends.
    for (begins, taken) in [
        ("", false),
        ("HTTP/1.1 200", false),
        ("HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", true),
    ] {
        let (listener, url) = listener().await;
        let clock = MovableClock::frozen(noon());
        let lookup =
            Arc::new(|_name| -> std::pin::Pin<Box<dyn Future<Output = _> + Send>> { Box::pin(std::future::pending()) });
        let receiver =
            Receiver::new(webhook(&url, &["127.0.0.1/32"]), &Trusted::default(), clock.clone(), lookup).unwrap();
        let told = told();
        let mut delivery = receiver.deliver(&told);
        let asked = async {
            let mut arrived = listener.accept().await.unwrap().0;
            let mut request = Vec::new();
            while !request.ends_with(b"}") {
                arrived.read_buf(&mut request).await.unwrap();
            }
            arrived
        };
        let mut arrived = tokio::select! {
            arrived = asked => arrived,
            answered = &mut delivery => panic!("{answered:?}"),
        };
        arrived.write_all(begins.as_bytes()).await.unwrap();
        if !taken {
            clock.advance(Duration::from_millis(9_999));
            assert!(futures_util::poll!(&mut delivery).is_pending(), "{begins:?}");
            clock.advance(Duration::from_millis(1));
            assert_eq!(why(&delivery.await), "no_answer_in_time", "{begins:?}");
            continue;
        }
        assert_eq!(delivery.await, Answered::Taken);
        // It is hung up on: what it writes on is read by nobody.
        while arrived.write_all(&[b'0'; 8_192]).await.is_ok() {}
    }
}

#[tokio::test]
async fn who_is_gone_or_breaks_off_has_taken_nothing() {
    let (listener, url) = listener().await;
    let receiver = receiver(&url, &["127.0.0.1/32"]);
    let told = told();
    let (answered, ()) = tokio::join!(receiver.deliver(&told), async { drop(listener.accept().await.unwrap()) });
    assert_eq!(why(&answered), "connection_broke");
    drop(listener);
    assert_eq!(why(&receiver.deliver(&told).await), "no_connection");
}
