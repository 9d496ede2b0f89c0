//! Sends short messages and e-mail: by the operator's webhooks, signed as Standard Webhooks has it, at once and while the person waits.
//! Nothing is queued: a code that comes late is none.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretSlice;
use serde_json::json;
use tokio::sync::mpsc::UnboundedSender;
use url::Url;

use super::client::Client;
use super::signed;
use domain::account::AddressKind;
use domain::clock::SharedClock;
use domain::confirmation::Message;
use domain::entropy::SharedEntropy;
use settings::Messenger;

/// How long the webhook may take for one call.
const CALL_LIMIT: Duration = Duration::from_secs(5);
/// How often it is called for one message.
const CALLS: usize = 2;

/// Why a message was not sent, for the log: nothing of the message, nothing the webhook wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotSent(&'static str);

/// Sends messages to addresses of one kind, or has nobody to send them.
#[derive(Debug)]
pub struct Gateway {
    to: AddressKind,
    way: Way,
}

enum Way {
    Nobody,
    Webhook(Webhook),
    Handed(UnboundedSender<Message>),
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nobody => "Nobody",
            Self::Webhook(_) => "Webhook",
            Self::Handed(_) => "Handed",
        })
    }
}

/// The operator's webhook.
struct Webhook {
    url: Url,
    key: SecretSlice<u8>,
    client: Client,
    clock: SharedClock,
    entropy: SharedEntropy,
    limit: Duration,
}

/// What one call came to.
enum Called {
    Taken,
    /// Asking again won't change it.
    Refused(&'static str),
    /// It may.
    Failed(&'static str),
}

impl Gateway {
    /// The gateway of the settings.
    pub(super) fn new(
        to: AddressKind,
        settings: Option<&Messenger>,
        client: &Client,
        clock: &SharedClock,
        entropy: &SharedEntropy,
    ) -> Self {
        let way = match settings {
            None => Way::Nobody,
            Some(Messenger::Handed(sink)) => Way::Handed(sink.clone()),
            Some(Messenger::Webhook { url, key }) => Way::Webhook(Webhook {
                url: url.clone(),
                key: key.clone(),
                client: client.clone(),
                clock: Arc::clone(clock),
                entropy: Arc::clone(entropy),
                limit: CALL_LIMIT,
            }),
        };
        Self { to, way }
    }

    /// The same, whose webhook may take no longer than `limit`.
    #[cfg(test)]
    pub(super) fn within(mut self, limit: Duration) -> Self {
        if let Way::Webhook(webhook) = &mut self.way {
            webhook.limit = limit;
        }
        self
    }

    /// Whether there is anybody to send by.
    pub fn is_there(&self) -> bool {
        !matches!(self.way, Way::Nobody)
    }

    /// Sends a message; after this it was taken by the webhook, or was not sent as far as anybody knows.
    pub async fn send(&self, message: Message) -> Result<(), NotSent> {
        match &self.way {
            Way::Nobody => Err(NotSent(match self.to {
                AddressKind::Email => "no [email] is configured",
                AddressKind::Phone => "no [sms] is configured",
            })),
            Way::Handed(sink) => sink.send(message).map_err(|_gone| NotSent("nobody takes messages any more")),
            Way::Webhook(webhook) => webhook.send(&message).await,
        }
    }
}

impl Webhook {
    async fn send(&self, message: &Message) -> Result<(), NotSent> {
        // The same for each call, so that who was called twice sends once (Standard Webhooks, "Webhook metadata").
        let id = format!("msg_{}", self.entropy.uuid().simple());
        let body = body(message);
        let mut why = "it was not called";
        for _ in 0..CALLS {
            match tokio::time::timeout(self.limit, self.call(&id, &body)).await {
                Ok(Called::Taken) => return Ok(()),
                Ok(Called::Refused(reason)) => return Err(NotSent(reason)),
                Ok(Called::Failed(reason)) => why = reason,
                Err(_elapsed) => why = "no answer in time",
            }
        }
        Err(NotSent(why))
    }

    async fn call(&self, id: &str, body: &str) -> Called {
        let request = signed::post(&self.url, id, body, std::slice::from_ref(&self.key), self.clock.now());
        let Some(request) = request else { return Called::Refused("the request cannot be built") };
        match self.client.send(request).await {
            Ok(answer) => judge(answer.status),
            Err(passing) => Called::Failed(passing.reason),
        }
    }
}

fn body(message: &Message) -> String {
    let (to, text, code) = (message.to.as_str(), &message.text, message.code.number().to_string());
    match &message.subject {
        Some(subject) => json!({"to": to, "subject": subject, "text": text, "code": code}),
        None => json!({"to": to, "text": text, "code": code}),
    }
    .to_string()
}

fn judge(status: u16) -> Called {
    match status {
        200..300 => Called::Taken,
        408 | 425 | 429 => Called::Failed("it is asked too much"),
        400..500 => Called::Refused("it refuses the call"),
        _ => Called::Failed("it fails"),
    }
}
