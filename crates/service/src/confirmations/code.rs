//! Codes as they are kept and as they are sent.

use aws_lc_rs::hmac;
use secrecy::{ExposeSecret as _, SecretString};

use crate::Parts;
use domain::account::AddressKind;
use domain::confirmation::{Code, Purpose};
use domain::{Error, Result};
use settings::Locale;

/// What a code is kept as: there are so few of them that any hash could be tried out, so it takes the secret of `[session]`,
/// which is not in the database. Bound to its confirmation, so that it is worth nothing in another row.
pub(super) fn mac(parts: &Parts, token_hash: &[u8], code: i64) -> Result<Vec<u8>> {
    let session = parts.settings.session.as_ref().ok_or_else(|| Error::internal("[session] is not configured"))?;
    Ok(mac_under(&session.secret, token_hash, code))
}

fn mac_under(secret: &SecretString, token_hash: &[u8], code: i64) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
    // No session's id, which the same secret signs, has a zero byte.
    let message = [b"fedlink phone code\0", token_hash, &code.to_be_bytes()].concat();
    hmac::sign(&key, &message).as_ref().to_vec()
}

/// What is sent. It says what the code is for: who did not ask for that knows that somebody else did.
pub(super) fn text(code: Code, purpose: Purpose, host: &str, locale: Locale) -> String {
    let code = code.number();
    match (locale, purpose) {
        (Locale::En, Purpose::ConfirmPhone | Purpose::ConfirmEmail) => {
            format!("{code} is your code for {host}. Tell nobody.")
        }
        (Locale::En, Purpose::SignIn | Purpose::SecondFactor) => {
            format!("{code} is your code to sign in at {host}. Tell nobody.")
        }
        (Locale::Ru, Purpose::ConfirmPhone | Purpose::ConfirmEmail) => {
            format!("{code} – код для {host}. Никому его не сообщайте.")
        }
        (Locale::Ru, Purpose::SignIn | Purpose::SecondFactor) => {
            format!("{code} – код для входа на {host}. Никому его не сообщайте.")
        }
    }
}

/// What such a message is about, where it says so: not the code, which notifications show on a locked screen.
pub(super) fn subject(to: AddressKind, host: &str, locale: Locale) -> Option<String> {
    match (to, locale) {
        (AddressKind::Phone, _) => None,
        (AddressKind::Email, Locale::En) => Some(format!("Your code for {host}")),
        (AddressKind::Email, Locale::Ru) => Some(format!("Код для {host}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes on their way outlive an update: their MAC is HMAC-SHA256, computed here by another implementation.
    #[test]
    fn a_codes_mac_is_the_same_in_every_version() {
        let mac = mac_under(&"a secret that signs cookies".into(), &[7; 32], 1234);
        let hex = mac.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        assert_eq!(hex, "bb3274a014b12dd463f2c80ce49f90a9c8dfdc2df19db1dd8cee77e68fb7b474");
    }
}
