//! Import: links and tokens that a site already has, one JSON object a line (docs/moving-in.md).

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::token_sets::{Keeping, keep};
use super::{Parts, accounts, links};
use domain::account::AccountType;
use domain::bearer::fits_into_a_header;
use domain::event::Actor;
use domain::expiry::{self, Origin};
use domain::ids::{PARTNER_TYPE, ProviderId, Sid, Subject};
use domain::link::Proof;
use domain::params::Params;
use domain::{Error, Result, name};
use settings::Subjects;
use store::Tx;
use store::token_sets::find;
use vault::Owner;

/// One line of an import.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Line {
    subject: String,
    fp_type: String,
    fp_name: String,
    sid: String,
    user_name: Option<String>,
    access_token: Option<SecretString>,
    refresh_token: Option<SecretString>,
    scope: Option<String>,
    /// Unix seconds.
    expires_on: Option<i64>,
}

impl Line {
    /// Reads a line; the error names the field and quotes nothing of it.
    pub fn parse(text: &str) -> Result<Self> {
        domain::json::read("the line", text.as_bytes())
    }
}

/// What to do about a subject without an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownSubject {
    /// The line is bad.
    Refuse,
    /// Make a bare account.
    Register,
}

/// What to do about tokens that fedlink got itself since they were first imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Newer {
    /// They stay: a file that is taken in again must not bring back refresh tokens that are long spent.
    Keep,
    /// The line's replace them.
    Replace,
}

/// How lines are taken in.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// What to do about a subject without an account, of a line that asserts a link.
    pub unknown: UnknownSubject,
    /// What to do about newer tokens.
    pub newer: Newer,
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// All of it is in.
    Whole,
    /// The link is; its tokens are not, since those that are stored are newer.
    WithoutTokens,
    /// It was there already, and stays as it is.
    There,
}

/// A line whose link may be made.
pub struct Asserted {
    subject: Subject,
    provider: ProviderId,
    sid: Sid,
    user_name: Option<String>,
    tokens: Keeping,
}

impl Asserted {
    /// Judges a line as far as that goes without the database.
    pub fn check(parts: &Parts, line: Line) -> Result<Self> {
        let subject = Subject::parse(line.subject)?;
        parts.check_subject(&subject)?;
        if line.fp_type == PARTNER_TYPE {
            return Err(Error::input("fpType", "partner links are made by signing in, not by import"));
        }
        let provider = ProviderId::parse(&line.fp_type, &line.fp_name)?;
        let Some(settings) = parts.settings.providers.get(&provider) else {
            return Err(Error::input("fpName", format!("{provider} is no configured provider")));
        };
        let sid = Sid::parse(line.sid)?;
        if line.access_token.as_ref().is_some_and(|token| !fits_into_a_header(token.expose_secret())) {
            return Err(Error::input("accessToken", "is empty or has a control character: it fits into no header"));
        }
        let now = parts.clock.now();
        let tokens = Keeping {
            access: line.access_token,
            refresh: line.refresh_token,
            params: Params::default(),
            scope: line.scope,
            origin: Origin::Imported { ends: ends(line.expires_on, now)?, at: now },
            refreshed: false,
        };
        if !settings.remember_tokens && (tokens.access.is_some() || tokens.refresh.is_some()) {
            return Err(Error::input("accessToken", format!("is given, but {provider} has remember_tokens = false")));
        }
        let user_name = name::sent("userName", line.user_name.as_deref())?;
        Ok(Self { subject, provider, sid, user_name, tokens })
    }
}

/// Takes in one line, in a transaction of the caller's: the link, asserted, and its tokens.
pub(super) async fn write(parts: &Parts, tx: &mut Tx, line: &Asserted, how: How) -> Result<Taken> {
    let Asserted { subject, provider, sid, user_name, tokens } = line;
    store::accounts::hold(tx.conn(), subject).await?;
    if parts.settings.subjects == Subjects::Registered {
        let there = store::accounts::find(tx.conn(), subject).await?.is_some();
        match (there, how.unknown) {
            (true, _) => {}
            (false, UnknownSubject::Refuse) => return Err(Error::UserNotFound { hint: None }),
            (false, UnknownSubject::Register) => {
                accounts::register(parts, tx, subject, AccountType::Resident, None).await?;
            }
        }
    }
    let making = links::Making {
        subject,
        provider,
        sid,
        user_name: user_name.clone(),
        proof: Proof::Asserted,
        origin: None,
        created: parts.clock.now(),
    };
    let id = links::make(parts, tx, &Actor::default(), making).await?;
    let brings_tokens = tokens.access.is_some() || tokens.refresh.is_some();
    let stored = find(tx.conn(), id).await?;
    let is_newer = how.newer == Newer::Keep && stored.is_some_and(|(_, set)| set.ends.obtained.is_some());
    if brings_tokens && !is_newer {
        let owner = Owner::new(id, subject, provider, sid.as_str());
        keep(parts, tx.conn(), owner, tokens).await?;
    }
    Ok(if brings_tokens && is_newer { Taken::WithoutTokens } else { Taken::Whole })
}

fn ends(unix_seconds: Option<i64>, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>> {
    let Some(seconds) = unix_seconds else { return Ok(None) };
    let moment = expiry::of_file(seconds, now).ok_or_else(|| {
        Error::input(
            "expiresOn",
            "is no time at which a token ends: write Unix seconds, or leave it out if it is not known",
        )
    })?;
    Ok(Some(moment))
}
