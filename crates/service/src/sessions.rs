//! Browser sessions: who is signed in at our own pages. The cookie is of this kind alone: no token of an application and no
//! Condo session stands for a person here (docs/bind.md).

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::Parts;
use super::places::DeviceCookie;
use crate::boxed;
use domain::ids::Subject;
use domain::session::{BrowserSession, SESSION_LIFETIME, Session};
use domain::{Error, Result};
use settings::Settings;
use store::sessions::{delete, find as find_kept, insert};
use store::{self, Conn, Tx};

const NAME: &str = "fedlink";
/// `__Host-` binds a cookie to this host and to https; browsers refuse it on plain http.
const SECURE_NAME: &str = "__Host-fedlink";

/// The session cookie's name.
pub fn cookie_name(settings: &Settings) -> &'static str {
    if settings.is_secure() { SECURE_NAME } else { NAME }
}

/// A cookie for a browser in which somebody has signed in.
#[derive(Debug)]
pub struct SessionCookie {
    /// 256 random bits.
    pub value: SecretString,
    /// How long it lives.
    pub max_age: Duration,
    /// What the browser is known by from now on, where they have shown who they are.
    pub device: Option<DeviceCookie>,
}

fn hash(cookie: &SecretString) -> Vec<u8> {
    Sha256::digest(cookie.expose_secret().as_bytes()).to_vec()
}

/// Who is signed in where this cookie came from: nobody without one, and nobody whose account may not sign in.
#[boxed]
pub async fn find(parts: &Parts, cookie: Option<&SecretString>) -> Result<Option<Session>> {
    let Some(cookie) = cookie else { return Ok(None) };
    store::read!(parts.store, |conn| look(parts, conn, cookie))
}

/// As [`find`], on a connection of the caller's: in its transaction.
pub(super) async fn look(parts: &Parts, conn: &mut Conn, cookie: &SecretString) -> Result<Option<Session>> {
    let found = find_kept(conn, &hash(cookie)).await?;
    Ok(found.and_then(|(session, account)| session.signs_in(account, parts.clock.now())))
}

/// Signs a subject in, in the browser whose last cookie was `old`: its id is renewed, so that nobody who planted the old one
/// gets in with it. Fails if the account is gone.
pub(super) async fn open(
    parts: &Parts,
    tx: &mut Tx,
    subject: &Subject,
    old: Option<&SecretString>,
) -> Result<SessionCookie> {
    let value = parts.entropy.token();
    let now = parts.clock.now();
    let session = BrowserSession {
        subject: subject.clone(),
        authenticated: now,
        expires: now + TimeDelta::from_std(SESSION_LIFETIME).map_err(Error::internal)?,
    };
    if let Some(old) = old {
        delete(tx.conn(), &hash(old)).await?;
    }
    insert(tx.conn(), &hash(&value), &session).await?;
    Ok(SessionCookie { value, max_age: SESSION_LIFETIME, device: None })
}

/// Signs a subject in whom nobody needs to believe: [`super::sign_in`] has looked at a password first.
#[boxed]
pub async fn start(parts: &Arc<Parts>, subject: Subject, old: Option<SecretString>) -> Result<SessionCookie> {
    parts
        .detached(async move |parts| {
            let mut tx = parts.store.begin().await?;
            let cookie = open(&parts, &mut tx, &subject, old.as_ref()).await?;
            tx.commit().await?;
            Ok(cookie)
        })
        .await
}

/// Ends the session of this cookie, if there is one.
pub(super) async fn end(tx: &mut Tx, cookie: &SecretString) -> Result<()> {
    delete(tx.conn(), &hash(cookie)).await
}
