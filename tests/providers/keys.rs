//! Keys with which a client of a provider signs.

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A new key for the algorithm: as the text of a setting has it, and its public half.
pub(super) fn pair(algorithm: &str) -> (String, Vec<u8>) {
    let (der, public) = if algorithm == "ES256" {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        (pair.to_pkcs8v1().expect("a key").as_ref().to_vec(), pair.public_key().as_ref().to_vec())
    } else {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
        let der: Pkcs8V1Der<'_> = pair.as_der().expect("a key");
        (der.as_ref().to_vec(), pair.public_key().as_ref().to_vec())
    };
    (format!("-----BEGIN PRIVATE KEY-----\\n{}\\n-----END PRIVATE KEY-----", STANDARD.encode(der)), public)
}
