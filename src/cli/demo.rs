//! `fedlink demo`: the main job on this machine, with nothing but the binary.

use std::process::ExitCode;

use clap::Args;

use super::output::{Output, Trouble};

#[derive(Args)]
pub(super) struct Arguments {
    /// Walk it all without a person, and exit 0 if it works.
    #[arg(long)]
    check: bool,
}

pub(super) async fn run(arguments: &Arguments, output: &Output) -> Result<ExitCode, Trouble> {
    let _ = (arguments.check, output);
    Err(Trouble::say("not built"))
}
