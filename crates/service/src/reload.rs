//! Other settings, and another keyring, while it is served: taken whole, or not at all.

use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use super::{Current, Parts, keys, ownership, warnings};
use domain::{Error, Result};
use settings::{Configuration, KeyringSource, Settings, SettingsErrors, Start};

/// Reads the settings as they are now.
type Read = dyn Fn() -> std::result::Result<Configuration, SettingsErrors> + Send + Sync;

/// What a process goes by, and how it is read anew.
pub struct Reload {
    current: Current,
    begun: Start,
    read: Arc<Read>,
    /// One after the other: who is told that it was taken finds it in force.
    turn: Mutex<()>,
}

/// Settings that are in force.
#[derive(Debug)]
pub struct Reloaded {
    /// Keys of the settings that say something else than the process was started with: they count from its next start on.
    pub at_next_start: Vec<&'static str>,
    /// Whether the keyring was read as well; one in the environment changes at a start alone.
    pub keyring: bool,
}

/// Why everything is as it was: all that is wrong, a line each.
#[derive(Debug)]
pub struct Refused {
    /// Key by key, in words that say what would be right.
    pub mistakes: Vec<String>,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        // Who reloads is the operator, for whom causes are.
        let words = match std::error::Error::source(&error) {
            Some(cause) => cause.to_string(),
            None => error.to_string(),
        };
        Self { mistakes: words.lines().map(str::to_owned).collect() }
    }
}

impl Reload {
    /// For a process that was started with `begun`; `read` gives its settings as they are when it is called.
    pub fn new(
        current: Current,
        begun: Start,
        read: impl Fn() -> std::result::Result<Configuration, SettingsErrors> + Send + Sync + 'static,
    ) -> Self {
        Self { current, begun, read: Arc::new(read), turn: Mutex::default() }
    }

    /// Goes by the settings and the keyring as they are now, from the next request on. What is under way ends by those that it began
    /// with. It comes to its end whether anybody waits for it or not: half of it must not be.
    pub async fn run(self: &Arc<Self>) -> std::result::Result<Reloaded, Refused> {
        let this = Arc::clone(self);
        let running = self.current.take().runtime.spawn(async move { this.told().await });
        running.await.unwrap_or_else(|error| Err(Error::internal(error).into()))
    }

    async fn told(&self) -> std::result::Result<Reloaded, Refused> {
        let _turn = self.turn.lock().await;
        let outcome = self.take().await;
        match &outcome {
            Ok(Reloaded { at_next_start, keyring }) => {
                let what = if *keyring {
                    "the keyring and the settings"
                } else {
                    "the settings, not the keyring, which is in the environment"
                };
                tracing::info!("reloaded {what}");
                if !at_next_start.is_empty() {
                    tracing::warn!(keys = at_next_start.join(", "), "some settings count from the next start on");
                }
            }
            Err(Refused { mistakes }) => {
                let why = mistakes.join("; ");
                tracing::error!(why, "nothing was reloaded: settings and keyring stay what they were");
            }
        }
        outcome
    }

    async fn take(&self) -> std::result::Result<Reloaded, Refused> {
        let parts = self.current.take();
        let read = Arc::clone(&self.read);
        let read = spawn_blocking(move || read()).await.map_err(Error::internal)?;
        // All that is wrong is told at once.
        let mut mistakes = Vec::new();
        if let Err(unfit) = keys::look(&parts).await {
            mistakes.extend(Refused::from(unfit).mistakes);
        }
        let read = read.map_err(|errors| mistakes.extend(errors.iter().map(ToString::to_string)));
        let Ok(Configuration { start, settings }) = read else { return Err(Refused { mistakes }) };
        mistakes.extend(parts.settings.fixed_until_restart(&settings));
        if !mistakes.is_empty() {
            return Err(Refused { mistakes });
        }
        let next = next(&parts, settings).await?;
        ownership::reconcile(&next.store, &next.settings).await?;
        let keyring = matches!(next.presence.keyring, KeyringSource::File(_));
        if keyring {
            keys::reload(&next).await?;
        }
        warnings::tell(&next.settings);
        self.current.replace(&next);
        Ok(Reloaded { at_next_start: self.begun.otherwise_in(&start), keyring })
    }
}

/// Reads the certificates and keys that settings name.
async fn next(parts: &Arc<Parts>, settings: Settings) -> Result<Parts> {
    let parts = Arc::clone(parts);
    spawn_blocking(move || parts.with(settings)).await.map_err(Error::internal)?
}
