//! When letters are looked for: when one was queued here, and every second, since others queue as well.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;

use super::endpoint::Endpoint;
use crate::{Current, Parts, boxed};
use domain::Result;

/// How often letters are looked for that another process has queued, or whose pause is over.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Works until it is dropped: each endpoint for itself, so that one that hangs holds up none of the others.
#[boxed]
pub async fn run(current: Current) {
    let bell = Arc::clone(&current.take().outbox.bell);
    let mut rounds = tokio::time::interval(LOOK_EVERY);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut busy, mut at_work) = (BTreeSet::<String>::new(), FuturesUnordered::new());
    loop {
        let looks = tokio::select! {
            _ = rounds.tick() => true,
            () = bell.notified() => true,
            Some(ended) = at_work.next() => {
                let (name, done): (String, Result<()>) = ended;
                busy.remove(&name);
                tell(&name, done);
                false
            }
        };
        if looks {
            let parts = current.take();
            let free = parts.settings.webhooks.keys().filter(|name| busy.insert((*name).clone()));
            at_work.extend(free.map(|name| Box::pin(turn(Arc::clone(&parts), name.clone()))));
        }
    }
}

async fn turn(parts: Arc<Parts>, name: String) -> (String, Result<()>) {
    let done = work(&parts, &name).await;
    (name, done)
}

async fn work(parts: &Parts, name: &str) -> Result<()> {
    match parts.upstream.receivers().get(name) {
        Some(receiver) => Endpoint::new(parts, name, receiver).work().await,
        None => Ok(()),
    }
}

fn tell(endpoint: &str, done: Result<()>) {
    if let Err(error) = done {
        tracing::warn!(endpoint, %error, "events could not be seen to");
    }
}

/// Delivers all that is due now and may be delivered by this process.
#[boxed]
pub async fn run_due(parts: &Arc<Parts>) -> Result<()> {
    let names: Vec<String> = parts.settings.webhooks.keys().cloned().collect();
    let all = join_all(names.into_iter().map(|name| Box::pin(turn(Arc::clone(parts), name)))).await;
    all.into_iter().try_for_each(|(_, done)| done)
}

/// Gives back what this process delivers, once nothing is delivered any more.
#[boxed]
pub async fn leave(parts: &Parts) -> Result<()> {
    parts.outbox.known().held.clear();
    let now = store::now(parts.clock.now());
    store::outbox::release(&mut parts.store.write().await?, parts.outbox.holder, now).await
}
