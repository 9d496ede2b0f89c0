//! `fedlink copy`: a SQLite database, whole, into an empty one of Postgres.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use tokio::runtime::Handle;

use super::output::{Output, Trouble};
use super::progress::Show;
use domain::clock::SystemClock;
use service::moving;
use settings::Configuration;
use store::Store;

#[derive(Args)]
pub(super) struct Arguments {
    /// The SQLite database's file, which stays as it is.
    file: PathBuf,
}

pub(super) async fn run(
    arguments: &Arguments,
    Configuration { start, settings }: &Configuration,
    output: &Output,
) -> Result<ExitCode, Trouble> {
    let tell = |error: domain::Error| Trouble::from(&error);
    let to = Store::new(&start.database_url, settings.ca_file.as_deref(), Handle::current()).map_err(tell)?;
    let mut show = Show::new(output, "rows");
    let step = |done, total| show.step(done, Some(total));
    let copied = moving::copy(&arguments.file, &to, &start.keyring, &SystemClock::shared(), step).await;
    show.finish();
    let rows = copied.map_err(tell)?;
    output.tell(format_args!("copied {rows} rows"), &json!({"rows": rows}));
    Ok(ExitCode::SUCCESS)
}
