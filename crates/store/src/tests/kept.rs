//! Lines of the record past their time: a few at a time, from an index, in nobody's way.

use super::across::{assert_searches, plan};
use super::*;
use crate::audit::{sweep, sweeping};
use crate::filter::How;
use domain::audit::Place;

/// For a statement that nobody has to stop.
pub(super) fn unhurried(how: How) -> How {
    match how {
        How::Sqlite(_) => How::Sqlite(None),
        How::Postgres => How::Postgres,
    }
}

/// Lines that stand at one moment each, one second after the other.
async fn crowd(store: &Store, lines: usize) {
    let mut conn = store.write().await.unwrap();
    let numbers = format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {lines})");
    let id = "'00000000-0000-4000-8000-' || substr(CAST(100000000000 + i AS TEXT), 1, 12)";
    let (id, at) = if conn.is_sqlite() {
        (id.to_owned(), "i * 1000000")
    } else {
        (format!("CAST({id} AS uuid)"), "to_timestamp(i)")
    };
    let insert = format!("INSERT INTO audit (id, at, event) {numbers} SELECT {id}, {at}, 'SIGNED_IN' FROM n");
    conn.batch(&insert).await.unwrap();
    if !conn.is_sqlite() {
        conn.batch("ANALYZE").await.unwrap();
    }
}

fn second(number: i64) -> At {
    At(DateTime::from_timestamp(number, 0).unwrap())
}

/// How many lines there are, and when the first of them happened.
async fn left(store: &Store) -> (usize, Option<At>) {
    let mut conn = store.read().await.unwrap();
    let lines: Vec<At> =
        conn::on!(&mut conn, |c| audit_lines::table.order(audit_lines::at).select(audit_lines::at).load(c)).unwrap();
    (lines.len(), lines.as_slice().first().copied())
}

async fn one(store: &Store, after: Option<Place>, before: At) -> Option<Place> {
    sweep(&mut store.write().await.unwrap(), after, before).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_is_fifty_of_the_oldest_and_batches_go_on_until_there_are_none() {
    for (store, _folder) in stores().await {
        crowd(&store, 200).await;
        let (until, mut place) = (second(126), None);
        let mut seen = Vec::new();
        loop {
            place = one(&store, place, until).await;
            seen.push(left(&store).await);
            if place.is_none() {
                break;
            }
        }
        let expected = [(150, 51), (100, 101), (75, 126)].map(|(count, first)| (count, Some(second(first))));
        assert_eq!(seen, expected, "what happened at the very moment stays");
        assert_eq!((one(&store, None, until).await, left(&store).await.0), (None, 75));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_kept_is_found_by_nobody_who_sweeps() {
    for (store, _folder) in stores().await {
        crowd(&store, 20_000).await;
        let after = one(&store, None, second(10_000)).await;
        assert!(after.is_some());
        for after in [None, after] {
            assert_searches(
                &plan(&store, |how| sweeping(after, second(10_000), unhurried(how))).await,
                Some("audit_at"),
            );
        }
    }
}

/// On SQLite there is no two of them: a write there waits for the one before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_who_sweep_at_once_take_other_lines_and_wait_for_nobody() {
    let [_, (store, _)] = stores().await;
    crowd(&store, 200).await;
    let (mut first, mut second_one) = (store.begin().await.unwrap(), store.begin().await.unwrap());
    let until = second(126);
    let after = sweep(first.conn(), None, until).await.unwrap();
    let others = sweep(second_one.conn(), None, until).await.unwrap();
    assert!(after.is_some() && others > after, "{after:?} {others:?}");
    // Somebody who rewrites a line is not waited for either; the line is for a later round.
    let mut rewrites = store.begin().await.unwrap();
    let line = audit_lines::table.filter(audit_lines::at.eq(second(120)));
    conn::on!(rewrites.conn(), |c| diesel::update(line).set(audit_lines::client.eq("x")).execute(c)).unwrap();
    assert_eq!(sweep(first.conn(), after, until).await.unwrap(), None);
    for tx in [first, second_one, rewrites] {
        tx.commit().await.unwrap();
    }
    assert_eq!(left(&store).await, (76, Some(second(120))));
    assert_eq!((one(&store, None, until).await, left(&store).await.0), (None, 75));
}
