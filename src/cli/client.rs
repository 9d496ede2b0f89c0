//! `fedlink client`: prepares the settings of an application.

use std::process::ExitCode;

use clap::Subcommand;
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::output::{Output, Trouble};
use domain::entropy::SystemEntropy;
use domain::ids::ClientId;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Print a `[[clients]]` block and new random secrets for it.
    New {
        /// The application's id.
        #[arg(long)]
        id: String,
    },
}

pub(super) fn run(command: &Command, output: &Output) -> Result<ExitCode, Trouble> {
    let Command::New { id } = command;
    let id = ClientId::parse(id.clone()).map_err(|error| Trouble::from(&error))?;
    let (secret, password) = (SystemEntropy::shared().token(), SystemEntropy::shared().token());
    let (secret, password) = (secret.expose_secret(), password.expose_secret());
    let variable: String =
        id.as_str().chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    let block = format!(
        r#"# In the settings:
[[clients]]
id            = {id:?}
secret        = {{ env = "{variable}_SECRET" }}
rest_password = {{ env = "{variable}_REST_PASSWORD" }}   # for Basic on v2; leave out if it is not needed
scopes        = ["blitz_api_sys_ufa", "blitz_api_sys_ufa_chg", "fed_tkn_any"]
callbacks     = []                             # where a bind may return to
redirect_uris = []                             # where its users come back to from signing in here

# In the environment of `fedlink serve`, and at the application; shown this once:
export {variable}_SECRET={secret}
export {variable}_REST_PASSWORD={password}"#,
        id = id.as_str(),
    );
    output.tell(block, &json!({"id": id.as_str(), "secret": secret, "rest_password": password}));
    Ok(ExitCode::SUCCESS)
}
