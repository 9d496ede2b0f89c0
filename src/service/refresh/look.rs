//! A look at an access token that an API refused and that nothing can refresh, and what follows if its provider refuses it.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use super::verdict::{NOTICE, undo_marks};
use crate::service::Parts;
use domain::Result;
use domain::guard::Belief;
use domain::ids::{LinkId, ProviderId};
use domain::refresh::Errand;
use store::marks::reject;
use upstream::Standing;

/// When to look again where the provider doesn't say.
const AGAIN: Duration = Duration::from_secs(5);

/// What a look came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::service) enum Looked {
    /// The provider takes the token.
    Good,
    /// It doesn't, and is to be believed.
    Refused,
    /// Ask again after this time.
    Rest(Duration),
    /// The provider has nothing that could tell.
    Untold,
}

/// Asks the provider whether it still takes a link's access token. One that refuses in masses is not believed, as with refreshes.
pub(in crate::service) async fn look(
    parts: &Arc<Parts>,
    provider: &ProviderId,
    link: LinkId,
    token: &SecretString,
) -> Result<Looked> {
    let Some(client) = parts.upstream.provider(provider) else { return Ok(Looked::Untold) };
    let lane = parts.flights.lane(provider, parts.settings.tokens.max_concurrency);
    let now = || parts.clock.monotonic();
    if let Some(wait) = lane.guard().pause(now(), link, Errand::SecondLook) {
        return Ok(Looked::Rest(wait));
    }
    // Refreshes must find permits, however slow userinfo is.
    let (Ok(_half), Ok(_permit)) = (lane.background.acquire().await, lane.permits.acquire().await) else {
        return Ok(Looked::Rest(AGAIN));
    };
    let belief = match client.look(token).await {
        Standing::Good => return Ok(Looked::Good),
        Standing::Untold => return Ok(Looked::Untold),
        Standing::TryLater(why) => {
            tracing::warn!(%link, %provider, reason = why.reason, "whether a token is still taken can't be told");
            return Ok(Looked::Rest(why.retry_after.unwrap_or(AGAIN)));
        }
        Standing::Refused => lane.guard().refused(now(), link),
    };
    match belief {
        Belief::Believed { .. } | Belief::OurDoing => Ok(Looked::Refused),
        Belief::Doubted => Ok(Looked::Rest(AGAIN)),
        Belief::LosesBelief => {
            undo_marks(parts, provider).await?;
            Ok(Looked::Rest(AGAIN))
        }
    }
}

/// Hands out a link's access token of this version no more, and has its user told.
pub(in crate::service) async fn give_up(
    parts: &Parts,
    provider: &ProviderId,
    link: LinkId,
    version: i64,
) -> Result<()> {
    let now = store::now(parts.clock.now());
    if reject(&mut parts.store.write().await?, link, version, now, NOTICE).await? {
        tracing::warn!(%link, %provider, "the provider refuses the access token; it is handed out no more");
    }
    Ok(())
}
