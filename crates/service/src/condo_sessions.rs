//! Sessions of the Condo dialect: a random id, signed, that is a cookie and a bearer token alike (`docs/condo-contract.md` 2). They
//! open that dialect alone.

use std::sync::Arc;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::Parts;
use crate::boxed;
use domain::account::AccountType;
use domain::ids::Subject;
use domain::session::CondoSessionRecord;
use domain::user::User;
use domain::{Error, Result};
use settings::CondoSession as Rules;
use store::condo_sessions::{delete, delete_by_source, find as find_kept, insert, prolong, set_user_type as set_type};
use store::{self, Tx};

/// How much of a session's life may pass before its end is put off: a write for each use would be one for each read.
const RENEWED_AFTER: TimeDelta = TimeDelta::days(1);

/// How partners' sessions begin, by the source's name.
pub(super) const PARTNER: &str = "passport";
/// How long a session lasts of somebody who has not signed in.
const ANONYMOUS: TimeDelta = TimeDelta::hours(1);

/// Which session it is: the hash of its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SidHash(Vec<u8>);

impl SidHash {
    /// As rows have it.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A session that stands.
#[derive(Clone, Debug)]
pub struct CondoSession {
    /// Which.
    pub sid_hash: SidHash,
    /// Who has signed in; also a user who is deleted, and may do nothing.
    pub user: Option<User>,
    /// As what kind of user somebody said to sign in.
    pub user_type: Option<AccountType>,
    /// When it ends.
    pub expires: DateTime<Utc>,
    /// Whether that was put off just now, so that a browser has to be told.
    pub renewed: bool,
}

/// What is handed to a client: the signed id.
#[derive(Debug)]
pub struct Ticket {
    /// `sid.signature`: the bearer token; after `s:` and URL-encoded, the cookie.
    pub value: SecretString,
    /// When the session ends.
    pub expires: DateTime<Utc>,
}

/// How somebody signed in.
#[derive(Clone, Debug)]
pub(super) struct SignedIn<'a> {
    /// Who.
    pub(super) subject: &'a Subject,
    /// By which way: `passport`, `gql`.
    pub(super) source: &'a str,
    /// By which partner or mutation.
    pub(super) provider: &'a str,
    /// Through which client of the partner.
    pub(super) client_id: Option<&'a str>,
}

/// Without these settings there is no Condo dialect.
fn rules(parts: &Parts) -> Result<&Rules> {
    parts.settings.session.as_ref().ok_or_else(|| Error::internal("[session] is not configured"))
}

/// The signature of a session's id: HMAC-SHA256 as Express's cookies have it.
fn signed(rules: &Rules, sid: &str) -> SecretString {
    let signature = STANDARD_NO_PAD.encode(hmac::sign(&key(rules), sid.as_bytes()));
    format!("{sid}.{signature}").into()
}

/// The id in a ticket whose signature is ours; compared in constant time.
fn sid_of<'t>(rules: &Rules, ticket: &'t SecretString) -> Option<&'t str> {
    let (sid, signature) = ticket.expose_secret().rsplit_once('.')?;
    let signature = STANDARD_NO_PAD.decode(signature).ok()?;
    hmac::verify(&key(rules), sid.as_bytes(), &signature).ok()?;
    Some(sid)
}

fn key(rules: &Rules) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, rules.secret.expose_secret().as_bytes())
}

fn hash(sid: &str) -> SidHash {
    SidHash(Sha256::digest(sid.as_bytes()).to_vec())
}

/// Somebody who has not signed in, as the last six bytes of a session's id tell: the kind of user, then the Unix time in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Nobody {
    user_type: Option<AccountType>,
    since: i64,
}

/// How many bytes an id has; as in the source: 192 bits.
const SID: usize = 24;
/// How many of them are random in every id.
const RANDOM: usize = 18;
/// What stands first after these in the id of a session that is stored, if it is more.
const STORED: u8 = 0x80;

impl Nobody {
    fn sid(self, random: [u8; RANDOM]) -> String {
        let kind = match self.user_type {
            None => 0,
            Some(AccountType::Resident) => 1,
            Some(AccountType::Staff) => 2,
            Some(AccountType::Service) => 3,
        };
        let [_, _, _, since @ ..] = self.since.to_be_bytes();
        URL_SAFE_NO_PAD.encode([random.as_slice(), &[kind], &since].concat())
    }

