//! Tokens that we issue to applications, as they are kept: their hashes, never the tokens.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::ids::{ClientId, Subject};
use super::scope::Scope;

/// An access token of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessToken {
    /// What it is found by.
    pub token_hash: Vec<u8>,
    /// Its id; of one in a family the id of the claim that it came of.
    pub id: Uuid,
    /// The client it was issued to.
    pub client: ClientId,
    /// The user it acts for; none in system mode.
    pub subject: Option<Subject>,
    /// What it opens: scopes in one text, separated by spaces.
    pub scope: String,
    /// When it was issued.
    pub issued: DateTime<Utc>,
    /// When it expires.
    pub expires: DateTime<Utc>,
    /// The sign-in that it came of.
    pub family: Option<Uuid>,
}

impl AccessToken {
    /// What it opens, of the scopes that there are.
    pub fn scopes(&self) -> Vec<Scope> {
        known_scopes(&self.scope).collect()
    }
}

/// An authorization code of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationCode {
    /// What it is found by.
    pub code_hash: Vec<u8>,
    /// The client it was issued to.
    pub client: ClientId,
    /// The user who signed in.
    pub subject: Subject,
    /// Where it was sent.
    pub redirect_uri: String,
    /// What the user's sign-in granted: scopes in one text, separated by spaces.
    pub scope: String,
    /// RFC 7636 §4.2.
    pub code_challenge: String,
    /// The sign-in.
    pub family: Uuid,
    /// Whether its tokens went out.
    pub is_used: bool,
    /// When it expires.
    pub expires: DateTime<Utc>,
}

impl AuthorizationCode {
    /// What the user's sign-in granted, of the scopes that there are.
    pub fn scopes(&self) -> impl Iterator<Item = Scope> {
        known_scopes(&self.scope)
    }
}

/// A refresh token of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshToken {
    /// What it is found by.
    pub token_hash: Vec<u8>,
    /// The client it was issued to.
    pub client: ClientId,
    /// The user it acts for.
    pub subject: Subject,
    /// What the user's sign-in granted: scopes in one text, separated by spaces.
    pub scope: String,
    /// The sign-in that it came of.
    pub family: Uuid,
    /// Whether its tokens went out.
    pub is_used: bool,
    /// When it expires.
    pub expires: DateTime<Utc>,
    /// The claim that it came of.
    pub born_of: Option<Uuid>,
}

impl RefreshToken {
    /// What the user's sign-in granted, of the scopes that there are.
    pub fn scopes(&self) -> impl Iterator<Item = Scope> {
        known_scopes(&self.scope)
    }
}

/// The scopes of a stored text. One that an earlier version knew is none any more.
fn known_scopes(text: &str) -> impl Iterator<Item = Scope> {
    text.split(' ').filter_map(Scope::parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_scopes_leave_out_what_is_no_scope() {
        let text = "fed_tkn_box_box1 no_scope  fed_tkn_box_box2";
        let known: Vec<String> = known_scopes(text).map(|scope| scope.to_string()).collect();
        assert_eq!(known, ["fed_tkn_box_box1", "fed_tkn_box_box2"]);
        assert_eq!(known_scopes("").count(), 0);
    }
}
