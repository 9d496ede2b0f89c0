//! Reads JSON that callers send, telling which field is wrong and quoting nothing of it: it may hold tokens; and JSON of whoever
//! takes what JavaScript takes.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::{Error, Result};

/// What is wrong with a text that has U+0000, after its name.
pub const NUL: &str = "has the control character U+0000";
/// The longest name of a member that is told again, in bytes.
const NAME_LIMIT: usize = 64;

/// Whether a text of this JSON has U+0000: it can only stand there as an escape.
pub fn has_nul(json: &[u8]) -> bool {
    let mut rest = json;
    while let Some(backslash) = rest.iter().position(|byte| *byte == b'\\') {
        let escaped = rest.get(backslash + 1..).unwrap_or_default();
        if escaped.starts_with(b"u0000") {
            return true;
        }
        rest = escaped.get(1..).unwrap_or_default();
    }
    false
}

/// Where U+0000 is, in words that can begin a sentence.
fn find_nul(value: &Value, path: &str) -> Option<String> {
    match value {
        Value::String(text) => text.contains('\0').then(|| path.to_owned()),
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(place, item)| find_nul(item, &format!("{path}[{place}]")))
        }
        Value::Object(members) => members.iter().find_map(|(name, member)| {
            if name.contains('\0') {
                return Some("the name of a member".to_owned());
            }
            let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
            let plain = name.len() <= NAME_LIMIT && name.chars().all(is_plain);
            let name = if plain { name } else { "member" };
            find_nul(member, &if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") })
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// Reads `bytes`; `whole` names the text as such in the error, where no field of it is at fault.
pub fn read<T: DeserializeOwned>(whole: &'static str, bytes: &[u8]) -> Result<T> {
    // In members that nobody reads, too: whoever sends it means something else. What is no JSON is told so below.
    if has_nul(bytes)
        && let Ok(value) = serde_json::from_slice(bytes)
    {
        let place = find_nul(&value, "").filter(|place| !place.is_empty());
        return Err(Error::input(place.map_or(whole.into(), Cow::from), NUL));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| explain(whole, &error))?;
    match reader.end() {
        Ok(()) => Ok(value),
        Err(_more) => Err(Error::input(whole, "has something after the end of the JSON")),
    }
}

fn explain(whole: &'static str, error: &serde_path_to_error::Error<serde_json::Error>) -> Error {
    use serde_json::error::Category;
    match error.inner().classify() {
        Category::Data => {}
        Category::Eof => return Error::input(whole, "ends in the middle of the JSON"),
        Category::Io | Category::Syntax => {
            let (line, column) = (error.inner().line(), error.inner().column());
            return Error::input(whole, format!("is not valid JSON (line {line}, column {column})"));
        }
    }
    // serde's own words may quote a value; only the names in them are taken.
    let words = error.inner().to_string();
    let named = |prefix: &str| words.strip_prefix(prefix).and_then(|rest| rest.split('`').next()).map(str::to_owned);
    if let Some(field) = named("missing field `") {
        return Error::input(field, "is missing");
    }
    if let Some(field) = named("unknown field `") {
        return Error::input(field, "is not a field this takes");
    }
    match error.path().to_string() {
        path if path == "." => Error::input(whole, "must be a JSON object"),
        path => Error::input(path, "has a value of the wrong type"),
    }
}

/// JSON as JavaScript reads it, `None` if it is none: a mark of its encoding is passed over, what is no UTF-8 and halves of surrogate pairs stand for
/// U+FFFD, and of two members with one name the later counts.
pub fn lenient(text: &[u8]) -> Option<Value> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let text = String::from_utf8_lossy(text);
    serde_json::from_str(&whole(&text)).ok()
}

/// The text with `\ufffd` for each escape that is half a surrogate pair.
fn whole(text: &str) -> Cow<'_, str> {
    let mut mended = String::new();
    let (mut kept, mut at) = (0, 0);
    while let Some(escape) = text.get(at..).and_then(|rest| rest.find('\\')).map(|place| at + place) {
        let first = unit(text, escape);
        let second = first.filter(|unit| (0xd800..0xdc00).contains(unit)).and_then(|_| unit(text, escape + 6));
        at = escape
            + match (first, second) {
                (Some(0xd800..0xdc00), Some(0xdc00..0xe000)) => 12,
                (Some(0xd800..0xe000), _) => {
                    mended.push_str(text.get(kept..escape).unwrap_or_default());
                    mended.push_str("\\ufffd");
                    kept = escape + 6;
                    6
                }
                (Some(_), _) => 6,
                // Another escape; what it hides is one byte.
                (None, _) => 2,
            };
    }
    if kept == 0 {
        return text.into();
    }
    mended.push_str(text.get(kept..).unwrap_or_default());
    mended.into()
}

/// The UTF-16 unit that the escape there stands for.
fn unit(text: &str, at: usize) -> Option<u16> {
    let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
    u16::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::{lenient, read};

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its reading is tested")]
    struct Body {
        name: String,
        age: Option<u8>,
    }

    #[test]
    fn json_is_read_as_javascript_reads_it() {
        use serde_json::json;
        let rows: [(&[u8], Option<serde_json::Value>); 9] = [
            (b"\xef\xbb\xbf{\"a\": 1}", Some(json!({"a": 1}))),
            (b"{\"a\": \"\xff\"}", Some(json!({"a": "\u{fffd}"}))),
            (br#"{"a": "\ud83d"}"#, Some(json!({"a": "\u{fffd}"}))),
            (br#"{"a": "\ude00\ud83d"}"#, Some(json!({"a": "\u{fffd}\u{fffd}"}))),
            (br#"{"a": "\ud83d\ude00 \\ud83d"}"#, Some(json!({"a": "\u{1f600} \\ud83d"}))),
            (br#"{"a": 1, "a": 2}"#, Some(json!({"a": 2}))),
            (b"\xef\xbb\xbf\xef\xbb\xbf{}", None),
            (b"{'a': 1}", None),
            (b"", None),
        ];
        for (text, expected) in rows {
            assert_eq!(lenient(text), expected, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn a_text_with_u0000_is_refused_wherever_it_stands() {
        let say = |text: &str| read::<Body>("body", text.as_bytes()).unwrap_err().to_string();
        assert_eq!(say(r#"{"name": "a\u0000"}"#), "name has the control character U+0000");
        assert_eq!(say(r#"{"name": "\\\u0000"}"#), "name has the control character U+0000");
        assert_eq!(say(r#"{"name": "a", "x": [1, {"y": "\u0000"}]}"#), "x[1].y has the control character U+0000");
        assert_eq!(say(r#"{"name": "a", "\u0000": 1}"#), "the name of a member has the control character U+0000");
        assert_eq!(say(r#"{"name": "a", "a b": "\u0000"}"#), "member has the control character U+0000");
        assert_eq!(say(r#""\u0000""#), "body has the control character U+0000");
        assert_eq!(say(r#"{"name": "\u0000", "name": "a"}"#), "body has the control character U+0000");
        assert_eq!(say(r#"{"name": "\u0000"#), "body ends in the middle of the JSON");
        assert_eq!(read::<Body>("body", br#"{"name": "\\u0000"}"#).unwrap().name, r"\u0000");
        for (text, has) in [
            (r"\u0000", true),
            (r"\\u0000", false),
            (r"\\\u0000", true),
            (r"\n\u0000", true),
            (r"u0000", false),
            (r"\", false),
            (r"\u000", false),
        ] {
            assert_eq!(super::has_nul(text.as_bytes()), has, "{text}");
        }
    }

    #[test]
    fn the_field_at_fault_is_named_and_its_value_is_not() {
        let say = |text: &str| read::<Body>("body", text.as_bytes()).unwrap_err().to_string();
        assert_eq!(say(r#"{"age": 1}"#), "name is missing");
        assert_eq!(say(r#"{"name": 17}"#), "name has a value of the wrong type");
        assert_eq!(say(r#"{"name": "a", "age": "s3cret"}"#), "age has a value of the wrong type");
        assert_eq!(say(r#"{"name": "a", "s": 1}"#), "s is not a field this takes");
        assert_eq!(say(r#"{"name": "a"} x"#), "body has something after the end of the JSON");
        assert_eq!(say(r#"{"name": "a""#), "body ends in the middle of the JSON");
        assert_eq!(say("{name}"), "body is not valid JSON (line 1, column 2)");
        assert_eq!(say("[]"), "body must be a JSON object");
        assert_eq!(say("17"), "body must be a JSON object");
    }
}
