//! Calls signed as Standard Webhooks has it.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use oauth2::http;
use secrecy::{ExposeSecret as _, SecretSlice};

/// A call of this id and body, made now and signed with each of the keys. `None` if such a request cannot be.
pub(crate) fn post(
    url: &url::Url,
    id: &str,
    body: &str,
    keys: &[SecretSlice<u8>],
    now: DateTime<Utc>,
) -> Option<http::Request<Vec<u8>>> {
    let timestamp = now.timestamp().to_string();
    let signed = format!("{id}.{timestamp}.{body}");
    let signatures: Vec<String> = keys.iter().map(|key| signature(key, &signed)).collect();
    let request = http::Request::post(url.as_str())
        .header("content-type", "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", timestamp)
        .header("webhook-signature", signatures.join(" "))
        .body(body.as_bytes().to_vec());
    request.ok()
}

fn signature(key: &SecretSlice<u8>, signed: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose_secret());
    format!("v1,{}", STANDARD.encode(hmac::sign(&key, signed.as_bytes())))
}
