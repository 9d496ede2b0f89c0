//! Work whose size the caller chooses, such as lists by a filter: charged in points beforehand, queued, a few at once, with a
//! time limit.

use std::collections::HashMap;
use std::num::NonZero;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::task::AbortHandle;

use super::desk::Desk;
pub use super::desk::Place;
use crate::boxed;
use domain::caller::Caller;
use domain::ids::{ClientId, Subject};
use domain::points::Spent;
use domain::refusal::Refusal;
use domain::threads::Nice;
use domain::turns::Line;
use domain::{Error, Result};

/// The length of the queue: ten requests with as many lists as one may have.
const QUEUE: usize = 128;
/// How long a caller waits in the queue. Each one ahead is done within `limits.list_timeout`.
const PATIENCE: Duration = Duration::from_secs(10);
/// Batches that are worked at at once: each holds its answer, [`domain::batch::ANSWER`] at most.
const BATCHES: usize = 8;
/// When an application may ask again for which there was no place.
const WITH_A_PLACE: Duration = Duration::from_secs(1);
/// Users remembered at once. Those beyond share the points of this many.
const USERS: usize = 100_000;
const SHARES: usize = 16;

/// The running and queued work, and the points that each user has spent.
///
/// Points are counted in this process, not in the database: what they guard, threads and connections, is this process's own, and
/// a read must not cost a write.
pub struct CallerSized {
    desk: Desk,
    /// Of those who mostly wait for providers, which takes none of the places above.
    batches: Desk,
    patience: Duration,
    spent: Mutex<Memory>,
    threads: Nice,
}

#[derive(Default)]
struct Memory {
    users: HashMap<String, Spent>,
    /// Of all whom there was no room to remember.
    others: Option<Spent>,
}

impl CallerSized {
    /// As much at once as the database has connections for.
    pub fn new(at_once: usize) -> Self {
        let cores = available_parallelism().map_or(1, NonZero::get);
        Self {
            // One of a user's at a time: so nobody alone, with however many lists, keeps all others waiting.
            desk: Desk::new(at_once, 1, QUEUE),
            batches: Desk::new(BATCHES, 1, QUEUE),
            patience: PATIENCE,
            spent: Mutex::default(),
            threads: Nice::for_tasks("caller-sized", cores),
        }
    }

    /// Does what takes as long as its caller likes on threads that give way to those that serve. It ends with whoever waits for
    /// it, as it would in their own hands.
    pub async fn aside<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Result<T> {
        let task = self.threads.handle().map_err(Error::internal)?.spawn(work);
        let _with_us = Ends(task.abort_handle());
        task.await.map_err(Error::internal)
    }

    /// Waits for a place to work at in somebody's name. [`Refusal::ListsBusy`] if too many wait, or it takes too long.
    #[boxed]
    pub async fn place(&self, user: &Subject) -> Result<Place> {
        let place = self.wait(&self.desk, user.as_str().to_owned()).await;
        place.ok_or_else(|| Error::refused(Refusal::ListsBusy))
    }

    /// As [`Self::place`], in an application's name; [`Error::TooManyAttempts`] if too many wait, or it takes too long.
    #[boxed]
    pub async fn place_of(&self, client: &ClientId) -> Result<Place> {
        self.wait(&self.desk, line(client)).await.ok_or(NO_PLACE)
    }

    /// As [`Self::place_of`], in a caller's name: the user's that it acts for, or else its own.
    #[boxed]
    pub async fn place_for(&self, caller: &Caller) -> Result<Place> {
        let name = caller.subject().map_or_else(|| line(&caller.client), |user| user.as_str().to_owned());
        self.wait(&self.desk, name).await.ok_or(NO_PLACE)
    }

    /// Waits for a place at which an application's batch is worked at, one of an application's at a time; else as
    /// [`Self::place_of`].
    #[boxed]
    pub async fn batch_of(&self, client: &ClientId) -> Result<Place> {
        self.wait(&self.batches, line(client)).await.ok_or(NO_PLACE)
    }

    async fn wait(&self, desk: &Desk, line: String) -> Option<Place> {
        let place = tokio::time::timeout(self.patience, desk.place(Line::Known(line))).await;
        place.ok().and_then(std::result::Result::ok)
    }

    /// Takes so many points from somebody who has `budget` of them in an hour; [`Refusal::RateLimitExceeded`] if they have not.
    pub(super) fn charge(&self, user: &Subject, points: usize, budget: usize, now: DateTime<Utc>) -> Result<()> {
        let mut memory = self.memory();
        let Memory { users, others } = &mut *memory;
        let is_known = users.len() < USERS || users.contains_key(user.as_str());
        let (spent, budget) = if is_known {
            (users.entry(user.as_str().to_owned()).or_insert_with(|| Spent::nothing(now)), budget)
        } else {
            (others.get_or_insert_with(|| Spent::nothing(now)), budget.saturating_mul(SHARES))
        };
        let refused = |retry_after| Error::refused(Refusal::RateLimitExceeded { retry_after });
        spent.charge(now, points, budget).map_err(refused)
    }

