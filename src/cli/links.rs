//! `fedlink links`: what an operator may do about links.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;

use super::output::{Output, Trouble};
use crate::app::App;
use domain::ids::{ProviderId, Sid, Subject};
use service::refresh::{Which, retry};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Give links marked dead another try: those whose refresh token the provider refused, or whose last answer was lost.
    Retry {
        /// The provider, as type:name.
        #[arg(long)]
        provider: String,
        /// Only links of this subject.
        #[arg(long)]
        subject: Option<String>,
        /// Only links to this account at the provider.
        #[arg(long)]
        sid: Option<String>,
    },
}

pub(super) async fn run(command: &Command, app: App, output: &Output) -> Result<ExitCode, Trouble> {
    let Command::Retry { provider, subject, sid } = command;
    let asked = read(provider, subject.clone(), sid.clone()).map_err(|error| Trouble::from(&error))?;
    let revived = retry(&app.parts, &asked).await.map_err(|error| Trouble::from(&error))?;
    output.tell(
        format_args!("{revived} dead links get another try, each when it is next asked for"),
        &json!({ "retried": revived }),
    );
    Ok(ExitCode::SUCCESS)
}

fn read(provider: &str, subject: Option<String>, sid: Option<String>) -> domain::Result<Which> {
    Ok(Which {
        provider: ProviderId::parse_pair(provider)?,
        subject: subject.map(Subject::parse).transpose()?,
        sid: sid.map(Sid::parse).transpose()?,
    })
}
