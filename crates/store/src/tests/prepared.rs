//! The writes of every refresh are prepared once, however often they run.

use std::time::Duration;

use super::*;
use crate::leases::{Attempt, Failure, Over, end, fail, take};
use domain::refresh::{Ending, Errand, Takeover};

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    count: i64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_writes_of_a_refresh_are_prepared_once() {
    let [_, (store, _)] = stores().await;
    // One connection all the time.
    let mut conn = store.write().await.unwrap();
    let (now, link) = (now(moments()[1].0), LinkId(uuid::Uuid::nil()));
    let attempt = Attempt { link, version: 7, id: uuid::Uuid::nil() };
    let emptied = NewTokens::default();
    let mut prepared = Vec::new();
    for _ in 0..3 {
        take(&mut conn, &attempt, now, Errand::Renew, Over { takeover: Takeover::Allowed, outlived: None })
            .await
            .unwrap();
        token_sets::replace(&mut conn, link, 7, &emptied, Past::Over).await.unwrap();
        fail(&mut conn, &attempt, now, Failure { ending: Ending::Closed, wait: Duration::ZERO, word: None })
            .await
            .unwrap();
        end(&mut conn, &attempt, Ending::Closed).await.unwrap();
        let count = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'UPDATE %'";
        let count: Count = conn::on!(&mut conn, |c| diesel::sql_query(count).get_result(c)).unwrap();
        prepared.push(count.count);
    }
    assert_eq!(prepared, [4; 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hot_read_is_prepared_once_by_each_connection_and_reads_the_same() {
    let [_, (store, _)] = stores().await;
    let mut tx = store.begin().await.unwrap();
    for (number, owner) in [(1, "a"), (2, "b"), (3, "b")] {
        let written = NewLink { subject: Subject::parse(owner).unwrap(), ..link(number, false) };
        links::upsert(tx.conn(), &written).await.unwrap();
    }
    tx.commit().await.unwrap();
    let mut texts = Vec::new();
    for _connection in 0..2 {
        let mut tx = store.begin().await.unwrap();
        for (owner, sids) in [("a", &["1"][..]), ("b", &["2", "3"]), ("nobody", &[]), ("a", &["1"])] {
            let found = links::list_of_subject(tx.conn(), &Subject::parse(owner).unwrap()).await.unwrap();
            assert_eq!(found.iter().map(|link| link.sid.as_str()).collect::<Vec<_>>(), sids, "{owner}");
        }
        let read = "SELECT statement AS told FROM pg_prepared_statements WHERE statement LIKE 'SELECT \"links\"%'";
        let read: Vec<built::Told> = conn::on!(tx.conn(), |c| diesel::sql_query(read).load(c)).unwrap();
        texts.extend(read.into_iter().map(|text| text.told));
        // The next one is another: this one is not given back.
        tx.conn().close();
    }
    assert_eq!(texts.len(), 2);
    assert_eq!(texts[0], texts[1]);
}
