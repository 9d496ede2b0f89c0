//! `fedlink providers`: the catalogue of known providers, and what to write and to click for each.

use std::fmt::{Display, Write as _};
use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use super::opened::load;
use super::output::{Output, Trouble};
use settings::{Known, Tier, catalogue};

/// Where a redirect URI begins, where no settings say it.
const SOMEWHERE: &str = "https://YOUR-HOST";

#[derive(Args)]
pub(super) struct Arguments {
    /// Write the whole catalogue as a page of documentation.
    #[arg(long)]
    markdown: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Print what to write in the settings, what to click at the provider, and what is known of it.
    Show {
        /// The preset's name.
        preset: String,
    },
}

/// Tells what is asked for; the settings, where there are any, say where a redirect URI begins.
pub(super) fn run(arguments: &Arguments, config: &Path, output: &Output) -> Result<ExitCode, Trouble> {
    match &arguments.command {
        _ if arguments.markdown => output.tell(page().trim_end(), &json!({"page": page()})),
        None => list(output),
        Some(Command::Show { preset }) => {
            let known = catalogue().find(|known| known.name == preset);
            let known = known.ok_or_else(|| {
                Trouble::say(format!("{preset:?} is no preset: fedlink providers lists those that there are"))
            })?;
            show(known, &base(config), output);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn base(config: &Path) -> String {
    if !config.exists() {
        return SOMEWHERE.to_owned();
    }
    load(config).map_or_else(|_wrong| SOMEWHERE.to_owned(), |read| read.settings.issuer())
}

fn list(output: &Output) {
    let mut words = String::new();
    let mut entries = Vec::new();
    for known in catalogue() {
        let kind = known.kind();
        let tier = tier_of(known);
        _ = writeln!(words, "{:<14} {:<34} {kind:<14} tier {tier}", known.name, known.title());
        entries.push(json!({
            "preset": known.name, "title": known.title(), "kind": known.kind(), "tier": tier, "source": known.source(),
        }));
    }
    output.tell(words.trim_end(), &json!(entries));
}

fn show(known: Known<'_>, base: &str, output: &Output) {
    let block = block(known);
    let callback = callback(known, base);
    let setup: Vec<String> = setup(known, &callback);
    let facts: Vec<_> = known.facts().map(|fact| json!({"says": fact.says, "source": fact.source})).collect();
    let mut words = format!("# {}\n\n{block}\n# At the provider\n", known.title());
    for (number, line) in (1..).zip(&setup) {
        _ = writeln!(words, "# {number}. {line}");
    }
    _ = writeln!(words, "\n# What is known of it ({})", ground(known));
    for fact in known.facts() {
        _ = writeln!(words, "# - {} {}", fact.says, fact.source);
    }
    let value = json!({"preset": known.name, "settings": block, "callback": callback, "setup": setup, "facts": facts});
    output.tell(words.trim_end(), &value);
}

fn tier_of(known: Known<'_>) -> u8 {
    match known.tier() {
        Tier::First => 1,
        Tier::Second => 2,
    }
}

/// The table of the settings, as an operator would paste it.
fn block(known: Known<'_>) -> String {
    let name = known.name.replace('.', "_");
    let mut block = format!("[[providers]]\ntype = \"{name}\"\nname = \"{name}_1\"\npreset = \"{}\"\n", known.name);
    for (key, what) in known.left_open() {
        // What is read from elsewhere is a table, a command a list; anything else a text.
        let value = if what.starts_with(['{', '[']) { what.to_owned() } else { format!("\"{what}\"") };
        _ = writeln!(block, "{key} = {value}");
    }
    block
}

fn callback(known: Known<'_>, base: &str) -> String {
    let name = known.name.replace('.', "_");
    format!("{base}/login/externalIdps/callback/{name}/{name}_1/false")
}

/// What to click; of one that is known by its addresses alone, what holds everywhere.
fn setup(known: Known<'_>, callback: &str) -> Vec<String> {
    let mut lines: Vec<String> = known.setup().map(|line| line.replace("{callback}", callback)).collect();
    if lines.is_empty() {
        lines.push("Register an application for the authorization code grant.".to_owned());
        lines.push(format!("Set its redirect URI to {callback}."));
        lines.push("Copy its id and secret; if it answers invalid_client, try client_auth = \"post\".".to_owned());
    }
    lines
}

/// What the entry rests on.
fn ground(known: Known<'_>) -> String {
    let checked = known.checked().map(|day| format!(", read on {day}")).unwrap_or_default();
    match known.tier() {
        Tier::First => format!("by its own pages{checked}; what they don't say is at its careful default"),
        Tier::Second => {
            let agree: Vec<&str> = known.agree().collect();
            format!(
                "its addresses and the place of the account's id, by {}{checked}; all else is at its careful default",
                agree.join(" and ")
            )
        }
    }
}

/// The page of the documentation, docs/providers.md.
fn page() -> String {
    let mut page = String::from(
        "# Providers\n\nWhat `preset` in [`[[providers]]`](settings.md) knows. `fedlink providers` lists them, `fedlink providers show github` prints the \
         block to paste and what to click. What you write wins, key by key.\n\nThe first tier rests on vendors' own pages, and is walked through browser, fedToken, refresh, refusal, \
         revocation and re-link against a provider that behaves as those pages say. The second has addresses on which two openly licensed libraries agree; \
         everything else about it is at its careful default. `oidc` and `oauth2` are for any other provider.\n\n\
         This page is made by `fedlink providers --markdown`.\n",
    );
    for (tier, title) in [(Tier::First, "First tier"), (Tier::Second, "Second tier")] {
        _ = write!(page, "\n## {title}\n");
        for known in catalogue().filter(|known| known.tier() == tier) {
            section(&mut page, known);
        }
    }
    page
}

fn section(page: &mut String, known: Known<'_>) {
    let source = known.source();
    _ = write!(page, "\n### {} (`{}`)\n\n[Source]({source}), {}.\n\n", known.title(), known.name, ground(known));
    if known.settings().count() > 0 {
        page.push_str("| key | |\n| --- | --- |\n");
        for (key, value) in known.settings().filter(|(key, _)| *key != "title") {
            _ = writeln!(page, "| `{key}` | `{}` |", written(value));
        }
    }
    if known.setup().count() > 0 {
        page.push('\n');
        for (number, line) in (1..).zip(known.setup()) {
            let redirect = "the redirect URI (`…/login/externalIdps/callback/TYPE/NAME/false`)";
            _ = writeln!(page, "{number}. {}", line.replace("{callback}", redirect));
        }
    }
    if known.facts().count() > 0 {
        page.push('\n');
        for fact in known.facts() {
            _ = writeln!(page, "- {} [Source]({}).", fact.says, fact.source);
        }
    }
}

/// A value on one line.
fn written(value: &impl Display) -> String {
    value.to_string().replace('\n', " ").replace('|', "\\|")
}
