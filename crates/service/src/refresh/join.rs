//! The first caller of a link leads its refresh, the others join it, and it flies on whoever hangs up.

use std::sync::{Arc, PoisonError};

use futures_util::FutureExt as _;
use tokio::sync::oneshot;

use super::flights::Flight;
use super::fly::fly;
use crate::Parts;
use domain::ids::{LinkId, ProviderId};
use domain::refresh::Errand;

/// Joins the link's flight, or leads one on the main runtime. One that is led asks only if `version` is still what is
/// stored: whoever read the row just before another flight wrote it must not ask again.
pub(crate) fn join(parts: &Arc<Parts>, provider: &ProviderId, link: LinkId, version: i64, errand: Errand) -> Flight {
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
        let result = fly(&crew, &provider, link, version, errand).await;
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
