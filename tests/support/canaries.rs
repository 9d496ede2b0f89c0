//! Secrets of the suite that stand nowhere but where they belong: whatever any test leaves in a database, a log, an event or the
//! body of an error is searched for them; logs, events and the record for names and addresses of people as well. What is found fails
//! the tests that end after it, with its place.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::thread;

use domain::audit::TARGET;
use domain::entropy::{Entropy, SharedEntropy, SystemEntropy};
use rusqlite::{Connection, OpenFlags};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::disk::grep;
use super::{person, receiver, sms, world};

/// How each secret begins that fedlink or its provider draws: tokens, codes, cookies, states, verifiers.
const MARK: &str = "PlantedHere-";
/// [`MARK`], of which they are the base64url.
const MARKED: [u8; 9] = [0x3e, 0x56, 0xa7, 0xb5, 0xe7, 0x47, 0x7a, 0xb7, 0xbe];
/// The others, which tests choose.
const CHOSEN: [&str; 9] = [
    world::CONSOLE_SECRET,
    world::CONSOLE_PASSWORD,
    world::RIVAL_PASSWORD,
    "rival-secret-of-tests",
    "sandbox-secret",
    person::PASSWORD,
    sms::SECRET,
    receiver::NEW_SECRET,
    receiver::OLD_SECRET,
];

/// Names and addresses of people in the tests, which are told to nobody but themselves and who may list them.
const PERSONAL: [&str; 5] = ["Oleg Sandbox", "Elle Sandbox", "oleg@example.com", "jane@example.com", "+79990001234"];

/// What was found, and where.
static FOUND: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Randomness whose secrets can be told from all else.
#[derive(Debug)]
struct Marked(SharedEntropy);

impl Entropy for Marked {
    fn fill(&self, into: &mut [u8]) {
        self.0.fill(into);
        // As long as a secret is; ids and versions are shorter.
        if let (32, Some((first, _))) = (into.len(), into.split_first_chunk_mut()) {
            *first = MARKED;
        }
    }
}

/// The system's randomness; each secret that is drawn from it begins alike.
pub(crate) fn entropy() -> SharedEntropy {
    Arc::new(Marked(SystemEntropy::shared()))
}

/// All of them.
fn secrets() -> impl Iterator<Item = &'static str> {
    CHOSEN.into_iter().chain([MARK])
}

/// Searches a text; `place` is where it stands.
pub(crate) fn search(place: &str, text: &str) {
    search_into(&FOUND, place, text, secrets());
}

/// Searches a text that is to name no person either.
pub(crate) fn search_for_people(place: &str, text: &str) {
    search_into(&FOUND, place, text, secrets().chain(PERSONAL));
}

fn search_into(found: &Mutex<Vec<String>>, place: &str, text: &str, mut words: impl Iterator<Item = &'static str>) {
    if let Some(secret) = words.find(|secret| text.contains(secret)) {
        let whose = thread::current().name().unwrap_or_default().to_owned();
        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
        found.push(format!("{secret} in {place} ({whose}): {text}"));
    }
}

/// Searches the files in these folders, and these files; `test` is whose they are.
pub(crate) fn search_files(test: &str, places: &[PathBuf]) {
    let found = secrets_in(places);
    if !found.is_empty() {
        FOUND.lock().unwrap_or_else(PoisonError::into_inner).push(format!("in the database of {test}: {found}"));
    }
}

/// `file:secret` lines.
fn secrets_in(places: &[PathBuf]) -> String {
    grep(&secrets().collect::<Vec<_>>(), places)
}

/// Searches the record of a SQLite file: what the provider calls an account may be an address, all else of a line is not.
pub(crate) fn search_record(file: &Path) {
    for line in lines_of(file) {
        search_for_people("the record", &line);
    }
}

/// The lines of the record; none, if there is none (any more), or a test has put something in its place.
fn lines_of(file: &Path) -> Vec<String> {
    let columns =
        ["event", "client", "actor", "subject", "fp_type", "fp_name", "detail", "claimed_ip", "claimed_agent"];
    let columns = columns.map(|column| format!("coalesce({column}, '')")).join(" || ' ' || ");
    let read = || -> rusqlite::Result<Vec<String>> {
        let conn = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let tables = "SELECT count(*) FROM sqlite_master WHERE name = 'audit' AND type = 'table'";
        let is_table: bool = conn.query_row(tables, [], |row| row.get(0))?;
        if !is_table {
            return Ok(Vec::new());
        }
        let mut statement = conn.prepare(&format!("SELECT {columns} FROM audit"))?;
        let lines = statement.query_map([], |row| row.get(0))?;
        lines.collect()
    };
    read().unwrap_or_default()
}

