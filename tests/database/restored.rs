//! Backups are brought back as docs/backup.md says it.

use std::path::Path;
use std::process::Command;

use domain::clock::SystemClock;
use serde_json::json;

use crate::support::console::get;
use crate::support::page::blocks;
use crate::support::postgres::Server;
use crate::support::program::Running;
use crate::support::site::Site;

const PAGE: &str = include_str!("../../docs/backup.md");
/// Where the page keeps copies.
const BACKUPS: &str = "/var/backups/fedlink";

/// The fenced blocks of a part of the page.
fn shown(heading: &str) -> Vec<&'static str> {
    let (_, part) = PAGE.split_once(&format!("## {heading}\n")).expect("the page has it");
    let part = part.split("\n## ").next().unwrap_or_default();
    blocks(part).into_iter().map(|(_, text)| text).collect()
}

/// A link of a user's, with a token that is good for an hour.
fn link(site: &Site, user: &str) {
    let ends = SystemClock::shared().now().timestamp() + 3600;
    let line = json!({
        "subject": user, "fpType": "tcs", "fpName": "tcs_1", "sid": user, "expiresOn": ends,
        "accessToken": format!("token-of-{user}"), "refreshToken": format!("refresh-of-{user}"),
    });
    site.feed(&["import", "--register", "-"], &line.to_string()).good();
}

/// What the console is given for a user: a token, or an error.
async fn served(serving: &Running, user: &str) -> String {
    let (_, answer) = get(serving, &format!("{user}/fedToken/tcs/tcs_1")).await;
    let found = answer[user]["token"].as_str().or_else(|| answer["error"].as_str());
    found.unwrap_or_else(|| panic!("{answer}")).to_owned()
}

fn shell(script: &str, folder: &Path) {
    let output = Command::new("sh").args(["-euc", script]).current_dir(folder).output().expect("there is a shell");
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_sqlite_is_brought_back() {
    let site = Site::alone();
    let [copy, restore] = shown("SQLite")[..] else { panic!("two commands") };
    link(&site, "alice");
    let mut serving = site.serve();
    let folder = site.path("");
    shell(copy, &folder);
    link(&site, "bob");
    assert_eq!(served(&serving, "bob").await, "token-of-bob");
    serving.kill();
    shell(restore, &folder);
    let serving = site.serve();
    assert_eq!(served(&serving, "alice").await, "token-of-alice");
    assert_eq!(served(&serving, "bob").await, "user_not_found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_is_brought_back_to_a_moment() {
    let [conf, base, restore] = shown("PostgreSQL, to a moment")[..] else { panic!("settings and two commands") };
    let backups = tempfile::tempdir().expect("a folder");
    let place = backups.path().join("of");
    let moved = |text: &str| text.replace(BACKUPS, place.to_str().expect("a plain name"));
    // The server is another user.
    shell(
        &format!("chmod 777 {0} && mkdir -p {1}/wal && chmod -R 777 {1}", backups.path().display(), place.display()),
        Path::new("/"),
    );
    let moment = place.join("moment");
    let restore = format!("MOMENT=$(cat {})\n{}", moment.display(), moved(restore));
    let server = Server::start(&[("CONF", &moved(conf)), ("BASE", &moved(base)), ("RESTORE", &restore)]);
    let name = server.fresh_database("postgres");
    let mut site = Site::alone();
    site.edit(r#""sqlite:fedlink.db""#, r#"{ env = "DATABASE_URL" }"#);
    site.env.push(("DATABASE_URL", format!("postgres://postgres@127.0.0.1:{}/{name}", server.port)));
    site.run(&["keys", "add"]).good();
    link(&site, "alice");
    server.run_script("BASE");
    link(&site, "bob");
    std::fs::write(&moment, server.ask("SELECT clock_timestamp()")).expect("room");
    link(&site, "carol");
    // What the archive has of it is enough.
    let last = server.ask("SELECT pg_walfile_name(pg_switch_wal())");
    while server.ask("SELECT coalesce(last_archived_wal, '') FROM pg_stat_archiver") < last {}
    server.crash();
    server.run_script("RESTORE");
    server.revive();
    while server.ask("SELECT pg_is_in_recovery()") != "f" {}
    let serving = site.serve();
    assert_eq!(served(&serving, "alice").await, "token-of-alice");
    assert_eq!(served(&serving, "bob").await, "token-of-bob");
    assert_eq!(served(&serving, "carol").await, "user_not_found");
}
