//! `fedlink keys`: makes the keyring that several instances share.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;

use super::output::{Output, Trouble};
use crate::entropy::SystemEntropy;
use crate::service::keys;
use crate::settings::{KeyringSource, Settings};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Make the keyring that the settings name, with one random active key. An existing one is left alone.
    Add,
}

pub(super) fn run(command: &Command, settings: &Settings, output: &Output) -> Result<ExitCode, Trouble> {
    let Command::Add = command;
    let KeyringSource::File(path) = &settings.keyring else {
        return Err(Trouble::say("the settings take the keyring from the environment; name a file to make one"));
    };
    keys::create(path, &SystemEntropy::shared()).map_err(|error| Trouble::from(&error))?;
    let words = format!("made {}; copy it to every instance, and keep a copy away from the database", path.display());
    output.tell(words, &json!({"keyring": path}));
    Ok(ExitCode::SUCCESS)
}
