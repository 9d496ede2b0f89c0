//! Reads that a caller sizes: they stop when their time is up, wherever they are, and leave everybody else's connections alone.

use std::time::Duration;

use super::*;
use crate::filter::{How, Statement};
use domain::filter::{Comparison, Filter, Page, Table, Value};
use domain::refusal::Refusal;
use domain::{Error, Result};

/// How many are in the crowd.
const MANY: usize = 20_000;
/// How many organizations they work for.
const ORGANIZATIONS: usize = 2_000;

/// Fills a database: accounts `u1` and so on, each of which works in one of many organizations, in the role that one has.
pub(super) async fn crowd(store: &Store) {
    let mut conn = store.write().await.unwrap();
    let is_sqlite = conn.is_sqlite();
    let now = if is_sqlite { "1790000000000000" } else { "now()" };
    let (no, yes) = if is_sqlite { ("0", "1") } else { ("FALSE", "TRUE") };
    let id = |kind: u8, number: &str| {
        let text = format!("('{kind}0000000-0000-4000-8000-' || (100000000000 + {number}))");
        if is_sqlite { text } else { format!("CAST({text} AS uuid)") }
    };
    let numbers = |most| format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {most})");
    let (job, place) = (format!("i % {ORGANIZATIONS}"), id(1, "i"));
    for statement in [
        format!(
            "{} INSERT INTO accounts (subject, account_type, name, created, email_verified, phone_verified, is_admin, is_support, two_factor, \
             meta, external_email_verified, external_phone_verified) SELECT 'u' || i, 'staff', 'Somebody ' || i, {now}, {no}, {no}, {no}, {no}, \
             {no}, '{{}}', {no}, {no} FROM n",
            numbers(MANY)
        ),
        format!(
            "{} INSERT INTO organizations (id, name, created, updated) SELECT {place}, 'o', {now}, {now} FROM n",
            numbers(ORGANIZATIONS)
        ),
        format!(
            "{} INSERT INTO employee_roles (id, organization, name, granted, created, updated) SELECT {}, {place}, 'r', 'canReadEmployees', {now}, \
             {now} FROM n",
            numbers(ORGANIZATIONS),
            id(2, "i")
        ),
        format!(
            "{} INSERT INTO employees (id, organization, subject, role, is_accepted, is_rejected, is_blocked, created, updated) SELECT {}, {}, \
             'u' || i, {}, {yes}, {no}, {no}, {now}, {now} FROM n",
            numbers(MANY),
            id(3, "i"),
            id(1, &format!("1 + {job}")),
            id(2, &format!("1 + {job}"))
        ),
    ] {
        conn.batch(&statement).await.unwrap();
    }
    if !is_sqlite {
        conn.batch("ANALYZE").await.unwrap();
    }
}

#[derive(QueryableByName)]
pub(super) struct Step {
    #[diesel(sql_type = diesel::sql_types::Text)]
    pub(super) detail: String,
}

#[derive(QueryableByName)]
pub(super) struct Line {
    #[diesel(sql_type = diesel::sql_types::Text, column_name = "QUERY PLAN")]
    pub(super) line: String,
}

/// How a list, or without a page a count, would be searched for.
pub(super) async fn plan(store: &Store, table: Table, filter: &Filter, page: Option<&Page>) -> Vec<String> {
    let statement = |how| match page {
        Some(page) => Statement::list(table, filter, page, how),
        None => Statement::count(table, filter, how),
    };
    let until = Until::within(Duration::from_mins(1));
    let lists = store.lists(until).await.unwrap();
    match lists.conn {
        Conn(Hold::Sqlite(_)) => {
            let mut conn = lists.conn;
            let explained = || statement(How::Sqlite(Some(until))).explained("EXPLAIN QUERY PLAN ");
            let steps: Vec<Step> = conn::on!(&mut conn, |c| explained().query(c).load(c)).unwrap();
            steps.into_iter().map(|step| step.detail).collect()
        }
        mut conn @ Conn(Hold::Postgres(_)) => {
            let explained = || statement(How::Postgres).explained("EXPLAIN ");
            let lines: Vec<Line> = conn::on!(&mut conn, |c| explained().query(c).load(c)).unwrap();
            lines.into_iter().map(|line| line.line).collect()
        }
    }
}

fn contains(count: usize) -> Filter {
    let one = |n| Filter::Column("name", Comparison::Contains, Value::Text(format!("nowhere {n}")));
    Filter::Any((0..count).map(one).collect())
}

