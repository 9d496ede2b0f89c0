//! What is installed: the manual, the unit, the package and the image, the compose file. What takes a Debian of its own is in
//! `installed.sh`, which `scripts/test --long` runs.

mod built;
mod compose;
mod manual;
mod unit;

use std::path::Path;

use settings::{Configuration, Literals};

/// Lines of settings that are commented out as examples, as they are once somebody wants them.
fn uncommented(settings: &str) -> String {
    let is_key = |key: &str| key.trim_end().chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let is_example = |line: &str| line.starts_with("[[") || line.split_once('=').is_some_and(|(key, _)| is_key(key));
    let lines = settings.lines().map(|line| line.strip_prefix("# ").filter(|line| is_example(line)).unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}

/// What settings say; they have to be right.
#[track_caller]
fn read(settings: &str, folder: &Path, env: &dyn Fn(&str) -> Option<String>) -> Configuration {
    Configuration::parse(settings, folder, env, Literals::Refuse)
        .unwrap_or_else(|errors| panic!("{errors}\n{settings}"))
}

/// How long the manager of a service waits for its end: as long as refreshes in flight may take, and what is done afterwards.
fn stop_takes(configuration: &Configuration) -> String {
    format!("{}s", configuration.start.stop_within.as_secs() + 15)
}
