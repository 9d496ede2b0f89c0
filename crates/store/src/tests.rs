//! The rows themselves, on both engines: extremes go there and back, a transaction leaves nothing behind, and hot reads
//! search by index.

mod across;
mod built;

mod condo;
mod confirmations;
mod counted;
mod dropped;
mod erased;
mod grants;
mod kept;
mod keys;
mod leases;
mod letters;
mod moves;

mod plans;
#[path = "../../../tests/support/postgres.rs"]
#[expect(dead_code, reason = "here no server is stopped")]
mod postgres;
mod prepared;
mod reading;
mod revoked;
mod seen;
mod shared;
mod sized;
mod tallies;
mod together;

use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::DateTime;
use diesel::connection::InstrumentationEvent;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures_util::FutureExt as _;
use tempfile::TempDir;

use super::schema::audit as audit_lines;
use super::token_sets::Past;
use super::types::{At, Uuid};
use super::*;
use domain::account::{Account, AccountType, Claimed, Email, External, PasswordHash, Phone};
use domain::event::{Actor, AuditLine, Event};
use domain::expiry::Ends;
use domain::flow::{Completer, Flow, ProviderAccount, Stage, Visit};
use domain::ids::{ClientId, FlowId, LinkId, ProviderId, Sid, Subject};
use domain::instance::InstanceReport;
use domain::issued::AccessToken;
use domain::link::{Health, NewLink, Proof};
use domain::revocation::Revocation;
use domain::session::BrowserSession;
use domain::token_set::{LinkOwner, NewTokens, TokenSet};

/// Both engines, migrated; SQLite's file lives as long as its folder.
async fn stores() -> [(Store, Option<TempDir>); 2] {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite:{}", folder.path().join("fedlink.db").display());
    let open = |url: String| Store::new(&url.into(), None, Handle::current()).unwrap();
    let stores = [(open(sqlite), Some(folder)), (open(postgres::fresh_database()), None)];
    for (store, _) in &stores {
        store.migrate().await.unwrap();
    }
    stores
}

/// A 64 KiB ciphertext with every byte in it.
fn blob() -> Vec<u8> {
    (0..=u8::MAX).cycle().take(65_536).collect()
}

/// 64 KiB of text of one, two, three and four bytes a character.
fn text() -> String {
    "aя\u{2011}𝄞%'\"\\\n€".repeat(3_700)
}

/// As long as one may be, of one, two, three and four bytes a character.
fn subject_id() -> Subject {
    Subject::parse("aя\u{2011}𝄞%'\"\\€".repeat(15)).unwrap()
}

/// As long as one may be.
fn client_id() -> ClientId {
    ClientId::parse("aя\u{2011}𝄞%'\"\\€".repeat(15)).unwrap()
}

/// Before 1970, with microseconds; and the last moment of the calendar that people write.
fn moments() -> [At; 3] {
    ["1938-04-24T22:13:20.000001Z", "2026-11-22T00:00:00.999999Z", "9999-12-31T23:59:59.999999Z"]
        .map(|text| At(DateTime::parse_from_rfc3339(text).unwrap().to_utc()))
}

fn id(number: u128) -> Uuid {
    Uuid(uuid::Uuid::from_u128(number))
}

#[track_caller]
fn same(found: impl Debug, written: impl Debug) {
    // A failure tells no 64 KiB.
    assert!(format!("{found:?}") == format!("{written:?}"), "what was read is not what was written");
}

fn link(number: u128, extreme: bool) -> NewLink {
    NewLink {
        id: LinkId(id(number).0),
        subject: Subject::parse("s".repeat(255)).unwrap(),
        provider: provider(),
        sid: Sid::parse(if extreme { "я".repeat(127) } else { number.to_string() }).unwrap(),
        user_name: extreme.then(text),
        proof: Proof::Asserted,
        origin: extreme.then(client_id),
        exclusive_key: extreme.then(|| format!("/box/box_1/{number}")),
        created: moments()[usize::from(extreme)].0,
    }
}

