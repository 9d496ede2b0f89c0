//! `fedlink reload`: asks the service that is served by these settings, on this machine, to read them anew, and tells what it says.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::output::{Output, Trouble};
use settings::{ops_listen, process_env};

/// Longer than a service needs, which may have to bring many links in line.
const PATIENCE: Duration = Duration::from_mins(5);

#[derive(Deserialize)]
struct Told {
    #[serde(default)]
    keyring: bool,
    #[serde(default)]
    at_next_start: Vec<String>,
    #[serde(default)]
    mistakes: Vec<String>,
}

pub(super) async fn run(config: &Path, output: &Output) -> Result<ExitCode, Trouble> {
    // The rest of the file is for the service to judge, which may have other variables in its environment.
    let listener = ops_listen(config, &process_env)
        .map_err(|errors| Trouble::say(format!("the settings are wrong:\n{errors}")))?;
    let address = reached_at(listener);
    let lost = |error: reqwest::Error| {
        let error = error.without_url();
        Trouble::say(format!("nobody says at {address} (ops_listen) that it was taken: {error}; is it served?"))
    };
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().map_err(lost)?;
    let answer = client.post(format!("http://{address}/reload")).send().await.map_err(lost)?;
    let is_taken = answer.status().is_success();
    let told: Told = answer.json().await.map_err(lost)?;
    if !is_taken {
        let mistakes = told.mistakes.join("\n");
        return Err(Trouble::say(format!("nothing was reloaded; the service goes on as it did:\n{mistakes}")));
    }
    let what = if told.keyring { "the keyring and the settings" } else { "the settings" };
    let mut words = format!("reloaded {what}");
    if !told.at_next_start.is_empty() {
        words = format!("{words}; from the next start on: {}", told.at_next_start.join(", "));
    }
    output.tell(words, &json!({"keyring": told.keyring, "at_next_start": told.at_next_start}));
    Ok(ExitCode::SUCCESS)
}

/// Where a listener is reached from its own machine.
fn reached_at(listener: SocketAddr) -> SocketAddr {
    let ip = match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listener.port())
}
