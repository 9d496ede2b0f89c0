//! What a command begins with: the settings, the application.

use std::path::Path;

use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};

use super::output::Trouble;
use crate::app::App;
use domain::clock::SystemClock;
use domain::entropy::SystemEntropy;
use settings::{Configuration, process_env};

/// The settings file, read whole.
pub(super) fn load(config: &Path) -> Result<Configuration, Trouble> {
    Configuration::load(config, &process_env)
        .map_err(|errors| Trouble::say(format!("the settings are wrong:\n{errors}")))
}

/// The application with the machine's own clock and randomness.
pub(super) async fn open(config: &Path) -> Result<App, Trouble> {
    build(load(config)?).await
}

pub(super) async fn build(configuration: Configuration) -> Result<App, Trouble> {
    let opening = App::build(configuration, SystemClock::shared(), SystemEntropy::shared(), Handle::current());
    Box::pin(opening).await.map_err(|error| Trouble::from(&error))
}

/// Waits for SIGTERM or Ctrl-C.
pub(super) async fn told_to_stop() -> Result<(), Trouble> {
    let trouble = |error| Trouble::say(format!("can't listen to signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(trouble)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(trouble)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
