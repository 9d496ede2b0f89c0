//! Links: list, link by id, unlink (`docs/blitz.md`).

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::audit::{About, record};
use super::{Parts, condo_sessions, revoke, way_in};
use crate::boxed;
use domain::caller::{Action, Caller};
use domain::event::{Actor, Event};
use domain::ids::{ClientId, LinkId, PARTNER_TYPE, ProviderId, Sid, Subject};
use domain::link::{Health, HeldLink, LinkDetail, LinkSummary, NewLink, Proof};
use domain::way_in::{Force, Removal};
use domain::{Error, Result, name, scope};
use settings::{Provider, Subjects};
use store::{self, Tx, at};
use vault::Owner;

/// A link as the list shows it.
#[derive(Debug)]
pub struct Listed {
    /// The account's id at the provider.
    pub sid: Sid,
    /// The provider.
    pub provider: ProviderId,
    /// The account's name there.
    pub user_name: Option<String>,
    /// What only the detailed list shows.
    pub detail: Option<Detail>,
}

/// What else is known of a link.
#[derive(Debug)]
pub struct Detail {
    /// How we know that it is the subject's account.
    pub proof: Proof,
    /// The application through which it was made.
    pub origin: Option<ClientId>,
    /// Whether its tokens can be refreshed; `None` if it has none.
    pub health: Option<Health>,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// When its token was last handed out, to the hour.
    pub last_used: Option<DateTime<Utc>>,
    /// When its access token expires, if anybody knows.
    pub expires: Option<DateTime<Utc>>,
    /// When its refresh token expires, if the provider said.
    pub refresh_expires: Option<DateTime<Utc>>,
    /// The word with which the provider refuses the refresh token, and since when, if it does so without saying that it is over.
    pub refused: Option<(String, DateTime<Utc>)>,
    /// Whether the settings have the provider no more: its tokens are kept, and it is not asked.
    pub provider_is_gone: bool,
    /// The scopes that were granted, and those that are asked for and were not; `None` if nobody knows what was granted.
    pub scopes: Option<Granted>,
}

/// What a provider granted.
#[derive(Debug)]
pub struct Granted {
    /// The scopes.
    pub scopes: Vec<String>,
    /// Those in the settings that it did not grant.
    pub missing: Vec<String>,
}

/// How much of each link a caller wants to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// What Blitz shows.
    Plain,
    /// All that is known.
    Detailed,
}

/// The links of a subject, oldest first.
pub async fn list(parts: &Parts, caller: &Caller, subject: &Subject, view: View) -> Result<Vec<Listed>> {
    caller.may(Action::ListLinks, subject)?;
    parts.check_subject(subject)?;
    let links = if parts.settings.subjects == Subjects::Any {
        store::read!(parts.store, |conn| store::links::list_of_subject(conn, subject))?
    } else {
        let account = store::read!(parts.store, |conn| store::links::list_of_account(conn, subject))?;
        let (is_disabled, links) = account.ok_or_else(|| caller.no_such_user(subject))?;
        refuse_disabled(caller, is_disabled)?;
        links
    };
    match view {
        View::Plain => Ok(links.into_iter().map(|link| listed(link, None)).collect()),
        View::Detailed => list_detailed(parts, subject).await,
    }
}

async fn list_detailed(parts: &Parts, subject: &Subject) -> Result<Vec<Listed>> {
    let links = store::read!(parts.store, |conn| store::links::list_detailed(conn, subject))?;
    Ok(links.into_iter().map(|(link, found)| listed_detailed(parts, link, found)).collect())
}

/// A link with all that is known of it.
pub(super) fn listed_detailed(parts: &Parts, link: LinkSummary, found: LinkDetail) -> Listed {
    let provider = parts.settings.providers.get(&link.provider);
    let lifetime = provider.and_then(|provider| provider.lifetime);
    let tokens = found.tokens;
    let scope = tokens.as_ref().and_then(|tokens| tokens.scope.as_deref());
    let scopes = scope.map(|scope| granted(provider, scope));
    let detail = Detail {
        proof: found.proof,
        origin: found.origin,
        health: tokens.as_ref().map(|tokens| tokens.health),
        created: found.created,
        last_used: found.last_used,
        expires: tokens.as_ref().and_then(|tokens| tokens.known_expiry(lifetime)),
        refresh_expires: tokens.as_ref().and_then(|tokens| tokens.refresh_expires),
        refused: tokens.and_then(|tokens| tokens.refused),
        provider_is_gone: is_gone(parts, &link.provider),
        scopes,
    };
    listed(link, Some(detail))
}

