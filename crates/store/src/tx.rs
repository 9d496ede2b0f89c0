//! Transactions, and claims: writes of one statement whose outcome their callers act on.

use std::sync::Arc;

use diesel::result::QueryResult;
use tokio::sync::Notify;

use super::commit::Witness;
use super::conn::Conn;
use super::error::lift;
use super::outbox::{self, Letter};
use super::postgres::Postgres;
use domain::Result;

/// A transaction. Dropped without [`Tx::commit`] it is rolled back, by closing its connection.
pub struct Tx {
    conn: Conn,
    /// Who knows whether it was committed, where we may not hear of it.
    witness: Option<Witness>,
    /// What is told of what it changes: written last, so that nobody waits for long whose order is the same.
    letters: Vec<Letter>,
    /// Who is woken when there are any.
    bell: Option<Arc<Notify>>,
    /// What is done once it is true.
    then: Vec<Box<dyn FnOnce() + Send>>,
}

impl Tx {
    /// Begins a transaction on a SQLite connection of one's own.
    pub(super) async fn begin(mut conn: Conn) -> QueryResult<Self> {
        conn.begin().await?;
        Ok(Self { conn, witness: None, letters: Vec::new(), bell: None, then: Vec::new() })
    }

    /// Begins a transaction on a Postgres connection of one's own.
    pub(super) async fn begin_on(postgres: &Arc<Postgres>, mut conn: Conn) -> QueryResult<Self> {
        let id = conn.begin().await?;
        let witness = id.map(|id| Witness::new(Arc::clone(postgres), id));
        Ok(Self { conn, witness, letters: Vec::new(), bell: None, then: Vec::new() })
    }

    /// The connection, for the queries of the transaction.
    pub fn conn(&mut self) -> &mut Conn {
        &mut self.conn
    }

    /// Has endpoints told of what this transaction changes, once it is true.
    pub fn post(&mut self, letters: impl IntoIterator<Item = Letter>) {
        self.letters.extend(letters);
    }

    /// As [`Tx::post`], now: says how many wait that did not before. Their lanes are held to the end; nothing else should follow.
    pub async fn post_now(&mut self, letters: Vec<Letter>) -> Result<usize> {
        outbox::write(&mut self.conn, letters).await
    }

    /// Wakes whoever waits for letters once they can be read.
    pub fn ring(&mut self, bell: &Arc<Notify>) {
        self.bell = Some(Arc::clone(bell));
    }

    /// Does this once it is true, and never if it is not.
    pub fn then(&mut self, act: impl FnOnce() + Send + 'static) {
        self.then.push(Box::new(act));
    }

    /// Makes it all true at once. Where the word of it is lost, it is asked after: an error means that it is not true, or that
    /// nobody could tell for as long as anybody waits.
    pub async fn commit(mut self) -> Result<()> {
        let letters = std::mem::take(&mut self.letters);
        let bell = self.bell.take();
        let then = std::mem::take(&mut self.then);
        outbox::write(&mut self.conn, letters).await?;
        match self.witness {
            Some(witness) => witness.see(self.conn.commit()).await?,
            None => self.conn.commit().await.map_err(lift)?,
        }
        if let Some(bell) = bell {
            bell.notify_one();
        }
        for act in then {
            act();
        }
        Ok(())
    }
}

/// A claim: a write of one statement whose outcome its caller acts on. On Postgres it is a transaction, which can be asked
/// after.
pub enum Single {
    /// On SQLite.
    Statement(Conn),
    /// On Postgres.
    Transaction(Tx),
}

impl Single {
    /// The connection, for the statement.
    pub fn conn(&mut self) -> &mut Conn {
        match self {
            Self::Statement(conn) => conn,
            Self::Transaction(tx) => tx.conn(),
        }
    }

    /// Whether the statement goes with its connection.
    pub fn goes_with_its_connection(&self) -> bool {
        matches!(self, Self::Transaction(_))
    }

    /// Makes it true, if the statement did not by itself.
    pub async fn commit(self) -> Result<()> {
        match self {
            Self::Statement(_) => Ok(()),
            Self::Transaction(tx) => tx.commit().await,
        }
    }
}

/// Runs a claim, and once more if its connection turns out to have been closed before there was a commit.
#[macro_export]
macro_rules! claim {
    ($store:expr, |$conn:ident| $query:expr) => {{
        let mut single = $store.single().await?;
        let $conn = single.conn();
        let made = match $query.await {
            Err(error) if $crate::is_lost(&error) && single.goes_with_its_connection() => {
                single = $store.single().await?;
                let $conn = single.conn();
                $query.await
            }
            other => other,
        };
        match made {
            Ok(made) => single.commit().await.map(|()| made),
            Err(error) => Err(error),
        }
    }};
}
