//! The key that a client signs by.

/// What a client's signature must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientKey {
    /// `ES256`, `RS256` or `PS256`; nothing else is believed.
    pub algorithm: &'static str,
    /// The public key: the point, uncompressed, or the RSA key of RFC 8017 A.1.1.
    pub public: Vec<u8>,
    /// Whom the key belongs to (`iss`), where that is not the client itself.
    pub issuer: Option<String>,
}
