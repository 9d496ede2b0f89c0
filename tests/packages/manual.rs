//! `fedlink man`.

use std::collections::BTreeSet;
use std::fs;

use crate::support::program;

/// A command and those below it, by the help of each.
fn commands(path: &[&str], found: &mut BTreeSet<String>) {
    found.insert([&["fedlink"], path].concat().join("-"));
    let help = program::run(&[path, &["--help"]].concat(), &[], "");
    let (_, below) = help.good().split_once("Commands:\n").unwrap_or_default();
    for name in below.lines().take_while(|line| !line.is_empty()).filter_map(|line| line.split_whitespace().next()) {
        if name != "help" {
            commands(&[path, &[name]].concat(), found);
        }
    }
}

#[test]
fn every_command_has_a_page() {
    let folder = tempfile::tempdir().unwrap();
    program::run(&["man", folder.path().to_str().unwrap()], &[], "").good();
    let mut found = BTreeSet::new();
    commands(&[], &mut found);
    assert!(found.len() > 25 && found.contains("fedlink-account-create"), "{found:?}");
    let pages = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(pages.collect::<BTreeSet<_>>(), found.iter().map(|name| format!("{name}.1")).collect());
    let page = fs::read_to_string(folder.path().join("fedlink-account-create.1")).unwrap();
    for words in [".TH fedlink-account-create 1", "FEDLINK_CONFIG", "The id; a random one if none is given"] {
        assert!(page.contains(words), "{words} is not in\n{page}");
    }
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let output = program::run(&["man", "/nonexistent/folder"], &[], "");
    assert!(output.complaint().contains("can't write to /nonexistent/folder: No such file"), "{output:?}");
}
