//! Tries to sign in with a password, as they are counted before one is looked at: for everybody whom a login may name, by
//! whichever of their names. Who isn't there is counted just the same, so that limits tell nobody who is.

use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret as _;

use super::attempts::Key;
use super::door::{Origin, admit_spaced};
use super::{Parts, places};
use domain::account::{Account, AccountType, Address};
use domain::ids::Subject;
use domain::networks::{site, subscriber};
use domain::tries::{Draw, KnownPlace, PlaceKind, draw};
use domain::turns::Line;
use domain::{Error, Result};

/// Somebody whom a login may name.
pub(super) struct Candidate {
    account: Option<Account>,
    may_sign_in: bool,
    /// What is counted where it is nobody.
    name: String,
}

impl Candidate {
    /// The account of this id.
    pub(super) fn of_id(id: &str, account: Option<Account>) -> Self {
        Self { account, may_sign_in: true, name: format!("id:{id}") }
    }

    /// The account of this type that has the address, which may not be enough to sign in by it where the try is made.
    pub(super) fn of_address(
        kind: AccountType,
        address: &Address,
        account: Option<Account>,
        may_sign_in: bool,
    ) -> Self {
        let form = match address {
            Address::Email(_) => "email",
            Address::Phone(_) => "phone",
        };
        Self { account, may_sign_in, name: format!("{}:{form}:{address}", kind.as_str()) }
    }
}

/// A candidate, and what a try draws on for it.
pub(super) struct Drawn {
    candidate: Candidate,
    draw: Draw,
    tries: Key,
}

impl Drawn {
    /// Whether the try is one of its network's as well.
    pub(super) fn is_of_network(&self) -> bool {
        self.draw.of_network
    }

    /// The account that may sign in by this try.
    pub(super) fn account(&self) -> Option<&Account> {
        self.candidate.account.as_ref().filter(|_| self.candidate.may_sign_in)
    }

    /// What the try was counted with.
    pub(super) fn tries(&self) -> &Key {
        &self.tries
    }

    /// Where the try waits to be looked at. A site has one line: whoever holds a prefix has any number of narrower ones.
    pub(super) fn line(&self, origin: &Origin) -> Line {
        if self.draw.of_network { Line::Strangers(site(origin.ip)) } else { Line::Known(self.tries.to_string()) }
    }
}

/// Finds out what a try draws on for each whom it may name.
pub(super) async fn drawn(parts: &Parts, candidates: Vec<Candidate>, origin: &Origin) -> Result<Vec<Drawn>> {
    let subjects: Vec<&Subject> = candidates.iter().filter_map(|one| Some(&one.account.as_ref()?.subject)).collect();
    let known = places::known(parts, &subjects, origin).await?;
    let mut drawn: Vec<Drawn> = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let (draw, tries) = match &candidate.account {
            None => (draw(None, &[]), Key::new("password tries of nobody", &candidate.name)),
            Some(account) => of_account(account, &known, origin),
        };
        // An id may be the account's address as well.
        if drawn.iter().all(|other| other.tries != tries) {
            drawn.push(Drawn { candidate, draw, tries });
        }
    }
    Ok(drawn)
}

fn of_account(account: &Account, known: &[KnownPlace], origin: &Origin) -> (Draw, Key) {
    let subject = account.subject.as_str();
    let own = known.iter().filter(|place| place.subject == account.subject);
    let here: Vec<PlaceKind> = own.map(|place| place.kind).collect();
    let draw = draw(Some(account.account_type), &here);
    let key = match draw.own {
        None => Key::new("password tries", subject),
        Some(PlaceKind::Device) => {
            let cookie = origin.device.as_ref().map_or("", |cookie| cookie.expose_secret());
            Key::new("password tries at a browser", &format!("{subject}\0{cookie}"))
        }
        Some(PlaceKind::Network) => {
            Key::new("password tries in a network", &format!("{subject}\0{}", subscriber(origin.ip)))
        }
    };
    (draw, key)
}

/// Counts the try for each: gives those who have any left, and how long to wait where somebody has not.
pub(super) async fn admit(
    parts: &Arc<Parts>,
    drawn: Vec<Drawn>,
    origin: &Origin,
) -> Result<(Vec<Drawn>, Option<Duration>)> {
    let (mut left, mut wait) = (Vec::with_capacity(drawn.len()), None);
    for one in drawn {
        match waiting(admit_spaced(parts, &one.tries, origin).await)? {
            None => left.push(one),
            longer => wait = wait.max(longer),
        }
    }
    Ok((left, wait))
}

/// How long to wait, if the try was one too many.
pub(super) fn waiting(admitted: Result<()>) -> Result<Option<Duration>> {
    match admitted {
        Ok(()) => Ok(None),
        Err(Error::TooManyAttempts { retry_after }) => Ok(Some(retry_after)),
        Err(other) => Err(other),
    }
}
