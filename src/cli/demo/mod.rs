//! `fedlink demo`: the main job on this machine, with nothing but the binary: a provider, an app, two users.

mod script;
mod stage;
mod walk;

use std::process::ExitCode;

use clap::Args;
use url::Url;

use super::opened::told_to_stop;
use super::output::{Output, Trouble, line};
use stage::Stage;

#[derive(Args)]
pub(super) struct Arguments {
    /// Walk it all without a person, moving its own clock, and exit 0 if it works.
    #[arg(long)]
    check: bool,
    /// Only the provider, for a fedlink that is set up by hand: where that one is, base path included.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "check")]
    provider_for: Option<Url>,
}

pub(super) async fn run(arguments: &Arguments, output: &Output) -> Result<ExitCode, Trouble> {
    if let Some(fedlink) = &arguments.provider_for {
        let provider = stage::provider(fedlink)?;
        line(script::provider_script(&provider, fedlink));
        told_to_stop().await?;
        provider.stop();
        return Ok(ExitCode::SUCCESS);
    }
    let stage = Stage::set(arguments.check).await?;
    if arguments.check {
        walk::walk(&stage, output).await?;
    } else {
        line(script::script(&stage));
        tokio::select! {
            stopped = told_to_stop() => stopped?,
            () = show_messages(&stage) => {}
        }
    }
    stage.strike().await;
    Ok(ExitCode::SUCCESS)
}

/// Shows each short message that somebody would have got.
async fn show_messages(stage: &Stage) {
    let mut messages = stage.messages.lock().await;
    while let Some(message) = messages.recv().await {
        line(format_args!("SMS to {}: {}", message.to.as_str(), message.text));
    }
}
