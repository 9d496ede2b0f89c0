//! Tokens that no link needs any more are revoked at their provider (RFC 7009): queued in the transaction that ends their
//! use, and asked for until the provider has answered or a week is over.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::audit::{About, record};
use super::token_sets::open_key;
use super::{Current, Parts, kin};
use crate::boxed;
use domain::event::{Actor, Event};
use domain::ids::{ProviderId, Sid, Subject};
use domain::revocation::{Revocation, next_attempt};
use domain::token_set::TokenSet;
use domain::{Error, Result};
use store::revocations::{
    Account, Due, claim, delete, insert, is_awaited, is_held, list_due, list_providers, put_off, put_off_due,
};
use store::{self, Conn, Tx, at};
use upstream::{Passing, RevocationOutcome, TokenType};
use vault::{Column, Owner, Table, in_the_clear_if_any, revocation_place};

/// How often the queue is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How many of a provider's are looked up together.
const BATCH: i64 = 16;
/// How long a provider that failed in passing, and didn't say for how long, is left alone.
const LEFT_ALONE: TimeDelta = TimeDelta::minutes(1);
/// The longest that it is left alone, whatever it says.
const LEFT_ALONE_AT_MOST: TimeDelta = TimeDelta::days(1);
/// How long an attempt keeps others away: longer than two documents of metadata and two calls may take.
const LEASE: TimeDelta = TimeDelta::minutes(2);

/// Tokens that are to die.
#[derive(Serialize, Deserialize)]
pub(super) struct Tokens {
    /// The access token.
    #[serde(serialize_with = "in_the_clear_if_any")]
    pub(super) access: Option<SecretString>,
    /// The refresh token.
    #[serde(serialize_with = "in_the_clear_if_any")]
    pub(super) refresh: Option<SecretString>,
}

/// Whose tokens they are.
#[derive(Clone, Copy)]
pub(super) struct Whose<'a> {
    /// The subject, if the bind was for one.
    pub(super) subject: Option<&'a str>,
    /// The provider's type.
    pub(super) fp_type: &'a str,
    /// The provider's name.
    pub(super) fp_name: &'a str,
    /// The account, if the provider proved it.
    pub(super) sid: Option<&'a str>,
}

impl<'a> Whose<'a> {
    /// Those of a link.
    pub(super) fn of(owner: &Owner<'a>) -> Self {
        Self { subject: Some(owner.subject), fp_type: owner.fp_type, fp_name: owner.fp_name, sid: Some(owner.sid) }
    }
}

/// Queues tokens for revocation, in whatever transaction ends their use.
pub(super) async fn queue(parts: &Parts, conn: &mut Conn, whose: Whose<'_>, tokens: &Tokens) -> Result<()> {
    if tokens.access.is_none() && tokens.refresh.is_none() {
        return Ok(());
    }
    let id = parts.entropy.uuid();
    let (key, wrapped) = parts.vault.new_row_key(Table::Revocations, id)?;
    let place = revocation_place(id, whose.fp_type, whose.fp_name, whose.sid);
    let text = SecretString::from(serde_json::to_string(tokens).map_err(Error::internal)?);
    let now = parts.clock.now();
    let revocation = Revocation {
        id,
        subject: whose.subject.map(Subject::parse).transpose().map_err(Error::internal)?,
        provider: ProviderId::parse(whose.fp_type, whose.fp_name).map_err(Error::internal)?,
        sid: whose.sid.map(Sid::parse).transpose().map_err(Error::internal)?,
        key_id: wrapped.key_id,
        wrapped_key: wrapped.bytes,
        sealed: parts.vault.seal(&key, &place, &text)?,
        attempts: 0,
        retry_at: now,
        created: now,
        erased_sid: None,
    };
    insert(conn, &revocation).await
}

