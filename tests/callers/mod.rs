//! Who calls: tokens, secrets, codes, JWTs of others, proxies, and what each opens.

mod assertions;
mod authorize;
mod bound_tokens;
mod busy;
mod claims;
mod grants;
mod issuer_keys;
mod issuers;
mod oauth;
mod proxies;
mod renamed;
mod scopes;
mod vendors;
mod wrong_secrets;
