//! The fields of a form, or of a query.

use std::borrow::Cow;
use std::collections::HashMap;

use memchr::memchr2;
use url::form_urlencoded;

/// The names and values of a form-encoded text, as [`form_urlencoded::parse`] has them; what has nothing to decode is borrowed without
/// another look at each byte, since a token is a long value.
pub(super) fn pairs(text: &[u8]) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).map(|pair| match plain(pair) {
        Some((name, value)) => (name.into(), value.into()),
        None => form_urlencoded::parse(pair).next().unwrap_or_default(),
    })
}

fn plain(pair: &[u8]) -> Option<(&str, &str)> {
    if memchr2(b'%', b'+', pair).is_some() {
        return None;
    }
    let pair = std::str::from_utf8(pair).ok()?;
    Some(pair.split_once('=').unwrap_or((pair, "")))
}

/// A form-encoded text whose parameters stand once each; `None` if one stands twice.
pub(super) fn once(text: &[u8]) -> Option<HashMap<String, String>> {
    let mut found = HashMap::new();
    for (name, value) in pairs(text) {
        if found.insert(name.into_owned(), value.into_owned()).is_some() {
            return None;
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_those_of_the_library() {
        let parts: [&[u8]; 14] =
            [b"a", b"=", b"&", b"+", b"%", b"%3D", b"%26", b"%2b", b"%zz", b"%00", b"\xff", "я".as_bytes(), b"", b"=="];
        for length in 0..=4_u32 {
            for index in 0..parts.len().pow(length) {
                let pick = |place| parts.get(index / parts.len().pow(place) % parts.len()).copied().unwrap_or_default();
                let text: Vec<u8> = (0..length).flat_map(pick).copied().collect();
                assert!(pairs(&text).eq(form_urlencoded::parse(&text)), "{}", text.escape_ascii());
            }
        }
    }
}
