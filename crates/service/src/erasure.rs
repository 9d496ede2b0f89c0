//! A person is erased: their account and links go, and what tells them apart becomes keyed hashes wherever the record has it.
//!
//! The record may be long, so it is done a few lines at a time. Each step leaves what the ones after it go by: first the account and
//! its links, then what waits and what others have of their accounts, and last the lines of their own, which name those. Whoever is
//! interrupted begins again, and goes on under the same hashes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::TimeDelta;
use uuid::Uuid;

use super::audit::{self, About};
use super::{Parts, accounts, bind, endings, folding};
use crate::boxed;
use domain::audit::Place;
use domain::endings::Change;
use domain::erasure::{Account, KeyedHash, Line, Named, Person, Rewritten, is_mark};
use domain::event::{Actor, Event};
use domain::ids::{ProviderId, Sid, Subject};
use domain::served::Due;
use domain::{Error, Result};
use store::audit::{Lines, has, list_lines, names, rewrite};
use store::erasure::{list_employments, list_holders, list_waiting_accounts, rename_account, rename_subject};
use store::outbox::forget_person;
use store::{self, Tx};

/// Lines of one transaction.
const BATCH: u16 = 50;
/// Between one batch and the next: those who serve come first.
const PAUSE: Duration = Duration::from_millis(10);
/// By so much clocks of a fleet may differ, and then some.
const SKEW: TimeDelta = TimeDelta::minutes(5);

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Erased {
    /// Lines of the record that say less than they did.
    pub lines: usize,
}

/// Erases a person; [`Error::UserNotFound`] if there is nothing of them. What is erased already stays as it is.
#[boxed]
pub async fn erase(parts: &Parts, subject: &Subject) -> Result<Erased> {
    let keys: Vec<_> = parts.vault.hash_keys();
    let known = known_by(parts, subject, &keys).await?;
    let first = keys.first().ok_or_else(|| Error::internal("a keyring without a key"))?;
    let person = Person::new(subject, known.unwrap_or(first));
    let (had_anything, mut lines) = delete(parts, &person).await?;
    loop {
        // What counts tokens that they took for others names them as well.
        folding::fold(parts, Due::Now).await?;
        let rewritten = pass(parts, &person).await?;
        if rewritten == 0 {
            break;
        }
        lines += rewritten;
    }
    if !had_anything && lines == 0 && known.is_none() {
        return Err(Error::UserNotFound { hint: None });
    }
    note(parts, &person).await?;
    accounts::scrub(parts).await;
    Ok(Erased { lines })
}

/// Whether the record knows the person by a hash: they were erased, or are being.
pub(super) async fn is_erased(parts: &Parts, subject: &Subject) -> Result<bool> {
    Ok(known_by(parts, subject, &parts.vault.hash_keys()).await?.is_some())
}

/// The key by whose hash the record knows the person: an earlier run may have begun under one that is not the active one any more.
async fn known_by<'k, K: KeyedHash>(parts: &Parts, subject: &Subject, keys: &'k [K]) -> Result<Option<&'k K>> {
    for key in keys {
        let mark = Person::new(subject, key).mark();
        if store::read!(parts.store, |conn| names(conn, &mark))? {
            return Ok(Some(key));
        }
    }
    Ok(None)
}

/// Deletes the account, its links, and all that stands open in the person's name; says whether there was any, and how many lines
/// have lost what they were in organizations: afterwards nothing says which those are.
async fn delete(parts: &Parts, person: &Person<'_>) -> Result<(bool, usize)> {
    let subject = person.subject();
    let before = Place::before(parts.clock.now() - SKEW);
    let employments = store::read!(parts.store, |conn| list_employments(conn, subject.as_str()))?;
    let mut lines = 0;
    if !employments.is_empty() {
        let employed = |line: &Line| person.rewrite(line, Named::Employment(&employments));
        lines += each(parts, Lines::Of(Event::EmployeeChanged), employed).await?;
    }
    let mut tx = parts.store.begin().await?;
    store::accounts::hold(tx.conn(), subject).await?;
    lines += unname_late(&mut tx, person, before).await?;
    let had_account = accounts::take_out(&mut tx, subject).await?;
    let unlinked = accounts::unlink_all(parts, &mut tx, subject).await?;
    if had_account {
        accounts::close(parts, tx, subject, Change::Deleted, Event::AccountDeleted).await?;
    } else {
        endings::carry_out(parts, &mut tx, subject.as_str(), &[Change::Deleted], None).await?;
        tx.commit().await?;
        parts.tokens_seen.forget_subject(subject);
    }
    Ok((had_account || unlinked > 0, lines))
}

/// Once more what the person is in organizations, of lines that came while others were read.
async fn unname_late(tx: &mut Tx, person: &Person<'_>, after: Place) -> Result<usize> {
    let employments = list_employments(tx.conn(), person.subject().as_str()).await?;
    if employments.is_empty() {
        return Ok(0);
    }
    let (mut after, mut lines) = (Some(after), 0);
    while after.is_some() {
        let page = list_lines(tx.conn(), Lines::Of(Event::EmployeeChanged), after, BATCH).await?;
        let changed = changed(&page, &|line| person.rewrite(line, Named::Employment(&employments)));
        rewrite(tx.conn(), &changed).await?;
        lines += changed.len();
        after = next(&page);
    }
    Ok(lines)
}

