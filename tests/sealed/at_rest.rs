//! What lies on the disk: files that only their owner reads, and nothing of somebody who was deleted.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use domain::ids::Subject;
use serde_json::json;
use service::{accounts, revoke, sweep};

use crate::support::browser::{Browser, instruct};
use crate::support::database::{Sql, count, execute, texts};
use crate::support::disk::{folders, grep};
use crate::support::partner::with_partner;
use crate::support::person::PASSWORD;
use crate::support::site::Site;
use crate::support::sms::{SECRET, SmsWebhook};
use crate::support::world::{ALL_SCOPES, Body, CONSOLE, Engine, World, both_engines};

const NUMBER: &str = "+79990001122";

/// What nobody may find any more, as far as it is text.
const PLANTED: [&str; 13] = [
    "Planted Name",
    "planted@example.com",
    NUMBER,
    "planted-meta",
    "+79990003344",
    "from-there@example.com",
    "Planted There",
    "Oleg Sandbox",
    "Planted Employee",
    "employee@example.com",
    "+79990005566",
    "planted-code",
    "argon2id",
];

/// Somebody of whom everything is known that can be; gives their id.
async fn somebody(world: &World) -> String {
    world.userinfo(&json!({
        "sub": "1", "name": "Planted Name", "phone_number": "+79990003344", "email": "from-there@example.com",
    }));
    assert_eq!(world.arrive().await.status, 302);
    let subject = texts(&world.database_url, "SELECT subject AS value FROM links").await.concat();
    let id = Subject::parse(subject.clone()).expect("a subject");
    accounts::set_password(&world.app.parts, id, PASSWORD.into()).await.expect("it is there");
    assert_eq!(world.arrive().await.status, 302);
    Browser::default().sign_in(world, &subject).await;
    world.linked(&subject, "elle").await;
    world.code_to(NUMBER).await;

    // The sandbox's users as they are.
    world.userinfo(&json!({}));
    // A bind that has come as far as the question whether it is theirs.
    let user = world.user(CONSOLE, &subject, &ALL_SCOPES).await;
    let redirect_to = instruct(world, &user).await;
    let mut browser = Browser::default();
    let at_provider = browser.go(world, "GET", &redirect_to, Body::None).await.location();
    let back = browser.consent(world, &at_provider, "oleg").await;
    assert_eq!(browser.go(world, "GET", &back, Body::None).await.status, 303);

    let is_sqlite = world.database_url.starts_with("sqlite:");
    let now = if is_sqlite { "9000000000000000" } else { "now() + interval '1 day'" };
    let hash = if is_sqlite { "x'00'" } else { "'\\x00'" };
    let uuid = |n: u128| uuid::Uuid::from_u128(n).to_string();
    let (organization, employee) = (uuid(1), uuid(2));
    execute(
        &world.database_url,
        &format!(
            "UPDATE accounts SET email = 'planted@example.com', email_verified = true, phone = '{NUMBER}', phone_verified = true,
                meta = '{{\"note\": \"planted-meta\"}}';
             UPDATE links SET user_name = 'Planted There' WHERE sid = 'elle';
             INSERT INTO organizations (id, name, created, updated) VALUES ('{organization}', 'O', {now}, {now});
             INSERT INTO employees (id, organization, subject, name, email, phone, is_accepted, is_rejected, is_blocked, created, updated)
                VALUES ('{employee}', '{organization}', '{subject}', 'Planted Employee', 'employee@example.com', '+79990005566',
                        true, false, false, {now}, {now});
             INSERT INTO oauth_codes (code_hash, client, subject, redirect_uri, scope, code_challenge, family, used, expires)
             VALUES ({hash}, 'console', '{subject}', 'https://planted-code.example/', '', '', '{employee}', false, {now});
             INSERT INTO oauth_refresh_tokens (token_hash, client, subject, scope, family, used, expires)
             VALUES ({hash}, 'console', '{subject}', '', '{employee}', false, {now});"
        ),
    )
    .await;
    subject
}

