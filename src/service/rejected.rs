//! An access token that an API refused, on the word of whoever was refused: the provider is asked, the caller never believed
//! (docs/refresh.md, "A token that an API refuses").

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use super::Parts;
use super::counts::Taker;
use super::meters::Limit;
use super::refresh::{Landing, Looked, give_up, look};
use super::token_sets::is_same;
use super::tokens::{Answer, Asking, DEADLINE, SOON, Served, Turn, admitted, read, refuse_forgotten};
use domain::caller::Caller;
use domain::ids::{Sid, Subject};
use domain::reason::Reason;
use domain::served::Door;
use domain::token::{Lack, Wanted, is_recent};
use domain::token_set::ServingSet;
use domain::{Error, Result};
use store::token_sets::find_serving;

/// Which token an API refused.
#[derive(Debug)]
pub struct Report {
    /// The owner of the link.
    pub subject: Subject,
    /// Of which provider, as the path names it.
    pub fp_type: String,
    /// The provider's name.
    pub fp_name: String,
    /// Whose account's.
    pub sid: Sid,
    /// The access token, as it was handed out.
    pub token: SecretString,
}

/// What is served of the account once the provider was asked: another token, or the same one, which the provider still takes.
/// Of a token that isn't the account's, or is no more, nobody is asked. Errors as of fedToken; [`Error::Uncheckable`] if nobody
/// could tell.
pub async fn report(parts: &Arc<Parts>, caller: &Caller, report: &Report) -> Result<Vec<Served>> {
    let settings = admitted(parts, caller, &report.subject, &report.fp_type, &report.fp_name)?;
    parts.meters.within(Limit::Tokens, parts.quotas.charge_report(&caller.client, parts.clock.now()))?;
    let sets = read(parts, caller, &report.subject, &settings.id).await?;
    refuse_forgotten(settings)?;
    let set = sets.into_iter().find(|set| set.sid == report.sid);
    let set = set.ok_or_else(|| Error::no_token_until(Reason::NotLinked, "there is no link with tokens"))?;
    let asking = Asking {
        parts,
        subject: &report.subject,
        provider: &settings.id,
        lifetime: settings.lifetime,
        wanted: Wanted { floor: parts.settings.tokens.min_lifetime, min_ttl: None, force: false },
        turn: Turn::AtOnce,
        taker: Taker::of(caller, Door::FedToken),
    };
    let deadline = parts.clock.monotonic() + DEADLINE;
    let is_held = asking.opened(&set)?.is_some_and(|held| is_same(&held, &report.token));
    let answer = if is_held && !is_recent(set.obtained, parts.clock.now()) {
        asking.looked_into(set, &report.token, deadline).await?
    } else {
        asking.as_it_stands(set, deadline).await?
    };
    asking.conclude(vec![answer])
}

impl Asking<'_> {
    /// What comes of a token that an API refused: it is refreshed where that can be, else its provider is asked whether it takes it.
    async fn looked_into(&self, set: ServingSet, token: &SecretString, deadline: Duration) -> Result<Answer> {
        let is_refused = if set.has_refresh && self.parts.settings.tokens.refresh && !set.health.is_dead() {
            if let Some(rest) = self.rest_of(&set).await? {
                return Ok(Answer::Rest(rest));
            }
            match self.landed(&set, deadline).await {
                Landing::Read | Landing::Gone => {}
                Landing::Rest(until) => return Ok(self.rest_until(until)),
                Landing::StorageAway => return Ok(Answer::StorageAway),
                Landing::Broken => return Ok(Answer::Broken),
            }
            self.is_refused_since(&set).await?
        } else {
            let left = deadline.saturating_sub(self.parts.clock.monotonic());
            let looked = tokio::select! {
                biased;
                looked = look(self.parts, self.provider, set.link, token) => looked?,
                () = self.parts.clock.sleep(left) => Looked::Rest(SOON),
            };
            match looked {
                Looked::Good => false,
                // Whoever refreshes it elsewhere may have its refresh token work yet.
                Looked::Refused if set.has_refresh && !set.health.is_dead() => {
                    return Ok(Answer::Lacks(Lack::NoRefreshToken));
                }
                Looked::Refused => true,
                Looked::Rest(wait) => return Ok(Answer::Rest(wait)),
                Looked::Untold => return Err(Error::Uncheckable),
            }
        };
        if is_refused {
            give_up(self.parts, self.provider, set.link, set.version).await?;
        }
        match store::read!(self.parts.store, |conn| find_serving(conn, set.link))? {
            Some(now_there) => self.as_it_stands(now_there, deadline).await,
            None => Ok(Answer::Lacks(Lack::NoRefreshToken)),
        }
    }

    /// Whether the refresh token that goes with these tokens was refused as well.
    async fn is_refused_since(&self, set: &ServingSet) -> Result<bool> {
        let now_there = store::read!(self.parts.store, |conn| find_serving(conn, set.link))?;
        Ok(now_there.is_some_and(|there| there.version == set.version && there.health.is_dead()))
    }

    async fn as_it_stands(&self, set: ServingSet, deadline: Duration) -> Result<Answer> {
        let rest = self.rest_of(&set).await?;
        self.settled(set, rest, deadline).await
    }

    fn rest_until(&self, until: Duration) -> Answer {
        Answer::Rest(until.saturating_sub(self.parts.clock.monotonic()))
    }
}
