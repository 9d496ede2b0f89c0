//! fedToken: a valid access token for every account a subject has at a provider, refreshed on the way if need be.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use secrecy::SecretString;

use super::Parts;
use super::counts::Taker;
use super::meters::Limit;
use super::refresh::{Landing, in_batch, join};
use domain::caller::{Action, Caller};
use domain::expiry::Lifetime;
use domain::ids::{LinkId, ProviderId, Sid, Subject};
use domain::params::Texts;
use domain::reason::Reason;
use domain::refresh::Errand;
use domain::scope::missing;
use domain::served::Door;
use domain::token::{Decision, Held, Lack, Wanted, decide};
use domain::token_set::ServingSet;
use domain::{Error, Result};
use settings::{Provider, Subjects};
use store::leases::seen;
use store::token_sets::{Holdings, find_serving, list_of_account, list_of_subject};
use vault::{Column, Owner, Table};

/// A caller gets its answer within this time, whatever the providers do.
pub(super) const DEADLINE: Duration = Duration::from_secs(15);
/// The `Retry-After` of a caller whose wait ran out.
pub(super) const SOON: Duration = Duration::from_secs(1);
/// The longest remaining life a caller may ask for.
pub const MAX_MIN_TTL: Duration = Duration::from_mins(10);

/// What a caller asks for.
#[derive(Debug)]
pub struct Request {
    /// The owner of the link.
    pub subject: Subject,
    /// At which provider; none if what was named is none.
    pub provider: Option<ProviderId>,
    /// Only this account's.
    pub sid: Option<Sid>,
    /// Whether one is wanted, so that several accounts are too many.
    pub only_one: bool,
    /// Scopes of the provider's that a token must have.
    pub scopes: Vec<String>,
    /// Refresh if less than this is left; at most [`MAX_MIN_TTL`].
    pub min_ttl: Option<Duration>,
    /// Refresh in any case.
    pub force: bool,
}

/// A token to hand out.
#[derive(Debug)]
pub struct Served {
    /// The account's id at the provider.
    pub sid: String,
    /// The access token.
    pub token: SecretString,
    /// When it expires, if the provider said.
    pub expires: Option<DateTime<Utc>>,
    /// The scopes that it has, if they were asked for and are known.
    pub scope: Option<String>,
    /// What the provider hands on with it, by name.
    pub fields: Texts,
    /// Whose it is.
    pub(super) link: LinkId,
    /// Of which writing of the link's set it is.
    pub(super) version: i64,
}

/// The valid access tokens of a subject at a provider; at least one, or an error that says whether asking again can help.
pub async fn fetch(parts: &Arc<Parts>, caller: &Caller, request: &Request) -> Result<Vec<Served>> {
    fetch_for(parts, caller, Taker::of(caller, Door::FedToken), request).await
}

/// The same, handed out as the record is to have it.
pub(super) async fn fetch_for(
    parts: &Arc<Parts>,
    caller: &Caller,
    taker: Taker<'_>,
    request: &Request,
) -> Result<Vec<Served>> {
    let settings = admitted(parts, caller, &request.subject, request.provider.as_ref())?;
    let provider = &settings.id;
    let client = parts.settings.clients.get(&caller.client).ok_or(Error::Denied)?;
    parts.meters.within(Limit::Tokens, parts.quotas.charge_tokens(client, 1, &*parts.clock))?;
    let sets = read(parts, caller, &request.subject, provider).await?;
    refuse_forgotten(settings)?;
    let wanted = |set: &ServingSet| request.sid.as_ref().is_none_or(|sid| *sid == set.sid);
    let sets: Vec<ServingSet> = sets.into_iter().filter(wanted).collect();
    if request.only_one && sets.len() > 1 {
        return Err(Error::SeveralAccounts);
    }
    let wanted = Wanted { floor: parts.settings.tokens.min_lifetime, min_ttl: request.min_ttl, force: request.force };
    let (subject, lifetime) = (&request.subject, settings.lifetime);
    let asking = Asking { parts, subject, provider, lifetime, wanted, turn: Turn::AtOnce, taker };
    let served = if request.scopes.is_empty() {
        let answers = match asking.at_once(&sets)? {
            Some(answers) => answers,
            // Boxed: it is large, and few wait for a refresh.
            None => Box::pin(asking.with_refresh(sets)).await?,
        };
        asking.conclude(answers)?
    } else {
        // Boxed: it is large, and most ask for none.
        Box::pin(asking.with_scopes(settings, &request.scopes, sets)).await?
    };
    asking.with_fields(settings, served).await
}

