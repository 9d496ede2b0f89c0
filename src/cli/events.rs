//! `fedlink events`: what waits to be told, what was given up, and telling it again.

use std::process::ExitCode;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use uuid::Uuid;

use super::output::{Output, Trouble};
use crate::app::App;
use domain::event::Actor;
use service::outbox::{Again, Listing, Next, Waiting, Which};

/// Events of one page.
const PAGE: u16 = 500;

#[derive(Subcommand)]
pub(super) enum Command {
    /// List events that wait, or were given up.
    List {
        /// Those that were given up.
        #[arg(long)]
        dead: bool,
        /// Of this webhook alone.
        #[arg(long)]
        endpoint: Option<String>,
    },
    /// Have events told again, marked as replayed.
    Replay(Replay),
}

#[derive(Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["id", "dead", "since"]))]
pub(super) struct Replay {
    /// One event, by its webhook-id.
    #[arg(long)]
    id: Option<Uuid>,
    /// What was given up for a webhook.
    #[arg(long, requires = "endpoint")]
    dead: bool,
    /// What the audit record has from this moment on (RFC 3339).
    #[arg(long)]
    since: Option<DateTime<Utc>>,
    /// Up to before this one; else up to now.
    #[arg(long, requires = "since")]
    until: Option<DateTime<Utc>>,
    /// To this webhook alone.
    #[arg(long)]
    endpoint: Option<String>,
}

pub(super) async fn run(command: &Command, app: App, output: &Output) -> Result<ExitCode, Trouble> {
    let done = match command {
        Command::List { dead, endpoint } => list(&app, Which { dead: *dead, endpoint: endpoint.clone() }, output).await,
        Command::Replay(asked) => replay(&app, asked, output).await,
    };
    done.map_err(|error| Trouble::from(&error))?;
    Ok(ExitCode::SUCCESS)
}

async fn list(app: &App, which: Which, output: &Output) -> domain::Result<()> {
    let mut listing = Listing { which, after: None, limit: PAGE };
    loop {
        let page = listing.read(&app.parts).await?;
        for letter in page.letters {
            tell(&letter, output);
        }
        if page.next.is_none() {
            return Ok(());
        }
        listing.after = page.next;
    }
}

fn tell(letter: &Waiting, output: &Output) {
    let told = &letter.told;
    let moment = |moment: &DateTime<Utc>| moment.to_rfc3339();
    let state = match (&letter.dead, &letter.due) {
        (Some(dead), _) => format!("given up {}: {}", moment(dead), letter.failure.as_deref().unwrap_or_default()),
        (None, Some(due)) if letter.attempts > 0 => {
            format!("failed {} times, next at {}", letter.attempts, moment(due))
        }
        (None, _) => "waits".to_owned(),
    };
    let members = [
        ("endpoint", json!(letter.endpoint)),
        ("id", json!(told.id)),
        ("attempts", json!(letter.attempts)),
        ("nextAttemptAt", letter.due.as_ref().map_or(Value::Null, |due| json!(moment(due)))),
        ("deadAt", letter.dead.as_ref().map_or(Value::Null, |dead| json!(moment(dead)))),
        ("failure", json!(letter.failure)),
    ];
    let mut value = told.json();
    if let Some(object) = value.as_object_mut() {
        object.extend(members.map(|(name, value)| (name.to_owned(), value)));
    }
    output.tell(format_args!("{} {} {} {} ({state})", letter.endpoint, told.id, moment(&told.at), told.event), &value);
}

async fn replay(app: &App, asked: &Replay, output: &Output) -> domain::Result<()> {
    let mut again = wanted(app, asked);
    let mut all = 0;
    loop {
        let replayed = again.carry_out(&app.parts, &Actor::default()).await?;
        all += replayed.count;
        again = match (replayed.next, again) {
            (Some(Next::Dead(after)), Again::Dead { endpoint, .. }) => Again::Dead { endpoint, after },
            (Some(Next::Record(at, id)), Again::Record { until, endpoint, .. }) => {
                Again::Record { after: (at, id), until, endpoint }
            }
            _ => break,
        };
    }
    output.tell(format_args!("{all} deliveries wait that did not before"), &json!({ "replayed": all }));
    Ok(())
}

fn wanted(app: &App, asked: &Replay) -> Again {
    let endpoint = asked.endpoint.clone();
    match (asked.id, asked.since) {
        (Some(id), _) => Again::Event { id, endpoint },
        (None, Some(since)) => Again::Record {
            after: (since, Uuid::nil()),
            until: asked.until.unwrap_or_else(|| app.parts.clock.now()),
            endpoint,
        },
        // The command line asks for it wherever the others are not.
        (None, None) => Again::Dead { endpoint: endpoint.unwrap_or_default(), after: 0 },
    }
}
