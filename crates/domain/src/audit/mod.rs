//! The audit record as it is read: which lines, by which index they are found, and where a page begins.

pub mod rql;
pub mod shape;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::error::{Error, Result};
use super::event::{AuditLine, Event};
use super::ids::{ProviderId, Sid, Subject};

/// As what lines call themselves in logs.
pub const TARGET: &str = "audit";
/// Lines of a page where nobody says how many.
pub const PAGE: usize = 200;
/// The most lines of a page.
pub const MOST: usize = 1000;

/// A place in the order of the record: by moment, and within a moment by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The moment of the line there.
    pub at: DateTime<Utc>,
    /// Its id.
    pub id: Uuid,
}

impl Place {
    /// Before all that happened at `moment`: no line has this id.
    pub fn before(moment: DateTime<Utc>) -> Self {
        Self { at: moment, id: Uuid::nil() }
    }
}

/// In which direction the record is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As lists show it.
    NewestFirst,
    /// As it happened.
    OldestFirst,
}

/// A stretch of the record: the lines between two places. Lines that are added to it while it is read, at whatever moment, move
/// none that are there: a page that begins where another ended misses none of them and repeats none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    after: Place,
    before: Place,
}

/// The last second that people write.
const LAST_SECOND: i64 = 253_402_300_799;

impl Span {
    /// From a moment on and up to before another; without them from the beginning and to the end.
    pub fn new(from: Option<DateTime<Utc>>, until: Option<DateTime<Utc>>) -> Self {
        let end = || DateTime::from_timestamp(LAST_SECOND + 1, 0).unwrap_or(DateTime::UNIX_EPOCH);
        Self {
            after: Place::before(from.unwrap_or(DateTime::UNIX_EPOCH)),
            before: Place::before(until.unwrap_or_else(end)),
        }
    }

    /// What of it comes behind a place, for who reads it in this order.
    #[must_use]
    pub fn behind(self, place: Place, order: Order) -> Self {
        match order {
            Order::NewestFirst => Self { before: self.before.min(place), ..self },
            Order::OldestFirst => Self { after: self.after.max(place), ..self },
        }
    }

    /// The place after which it begins.
    pub fn after(&self) -> Place {
        self.after
    }

    /// The place before which it ends.
    pub fn before(&self) -> Place {
        self.before
    }
}

/// Which lines are looked for: those that fit all that is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    subject: Option<Subject>,
    events: Vec<Event>,
    account: Option<(ProviderId, Option<Sid>)>,
}

/// What a search goes by: each is an index, in the order of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By<'a> {
    /// An account at a provider.
    Account(&'a ProviderId, &'a Sid),
    /// The person that a line concerns.
    Subject(&'a Subject),
    /// Some kinds of lines, each by itself.
    Events(&'a [Event]),
    /// Nothing but the order.
    Moment,
}

impl Search {
    /// The record of a person.
    pub fn of(subject: Subject) -> Self {
        Self { subject: Some(subject), ..Self::default() }
    }

    /// A search; where nothing is said, all lines fit. An account's id alone names none: it is one at a provider.
    pub fn new(
        subject: Option<Subject>,
        events: Vec<Event>,
        provider: Option<ProviderId>,
        sid: Option<Sid>,
    ) -> Result<Self> {
        if provider.is_none() && sid.is_some() {
            return Err(Error::input("sid", "goes with fp: an account's id is one at a provider"));
        }
        Ok(Self { subject, events, account: provider.map(|provider| (provider, sid)) })
    }

    /// The kinds of lines that are looked for; none: any.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The provider whose lines are looked for.
    pub fn provider(&self) -> Option<&ProviderId> {
        self.account.as_ref().map(|(provider, _)| provider)
    }

    /// The account whose lines are looked for.
    pub fn sid(&self) -> Option<&Sid> {
        self.account.as_ref().and_then(|(_, sid)| sid.as_ref())
    }

    /// What to go by, so that few lines are looked at for those that fit.
    pub fn by(&self) -> By<'_> {
        match (&self.account, &self.subject) {
            (Some((provider, Some(sid))), _) => By::Account(provider, sid),
            (_, Some(subject)) => By::Subject(subject),
            _ if !self.events.is_empty() => By::Events(&self.events),
            _ => By::Moment,
        }
    }

    /// Whether all that is found by what the search goes by fits it.
    pub fn is_all_it_goes_by(&self) -> bool {
        match self.by() {
            By::Account(..) => self.subject.is_none() && self.events.is_empty(),
            By::Subject(_) => self.account.is_none() && self.events.is_empty(),
            By::Events(_) | By::Moment => self.account.is_none(),
        }
    }

    /// Whether a line fits.
    pub fn fits(&self, line: &AuditLine) -> bool {
        let says = |wanted: Option<&str>, found: Option<&str>| wanted.is_none() || wanted == found;
        says(self.subject.as_ref().map(Subject::as_str), line.subject.as_deref())
            && says(self.sid().map(Sid::as_str), line.sid.as_deref())
            && (self.events.is_empty() || self.events.contains(&line.event))
            && self.provider().is_none_or(|wanted| line.provider.as_ref() == Some(wanted))
    }
}

/// Reads names of events, a comma between them; each counts once.
pub fn events(text: &str) -> Result<Vec<Event>> {
    let mut events = Vec::new();
    for name in text.split(',') {
        let problem = "must be names of events, a comma between them, such as SIGNED_IN,SIGNED_OUT";
        let event = Event::parse(name).ok_or_else(|| Error::input("type", problem))?;
        if !events.contains(&event) {
            events.push(event);
        }
    }
    Ok(events)
}

#[cfg(test)]
mod tests;
