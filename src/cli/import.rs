//! `fedlink import`: takes in links and tokens, one JSON object a line; a bad line is named, the good ones go in.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::output::{Output, Trouble, aside};
use crate::app::App;
use crate::service::import::{Line, Newer, Taken, UnknownSubject, take_in};
use crate::service::{Current, keys};
use domain::Error;

#[derive(Args)]
pub(super) struct Arguments {
    /// The file; `-` for standard input.
    file: PathBuf,
    /// Make a bare account for a subject that has none.
    #[arg(long)]
    register: bool,
    /// Replace tokens that fedlink has got itself since they were first imported, too.
    #[arg(long)]
    overwrite: bool,
}

pub(super) async fn run(arguments: &Arguments, app: App, output: &Output) -> Result<ExitCode, Trouble> {
    // It may take hours, and seals all the while: no key may be activated that it lacks, and none dropped that it uses.
    keys::join(&app.parts).await.map_err(|error| Trouble::from(&error))?;
    let reporting = tokio::spawn(keys::report(Current::new(app.parts.clone())));
    let ended = take_all(arguments, &app, output).await;
    reporting.abort();
    keys::leave(&app.parts).await.map_err(|error| Trouble::from(&error))?;
    ended
}

async fn take_all(arguments: &Arguments, app: &App, output: &Output) -> Result<ExitCode, Trouble> {
    let unknown = if arguments.register { UnknownSubject::Register } else { UnknownSubject::Refuse };
    let newer = if arguments.overwrite { Newer::Replace } else { Newer::Keep };
    let (mut good, mut kept, mut bad) = (0_u64, 0_u64, 0_u64);
    for (number, line) in (1_u64..).zip(open(arguments)?.lines()) {
        let line = line.map_err(|error| Trouble::say(format!("line {number} can't be read: {error}")))?;
        if line.trim().is_empty() {
            continue;
        }
        let taken = match Line::parse(&line) {
            Ok(line) => take_in(&app.parts, line, unknown, newer).await,
            Err(error) => Err(error),
        };
        match taken {
            Ok(taken) => {
                good += 1;
                kept += u64::from(taken == Taken::WithoutTokens);
            }
            // The database is away: every further line would fail the same way.
            Err(error @ (Error::StorageUnavailable(_) | Error::Internal(_))) => {
                let words = Trouble::from(&error);
                aside(format_args!("stopped at line {number}; the {good} before it are in"));
                return Err(words);
            }
            Err(error) => {
                bad += 1;
                aside(format_args!("line {number}: {error}"));
            }
        }
    }
    if kept > 0 {
        aside(format_args!("{kept} links have newer tokens than the file, which stay; --overwrite replaces them"));
    }
    let told = json!({"taken_in": good, "refused": bad, "newer_kept": kept});
    output.tell(format_args!("{good} taken in, {bad} refused"), &told);
    Ok(if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn open(arguments: &Arguments) -> Result<Box<dyn BufRead>, Trouble> {
    if arguments.file.as_os_str() == "-" {
        return Ok(Box::new(BufReader::new(std::io::stdin())));
    }
    let file = std::fs::File::open(&arguments.file)
        .map_err(|error| Trouble::say(format!("can't read {}: {error}", arguments.file.display())))?;
    Ok(Box::new(BufReader::new(file)))
}
