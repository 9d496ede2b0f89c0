//! Moving out: records in the order of their keys, a page at a time.

use zeroize::Zeroizing;

use super::lines::{Lines, Read, Secrets};
use super::{staff, told};
use crate::audit::{self, About};
use crate::token_sets::{open_key, owner};
use crate::{Parts, boxed};
use domain::account::Account;
use domain::event::{Actor, Event};
use domain::moving::{Kind, Record, WholeLink};
use domain::{Error, Result};
use vault::Column;

/// Records that are in memory at once: each may have tokens as large as an answer of a provider's.
const PAGE: u16 = 100;

/// Leaves a line in the record of what is about to be written out, sealed or in the clear: nobody takes all there is unseen.
#[boxed]
pub async fn note(parts: &Parts, is_sealed: bool) -> Result<()> {
    let about = About { detail: Some(if is_sealed { "sealed" } else { "plain" }), ..About::default() };
    audit::note(parts, Event::DataExported, &Actor::default(), about).await
}

/// An export under way.
pub struct Export {
    lines: Lines,
    /// How many are written.
    written: u64,
    /// What comes next: a kind, and the key that it comes after; none once the end is written.
    next: Option<(Kind, Option<String>)>,
}

impl Export {
    /// One whose header is written, and nothing else.
    pub fn begun(lines: Lines) -> Self {
        Self { lines, written: 1, next: Some((Kind::RightsSet, None)) }
    }

    /// One that was cut off after so many lines, the last of which is this.
    pub fn resumed(lines: Lines, written: u64, last: &str) -> Result<Self> {
        let next = match lines.read(written, last)? {
            Read::End => None,
            Read::Record(kind, told, _secrets) => {
                let key: Keyed = serde_json::from_str(told.get()).map_err(Error::internal)?;
                Some((kind, if kind == Kind::Account { key.subject } else { key.id }))
            }
        };
        Ok(Self { lines, written, next })
    }

    /// How many lines there will be, as things are now.
    #[boxed]
    pub async fn total(&self, parts: &Parts) -> Result<u64> {
        let mut total = 2;
        for kind in Kind::ALL {
            total += store::read!(parts.store, |conn| store::moving::count(conn, *kind))?;
        }
        Ok(total.max(self.written))
    }

    /// How many lines are written.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// The next lines; none once all are written.
    #[boxed]
    pub async fn page(&mut self, parts: &Parts) -> Result<Vec<Zeroizing<String>>> {
        while let Some((kind, after)) = self.next.take() {
            let records = store::read!(parts.store, |conn| store::moving::page(conn, kind, after.as_deref(), PAGE))?;
            let mut page = Vec::with_capacity(records.len() + 1);
            for record in &records {
                self.written += 1;
                page.push(self.line(parts, record)?);
            }
            self.next = match records.last() {
                Some(last) if records.len() >= usize::from(PAGE) => Some((kind, Some(last.key()))),
                _ => kind.next().map(|kind| (kind, None)),
            };
            if self.next.is_none() {
                self.written += 1;
                page.push(self.lines.end(self.written)?);
            }
            if !page.is_empty() {
                return Ok(page);
            }
        }
        Ok(Vec::new())
    }

    fn line(&self, parts: &Parts, record: &Record) -> Result<Zeroizing<String>> {
        let (number, none) = (self.written, Secrets::default());
        let lines = &self.lines;
        match record {
            Record::RightsSet(set) => lines.line(number, Kind::RightsSet, &staff::Named::from(set), &none),
            Record::Organization(of) => lines.line(number, Kind::Organization, &staff::Named::from(of), &none),
            Record::Role(role) => lines.line(number, Kind::Role, &staff::Named::from(role), &none),
            Record::Employee(of) => lines.line(number, Kind::Employee, &staff::Employee::from(&**of), &none),
            Record::Account(account) => {
                lines.line(number, Kind::Account, &told::Account::from(&**account), &of_account(account))
            }
            Record::Link(link) => lines.line(number, Kind::Link, &told::Link::from(&**link), &of_link(parts, link)?),
        }
    }
}

/// What a record is known by.
#[derive(serde::Deserialize)]
struct Keyed {
    id: Option<String>,
    subject: Option<String>,
}

fn of_account(account: &Account) -> Secrets {
    let password_hash = account.password_hash.as_ref().map(|hash| hash.as_str().into());
    Secrets { password_hash, ..Secrets::default() }
}

/// The tokens of a link in the clear. Those that don't open are no reason to leave them out: the keyring may lack a key.
fn of_link(parts: &Parts, link: &WholeLink) -> Result<Secrets> {
    let Some(set) = &link.tokens else { return Ok(Secrets::default()) };
    let open = || {
        let (key, owner) = (open_key(parts, set)?, owner(link.id, &link.owner));
        let open = |column, sealed: &Option<Vec<u8>>| {
            sealed.as_ref().map(|sealed| parts.vault.open(&key, &owner.place(column), sealed)).transpose()
        };
        Ok(Secrets {
            password_hash: None,
            // One that the provider refuses is worth nothing elsewhere either.
            access_token: open(Column::Access, if set.rejected { &None } else { &set.sealed_access })?,
            refresh_token: open(Column::Refresh, &set.sealed_refresh)?,
            params: open(Column::Params, &set.sealed_params)?,
        })
    };
    open().map_err(|error: Error| {
        let (subject, provider) = (&link.owner.subject, &link.owner.provider);
        let why = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
        Error::internal(format!("the tokens of {subject} at {provider} don't open ({why}): nothing is left out unseen"))
    })
}
