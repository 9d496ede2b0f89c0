//! The authorization endpoint (RFC 6749 §3.1): an application's user signs in here, and goes back to it with a code.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::TimeDelta;
use secrecy::{ExposeSecret as _, SecretString};
use url::{Url, form_urlencoded};

use super::callers::hash;
use super::onward::Onward;
use super::{Parts, grants, sessions};
use crate::boxed;
use domain::ids::ClientId;
use domain::issued::AuthorizationCode;
use domain::scope::Scope;
use domain::{Error, Result, pkce};
use settings::{Client, Settings, Subjects};
use store::accounts;
use store::oauth_codes::insert;

/// The most parameters that are read of a request: there are a dozen known ones.
const MOST_PARAMETERS: usize = 100;

/// How long a code may take from the browser to the application and back: RFC 6749 §4.1.2 allows ten minutes, programs need
/// seconds.
const CODE_LIFETIME: TimeDelta = TimeDelta::seconds(60);

/// Where a browser goes next.
pub enum Step {
    /// To our sign-in page, and from there back here.
    ToSignIn(Url),
    /// Back to the application, with a code or an error.
    ToApp(String),
    /// Nowhere: whoever sent it here is no application we know, or wants it sent where that one has nothing.
    Nowhere(Unfit),
}

/// What keeps us from sending anybody anywhere (RFC 6749 §4.1.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// `client_id` is missing, stands twice, or names no application.
    Client,
    /// `redirect_uri` is missing, stands twice, or is not on the application's list.
    RedirectUri,
    /// There are more than a hundred parameters.
    Parameters,
}

/// Answers an authorization request, its query as it came, of a browser with this session cookie.
#[boxed]
pub async fn authorize(parts: &Arc<Parts>, query: &str, cookie: Option<SecretString>) -> Result<Step> {
    let Some(query) = Query::parse(query) else { return Ok(Step::Nowhere(Unfit::Parameters)) };
    let client = query.one("client_id").and_then(|id| parts.settings.clients.get(&ClientId::parse(id).ok()?));
    let Some(client) = client else { return Ok(Step::Nowhere(Unfit::Client)) };
    // Letter for letter (RFC 9700 §4.1.3). Required even where there is but one: what isn't said can't be wrong unnoticed.
    let redirect_uri = query.one("redirect_uri").filter(|uri| client.redirect_uris.iter().any(|known| known == uri));
    let Some(redirect_uri) = redirect_uri else { return Ok(Step::Nowhere(Unfit::RedirectUri)) };
    let back = Back { redirect_uri, state: query.one("state"), issuer: parts.settings.issuer() };
    let asked = match Asked::read(&parts.settings, client, &query) {
        Ok(asked) => asked,
        Err(refusal) => return Ok(back.refuse(refusal)),
    };
    if asked.prompt == Prompt::Login {
        // Without the prompt it comes back, or it would ask for a sign-in for ever. What is left of the wish is a page that
        // offers no way past itself; whoever edits the address gets by, as they could have edited this one.
        let onward = Onward::Authorize(query.without("prompt").to_text());
        return Ok(Step::ToSignIn(onward.sign_in_again_url(&parts.settings)?));
    }
    if let Some(code) = issue(parts, client, redirect_uri, &asked, cookie).await? {
        return Ok(back.with(&[("code", code.expose_secret())]));
    }
    if asked.prompt == Prompt::None {
        return Ok(back.refuse(Refusal("login_required", "nobody is signed in")));
    }
    Ok(Step::ToSignIn(Onward::Authorize(query.to_text()).sign_in_url(&parts.settings)?))
}

/// The parameters of a request, in order. One without a value counts as not sent (RFC 6749 §3.1).
struct Query(Vec<(String, String)>);

impl Query {
    /// `None` if there are too many: each is looked for among all, before anybody is known.
    fn parse(query: &str) -> Option<Self> {
        let pairs = form_urlencoded::parse(query.as_bytes()).into_owned();
        let pairs: Vec<_> = pairs.take(MOST_PARAMETERS.saturating_add(1)).collect();
        let fits = pairs.len() <= MOST_PARAMETERS;
        fits.then(|| Self(pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect()))
    }

    /// The value of a parameter that stands once.
    fn one(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str());
        values.next().filter(|_| values.next().is_none())
    }

    /// RFC 6749 §3.1: no parameter may stand more than once, known or not.
    fn has_twice(&self) -> bool {
        let names: HashSet<&str> = self.0.iter().map(|(name, _)| name.as_str()).collect();
        names.len() < self.0.len()
    }

    fn without(&self, name: &str) -> Self {
        Self(self.0.iter().filter(|(found, _)| found != name).cloned().collect())
    }

    /// As a query again, of letters that need no escaping anywhere.
    fn to_text(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }
}

/// RFC 6749 §4.1.2.1: code and description.
struct Refusal(&'static str, &'static str);

/// The way back to the application.
struct Back<'a> {
    redirect_uri: &'a str,
    state: Option<&'a str>,
    issuer: String,
}

