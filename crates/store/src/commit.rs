//! A commit whose word is lost is not one that did not happen: the transaction has an id, made before anything is written in
//! it, by which Postgres says what became of it. What SQLite did this process has done itself, and knows.

use std::sync::Arc;
use std::time::Duration;

use diesel::result::QueryResult;
use diesel_async::RunQueryDsl as _;
use tokio::time::{Instant, sleep, timeout};

use super::conn::on;
use super::error::lift;
use super::pg_conn::unanswered;
use super::postgres::Postgres;
use domain::{Error, Result};

/// How long a commit is waited for on its own connection. What is left of [`IN_ALL`] is for asking.
const COMMIT: Duration = Duration::from_secs(10);
/// How long nobody knows at most. Callers wait no longer.
const IN_ALL: Duration = Duration::from_secs(15);
/// How long one question may take.
const QUESTION: Duration = Duration::from_secs(5);
/// When to ask again.
const ASK_AGAIN: Duration = Duration::from_millis(100);

#[diesel::declare_sql_function]
extern "SQL" {
    fn txid_status(id: diesel::sql_types::BigInt) -> diesel::sql_types::Nullable<diesel::sql_types::Text>;
}

/// Who can say what became of a transaction.
pub(super) struct Witness {
    postgres: Arc<Postgres>,
    id: i64,
}

impl Witness {
    /// The server that has the transaction of this id.
    pub(super) fn new(postgres: Arc<Postgres>, id: i64) -> Self {
        Self { postgres, id }
    }

    /// Waits for the commit; where its word is lost, asks until it is known, or nobody waits any longer.
    pub(super) async fn see(&self, commit: impl Future<Output = QueryResult<()>>) -> Result<()> {
        let began = Instant::now();
        let heard = timeout(COMMIT, commit).await.unwrap_or_else(|_elapsed| Err(unanswered()));
        let error = match heard.map_err(lift) {
            Err(error @ Error::StorageUnavailable(_)) => error,
            known => return known,
        };
        loop {
            let told = timeout(QUESTION, self.ask()).await;
            match told.as_ref().map(|told| told.as_ref().map(Option::as_deref)) {
                Ok(Ok(Some("committed"))) => {
                    tracing::info!("the word of a commit was lost; the database has it");
                    return Ok(());
                }
                Ok(Ok(Some("aborted"))) => return Err(error),
                // In progress, or the database is away.
                _ if began.elapsed() < IN_ALL => sleep(ASK_AGAIN).await,
                _ => return Err(error),
            }
        }
    }

    async fn ask(&self) -> Result<Option<String>> {
        let mut conn = self.postgres.writer().await?;
        on!(&mut conn, |c| diesel::select(txid_status(self.id)).get_result(c)).map_err(lift)
    }
}
