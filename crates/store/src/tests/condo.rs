//! Sessions of the Condo dialect, and organizations with what belongs to them, there and back.

use super::super::condo_sessions;
use super::super::organizations::{self as rows, Listed, hold, list};
use super::*;
use domain::Error;
use domain::filter::{Filter, Page, Value};
use domain::organization::{Employment, Granted, History, Organization, RightsSet, Role};
use domain::session::CondoSessionRecord;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn condo_sessions_go_there_and_back() {
    let [early, now, late] = moments();
    for (store, _folder) in stores().await {
        let mut conn = store.write().await.unwrap();
        let conn = &mut conn;
        accounts::insert_if_absent(conn, &account("elle")).await.unwrap();
        let row = |full: bool, expires: At| CondoSessionRecord {
            subject: full.then(|| Subject::parse("elle").unwrap()),
            user_type: full.then_some(AccountType::Staff),
            source: full.then(text),
            provider: full.then(text),
            client_id: full.then(text),
            created: early.0,
            expires: expires.0,
        };
        for (number, full, expires) in [(1, true, late), (2, false, late), (3, true, early)] {
            condo_sessions::insert(conn, &[number; 32], &row(full, expires)).await.unwrap();
        }
        let (found, whose) = condo_sessions::find(conn, &[1; 32]).await.unwrap().unwrap();
        same(found, row(true, late));
        assert_eq!(whose.as_ref().map(|account| account.subject.as_str()), Some("elle"));
        let (found, whose) = condo_sessions::find(conn, &[2; 32]).await.unwrap().unwrap();
        same(found, row(false, late));
        assert!(whose.is_none());
        // Of two who read the same end one puts it off.
        assert!(condo_sessions::prolong(conn, &[3; 32], early.0, late.0).await.unwrap());
        assert!(!condo_sessions::prolong(conn, &[3; 32], early.0, late.0).await.unwrap());
        assert!(condo_sessions::set_user_type(conn, &[2; 32], AccountType::Staff).await.unwrap());
        assert!(!condo_sessions::set_user_type(conn, &[9; 32], AccountType::Staff).await.unwrap());
        condo_sessions::insert(conn, &[4; 32], &row(true, early)).await.unwrap();
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
        condo_sessions::insert(conn, &[5; 32], &row(true, late)).await.unwrap();
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
            let history = History { created: early.0, updated: now.0, deleted: full.then_some(late.0) };
            let changed_history = History { deleted: None, ..history };
            // Names that are granted have no blanks.
            let granted = || Granted::parse(&text().replace('\n', "a"));
            let organization = Organization { id: id(number).0, name: text(), history };
            rows::insert(conn, &organization).await.unwrap();
            same(found::<Organization>(conn, number).await, &organization);
            let changed = Organization { name: "n".to_owned(), history: changed_history, ..organization };
            rows::update(conn, &changed).await.unwrap();
            same(found::<Organization>(conn, number).await, changed);

            let role = Role { id: id(number).0, organization: id(number).0, name: text(), granted: granted(), history };
            rows::insert_role(conn, &role).await.unwrap();
            same(found::<Role>(conn, number).await, &role);
            let changed = Role { granted: Granted::default(), history: changed_history, ..role };
            rows::update_role(conn, &changed).await.unwrap();
            same(found::<Role>(conn, number).await, changed);

            let employee = Employment {
                id: id(number).0,
                organization: id(number).0,
                subject: Subject::parse("elle").unwrap(),
                role: full.then(|| id(number).0),
                name: full.then(text),
                email: full.then(text),
                phone: full.then(text),
                is_accepted: full,
                is_rejected: full,
                is_blocked: full,
                history,
            };
            rows::insert_employee(conn, &employee).await.unwrap();
            same(found::<Employment>(conn, number).await, &employee);
            let changed =
                Employment { role: None, name: None, is_blocked: false, history: changed_history, ..employee };
            rows::update_employee(conn, &changed).await.unwrap();
            same(found::<Employment>(conn, number).await, changed);

            let set = RightsSet { id: id(number).0, name: text(), granted: granted(), history: changed_history };
            rows::insert_rights_set(conn, &set).await.unwrap();
            same(found::<RightsSet>(conn, number).await, set);
        }
        let all: Vec<Employment> = list(conn, &Filter::everything(), &Page::default()).await.unwrap();
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
        let history = History { created: early.0, updated: early.0, deleted: None };
        let set = RightsSet { id: id(1).0, name: "n".to_owned(), granted: Granted::default(), history };
        rows::insert_rights_set(conn, &set).await.unwrap();
        let elle = Account { rights_set: Some(id(1).0), ..account("elle") };
        accounts::insert_if_absent(conn, &elle).await.unwrap();
        rows::update_rights_set(conn, &RightsSet { history: History { deleted: Some(now.0), ..history }, ..set })
            .await
            .unwrap();
        let subject = Subject::parse("elle").unwrap();
        assert_eq!(accounts::find(conn, &subject).await.unwrap().unwrap().rights_set, None);
        let history = History { updated: now.0, ..history };
        let organization = Organization { id: id(1).0, name: text(), history };
        rows::insert(conn, &organization).await.unwrap();
        tx.commit().await.unwrap();

        let employee = |number, deleted: Option<At>| Employment {
            id: id(number).0,
            organization: id(1).0,
            subject: Subject::parse("elle").unwrap(),
            role: None,
            name: None,
            email: None,
            phone: None,
            is_accepted: true,
            is_rejected: false,
            is_blocked: false,
            history: History { deleted: deleted.map(|at| at.0), ..history },
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
        let live: Vec<Employment> = list(&mut conn, &live, &Page::default()).await.unwrap();
        assert_eq!(live.iter().map(|one| one.id).collect::<Vec<_>>(), [id(3).0]);
    }
}
