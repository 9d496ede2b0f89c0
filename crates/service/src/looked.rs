//! A password compared with those of everybody whom a login may name. Whatever is wrong with a try, the work is the same: who has
//! an account is nobody's business.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use super::attempts::Key;
use super::door::{Origin, admit_from, write_refusal};
use super::meters::Limit;
use super::tries::{self, Candidate, Drawn};
use super::{Parts, passwords};
use domain::Result;
use domain::account::{Account, AccountType, Address, PasswordHash};
use domain::ids::Subject;
use store::accounts::find_by_login;

/// Whose password it was.
pub(super) struct Found {
    /// Who.
    pub(super) subject: Subject,
    /// The hash that it was compared with.
    pub(super) hash: PasswordHash,
    /// The counter of the try.
    pub(super) tries: Key,
}

/// The outcome of comparing a password.
#[derive(Default)]
pub(super) struct Looked {
    /// Whose it is.
    pub(super) found: Option<Found>,
    /// Whether it was compared with anything.
    pub(super) at_all: bool,
    /// How long to wait for those with whose it was not.
    pub(super) wait: Option<Duration>,
}

/// A password that was typed, and where.
#[derive(Clone, Copy)]
pub(super) struct Typed<'a> {
    pub(super) password: &'a SecretString,
    pub(super) origin: &'a Origin,
}

impl Typed<'_> {
    /// Counts the try for each whom it may name and for its network, and compares the password with those of the accounts below
    /// their limit: as many times as `rounds` says, where it is nobody's.
    pub(super) async fn look_among(self, parts: &Arc<Parts>, drawn: Vec<Drawn>, rounds: usize) -> Result<Looked> {
        // Who is known here first: what is theirs alone needs nothing of the network's, nor of what others whom the address may
        // name have left.
        let (others, known): (Vec<Drawn>, Vec<Drawn>) = drawn.into_iter().partition(Drawn::is_of_network);
        let rounds_of_known = known.len().min(rounds);
        let looked = self.look(parts, known, rounds_of_known).await?;
        if looked.found.is_some() || others.is_empty() {
            return Ok(looked);
        }
        let more = match tries::waiting(admit_from(parts, self.origin).await)? {
            // A network that is out of tries must not use up those of the people it names.
            Some(wait) => Looked { wait: Some(wait), ..Looked::default() },
            None => self.look(parts, others, rounds - rounds_of_known).await?,
        };
        Ok(Looked { found: more.found, at_all: looked.at_all || more.at_all, wait: looked.wait.max(more.wait) })
    }

    /// Counts the try for each account, and compares the password with those of the accounts below their limit.
    async fn look(self, parts: &Arc<Parts>, drawn: Vec<Drawn>, rounds: usize) -> Result<Looked> {
        let (left, wait) = tries::admit(parts, drawn, self.origin).await?;
        let Some(line) = left.first().map(|one| one.line(self.origin)) else {
            return Ok(Looked { wait, ..Looked::default() });
        };
        let usable = |one: &Drawn| {
            let account = one.account()?;
            let hash = account.usable_password()?.clone();
            Some(Found { subject: account.subject.clone(), hash, tries: one.tries().clone() })
        };
        let usable: Vec<Found> = left.iter().filter_map(usable).collect();
        let hashes = usable.iter().map(|found| found.hash.clone()).collect();
        let found = passwords::find(&parts.passwords, line, self.password.clone(), hashes, rounds).await;
        let found = parts.meters.within(Limit::Passwords, found)?;
        Ok(Looked { found: found.and_then(|place| usable.into_iter().nth(place)), at_all: true, wait })
    }
}

/// Whom an address may name: an account of each type, staff first, which signs in if the address is known to be its own.
pub(super) async fn named_by(parts: &Parts, address: &Address) -> Result<Vec<Candidate>> {
    let mut named = Vec::with_capacity(AccountType::ALL.len());
    for kind in AccountType::ALL {
        // As the Condo dialect finds them, where a number signs in that nobody has shown to be theirs: one account, one count.
        let account = store::read!(parts.store, |conn| find_by_login(conn, kind, address))?;
        let is_verified = account.as_ref().is_some_and(|account| account.has_verified(address));
        named.push(Candidate::of_address(kind, address, account, is_verified));
    }
    Ok(named)
}

/// Notes for the audit record that a try was refused; `named` are the accounts that it may have been for.
pub(super) async fn refused(parts: &Arc<Parts>, origin: &Origin, named: &[Account]) -> Result<()> {
    let (subject, why) = match named {
        // What was typed is not kept: it may have been a password.
        [] => (None, "unknown_user"),
        [one] => (Some(one.subject.as_str().to_owned()), one.why_refused()),
        _ => (None, "wrong_password"),
    };
    write_refusal(parts, origin, subject, why).await
}
