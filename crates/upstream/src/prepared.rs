//! What is made ready for a token request before a lease is taken.

use secrecy::SecretString;
use url::Url;

/// What a token request needs beside its tokens, made ahead: a refresh that holds a lease is to make one call and nothing
/// else. Good for a minute, and for one request.
#[derive(Debug)]
pub struct Prepared {
    pub(crate) endpoint: Url,
    pub(crate) proof: Option<SecretString>,
    /// What the operator's program adds to the request.
    pub(crate) added: Vec<(String, SecretString)>,
}

impl Prepared {
    /// The endpoint that the request goes to.
    pub(crate) fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    /// What our key signed, where it is a key that proves us.
    pub(crate) fn proof(&self) -> Option<&SecretString> {
        self.proof.as_ref()
    }
}
