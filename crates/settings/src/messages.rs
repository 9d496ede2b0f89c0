//! Reads `[sms]` and `[email]`: the operator's webhooks that send messages.

use super::reader::Reader;
use super::scalar::text_as;
use super::secret::secret;
use super::types::Messenger;
use super::{address, whsec};
use domain::numbering::{self, Reach};

/// Who sends short messages, if anybody does, and where to.
#[derive(Default)]
pub(super) struct Sms {
    pub(super) sms: Option<Messenger>,
    pub(super) reach: Reach,
}

/// Reads `[sms]`; no sender if there is none, or it is wrong.
pub(super) fn sms(top: &mut Reader<'_>) -> Sms {
    let Some(mut section) = begun(top, "sms") else { return Sms::default() };
    let sms = webhook(&mut section, "set it to where your gateway listens, such as \"https://sms.company.com/send\"");
    let prefixes = section.list("prefixes", numbering::prefix);
    if section.value("prefixes").and_then(toml::Value::as_array).is_some_and(Vec::is_empty) {
        section.wrong("prefixes", "is empty: no code would be sent; leave it out to send to phones everywhere");
    }
    finish(section, top);
    Sms { sms, reach: Reach::of(prefixes.unwrap_or_default()) }
}

/// Reads `[email]`, as [`sms`].
pub(super) fn email(top: &mut Reader<'_>) -> Option<Messenger> {
    let mut section = begun(top, "email")?;
    let email = webhook(&mut section, "set it to where your mailer listens, such as \"https://mail.company.com/send\"");
    finish(section, top);
    email
}

fn begun<'a>(top: &mut Reader<'a>, name: &'static str) -> Option<Reader<'a>> {
    let mut section = top.section(name);
    (section.has("url") || section.has("secret") || top.has(name)).then_some(section)
}

fn webhook(section: &mut Reader<'_>, hint: &str) -> Option<Messenger> {
    let url = section.required("url", hint, text_as(address::endpoint));
    section.demand("secret", "set it to what our calls are signed with, whsec_ and base64");
    let key = secret(section, "secret").and_then(|secret| match whsec::key(&secret) {
        Ok(key) => Some(key),
        Err(problem) => {
            section.wrong("secret", problem);
            None
        }
    });
    url.zip(key).map(|(url, key)| Messenger::Webhook { url, key })
}

/// Codes are kept under the secret of `[session]`: what signs it is not in the database, so nobody finds them there by trying ten
/// thousand.
fn finish(section: Reader<'_>, top: &mut Reader<'_>) {
    if top.value("session").is_none() {
        section.wrong("", "needs [session]: codes are kept under its secret");
    }
    section.finish();
}