/// Queues the tokens of a link that goes. A set that does not open keeps no link alive: that is recorded instead. One whose
/// key this instance lacks opens elsewhere, so here the link stays.
pub(super) async fn queue_set(parts: &Parts, tx: &mut Tx, owner: Owner<'_>, set: &TokenSet) -> Result<()> {
    let whose = Whose::of(&owner);
    match open_set(parts, owner, set) {
        Ok(tokens) => queue(parts, tx.conn(), whose, &tokens).await,
        Err(error) if !parts.vault.has_key(&set.key_id) => Err(error),
        Err(error) => give_up_unread(parts, tx, whose, &error).await,
    }
}

fn open_set(parts: &Parts, owner: Owner<'_>, set: &TokenSet) -> Result<Tokens> {
    let key = open_key(parts, set)?;
    let open = |sealed: &Option<Vec<u8>>, column| {
        sealed.as_ref().map(|sealed| parts.vault.open(&key, &owner.place(column), sealed)).transpose()
    };
    Ok(Tokens {
        access: open(&set.sealed_access, Column::Access)?,
        refresh: open(&set.sealed_refresh, Column::Refresh)?,
    })
}

/// Records that tokens go unrevoked because they do not open.
pub(super) async fn give_up_unread(parts: &Parts, tx: &mut Tx, whose: Whose<'_>, error: &Error) -> Result<()> {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    tracing::error!(fp_type = whose.fp_type, fp_name = whose.fp_name, cause, "tokens that do not open go unrevoked");
    record_end(parts, tx, whose, Event::RevocationGivenUp, Some("unreadable")).await
}

async fn record_end(
    parts: &Parts,
    tx: &mut Tx,
    whose: Whose<'_>,
    event: Event,
    detail: Option<&'static str>,
) -> Result<()> {
    let provider = ProviderId::parse(whose.fp_type, whose.fp_name).map_err(Error::internal)?;
    let about = About { subject: whose.subject, provider: Some(&provider), sid: whose.sid, detail };
    record(parts, tx, event, &Actor::default(), about).await
}

/// A provider, by type and name; it may be configured no more.
type Named = (String, String);

/// Works until it is dropped: each provider for itself, so that one that hangs holds up none of the others.
#[boxed]
pub async fn run(current: Current) {
    let mut rounds = tokio::time::interval(LOOK_EVERY);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut busy, mut at_work) = (BTreeSet::new(), FuturesUnordered::new());
    loop {
        tokio::select! {
            _ = rounds.tick() => match due_providers(&current.take()).await {
                Ok(found) => {
                    let free = found.into_iter().filter(|provider| busy.insert(provider.clone()));
                    at_work.extend(free.map(|provider| Box::pin(work_off(current.take(), provider))));
                }
                Err(error) => tracing::warn!(%error, "revocations could not be looked at"),
            },
            Some((provider, done)) = at_work.next() => {
                busy.remove(&provider);
                if let Err(error) = done {
                    tracing::warn!(fp_type = provider.0, fp_name = provider.1, %error, "revocations could not be worked off");
                }
            }
        }
    }
}

async fn due_providers(parts: &Parts) -> Result<Vec<Named>> {
    let now = at(parts.clock.now());
    store::read!(parts.store, |conn| list_providers(conn, now))
}

async fn work_off(parts: Arc<Parts>, provider: Named) -> (Named, Result<()>) {
    let done = work_off_due(&parts, &provider).await;
    (provider, done)
}

/// Tries every revocation whose time has come. Any number of instances may do so: each attempt has one taker.
#[boxed]
pub async fn run_due(parts: &Arc<Parts>) -> Result<()> {
    let providers = due_providers(parts).await?;
    let all = join_all(providers.into_iter().map(|provider| Box::pin(work_off(Arc::clone(parts), provider)))).await;
    all.into_iter().try_for_each(|(_, done)| done)
}

/// Tries a provider's, one after the other, until it fails in passing.
async fn work_off_due(parts: &Parts, provider: &Named) -> Result<()> {
    let (fp_type, fp_name) = provider;
    loop {
        let now = at(parts.clock.now());
        let due = store::read!(parts.store, |conn| list_due(conn, fp_type, fp_name, now, BATCH))?;
        for due in &due {
            if attempt(parts, *due).await? == Asked::InVain {
                return Ok(());
            }
        }
        if i64::try_from(due.len()).is_ok_and(|found| found < BATCH) {
            return Ok(());
        }
    }
}

