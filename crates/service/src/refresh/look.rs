//! A look at an access token that an API refused and that nothing refreshes, and what follows if its provider refuses it.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use secrecy::SecretString;

use super::verdict::{NOTICE, UNDONE};
use crate::Parts;
use domain::Result;
use domain::guard::Belief;
use domain::ids::{LinkId, ProviderId};
use domain::refresh::Errand;
use store::marks::{reject, undo_rejections};
use store::token_sets::find_serving;
use upstream::Standing;

/// When to look again where the provider doesn't say.
const AGAIN: Duration = Duration::from_secs(5);

/// What a look came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Looked {
    /// The provider takes the token.
    Good,
    /// It doesn't, and is believed: the token is handed out no more.
    Refused,
    /// It isn't the link's any more: there is something else to serve.
    Outdated,
    /// Ask again after this time.
    Rest(Duration),
    /// The provider has nothing that could tell.
    Untold,
}

/// What is looked at, and what its refusal does.
pub(crate) struct Look {
    pub(crate) provider: ProviderId,
    pub(crate) link: LinkId,
    /// The version whose access token it is.
    pub(crate) version: i64,
    pub(crate) token: SecretString,
    /// Whether the link is given up if the provider refuses the token.
    pub(crate) gives_up: bool,
}

/// Asks the provider whether it still takes a link's access token, once at a time, and gives the token up if it doesn't. One that
/// refuses in masses is not believed, as with refreshes; what was believed of it before is undone. It goes on whoever hangs up.
pub(crate) async fn look(parts: &Arc<Parts>, look: Look) -> Result<Looked> {
    parts.detached(async move |parts| one_at_a_time(&parts, &look).await).await
}

async fn one_at_a_time(parts: &Arc<Parts>, look: &Look) -> Result<Looked> {
    let Some(_looking) = Looking::begin(parts, look.link) else { return Ok(Looked::Rest(AGAIN)) };
    let lane = parts.flights.lane(&look.provider, parts.settings.tokens.max_concurrency);
    let now = || parts.clock.monotonic();
    if let Some(wait) = lane.looks().pause(now(), look.link, Errand::SecondLook) {
        return Ok(Looked::Rest(wait));
    }
    // Refreshes must find permits, however slow userinfo is.
    let (Ok(_half), Ok(_permit)) = (lane.background.acquire().await, lane.permits.acquire().await) else {
        return Ok(Looked::Rest(AGAIN));
    };
    // Somebody may have written meanwhile, or looked.
    let reading = parts.flights.at_database(look.link);
    let there = store::read!(parts.store, |conn| find_serving(conn, look.link))?;
    drop(reading);
    if there.is_none_or(|there| there.version != look.version || there.sealed_access.is_none()) {
        return Ok(Looked::Outdated);
    }
    let Some(client) = parts.upstream.provider(&look.provider) else { return Ok(Looked::Untold) };
    match client.look(&look.token).await {
        Standing::Good => {
            lane.looks().granted(now(), look.link);
            Ok(Looked::Good)
        }
        Standing::Untold => Ok(Looked::Untold),
        Standing::TryLater(why) => {
            let (link, provider) = (look.link, &look.provider);
            tracing::warn!(%link, %provider, reason = why.reason, "whether a token is still taken can't be told");
            Ok(Looked::Rest(why.retry_after.unwrap_or(AGAIN)))
        }
        Standing::Refused => {
            let _at_database = parts.flights.at_database(look.link);
            let (belief, lost_belief) = {
                let mut looks = lane.looks();
                let belief = looks.refused(now(), look.link);
                (belief, looks.lost_belief())
            };
            match belief {
                Belief::Doubted => return Ok(Looked::Rest(AGAIN)),
                Belief::LosesBelief => {
                    undo(parts, &look.provider).await?;
                    return Ok(Looked::Rest(AGAIN));
                }
                Belief::Believed { .. } | Belief::OurDoing => {}
            }
            if look.gives_up {
                give_up(parts, &look.provider, look.link, look.version).await?;
                if lane.looks().lost_belief() != lost_belief {
                    // Another refusal was one too many while this one was on its way to the row.
                    undo(parts, &look.provider).await?;
                    return Ok(Looked::Rest(AGAIN));
                }
            }
            Ok(Looked::Refused)
        }
    }
}

/// Hands out a link's access token of this version no more, and has its user told.
pub(crate) async fn give_up(parts: &Parts, provider: &ProviderId, link: LinkId, version: i64) -> Result<()> {
    let now = store::now(parts.clock.now());
    if reject(&mut parts.store.write().await?, link, version, now, NOTICE).await? {
        tracing::warn!(%link, %provider, "the provider refuses the access token; it is handed out no more");
    }
    Ok(())
}

async fn undo(parts: &Parts, provider: &ProviderId) -> Result<()> {
    let now = store::now(parts.clock.now());
    let undone = undo_rejections(&mut parts.store.write().await?, provider, now, UNDONE).await?;
    tracing::error!(%provider, undone, "the provider refuses access tokens in masses; none is taken for dead for a minute");
    Ok(())
}

/// A link whose access token is being looked at.
struct Looking {
    parts: Arc<Parts>,
    link: LinkId,
}

impl Looking {
    fn begin(parts: &Arc<Parts>, link: LinkId) -> Option<Self> {
        let mut looked_at = parts.flights.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
        looked_at.insert(link).then(|| Self { parts: Arc::clone(parts), link })
    }
}

impl Drop for Looking {
    fn drop(&mut self) {
        self.parts.flights.looked_at.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.link);
    }
}
