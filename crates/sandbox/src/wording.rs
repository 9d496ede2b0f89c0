//! What the provider can want written otherwise than the specifications have it.

use serde_json::{Map, Value};

/// What stands in the demand for 32 hexadecimal digits that come once.
pub const ONCE: &str = "hex32";

/// What stands in the demand for any value of a parameter.
pub const ANY: &str = "*";

/// What is wanted otherwise. At first nothing.
#[derive(Debug, Clone)]
pub struct Wording {
    /// What `client_id` is called.
    pub client_id_param: String,
    /// Requests to the token endpoint, and to those beside it, are JSON objects.
    pub token_json: bool,
    /// Headers of token requests, by name and value; [`ONCE`] stands for 32 hexadecimal digits that no request had before.
    pub token_headers: Vec<(String, String)>,
    /// Parameters of userinfo, by name and value; [`ANY`] stands for any.
    pub userinfo_params: Vec<(String, String)>,
    /// How requests are signed, in `client_secret`.
    pub signed: Option<Signed>,
    /// More parameters of the callback, by name and value.
    pub callback_more: Vec<(String, String)>,
    /// Access tokens are JWTs with these claims.
    pub access_claims: Option<Map<String, Value>>,
    /// How userinfo refuses a dead access token, by status and body, instead of a 401.
    pub dead_access: Option<(u16, String)>,
}

impl Default for Wording {
    fn default() -> Self {
        Self {
            client_id_param: "client_id".to_owned(),
            token_json: false,
            token_headers: Vec::new(),
            userinfo_params: Vec::new(),
            signed: None,
            callback_more: Vec::new(),
            access_claims: None,
            dead_access: None,
        }
    }
}

/// A signature of parameters, as ESIA wants one: ECDSA over P-256, ASN.1, in base64url.
#[derive(Debug, Clone)]
pub struct Signed {
    /// The parameters that are signed, one behind the other.
    pub parts: Vec<String>,
    /// How `timestamp` is written, for chrono.
    pub timestamp: String,
    /// The public key: the point, uncompressed.
    pub public: Vec<u8>,
    /// Whether authorization requests are signed, too.
    pub authorize: bool,
}
