//! Proof that who redeems a code is who asked for it (RFC 7636), by S256 alone: `plain` shows the verifier to whoever sees
//! the request.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// The one method.
pub const S256: &str = "S256";

/// Whether a challenge can be some verifier's: the base64url of a SHA-256, 43 characters (RFC 7636 §4.2).
pub fn is_challenge(text: &str) -> bool {
    URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == 32)
}

/// Whether the verifier is the challenge's (RFC 7636 §4.6); compared in constant time.
pub fn proves(verifier: &SecretString, challenge: &str) -> bool {
    let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose_secret().as_bytes()));
    digest.as_bytes().ct_eq(challenge.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_proved_by_its_verifier_alone() {
        // RFC 7636 appendix B.
        let (verifier, challenge) =
            ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert!(is_challenge(challenge));
        assert!(proves(&verifier.into(), challenge));
        assert!(!proves(&challenge.into(), challenge), "that would be plain");
        assert!(!proves(&"".into(), challenge));
        for no_challenge in
            ["", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM", "plain"]
        {
            assert!(!is_challenge(no_challenge), "{no_challenge}");
        }
    }
}
