//! Takes the lease of a link, and finds out whether it has it.

use std::time::Duration;

use super::at_work::Refresh;
use super::holding::Holding;
use domain::refresh::{Before, Ending, SEND_WITHIN};
use domain::{Error, Result};
use store::leases::{Attempt, Over, take};

/// When to ask the database again whether a lease was taken.
const TAKE_AGAIN: Duration = Duration::from_millis(250);
/// How often at most: until it is too late to send anything under it.
const TRIES: u32 = 60;

/// Why a lease was not taken.
enum Untaken {
    /// The database never got to know of it.
    NotAsked(Error),
    /// It may have taken it.
    Unknown(Error),
}

impl Refresh<'_> {
    /// Takes the lease. Where the word of it is lost, the same attempt asks for it again until it is too late to use it: the
    /// database may have taken it, and nobody else would give it back.
    pub(super) async fn lease(
        &self,
        attempt: Attempt,
        outlived: Option<uuid::Uuid>,
        began: Duration,
    ) -> Result<Option<(Before, Holding)>> {
        let _at_database = self.at_database();
        let mut holding = Holding::new(self.parts, attempt);
        holding.ends(Ending::Closed);
        let mut is_unsure = false;
        for _ in 0..TRIES {
            let error = match self.take(&attempt, outlived).await {
                Ok(Some(before)) => {
                    holding.ends(Ending::Open);
                    return Ok(Some((before, holding)));
                }
                Ok(None) => {
                    if !is_unsure {
                        holding.has_none();
                    }
                    return Ok(None);
                }
                Err(Untaken::NotAsked(error)) if !is_unsure => {
                    holding.has_none();
                    return Err(error);
                }
                Err(Untaken::NotAsked(error) | Untaken::Unknown(error)) => error,
            };
            is_unsure = true;
            if !matches!(error, Error::StorageUnavailable(_)) || self.since(began) > SEND_WITHIN {
                return Err(error);
            }
            tokio::time::sleep(TAKE_AGAIN).await;
        }
        Err(Error::StorageUnavailable("nobody says whether a lease was taken".into()))
    }

    async fn take(
        &self,
        attempt: &Attempt,
        outlived: Option<uuid::Uuid>,
    ) -> std::result::Result<Option<Before>, Untaken> {
        let now = store::now(self.parts.clock.now());
        let mut conn = self.parts.store.write().await.map_err(Untaken::NotAsked)?;
        let takeover = self.parts.store.takeover();
        let taken = take(&mut conn, attempt, now, self.errand, Over { takeover, outlived }).await;
        taken.map_err(Untaken::Unknown)
    }
}
