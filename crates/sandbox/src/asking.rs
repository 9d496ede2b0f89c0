//! How the provider can want to be asked.

/// What is made of PKCE (RFC 7636).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pkce {
    /// A code is asked for and redeemed with it, or refused.
    Required,
    /// With it or without.
    Optional,
    /// Without it, or refused.
    Refused,
}

/// What a refresh token is asked for by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offline {
    /// Nothing: one comes with every code.
    Always,
    /// A scope.
    Scope(String),
    /// A parameter of the authorization request and its value.
    Param(String, String),
}

/// How userinfo is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserinfoCall {
    /// GET or POST with a bearer token.
    Bearer,
    /// GET with the scheme OAuth.
    OAuth,
    /// POST with token and client id in the body.
    Post,
    /// POST with a bearer token, and client id and secret in the body.
    PostClient,
    /// POST with a bearer token and an empty body.
    PostBearer,
    /// POST with a bearer token and a JSON object.
    PostJson,
    /// GET with the token in the address.
    Query,
    /// POST with the token and a signature of all other parameters, by Odnoklassniki's rules.
    Ok,
}
