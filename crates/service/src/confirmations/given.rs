//! A password that was right, and not enough: for a while its account has messages of its own, where the password was given.

use std::net::IpAddr;
use std::sync::Arc;

use chrono::TimeDelta;

use crate::Parts;
use crate::attempts::{self, Key};
use domain::Result;
use domain::account::Account;
use domain::ids::Subject;
use domain::networks::subscriber;

/// For how long.
const OPEN: TimeDelta = TimeDelta::minutes(10);

/// Opens the budget of an account from now on, for the network that gave this password of it, of which it has told that it is
/// right: whoever was not told must not learn it by what follows.
pub(crate) async fn open(parts: &Arc<Parts>, subject: &Subject, hash: &str, ip: IpAddr) -> Result<()> {
    attempts::mark(parts, key(subject.as_str(), hash, ip), OPEN).await
}

/// Whether it is open to a network. It takes as long where there is no such account.
pub(super) async fn is_open(parts: &Parts, account: Option<&Account>, ip: IpAddr) -> Result<bool> {
    let password = account.and_then(|account| Some((account.subject.as_str(), account.usable_password()?.as_str())));
    let (subject, hash) = password.unwrap_or_default();
    let is_marked = attempts::is_used_up(parts, &key(subject, hash, ip), 1).await?;
    Ok(is_marked && password.is_some())
}

/// The hash of the password is in it: with another password it is another key, and what the old one opened is shut.
fn key(subject: &str, hash: &str, ip: IpAddr) -> Key {
    Key::new("password given", &[subject, hash, &subscriber(ip)].join("\0"))
}
