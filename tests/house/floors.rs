//! The floors of the house: the source is parsed, and an arrow that points back up is refused by file and line. What a leaf
//! crate may use stands in its `Cargo.toml`; here is what Cargo can't see.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::support::paths::{Named, paths};

/// The crates that the application stands on.
const LEAVES: [&str; 8] = ["domain", "settings", "vault", "store", "upstream", "service", "graphql", "sandbox"];

/// What each floor of the application may use, itself aside. `lib` only declares the others.
const FLOORS: [(&str, &[&str]); 4] = [
    ("lib", &[]),
    ("main", &["cli"]),
    ("telemetry", &["domain"]),
    ("http", &["app", "service", "graphql", "domain", "settings"]),
];

/// The floors that use all but a few.
const NEARLY_ALL: [(&str, &[&str]); 2] = [("app", &["http", "cli"]), ("cli", &[])];

/// Crates of which the command line may name types, and nothing inside.
const SHUT: [&str; 2] = ["store", "vault"];

/// Foreign paths that have one door, and the folders and files behind it.
const DOORS: [(&[&str], &[&str]); 10] = [
    (&["actix_web"], &["http", "graphql", "sandbox", "cli/serve.rs"]),
    (&["async_graphql"], &["http/condo/api.rs", "graphql"]),
    (&["async_graphql_value"], &["graphql"]),
    // The demo's walk is an app and a browser, not a floor: it calls us from outside.
    (&["reqwest"], &["upstream", "sandbox/tests", "cli/demo/walk.rs", "cli/reload.rs"]),
    (&["clap"], &["cli"]),
    (&["prometheus_client"], &["service/meters"]),
    (&["std", "env", "var"], &["settings"]),
    (&["std", "env", "var_os"], &["settings"]),
    (&["std", "env", "vars"], &["settings"]),
    (&["std", "time", "SystemTime"], &["domain/clock.rs"]),
];

/// The words of a path from the root on, or from a crate of ours on; else it is foreign, or local and of no interest.
fn ours(named: &Named) -> Option<Vec<String>> {
    let first = named.words.first()?;
    // In the root, a floor's name is a path to it.
    let is_known = LEAVES.contains(&first.as_str()) || (named.module.is_empty() && is_floor(first));
    if is_known { Some(named.words.clone()) } else { named.absolute() }
}

fn is_floor(word: &str) -> bool {
    FLOORS.iter().map(|(floor, _)| *floor).chain(NEARLY_ALL.map(|(floor, _)| floor)).any(|floor| floor == word)
}

fn may_use(floor: &str, other: &str) -> bool {
    if floor == other {
        return true;
    }
    match NEARLY_ALL.iter().find(|(name, _)| *name == floor) {
        Some((_, refused)) => (is_floor(other) || LEAVES.contains(&other)) && !refused.contains(&other),
        None => FLOORS.iter().any(|(name, allowed)| *name == floor && allowed.contains(&other)),
    }
}

/// What is wrong with the file at `path` ([`place`]): `file:line: reason`.
fn offences(path: &str, text: &str) -> Vec<String> {
    let first = path.split('/').next().unwrap();
    let floor = first.strip_suffix(".rs").unwrap_or(first);
    let is_leaf = LEAVES.contains(&floor);
    if !is_leaf && !is_floor(floor) {
        return vec![format!("{path}:1: belongs to no floor")];
    }
    let mut found = Vec::new();
    for named in paths(Path::new(path), text) {
        let ours = ours(&named);
        let (line, is_ours) = (named.line, ours.is_some());
        let segments = ours.unwrap_or(named.words);
        let shown = segments.join("::");
        let Some(other) = segments.first() else { continue };
        if is_ours {
            let inside = segments.get(1).is_some_and(|item| !item.starts_with(char::is_uppercase));
            // What a leaf may use, Cargo sees to.
            if !is_leaf && !may_use(floor, other) {
                found.push(format!("{path}:{line}: {floor} may not use {shown}"));
            } else if floor != "store" && other == "store" && segments.last().is_some_and(|item| item.ends_with("Row"))
            {
                found.push(format!("{path}:{line}: rows stop at the store: {shown}"));
            } else if floor == "cli" && SHUT.contains(&other.as_str()) && inside {
                found.push(format!("{path}:{line}: {floor} may not reach inside {other}: {shown}"));
            }
            continue;
        }
        for (door, behind) in DOORS {
            if segments.iter().zip(door).filter(|(word, wanted)| word == *wanted).count() == door.len()
                && !behind.iter().any(|place| Path::new(path).starts_with(place))
            {
                found.push(format!("{path}:{line}: {shown} belongs to {}", behind.join(", ")));
            }
        }
    }
    found
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder of the source") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// How a file is called here: from its floor on, or from its leaf on.
fn place(root: &Path, file: &Path) -> String {
    let path = file.strip_prefix(root).unwrap();
    if let Ok(place) = path.strip_prefix("src") {
        return place.to_str().unwrap().to_owned();
    }
    let mut parts = path.strip_prefix("crates").unwrap().iter();
    let leaf = parts.next().unwrap();
    assert_eq!(parts.next().unwrap(), "src", "{}", path.display());
    Path::new(leaf).join(parts.as_path()).to_str().unwrap().to_owned()
}

#[test]
fn no_arrow_of_the_source_points_back_up() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (application, leaves) = (sources(&root.join("src")), sources(&root.join("crates")));
    assert!(
        application.len() > 80 && leaves.len() > 500,
        "there is more than {} and {} files",
        application.len(),
        leaves.len()
    );
    let mut found = Vec::new();
    for file in application.into_iter().chain(leaves) {
        found.extend(offences(&place(root, &file), &std::fs::read_to_string(&file).unwrap()));
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// Rooms whose name is a neighbour's and a letter more, such as `link` and `links`.
fn twins(files: &[String]) -> Vec<String> {
    let room = |file: &String| file.trim_end_matches(".rs").trim_end_matches("/mod").to_owned();
    let rooms: BTreeSet<String> = files.iter().map(room).collect();
    let is_twin = |one: &String, other: &String| other.len() == one.len() + 1 && other.starts_with(one.as_str());
    let of = |one| rooms.iter().filter(move |other| is_twin(one, other)).map(move |other| format!("{one}, {other}"));
    rooms.iter().flat_map(of).collect()
}

#[test]
fn no_two_rooms_differ_by_a_letter() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = ["src", "crates"].map(|folder| sources(&root.join(folder))).concat();
    let places: Vec<String> = files.iter().map(|file| place(root, file)).collect();
    assert!(places.len() > 300, "there is more than {}", places.len());
    assert_eq!(twins(&places), Vec::<String>::new());
    let some = ["store/link.rs", "store/links/mod.rs", "store/linked.rs", "http/links.rs"].map(str::to_owned);
    assert_eq!(twins(&some), ["store/link, store/links"]);
}

#[test]
fn every_leaf_is_known() {
    let crates = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("crates")).unwrap();
    let mut names: Vec<String> = crates.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let mut known = LEAVES.to_vec();
    known.sort_unstable();
    assert_eq!(names, known);
}