/// The tables that have something of people's, and how many rows each has.
async fn rows(world: &World) -> Vec<(&'static str, usize)> {
    let mut rows = Vec::new();
    for table in [
        "accounts",
        "links",
        "token_sets",
        "link_uses",
        "flows",
        "sessions",
        "condo_sessions",
        "confirm_phone_actions",
        "employees",
        "oauth_tokens",
        "oauth_codes",
        "oauth_refresh_tokens",
        "revocations",
    ] {
        rows.push((table, count(world, table).await));
    }
    rows
}

async fn world(engine: Engine) -> World {
    let webhook = SmsWebhook::start().await;
    World::start_with(engine, |settings| {
        format!("{}[sms]\nurl = \"{}\"\nsecret = \"{SECRET}\"\n", with_partner(&settings, ""), webhook.url)
    })
    .await
}

/// Removes an account, and works off what that leaves to be done.
async fn remove(world: &World, subject: &str) {
    let subject = Subject::parse(subject).expect("a subject");
    accounts::remove(&world.app.parts, subject).await.expect("it goes");
}

/// The sealed access tokens there are, in hexadecimal digits.
async fn sealed(world: &World) -> Vec<String> {
    let hex =
        if world.database_url.starts_with("sqlite:") { "hex(sealed_access)" } else { "encode(sealed_access, 'hex')" };
    texts(&world.database_url, &format!("SELECT {hex} AS value FROM token_sets")).await
}

/// Whether these bytes stand in any file of the database, given in hexadecimal digits.
fn has_bytes(folders: &[PathBuf], hex: &str) -> bool {
    let digit = |at: usize| u8::from_str_radix(hex.get(at..at + 2).expect("two digits"), 16).expect("two digits");
    let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(digit).collect();
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).expect("a folder"));
    // One that is gone by now is one that Postgres has put away.
    let read = files.filter_map(|file| fs::read(file.expect("a file").path()).ok());
    read.into_iter().any(|content| content.windows(bytes.len()).any(|window| window == bytes))
}

both_engines! {
    async fn an_account_deleted_leaves_nothing_readable(engine: Engine) {
        let world = world(engine).await;
        let subject = somebody(&world).await;
        let planted: Vec<String> = PLANTED.map(ToOwned::to_owned).into();
        let tokens = sealed(&world).await.concat();
        let before = grep(&planted, &folders(&world).await);
        for word in &planted {
            assert!(before.contains(word.as_str()), "the search doesn't find {word}");
        }
        assert!(has_bytes(&folders(&world).await, &tokens));
        assert!(rows(&world).await.iter().all(|(table, rows)| *rows > 0 || ["link_uses", "revocations"].contains(table)));

        remove(&world, &subject).await;
        // Those of the link, and those that the bind had got.
        assert_eq!(count(&world, "revocations").await, 2);
        revoke::run_due(&world.app.parts).await.expect("the provider answers");
        let left: Vec<_> = rows(&world).await.into_iter().filter(|(_, rows)| *rows > 0).collect();
        assert_eq!(left, []);
        let folders = match engine {
            Engine::Sqlite => folders(&world).await,
            Engine::Postgres => {
                // The figures of the planner are made of what is in the columns.
                execute(&world.database_url, "VACUUM (FULL, ANALYZE)").await;
                // What is to be replayed after a crash is another matter, and ends by itself.
                folders(&world).await.into_iter().filter(|folder| !folder.ends_with("pg_wal")).collect()
            }
        };
        assert_eq!(grep(&planted, &folders), "");
        assert!(!has_bytes(&folders, &tokens));
        // The record keeps who it was and what became of them, and that alone.
        let record = "SELECT DISTINCT event AS value FROM audit WHERE subject IS NOT NULL ORDER BY event";
        assert!(texts(&world.database_url, record).await.contains(&"ACCOUNT_DELETED".to_owned()));
    }

    async fn what_serves_others_stays(engine: Engine) {
        let world = world(engine).await;
        for subject in ["goes", "stays"] {
            world.account(subject).await;
        }
        execute(
            &world.database_url,
            "UPDATE accounts SET phone = '+79990000001', external_phone = '+79990000002' WHERE subject = 'goes';
             UPDATE accounts SET account_type = 'staff', phone = '+79990000002' WHERE subject = 'stays'",
        )
        .await;
        for number in ["+79990000001", "+79990000002", "+79990000003"] {
            world.code_to(number).await;
        }
        let user = world.user(CONSOLE, "stays", &ALL_SCOPES).await;
        instruct(&world, &user).await;
        let gone = world.user(CONSOLE, "goes", &ALL_SCOPES).await;
        instruct(&world, &gone).await;
        instruct(&world, &world.console().await).await;
        remove(&world, "goes").await;
        let phones = "SELECT phone AS value FROM confirm_phone_actions ORDER BY phone";
        assert_eq!(texts(&world.database_url, phones).await, ["+79990000002", "+79990000003"]);
        let flows = "SELECT COALESCE(subject, '-') AS value FROM flows ORDER BY 1";
        assert_eq!(texts(&world.database_url, flows).await, ["-", "stays"]);
    }
}

