//! Reads `[sms]`: the operator's webhook that sends short messages.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use zeroize::Zeroizing;

use super::address;
use super::reader::Reader;
use super::scalar::text_as;
use super::secret::secret;
use super::types::Sms;

/// What a secret starts with, so that it is known for one where it turns up (Standard Webhooks, "Signature scheme").
const PREFIX: &str = "whsec_";
/// How many bytes a key has, by the same.
const KEY_LENGTH: std::ops::RangeInclusive<usize> = 24..=64;

/// Reads it; `None` if there is none, or it is wrong. Codes are kept under the secret of `[session]`: what signs it is not
/// in the database, so nobody finds them there by trying ten thousand.
pub(super) fn read(top: &mut Reader<'_>) -> Option<Sms> {
    let mut section = top.section("sms");
    let is_there = section.has("url") || section.has("secret") || top.has("sms");
    if !is_there {
        return None;
    }
    let hint = "set it to where your gateway listens, such as \"https://sms.company.com/send\"";
    let url = section.required("url", hint, text_as(address::endpoint));
    section.demand("secret", "set it to what our calls are signed with, whsec_ and base64");
    let key = secret(&mut section, "secret").and_then(|secret| {
        let key = key(&secret);
        if key.is_none() {
            let (least, most) = (KEY_LENGTH.start(), KEY_LENGTH.end());
            section.wrong("secret", format!("must be {PREFIX} and base64 of {least} to {most} random bytes"));
        }
        key
    });
    if top.value("session").is_none() {
        section.wrong("", "needs [session]: codes are kept under its secret");
    }
    section.finish();
    Some(Sms::Webhook { url: url?, key: key? })
}

fn key(secret: &SecretString) -> Option<SecretSlice<u8>> {
    let encoded = secret.expose_secret().strip_prefix(PREFIX)?;
    let key = Zeroizing::new(STANDARD.decode(encoded).ok()?);
    KEY_LENGTH.contains(&key.len()).then(|| key.to_vec().into())
}