fn is_gone(parts: &Parts, provider: &ProviderId) -> bool {
    if provider.fp_type() == PARTNER_TYPE {
        return !parts.settings.has_identity(provider);
    }
    !parts.settings.providers.contains_key(provider)
}

fn granted(provider: Option<&Provider>, scope: &str) -> Granted {
    let missing = provider.map(|provider| {
        scope::missing(provider.scopes.iter().map(String::as_str), Some(scope), &provider.scope_aliases)
    });
    Granted { scopes: scope::each(scope).map(str::to_owned).collect(), missing: missing.unwrap_or_default() }
}

fn listed(link: LinkSummary, detail: Option<Detail>) -> Listed {
    Listed { sid: link.sid, provider: link.provider, user_name: link.user_name, detail }
}

/// A link that a client asserts.
#[derive(Debug)]
pub struct Assertion {
    /// Whose account.
    pub subject: Subject,
    /// At which provider, as the path names it.
    pub fp_type: String,
    /// The provider's name, as the path has it.
    pub fp_name: String,
    /// Which account there.
    pub sid: Sid,
    /// Its name; none keeps the name it has.
    pub user_name: Option<String>,
}

/// Links an account by its id, on the client's word. Doing it again is harmless.
#[boxed]
pub async fn link_by_id(parts: &Arc<Parts>, caller: &Caller, actor: Actor, assertion: Assertion) -> Result<()> {
    caller.may(Action::ChangeLinks, &assertion.subject)?;
    parts.check_subject(&assertion.subject)?;
    let provider = known_provider(parts, &assertion.fp_type, &assertion.fp_name)?;
    let user_name = name::sent("federatedAccountName", assertion.user_name.as_deref())?;
    let (caller, client) = (caller.clone(), caller.client.clone());
    parts
        .detached(async move |parts| {
            let mut tx = parts.store.begin().await?;
            require_account(&parts, &mut tx, &caller, &assertion.subject).await?;
            let link = Making {
                subject: &assertion.subject,
                provider: &provider,
                sid: &assertion.sid,
                user_name,
                proof: Proof::Asserted,
                origin: Some(&client),
                created: parts.clock.now(),
            };
            make(&parts, &mut tx, &actor, link).await?;
            tx.commit().await
        })
        .await
}

fn known_provider(parts: &Parts, fp_type: &str, fp_name: &str) -> Result<ProviderId> {
    if fp_type == PARTNER_TYPE {
        return Err(Error::input("fpType", "partner links are made by signing in, not by id"));
    }
    let unknown = || Error::input("fpName", format!("{fp_type}:{fp_name} is no configured provider"));
    let provider = ProviderId::parse(fp_type, fp_name).map_err(|_malformed| unknown())?;
    if parts.settings.providers.contains_key(&provider) { Ok(provider) } else { Err(unknown()) }
}

/// Refuses a subject that needs an account and has none. From here to the transaction's end nobody else changes the
/// subject's account or links.
pub(super) async fn require_account(parts: &Parts, tx: &mut Tx, caller: &Caller, subject: &Subject) -> Result<()> {
    store::accounts::hold(tx.conn(), subject).await?;
    match store::accounts::find(tx.conn(), subject).await? {
        Some(account) => refuse_disabled(caller, !account.may_sign_in()),
        None if parts.settings.subjects == Subjects::Any => Ok(()),
        None => Err(caller.no_such_user(subject)),
    }
}

/// Refuses a caller who acts for a disabled user: its token was issued before, and is believed for a moment longer.
/// Applications see and change the links of such users as those of others.
fn refuse_disabled(caller: &Caller, is_disabled: bool) -> Result<()> {
    if is_disabled && caller.subject().is_some() { Err(Error::Denied) } else { Ok(()) }
}

/// A link about to be made.
pub(super) struct Making<'a> {
    pub(super) subject: &'a Subject,
    pub(super) provider: &'a ProviderId,
    pub(super) sid: &'a Sid,
    pub(super) user_name: Option<String>,
    pub(super) proof: Proof,
    pub(super) origin: Option<&'a ClientId>,
    pub(super) created: DateTime<Utc>,
}

/// Makes or updates a link in the caller's transaction, with its audit line. A proven link takes an exclusive account
/// from an asserted one of another subject, never the reverse: [`Error::AlreadyLinked`].
pub(super) async fn make(parts: &Parts, tx: &mut Tx, actor: &Actor, link: Making<'_>) -> Result<LinkId> {
    // The database's word: who makes a link may go by settings that others have left behind, in another instance or in a request that
    // was under way.
    let rule = store::provider_rules::hold(tx.conn(), link.provider).await?;
    let by_settings = || parts.settings.providers.get(link.provider).is_some_and(|provider| provider.exclusive);
    let key = rule.unwrap_or_else(by_settings).then(|| store::links::exclusive_key(link.provider, link.sid.as_str()));
    make_own(parts, tx, actor, link, key.as_deref()).await
}

