//! Access tokens as they are handed out: whoever gets one puts it into a header.

/// Whether an access token can stand in a header as it is (RFC 6750 §2.1, RFC 9110 §5.5). Some providers' have characters that
/// are not ASCII; what ends a header, or can't be seen in it, no server takes.
pub fn fits_into_a_header(token: &str) -> bool {
    !token.is_empty() && !token.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::fits_into_a_header;

    #[test]
    fn a_token_with_a_control_character_fits_into_no_header() {
        for c in ('\0'..=' ').chain('\u{7E}'..='\u{A0}') {
            let is_control = matches!(c, '\0'..'\u{20}' | '\u{7F}'..='\u{9F}');
            for token in [format!("{c}abc"), format!("a{c}bc"), format!("abc{c}")] {
                assert_eq!(fits_into_a_header(&token), !is_control, "{token:?}");
            }
        }
        assert!(!fits_into_a_header(""));
        for token in ["a", "eyJ.e30.x-_~+/==", "a b\"\\", "é漢🔑", "я"] {
            assert!(fits_into_a_header(token), "{token}");
        }
    }
}
