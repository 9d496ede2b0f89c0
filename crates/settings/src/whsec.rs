//! Keys that calls are signed with, as Standard Webhooks has them: `whsec_` and base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use zeroize::Zeroizing;

/// What a secret starts with, so that it is known for one where it turns up (Standard Webhooks, "Signature scheme").
const PREFIX: &str = "whsec_";
/// How many bytes a key has, by the same.
const KEY_LENGTH: std::ops::RangeInclusive<usize> = 24..=64;

/// The key in a secret, or what a secret has to be.
pub(super) fn key(secret: &SecretString) -> Result<SecretSlice<u8>, String> {
    decoded(secret).ok_or_else(|| {
        let (least, most) = (KEY_LENGTH.start(), KEY_LENGTH.end());
        format!("must be {PREFIX} and base64 of {least} to {most} random bytes")
    })
}

fn decoded(secret: &SecretString) -> Option<SecretSlice<u8>> {
    let encoded = secret.expose_secret().strip_prefix(PREFIX)?;
    let key = Zeroizing::new(STANDARD.decode(encoded).ok()?);
    KEY_LENGTH.contains(&key.len()).then(|| key.to_vec().into())
}
