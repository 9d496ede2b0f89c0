//! `fedlink account`: keep the accounts that have links here and sign in here.

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::output::{Output, Trouble, line};
use super::password;
use crate::app::App;
use domain::Result as Outcome;
use domain::account::{AccountType, Email, Phone};
use domain::ids::Subject;
use service::accounts::{self, Account, Claimed, New, Standing};
use service::{Parts, erasure, export};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Make an account; prints its id, which is the subject that callers name.
    Create(Create),
    /// Show an account.
    Show {
        /// Its id.
        id: String,
    },
    /// Give an account another password, asked for twice; its sessions and the tokens issued for it end.
    SetPassword {
        /// Its id.
        id: String,
        /// Read the password from standard input.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Let nobody sign in as an account; its sessions and the tokens issued for it end, its links stay.
    Disable {
        /// Its id.
        id: String,
    },
    /// Let a disabled account sign in again.
    Enable {
        /// Its id.
        id: String,
    },
    /// Write all that is kept of a person, for themselves, as one JSON document.
    Export {
        /// Their id; they need have no account.
        id: String,
    },
    /// Delete an account with all its links.
    Delete {
        /// Its id.
        id: String,
        /// What tells the person apart goes out of the audit record as well; who has links and no account, or none any more, can be
        /// erased too. Cut off, it can be run again.
        #[arg(long)]
        erase: bool,
    },
}

#[derive(Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command")]
pub(super) struct Create {
    /// The id; a random one if none is given.
    #[arg(long)]
    id: Option<String>,
    /// What kind of user it is.
    #[arg(long = "type", value_enum, default_value = "resident")]
    kind: Kind,
    /// The user's name.
    #[arg(long)]
    name: Option<String>,
    /// The user's e-mail address.
    #[arg(long)]
    email: Option<String>,
    /// The e-mail address is known to be the user's own, and so signs them in.
    #[arg(long, requires = "email")]
    email_verified: bool,
    /// The user's phone number, country code first.
    #[arg(long)]
    phone: Option<String>,
    /// The phone number is known to be the user's own, and so signs them in.
    #[arg(long, requires = "phone")]
    phone_verified: bool,
    /// The issuer whose tokens are to stand for the user: one of those in the settings, whose prefix the id begins with.
    #[arg(long, conflicts_with = "password_stdin")]
    issuer: Option<String>,
    /// The user sees and changes everything in the Condo dialect.
    #[arg(long)]
    admin: bool,
    /// The user sees everything in the Condo dialect.
    #[arg(long)]
    support: bool,
    /// A password alone doesn't sign the user in there: their phone is asked for as well.
    #[arg(long, requires = "phone_verified")]
    two_factor: bool,
    /// Read a password from standard input; without one nobody signs in here.
    #[arg(long)]
    password_stdin: bool,
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
    let subject = |id: &String| Subject::parse(id.clone()).map_err(trouble);
    match command {
        Command::Create(create) => {
            let id = create.id.clone().unwrap_or_else(|| parts.entropy.uuid().to_string());
            let mut new = create.account(subject(&id)?).map_err(trouble)?;
            if create.password_stdin {
                new.password = Some(password::from_stdin()?);
            }
            accounts::create(parts, new).await.map_err(trouble)?;
            output.tell(&id, &json!({"id": id}));
        }
        Command::Show { id } => {
            let account = accounts::show(parts, &subject(id)?).await.map_err(trouble)?;
            output.tell(words(&account), &json!(account));
        }
        Command::SetPassword { id, password_stdin } => {
            // First, so that nobody types a password twice to hear that there is no such account.
            accounts::show(parts, &subject(id)?).await.map_err(trouble)?;
            let password = if *password_stdin { password::from_stdin()? } else { password::from_terminal()? };
            accounts::set_password(parts, subject(id)?, password).await.map_err(trouble)?;
            output.tell(format_args!("{id} has a new password"), &json!({"passwordSet": id}));
        }
        Command::Disable { id } => {
            accounts::disable(parts, subject(id)?).await.map_err(trouble)?;
            output.tell(format_args!("disabled {id}"), &json!({"disabled": id}));
        }
        Command::Enable { id } => {
            accounts::enable(parts, subject(id)?).await.map_err(trouble)?;
            output.tell(format_args!("enabled {id}"), &json!({"enabled": id}));
        }
        Command::Export { id } => Box::pin(export(parts, &subject(id)?)).await.map_err(trouble)?,
        Command::Delete { id, erase: true } => {
            let erased = Box::pin(erasure::erase(parts, &subject(id)?)).await.map_err(trouble)?;
            let lines = erased.lines;
            output.tell(format_args!("erased {id}: rewrote {lines} lines"), &json!({"erased": id, "lines": lines}));
        }
        Command::Delete { id, erase: false } => {
            accounts::remove(parts, subject(id)?).await.map_err(trouble)?;
            output.tell(format_args!("deleted {id}"), &json!({"deleted": id}));
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl Create {
    fn account(&self, subject: Subject) -> Outcome<New> {
        let email = self.email.as_deref().map(Email::parse).transpose()?;
        let phone = self.phone.as_deref().map(Phone::parse).transpose()?;
        Ok(New {
            name: self.name.clone(),
            issuer: self.issuer.clone(),
            email: email.map(|address| Claimed { address, verified: self.email_verified }),
            phone: phone.map(|address| Claimed { address, verified: self.phone_verified }),
            standing: Standing { is_admin: self.admin, is_support: self.support, two_factor: self.two_factor },
            ..New::bare(subject, self.kind.into())
        })
    }
}

/// Writes the document as it is read: a record may be long.
async fn export(parts: &Parts, subject: &Subject) -> Outcome<()> {
    let kept = export::kept(parts, subject).await?;
    line("{");
    for (name, value) in kept {
        line(format_args!("\"{name}\": {value:#},"));
    }
    line("\"record\": [");
    let (mut after, mut separator) = (None, "");
    loop {
        let (page, next) = export::recorded(parts, subject, after).await?;
        for recorded in page {
            line(format_args!("{separator}{recorded}"));
            separator = ", ";
        }
        after = next;
        if after.is_none() {
            break;
        }
    }
    line("]\n}");
    Ok(())
}

/// An account on a line.
fn words(account: &Account) -> String {
    let name = account.name.as_deref().unwrap_or("(no name)");
    let address = |address: &Option<String>, verified: bool| {
        let state = if verified { "" } else { " (not verified)" };
        address.as_ref().map(|address| format!("{address}{state}"))
    };
    let words = [
        Some(format!("{} {} {name}", account.account_type, account.subject)),
        account.issuer.as_ref().map(|issuer| format!("a user of {issuer}")),
        address(&account.email, account.email_verified),
        address(&account.phone, account.phone_verified),
        Some(if account.has_password { "with a password" } else { "no password" }.to_owned()),
        account.admin.then(|| "administrator".to_owned()),
        account.support.then(|| "support".to_owned()),
        account.two_factor.then(|| "two factors".to_owned()),
        Some(format!("since {}", account.created)),
        account.disabled.map(|disabled| format!("disabled {disabled}")),
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
