//! Reads `[sms]`: the operator's webhook that sends short messages.

use super::reader::Reader;
use super::scalar::text_as;
use super::secret::secret;
use super::types::Sms;
use super::{address, whsec};

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
    let key = secret(&mut section, "secret").and_then(|secret| match whsec::key(&secret) {
        Ok(key) => Some(key),
        Err(problem) => {
            section.wrong("secret", problem);
            None
        }
    });
    if top.value("session").is_none() {
        section.wrong("", "needs [session]: codes are kept under its secret");
    }
    section.finish();
    Some(Sms::Webhook { url: url?, key: key? })
}
