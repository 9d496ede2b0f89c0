//! docs/events.md: its table has what is told and nothing else, and its settings are read as they stand.

use std::collections::BTreeSet;
use std::path::Path;

use domain::event::Event;
use settings::{Configuration, Literals};

use crate::support::receiver::NEW_SECRET;

const PAGE: &str = include_str!("../../docs/events.md");

#[test]
fn the_page_names_what_is_told_and_nothing_else() {
    let (_, section) = PAGE.split_once("## What is told").expect("the section");
    let (section, _) = section.split_once("\n## ").expect("its end");
    let firsts = section.lines().filter(|line| line.starts_with("| `")).filter_map(|line| line.split('|').nth(1));
    let named: BTreeSet<&str> = firsts.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    let told: BTreeSet<&str> =
        Event::ALL.iter().filter(|event| event.rule().is_told).map(|event| event.as_str()).collect();
    assert_eq!(named, told);
}

#[test]
fn the_pages_settings_are_read_as_they_stand() {
    let (_, rest) = PAGE.split_once("```toml\n").expect("settings");
    let (section, _) = rest.split_once("```").expect("their end");
    let text = format!("public_url = \"https://login.company.com\"\n{section}");
    let env = |name: &str| (name == "CRM_WEBHOOK_SECRET").then(|| NEW_SECRET.to_owned());
    let read =
        Configuration::parse(&text, Path::new(""), &env, Literals::Refuse).unwrap_or_else(|wrong| panic!("{wrong}"));
    let crm = &read.settings.webhooks["crm"];
    assert_eq!(crm.events, [Event::Linked, Event::Unlinked]);
}
