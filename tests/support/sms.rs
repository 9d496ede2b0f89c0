//! The operator's webhook that sends messages, short ones and e-mail: it checks each call's signature, keeps what it was sent, and fails when it is told to.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::contract::check_webhook;
use super::posted::{Posted, signature};

/// What calls are signed with.
pub(crate) const SECRET: &str = "whsec_c2l4dGVlbiBieXRlcyBhbmQgbW9yZSBvZiB0aGVt";

/// What cookies and codes are kept under where it is called.
pub(crate) const COOKIE_SECRET: &str = "a secret that signs cookies";

/// A running webhook.
#[derive(Clone, Debug)]
pub(crate) struct SmsWebhook {
    /// Where it is called.
    pub(crate) url: String,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    sent: Vec<Sent>,
    statuses: VecDeque<u16>,
}

/// A message it was sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) to: String,
    /// Of e-mail.
    pub(crate) subject: Option<String>,
    pub(crate) text: String,
    pub(crate) code: String,
    /// The same for each try of one message.
    pub(crate) id: String,
}

impl SmsWebhook {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/send", listener.local_addr().expect("an address"));
        let shared = Arc::new(Mutex::new(Shared::default()));
        let served = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serve(Arc::clone(&served), connection));
            }
        });
        Self { url, shared }
    }

    /// The settings that call it, and the session without which there are none.
    pub(crate) fn settings(&self) -> String {
        format!("[session]\nsecret = \"{COOKIE_SECRET}\"\n[sms]\nurl = \"{}\"\nsecret = \"{SECRET}\"\n", self.url)
    }

    /// As [`SmsWebhook::settings`], and e-mail is sent by it as well.
    pub(crate) fn settings_with_email(&self) -> String {
        format!("{}[email]\nurl = \"{}\"\nsecret = \"{SECRET}\"\n", self.settings(), self.url)
    }

    /// Answers the next calls with these, then 200 again.
    pub(crate) fn answer(&self, statuses: impl IntoIterator<Item = u16>) {
        self.shared.lock().expect("nobody died").statuses.extend(statuses);
    }

    /// All it was sent so far, failures included.
    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.shared.lock().expect("nobody died").sent.clone()
    }

    /// The message it was sent last.
    pub(crate) fn last(&self) -> Sent {
        self.sent().pop().expect("a message")
    }

    /// The code it was sent last.
    pub(crate) fn code(&self) -> i64 {
        self.last().code.parse().expect("a number")
    }
}

async fn serve(shared: Arc<Mutex<Shared>>, connection: TcpStream) -> Option<()> {
    let mut connection = BufReader::new(connection);
    loop {
        let posted = Posted::read(&mut connection).await?;
        let (id, timestamp) = (posted.header("webhook-id")?, posted.header("webhook-timestamp")?);
        let status = if posted.header("webhook-signature")? == signature(SECRET, [&id, &timestamp, &posted.body]) {
            let body: Value = serde_json::from_str(&posted.body).ok()?;
            let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
            let mut shared = shared.lock().ok()?;
            // One that is not as it is documented gets no answer.
            check_webhook(if body["subject"].is_string() { "email" } else { "sms" }, &body);
            let subject = body["subject"].as_str().map(str::to_owned);
            shared.sent.push(Sent { to: text("to"), subject, text: text("text"), code: text("code"), id });
            shared.statuses.pop_front().unwrap_or(200)
        } else {
            401
        };
        let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
        connection.write_all(answer.as_bytes()).await.ok()?;
    }
}