/// The provider of that type and name, if the caller may have the subject's tokens there.
pub(super) fn admitted<'a>(
    parts: &'a Parts,
    caller: &Caller,
    subject: &Subject,
    provider: Option<&ProviderId>,
) -> Result<&'a Provider> {
    // An unknown provider and a missing scope get the same answer (docs/blitz.md, errors).
    let settings = provider.and_then(|provider| parts.settings.providers.get(provider)).ok_or(Error::Denied)?;
    caller.may(Action::FetchToken(&settings.id), subject)?;
    parts.check_subject(subject)?;
    Ok(settings)
}

pub(super) async fn read(
    parts: &Parts,
    caller: &Caller,
    subject: &Subject,
    provider: &ProviderId,
) -> Result<Vec<ServingSet>> {
    let holdings = if parts.settings.subjects == Subjects::Any {
        store::read!(parts.store, |conn| list_of_subject(conn, subject, provider))?
    } else {
        store::read!(parts.store, |conn| list_of_account(conn, subject, provider))?
    };
    sets_of(caller, subject, holdings)
}

/// The token sets of what was found of a subject, if it may be served at all.
#[inline]
pub(super) fn sets_of(caller: &Caller, subject: &Subject, holdings: Holdings) -> Result<Vec<ServingSet>> {
    match holdings {
        Holdings::Sets(sets) => Ok(sets),
        Holdings::NoAccount => Err(caller.no_such_user(subject)),
        // A token that was issued before, and is believed for a moment longer.
        Holdings::Disabled if caller.subject().is_some() => Err(Error::Denied),
        Holdings::Disabled => Err(Error::no_token("the user's account is disabled")),
    }
}

pub(super) fn refuse_forgotten(provider: &Provider) -> Result<()> {
    if provider.remember_tokens {
        return Ok(());
    }
    Err(Error::no_token("the provider's tokens are not remembered (remember_tokens = false)"))
}

/// What came of one link.
pub(super) enum Answer {
    Served(Served),
    /// Ask again after this time.
    Rest(Duration),
    Lacks(Lack),
    StorageAway,
    /// Something of ours is wrong, and the log says what.
    Broken,
}

/// Where a flight leaves its caller.
enum After {
    Answer(Answer),
    /// With tokens that came in meanwhile and are themselves to be refreshed.
    Newer(ServingSet),
}

/// When a link is refreshed that has to be.
#[derive(Clone, Copy)]
pub(super) enum Turn {
    /// As soon as the provider bears it.
    AtOnce,
    /// When it is the batches' turn: so many of them wait that others must not wait behind them.
    OfBatches,
}

/// What is asked for of one subject at one provider.
pub(super) struct Asking<'a> {
    pub(super) parts: &'a Arc<Parts>,
    pub(super) subject: &'a Subject,
    pub(super) provider: &'a ProviderId,
    pub(super) lifetime: Option<Lifetime>,
    pub(super) wanted: Wanted,
    pub(super) turn: Turn,
    /// To whom they are handed out.
    pub(super) taker: Taker<'a>,
}

