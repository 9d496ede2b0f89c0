//! Sessions of the Condo dialect, and organizations with what belongs to them, there and back.

use super::super::condo_sessions::{self, CondoSessionRow};
use super::super::organizations::{
    self as rows, EmployeeRow, Listed, OrganizationRow, RightsSetRow, RoleRow, hold, list,
};
use super::*;
use crate::domain::Error;
use crate::domain::filter::{Filter, Page, Value};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn condo_sessions_go_there_and_back() {
    let [early, now, late] = moments();
    for (store, _folder) in stores().await {
        let mut conn = store.write().await.unwrap();
        let conn = &mut conn;
        accounts::insert_if_absent(conn, &account("elle")).await.unwrap();
        let row = |number: u8, full: bool, expires| CondoSessionRow {
            sid_hash: vec![number; 32],
            subject: full.then(|| "elle".to_owned()),
            user_type: full.then(text),
            source: full.then(text),
            provider: full.then(text),
            client_id: full.then(text),
            created: early,
            expires,
        };
        for (number, full, expires) in [(1, true, late), (2, false, late), (3, true, early)] {
            condo_sessions::insert(conn, &row(number, full, expires)).await.unwrap();
        }
        let (found, whose) = condo_sessions::find(conn, &[1; 32]).await.unwrap().unwrap();
        same(found, row(1, true, late));
        assert_eq!(whose.map(|account| account.subject).as_deref(), Some("elle"));
        let (found, whose) = condo_sessions::find(conn, &[2; 32]).await.unwrap().unwrap();
        same(found, row(2, false, late));
        assert!(whose.is_none());
        // Of two who read the same end one puts it off.
        assert!(condo_sessions::prolong(conn, &[3; 32], (early, late)).await.unwrap());
        assert!(!condo_sessions::prolong(conn, &[3; 32], (early, late)).await.unwrap());
        assert!(condo_sessions::set_user_type(conn, &[2; 32], "staff").await.unwrap());
        assert!(!condo_sessions::set_user_type(conn, &[9; 32], "staff").await.unwrap());
        condo_sessions::insert(conn, &row(4, true, early)).await.unwrap();
        condo_sessions::sweep(conn, now).await.unwrap();
        assert!(condo_sessions::find(conn, &[4; 32]).await.unwrap().is_none(), "swept");
        condo_sessions::delete_all_but(conn, "elle", Some(&[1; 32])).await.unwrap();
        for (number, is_left) in [(1, true), (2, true), (3, false)] {
            assert_eq!(condo_sessions::find(conn, &[number; 32]).await.unwrap().is_some(), is_left, "{number}");
        }
        condo_sessions::delete_all_but(conn, "elle", None).await.unwrap();
        for (number, is_left) in [(1, false), (2, true), (3, false)] {
            assert_eq!(condo_sessions::find(conn, &[number; 32]).await.unwrap().is_some(), is_left, "{number}");
        }
        condo_sessions::insert(conn, &row(5, true, late)).await.unwrap();
        accounts::delete(conn, &Subject::parse("elle").unwrap()).await.unwrap();
        assert!(condo_sessions::find(conn, &[5; 32]).await.unwrap().is_none(), "it goes with its account");
    }
}

