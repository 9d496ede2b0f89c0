//! Reads of many users' links at a time: each is found by index, however many links there are.

use super::sized::{Line, Step};
use super::*;
use crate::across::statement as candidates;
use crate::filter::{How, Statement};
use crate::token_sets::many;
use std::collections::BTreeSet;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, Query, QueryBuilder as _, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::Untyped;
use diesel::sqlite::{Sqlite, SqliteQueryBuilder};
use domain::across::{Candidate, Search};

/// How many links there are, each of a user of its own; one in a thousand ails.
const MANY: usize = 20_000;

fn key(number: usize) -> String {
    format!("10000000-0000-4000-8000-{:012}", 100_000_000_000 + number)
}

async fn crowd(store: &Store) {
    let mut conn = store.write().await.unwrap();
    let is_sqlite = conn.is_sqlite();
    let (now, blob, id) = if is_sqlite {
        ("1790000000000000", "x'00'", "('10000000-0000-4000-8000-' || (100000000000 + i))")
    } else {
        ("now()", "'\\x00'::bytea", "CAST('10000000-0000-4000-8000-' || (100000000000 + i) AS uuid)")
    };
    let numbers = format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY})");
    let account = if is_sqlite { "0, 0, 0, 0, 0" } else { "FALSE, FALSE, FALSE, FALSE, FALSE" };
    let more = if is_sqlite { "0, 0" } else { "FALSE, FALSE" };
    for statement in [
        format!(
            "{numbers} INSERT INTO accounts (subject, account_type, created, disabled_at, email_verified, phone_verified, is_admin, is_support, \
             two_factor, meta, external_email_verified, external_phone_verified) SELECT 'u' || i, 'staff', {now}, CASE i WHEN 70 THEN {now} END, \
             {account}, '{{}}', {more} FROM n WHERE i <> 77"
        ),
        format!("INSERT INTO vault_keys (id, check_value, created) VALUES ('k', {blob}, {now})"),
        format!(
            "{numbers} INSERT INTO links (id, subject, fp_type, fp_name, sid, proof, created) SELECT {id}, 'u' || i, 'box', \
             CASE WHEN i % 20 = 1 THEN 'odd' ELSE 'even' END, 's' || i, 'asserted', {now} FROM n"
        ),
        format!(
            "{numbers} INSERT INTO token_sets (link_id, key_id, wrapped_key, sealed_access, version, health, failures) SELECT {id}, 'k', {blob}, \
             {blob}, i, CASE WHEN i % 1000 < 2 THEN 'needs_consent' ELSE 'ok' END, 0 FROM n"
        ),
    ] {
        conn.batch(&statement).await.unwrap();
    }
    if !is_sqlite {
        conn.batch("ANALYZE").await.unwrap();
    }
}

/// How a statement would be run.
pub(super) async fn plan(store: &Store, statement: impl Fn(How) -> Statement) -> Vec<String> {
    let until = Until::within(Duration::from_mins(1));
    let mut conn = store.lists(until).await.unwrap().conn;
    if conn.is_sqlite() {
        let explained = || statement(How::Sqlite(Some(until))).explained("EXPLAIN QUERY PLAN ");
        let steps: Vec<Step> = conn::on!(&mut conn, |c| explained().query(c).load(c)).unwrap();
        return steps.into_iter().map(|step| step.detail).collect();
    }
    let explained = || statement(How::Postgres).explained("EXPLAIN ");
    let lines: Vec<Line> = conn::on!(&mut conn, |c| explained().query(c).load(c)).unwrap();
    lines.into_iter().map(|line| line.line).collect()
}

/// The text that SQLite has prepared for so many.
fn text_for(wanted: &[many::Wanted<'_>]) -> String {
    let mut text = SqliteQueryBuilder::new();
    many::Holding::of(wanted, Until::within(Duration::ZERO)).to_sql(&mut text, &Sqlite).unwrap();
    text.finish()
}

#[test]
fn as_many_texts_are_prepared_for_batches_as_there_are_rooms() {
    let (subject, provider) = (Subject::parse("u1").unwrap(), of("even"));
    let wanted = vec![many::Wanted { subject: &subject, provider: &provider, sid: None }; 100];
    let texts: BTreeSet<String> = (1..=100).map(|few| text_for(&wanted[..few])).collect();
    assert_eq!(texts.len(), 4);
}

/// A statement that asks how another would be run.
struct Explained(&'static str, many::Holding);

impl<DB: Backend> QueryFragment<DB> for Explained
where
    many::Holding: QueryFragment<DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql(self.0);
        self.1.walk_ast(out)
    }
}

