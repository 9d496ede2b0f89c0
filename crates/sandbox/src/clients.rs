//! The applications registered at the provider.

/// How a client authenticates (RFC 6749 §2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// Any of the others; without a secret the id alone is enough.
    Any,
    /// HTTP Basic, id and secret form-encoded first.
    Basic,
    /// HTTP Basic, id and secret as they are.
    BasicRaw,
    /// Id and secret in the body.
    Post,
    /// By an assertion in the body (RFC 7523 §2.2).
    PrivateKeyJwt,
    /// Id and secret in the body, the secret being a JWT that the client signs.
    SignedSecret,
    /// By a signature of the request's parameters ([`super::wording::Signed`]).
    Signature,
    /// The id in the body, and no secret.
    None,
}

/// An application registered at the sandbox provider. `Debug` leaves its secret out.
#[derive(Clone)]
pub struct SandboxClient {
    /// The client id.
    pub id: String,
    /// The client secret; without one the client is public.
    pub secret: Option<String>,
    /// The redirect URIs, matched exactly.
    pub redirect_uris: Vec<String>,
    /// The one way the client may authenticate.
    pub auth: ClientAuth,
}

impl std::fmt::Debug for SandboxClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { id, secret: _, redirect_uris, auth } = self;
        f.debug_struct("SandboxClient")
            .field("id", id)
            .field("redirect_uris", redirect_uris)
            .field("auth", auth)
            .finish_non_exhaustive()
    }
}