/// As [`make`], for an account with an exclusive key; without one the account may have several owners.
pub(super) async fn make_own(
    parts: &Parts,
    tx: &mut Tx,
    actor: &Actor,
    link: Making<'_>,
    key: Option<&str>,
) -> Result<LinkId> {
    if let (Proof::Proven, Some(key)) = (link.proof, key)
        && let Some(rival) = store::links::hold_asserted_rival(tx.conn(), key, link.subject).await?
    {
        remove(parts, tx, &rival).await?;
        let about = About {
            subject: Some(rival.subject.as_str()),
            provider: Some(link.provider),
            sid: Some(link.sid.as_str()),
            detail: Some("proven_by_another"),
        };
        record(parts, tx, Event::TakenOver, actor, about).await?;
    }
    let new = NewLink {
        id: LinkId(parts.entropy.uuid()),
        subject: link.subject.clone(),
        provider: link.provider.clone(),
        sid: link.sid.clone(),
        user_name: link.user_name,
        proof: link.proof,
        origin: link.origin.cloned(),
        exclusive_key: key.map(str::to_owned),
        created: link.created,
    };
    let id = store::links::upsert(tx.conn(), &new).await?;
    let about = About {
        subject: Some(link.subject.as_str()),
        provider: Some(link.provider),
        sid: Some(link.sid.as_str()),
        detail: Some(link.proof.as_str()),
    };
    record(parts, tx, Event::Linked, actor, about).await?;
    Ok(id)
}

/// Removes a link in the caller's transaction, which holds it; its tokens are queued for revocation.
pub(super) async fn remove(parts: &Parts, tx: &mut Tx, held: &HeldLink) -> Result<()> {
    // First the tokens, so that they are the last there were: a refresh that is under way finds none to write over.
    if let Some(tokens) = store::token_sets::take(tx.conn(), held.id).await? {
        let owner = Owner::new(held.id, &held.subject, &held.provider, held.sid.as_str());
        revoke::queue_set(parts, tx, owner, &tokens).await?;
    }
    if held.provider.fp_type() == PARTNER_TYPE {
        // What it let in goes with it: whoever it was, the user wants them out.
        condo_sessions::end_of_partners(tx, held.subject.as_str()).await?;
    }
    store::links::delete(tx.conn(), held.id, at(parts.clock.now())).await
}

/// Which link to remove, as the path names it.
#[derive(Debug)]
pub struct Unlinking {
    /// Whose link.
    pub subject: Subject,
    /// The provider's type.
    pub fp_type: String,
    /// The provider's name.
    pub fp_name: String,
    /// The account's id there.
    pub sid: Sid,
    /// Whether it is to go even if it is the last way in.
    pub force: Force,
}

/// Removes a link with its tokens, which are queued to be revoked at the provider; [`Error::LinkNotFound`] if the subject has no such, whether or not there is such a provider;
/// [`Error::LastSignInMethod`] if nothing else lets its user in.
#[boxed]
pub async fn unlink(parts: &Arc<Parts>, caller: &Caller, actor: Actor, unlinking: Unlinking) -> Result<()> {
    caller.may(Action::ChangeLinks, &unlinking.subject)?;
    parts.check_subject(&unlinking.subject)?;
    let caller = caller.clone();
    parts
        .detached(async move |parts| {
            let mut tx = parts.store.begin().await?;
            require_account(&parts, &mut tx, &caller, &unlinking.subject).await?;
            let provider = ProviderId::parse(&unlinking.fp_type, &unlinking.fp_name)
                .map_err(|_no_such_provider_so_no_such_link| Error::LinkNotFound)?;
            let held = store::links::hold(tx.conn(), &unlinking.subject, &provider, &unlinking.sid).await?;
            let held = held.ok_or(Error::LinkNotFound)?;
            let removal = way_in::judge(&parts, &mut tx, &held, unlinking.force).await?;
            if removal == Removal::Refused {
                return Err(Error::LastSignInMethod);
            }
            remove(&parts, &mut tx, &held).await?;
            let about = About {
                subject: Some(unlinking.subject.as_str()),
                provider: Some(&provider),
                sid: Some(unlinking.sid.as_str()),
                detail: (removal == Removal::Forced).then_some("forced"),
            };
            record(&parts, &mut tx, Event::Unlinked, &actor, about).await?;
            tx.commit().await
        })
        .await
}
