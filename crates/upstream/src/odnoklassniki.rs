//! The signature that Odnoklassniki wants of each call (apiok.ru, "Calculating request signature"). Pure. MD5 is its choice; what keeps
//! a call secret is TLS.

use std::fmt::Write as _;

use md5::{Digest as _, Md5};
use secrecy::{ExposeSecret, SecretString};

/// The `sig` of a call with these parameters, which it puts in order. The access token is no part of them.
pub(crate) fn signature(
    parameters: &mut [(String, String)],
    access_token: &str,
    client_secret: Option<&SecretString>,
) -> String {
    parameters.sort();
    let secret = client_secret.map(ExposeSecret::expose_secret).unwrap_or_default();
    let session_secret = hex(&[access_token, secret]);
    let mut text = parameters.iter().fold(String::new(), |mut text, (name, value)| {
        _ = write!(text, "{name}={value}");
        text
    });
    text.push_str(&session_secret);
    hex(&[&text])
}

/// The MD5 of these texts, one behind the other, in small hexadecimal digits.
fn hex(texts: &[&str]) -> String {
    let mut hash = Md5::new();
    for text in texts {
        hash.update(text);
    }
    hash.finalize().iter().fold(String::new(), |mut digits, byte| {
        _ = write!(digits, "{byte:02x}");
        digits
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of `aiookru`'s documentation, "Server-Server signature generation circuit".
    #[test]
    fn a_call_is_signed_as_another_client_signs_it() {
        let mut parameters = [("method", "events.get"), ("format", "json"), ("application_key", "ABCDEFGHIGKLMNOPK")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let token = "-s-84W-s3egarWUsbkq-IWTucuedzTKT8VUXIA.s4Xx8IW7";
        let secret = SecretString::from("ABC123DEF456GHI789JKL123");
        assert_eq!(signature(&mut parameters, token, Some(&secret)), "232c8eb921951c4dba9b72606f9ddb4c");
    }
}
