//! The command line: one file per command, human words on a terminal, JSON for machines.

mod account;
mod audit;
mod check;
mod client;
mod copy;
mod demo;
mod events;
mod export;
mod import;
mod keys;
mod lined;
mod links;
mod man;
mod manager;
mod migrate;
mod opened;
mod output;
mod password;
mod progress;
mod providers;
mod reload;
mod schema;
mod serve;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::telemetry;
use opened::{load, open};
use output::{Output, Trouble};
use settings::process_env;

/// Keeps users' links to external identity providers and hands out valid access tokens for them.
#[derive(Parser)]
#[command(name = "fedlink", version, arg_required_else_help = true)]
struct Cli {
    /// The settings file. Unless it is named: fedlink.toml in this folder, or else /etc/fedlink/fedlink.toml.
    #[arg(long, global = true, env = "FEDLINK_CONFIG")]
    config: Option<PathBuf>,
    /// Write JSON for machines.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve.
    Serve,
    /// Show the main job on this machine: a provider, an app, two users, and the calls to try.
    Demo(demo::Arguments),
    /// Check the settings, the database, the keyring and every provider's metadata.
    Check,
    /// Have a service on this machine read its settings and its keyring anew.
    Reload,
    /// Bring the database to the newest schema.
    Migrate,
    /// Copy a SQLite database, whole, into the empty PostgreSQL database of the settings, while neither is served.
    Copy(copy::Arguments),
    /// Keep the accounts whose links are kept.
    #[command(subcommand)]
    Account(account::Command),
    /// Read the audit record.
    Audit(audit::Arguments),
    /// Prepare the settings of an application.
    #[command(subcommand)]
    Client(client::Command),
    /// See to events that webhooks are told of.
    #[command(subcommand)]
    Events(events::Command),
    /// See to links.
    #[command(subcommand)]
    Links(links::Command),
    /// Keep the keyring.
    #[command(subcommand)]
    Keys(keys::Command),
    /// Take in an export, or another's links and tokens, one JSON object a line.
    Import(import::Arguments),
    /// Write accounts and links with their secrets, one JSON object a line, for an installation to import.
    Export(export::Arguments),
    /// List the providers that presets know.
    Providers(providers::Arguments),
    /// Print the GraphQL schema of the Condo dialect.
    Schema,
    /// Print completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Write the manual, a page for each command.
    Man {
        /// The folder that they are written to.
        folder: PathBuf,
    },
}

impl Cli {
    /// The settings file: the one that is named, the one that is here, or the package's.
    fn config(&self) -> &Path {
        let here = Path::new("fedlink.toml");
        let packaged = Path::new("/etc/fedlink/fedlink.toml");
        let unnamed = || if !here.exists() && packaged.exists() { packaged } else { here };
        self.config.as_deref().unwrap_or_else(unnamed)
    }
}

/// Runs the command that the command line names.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let output = Output::new(cli.json);
    telemetry::start(log_filter(&cli.command).as_deref());
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output.fail(&Trouble::say(format!("can't start: {error}"))),
    };
    let ended = runtime.block_on(dispatch(&cli, &output));
    // A command that failed to end its background work must not hang the shell.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match ended {
        Ok(code) => code,
        Err(trouble) => output.fail(&trouble),
    }
}

async fn dispatch(cli: &Cli, output: &Output) -> Result<ExitCode, Trouble> {
    let config = cli.config();
    match &cli.command {
        Command::Serve => Box::pin(serve::run(config)).await,
        Command::Demo(arguments) => Box::pin(demo::run(arguments, output)).await,
        Command::Check => Box::pin(check::run(config, output)).await,
        Command::Reload => reload::run(config, output).await,
        Command::Migrate => migrate::run(&load(config)?, output).await,
        Command::Copy(arguments) => Box::pin(copy::run(arguments, &load(config)?, output)).await,
        Command::Account(command) => Box::pin(account::run(command, open(config).await?, output)).await,
        Command::Audit(arguments) => Box::pin(audit::run(arguments, open(config).await?, output)).await,
        Command::Client(command) => client::run(command, output),
        Command::Events(command) => Box::pin(events::run(command, open(config).await?, output)).await,
        Command::Links(command) => Box::pin(links::run(command, open(config).await?, output)).await,
        Command::Keys(command) => Box::pin(keys::run(command, load(config)?, output)).await,
        Command::Export(arguments) => Box::pin(export::run(arguments, open(config).await?, output)).await,
        Command::Import(arguments) => Box::pin(import::run(arguments, open(config).await?, output)).await,
        Command::Providers(arguments) => providers::run(arguments, config, output),
        Command::Schema => Ok(schema::run(output)),
        Command::Completions { shell } => {
            clap_complete::generate(*shell, &mut Cli::command(), "fedlink", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
        Command::Man { folder } => man::run(Cli::command(), folder, output),
    }
}

/// What a command logs: a server its decisions, a tool only what is wrong. `FEDLINK_LOG` wins.
fn log_filter(command: &Command) -> Option<String> {
    let quiet = || (!matches!(command, Command::Serve)).then(|| "warn".to_owned());
    process_env("FEDLINK_LOG").or_else(quiet)
}