    fn read(sid: &str) -> Option<Self> {
        let bytes: [u8; SID] = URL_SAFE_NO_PAD.decode(sid).ok()?.try_into().ok()?;
        let (kind, since) = bytes.get(RANDOM..)?.split_first_chunk::<1>()?;
        let since = since.iter().fold(0, |since, byte| since << 8 | i64::from(*byte));
        let user_type = match kind {
            [0] => None,
            [1] => Some(AccountType::Resident),
            [2] => Some(AccountType::Staff),
            [3] => Some(AccountType::Service),
            _ => return None,
        };
        Some(Self { user_type, since })
    }

    /// It lasts as long as it takes to sign in, and is not put off.
    fn expires(self, rules: &Rules) -> Option<DateTime<Utc>> {
        let lasts = TimeDelta::from_std(rules.max_age).ok()?.min(ANONYMOUS);
        DateTime::from_timestamp(self.since, 0)?.checked_add_signed(lasts)
    }

    fn session(self, rules: &Rules, sid_hash: SidHash, now: DateTime<Utc>) -> Option<CondoSession> {
        let expires = self.expires(rules).filter(|expires| *expires > now)?;
        Some(CondoSession { sid_hash, user: None, user_type: self.user_type, expires, renewed: false })
    }
}

/// The session that a ticket stands for: none if the signature is not ours, or the session is over. Its end is put off.
#[boxed]
pub async fn find(parts: &Arc<Parts>, ticket: &SecretString) -> Result<Option<CondoSession>> {
    let rules = rules(parts)?;
    let Some(sid) = sid_of(rules, ticket) else { return Ok(None) };
    let (sid_hash, now) = (hash(sid), parts.clock.now());
    if let Some(nobody) = Nobody::read(sid) {
        return Ok(nobody.session(rules, sid_hash, now));
    }
    let found = store::read!(parts.store, |conn| find_kept(conn, &sid_hash.0))?;
    let Some((kept, account)) = found.filter(|(kept, _)| kept.expires > now) else { return Ok(None) };
    let max_age = TimeDelta::from_std(rules.max_age).map_err(Error::internal)?;
    let mut session = CondoSession {
        sid_hash,
        user: account.map(User::from),
        user_type: kept.user_type,
        expires: kept.expires,
        renewed: false,
    };
    if session.user.is_some() && kept.expires - now < max_age - RENEWED_AFTER.min(max_age / 10) {
        let later = now + max_age;
        let sid_hash = session.sid_hash.clone();
        let prolonging = parts.detached(async move |parts| {
            let mut conn = parts.store.write().await?;
            prolong(&mut conn, &sid_hash.0, kept.expires, later).await
        });
        // Of several at once one does it; a session that ended meanwhile stays so.
        if prolonging.await? {
            session.expires = later;
            session.renewed = true;
        }
    }
    Ok(Some(session))
}

/// A session of somebody who has not signed in, which notes as what kind of user they are about to; `None`: nothing yet.
/// Anybody gets one for the asking, so nothing is stored: it is all in its id.
pub fn anonymous(parts: &Parts, user_type: Option<AccountType>) -> Result<Ticket> {
    let (rules, now) = (rules(parts)?, parts.clock.now());
    let nobody = Nobody { user_type, since: now.timestamp() };
    let sid = nobody.sid(parts.entropy.bytes());
    let expires = nobody.expires(rules).ok_or_else(|| Error::internal("the clock is beyond all calendars"))?;
    Ok(Ticket { value: signed(rules, &sid), expires })
}

/// Notes in a session as what kind of user somebody is about to sign in; says whether it is there.
#[boxed]
pub async fn set_user_type(parts: &Arc<Parts>, session: &SidHash, user_type: AccountType) -> Result<bool> {
    let session = session.clone();
    parts
        .detached(async move |parts| {
            let mut conn = parts.store.write().await?;
            set_type(&mut conn, &session.0, user_type).await
        })
        .await
}

