//! A SQLite connection in one pair of hands, and where its calls run.

use diesel::sqlite::SqliteConnection;
use diesel_async::sync_connection_wrapper::{SpawnBlocking, SyncConnectionWrapper};
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;

/// A connection in one pair of hands, and where its calls run.
pub(crate) type Own = SyncConnectionWrapper<SqliteConnection, Offload>;

/// Where a SQLite call runs that is no point read ([`super::at_hand`]): what writes or may take long runs off those who serve.
pub(crate) enum Offload {
    /// In place, in a process that serves nobody: the future is ready at its first poll.
    Inline,
    /// On the blocking threads of this runtime.
    To(Handle),
}

impl SpawnBlocking for Offload {
    fn spawn_blocking<'a, R>(
        &mut self,
        task: impl FnOnce() -> R + Send + 'static,
    ) -> BoxFuture<'a, Result<R, Box<dyn std::error::Error + Send + Sync + 'static>>>
    where
        R: Send + 'static,
    {
        match self {
            Self::Inline => Box::pin(std::future::ready(Ok(task()))),
            Self::To(runtime) => {
                let running = runtime.spawn_blocking(task);
                Box::pin(async move { running.await.map_err(Into::into) })
            }
        }
    }

    fn get_runtime() -> Self {
        Self::Inline
    }
}
