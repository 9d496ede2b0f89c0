//! `dv` and `sender`: which version of its data a change is in, and which device sends it. Every change of the Condo dialect
//! carries both (`docs/condo-contract.md` 6).

use super::error::{Error, Result};
use super::refusal::Refusal;

/// The one version there is.
const VERSION: i32 = 1;
/// How short and how long a fingerprint may be, in UTF-16 units as the source counts.
const LENGTH: std::ops::RangeInclusive<usize> = 5..=42;
/// What the source's errors say in place of what is wrong, but for those of plain creations and updates.
const SEE_EXAMPLE: &str = "Please, check the example for details";

/// Who sends a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The version of this record.
    pub dv: i32,
    /// What the sender calls its device.
    pub fingerprint: String,
}

/// How much is told of a sender that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Details {
    /// To look at the example: mutations that do something of their own.
    Example,
    /// Each rule that is broken: those that create or update a record.
    Each,
}

/// Refuses a change in another version of data, and one whose sender is out of shape; the version first, as in the source.
pub fn check(dv: i32, sender: &Sender, details: Details) -> Result<()> {
    if dv != VERSION {
        return Err(Error::refused(Refusal::DvVersionMismatch));
    }
    let wrong = sender.mistakes();
    if wrong.is_empty() {
        return Ok(());
    }
    let details = match details {
        Details::Example => SEE_EXAMPLE.to_owned(),
        Details::Each => wrong.join(", "),
    };
    Err(Error::refused(Refusal::WrongSenderFormat { details }))
}

impl Sender {
    fn mistakes(&self) -> Vec<String> {
        let mut fingerprint = Vec::new();
        let length = self.fingerprint.encode_utf16().count();
        if !LENGTH.contains(&length) || !self.fingerprint.chars().all(may_stand) {
            fingerprint.push("'Fingerprint is invalid'".to_owned());
        }
        if length < *LENGTH.start() {
            fingerprint.push(format!("'Fingerprint is too short (minimum is {} characters)'", LENGTH.start()));
        }
        if length > *LENGTH.end() {
            fingerprint.push(format!("'Fingerprint is too long (maximum is {} characters)'", LENGTH.end()));
        }
        let mut mistakes = Vec::new();
        if !fingerprint.is_empty() {
            mistakes.push(format!("fingerprint: {}", fingerprint.join("; ")));
        }
        if self.dv != VERSION {
            mistakes.push(format!("dv: 'Dv must be equal to {VERSION}'"));
        }
        mistakes
    }
}

/// Whether a fingerprint may have this character. The source's class has `+-;` in it, which is a range.
fn may_stand(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || ('+'..=';').contains(&c)
        || matches!(c, '!' | '#' | '$' | '%' | '(' | ')' | '*' | '=' | '[' | ']' | '?' | '@' | '^' | '_' | '`')
        || matches!(c, '{' | '|' | '}' | '~')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(dv: i32, fingerprint: &str, details: Details) -> Option<Refusal> {
        let sender = Sender { dv, fingerprint: fingerprint.to_owned() };
        match check(1, &sender, details) {
            Ok(()) => None,
            Err(Error::Refused(refusal)) => Some(refusal),
            Err(other) => panic!("{other}"),
        }
    }

    /// The words are those that the source's own library was seen to say.
    #[test]
    fn each_mistake_of_a_sender_is_told_where_the_source_tells_it() {
        let (short, long) = (
            "'Fingerprint is too short (minimum is 5 characters)'",
            "'Fingerprint is too long (maximum is 42 characters)'",
        );
        let rows = [
            (1, "-".to_owned(), format!("fingerprint: 'Fingerprint is invalid'; {short}")),
            (1, "x".repeat(43), format!("fingerprint: 'Fingerprint is invalid'; {long}")),
            (1, "good enough".to_owned(), "fingerprint: 'Fingerprint is invalid'".to_owned()),
            (
                2,
                "with space".to_owned(),
                "fingerprint: 'Fingerprint is invalid', dv: 'Dv must be equal to 1'".to_owned(),
            ),
            (0, "good-one".to_owned(), "dv: 'Dv must be equal to 1'".to_owned()),
        ];
        for (dv, fingerprint, details) in rows {
            let told = judged(dv, &fingerprint, Details::Each);
            assert_eq!(told, Some(Refusal::WrongSenderFormat { details }), "{dv} {fingerprint}");
            let details = SEE_EXAMPLE.to_owned();
            let told = judged(dv, &fingerprint, Details::Example);
            assert_eq!(told, Some(Refusal::WrongSenderFormat { details }), "{dv} {fingerprint}");
        }
    }

    #[test]
    fn a_fingerprint_has_the_characters_of_the_sources_class() {
        let allowed = "abcxyzABCXYZ0123456789!#$%()*+,-./:;=[]?@^_`{|}~";
        for c in (0..=0x24f).filter_map(char::from_u32) {
            let is_allowed = judged(1, &format!("good{c}"), Details::Each).is_none();
            assert_eq!(is_allowed, allowed.contains(c) || c.is_ascii_alphanumeric(), "{c:?}");
        }
        for (length, is_allowed) in [(4, false), (5, true), (42, true), (43, false)] {
            assert_eq!(judged(1, &"x".repeat(length), Details::Each).is_none(), is_allowed, "{length}");
        }
    }

    #[test]
    fn the_version_goes_before_the_sender() {
        let bad = Sender { dv: 2, fingerprint: String::new() };
        let told = check(2, &bad, Details::Each).unwrap_err();
        assert!(matches!(told, Error::Refused(Refusal::DvVersionMismatch)), "{told}");
    }
}