/// The database's files in a folder, each with who may read it.
fn modes(folder: &Path) -> Vec<(String, u32)> {
    let files = fs::read_dir(folder).expect("a folder").map(|file| file.expect("a file"));
    let mut modes: Vec<_> = files
        .map(|file| {
            (file.file_name().to_string_lossy().into_owned(), file.metadata().expect("it is there").permissions())
        })
        .filter(|(name, _)| name.starts_with("fedlink.db") || name.starts_with("fedlink.lock"))
        .map(|(name, permissions)| (name, permissions.mode() & 0o777))
        .collect();
    modes.sort();
    modes
}

fn open_to_all(folder: &Path) {
    for (name, _) in modes(folder) {
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o666)).expect("ours");
    }
}

const ALL: [&str; 4] = ["fedlink.db", "fedlink.db-shm", "fedlink.db-wal", "fedlink.lock"];

fn private(names: &[&str]) -> Vec<(String, u32)> {
    names.iter().map(|name| ((*name).to_owned(), 0o600)).collect()
}

#[test]
fn the_databases_files_are_their_owners_alone() {
    let site = Site::alone();
    let folder = site.path("");
    let control = site.path("control");
    fs::write(&control, "").expect("room");
    let usual = fs::metadata(&control).expect("it is there").permissions().mode() & 0o777;
    assert_ne!(usual & 0o044, 0, "nobody reads what this process makes: nothing is shown by this test");
    let mut running = site.serve();
    site.run(&["account", "create", "--id", "42"]).good();
    assert_eq!(modes(&folder), private(&ALL));
    assert!(!running.logs().contains("readable"), "{}", running.logs());

    // From before there was that rule, and after a crash: all of them are there, and open.
    running.kill();
    open_to_all(&folder);
    let mut running = site.serve();
    assert_eq!(modes(&folder), private(&ALL));
    let logs = running.logs();
    for name in ALL {
        assert!(
            logs.lines().any(|line| line.contains(&format!("{name}\"")) && line.contains("WARN")),
            "{name}: {logs}"
        );
    }
    assert!(running.terminate().success());
    // Nor is it left open by who finds it so with a command.
    open_to_all(&folder);
    let told = site.run(&["account", "create", "--id", "43"]);
    assert!(told.good().contains("43") && told.stderr.contains("fedlink.db"), "{told:?}");
    assert!(modes(&folder).iter().all(|(name, mode)| *mode == 0o600 || name == "fedlink.lock"), "{:?}", modes(&folder));
}

#[test]
fn a_database_elsewhere_is_narrowed_where_it_is() {
    let site = Site::alone();
    let elsewhere = tempfile::tempdir().expect("a folder");
    symlink(elsewhere.path().join("fedlink.db"), site.database()).expect("a link");
    let mut running = site.serve();
    let files = private(&["fedlink.db", "fedlink.db-shm", "fedlink.db-wal"]);
    assert_eq!(modes(elsewhere.path()), files);
    running.kill();
    open_to_all(elsewhere.path());
    let running = site.serve();
    assert_eq!(modes(elsewhere.path()), files);
    drop(running);
}

