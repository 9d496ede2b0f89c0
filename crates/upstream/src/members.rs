//! The members that a token endpoint's answer has: of a JSON object, or of a form, whatever the content type says. An object
//! that is no JSON as a whole is taken member by member, at its top level and from its beginning; a text is never searched
//! for one. The last of a name counts.

use std::str::Chars;

use serde_json::{Map, Number, Value};

use super::body::Body;

/// Stands for what can't be read: a byte that is not UTF-8, half a surrogate pair, an escape that is none.
pub(super) const UNREADABLE: char = '\u{FFFD}';

/// What pages have, and no warning before an object.
const PAGE: [&str; 6] = ["<!doctype", "<html", "<head", "<body", "<script", "<?xml"];

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A JSON object, from its opening brace to its closing one; not every member has to be readable.
    Object,
    /// A JSON object that breaks off, or has other text before it.
    Part,
    /// Pairs, form-encoded; any other text is one as well.
    Form,
    /// Nothing at all.
    Empty,
    /// A page, a list, a text in quotes.
    Page,
}

/// A body, read.
pub(super) struct Read {
    /// Those that are complete.
    pub(super) members: Map<String, Value>,
    /// What it is.
    pub(super) shape: Shape,
    /// Whether there can't be others that are missing.
    pub(super) is_whole: bool,
}

/// Reads a body.
pub(super) fn read(body: &Body) -> Read {
    let text = decode(body.arrived());
    let text = text.trim_start_matches('\u{FEFF}').trim();
    let without_any = |shape| Read { members: Map::new(), shape, is_whole: body.flaw().is_none() };
    if text.is_empty() {
        return without_any(if body.flaw().is_none() { Shape::Empty } else { Shape::Page });
    }
    if let Some(Ok(Value::Object(members))) = serde_json::Deserializer::from_str(text).into_iter().next() {
        return Read { members, shape: Shape::Object, is_whole: true };
    }
    if text.starts_with('{') {
        let (members, is_whole) = one_by_one(text);
        return Read { members, shape: if is_whole { Shape::Object } else { Shape::Part }, is_whole };
    }
    if let Some(object) = behind_other_text(text) {
        let (members, is_whole) = one_by_one(object);
        return Read { members, shape: Shape::Part, is_whole };
    }
    // A page or a list is no form, though something in it may look like one.
    if text.starts_with(['<', '[', '"']) {
        return without_any(Shape::Page);
    }
    let is_whole = body.flaw().is_none();
    // Nobody can tell where the last pair of a form would have ended.
    let complete = if is_whole { text } else { text.rsplit_once('&').map_or("", |(complete, _)| complete) };
    let pairs = url::form_urlencoded::parse(complete.as_bytes());
    let members = pairs.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect();
    Read { members, shape: Shape::Form, is_whole }
}