/// Goes through all that names the person but their account; gives how many lines it has rewritten. Some may come meanwhile, of what
/// was under way: none are left when a pass finds none.
async fn pass(parts: &Parts, person: &Person<'_>) -> Result<usize> {
    let subject = person.subject().as_str();
    let accounts = accounts_of(parts, subject).await?;
    end_binds(parts, &accounts).await?;
    rename_what_waits(parts, person, &accounts).await?;
    let mut lines = 0;
    for (account, holders) in &accounts {
        let others = |line: &Line| {
            let is_kept = |whose: &String| *whose == subject || holders.contains(whose);
            if line.subject.as_ref().is_some_and(is_kept) { None } else { person.rewrite(line, Named::Account) }
        };
        lines += each(parts, Lines::Naming(account), others).await?;
    }
    for theirs in [Lines::By(subject), Lines::Concerning(subject)] {
        lines += each(parts, theirs, |line| person.rewrite(line, Named::Person)).await?;
    }
    Ok(lines)
}

/// The accounts at providers that lines of the person's name, or something of theirs that waits, each with those to whom it is linked
/// now: theirs it is as well.
async fn accounts_of(parts: &Parts, subject: &str) -> Result<BTreeMap<Account, Vec<String>>> {
    let mut accounts: BTreeSet<Account> =
        store::read!(parts.store, |conn| list_waiting_accounts(conn, subject))?.into_iter().collect();
    let mut after = None;
    loop {
        let page = store::read!(parts.store, |conn| list_lines(conn, Lines::Concerning(subject), after, BATCH))?;
        accounts.extend(page.iter().filter_map(|(_, line)| line.account.clone()));
        after = next(&page);
        if after.is_none() {
            break;
        }
    }
    let mut held = BTreeMap::new();
    for account in accounts.into_iter().filter(|account| !is_mark(&account.sid)) {
        let holders = store::read!(parts.store, |conn| list_holders(conn, &account))?;
        held.insert(account, holders);
    }
    Ok(held)
}

/// Ends binds for nobody yet that have come back with an account of the person's.
async fn end_binds(parts: &Parts, accounts: &BTreeMap<Account, Vec<String>>) -> Result<()> {
    let mut tx = parts.store.begin().await?;
    for (account, _) in accounts.iter().filter(|(_, holders)| holders.is_empty()) {
        bind::end_of_nobody(parts, &mut tx, account, "account_deleted").await?;
    }
    tx.commit().await
}

/// Sees to it that what still has to be done leaves nothing of the person behind: tokens that are to be revoked, counts that are to come
/// into the record, and events that are to be told.
async fn rename_what_waits(
    parts: &Parts,
    person: &Person<'_>,
    accounts: &BTreeMap<Account, Vec<String>>,
) -> Result<()> {
    let subject = person.subject();
    let mut tx = parts.store.begin().await?;
    for (account, holders) in accounts {
        rename_account(tx.conn(), account, &person.mark_of(account), holders).await?;
    }
    rename_subject(tx.conn(), subject.as_str(), &person.mark()).await?;
    let free = accounts.iter().filter(|(_, holders)| holders.is_empty());
    let told: Vec<(ProviderId, Sid)> = free.filter_map(|(account, _)| told_as(account)).collect();
    forget_person(tx.conn(), subject, &told).await?;
    tx.commit().await
}

/// An account as events are told of it; `None` if none are.
fn told_as(account: &Account) -> Option<(ProviderId, Sid)> {
    let provider = ProviderId::parse(&account.fp_type, &account.fp_name).ok()?;
    Some((provider, Sid::parse(account.sid.clone()).ok()?))
}

/// Rewrites lines, a few at a time, each few in a transaction of its own; gives how many.
async fn each(parts: &Parts, lines: Lines<'_>, rewritten: impl Fn(&Line) -> Option<Rewritten>) -> Result<usize> {
    let (mut after, mut all) = (None, 0);
    loop {
        let page = store::read!(parts.store, |conn| list_lines(conn, lines, after, BATCH))?;
        let changed = changed(&page, &rewritten);
        if !changed.is_empty() {
            let mut tx = parts.store.begin().await?;
            rewrite(tx.conn(), &changed).await?;
            tx.commit().await?;
            all += changed.len();
        }
        after = next(&page);
        if after.is_none() {
            return Ok(all);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn changed(page: &[(Place, Line)], rewritten: &impl Fn(&Line) -> Option<Rewritten>) -> Vec<(Uuid, Rewritten)> {
    page.iter().filter_map(|(_, line)| Some((line.id, rewritten(line)?))).collect()
}

/// Where to go on, if there may be more.
fn next(page: &[(Place, Line)]) -> Option<Place> {
    page.last().filter(|_| page.len() >= usize::from(BATCH)).map(|(place, _)| *place)
}

/// Leaves a line that says under which hash the person stands in the record, if there is none.
async fn note(parts: &Parts, person: &Person<'_>) -> Result<()> {
    let mark = person.mark();
    if store::read!(parts.store, |conn| has(conn, Event::PersonErased, &mark))? {
        return Ok(());
    }
    let about = About { detail: Some(&mark), ..About::default() };
    audit::note(parts, Event::PersonErased, &Actor::default(), about).await
}
