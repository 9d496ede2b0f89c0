//! Which commands and options of the manual a call of the tests has used.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::sync::LazyLock;

use super::walked;

/// What every command takes.
pub(crate) const EVERYWHERE: [&str; 4] = ["--config", "--json", "--help", "--version"];

/// A line for each command, such as `fedlink account create`, and for each of its options, as its page has them.
static PROMISED: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    let written =
        Command::new(env!("CARGO_BIN_EXE_fedlink")).arg("man").arg(folder.path()).output().expect("it is built");
    assert!(written.status.success(), "fedlink man fails");
    let mut promised = BTreeSet::new();
    for entry in fs::read_dir(folder.path()).expect("pages").flatten() {
        let page = fs::read_to_string(entry.path()).expect("a page").replace("\\-", "-");
        let name =
            page.split_once(".SH NAME\n").and_then(|(_, rest)| rest.split_once(" - ")).expect("a page has a name").0;
        let own: Vec<_> = options(&page).map(|option| format!("{} {option}", command_of(name))).collect();
        // One that only groups others is not called itself.
        if !page.contains(".SH SUBCOMMANDS") || !own.is_empty() {
            promised.insert(command_of(name));
            promised.extend(own);
        }
    }
    promised
});

/// `fedlink-keys-give-up` is a command of two words, the second of which has a hyphen.
fn command_of(page: &str) -> String {
    let groups = ["account", "client", "events", "keys", "links", "providers"];
    let (program, command) = page.split_once('-').expect("a command of fedlink");
    match command.split_once('-') {
        Some((group, rest)) if groups.contains(&group) => format!("{program} {group} {rest}"),
        _ => format!("{program} {command}"),
    }
}

/// The long options that stand in a page's list.
fn options(page: &str) -> impl Iterator<Item = &str> {
    let lines = page.lines().filter(|line| line.starts_with("\\fB-"));
    let words = lines.flat_map(|line| line.split("\\fB").filter_map(|word| word.split("\\fR").next()));
    words.filter(|word| word.starts_with("--") && !EVERYWHERE.contains(word))
}

pub(crate) fn promised() -> BTreeSet<String> {
    PROMISED.clone()
}

/// Remembers that the program was run with these arguments.
pub(crate) fn ran(args: &[&str]) {
    if walked::is_wanted() {
        walked::tell(&used(args));
    }
}

fn used(args: &[&str]) -> BTreeSet<String> {
    let after_config = if args.first() == Some(&"--config") { args.get(2..).unwrap_or_default() } else { args };
    let words: Vec<_> = after_config.iter().take(2).copied().take_while(|word| !word.starts_with('-')).collect();
    let command = [words.join(" "), words.first().copied().unwrap_or_default().to_owned()]
        .into_iter()
        .map(|words| format!("fedlink {words}"))
        .find(|command| PROMISED.contains(command));
    let Some(command) = command else { return BTreeSet::new() };
    let named = after_config.iter().map(|arg| arg.split('=').next().unwrap_or_default());
    let mut used: BTreeSet<_> = named
        .filter(|arg| arg.starts_with("--") && !EVERYWHERE.contains(arg))
        .map(|option| format!("{command} {option}"))
        .collect();
    used.insert(command);
    used
}

#[test]
fn a_command_and_its_options_are_told_apart() {
    let all = |args: &[&str]| used(args).into_iter().collect::<Vec<_>>();
    assert_eq!(
        all(&["--config", "x.toml", "keys", "give-up", "7", "--yes"]).first().map(String::as_str),
        Some("fedlink keys give-up")
    );
    assert_eq!(all(&["import", "--register", "-"]), ["fedlink import", "fedlink import --register"]);
    assert!(all(&["nothing", "of", "it"]).is_empty());
    assert_eq!(all(&["providers", "--markdown"]), ["fedlink providers", "fedlink providers --markdown"]);
    for promised in ["fedlink account create --id", "fedlink serve", "fedlink import --register"] {
        assert!(PROMISED.contains(promised), "{promised}");
    }
    assert!(!PROMISED.contains("fedlink account"), "a group");
}
