//! The token that a form of ours has to bring back: only who has the browser's cookie can know it, and it tells nothing of
//! the cookie.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// The token of the form that is for `purpose`, in the browser that has `cookie`.
pub fn token(cookie: &SecretString, purpose: &str) -> SecretString {
    let digest = Sha256::new()
        .chain_update(b"fedlink form\0")
        .chain_update(Sha256::digest(cookie.expose_secret().as_bytes()))
        .chain_update(purpose)
        .finalize();
    URL_SAFE_NO_PAD.encode(digest).into()
}

/// Whether `sent` is that token; compared in constant time.
pub fn is_token(sent: &SecretString, cookie: &SecretString, purpose: &str) -> bool {
    token(cookie, purpose).expose_secret().as_bytes().ct_eq(sent.expose_secret().as_bytes()).into()
}