/// Whether there is any use in asking the provider for more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// It failed in passing: its others are put off.
    InVain,
    /// Nothing speaks against it.
    Fairly,
}

/// How an attempt came out.
enum End {
    /// It is over, and this is recorded.
    Over(Event, Option<&'static str>),
    /// It failed in passing.
    Failed(Passing),
    /// A bind has tokens of the account, and may become a link.
    Awaited,
    /// Its key is one that this instance lacks; another may have it.
    Elsewhere,
}

async fn attempt(parts: &Parts, due: Due) -> Result<Asked> {
    let until = at(parts.clock.now() + LEASE);
    let claimed = store::claim!(parts.store, |conn| claim(conn, due, until))?;
    let Some(job) = claimed else { return Ok(Asked::Fairly) };
    let (attempts, retry_after, asked) = match ask(parts, &job).await? {
        End::Over(event, detail) => {
            end(parts, &job, event, detail).await?;
            return Ok(Asked::Fairly);
        }
        // A bind takes minutes at most.
        End::Awaited => (1, None, Asked::Fairly),
        End::Elsewhere => {
            tracing::warn!(key = job.key_id, "this instance lacks the key a revocation is sealed with");
            (job.attempts, None, Asked::Fairly)
        }
        End::Failed(Passing { reason, retry_after, .. }) => {
            tracing::warn!(
                fp_type = job.provider.fp_type(),
                fp_name = job.provider.fp_name(),
                reason,
                "a revocation failed in passing"
            );
            leave_alone(parts, &job, retry_after).await?;
            (job.attempts, retry_after, Asked::InVain)
        }
    };
    let [jitter] = parts.entropy.bytes::<1>();
    match next_attempt(attempts, jitter, retry_after, job.created, parts.clock.now()) {
        Some(moment) => put_off(&mut parts.store.write().await?, &job, at(moment)).await?,
        None => end(parts, &job, Event::RevocationGivenUp, Some("out_of_time")).await?,
    }
    Ok(asked)
}

/// Puts off what else the provider of `failed` is due to be asked: it is down, or has too much to do as it is.
async fn leave_alone(parts: &Parts, failed: &Revocation, retry_after: Option<Duration>) -> Result<()> {
    let wanted = retry_after.map_or(LEFT_ALONE, |wanted| TimeDelta::from_std(wanted).unwrap_or(LEFT_ALONE_AT_MOST));
    let now = parts.clock.now();
    let until = now + wanted.clamp(LEFT_ALONE, LEFT_ALONE_AT_MOST);
    put_off_due(&mut parts.store.write().await?, failed, at(now), at(until)).await
}

/// Ends a job, unless somebody else has taken it because this took too long.
async fn end(parts: &Parts, job: &Revocation, event: Event, detail: Option<&'static str>) -> Result<()> {
    let mut tx = parts.store.begin().await?;
    let Some(ended) = delete(tx.conn(), job).await? else { return Ok(()) };
    record_end(parts, &mut tx, whose(&ended), event, detail).await?;
    tx.commit().await?;
    let (event, detail) = (event.as_str(), detail.unwrap_or_default());
    tracing::info!(
        fp_type = job.provider.fp_type(),
        fp_name = job.provider.fp_name(),
        event,
        detail,
        "a revocation is over"
    );
    Ok(())
}

/// Whose the tokens were, as the record says it.
fn whose(job: &Revocation) -> Whose<'_> {
    Whose {
        subject: job.subject.as_ref().map(Subject::as_str),
        fp_type: job.provider.fp_type(),
        fp_name: job.provider.fp_name(),
        sid: job.erased_sid.as_deref().or(job.sid.as_ref().map(Sid::as_str)),
    }
}