fn provider() -> ProviderId {
    ProviderId::parse("box", "box_1").unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_full_of_extremes_and_of_nulls_go_there_and_back() {
    for (store, _folder) in stores().await {
        let mut tx = store.begin().await.unwrap();
        let conn = tx.conn();
        vault_keys::insert_if_absent(conn, "k", b"check value", moments()[1]).await.unwrap();
        accounts_go_there_and_back(conn).await;
        sessions_go_there_and_back(conn).await;
        links_and_tokens_go_there_and_back(conn).await;
        flows_go_there_and_back(conn).await;
        keys_and_instances_go_there_and_back(conn).await;
        revoked::go_there_and_back(conn).await;
        the_rest_goes_there_and_back(conn).await;
        tx.commit().await.unwrap();
    }
}

async fn accounts_go_there_and_back(conn: &mut Conn) {
    for (number, full) in [("1", true), ("2", false)] {
        let email = || Claimed { address: Email::parse(&format!("{}@e", "e".repeat(252))).unwrap(), verified: true };
        let phone = || Claimed { address: Phone::parse("+123456789012345").unwrap(), verified: true };
        let account = Account {
            issuer: full.then(text),
            name: full.then(text),
            email: full.then(email),
            phone: full.then(phone),
            password_hash: full.then(|| PasswordHash::new(text())),
            disabled: full.then_some(moments()[0].0),
            is_admin: full,
            is_support: full,
            two_factor: full,
            rights_set: None,
            meta: if full { text() } else { "{}".to_owned() },
            external: External {
                system: full.then(text),
                email: full.then(text),
                email_verified: full,
                phone: full.then(text),
                phone_verified: full,
            },
            updated: full.then_some(moments()[2].0),
            ..Account::bare(Subject::parse(number.repeat(255)).unwrap(), AccountType::Resident, moments()[2].0)
        };
        assert!(accounts::insert_if_absent(conn, &account).await.unwrap());
        assert!(!accounts::insert_if_absent(conn, &account).await.unwrap());
        let found = accounts::find(conn, &account.subject).await.unwrap();
        assert!(found == Some(account), "what was read is not what was written");
    }
}

async fn sessions_go_there_and_back(conn: &mut Conn) {
    let [early, now, late] = moments();
    let subject = "1".repeat(255);
    let session = |expires: At| BrowserSession {
        subject: Subject::parse(subject.clone()).unwrap(),
        authenticated: early.0,
        expires: expires.0,
    };
    for (number, expires) in [(1, early), (2, late), (3, late)] {
        sessions::insert(conn, &[number; 32], &session(expires)).await.unwrap();
    }
    let (found, account) = sessions::find(conn, &[2; 32]).await.unwrap().unwrap();
    same((found, account.subject.as_str()), (session(late), &subject));
    sessions::sweep(conn, now).await.unwrap();
    sessions::delete(conn, &[3; 32]).await.unwrap();
    for (number, there) in [(1_u8, false), (2, true), (3, false)] {
        assert_eq!(sessions::find(conn, &[number; 32]).await.unwrap().is_some(), there, "{number}");
    }
    person::end_sessions(conn, &subject).await.unwrap();
    assert!(sessions::find(conn, &[2; 32]).await.unwrap().is_none());
    // Those of a deleted account go with it.
    sessions::insert(conn, &[4; 32], &session(late)).await.unwrap();
    accounts::delete(conn, &Subject::parse(subject).unwrap()).await.unwrap();
    assert!(sessions::find(conn, &[4; 32]).await.unwrap().is_none());
}

async fn keys_and_instances_go_there_and_back(conn: &mut Conn) {
    let [early, now, late] = moments();
    let (by, ago) = (Now(now.0), chrono::TimeDelta::minutes(2));
    for number in [8, 9] {
        let reported =
            |keys: &str| InstanceReport { id: id(number).0, name: text(), keys: keys.to_owned(), sealing: text() };
        instances::upsert(conn, &reported("{}"), by).await.unwrap();
        instances::upsert(conn, &reported(&text()), by).await.unwrap();
        same(instances::list_within(conn, ago, by).await.unwrap(), [reported(&text())]);
        assert!(instances::list_within(conn, -ago, by).await.unwrap().is_empty(), "after, not before");
        instances::sweep(conn, ago, by).await.unwrap();
        assert_eq!(instances::list_within(conn, ago, by).await.unwrap().len(), 1);
        instances::delete_others(conn, id(number).0).await.unwrap();
        assert_eq!(instances::list_within(conn, ago, by).await.unwrap().len(), 1);
        match number {
            8 => instances::delete(conn, id(number).0).await.unwrap(),
            _ => instances::sweep(conn, -ago, by).await.unwrap(),
        }
        assert!(instances::list_within(conn, chrono::TimeDelta::weeks(1), by).await.unwrap().is_empty());
    }
    vault_keys::insert_dropped(conn, "gone", late).await.unwrap();
    vault_keys::insert_dropped(conn, "gone", early).await.unwrap();
    assert_eq!(vault_keys::list_dropped(conn).await.unwrap(), ["gone"]);
}

async fn links_and_tokens_go_there_and_back(conn: &mut Conn) {
    let [early, now, late] = moments();
    for (number, full) in [(1, false), (u128::MAX, true)] {
        let written = link(number, full);
        let link = links::upsert(conn, &written).await.unwrap();
        assert_eq!(link, written.id);
        let set = TokenSet {
            link,
            key_id: "k".to_owned(),
            wrapped_key: blob(),
            sealed_access: full.then(blob),
            sealed_refresh: full.then(blob),
            sealed_params: full.then(blob),
            scope: full.then(text),
            ends: Ends {
                access: full.then_some(late.0),
                life: full.then_some(Duration::from_secs(i64::MAX.unsigned_abs())),
                refresh: full.then_some(late.0),
                obtained: full.then_some(early.0),
                imported: full.then_some(now.0),
                warning: full.then_some(early.0),
            },
            version: if full { i64::MAX } else { i64::MIN },
            health: Health::Ok,
            health_since: full.then_some(now.0),
            retry_at: full.then_some(late.0),
            failures: if full { i32::MAX } else { i32::MIN },
            rejected: false,
        };
        assert!(token_sets::insert_if_absent(conn, &set).await.unwrap());
        uses::record(conn, &[link], late).await.unwrap();
        let (owner, found) = token_sets::find(conn, link).await.unwrap().unwrap();
        same(found, &set);
        let LinkOwner { subject, provider, sid } = &owner;
        same((subject, provider, sid), (&written.subject, &written.provider, &written.sid));
        let served = token_sets::find_serving(conn, link).await.unwrap().unwrap();
        same((served.sealed_access, served.expires, served.has_refresh), (set.sealed_access, set.ends.access, full));

        let emptied = NewTokens::default();
        assert!(!token_sets::replace(conn, link, 7, &emptied, Past::Over).await.unwrap(), "another version");
        assert!(token_sets::replace(conn, link, set.version, &emptied, Past::Over).await.unwrap());
        let (_, found) = token_sets::find(conn, link).await.unwrap().unwrap();
        assert!(found.sealed_access.is_none() && found.sealed_refresh.is_none() && found.ends == Ends::default());
        assert!(found.sealed_params.is_none());
        same((found.version, found.wrapped_key), (0, blob()));
    }
    let listed = links::list_detailed(conn, &Subject::parse("s".repeat(255)).unwrap()).await.unwrap();
    for ((shown, detail), (number, full)) in listed.iter().zip([(1, false), (u128::MAX, true)]) {
        let written = link(number, full);
        same((&shown.sid, &shown.user_name), (&written.sid, &written.user_name));
        let expected = (&written.origin, written.created, Some(late.0));
        same((&detail.origin, detail.created, detail.last_used), expected);
    }
    assert_eq!(listed.len(), 2, "oldest first");
}

/// A flow at each of its stages in turn, as full of extremes as each can be; their ids begin at 3.
pub(super) fn flow_at_each_stage() -> [Flow; 5] {
    let [early, now, late] = moments().map(|at| at.0);
    let visit = Visit { cookie_hash: blob(), opened: early };
    let account = |user_name| ProviderAccount { sid: Sid::parse("я".repeat(127)).unwrap(), user_name };
    let full = |number: u8, stage| Flow {
        id: FlowId(uuid::Uuid::from_u128(number.into())),
        client: ClientId::parse("€".repeat(85)).unwrap(),
        subject: Some(Subject::parse("𝄞".repeat(63)).unwrap()),
        provider: ProviderId::parse("box", "box_1").unwrap(),
        callback: text(),
        completer: Completer::App { challenge: text() },
        key_id: "k".to_owned(),
        wrapped_key: blob(),
        sealed: Some(blob()),
        hint: Some(text()),
        popup: true,
        created: now,
        expires: late,
        stage,
    };
    let bare = Flow {
        subject: None,
        completer: Completer::Person,
        sealed: None,
        hint: None,
        popup: false,
        ..full(3, Stage::Instructed)
    };
    [
        bare,
        full(4, Stage::SigningIn(visit.clone())),
        full(5, Stage::AtProvider { visit: visit.clone(), state_hash: Some(vec![5; 32]) }),
        full(6, Stage::Confirming { visit: visit.clone(), account: account(None) }),
        full(7, Stage::Pending { visit, account: account(Some(text())), code_hash: vec![0; 32] }),
    ]
}

async fn flows_go_there_and_back(conn: &mut Conn) {
    for flow in flow_at_each_stage() {
        flows::insert(conn, &flow).await.unwrap();
        same(flows::find(conn, flow.id).await.unwrap().unwrap(), &flow);
        match &flow.stage {
            Stage::AtProvider { state_hash: Some(state_hash), .. } => {
                same(flows::find_by_state(conn, state_hash).await.unwrap().unwrap(), &flow);
            }
            Stage::Pending { code_hash, .. } => {
                same(flows::find_by_code(conn, code_hash).await.unwrap().unwrap(), &flow);
            }
            _ => {}
        }
    }
}

async fn the_rest_goes_there_and_back(conn: &mut Conn) {
    let [early, now, late] = moments();
    for (number, full) in [(5_u8, false), (6, true)] {
        let token = AccessToken {
            token_hash: vec![number; 32],
            id: id(u128::from(number)).0,
            client: client_id(),
            subject: full.then(subject_id),
            scope: text(),
            issued: early.0,
            expires: late.0,
            family: full.then_some(id(7).0),
        };
        oauth_tokens::insert(conn, &token).await.unwrap();
        same(oauth_tokens::find(conn, &token.token_hash).await.unwrap().unwrap(), token);

        let key = number.to_string();
        vault_keys::insert_if_absent(conn, &key, &blob(), now).await.unwrap();
        vault_keys::insert_if_absent(conn, &key, b"another", late).await.unwrap();
        let listed = vault_keys::list(conn).await.unwrap();
        same(listed.iter().find(|(id, _)| *id == key).unwrap(), (&key, blob()));

        let provider = ProviderId::parse("box", &key).unwrap();
        assert_eq!(provider_rules::find(conn, &provider).await.unwrap(), None);
        provider_rules::apply(conn, &provider, full).await.unwrap();
        assert_eq!(provider_rules::find(conn, &provider).await.unwrap(), Some(full));

        let line = AuditLine {
            id: id(u128::from(number)).0,
            at: early.0,
            event: Event::Linked,
            actor: Actor {
                client: full.then(text),
                subject: full.then(text),
                claimed_ip: full.then(text),
                claimed_agent: full.then(text),
            },
            subject: full.then(text),
            provider: full.then(|| provider.clone()),
            sid: full.then(text),
            detail: full.then(text),
            count: if full { u32::MAX } else { 1 },
        };
        audit::insert(conn, &line).await.unwrap();
        let found: (At, i64, Option<String>, Option<String>) = conn::on!(conn, |c| audit_lines::table
            .find(id(u128::from(number)))
            .select((audit_lines::at, audit_lines::count, audit_lines::actor, audit_lines::claimed_agent))
            .first(c))
        .unwrap();
        same(found, (At(line.at), i64::from(line.count), line.actor.subject, line.actor.claimed_agent));
    }
}

fn account(subject: &str) -> Account {
    Account::bare(Subject::parse(subject.to_owned()).unwrap(), AccountType::Resident, moments()[1].0)
}