/// Signs somebody in, whose last session was `old`: its id is renewed, so that nobody who planted the old one gets in with
/// it. Fails if the account is gone.
pub(super) async fn open(parts: &Parts, tx: &mut Tx, signed_in: SignedIn<'_>, old: Option<&SidHash>) -> Result<Ticket> {
    let rules = rules(parts)?;
    let (sid, now) = (new_sid(parts), parts.clock.now());
    let expires = now + TimeDelta::from_std(rules.max_age).map_err(Error::internal)?;
    let session = CondoSessionRecord {
        subject: Some(signed_in.subject.clone()),
        user_type: None,
        source: Some(signed_in.source.to_owned()),
        provider: Some(signed_in.provider.to_owned()),
        client_id: signed_in.client_id.map(str::to_owned),
        created: now,
        expires,
    };
    if let Some(old) = old {
        delete(tx.conn(), &old.0).await?;
    }
    insert(tx.conn(), &hash(&sid).0, &session).await?;
    Ok(Ticket { value: signed(rules, &sid), expires })
}

/// Ends a session; says whether there was one.
pub(super) async fn end(tx: &mut Tx, session: &SidHash) -> Result<bool> {
    delete(tx.conn(), &session.0).await
}

/// Ends every session that a partner's word has opened for this subject.
pub(super) async fn end_of_partners(tx: &mut Tx, subject: &str) -> Result<()> {
    delete_by_source(tx.conn(), subject, PARTNER).await
}

/// The id of a session that is stored.
fn new_sid(parts: &Parts) -> String {
    let mut bytes = parts.entropy.bytes::<SID>();
    // Or it could be taken for nobody's.
    if let Some(first) = bytes.get_mut(RANDOM) {
        *first |= STORED;
    }
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use settings::SameSite;

    const KNOWN: &str = "XnwCETJ2-0bcG1l-gQgFHs8973izf9Gz";

    fn rules(secret: &str) -> Rules {
        Rules { secret: secret.into(), max_age: Duration::from_hours(1), same_site: SameSite::Lax }
    }

    /// Computed by the source's own libraries.
    #[test]
    fn the_signature_is_the_sources() {
        let rules = rules("qwerty-secret-123");
        let ticket = signed(&rules, KNOWN);
        assert_eq!(ticket.expose_secret(), &format!("{KNOWN}.lvCjkU66+g0hWQ1qlsGMpW8twuAS0R1/hVIyjb84iZM"));
        assert_eq!(sid_of(&rules, &ticket), Some(KNOWN));
    }

    #[test]
    fn a_nobody_is_all_in_its_id() {
        let rules = rules("qwerty-secret-123");
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let kinds = [None, Some(AccountType::Resident), Some(AccountType::Staff), Some(AccountType::Service)];
        for user_type in kinds {
            let nobody = Nobody { user_type, since: now.timestamp() };
            let sid = nobody.sid([7; RANDOM]);
            assert_eq!((sid.len(), Nobody::read(&sid)), (32, Some(nobody)));
            for (later, stands) in [(0, true), (3599, true), (3600, false), (i64::from(i32::MAX), false)] {
                let session = nobody.session(&rules, hash(&sid), now + TimeDelta::seconds(later));
                assert_eq!(
                    session.map(|session| (session.user.is_none(), session.user_type)),
                    stands.then_some((true, user_type))
                );
            }
        }
        // Ids of sessions that are stored are never taken for one.
        let mut stored = [0; SID];
        stored[RANDOM] |= STORED;
        for no_nobodys in [URL_SAFE_NO_PAD.encode(stored), KNOWN.to_owned(), String::new(), "AAAA".to_owned()] {
            assert_eq!(Nobody::read(&no_nobodys), None, "{no_nobodys}");
        }
    }

    #[test]
    fn only_a_whole_signature_of_ours_counts() {
        let rules = rules("qwerty-secret-123");
        let good = "lvCjkU66+g0hWQ1qlsGMpW8twuAS0R1/hVIyjb84iZM";
        for bad in [
            KNOWN.to_owned(),
            format!("{KNOWN}."),
            format!(".{good}"),
            format!("s:{KNOWN}.{good}"),
            format!("{KNOWN}.{good}="),
            format!("{KNOWN}.{}", good.trim_end_matches('M')),
            format!("{KNOWN}x.{good}"),
            format!("{KNOWN}.{}", good.replace('l', "m")),
            String::new(),
        ] {
            assert_eq!(sid_of(&rules, &bad.clone().into()), None, "{bad}");
        }
        assert_eq!(sid_of(&super::tests::rules("another-secret-1"), &format!("{KNOWN}.{good}").into()), None);
    }
}
