//! What the services work with.

use std::future::Future;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::caller_sized::CallerSized;
use super::callers::{TokensSeen, WrongSecrets};
use super::counts::Counts;
use super::keys::Presence;
use super::meters::Meters;
use super::outbox::Outbox;
use super::passwords::Passwords;
use super::quotas::Quotas;
use super::refresh::Flights;
use super::uses::Uses;
use domain::clock::SharedClock;
use domain::entropy::SharedEntropy;
use domain::ids::Subject;
use domain::{Error, Result};
use settings::{Settings, Subjects};
use store::Store;
use upstream::Upstream;
use vault::Vault;

/// Everything a service works with. A request, a flight and a round of background work take it once (`Current`) and keep it to
/// their end, so settings that change meanwhile do not split them.
#[derive(Clone)]
pub struct Parts {
    /// What the operator decided.
    pub settings: Arc<Settings>,
    /// How often that was decided anew: what was judged by other settings is judged again.
    pub decided: u64,
    /// The providers, as they were decided.
    pub upstream: Arc<Upstream>,
    /// The database.
    pub store: Arc<Store>,
    /// The door to plaintext tokens.
    pub vault: Arc<Vault>,
    /// The time.
    pub clock: SharedClock,
    /// Randomness.
    pub entropy: SharedEntropy,
    /// Refreshes in flight.
    pub flights: Arc<Flights>,
    /// Our own tokens, as far as they were checked lately.
    pub tokens_seen: Arc<TokensSeen>,
    /// Guesses at the secrets of applications.
    pub wrong_secrets: Arc<WrongSecrets>,
    /// How many tokens applications fetch.
    pub quotas: Arc<Quotas>,
    /// How many passwords are looked at at once.
    pub passwords: Arc<Passwords>,
    /// Whose turn it is to list, and what everybody has spent on it.
    pub caller_sized: Arc<CallerSized>,
    /// Uses of links that wait to be written.
    pub uses: Arc<Uses>,
    /// Who is told of events by this process.
    pub outbox: Arc<Outbox>,
    /// What is counted and waits to be added to the record.
    pub counts: Arc<Counts>,
    /// What is measured.
    pub meters: Arc<Meters>,
    /// This process among those that serve.
    pub presence: Arc<Presence>,
    /// The main runtime: units of writing and calls to providers run here, so that a caller who hangs up cancels none.
    pub runtime: Handle,
}

impl Parts {
    /// The same with other settings, and providers as they have them. Nobody works with it before `Current::replace`.
    pub fn with(&self, settings: Settings) -> Result<Self> {
        let upstream = self.upstream.after(&settings, &self.clock, &self.entropy)?;
        let (settings, upstream, decided) = (Arc::new(settings), Arc::new(upstream), self.decided.wrapping_add(1));
        Ok(Self { settings, decided, upstream, ..self.clone() })
    }

    /// Runs `work` to its end whatever becomes of the caller.
    pub(super) async fn detached<T, F>(self: &Arc<Self>, work: impl FnOnce(Arc<Self>) -> F) -> Result<T>
    where
        F: Future<Output = Result<T>> + Send + 'static,
        T: Send + 'static,
    {
        let (done, outcome) = oneshot::channel();
        let work = work(Arc::clone(self));
        // In a box: what a task is made of is compiled once, and not once for each kind of work.
        let task: BoxFuture<'static, ()> = Box::pin(async move { drop(done.send(work.await)) });
        self.runtime.spawn(task).await.map_err(Error::internal)?;
        outcome.await.map_err(Error::internal)?
    }

    /// Where no account vouches for an id, a look-alike of a hyphen is refused rather than given links of its own.
    #[inline]
    pub(super) fn check_subject(&self, subject: &Subject) -> Result<()> {
        if self.settings.subjects != Subjects::Any {
            return Ok(());
        }
        let Some(c) = subject.false_hyphen() else { return Ok(()) };
        Err(Error::input("subjectId", format!("has U+{:04X}; only the hyphen U+002D is allowed", u32::from(c))))
    }
}