impl Asking<'_> {
    /// Those of the sets that have the scopes that are asked for, served; if none does, what is missing.
    async fn with_scopes(&self, provider: &Provider, scopes: &[String], sets: Vec<ServingSet>) -> Result<Vec<Served>> {
        let (mut fit, mut granted, mut lacks) = (Vec::new(), HashMap::new(), Vec::new());
        for set in sets {
            let link = set.link;
            let scope = store::read!(self.parts.store, |conn| store::token_sets::scope(conn, link))?;
            let wanted = scopes.iter().map(String::as_str);
            let missing = missing(wanted, scope.as_deref(), &provider.scope_aliases);
            if missing.is_empty() {
                granted.insert(set.sid.as_str().to_owned(), scope);
                fit.push(set);
            } else {
                lacks = missing;
            }
        }
        if fit.is_empty() && !lacks.is_empty() {
            let why = format!("the user did not grant {}", lacks.join(" "));
            return Err(Error::TokenNotFound { why, reason: Some(Reason::MissingScopes), missing_scopes: lacks });
        }
        let answers = match self.at_once(&fit)? {
            Some(answers) => answers,
            None => self.with_refresh(fit).await?,
        };
        let mut served = self.conclude(answers)?;
        for token in &mut served {
            token.scope = granted.remove(&token.sid).flatten();
        }
        Ok(served)
    }

    /// What is held; `rest_until` as the process's clock says it, which is not the one that wrote it.
    fn held(&self, set: &ServingSet, rest_until: Option<DateTime<Utc>>) -> Held {
        Held {
            has_access: set.sealed_access.is_some(),
            expires: set.expiry(self.lifetime),
            obtained: set.obtained,
            imported: set.imported,
            has_refresh: set.has_refresh && self.parts.settings.tokens.refresh,
            dead: Lack::of(set.health),
            retry_at: rest_until,
        }
    }

    /// The answer where nobody has to be asked, which is nearly always.
    #[inline]
    pub(super) fn at_once(&self, sets: &[ServingSet]) -> Result<Option<Vec<Answer>>> {
        let now = self.parts.clock.now();
        let mut answers = Vec::with_capacity(sets.len());
        for set in sets {
            // Whether it has to rest is seen when it would be asked for.
            match decide(&self.held(set, None), &self.wanted, now) {
                Decision::Ask | Decision::Rest(_) => return Ok(None),
                Decision::Serve => answers.push(Answer::Served(self.open(set, now)?)),
                Decision::Nothing(lack) => answers.push(Answer::Lacks(lack)),
            }
        }
        Ok(Some(answers))
    }

    /// Asks the provider for each link that needs it, all at the same time.
    async fn with_refresh(&self, sets: Vec<ServingSet>) -> Result<Vec<Answer>> {
        let deadline = self.parts.clock.monotonic() + DEADLINE;
        let answers = sets.into_iter().map(async |set| {
            let rest = self.rest_of(&set).await?;
            self.settled(set, rest, deadline).await
        });
        join_all(answers).await.into_iter().collect()
    }

    /// The answer of one link that the provider may be asked for, unless it is to rest.
    pub(super) async fn settled(&self, set: ServingSet, rest: Option<Duration>, deadline: Duration) -> Result<Answer> {
        let now = self.parts.clock.now();
        match decide(&self.held(&set, rest.map(|rest| now + rest)), &self.wanted, now) {
            Decision::Ask => self.refreshed(set, deadline).await,
            Decision::Serve => Ok(Answer::Served(self.open(&set, now)?)),
            Decision::Rest(until) => Ok(Answer::Rest(left(until, now))),
            Decision::Nothing(lack) => Ok(Answer::Lacks(lack)),
        }
    }

    async fn refreshed(&self, set: ServingSet, deadline: Duration) -> Result<Answer> {
        match self.flown(set, deadline).await? {
            After::Answer(answer) => Ok(answer),
            // Linked again while we asked, with tokens that have to be refreshed themselves. Once is enough to start over.
            After::Newer(set) => match self.flown(set, deadline).await? {
                After::Answer(answer) => Ok(answer),
                After::Newer(_) => Ok(Answer::Rest(SOON)),
            },
        }
    }

    async fn flown(&self, set: ServingSet, deadline: Duration) -> Result<After> {
        let landing = self.landed(&set, deadline).await;
        self.after(landing, set).await
    }

    /// Where a flight for these tokens landed, or is at the deadline.
    pub(super) async fn landed(&self, set: &ServingSet, deadline: Duration) -> Landing {
        let flight = async {
            match self.turn {
                Turn::AtOnce => join(self.parts, self.provider, set.link, set.version, Errand::Renew).await.ok(),
                Turn::OfBatches => in_batch(self.parts, self.provider, set.link, set.version).await,
            }
        };
        let left = deadline.saturating_sub(self.parts.clock.monotonic());
        let landed = tokio::select! {
            biased;
            landed = flight => landed,
            // A provider that was not asked yet, or has answered, is not to blame for the database.
            () = self.parts.clock.sleep(left) => self.parts.flights.is_at_database(set.link).then_some(Landing::StorageAway),
        };
        // At the deadline the flight goes on; after a panic the next caller leads a new one.
        landed.unwrap_or_else(|| Landing::Rest(self.parts.clock.monotonic() + SOON))
    }

    /// How long the provider is to be left alone for a link, by the clock that leases go by.
    pub(super) async fn rest_of(&self, set: &ServingSet) -> Result<Option<Duration>> {
        if set.retry_at.is_none() {
            return Ok(None);
        }
        let (link, now) = (set.link, store::now(self.parts.clock.now()));
        let seen = store::read!(self.parts.store, |conn| seen(conn, &[link], now))?;
        Ok(seen.first().and_then(|(_, seen, _)| seen.rest))
    }

    /// What there is to serve after a flight: what was read before it, or what stands now.
    async fn after(&self, landing: Landing, before: ServingSet) -> Result<After> {
        // The wishes have been heard; from here only the floor decides.
        let wanted = Wanted { min_ttl: None, force: false, ..self.wanted };
        let version = before.version;
        let set = match landing {
            Landing::Read => {
                let link = before.link;
                match store::read!(self.parts.store, |conn| find_serving(conn, link))? {
                    Some(set) => set,
                    None => return Ok(After::Answer(Answer::Lacks(Lack::NoRefreshToken))),
                }
            }
            Landing::Gone => return Ok(After::Answer(Answer::Lacks(Lack::NoRefreshToken))),
            Landing::Rest(_) | Landing::StorageAway | Landing::Broken => before,
        };
        let rest = if landing == Landing::Read { self.rest_of(&set).await? } else { None };
        let now = self.parts.clock.now();
        let held = self.held(&set, rest.map(|rest| now + rest));
        if held.is_servable(wanted.floor, now) {
            return Ok(After::Answer(Answer::Served(self.open(&set, now)?)));
        }
        Ok(After::Answer(match (landing, decide(&held, &wanted, now)) {
            (Landing::StorageAway, _) => Answer::StorageAway,
            (Landing::Broken, _) => Answer::Broken,
            (Landing::Rest(until), _) => Answer::Rest(until.saturating_sub(self.parts.clock.monotonic())),
            (_, Decision::Rest(until)) => Answer::Rest(left(until, now)),
            (_, Decision::Nothing(lack)) => Answer::Lacks(lack),
            (_, Decision::Ask) if set.version != version => return Ok(After::Newer(set)),
            (_, Decision::Ask | Decision::Serve) => Answer::Rest(SOON),
        }))
    }

    /// The access token, in the clear.
    #[inline]
    pub(super) fn opened(&self, set: &ServingSet) -> Result<Option<SecretString>> {
        let Some(sealed) = set.sealed_access.as_deref() else { return Ok(None) };
        let vault = &self.parts.vault;
        let owner = Owner::new(set.link, self.subject, self.provider, set.sid.as_str());
        let key = vault.open_row_key(Table::TokenSets, set.link.0, &set.key_id, &set.wrapped_key)?;
        vault.open(&key, &owner.place(Column::Access), sealed).map(Some)
    }

    #[inline]
    fn open(&self, set: &ServingSet, now: DateTime<Utc>) -> Result<Served> {
        let token = self.opened(set)?.ok_or_else(|| Error::internal("served a set without a token"))?;
        self.parts.uses.note(set.link, now);
        self.parts.counts.served(self.taker, set.link, self.subject, now);
        let expires = set.expiry(self.lifetime).known();
        let (sid, link, version) = (set.sid.as_str().to_owned(), set.link, set.version);
        Ok(Served { sid, token, expires, scope: None, fields: Texts::default(), link, version })
    }
}

fn left(until: DateTime<Utc>, now: DateTime<Utc>) -> Duration {
    (until - now).to_std().unwrap_or_default()
}