/// The text: UTF-8, or UTF-16 or UTF-32 by its mark, or by where the first two characters have their zeros (RFC 4627 §3).
fn decode(bytes: &[u8]) -> String {
    let utf16 = |unit: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).map(|pair| pair.try_into().map_or(0, unit));
        char::decode_utf16(units).map(|c| c.unwrap_or(UNREADABLE)).collect()
    };
    let utf32 = |unit: fn([u8; 4]) -> u32| {
        let units = bytes.chunks_exact(4).map(|four| four.try_into().map_or(0, unit));
        units.map(|unit| char::from_u32(unit).unwrap_or(UNREADABLE)).collect()
    };
    match bytes {
        [0xFF, 0xFE, 0, 0, ..] | [_, 0, 0, 0, ..] => utf32(u32::from_le_bytes),
        [0, 0, 0xFE, 0xFF, ..] | [0, 0, 0, _, ..] => utf32(u32::from_be_bytes),
        [0xFF, 0xFE, ..] | [_, 0, _, _, ..] => utf16(u16::from_le_bytes),
        [0xFE, 0xFF, ..] | [0, _, _, _, ..] => utf16(u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// The object behind a guard such as `)]}',` or `for(;;);`, a callback's name, or a warning of the server's language. What
/// stands in a page, or as a value of something else, is not the answer.
fn behind_other_text(text: &str) -> Option<&str> {
    let begins = |at: &usize| text.get(at + 1..).is_some_and(|more| more.trim_start().starts_with('"'));
    let at = text.match_indices('{').map(|(at, _)| at).find(begins)?;
    let (before, object) = text.split_at_checked(at)?;
    let is_page = || PAGE.iter().any(|tag| before.to_ascii_lowercase().contains(tag));
    let is_value = before.trim_end().ends_with(['=', ':', ',', '[', '{', '"', '\'', '\\', '&']);
    let is_guard = before.trim_start().starts_with(")]}'");
    ((!is_value || is_guard) && !is_page()).then_some(object)
}

/// The members of a text that begins with a brace, up to where it breaks off or can't be followed any more; and whether its
/// closing brace came.
fn one_by_one(text: &str) -> (Map<String, Value>, bool) {
    let mut members = Map::new();
    let mut rest = Rest(text);
    rest.take('{');
    loop {
        rest.skip(|c| c.is_ascii_whitespace() || c == ',');
        if rest.take('}') {
            return (members, true);
        }
        let Some((name, value)) = rest.member() else { return (members, false) };
        members.insert(name, value);
    }
}

/// What of a text is still to be read.
struct Rest<'a>(&'a str);

impl Rest<'_> {
    fn skip(&mut self, what: impl Fn(char) -> bool) {
        self.0 = self.0.trim_start_matches(what);
    }

    fn take(&mut self, c: char) -> bool {
        let rest = self.0.strip_prefix(c);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// A member that is complete. Something else than a comma or the closing brace behind it says that it was not meant to end
    /// there, as after a quote that nobody escaped.
    fn member(&mut self) -> Option<(String, Value)> {
        let name = self.take('"').then(|| self.text())??;
        self.skip(|c| c.is_ascii_whitespace());
        let value = self.take(':').then(|| self.value())??;
        self.skip(|c| c.is_ascii_whitespace());
        (self.0.is_empty() || self.0.starts_with([',', '}'])).then_some((name, value))
    }

    fn value(&mut self) -> Option<Value> {
        self.skip(|c| c.is_ascii_whitespace());
        if self.take('"') {
            return self.text().map(Value::String);
        }
        if self.0.starts_with(['{', '[']) { self.nested() } else { self.scalar() }
    }

    /// A text after its opening quote, if the closing one comes.
    fn text(&mut self) -> Option<String> {
        let mut text = String::new();
        let mut chars = self.0.chars();
        loop {
            match chars.next()? {
                '"' => break,
                '\\' => text.push(escaped(&mut chars)?),
                c => text.push(c),
            }
        }
        self.0 = chars.as_str();
        Some(text)
    }

    /// An object or a list, however deep, if it comes to its end; null if it is no JSON.
    fn nested(&mut self) -> Option<Value> {
        let mut depth = 0_usize;
        let mut chars = self.0.chars();
        loop {
            match chars.next()? {
                '"' => while_in_quotes(&mut chars)?,
                '{' | '[' => depth += 1,
                '}' | ']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
        let rest = chars.as_str();
        let nested = self.0.strip_suffix(rest)?;
        self.0 = rest;
        Some(serde_json::from_str(nested).unwrap_or_default())
    }

    /// A number, or true, false, null, if something follows that ends it; null if it is no JSON.
    fn scalar(&mut self) -> Option<Value> {
        let end =
            self.0.find(|c: char| c.is_ascii_whitespace() || matches!(c, ',' | '}' | ']' | '{' | '[' | '"' | ':'))?;
        let (word, rest) = self.0.split_at_checked(end).filter(|(word, _)| !word.is_empty())?;
        self.0 = rest;
        Some(serde_json::from_str(word).ok().or_else(|| number(word)).unwrap_or_default())
    }
}

/// A number that JSON doesn't write so, or that is larger than any that we know.
fn number(word: &str) -> Option<Value> {
    let number: f64 = word.parse().ok().filter(|_| word.contains(|c: char| c.is_ascii_digit()))?;
    Number::from_f64(number.clamp(f64::MIN, f64::MAX)).map(Value::Number)
}

/// Goes on to behind the closing quote.
fn while_in_quotes(chars: &mut Chars<'_>) -> Option<()> {
    loop {
        match chars.next()? {
            '"' => return Some(()),
            '\\' => drop(chars.next()?),
            _ => {}
        }
    }
}

/// The character that an escape stands for (RFC 8259 §7), after its backslash; nothing where the text ends before it does.
fn escaped(chars: &mut Chars<'_>) -> Option<char> {
    Some(match chars.next()? {
        same @ ('"' | '\\' | '/') => same,
        'b' => '\u{8}',
        'f' => '\u{C}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => by_number(chars),
        _ => UNREADABLE,
    })
}

/// The character of `\u`, and of the second half of its pair.
fn by_number(chars: &mut Chars<'_>) -> char {
    let Some(first) = hex(chars) else { return UNREADABLE };
    let mut ahead = chars.clone();
    let second = (ahead.next() == Some('\\') && ahead.next() == Some('u')).then(|| hex(&mut ahead)).flatten();
    if let (0xD800..0xDC00, Some(second @ 0xDC00..0xE000)) = (first, second) {
        *chars = ahead;
        return char::decode_utf16([first, second]).next().and_then(Result::ok).unwrap_or(UNREADABLE);
    }
    char::from_u32(first.into()).unwrap_or(UNREADABLE)
}

/// Four hexadecimal digits, or none at all are taken.
fn hex(chars: &mut Chars<'_>) -> Option<u16> {
    let mut ahead = chars.clone();
    let digits: String = ahead.by_ref().take(4).collect();
    let is_hex = digits.len() == 4 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let unit = is_hex.then(|| u16::from_str_radix(&digits, 16).ok()).flatten()?;
    *chars = ahead;
    Some(unit)
}