#[test]
fn an_arrow_is_found_however_it_is_written() {
    let back = [
        ("http/links.rs", "\nuse crate::{app, cli::path};"),
        ("http/blitz/open.rs", "\nuse super::super::super::cli;"),
        ("http/mod.rs", "\nuse super::telemetry;"),
        ("http/mod.rs", "\nuse crate::cli as commands;"),
        ("http/links.rs", "\nuse sandbox::Sandbox;"),
        ("http/mod.rs", "\nfn open(vault: &vault::Vault) {}"),
        ("http/mod.rs", "mod inside {\nfn open() -> super::super::cli::Run { loop {} } }"),
        ("http/path.rs", "fn f() { tracing::info!(\nat = %store::now()); }"),
        ("http/audit.rs", "macro_rules! m { () => {\n$crate::cli::f() }; }"),
        ("http/mod.rs", "#[derive(\nsandbox::Made)] struct A;"),
        ("telemetry.rs", "\nuse store::Store;"),
        ("app.rs", "\nuse crate::cli::run;"),
        ("main.rs", "\nuse service::links;"),
        ("lib.rs", "\npub use service::links;"),
        ("lib.rs", "\npub use store::Store;"),
        ("telemetry.rs", "\nuse crate::*;"),
        ("cli/migrate.rs", "\nuse store::links;"),
        ("cli/migrate.rs", "\nfn f() { vault::flow_place(); }"),
        ("service/links.rs", "\nuse store::links::{find, LinkRow};"),
        ("service/tokens.rs", "fn f(row: &\nstore::token_sets::TokenRow) {}"),
        ("cli/check.rs", "\nuse actix_web::HttpServer;"),
        ("service/links.rs", "\nuse async_graphql::Result;"),
        ("service/tokens.rs", "\nuse reqwest;"),
        ("sandbox/token.rs", "fn f() {\nreqwest::get(\"\"); }"),
        ("cli/mod.rs", "fn f() {\nstd::env::var(\"HOME\"); }"),
        ("cli/mod.rs", "\nuse std::env::var_os;"),
        ("store/lib.rs", "\nuse std::env::vars;"),
        ("sandbox/lib.rs", "fn f() {\nstd::time::SystemTime::now(); }"),
    ];
    for (path, text) in back {
        let found = offences(path, text);
        assert_eq!(found.len(), 1, "{path}: {text}: {found:?}");
        assert!(found[0].starts_with(&format!("{path}:2: ")), "{found:?}");
    }
    assert_eq!(offences("utils/mod.rs", ""), ["utils/mod.rs:1: belongs to no floor"]);
}

#[test]
fn an_arrow_that_points_down_is_let_be() {
    let down = [
        ("service/links.rs", "use store::links::{self, insert}; use super::audit; use self::inner::X;"),
        ("http/blitz/open.rs", "use super::super::address; fn f(app: &crate::app::App) {}"),
        ("http/fa.rs", "use crate::app::App; fn f() { let store = app.parts.store; }"),
        ("app.rs", "use store::Store; use service::Parts; use crate::telemetry;"),
        ("cli/serve.rs", "use actix_web::dev::Server; use store::Store; use crate::http::server;"),
        ("sandbox/tests/flow.rs", "use reqwest::StatusCode;"),
        ("settings/lib.rs", "fn f() { std::env::var(\"HOME\"); }"),
        ("domain/clock.rs", "fn f() { std::time::SystemTime::now(); }"),
        ("main.rs", "fn main() { fedlink::cli::run(); }"),
        ("lib.rs", "pub mod app; pub mod http;"),
        ("http/links.rs", "// crate::cli is prose\nconst A: &str = \"crate::cli::x\";"),
    ];
    for (path, text) in down {
        assert_eq!(offences(path, text), Vec::<String>::new(), "{path}: {text}");
    }
}
