//! What is to be taken in, judged as far as that goes without the database.

use domain::account::{Account, PasswordHash};
use domain::ids::PARTNER_TYPE;
use domain::moving::Kind;
use domain::organization::{Employment, Organization, RightsSet, Role};
use domain::{Error, Result, json};
use secrecy::ExposeSecret as _;

use super::lines::{Lines, Read, Secrets};
use super::staff;
use super::told::{self, Coming};
use crate::import::{Asserted, Line};
use crate::{Parts, accounts, passwords};
use domain::bearer::fits_into_a_header;

/// A line that may be taken in.
pub struct Item(pub(super) What);

pub(super) enum What {
    Asserted(Box<Asserted>),
    RightsSet(RightsSet),
    Organization(Organization),
    Role(Role),
    Account(Box<Account>),
    Employee(Box<Employment>),
    Link(Box<Coming>, Secrets),
}

impl Item {
    /// A link that somebody else's file asserts.
    pub fn asserted(parts: &Parts, line: &str) -> Result<Self> {
        Asserted::check(parts, Line::parse(line)?).map(|asserted| Self(What::Asserted(Box::new(asserted))))
    }

    /// The record on the line of this number of an export; `None` for the last line. `Err` outside: the line can't be believed, nor
    /// any after it; inside: the record can't be taken in here.
    pub fn of_export(parts: &Parts, lines: &Lines, number: u64, line: &str) -> Result<Option<Result<Self>>> {
        Ok(match lines.read(number, line)? {
            Read::End => None,
            Read::Record(kind, told, secrets) => Some(what(parts, kind, told.get().as_bytes(), secrets).map(Self)),
        })
    }
}

fn what(parts: &Parts, kind: Kind, told: &[u8], secrets: Secrets) -> Result<What> {
    let named = || json::read::<staff::Named>(kind.as_str(), told);
    Ok(match kind {
        Kind::RightsSet => What::RightsSet(named()?.rights_set()?),
        Kind::Organization => What::Organization(named()?.organization()?),
        Kind::Role => What::Role(named()?.role()?),
        Kind::Employee => What::Employee(Box::new(json::read::<staff::Employee>(kind.as_str(), told)?.employment()?)),
        Kind::Account => {
            let hash = secrets.password_hash.map(|hash| PasswordHash::new(hash.expose_secret()));
            if hash.as_ref().is_some_and(|hash| !passwords::is_readable(hash)) {
                return Err(Error::input("passwordHash", "must be a PHC string of argon2id, argon2i or argon2d"));
            }
            let account = json::read::<told::Account>(kind.as_str(), told)?.account(hash)?;
            parts.check_subject(&account.subject)?;
            if let Some(issuer) = &account.issuer {
                accounts::check_issuer(parts, issuer, &account.subject)?;
            }
            What::Account(Box::new(account))
        }
        Kind::Link => {
            let link = json::read::<told::Link>(kind.as_str(), told)?.link(parts.clock.now())?;
            check_link(parts, &link, &secrets)?;
            What::Link(Box::new(link), secrets)
        }
    })
}

fn check_link(parts: &Parts, link: &Coming, secrets: &Secrets) -> Result<()> {
    parts.check_subject(&link.subject)?;
    let provider = &link.provider;
    let has_tokens = secrets.access_token.is_some() || secrets.refresh_token.is_some();
    if provider.fp_type() == PARTNER_TYPE {
        if !parts.settings.has_identity(provider) {
            let problem = format!("{} is the identity_type of none of [[partners]]", provider.fp_name());
            return Err(Error::input("fpName", problem));
        }
    } else {
        let Some(settings) = parts.settings.providers.get(provider) else {
            return Err(Error::input("fpName", format!("{provider} is no configured provider")));
        };
        if has_tokens && !settings.remember_tokens {
            return Err(Error::input("tokens", format!("are given, but {provider} has remember_tokens = false")));
        }
    }
    if has_tokens && link.tokens.is_none() {
        return Err(Error::input("tokens", "is missing: it says when they were given and when they end"));
    }
    if secrets.access_token.as_ref().is_some_and(|token| !fits_into_a_header(token.expose_secret())) {
        return Err(Error::input("accessToken", "is empty or has a control character: it fits into no header"));
    }
    secrets.params().map(|_readable| ()).map_err(|_not_ours| Error::input("params", "must be a JSON object of texts"))
}
