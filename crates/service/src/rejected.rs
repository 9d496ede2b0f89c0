//! An access token that an API refused, on the word of whoever was refused: the provider is asked, the caller never believed
//! (docs/refresh.md, "A token that an API refuses").

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use super::Parts;
use super::counts::Taker;
use super::meters::Limit;
use super::refresh::{Landing, Look, Looked, give_up, look};
use super::token_sets::is_same;
use super::tokens::{Answer, Asking, DEADLINE, SOON, Served, Turn, admitted, read, refuse_forgotten};
use crate::boxed;
use domain::caller::Caller;
use domain::ids::{ProviderId, Sid, Subject};
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
    /// At which provider; none if what was named is none.
    pub provider: Option<ProviderId>,
    /// Whose account's.
    pub sid: Sid,
    /// The access token, as it was handed out.
    pub token: SecretString,
}

/// What is served of the account once the provider was asked: another token, or the same one, which the provider still takes.
/// Of a token that isn't the account's, or is no more, nobody is asked. Errors as of fedToken; [`Error::Uncheckable`] if nobody
/// could tell.
#[boxed]
pub async fn report(parts: &Arc<Parts>, caller: &Caller, report: &Report) -> Result<Vec<Served>> {
    let settings = admitted(parts, caller, &report.subject, report.provider.as_ref())?;
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
    asking.with_fields(settings, asking.conclude(vec![answer])?).await
}

impl Asking<'_> {
    /// What comes of a token that an API refused: it is refreshed where that can be; else its provider is asked whether it takes it.
    async fn looked_into(&self, set: ServingSet, token: &SecretString, deadline: Duration) -> Result<Answer> {
        let is_alive = set.has_refresh && !set.health.is_dead();
        let mut is_refused = false;
        if is_alive && self.parts.settings.tokens.refresh {
            if let Some(rest) = self.rest_of(&set).await? {
                return Ok(Answer::Rest(rest));
            }
            match self.landed(&set, deadline).await {
                Landing::Read | Landing::Gone => {}
                Landing::Rest(until) => return Ok(self.rest_until(until)),
                Landing::StorageAway => return Ok(Answer::StorageAway),
                Landing::Broken => return Ok(Answer::Broken),
            }
            is_refused = self.is_refused_since(&set).await?;
            if !is_refused {
                return self.as_it_stands_now(&set, deadline).await;
            }
        }
        // A refresh token that is refused says nothing of an access token that may have time left. Whoever refreshes the link elsewhere may
        // find its refresh token good: that is not given up here.
        let gives_up = is_refused || !is_alive;
        let (provider, link, version) = (self.provider.clone(), set.link, set.version);
        let asked = Look { provider, link, version, token: token.clone(), gives_up };
        let left = deadline.saturating_sub(self.parts.clock.monotonic());
        let looked = tokio::select! {
            biased;
            looked = look(self.parts, asked) => looked?,
            () = self.parts.clock.sleep(left) => {
                if self.parts.flights.is_at_database(link) {
                    return Ok(Answer::StorageAway);
                }
                Looked::Rest(SOON)
            }
        };
        match looked {
            Looked::Rest(wait) => return Ok(Answer::Rest(wait)),
            Looked::Refused if !gives_up => return Ok(Answer::Lacks(Lack::NoRefreshToken)),
            // Its refresh token is refused, an API refuses it, and there is nobody else to ask.
            Looked::Untold if is_refused => give_up(self.parts, self.provider, link, version).await?,
            Looked::Untold => return Err(Error::Uncheckable),
            Looked::Good | Looked::Refused | Looked::Outdated => {}
        }
        self.as_it_stands_now(&set, deadline).await
    }

    /// Whether the refresh token that goes with these tokens was refused as well.
    async fn is_refused_since(&self, set: &ServingSet) -> Result<bool> {
        let now_there = store::read!(self.parts.store, |conn| find_serving(conn, set.link))?;
        Ok(now_there.is_some_and(|there| there.version == set.version && there.health.is_dead()))
    }

    async fn as_it_stands_now(&self, set: &ServingSet, deadline: Duration) -> Result<Answer> {
        match store::read!(self.parts.store, |conn| find_serving(conn, set.link))? {
            Some(now_there) => self.as_it_stands(now_there, deadline).await,
            None => Ok(Answer::Lacks(Lack::NoRefreshToken)),
        }
    }

    async fn as_it_stands(&self, set: ServingSet, deadline: Duration) -> Result<Answer> {
        let rest = self.rest_of(&set).await?;
        self.settled(set, rest, deadline).await
    }

    fn rest_until(&self, until: Duration) -> Answer {
        Answer::Rest(until.saturating_sub(self.parts.clock.monotonic()))
    }
}