    /// Forgets what is over.
    pub fn tidy(&self, now: DateTime<Utc>) {
        self.memory().users.retain(|_, spent| !spent.is_over(now));
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const NO_PLACE: Error = Error::TooManyAttempts { retry_after: WITH_A_PLACE };

/// The line of an application: no user's, whose ids have no control characters.
fn line(client: &ClientId) -> String {
    format!("\0{client}")
}

/// What to tell an application of a read that took longer than any may: that it may try again.
pub(super) fn told(error: Error) -> Error {
    match error {
        Error::Refused(Refusal::ListTooSlow) => Error::StorageUnavailable("a read took longer than any may".into()),
        other => other,
    }
}

/// Ends a task with its owner.
struct Ends(AbortHandle);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> Subject {
        Subject::parse(name.to_owned()).unwrap()
    }

    fn is_refused(charged: &Result<()>) -> bool {
        matches!(charged, Err(Error::Refused(Refusal::RateLimitExceeded { .. })))
    }

    #[test]
    fn everybody_has_points_of_their_own_and_what_is_remembered_is_bounded() {
        let sized = CallerSized::new(2);
        let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let charge = |who: Subject, points| sized.charge(&who, points, 10, now);
        charge(user("greedy"), 10).unwrap();
        assert!(is_refused(&charge(user("greedy"), 1)));
        for n in 1..USERS {
            charge(user(&n.to_string()), 10).unwrap();
        }
        let late = (0..100).filter(|n| charge(user(&format!("late {n}")), 10).is_ok()).count();
        assert_eq!(late, SHARES, "they share");
        assert_eq!(sized.memory().users.len(), USERS);
        assert!(is_refused(&charge(user("greedy"), 1)), "who was there first is remembered");
        sized.tidy(now + chrono::TimeDelta::hours(1));
        assert!(sized.memory().users.is_empty());
        charge(user("greedy"), 10).unwrap();
    }

    #[tokio::test]
    async fn who_asks_for_many_refuses_themselves() {
        let sized = CallerSized::new(2);
        let greedy = user("greedy");
        let _runs = sized.place(&greedy).await.unwrap();
        let mut waits = Vec::new();
        for _ in 0..QUEUE {
            let mut place = Box::pin(sized.place(&greedy));
            assert!(futures_util::poll!(&mut place).is_pending());
            waits.push(place);
        }
        let refused = sized.place(&greedy).await.err();
        assert!(matches!(refused, Some(Error::Refused(Refusal::ListsBusy))), "{refused:?}");
        drop(sized.place(&user("jane")).await.unwrap());
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn what_is_done_aside_gives_way_and_ends_with_who_waits_for_it() {
        use rustix::process::getpriority_process;
        let own = getpriority_process(None).unwrap();
        let sized = CallerSized::new(1);
        let nice = sized.aside(async { getpriority_process(None).unwrap() }).await.unwrap();
        assert_eq!(nice, own.max(10));
        let (held, ended) = tokio::sync::oneshot::channel::<()>();
        let mut gone = Box::pin(sized.aside(async move {
            let _held = held;
            std::future::pending::<()>().await;
        }));
        assert!(futures_util::poll!(&mut gone).is_pending());
        drop(gone);
        assert!(ended.await.is_err(), "it is dropped, and all that it had");
    }

    #[tokio::test]
    async fn an_application_has_one_place_and_no_users() {
        let sized = CallerSized { patience: Duration::ZERO, ..CallerSized::new(2) };
        let client = ClientId::parse("jane").unwrap();
        let refused = |place: Result<Place>| matches!(place, Err(Error::TooManyAttempts { .. }));
        let _list = sized.place_of(&client).await.unwrap();
        assert!(refused(sized.place_of(&client).await));
        let _batch = sized.batch_of(&client).await.unwrap();
        assert!(refused(sized.batch_of(&client).await));
        let _other = sized.batch_of(&ClientId::parse("john").unwrap()).await.unwrap();
        drop(sized.place(&user("jane")).await.unwrap());
    }

    #[tokio::test]
    async fn nobody_waits_for_ever() {
        let sized = CallerSized { patience: Duration::ZERO, ..CallerSized::new(1) };
        let runs = sized.place(&user("jane")).await.unwrap();
        let refused = sized.place(&user("john")).await.err();
        assert!(matches!(refused, Some(Error::Refused(Refusal::ListsBusy))), "{refused:?}");
        drop(runs);
        drop(sized.place(&user("john")).await.unwrap());
    }
}
