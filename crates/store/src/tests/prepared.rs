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
