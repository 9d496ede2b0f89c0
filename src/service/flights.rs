//! At most one refresh per link in this process: the first caller leads it, the others join it, and it flies on whoever
//! hangs up.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use futures_util::future::{FutureExt as _, Shared};
use tokio::sync::{Semaphore, oneshot};

use super::{Parts, refresh};
use crate::domain::ids::{LinkId, ProviderId};
use crate::settings::Settings;

/// How a refresh ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Landing {
    /// There is news in the row: new tokens, ours or another's, or a refusal for good.
    Read,
    /// It failed in passing; not before this moment again.
    Rest(DateTime<Utc>),
    /// The link is gone.
    Gone,
    /// It cannot be done, and the provider has no part in it: what is stored does not open, say.
    Broken,
    /// The database is away; the answer, if there was one, is kept until it is back.
    StorageAway,
}

/// A refresh in the air; every clone hears how it ended. An error: the refresh panicked.
pub(super) type Flight = Shared<oneshot::Receiver<Landing>>;

/// The refreshes in flight, and how many each provider bears.
pub struct Flights {
    flying: Mutex<HashMap<LinkId, Flight>>,
    permits: HashMap<ProviderId, Arc<Semaphore>>,
}

impl Flights {
    /// No flights yet; each provider bears `tokens.max_concurrency` at once.
    pub fn new(settings: &Settings) -> Self {
        let permits = settings
            .providers
            .keys()
            .map(|id| (id.clone(), Arc::new(Semaphore::new(settings.tokens.max_concurrency))))
            .collect();
        Self { flying: Mutex::new(HashMap::new()), permits }
    }

    /// The permits of a provider.
    pub(super) fn permits(&self, provider: &ProviderId) -> Option<Arc<Semaphore>> {
        self.permits.get(provider).map(Arc::clone)
    }

    /// Waits until every flight that is in the air now has landed.
    pub async fn land_all(&self) {
        let flying: Vec<Flight> =
            self.flying.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        futures_util::future::join_all(flying).await;
    }

    /// The links whose refresh is in the air: what is lost if the process ends now.
    pub fn in_the_air(&self) -> Vec<LinkId> {
        self.flying.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    fn land(&self, link: LinkId) {
        self.flying.lock().unwrap_or_else(PoisonError::into_inner).remove(&link);
    }
}

/// Joins the link's flight, or leads one on the main runtime. One that is led asks only if `version` is still what is
/// stored: whoever read the row just before another flight wrote it must not ask again.
pub(super) fn join(parts: &Arc<Parts>, provider: &ProviderId, (link, version): (LinkId, i64)) -> Flight {
    let mut flying = parts.flights.flying.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(flight) = flying.get(&link) {
        return flight.clone();
    }
    let (landed, landing) = oneshot::channel();
    let flight = landing.shared();
    flying.insert(link, flight.clone());
    drop(flying);
    let (crew, provider) = (Arc::clone(parts), provider.clone());
    // Made before the task, so that one that is never run leaves no flight on the list either.
    let strip = Airstrip { parts: Arc::clone(parts), link };
    parts.runtime.spawn(async move {
        let result = refresh::fly(&crew, &provider, (link, version)).await;
        // First off the list, then the news: who hears it and asks again must not join this flight.
        drop(strip);
        // Nobody may be waiting any more; what counts is in the database.
        let _unheard = landed.send(result);
    });
    flight
}

/// Takes a flight off the list when it ends, a panic included.
struct Airstrip {
    parts: Arc<Parts>,
    link: LinkId,
}

impl Drop for Airstrip {
    fn drop(&mut self) {
        self.parts.flights.land(self.link);
    }
}