impl Back<'_> {
    fn refuse(&self, Refusal(error, description): Refusal) -> Step {
        self.with(&[("error", error), ("error_description", description)])
    }

    /// The redirect URI with what the application is told, added to whatever query it has.
    fn with(&self, told: &[(&str, &str)]) -> Step {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(told);
        query.extend_pairs(self.state.map(|state| ("state", state)));
        // RFC 9207: an application that asks several servers knows whose answer this is.
        query.append_pair("iss", &self.issuer);
        let separator = if self.redirect_uri.contains('?') { '&' } else { '?' };
        Step::ToApp(format!("{}{separator}{}", self.redirect_uri, query.finish()))
    }
}

/// Whether the user is to be asked (OpenID Connect Core §3.1.2.1). Other prompts ask for what isn't here: applications are
/// our own, so there is no consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prompt {
    /// Not at all.
    None,
    /// In any case.
    Login,
    /// If nobody is signed in.
    IfNeeded,
}

/// What a request asks for.
struct Asked {
    scopes: Vec<Scope>,
    challenge: String,
    prompt: Prompt,
}

impl Asked {
    fn read(settings: &Settings, client: &Client, query: &Query) -> std::result::Result<Self, Refusal> {
        if query.has_twice() {
            return Err(Refusal("invalid_request", "a parameter stands more than once"));
        }
        match query.one("response_type") {
            // Where the users live elsewhere, nobody can sign in: the endpoint has nothing to give.
            Some("code") if settings.subjects == Subjects::Registered => {}
            Some("code") => return Err(Refusal("unsupported_response_type", "no user has an account here")),
            Some(_) => return Err(Refusal("unsupported_response_type", "response_type must be code")),
            None => return Err(Refusal("invalid_request", "response_type is missing")),
        }
        if query.one("request").is_some() {
            return Err(Refusal("request_not_supported", "write the parameters out"));
        }
        if query.one("request_uri").is_some() {
            return Err(Refusal("request_uri_not_supported", "write the parameters out"));
        }
        if query.one("response_mode").is_some_and(|mode| mode != "query") {
            return Err(Refusal("invalid_request", "response_mode must be query"));
        }
        let challenge = query.one("code_challenge").filter(|text| pkce::is_challenge(text));
        // RFC 7636 §4.3: without a method it would be plain, which is not served.
        let Some(challenge) = challenge.filter(|_| query.one("code_challenge_method") == Some(pkce::S256)) else {
            return Err(Refusal("invalid_request", "code_challenge is required, with code_challenge_method S256"));
        };
        let Some(scopes) = grants::requested_user_scopes(client, query.one("scope")) else {
            return Err(Refusal(
                "invalid_scope",
                "a scope is unknown, or not granted to the application for its users",
            ));
        };
        Ok(Self { scopes, challenge: challenge.to_owned(), prompt: prompt(query.one("prompt"))? })
    }
}

fn prompt(text: Option<&str>) -> std::result::Result<Prompt, Refusal> {
    let prompts: Vec<&str> = text.unwrap_or_default().split_ascii_whitespace().collect();
    match prompts.as_slice() {
        ["none"] => Ok(Prompt::None),
        several if several.contains(&"none") => Err(Refusal("invalid_request", "prompt none stands alone")),
        several if several.contains(&"login") => Ok(Prompt::Login),
        _ => Ok(Prompt::IfNeeded),
    }
}

/// An authorization code for the signed-in user; `None` without one.
async fn issue(
    parts: &Arc<Parts>,
    client: &Client,
    redirect_uri: &str,
    asked: &Asked,
    cookie: Option<SecretString>,
) -> Result<Option<SecretString>> {
    let Some(session) = sessions::find(parts, cookie.as_ref()).await? else { return Ok(None) };
    let code = parts.entropy.token();
    let made = AuthorizationCode {
        code_hash: hash(code.expose_secret()).to_vec(),
        client: client.id.clone(),
        subject: session.subject.clone(),
        redirect_uri: redirect_uri.to_owned(),
        scope: grants::scope_text(&asked.scopes),
        code_challenge: asked.challenge.clone(),
        family: parts.entropy.uuid(),
        is_used: false,
        expires: parts.clock.now() + CODE_LIFETIME,
    };
    let stored = parts.detached(async move |parts| {
        let mut tx = parts.store.begin().await?;
        accounts::hold(tx.conn(), &session.subject).await?;
        // Once more, now that nothing moves: a session that ends takes its subject's codes with it, and this one was not
        // there to be taken.
        let cookie = cookie.as_ref().ok_or_else(|| Error::internal("a session without its cookie"))?;
        let now = sessions::look(&parts, tx.conn(), cookie).await?;
        let still = now.is_some_and(|now| now.subject == session.subject);
        if still {
            insert(tx.conn(), &made).await?;
            tx.commit().await?;
        }
        Ok(still)
    });
    Ok(stored.await?.then_some(code))
}
