//! Reads that a user sizes: paid for, and done in their turn ([`super::caller_sized`]).

use std::sync::Arc;

use super::Parts;
use super::meters::Limit;
use domain::Result;
use domain::ids::Subject;
use store::{Lists, Until};

/// Takes points for what somebody asks.
pub(super) fn charge(parts: &Parts, user: &Subject, points: usize) -> Result<()> {
    let budget = parts.settings.limits.list_points_per_hour;
    parts.meters.within(Limit::ListPoints, parts.caller_sized.charge(user, points, budget, parts.clock.now()))
}

/// Reads what a user asks for, once they have paid for it and it is their turn. It has its place until it has ended, whether
/// anybody waits for it or not.
pub(super) async fn read<T, F>(
    parts: &Arc<Parts>,
    user: &Subject,
    points: usize,
    read: impl FnOnce(Lists) -> F + Send + 'static,
) -> Result<T>
where
    F: Future<Output = Result<T>> + Send + 'static,
    T: Send + 'static,
{
    charge(parts, user, points)?;
    let place = parts.meters.within(Limit::Lists, parts.caller_sized.place(user).await)?;
    let done = parts.detached(async move |parts| {
        let until = Until::within(parts.settings.limits.list_timeout);
        let done = read(parts.store.lists(until).await?).await;
        drop(place);
        done
    });
    done.await
}
