//! What leaves an installation is sealed to a passphrase: whoever has the file alone reads no token, and changes nothing unseen.

use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::envelope::{Cipher, Place};
use domain::entropy::Entropy;
use domain::{Error, Result};

/// Bytes of a salt.
pub const SALT: usize = 16;
/// KiB of memory, passes and lanes (RFC 9106 §4, the second recommended option): a guess takes some 0.1 s and as much room.
const COST: (u32, u32, u32) = (64 * 1024, 3, 4);
/// Characters: a shorter one is tried out in a day.
const SHORTEST: usize = 12;

/// A key made of a passphrase.
pub struct Passphrase(Cipher);

impl Passphrase {
    /// How keys are made, as a file says it.
    pub const DERIVATION: &str = "argon2id v=19 m=65536 t=3 p=4";

    /// The key of a passphrase and a file's salt. [`Error::Input`] if the passphrase is too short to hold.
    pub fn derive(passphrase: &SecretString, salt: &[u8; SALT]) -> Result<Self> {
        let text = passphrase.expose_secret();
        if text.chars().count() < SHORTEST {
            return Err(Error::input("passphrase", format!("must have {SHORTEST} characters or more")));
        }
        let (memory, passes, lanes) = COST;
        let params = Params::new(memory, passes, lanes, Some(32)).map_err(Error::internal)?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(text.as_bytes(), salt, &mut *key)
            .map_err(Error::internal)?;
        Ok(Self(Cipher::new(&key)))
    }

    /// Seals a text for the place that these parts name.
    pub fn seal(&self, place: &[&str], text: &SecretString, entropy: &dyn Entropy) -> Result<Vec<u8>> {
        self.0.seal(&Place::of(place), text.expose_secret().as_bytes(), entropy)
    }

    /// Opens what was sealed for the same place; `None` if it was sealed by another passphrase, for another place, or is no such.
    pub fn open(&self, place: &[&str], sealed: &[u8]) -> Option<SecretString> {
        let plain = self.0.open(&Place::of(place), sealed).ok()?;
        std::str::from_utf8(&plain).ok().map(SecretString::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::entropy::SystemEntropy;

    #[test]
    fn what_is_sealed_opens_by_the_same_passphrase_and_salt_in_the_same_place_alone() {
        let entropy = SystemEntropy::shared();
        let key = |passphrase: &str, salt| Passphrase::derive(&passphrase.into(), &[salt; SALT]).unwrap();
        let sealed = key("correct horse battery", 1).seal(&["line", "1"], &"s3cret".into(), &*entropy).unwrap();
        let open =
            |key: &Passphrase, place: &[&str]| key.open(place, &sealed).map(|text| text.expose_secret().to_owned());
        assert_eq!(open(&key("correct horse battery", 1), &["line", "1"]).as_deref(), Some("s3cret"));
        assert_eq!(open(&key("correct horse battery", 1), &["line", "2"]), None);
        assert_eq!(open(&key("correct horse battery", 1), &["line1"]), None);
        assert_eq!(open(&key("correct horse battery", 2), &["line", "1"]), None);
        assert_eq!(open(&key("correct horse batterz", 1), &["line", "1"]), None);
        let mut changed = sealed.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert!(key("correct horse battery", 1).open(&["line", "1"], &changed).is_none());
        assert!(key("correct horse battery", 1).open(&["line", "1"], &[0; 5]).is_none());
    }

    #[test]
    fn the_derivation_is_what_files_say_it_is() {
        let (memory, passes, lanes) = COST;
        assert_eq!(Passphrase::DERIVATION, format!("argon2id v=19 m={memory} t={passes} p={lanes}"));
        // A file must open in years: the key of a passphrase is what it was.
        let key = Passphrase::derive(&"correct horse battery".into(), &[7; SALT]).unwrap();
        let sealed = include_bytes!("passphrase.sealed");
        assert_eq!(key.open(&["a", "place"], sealed).unwrap().expose_secret(), "as it was sealed once");
    }

    #[test]
    fn a_passphrase_that_is_soon_tried_out_is_refused() {
        for short in ["", "hunter2", "elevenchars", "ééééééééééé"] {
            let refused = Passphrase::derive(&short.into(), &[0; SALT]).err().unwrap();
            assert!(refused.to_string().contains("12 characters"), "{refused}");
        }
    }
}
