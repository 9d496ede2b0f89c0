//! Answers that an operator knows to be final, beside those that the specifications have words for.

use std::fmt;

use serde_json::Value;

use super::partner::FieldPath;

/// What an answer without tokens says in its body.
#[derive(Clone, Copy, Debug)]
pub enum Said<'a> {
    /// These members, of a JSON object or of a form that has `error`.
    Members(&'a Value),
    /// Nothing: it is empty.
    Nothing,
    /// Nothing that is the token endpoint's: a page, a list, half an answer.
    Page,
}

/// Whether a status can be an answer about one token.
pub(super) fn can_be_final(status: u16) -> bool {
    (400..500).contains(&status) && !matches!(status, 408 | 425 | 429)
}

/// A value as `dead_errors` write it.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// An answer that an operator knows to be final: `CODE`, as the member `error` has it; `PATH=VALUE`, as any member has it;
/// either of them at one status, as `status:NNN CODE`; or an empty body at one, as `status:NNN`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadError {
    written: String,
    status: Option<u16>,
    body: Body,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Body {
    Empty,
    Has(FieldPath, String),
}

impl DeadError {
    /// Reads an entry; the error is a problem in words that follow the name of the setting.
    pub fn parse(written: &str) -> Result<Self, String> {
        let (status, rest) = match written.strip_prefix("status:") {
            None => (None, Some(written)),
            Some(rest) => {
                let (status, rest) = rest.split_once(' ').map_or((rest, None), |(status, rest)| (status, Some(rest)));
                (Some(final_status(status)?), rest)
            }
        };
        let body = rest.map_or(Ok(Body::Empty), has)?;
        Ok(Self { written: written.to_owned(), status, body })
    }

    pub(super) fn is(&self, status: u16, said: Said<'_>) -> bool {
        let is_here = match (&self.body, said) {
            (Body::Empty, Said::Nothing) => true,
            (Body::Has(path, value), Said::Members(members)) => {
                path.find(members).and_then(text).is_some_and(|found| found == *value)
            }
            _ => false,
        };
        is_here && self.status.is_none_or(|stated| stated == status)
    }
}

impl fmt::Display for DeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

fn final_status(text: &str) -> Result<u16, String> {
    let status = Some(text).filter(|text| text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit()));
    let status = status.and_then(|text| text.parse::<u16>().ok());
    let status = status.ok_or("must have a status of three digits after status:, such as \"status:400\"")?;
    if can_be_final(status) {
        Ok(status)
    } else {
        // A server error is always in passing: to take it for final would lose tokens in every outage.
        Err(format!("names {status}, which is never final: 400 to 499 can be, without 408, 425 and 429"))
    }
}

/// RFC 6749 §5.2: printable ASCII without quote and backslash.
fn has(word: &str) -> Result<Body, String> {
    let is_word = |text: &str| {
        text.trim() == text
            && !text.is_empty()
            && text.chars().all(|c| matches!(c, ' '..='~') && !matches!(c, '"' | '\\'))
    };
    let (path, value) = word.split_once('=').unwrap_or(("error", word));
    if !is_word(value) {
        return Err(
            "must be an OAuth error such as \"invalid_grant\", a member and its value such as \"error.code=17\", either of \
             them after \"status:400 \", or \"status:400\" for an empty body"
                .to_owned(),
        );
    }
    let path = Some(path).filter(|path| is_word(path)).and_then(|path| FieldPath::parse(path).ok());
    let path = path.ok_or("must have the path of a member before the =, such as \"error.code=17\"")?;
    Ok(Body::Has(path, value.to_owned()))
}

/// Whether an answer that an access token got is one of `dead`, where it can be about the token at all: a provider that is down or flooded says
/// anything.
pub fn dead_access(status: u16, said: Said<'_>, dead: &[DeadError]) -> bool {
    (can_be_final(status) || (200..300).contains(&status)) && dead.iter().any(|dead| dead.is(status, said))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_error_is_a_word_at_a_place_or_an_empty_status() {
        for good in [
            "invalid_grant",
            "Invalid refresh token",
            "status:400",
            "status:499",
            "status:401 gone",
            "error.code=refresh_token_invalidated",
            "status:401 error.code=17",
            "errors[0].id=a=b",
            "error.code=no longer there",
        ] {
            assert_eq!(DeadError::parse(good).unwrap().to_string(), good);
        }
        for (bad, problem) in [
            ("", "must be an OAuth error"),
            (" gone", "must be an OAuth error"),
            ("отказ", "must be an OAuth error"),
            ("a\"b", "must be an OAuth error"),
            ("error.code=", "must be an OAuth error"),
            ("status:400 ", "must be an OAuth error"),
            ("status:400  gone", "must be an OAuth error"),
            ("=17", "must have the path of a member"),
            ("a..b=17", "must have the path of a member"),
            ("status:401 .a=17", "must have the path of a member"),
            ("status:", "must have a status of three digits"),
            ("status:+40", "must have a status of three digits"),
            ("status:4xx gone", "must have a status of three digits"),
            ("status:503", "names 503, which is never final"),
            ("status:429 gone", "names 429, which is never final"),
            ("status:200 gone", "names 200, which is never final"),
        ] {
            let told = DeadError::parse(bad).unwrap_err();
            assert!(told.starts_with(problem), "{bad}: {told}");
        }
    }
}
