//! `fedlink keys`: the keyring that several instances share, and the way from one key to the next.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;
use tokio::runtime::Handle;

use super::output::{Output, Trouble};
use super::progress::Show;
use domain::Error;
use domain::clock::SystemClock;
use domain::entropy::SystemEntropy;
use service::keys::{Keeper, KeyState, Listed, Lost};
use settings::{Configuration, KeyringSource};
use store::Store;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Show every key: its state, the rows it wraps, the instances that hold it.
    List,
    /// Add a random key that only opens. The first of all makes the keyring, and is active.
    Add,
    /// Seal with a key from now on, once every serving instance has it.
    Activate {
        /// The key's id.
        id: String,
    },
    /// Wrap all rows by the active key, while instances serve. Interrupted, it takes up the rest when run again.
    Rewrap,
    /// Forget a key that no row names any more.
    Drop {
        /// The key's id.
        id: String,
    },
    /// Go on without a key that is lost: links stay, and lose the tokens that only it opens.
    GiveUp {
        /// The key's id.
        id: String,
        /// Delete what only it opens, instead of telling how much that is.
        #[arg(long)]
        delete: bool,
    },
}

pub(super) async fn run(command: &Command, configuration: Configuration, output: &Output) -> Result<ExitCode, Trouble> {
    let tell = |error: Error| Trouble::from(&error);
    if let Command::Add = command {
        return add(&configuration.start.keyring, output).map_err(tell);
    }
    let keeper = open(configuration).await.map_err(tell)?;
    let done = match command {
        Command::List => list(&keeper, output).await,
        Command::Add => Ok(ExitCode::SUCCESS),
        Command::Activate { id } => activate(&keeper, id, output).await,
        Command::Rewrap => rewrap(&keeper, output).await,
        Command::Drop { id } => drop_key(&keeper, id, output).await,
        Command::GiveUp { id, delete: false } => weigh(&keeper, id, output).await,
        Command::GiveUp { id, delete: true } => give_up(&keeper, id, output).await,
    };
    done.map_err(tell)
}

async fn open(Configuration { start, settings }: Configuration) -> Result<Keeper, Error> {
    let store = Store::new(&start.database_url, settings.ca_file.as_deref(), Handle::current())?;
    store.migrate().await?;
    let (clock, entropy) = (SystemClock::shared(), SystemEntropy::shared());
    Ok(Keeper { store, source: start.keyring, clock, entropy, webhooks: settings.webhooks, audit: settings.audit })
}

fn add(keyring: &KeyringSource, output: &Output) -> Result<ExitCode, Error> {
    let (id, state) = Keeper::add(keyring, &SystemEntropy::shared())?;
    let place = match keyring {
        KeyringSource::File(path) => path.display().to_string(),
        KeyringSource::Text(_) => String::new(),
    };
    let words = match state {
        KeyState::Active => {
            format!("made {place} with key {id}; copy it to every instance, and keep a copy away from the database")
        }
        _ => format!(
            "added key {id} to {place}; copy it to every instance, send each SIGHUP, then `fedlink keys activate {id}`"
        ),
    };
    output.tell(words, &json!({"id": id, "state": state.as_str(), "keyring": place}));
    Ok(ExitCode::SUCCESS)
}

async fn list(keeper: &Keeper, output: &Output) -> Result<ExitCode, Error> {
    for Listed { id, state, rows, held_by } in keeper.list().await? {
        let state = state.as_str();
        let counts: Vec<_> = rows.iter().map(|(table, count)| format!("{table} {count}")).collect();
        let holders: Vec<_> =
            held_by.iter().map(|(name, seals)| if *seals { format!("{name} (seals)") } else { name.clone() }).collect();
        let holders = if holders.is_empty() { "nobody who serves".to_owned() } else { holders.join(", ") };
        let instances: Vec<_> = held_by.iter().map(|(name, seals)| json!({"name": name, "seals": seals})).collect();
        let rows: serde_json::Map<_, _> =
            rows.iter().map(|(table, count)| ((*table).to_owned(), json!(count))).collect();
        output.tell(
            format_args!("{id} {state:<9} rows: {}; held by {holders}", counts.join(", ")),
            &json!({"id": id, "state": state, "rows": rows, "instances": instances}),
        );
    }
    Ok(ExitCode::SUCCESS)
}

async fn activate(keeper: &Keeper, id: &str, output: &Output) -> Result<ExitCode, Error> {
    keeper.activate(id).await?;
    let words = format!(
        "key {id} is active; copy the keyring to every instance and send each SIGHUP, then `fedlink keys rewrap`"
    );
    output.tell(words, &json!({"id": id, "state": "active"}));
    Ok(ExitCode::SUCCESS)
}

async fn rewrap(keeper: &Keeper, output: &Output) -> Result<ExitCode, Error> {
    let mut show = Show::new(output, "rows");
    let (ended, sealing) = keeper.rewrap(|progress| show.step(progress.done, Some(progress.total))).await?;
    show.finish();
    let (moved, left, stuck) = (ended.moved, ended.left, ended.stuck.len());
    let mut words = format!("rewrapped {moved} rows, {left} are left");
    if stuck > 0 {
        words = format!("{words}; {stuck} do not open, the log names them: link those accounts again or unlink them");
    }
    if let Some(names) = &sealing {
        words = format!("{words}; still sealing with another key: {names}: send SIGHUP and run this again");
    }
    output.tell(words, &json!({"rewrapped": moved, "left": left, "stuck": stuck, "sealing_otherwise": sealing}));
    Ok(if left == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn drop_key(keeper: &Keeper, id: &str, output: &Output) -> Result<ExitCode, Error> {
    keeper.drop_key(id).await?;
    let place = match &keeper.source {
        KeyringSource::File(_) => "copy the keyring to every instance and send each SIGHUP",
        KeyringSource::Text(_) => "take it out of the environment",
    };
    let words = format!(
        "key {id} is dropped; {place}. Backups of the database made before the rewrap still need it: keep a copy for as long as you keep those"
    );
    output.tell(words, &json!({"id": id, "state": "dropped"}));
    Ok(ExitCode::SUCCESS)
}

async fn weigh(keeper: &Keeper, id: &str, output: &Output) -> Result<ExitCode, Error> {
    let lost = keeper.weigh(id).await?;
    let words = format!(
        "nobody can open what is sealed with key {id} ({}). Put it back into the keyring if there is a copy; `fedlink keys give-up {id} --delete` deletes that, and people link their accounts again",
        counted(&lost)
    );
    output.tell(words, &json!({"id": id, "state": "missing", "rows": rows(&lost)}));
    Ok(ExitCode::FAILURE)
}

async fn give_up(keeper: &Keeper, id: &str, output: &Output) -> Result<ExitCode, Error> {
    let mut show = Show::new(output, "rows");
    let lost = keeper.give_up(id, |progress| show.step(progress.done, Some(progress.total))).await?;
    show.finish();
    let words = format!(
        "key {id} is given up, and with it what it sealed ({}); links stay, and need their users",
        counted(&lost)
    );
    output.tell(words, &json!({"id": id, "state": "dropped", "rows": rows(&lost)}));
    Ok(ExitCode::SUCCESS)
}

fn counted(lost: &Lost) -> String {
    lost.iter().map(|(table, rows)| format!("{table} {rows}")).collect::<Vec<_>>().join(", ")
}

fn rows(lost: &Lost) -> serde_json::Map<String, serde_json::Value> {
    lost.iter().map(|(table, rows)| ((*table).to_owned(), json!(rows))).collect()
}
