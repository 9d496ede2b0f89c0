//! Names that people read: one rule for whoever says them. What can't be seen, or turns the text around it, is taken out;
//! nothing left is no name.

use super::error::{Error, Result};

/// The most characters of a name.
const LIMIT: usize = 255;

/// A name that a caller may send; `field` names it in the error. None if nothing is left of it.
pub fn sent(field: &'static str, text: Option<&str>) -> Result<Option<String>> {
    let Some(text) = text else { return Ok(None) };
    if text.is_empty() {
        return Err(Error::input(field, "is empty"));
    }
    if text.contains('\0') {
        return Err(Error::input(field, "has the control character U+0000"));
    }
    let name = clean(text.chars());
    match name.as_deref().map_or(0, |name| name.chars().count()) {
        length if length > LIMIT => {
            Err(Error::input(field, format!("has {length} characters, at most {LIMIT} are allowed")))
        }
        _ => Ok(name),
    }
}

/// [`sent`], of what has to have a name.
pub fn required(field: &'static str, text: &str) -> Result<String> {
    sent(field, Some(text))?.ok_or_else(|| Error::input(field, "must not be blank"))
}

/// A name that a provider or a partner tells, or that was kept before there was the rule: a long one is cut, since nobody who
/// could shorten it is there to be told.
pub fn told(text: &str) -> Option<String> {
    clean(clean(text.chars())?.chars().take(LIMIT))
}

/// What is left of a text as a name.
fn clean(text: impl Iterator<Item = char>) -> Option<String> {
    let left: String = text.filter(|c| !is_taken_out(*c)).collect();
    let name = left.trim();
    // Joiners belong to words and to emoji; by themselves they show nothing.
    let shows = name.chars().any(|c| !c.is_whitespace() && !matches!(c, '\u{200C}' | '\u{200D}'));
    shows.then(|| name.to_owned())
}

/// Controls (C0, DEL, C1), marks and overrides of direction, and what has no width. U+200C and U+200D stay: Persian and Indic
/// words are written with them, and emoji.
fn is_taken_out(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}'
        )
}

#[cfg(test)]
mod tests {
    use super::{required, sent, told};

    #[test]
    fn what_cannot_be_seen_or_turns_text_around_is_no_part_of_a_name() {
        let gone: Vec<char> = ('\u{1}'..='\u{1F}')
            .chain('\u{7F}'..='\u{9F}')
            .chain(['\u{200B}', '\u{200E}', '\u{200F}', '\u{2060}', '\u{FEFF}'])
            .chain('\u{202A}'..='\u{202E}')
            .chain('\u{2066}'..='\u{2069}')
            .collect();
        for c in gone {
            let name = format!("{c}O{c}leg{c}");
            assert_eq!(sent("name", Some(&name)).unwrap().as_deref(), Some("Oleg"), "U+{:04X}", u32::from(c));
            assert_eq!(told(&name).as_deref(), Some("Oleg"), "U+{:04X}", u32::from(c));
            assert_eq!((sent("name", Some(&c.to_string())).unwrap(), told(&c.to_string())), (None, None));
        }
        for stays in [
            "a\u{200C}b",
            "a\u{200D}b",
            "a\u{A0}b",
            "a\u{AD}b",
            "a\u{2028}b",
            "a\u{202F}b",
            "a\u{2065}b",
            "a\u{206A}b",
            "مریم",
        ] {
            assert_eq!(sent("name", Some(stays)).unwrap().as_deref(), Some(stays));
            assert_eq!(told(stays).as_deref(), Some(stays));
        }
    }

    #[test]
    fn nothing_left_is_no_name() {
        for nothing in [" ", "\u{200B}", "\u{202E}\u{7}", " \u{FEFF} ", "\u{200D}", "\u{200C}\u{A0}"] {
            assert_eq!((sent("name", Some(nothing)).unwrap(), told(nothing)), (None, None), "{nothing:?}");
            assert_eq!(required("name", nothing).unwrap_err().to_string(), "name must not be blank");
        }
        assert_eq!(told(""), None);
        assert_eq!(told("O\u{0}leg").as_deref(), Some("Oleg"));
        assert_eq!(sent("name", Some("")).unwrap_err().to_string(), "name is empty");
        assert_eq!(sent("name", Some("O\u{0}leg")).unwrap_err().to_string(), "name has the control character U+0000");
    }

    #[test]
    fn a_name_has_255_characters_whatever_bytes_they_take() {
        for letter in ["x", "я", "🦊"] {
            let most = letter.repeat(255);
            assert_eq!(sent("name", Some(&most)).unwrap().as_ref(), Some(&most));
            assert_eq!(told(&letter.repeat(256)).as_ref(), Some(&most));
            let refused = sent("name", Some(&letter.repeat(256))).unwrap_err().to_string();
            assert_eq!(refused, "name has 256 characters, at most 255 are allowed");
            // What is taken out doesn't count.
            let hidden = "\u{200B}".repeat(1000) + &most;
            assert_eq!((sent("name", Some(&hidden)).unwrap(), told(&hidden)), (Some(most.clone()), Some(most)));
        }
        assert_eq!(told(&format!("{} {}", "x".repeat(254), "y".repeat(9))).as_ref(), Some(&"x".repeat(254)));
    }
}
