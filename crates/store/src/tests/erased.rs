//! What names a person who is erased: found by index in a long record, and called otherwise by what waits.

use super::across::{assert_searches, plan};
use super::kept::unhurried;
use super::revoked::revocation;
use super::*;
use crate::audit::{Lines, lines_statement, list_lines, rewrite};
use crate::erasure::{list_holders, list_waiting_accounts, rename_account, rename_subject};
use domain::audit::Place;
use domain::erasure::{self, Named, Person};

const MANY: usize = 20_000;

struct Plain;

impl erasure::KeyedHash for Plain {
    fn hash(&self, texts: &[&str]) -> [u8; 32] {
        let mut hash = [0; 32];
        let text = texts.concat();
        hash.iter_mut().zip(text.bytes().rev()).for_each(|(byte, of_text)| *byte = of_text);
        hash
    }
}

fn account_of(sid: &str) -> erasure::Account {
    erasure::Account { fp_type: "box".to_owned(), fp_name: "box_1".to_owned(), sid: sid.to_owned() }
}

/// Lines of a hundred people, one second after the other: each does what concerns the one before.
async fn crowd(store: &Store) {
    let mut conn = store.write().await.unwrap();
    let numbers = format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY})");
    let id = "'00000000-0000-4000-8000-' || substr(CAST(100000000000 + i AS TEXT), 1, 12)";
    let (id, at) = if conn.is_sqlite() {
        (id.to_owned(), "i * 1000000")
    } else {
        (format!("CAST({id} AS uuid)"), "to_timestamp(i)")
    };
    let event = "CASE WHEN i % 500 = 1 THEN 'EMPLOYEE_CHANGED' ELSE 'FEDERATION_POINT_BOUND' END";
    let insert = format!(
        "INSERT INTO audit (id, at, event, subject, actor, fp_type, fp_name, sid, detail, claimed_ip, claimed_agent) {numbers} SELECT {id}, \
         {at}, {event}, 'u' || (i % 100), 'u' || ((i + 1) % 100), 'box', 'box_1', 's' || (i % 100), 'proven', '192.0.2.1', 'a' FROM n"
    );
    conn.batch(&insert).await.unwrap();
    if !conn.is_sqlite() {
        conn.batch("ANALYZE").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_that_name_a_person_are_found_by_index_and_a_page_at_a_time() {
    for (store, _folder) in stores().await {
        crowd(&store).await;
        let account = account_of("s7");
        for (lines, index, expected) in [
            (Lines::Concerning("u7"), "audit_subject", MANY / 100),
            (Lines::Naming(&account), "audit_sid", MANY / 100),
            (Lines::Of(Event::EmployeeChanged), "audit_event", MANY / 500),
        ] {
            let mut conn = store.read().await.unwrap();
            let (mut after, mut found) = (None, Vec::new());
            loop {
                assert_searches(
                    &plan(&store, |how| lines_statement(lines, after, 30, unhurried(how))).await,
                    Some(index),
                );
                let page = list_lines(&mut conn, lines, after, 30).await.unwrap();
                let Some((place, _)) = page.last() else { break };
                after = Some(*place);
                found.extend(page.iter().map(|(place, _)| *place));
            }
            assert!(found.is_sorted(), "{lines:?}");
            found.dedup();
            assert_eq!(found.len(), expected, "{lines:?}");
        }
        assert_searches(
            &plan(&store, |how| lines_statement(Lines::By("u7"), None, 30, unhurried(how))).await,
            Some("audit_actor"),
        );
        let late = Place::before(DateTime::from_timestamp(i64::try_from(MANY).unwrap(), 0).unwrap());
        let mut conn = store.read().await.unwrap();
        assert_eq!(list_lines(&mut conn, Lines::Naming(&account_of("s0")), Some(late), 30).await.unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_are_rewritten_each_for_itself_and_no_other() {
    for (store, _folder) in stores().await {
        crowd(&store).await;
        let alice = Subject::parse("u7").unwrap();
        let person = Person::new(&alice, &Plain);
        let mut tx = store.begin().await.unwrap();
        for lines in [Lines::By("u7"), Lines::Concerning("u7")] {
            let page = list_lines(tx.conn(), lines, None, 500).await.unwrap();
            assert_eq!(page.len(), MANY / 100);
            let changed: Vec<_> =
                page.iter().map(|(_, line)| (line.id, person.rewrite(line, Named::Person).unwrap())).collect();
            rewrite(tx.conn(), &changed).await.unwrap();
            assert!(list_lines(tx.conn(), lines, None, 500).await.unwrap().is_empty());
        }
        assert!(audit::names(tx.conn(), &person.mark()).await.unwrap());
        assert!(!audit::names(tx.conn(), "u7").await.unwrap() && audit::names(tx.conn(), "u8").await.unwrap());
        tx.commit().await.unwrap();
        let mut conn = store.read().await.unwrap();
        let kept = |who: &'static str| {
            audit_lines::table.filter(audit_lines::subject.eq(who)).filter(audit_lines::claimed_ip.is_not_null())
        };
        for (who, expected) in [("u6", 0), ("u8", 200), ("u5", 200)] {
            let count: i64 = conn::on!(&mut conn, |c| kept(who).count().get_result(c)).unwrap();
            assert_eq!(count, expected, "{who}: an address is whose who acted");
        }
        let marked = list_lines(&mut conn, Lines::Concerning(&person.mark()), None, 500).await.unwrap();
        let sids: std::collections::BTreeSet<_> =
            marked.iter().map(|(_, line)| line.account.clone().unwrap().sid).collect();
        assert_eq!((marked.len(), sids.len()), (MANY / 100, 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_that_wait_to_be_revoked_are_called_otherwise_but_for_those_of_who_holds_the_account() {
    for (store, _folder) in stores().await {
        let mut tx = store.begin().await.unwrap();
        let conn = tx.conn();
        vault_keys::insert_if_absent(conn, "k", b"check value", moments()[1]).await.unwrap();
        for (number, sid, subject) in [
            (1, Some("shared"), Some("alice")),
            (2, Some("shared"), Some("bob")),
            (3, Some("shared"), None),
            (4, Some("other"), None),
            (5, None, Some("alice")),
        ] {
            let row = Revocation { id: id(number).0, ..revocation(sid, subject) };
            revocations::insert(conn, &row).await.unwrap();
        }
        let shared = account_of("shared");
        assert_eq!(list_waiting_accounts(conn, "alice").await.unwrap(), std::slice::from_ref(&shared));
        let links =
            NewLink { subject: Subject::parse("bob").unwrap(), sid: Sid::parse("shared").unwrap(), ..link(9, false) };
        links::upsert(conn, &links).await.unwrap();
        let holders = list_holders(conn, &shared).await.unwrap();
        assert_eq!(holders, ["bob"]);
        let claimed = Revocation { id: id(1).0, ..revocation(Some("shared"), Some("alice")) };
        rename_account(conn, &shared, "a mark", &holders).await.unwrap();
        rename_subject(conn, "alice", "her mark").await.unwrap();
        for (number, subject, erased_sid) in [
            (1, Some("her mark"), Some("a mark")),
            (2, Some("bob"), None),
            (3, None, Some("a mark")),
            (4, None, None),
            (5, Some("her mark"), None),
        ] {
            // Whoever has claimed it before gets it as it is now.
            let before = Revocation { id: id(number).0, ..claimed.clone() };
            let ended = revocations::delete(conn, &before).await.unwrap().unwrap();
            assert_eq!(ended.subject.as_ref().map(Subject::as_str), subject, "{number}");
            assert_eq!(ended.erased_sid.as_deref(), erased_sid, "{number}");
            assert_ne!(
                ended.sid.as_ref().map(Sid::as_str),
                Some("a mark"),
                "{number}: by it others' tokens are spared"
            );
        }
        tx.commit().await.unwrap();
    }
}
