//! Reads single values: each function takes what is given and answers a value, or what would be right.

use std::ops::RangeInclusive;
use std::time::Duration;

use toml::Value;

use super::error::suggestion;

/// A value as it was given.
pub(super) enum Given<'a> {
    /// By an environment variable: always text.
    Environment(String),
    /// By the file or a preset.
    File(&'a Value),
}

/// The type of a value with its article, for messages.
pub(super) fn article(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Integer(_) => "a number",
        Value::Float(_) => "a fraction",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}

/// A text.
pub(super) fn text(given: &Given<'_>) -> Result<String, String> {
    match given {
        Given::Environment(text) | Given::File(Value::String(text)) => Ok(text.clone()),
        Given::File(other) => Err(format!("must be a text in quotes, not {}", article(other))),
    }
}

/// A text that `read` takes.
pub(super) fn text_as<T>(read: impl FnOnce(&str) -> Result<T, String>) -> impl FnOnce(&Given<'_>) -> Result<T, String> {
    |given| text(given).and_then(|text| read(&text))
}

/// `true` or `false`.
pub(super) fn boolean(given: &Given<'_>) -> Result<bool, String> {
    match given {
        Given::File(Value::Boolean(value)) => Ok(*value),
        Given::Environment(text) if text == "true" => Ok(true),
        Given::Environment(text) if text == "false" => Ok(false),
        Given::Environment(text) => Err(format!("must be true or false, not {text:?}")),
        Given::File(other) => Err(format!("must be true or false, not {}", article(other))),
    }
}

/// A whole number in `range`.
pub(super) fn whole(range: RangeInclusive<usize>) -> impl FnOnce(&Given<'_>) -> Result<usize, String> {
    move |given| {
        let number = match given {
            Given::File(Value::Integer(number)) => usize::try_from(*number).ok(),
            Given::Environment(text) => text.parse().ok(),
            Given::File(_) => None,
        };
        number
            .filter(|number| range.contains(number))
            .ok_or_else(|| format!("must be a whole number from {} to {}", range.start(), range.end()))
    }
}

/// One of a few words.
pub(super) fn choice<T: Copy>(words: &[(&str, T)]) -> impl FnOnce(&Given<'_>) -> Result<T, String> {
    |given| {
        let text = text(given)?;
        words
            .iter()
            .find(|(word, _)| *word == text)
            .map(|(_, value)| *value)
            .ok_or_else(|| format!("{text:?} is no choice; {}", suggestion(&text, words.iter().map(|(word, _)| *word))))
    }
}

/// A length of time in `range`, such as `30s`, `5m`, `1h`, `30d`.
pub(super) fn duration(range: RangeInclusive<Duration>) -> impl FnOnce(&Given<'_>) -> Result<Duration, String> {
    move |given| {
        let read = match given {
            Given::Environment(text) | Given::File(Value::String(text)) => seconds(text),
            Given::File(_) => None,
        };
        let Some(duration) = read.map(Duration::from_secs) else {
            return Err("must be a whole number with s, m, h or d, in quotes, such as \"30s\"".to_owned());
        };
        if range.contains(&duration) {
            Ok(duration)
        } else {
            Err(format!("must be from {} s to {} s", range.start().as_secs(), range.end().as_secs()))
        }
    }
}

fn seconds(text: &str) -> Option<u64> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return None,
    };
    // Rust's own parser would take a sign.
    if !digits.chars().all(|c| c.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

/// A name that people read on a page.
pub(super) fn title(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("must not be blank".to_owned());
    }
    if text.chars().any(char::is_control) {
        return Err("must not have control characters".to_owned());
    }
    Ok(text.to_owned())
}
