//! Secrets in a text that is about to be sealed. They write themselves nowhere else.

use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, Serializer};

/// Writes a secret into a text that is sealed before anybody sees it: for `serialize_with`.
pub fn in_the_clear<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

/// As [`in_the_clear`], for one that may be missing.
pub fn in_the_clear_if_any<S: Serializer>(secret: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(ExposeSecret::expose_secret).serialize(serializer)
}
