//! Reads `[sms]`: the operator's webhook that sends short messages.

use super::reader::Reader;
use super::scalar::text_as;
use super::secret::secret;
use super::types::Sms;
use super::{address, whsec};
use domain::numbering::{self, Reach};

/// Who sends messages, if anybody does, and where to.
#[derive(Default)]
pub(super) struct Messages {
    pub(super) sms: Option<Sms>,
    pub(super) reach: Reach,
}

/// Reads it; no sender if there is none, or it is wrong. Codes are kept under the secret of `[session]`: what signs it is not
/// in the database, so nobody finds them there by trying ten thousand.
pub(super) fn read(top: &mut Reader<'_>) -> Messages {
    let mut section = top.section("sms");
    let is_there = section.has("url") || section.has("secret") || top.has("sms");
    if !is_there {
        return Messages::default();
    }
    let hint = "set it to where your gateway listens, such as \"https://sms.company.com/send\"";
    let url = section.required("url", hint, text_as(address::endpoint));
    section.demand("secret", "set it to what our calls are signed with, whsec_ and base64");
    let key = secret(&mut section, "secret").and_then(|secret| match whsec::key(&secret) {
        Ok(key) => Some(key),
        Err(problem) => {
            section.wrong("secret", problem);
            None
        }
    });
    let prefixes = section.list("prefixes", numbering::prefix);
    if section.value("prefixes").and_then(toml::Value::as_array).is_some_and(Vec::is_empty) {
        section.wrong("prefixes", "is empty: no code would be sent; leave it out to send to phones everywhere");
    }
    if top.value("session").is_none() {
        section.wrong("", "needs [session]: codes are kept under its secret");
    }
    section.finish();
    let sms = url.zip(key).map(|(url, key)| Sms::Webhook { url, key });
    Messages { sms, reach: Reach::of(prefixes.unwrap_or_default()) }
}