/// Asks the provider, if the account holds no tokens.
async fn ask(parts: &Parts, job: &Revocation) -> Result<End> {
    let given_up = |detail| Ok(End::Over(Event::RevocationGivenUp, Some(detail)));
    let Some(provider) = parts.upstream.provider(&job.provider) else { return given_up("not_supported") };
    // A copy beside the system in use holds the grants of that system.
    if !provider.settings().revoke || !parts.settings.tokens.refresh {
        return given_up("turned_off");
    }
    let kin = match kin::of(parts, &provider).await {
        Ok(kin) if kin.agree => kin,
        // The same account may be there under another id, and nobody can tell.
        Ok(_at_odds) => return given_up("accounts_differ"),
        Err(passing) => return Ok(End::Failed(passing)),
    };
    // Before the look at the links, so that as little as can be comes between that and the call.
    let endpoint = match provider.revocation_endpoint().await {
        Ok(Some(endpoint)) => endpoint,
        Ok(None) => return given_up("not_supported"),
        Err(passing) => return Ok(End::Failed(passing)),
    };
    let tokens = match open(parts, job) {
        Ok(tokens) => tokens,
        Err(_opens_elsewhere) if !parts.vault.has_key(&job.key_id) => return Ok(End::Elsewhere),
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(revocation = %job.id, cause, "a revocation does not open");
            return given_up("unreadable");
        }
    };
    let (mut revoked, mut refused) = (false, false);
    // RFC 7009 §2.1: the refresh token's end should be the end of its access tokens, so it goes first.
    for (kind, token) in [(TokenType::Refresh, &tokens.refresh), (TokenType::Access, &tokens.access)] {
        let Some(token) = token else { continue };
        if let Some(end) = spared(parts, job, &kin.ids).await? {
            return Ok(end);
        }
        match provider.revoke(&endpoint, kind, token).await {
            RevocationOutcome::Revoked => revoked = true,
            RevocationOutcome::UnsupportedType => {}
            RevocationOutcome::Refused(reason) => {
                tracing::warn!(revocation = %job.id, reason, "the provider refused a revocation");
                refused = true;
            }
            RevocationOutcome::TryLater(passing) => return Ok(End::Failed(passing)),
        }
    }
    match (refused, revoked) {
        (true, _) => given_up("refused"),
        (false, true) => Ok(End::Over(Event::Revoked, None)),
        (false, false) => given_up("unsupported_token_type"),
    }
}

/// Why not to ask now, if so: many providers revoke all that an account has granted us, not one token. So every entry whose
/// grants are the same is looked at.
///
/// What remains: tokens that are granted between this look and the provider's own, or whose bind has not brought them home
/// yet, can die with the old ones. Their link then says that it needs consent; no look of ours can see into the provider.
async fn spared(parts: &Parts, job: &Revocation, kin: &[ProviderId]) -> Result<Option<End>> {
    let sid = job.sid.as_ref().map(Sid::as_str);
    // The binds first: one that ends in between has made its link by the second look.
    let now = at(parts.clock.now());
    for provider in kin {
        let account = Account { provider, sid };
        if store::read!(parts.store, |conn| is_awaited(conn, account, now))? {
            return Ok(Some(End::Awaited));
        }
    }
    // What was linked by an entry that is gone may be the same account; any account at all of it would be too far a guess.
    let gone = if sid.is_some() { kin::gone(parts).await? } else { Vec::new() };
    for provider in kin.iter().chain(&gone) {
        let account = Account { provider, sid };
        if store::read!(parts.store, |conn| is_held(conn, account))? {
            return Ok(Some(End::Over(Event::RevocationSpared, None)));
        }
    }
    Ok(None)
}

fn open(parts: &Parts, job: &Revocation) -> Result<Tokens> {
    let key = parts.vault.open_row_key(Table::Revocations, job.id, &job.key_id, &job.wrapped_key)?;
    let place =
        revocation_place(job.id, job.provider.fp_type(), job.provider.fp_name(), job.sid.as_ref().map(Sid::as_str));
    let text = parts.vault.open(&key, &place, &job.sealed)?;
    // serde_json's errors quote no more than a type and a column, and the text is our own.
    serde_json::from_str(text.expose_secret()).map_err(Error::internal)
}