fn is_too_slow<T>(read: &Result<T>) -> bool {
    matches!(read, Err(Error::Refused(Refusal::ListTooSlow)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_whose_time_is_up_stops() {
    for (store, _folder) in stores().await {
        crowd(&store).await;
        let [ahead, over] = [Duration::from_mins(1), Duration::ZERO];
        // Postgres stops a statement after the least that it gives one: what waits for a lock is never done by then.
        let mut tx = store.begin().await.unwrap();
        if !tx.conn().is_sqlite() {
            tx.conn().batch("LOCK TABLE accounts, employees IN ACCESS EXCLUSIVE MODE").await.unwrap();
        }
        let employed = Filter::related(Table::Employees, "subject", "subject", Filter::yes("is_accepted"));
        let few = domain::filter::Few::of(Table::Employees, "subject", Filter::no("is_blocked"));
        for filter in [
            Filter::everything(),
            contains(98),
            employed,
            Filter::text("subject", "u1"),
            Filter::Among("subject", vec![few]),
        ] {
            let mut lists = store.lists(Until::within(over)).await.unwrap();
            assert!(is_too_slow(&lists.count(Table::Accounts, &filter).await), "{filter:?}");
            let mut lists = store.lists(Until::within(over)).await.unwrap();
            assert!(is_too_slow(&lists.list::<Account>(&filter, &Page::default()).await), "{filter:?}");
        }
        drop(tx);
        // The connections are as good as before.
        for _ in 0..2 * store.lists_at_once() {
            let mut lists = store.lists(Until::within(ahead)).await.unwrap();
            let all = lists.count(Table::Accounts, &Filter::everything()).await.unwrap();
            let page = Page { first: 3, ..Page::default() };
            let rows: Vec<Account> = lists.list(&Filter::everything(), &page).await.unwrap();
            assert_eq!((all, rows.len()), (20_000, 3));
        }
    }
}

/// Ten million comparisons are no work of a tenth of a second, so this one is stopped in its middle.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_stopped_in_its_middle() {
    for (store, _folder) in stores().await {
        crowd(&store).await;
        let mut lists = store.lists(Until::within(Duration::from_mins(1))).await.unwrap();
        assert_eq!(lists.count(Table::Accounts, &contains(500)).await.unwrap(), 0);
        lists.until = Until::within(Duration::from_millis(1));
        assert!(is_too_slow(&lists.count(Table::Accounts, &contains(500)).await));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn point_reads_go_on_while_every_list_is_held() {
    for (store, _folder) in stores().await {
        let mut held = Vec::new();
        for _ in 0..store.lists_at_once() {
            held.push(store.lists(Until::within(Duration::from_mins(1))).await.unwrap());
        }
        let mut late = Box::pin(store.lists(Until::within(Duration::from_mins(1))));
        assert!(futures_util::poll!(&mut late).is_pending(), "there are no more");
        for _ in 0..20 {
            store.ping().await.unwrap();
            accounts::insert_if_absent(&mut store.write().await.unwrap(), &account("elle")).await.unwrap();
        }
        held.pop();
        assert_eq!(late.await.unwrap().count(Table::Accounts, &Filter::everything()).await.unwrap(), 1);
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_of_sqlite_give_way_to_who_serves() {
    use rustix::process::getpriority_process;
    let [(store, _folder), _] = stores().await;
    let own = getpriority_process(None).unwrap();
    for (mut conn, expected) in [
        (store.lists(Until::within(Duration::from_mins(1))).await.unwrap().conn, own.max(10)),
        (store.read().await.unwrap(), own),
    ] {
        let Hold::Sqlite(hold) = &mut conn.0 else { panic!("SQLite") };
        let asked = hold.enter().unwrap().run(|_| Ok(getpriority_process(None).unwrap()));
        assert_eq!(asked.await.unwrap(), expected);
    }
}

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = diesel::sql_types::Text)]
    setting: String,
}

async fn statement_timeout(conn: &mut Conn) -> String {
    let asked = "SELECT current_setting('statement_timeout') AS setting";
    let found: Setting = conn::on!(conn, |c| diesel::sql_query(asked).get_result(c)).unwrap();
    found.setting
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_statement_of_postgres_outlives_who_waits_for_it() {
    let [_, (store, _)] = stores().await;
    assert_eq!(statement_timeout(&mut store.read().await.unwrap()).await, "14s");
    assert_eq!(statement_timeout(&mut store.write().await.unwrap()).await, "14s");
    let mut tx = store.begin().await.unwrap();
    assert_eq!(statement_timeout(tx.conn()).await, "14s");
    conn::take_your_time(tx.conn()).await.unwrap();
    assert_eq!(statement_timeout(tx.conn()).await, "0");
    tx.commit().await.unwrap();
    assert_eq!(statement_timeout(store.begin().await.unwrap().conn()).await, "14s", "for one transaction alone");
    let mut lists = store.lists(Until::within(Duration::from_millis(2500))).await.unwrap();
    let told = statement_timeout(&mut lists.conn).await;
    let left: u64 = told.trim_end_matches("ms").parse().unwrap_or_else(|_| panic!("{told}"));
    assert!((1..=2500).contains(&left), "{told}");
    // A site that allows less, keeps it.
    for (url, expected) in [("-c%20statement_timeout%3D3s", "3s"), ("-c%20statement_timeout%3D1min", "14s")] {
        let url = format!("{}?options={url}", postgres::fresh_database());
        let store = Store::new(&url.into(), None, Handle::current()).unwrap();
        assert_eq!(statement_timeout(&mut store.read().await.unwrap()).await, expected);
    }
}