impl QueryId for Explained {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Explained {
    type SqlType = Untyped;
}

async fn plan_of_many(store: &Store, wanted: &[many::Wanted<'_>]) -> Vec<String> {
    let until = Until::within(Duration::from_mins(1));
    let mut conn = store.lists(until).await.unwrap().conn;
    let explained = |explain| Explained(explain, many::Holding::of(wanted, until));
    if conn.is_sqlite() {
        let steps: Vec<Step> = conn::on!(&mut conn, |c| explained("EXPLAIN QUERY PLAN ").load(c)).unwrap();
        return steps.into_iter().map(|step| step.detail).collect();
    }
    let lines: Vec<Line> = conn::on!(&mut conn, |c| explained("EXPLAIN ").load(c)).unwrap();
    lines.into_iter().map(|line| line.line).collect()
}

#[track_caller]
pub(super) fn assert_searches(plan: &[String], index: Option<&str>) {
    for step in plan {
        // What stands in the statement itself is all that is read from end to end.
        let reads_all = step.contains("Seq Scan") || (step.starts_with("SCAN ") && !step.ends_with("VALUES CLAUSE"));
        assert!(!reads_all, "{step}\nof {plan:#?}");
    }
    if let Some(index) = index {
        assert!(plan.iter().any(|step| step.contains(index)), "no {index} in {plan:#?}");
        assert!(!plan.iter().any(|step| step.contains("Sort") || step.contains("TEMP B-TREE")), "{plan:#?}");
    }
}

fn of(name: &str) -> ProviderId {
    ProviderId::parse("box", name).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_of_a_hundred_are_one_statement_that_searches_by_index() {
    for (store, _folder) in stores().await {
        crowd(&store).await;
        let subjects: Vec<Subject> = (1..=100).map(|n| Subject::parse(format!("u{}", n * 7)).unwrap()).collect();
        let (even, sid) = (of("even"), Sid::parse("s14").unwrap());
        let wanted: Vec<_> = subjects
            .iter()
            .enumerate()
            .map(|(place, subject)| many::Wanted { subject, provider: &even, sid: (place == 1).then_some(&sid) })
            .collect();
        assert_searches(&plan_of_many(&store, &wanted).await, None);
        let mut lists = store.lists(Until::within(Duration::from_mins(1))).await.unwrap();
        let found = lists.list_serving(&wanted).await.unwrap();
        let versions: Vec<Vec<i64>> =
            found.iter().map(|found| found.sets.iter().map(|set| set.version).collect()).collect();
        let expected: Vec<Vec<i64>> =
            (1..=100).map(|n| if n * 7 % 20 == 1 { Vec::new() } else { vec![n * 7] }).collect();
        assert_eq!(versions, expected, "in the order of what is wanted");
        for (place, found) in found.iter().enumerate() {
            let is_disabled = match (place + 1) * 7 {
                70 => Some(true),
                77 => None,
                _ => Some(false),
            };
            assert_eq!(found.is_disabled, is_disabled, "{place}");
        }
        for few in [0, 1, 2, 4, 5, 21, 99] {
            let found = lists.list_serving(&wanted[..few]).await.unwrap();
            let few_versions: Vec<Vec<i64>> =
                found.iter().map(|found| found.sets.iter().map(|set| set.version).collect()).collect();
            assert_eq!(few_versions, expected[..few], "as many as are wanted, and nobody else");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_across_users_are_found_by_an_index_in_the_order_of_their_keys() {
    for (store, _folder) in stores().await {
        crowd(&store).await;
        let first = LinkId(uuid::Uuid::nil());
        let sid = || Some(Sid::parse("s14").unwrap());
        for (health, provider, account, index, found) in [
            (Some(Health::NeedsConsent), None, None, Some("token_sets_ailing"), [1, 1000]),
            (Some(Health::NeedsConsent), Some("even"), None, Some("token_sets_ailing"), [1, 1000]),
            (None, Some("odd"), None, Some("links_provider"), [1, 21]),
            (Some(Health::Ok), Some("odd"), None, Some("links_provider"), [1, 21]),
            (None, Some("even"), sid(), Some("links_account"), [14, 0]),
            (Some(Health::Ok), None, None, Some(""), [1, 2]),
        ] {
            let search = Search::new(health, provider.map(of), account).unwrap();
            let plan = plan(&store, |how| candidates(&search, first, 400, how)).await;
            assert_searches(&plan, index);
            let mut lists = store.lists(Until::within(Duration::from_mins(1))).await.unwrap();
            let candidates = lists.list_candidates(&search, first, 2).await.unwrap();
            let keys = |candidates: &[Candidate]| -> Vec<String> {
                candidates.iter().map(|candidate| candidate.link.to_string()).collect()
            };
            let expected: Vec<String> = found.into_iter().filter(|number| *number > 0).map(key).collect();
            assert_eq!(keys(&candidates), expected, "{search:?}");
            // From after the first of them.
            let rest = lists.list_candidates(&search, candidates[0].link, 1).await.unwrap();
            assert_eq!(keys(&rest), expected.get(1..).unwrap(), "{search:?}");
            let links: Vec<LinkId> = candidates.iter().rev().map(|candidate| candidate.link).collect();
            let listed = lists.list_of_keys(&links).await.unwrap();
            let subjects: Vec<&str> = listed.iter().map(|owned| owned.subject.as_str()).collect();
            let expected: Vec<String> =
                found.into_iter().filter(|number| *number > 0).map(|number| format!("u{number}")).collect();
            assert_eq!(subjects, expected, "{search:?}");
        }
    }
}