async fn found<R: Listed>(conn: &mut Conn, number: u128) -> R {
    hold(conn, id(number).0, Filter::everything()).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn organizations_go_there_and_back() {
    let [early, now, late] = moments();
    for (store, _folder) in stores().await {
        let mut tx = store.begin().await.unwrap();
        let conn = tx.conn();
        accounts::insert_if_absent(conn, &account("elle")).await.unwrap();
        for (number, full) in [(1, true), (2, false)] {
            let deleted_at = full.then_some(late);
            let organization =
                OrganizationRow { id: id(number), name: text(), created: early, updated: now, deleted_at };
            rows::insert(conn, &organization).await.unwrap();
            same(found::<OrganizationRow>(conn, number).await, &organization);
            let changed = OrganizationRow { name: "n".to_owned(), deleted_at: None, ..organization };
            rows::update(conn, &changed).await.unwrap();
            same(found::<OrganizationRow>(conn, number).await, changed);

            let role = RoleRow {
                id: id(number),
                organization: id(number),
                name: text(),
                granted: text(),
                created: early,
                updated: now,
                deleted_at,
            };
            rows::insert_role(conn, &role).await.unwrap();
            same(found::<RoleRow>(conn, number).await, &role);
            let changed = RoleRow { granted: String::new(), deleted_at: None, ..role };
            rows::update_role(conn, &changed).await.unwrap();
            same(found::<RoleRow>(conn, number).await, changed);

            let employee = EmployeeRow {
                id: id(number),
                organization: id(number),
                subject: "elle".to_owned(),
                role: full.then(|| id(number)),
                name: full.then(text),
                email: full.then(text),
                phone: full.then(text),
                is_accepted: full,
                is_rejected: full,
                is_blocked: full,
                created: early,
                updated: now,
                deleted_at,
            };
            rows::insert_employee(conn, &employee).await.unwrap();
            same(found::<EmployeeRow>(conn, number).await, &employee);
            let changed = EmployeeRow { role: None, name: None, is_blocked: false, deleted_at: None, ..employee };
            rows::update_employee(conn, &changed).await.unwrap();
            same(found::<EmployeeRow>(conn, number).await, changed);

            let set = RightsSetRow {
                id: id(number),
                name: text(),
                granted: text(),
                created: early,
                updated: now,
                deleted_at: None,
            };
            rows::insert_rights_set(conn, &set).await.unwrap();
            same(found::<RightsSetRow>(conn, number).await, set);
        }
        let all: Vec<EmployeeRow> = list(conn, &Filter::everything(), &Page::default()).await.unwrap();
        assert_eq!(all.len(), 2);
        tx.commit().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_employee_is_one_once_and_a_deleted_rights_set_is_nobodys() {
    let [early, now, _] = moments();
    for (store, _folder) in stores().await {
        let mut tx = store.begin().await.unwrap();
        let conn = tx.conn();
        let set = RightsSetRow {
            id: id(1),
            name: "n".to_owned(),
            granted: String::new(),
            created: early,
            updated: early,
            deleted_at: None,
        };
        rows::insert_rights_set(conn, &set).await.unwrap();
        let elle = AccountRow { rights_set: Some(id(1)), ..account("elle") };
        accounts::insert_if_absent(conn, &elle).await.unwrap();
        rows::update_rights_set(conn, &RightsSetRow { deleted_at: Some(now), ..set }).await.unwrap();
        let subject = Subject::parse("elle").unwrap();
        assert_eq!(accounts::find(conn, &subject).await.unwrap().unwrap().rights_set, None);
        let organization = OrganizationRow { id: id(1), name: text(), created: early, updated: now, deleted_at: None };
        rows::insert(conn, &organization).await.unwrap();
        tx.commit().await.unwrap();

        let employee = |number, deleted_at| EmployeeRow {
            id: id(number),
            organization: id(1),
            subject: "elle".to_owned(),
            role: None,
            name: None,
            email: None,
            phone: None,
            is_accepted: true,
            is_rejected: false,
            is_blocked: false,
            created: early,
            updated: now,
            deleted_at,
        };
        let mut conn = store.write().await.unwrap();
        for (number, deleted_at) in [(1, Some(now)), (2, Some(now)), (3, None)] {
            rows::insert_employee(&mut conn, &employee(number, deleted_at)).await.unwrap();
        }
        for refused in [
            rows::insert_employee(&mut conn, &employee(4, None)).await,
            rows::update_employee(&mut conn, &employee(1, None)).await,
        ] {
            assert!(matches!(refused, Err(Error::AlreadyLinked)), "{refused:?}");
        }
        let live = Filter::All(vec![Filter::Absent("deleted_at"), Filter::is("organization", Value::Id(id(1).0))]);
        let live: Vec<EmployeeRow> = list(&mut conn, &live, &Page::default()).await.unwrap();
        assert_eq!(live.iter().map(|row| row.id).collect::<Vec<_>>(), [id(3)]);
    }
}
