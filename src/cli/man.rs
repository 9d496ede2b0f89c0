//! `fedlink man`: the manual, as pages that `man` shows.

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use super::output::{Output, Trouble};

/// Writes a page for the program and for each of its commands.
pub(super) fn run(program: clap::Command, folder: &Path, output: &Output) -> Result<ExitCode, Trouble> {
    clap_mangen::generate_to(program, folder)
        .map_err(|error| Trouble::say(format!("can't write to {}: {error}", folder.display())))?;
    output.tell(format_args!("wrote {}", folder.join("fedlink.1").display()), &json!({"folder": folder}));
    Ok(ExitCode::SUCCESS)
}
