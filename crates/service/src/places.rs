//! Where accounts are known to sign in from: browsers that were given a cookie for it, and networks. A browser has one cookie
//! for all accounts that signed in there; each time it gets another value, so that a copy is good until then at most.

use std::time::Duration;

use chrono::TimeDelta;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::Parts;
use super::door::Origin;
use domain::ids::Subject;
use domain::networks::subscriber;
use domain::tries::{DEVICE_COOKIE_LIFETIME, KnownPlace, PLACES_OF_A_KIND, PlaceKind};
use domain::{Error, Result};
use settings::Settings;
use store::known_places::{list, replace, trim, upsert};
use store::{self, Tx, at};

const NAME: &str = "fedlink-device";
/// `__Host-`: no other host of the domain can plant one.
const SECURE_NAME: &str = "__Host-fedlink-device";

/// The name of a known browser's cookie.
pub fn cookie_name(settings: &Settings) -> &'static str {
    if settings.is_secure() { SECURE_NAME } else { NAME }
}

/// A cookie by which a browser is known from now on.
#[derive(Debug)]
pub struct DeviceCookie {
    /// 256 random bits.
    pub value: SecretString,
    /// How long the browser keeps it.
    pub max_age: Duration,
}

/// The same for every account.
fn device(cookie: &SecretString) -> Vec<u8> {
    Sha256::new().chain_update("device\0").chain_update(cookie.expose_secret()).finalize().to_vec()
}

/// Another for every account: there are few networks, and each could be looked for.
fn network(subject: &Subject, origin: &Origin) -> Vec<u8> {
    let place = format!("network\0{subject}\0{}", subscriber(origin.ip));
    Sha256::digest(place).to_vec()
}

/// The places where somebody tries that these accounts are known by.
pub(super) async fn known(parts: &Parts, subjects: &[&Subject], origin: &Origin) -> Result<Vec<KnownPlace>> {
    let here: Vec<Vec<u8>> =
        origin.device.iter().map(device).chain(subjects.iter().map(|subject| network(subject, origin))).collect();
    let now = at(parts.clock.now());
    // Asked for nobody as well: it takes as long.
    store::read!(parts.store, |conn| list(conn, subjects, &here, now))
}

/// Notes that a subject, whose account is held, has signed in there; gives what the browser is to keep.
pub(super) async fn remember(parts: &Parts, tx: &mut Tx, subject: &Subject, origin: &Origin) -> Result<DeviceCookie> {
    let (value, now) = (parts.entropy.token(), parts.clock.now());
    let place = device(&value);
    if let Some(old) = &origin.device {
        replace(tx.conn(), &device(old), &place).await?;
    }
    for (kind, place) in [(PlaceKind::Device, place), (PlaceKind::Network, network(subject, origin))] {
        let known_for = TimeDelta::from_std(kind.known_for()).map_err(Error::internal)?;
        let known = KnownPlace { subject: subject.clone(), place, kind, expires: now + known_for };
        upsert(tx.conn(), &known).await?;
        trim(tx.conn(), subject, kind, PLACES_OF_A_KIND).await?;
    }
    Ok(DeviceCookie { value, max_age: DEVICE_COOKIE_LIFETIME })
}
