//! Token exchange (RFC 8693): a service shows the token that its user sent it, and gets a valid one of the provider's, or a reason
//! that it can act on. It makes no link and no account, and keeps nothing.

mod refused;
mod subject;

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::bind::{Reconnect, WayBack, reconnect};
use super::counts::Taker;
use super::tokens::{self, Request, Served};
use super::{Parts, links};
use crate::boxed;
use domain::caller::{Action, Caller};
use domain::ids::{ProviderId, Sid, Subject};
use domain::reason::Reason;
use domain::scope::Scope;
use domain::served::Door;
use domain::{Error, Result};
use settings::Client;

pub use refused::Refused;
pub use subject::SubjectToken;

/// What a client asks for.
pub struct Exchange<'a> {
    /// Of which provider, as `type:name`.
    pub audience: &'a str,
    /// Whose token it is to be.
    pub subject_token: SubjectToken<'a>,
    /// The provider's scopes that it has to have. It asks for nothing new.
    pub scopes: Vec<String>,
    /// The account's id there, where the subject has several.
    pub sid: Option<Sid>,
    /// Refresh if less than this is left; at most [`tokens::MAX_MIN_TTL`].
    pub min_ttl: Option<Duration>,
    /// How the user may come back, if they have to link again.
    pub way_back: Option<WayBack>,
}

/// A provider's token for a token of its user's.
#[boxed]
pub async fn exchange(
    parts: &Arc<Parts>,
    client: &Client,
    exchange: &Exchange<'_>,
) -> std::result::Result<Served, Refused> {
    if !client.scopes.iter().any(Scope::is_of_tokens) {
        return Err(Refused::Client);
    }
    let provider = target(parts, client, exchange.audience).ok_or(Refused::Target)?;
    if let Some(way) = &exchange.way_back {
        way.check(client)?;
    }
    let Some(whose) = subject::whose(parts, client, &provider, &exchange.subject_token).await? else {
        return Err(not_linked("the subject has no account here"));
    };
    let request = Request {
        subject: whose.subject,
        provider: Some(provider.clone()),
        sid: exchange.sid.clone(),
        only_one: true,
        scopes: exchange.scopes.clone(),
        min_ttl: exchange.min_ttl,
        force: false,
    };
    let taker = Taker { actor: whose.actor.as_deref(), ..Taker::of(&whose.caller, Door::Exchange) };
    match tokens::fetch_for(parts, &whose.caller, taker, &request).await {
        Ok(served) => served.into_iter().next().ok_or_else(|| Error::internal("served nothing").into()),
        Err(Error::TokenNotFound { why, reason: Some(reason), missing_scopes }) => {
            // Boxed, as the other below: large, and rare.
            let reconnect_url = Box::pin(reconnect_url(parts, &whose.caller, &request, &provider, exchange)).await?;
            Err(Refused::Interaction { reason, why, missing_scopes, reconnect_url })
        }
        Err(Error::TokenNotFound { why, reason: None, .. }) => Err(Refused::NoTokens(why)),
        Err(Error::UserNotFound { .. }) => Err(not_linked("the subject has no account here")),
        // Disabled, or deleted, since its token was looked at.
        Err(Error::Denied) => Err(Refused::SubjectToken),
        Err(Error::SeveralAccounts) => Err(Box::pin(several(parts, &whose.caller, &request.subject, &provider)).await?),
        Err(error) => Err(error.into()),
    }
}

/// The provider of that name, if the client may have its tokens: a name that is none and one that is not granted look alike.
fn target(parts: &Parts, client: &Client, audience: &str) -> Option<ProviderId> {
    let provider = ProviderId::parse_pair(audience).ok()?;
    let granted = client.scopes.iter().any(|scope| scope.opens_tokens_of(&provider));
    (granted && parts.settings.providers.contains_key(&provider)).then_some(provider)
}

fn not_linked(why: &str) -> Refused {
    Refused::Interaction {
        reason: Reason::NotLinked,
        why: why.to_owned(),
        missing_scopes: Vec::new(),
        reconnect_url: None,
    }
}

/// Where the user can link the account again, if the client said how they come back.
async fn reconnect_url(
    parts: &Arc<Parts>,
    caller: &Caller,
    request: &Request,
    provider: &ProviderId,
    exchange: &Exchange<'_>,
) -> Result<Option<Url>> {
    let Some(way) = &exchange.way_back else { return Ok(None) };
    let hint = exchange.sid.as_ref().map(Sid::as_str);
    reconnect(parts, Reconnect { caller, subject: &request.subject, provider, hint, way }).await
}

/// Which accounts there are to choose from, as far as this caller may know.
async fn several(parts: &Parts, caller: &Caller, subject: &Subject, provider: &ProviderId) -> Result<Refused> {
    if caller.may(Action::ListLinks, subject).is_err() {
        return Ok(Refused::SeveralAccounts(Vec::new()));
    }
    let listed = links::list(parts, caller, subject, links::View::Plain).await?;
    let there = listed.into_iter().filter(|link| link.provider == *provider);
    Ok(Refused::SeveralAccounts(there.map(|link| (link.sid, link.user_name)).collect()))
}

impl std::fmt::Debug for Exchange<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange").field("audience", &self.audience).finish_non_exhaustive()
    }
}