#[test]
fn a_command_deletes_beside_the_server() {
    let site = Site::alone();
    let running = site.serve();
    let create = [
        "account",
        "create",
        "--id",
        "42",
        "--name",
        "Planted Name",
        "--email",
        "planted@example.com",
        "--phone",
        NUMBER,
    ];
    let words: Vec<String> = ["Planted Name", "planted@example.com", NUMBER].map(ToOwned::to_owned).into();
    site.run(&create).good();
    let found = grep(&words, &[site.path("")]);
    assert!(words.iter().all(|word| found.contains(word.as_str())), "{found}");
    let deleted = site.run(&["account", "delete", "42"]);
    assert_eq!((deleted.good().trim(), deleted.stderr.as_str()), ("deleted 42", ""));
    assert_eq!(grep(&words, &[site.path("")]), "");
    // It is as good as before, for both.
    site.run(&create).good();
    assert!(running.is_ready());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_meanwhile_holds_up_no_deletion() {
    let world = World::start(Engine::Sqlite).await;
    world.account("planted-subject").await;
    let words = vec!["Planted Name".to_owned()];
    execute(&world.database_url, "UPDATE accounts SET name = 'Planted Name'").await;
    let mut reader = Sql::open(&world.database_url).await;
    reader.run("BEGIN; SELECT count(*) FROM accounts").await;
    remove(&world, "planted-subject").await;
    let folders = folders(&world).await;
    assert!(!grep(&words, &folders).is_empty(), "what a reader sees can't be gone");
    reader.run("COMMIT").await;
    sweep::delete(&world.app.parts).await.expect("it sweeps");
    assert_eq!(grep(&words, &folders), "");
}

/// Where rows grow, pages are split, and one that was may keep a copy of a row that has moved on: what overwrites a row where
/// it stands doesn't know of that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_page_remembers_a_row_that_was_moved() {
    let world = World::start(Engine::Sqlite).await;
    let mut sql = Sql::open(&world.database_url).await;
    sql.run("PRAGMA synchronous = OFF; PRAGMA secure_delete = ON").await;
    // In an order that is none, and always the same.
    let all: Vec<u32> = (0..600_u32).map(|nth| nth.wrapping_mul(2_654_435_761)).collect();
    let filler = |n: u32| if n >> 7 & 1 == 0 { String::new() } else { "m".repeat(500) };
    for (nth, n) in all.iter().enumerate() {
        let older = all[nth * 7919 % (nth + 1)];
        sql.run(&format!(
            "INSERT INTO accounts (subject, account_type, name, email, phone, meta, created) VALUES \
             ('{n:08x}-id', 'resident', 'name-{n:08x}', '{n:08x}@example.com', '+7{n}', '{{\"m\": \"{}\"}}', 0); \
             UPDATE accounts SET name = 'another-name-{older:08x}{}' WHERE subject = '{older:08x}-id'",
            filler(*n),
            filler(older >> 3)
        ))
        .await;
    }
    let mut gone = Vec::new();
    for n in all.iter().skip(1).step_by(2) {
        sql.run(&format!("DELETE FROM accounts WHERE subject = '{n:08x}-id'")).await;
        gone.extend([format!("name-{n:08x}"), format!("{n:08x}@example.com")]);
    }
    sql.run("PRAGMA wal_checkpoint(TRUNCATE)").await;
    drop(sql);
    assert_ne!(grep(&gone, &folders(&world).await), "", "no page has a copy: nothing is shown by this test");
    let last = all[0];
    remove(&world, &format!("{last:08x}-id")).await;
    gone.extend([format!("name-{last:08x}"), format!("{last:08x}@example.com")]);
    assert_eq!(grep(&gone, &folders(&world).await), "");
    let intact = format!("accounts WHERE phone = '+7{}' AND name LIKE '%name-{:08x}%'", all[598], all[598]);
    assert_eq!((count(&world, "accounts").await, count(&world, &intact).await), (299, 1));
}
