//! Answers that are made below the application, of a head that is none, too long or too slow, have no body and none of the
//! headers that every answer carries. They get them here.

use std::borrow::Cow;

use crate::http::headers::on_every_answer_as_text;

/// The longest target that is read, in bytes: it is `http`'s. A head whose target is longer is too large, not malformed.
const LONGEST_TARGET: usize = 65_534;
const MALFORMED: &[u8] = b"HTTP/1.1 400 Bad Request\r\n";
const TOO_LARGE: &[u8] = b"HTTP/1.1 431 Request Header Fields Too Large\r\n";

/// The longest such head: a status line and three fields.
const LONGEST: usize = 256;
const START: &[u8] = b"HTTP/1.1 ";

/// Where such an answer begins, if these bytes end with one. An answer of the application says at least `cache-control`.
pub(super) fn at_end_of(sent: &[u8]) -> Option<usize> {
    if !sent.ends_with(b"\r\n\r\n") {
        return None;
    }
    let tail = sent.len().saturating_sub(LONGEST);
    let last = sent.get(tail..)?.windows(START.len()).rposition(|window| window == START)?;
    let from = tail.checked_add(last)?;
    let head = std::str::from_utf8(sent.get(from..)?).ok()?;
    let mut lines = head.trim_end_matches("\r\n").split("\r\n");
    let is_error = lines.next()?.as_bytes().get(START.len()).is_some_and(|class| matches!(class, b'4' | b'5'));
    let is_ours = |line: &str| {
        let name = line.split(':').next().unwrap_or_default();
        ["content-length", "connection", "date"].iter().any(|known| name.eq_ignore_ascii_case(known))
    };
    (is_error && lines.all(is_ours)).then_some(from)
}

/// Such an answer to a head of that many bytes, by its right name (RFC 6585 §5).
pub(super) fn named(bare: &[u8], head: usize) -> Cow<'_, [u8]> {
    match bare.strip_prefix(MALFORMED) {
        Some(rest) if head > LONGEST_TARGET => [TOO_LARGE, rest].concat().into(),
        _ => bare.into(),
    }
}

/// Such an answer with what is missing.
pub(super) fn dressed(bare: &[u8], by_https: bool) -> Vec<u8> {
    let mut head = bare.strip_suffix(b"\r\n").unwrap_or(bare).to_vec();
    head.extend_from_slice(on_every_answer_as_text(by_https).as_bytes());
    head.extend_from_slice(b"\r\n");
    head
}

/// What a peer is told whose head takes too long (RFC 9110 §15.5.9).
pub(super) fn too_slow(by_https: bool) -> Vec<u8> {
    dressed(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", by_https)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: &str = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\ndate: Thu, 26 Nov 2026 00:00:00 GMT\r\n\r\n";

    #[test]
    fn only_a_bare_head_at_the_end_is_taken_for_one() {
        let body = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncache-control: no-store\r\n\r\n{}";
        let two = format!("{body}{BARE}");
        let longer = BARE.replace("date: ", "connection: close\r\ndate: ");
        for (sent, found) in [
            (BARE, Some(0)),
            (longer.as_str(), Some(0)),
            (two.as_str(), Some(body.len())),
            (body, None),
            ("", None),
            ("\r\n\r\n", None),
            ("HTTP/1.1 100 Continue\r\n\r\n", None),
            ("HTTP/1.1 204 No Content\r\ndate: x\r\n\r\n", None),
            ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\ncache-control: no-store\r\n\r\n", None),
            ("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n", None),
        ] {
            assert_eq!(at_end_of(sent.as_bytes()), found, "{sent:?}");
        }
    }

    #[test]
    fn a_head_too_long_to_be_read_is_called_so() {
        for (head, is_long) in [(0, false), (65_534, false), (65_535, true)] {
            let named = String::from_utf8(named(BARE.as_bytes(), head).into_owned()).expect("text");
            assert_eq!(
                named.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\n"),
                is_long,
                "{head}"
            );
            assert_eq!(at_end_of(named.as_bytes()), Some(0), "{named}");
        }
        let late = "HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(*named(late.as_bytes(), 70_000), *late.as_bytes());
    }

    #[test]
    fn what_is_missing_is_added() {
        let dressed = String::from_utf8(dressed(BARE.as_bytes(), true)).expect("text");
        assert!(dressed.starts_with("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n"), "{dressed}");
        assert!(dressed.ends_with(
            "\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\nstrict-transport-security: max-age=31536000\r\n\r\n"
        ));
        assert!(at_end_of(dressed.as_bytes()).is_none(), "once");
        assert!(!String::from_utf8(too_slow(false)).expect("text").contains("strict"));
    }
}