/// Fails if anything was found so far, in this test or one that ended before.
pub(crate) fn check() {
    let found = std::mem::take(&mut *FOUND.lock().unwrap_or_else(PoisonError::into_inner));
    assert!(found.is_empty() || thread::panicking(), "secrets where none may be:\n{}", found.join("\n"));
}

/// Has all that is logged in this process searched.
pub(crate) fn watch_logs() {
    static WATCHED: Once = Once::new();
    WATCHED.call_once(|| drop(tracing::subscriber::set_global_default(subscriber(Searcher(&FOUND)))));
}

/// What fedlink itself says, all of it but for what is said at each step.
fn subscriber(into: Searcher) -> impl tracing::Subscriber + Send + Sync {
    // The names of all its crates begin so.
    let filter = EnvFilter::new(format!("fedlink=debug,{TARGET}=info,warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(into).finish()
}

/// Searches each line.
#[derive(Clone, Copy)]
struct Searcher(&'static Mutex<Vec<String>>);

impl<'a> MakeWriter<'a> for Searcher {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        *self
    }
}

impl io::Write for Searcher {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        search_into(self.0, "a log", &String::from_utf8_lossy(line), secrets().chain(PERSONAL));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Each kind of place with a secret in it, put there on purpose: it is found.
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::support::database::execute;
    use crate::support::disk::sqlite_files;
    use crate::support::postgres::files;
    use crate::support::world::{Engine, both_engines, database};

    both_engines! {
        async fn a_secret_in_a_database_is_found(engine: Engine) {
            let folder = tempfile::tempdir().unwrap();
            let url = database(engine, &folder);
            let all = || match engine {
                Engine::Sqlite => sqlite_files(folder.path()),
                Engine::Postgres => files(&url),
            };
            execute(&url, "CREATE TABLE here (secret text)").await;
            assert!(all().iter().any(|file| file.metadata().is_ok_and(|file| file.len() > 0)));
            assert_eq!(secrets_in(&all()), "");
            let secret = entropy().token();
            execute(&url, &format!("INSERT INTO here VALUES ('{}')", secret.expose_secret())).await;
            assert!(secrets_in(&all()).contains(MARK));
            // It was put there on purpose.
            execute(&url, "DROP TABLE here").await;
        }
    }

    #[test]
    fn a_secret_in_a_text_is_found() {
        let found = Mutex::default();
        search_into(&found, "the body of an error", "{\"error\":\"console-password is wrong\"}", secrets());
        search_into(&found, "an answer", "{\"name\":\"Oleg Sandbox\"}", secrets());
        search_into(&found, "an event", "{\"data\":{\"sid\":\"oleg\"}}", secrets().chain(PERSONAL));
        search_into(&found, "an event", "{\"data\":{\"name\":\"Oleg Sandbox\"}}", secrets().chain(PERSONAL));
        let found = found.into_inner().unwrap();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.concat().starts_with("console-password in the body of an error"), "{found:?}");
    }

    #[tokio::test]
    async fn a_line_of_the_record_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let url = database(Engine::Sqlite, &folder);
        let files = || sqlite_files(folder.path()).into_iter().flat_map(|file| lines_of(&file)).collect::<Vec<_>>();
        execute(&url, "CREATE TABLE other (event text)").await;
        assert_eq!(files(), Vec::<String>::new());
        execute(
            &url,
            "CREATE TABLE audit (event, client, actor, subject, fp_type, fp_name, sid, detail, claimed_ip, claimed_agent);
             INSERT INTO audit VALUES ('SIGNED_IN', NULL, NULL, '42', NULL, NULL, 'oleg@example.com', 'Oleg Sandbox', NULL, NULL)",
        )
        .await;
        assert_eq!(files(), ["SIGNED_IN   42   Oleg Sandbox  "]);
    }

    #[test]
    fn a_secret_in_a_log_is_found() {
        static HERE: Mutex<Vec<String>> = Mutex::new(Vec::new());
        tracing::subscriber::with_default(subscriber(Searcher(&HERE)), || {
            tracing::info!(target: "fedlink_service", sid = "oleg", "linked");
            tracing::debug!(target: "fedlink_upstream", code = format!("{MARK}and-more"), "asked");
            tracing::info!(target: TARGET, detail = format!("{MARK}and-more"), "audit");
        });
        let found = HERE.lock().unwrap();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.iter().all(|found| found.contains("in a log")), "{found:?}");
    }

    #[test]
    fn what_is_drawn_is_marked() {
        assert_eq!(URL_SAFE_NO_PAD.encode(MARKED), MARK);
        let (one, other) = (entropy().token(), entropy().token());
        assert!(one.expose_secret().starts_with(MARK));
        assert_ne!(one.expose_secret(), other.expose_secret());
    }
}
