//! `fedlink account`: make, show and delete the accounts whose links are kept.

use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};
use serde_json::json;

use super::output::{Output, Trouble};
use crate::app::App;
use crate::domain::account::AccountType;
use crate::domain::ids::Subject;
use crate::service::accounts;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Make an account; prints its id, which is the subject that callers name.
    Create {
        /// The id; a random one if none is given.
        #[arg(long)]
        id: Option<String>,
        /// What kind of user it is.
        #[arg(long = "type", value_enum, default_value = "resident")]
        kind: Kind,
        /// The user's name.
        #[arg(long)]
        name: Option<String>,
    },
    /// Show an account.
    Show {
        /// Its id.
        id: String,
    },
    /// Delete an account with all its links.
    Delete {
        /// Its id.
        id: String,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Kind {
    Staff,
    Resident,
    Service,
}

impl From<Kind> for AccountType {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Staff => Self::Staff,
            Kind::Resident => Self::Resident,
            Kind::Service => Self::Service,
        }
    }
}

pub(super) async fn run(command: &Command, app: App, output: &Output) -> Result<ExitCode, Trouble> {
    let parts = &app.parts;
    let trouble = |error| Trouble::from(&error);
    match command {
        Command::Create { id, kind, name } => {
            let id = id.clone().unwrap_or_else(|| parts.entropy.uuid().to_string());
            let subject = Subject::parse(id.clone()).map_err(trouble)?;
            accounts::create(parts, subject, (*kind).into(), name.clone()).await.map_err(trouble)?;
            output.tell(&id, &json!({"id": id}));
        }
        Command::Show { id } => {
            let account =
                accounts::show(parts, &Subject::parse(id.clone()).map_err(trouble)?).await.map_err(trouble)?;
            let name = account.name.as_deref().unwrap_or("(no name)");
            let words = format!("{} {} {name}, since {}", account.account_type, account.subject, account.created);
            output.tell(words, &json!(account));
        }
        Command::Delete { id } => {
            accounts::remove(parts, Subject::parse(id.clone()).map_err(trouble)?).await.map_err(trouble)?;
            output.tell(format_args!("deleted {id}"), &json!({"deleted": id}));
        }
    }
    Ok(ExitCode::SUCCESS)
}
