//! Throw-away Postgres servers, from the machine's own binaries.
//!
//! One is started by the first test that asks and shared by the rest, so the tests run as one process (plain `cargo test`):
//! a runner with a process per test would start one server per test. Tests that stop a server start their own.

use std::cell::RefCell;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

const INSTALL: &str = "Postgres is needed by the tests: apt-get install postgresql";

/// Makes a server, starts it, obeys, and takes it down when this process is gone.
///
/// Orders come by standard input, a pipe whose other end this process holds: the system closes it however the process ends,
/// panic and `kill -9` included. `$1` is the folder of the binaries, `$2` a port; the environment says what kind of server:
/// a copy of the one at port `PRIMARY`, more settings in `CONF` and `HBA`, TLS with `KEY` and `CERT`; what an order is to run, beside
/// the folder of its data, stands there as well.
const KEEPER: &str = r#"
set -eu
umask 077
cd /
home=$(mktemp -d "${TMPDIR:-/tmp}/fedlink-pg.XXXXXX")
trap 'rm -rf "$home"' EXIT
checked() { "$@" >"$home/said" 2>&1 || { cat "$home/said" >&2; exit 1; }; }
if [ -n "${PRIMARY:-}" ]; then
    checked "$1/pg_basebackup" -h 127.0.0.1 -p "$PRIMARY" -U postgres -D "$home/data" -R --checkpoint=fast --no-sync
else
    checked "$1/initdb" -D "$home/data" -U postgres -A trust -E UTF8 --no-locale --no-sync
fi
cat >>"$home/data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
port = $2
unix_socket_directories = '$home'
fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum = off
jit = off
max_connections = 1000
shared_buffers = 64MB
max_wal_size = 256MB
${CONF:-}
CONF
if [ -n "${KEY:-}" ]; then
    printf '%s' "$KEY" >"$home/data/server.key"
    printf '%s' "$CERT" >"$home/data/server.crt"
    echo 'ssl = on' >>"$home/data/postgresql.conf"
fi
if [ -n "${HBA:-}" ]; then
    { printf '%s\n' "$HBA"; cat "$home/data/pg_hba.conf"; } >"$home/hba"
    mv "$home/hba" "$home/data/pg_hba.conf"
fi
control() { "$1/pg_ctl" -D "$home/data" -l "$home/log" "$2" "$3" >/dev/null || { cat "$home/log" >&2; exit 1; }; }
trap '"$1/pg_ctl" -D "$home/data" -m immediate stop >/dev/null 2>&1; rm -rf "$home"' EXIT
export PATH="$1:$PATH" PGDATA="$home/data" PGHOST=127.0.0.1 PGPORT="$2" PGUSER=postgres
control "$1" -w start
echo ready
while read -r order; do
    case "$order" in
        crash) control "$1" -mimmediate stop ;;
        promote) control "$1" -w promote ;;
        start) control "$1" -w start ;;
        run\ *) cd "$home"; checked sh -euc "$(printenv "${order#run }")"; cd / ;;
    esac
    echo done
done
"#;

/// A running server; it goes with this.
#[derive(Debug)]
pub(crate) struct Server {
    /// Where it listens on 127.0.0.1.
    pub(crate) port: u16,
    /// Its other end is the keeper's standard input; the server goes when it is closed.
    pipes: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    _keeper: Child,
    /// Databases of tests that have ended.
    ended: Arc<Mutex<Vec<Database>>>,
}

/// A database of the test whose thread this is kept on: it may go when that thread has ended.
struct Held {
    database: Database,
    ended: Arc<Mutex<Vec<Database>>>,
}

/// A database, and the test that it was made for.
#[derive(Clone, Debug, Default)]
struct Database {
    name: String,
    test: String,
}

/// Told of each database before it goes: of which test, and its files.
pub(crate) static LEAVING: OnceLock<fn(&str, &[PathBuf])> = OnceLock::new();

impl Drop for Held {
    fn drop(&mut self) {
        self.ended.lock().expect("nobody fails with it").push(std::mem::take(&mut self.database));
    }
}

thread_local! {
    static HELD: RefCell<Vec<Held>> = const { RefCell::new(Vec::new()) };
}

/// How many databases of ended tests may stand: each takes 8 MB, and a run makes hundreds.
const MAY_STAND: usize = 16;

/// The address of a new, empty database on the shared server, which this call starts if it is the first.
///
/// The name is unique in the run; the database goes some time after the calling thread. Panics with the command that installs Postgres if
/// there is none.
pub(crate) fn fresh_database() -> String {
    url(&shared().fresh_database("postgres"))
}

/// As [`fresh_database`], with what a [`template`] that is closed holds.
pub(crate) fn fresh_copy(template: &str) -> String {
    url(&shared().fresh_copy(template, "postgres"))
}

/// The name of a new, empty database of the shared server that stays as long as the server.
pub(crate) fn template() -> String {
    shared().sql("CREATE DATABASE of_tests TEMPLATE template0");
    "of_tests".to_owned()
}

/// Ends a template's visits, and takes no more: it can be copied.
pub(crate) fn close(template: &str) {
    shared().sql(&format!("ALTER DATABASE {template} ALLOW_CONNECTIONS false"));
    shared()
        .sql(&format!("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{template}'"));
}

/// The address of a database of the shared server.
pub(crate) fn url(name: &str) -> String {
    format!("postgres://postgres@127.0.0.1:{}/{name}", shared().port)
}

fn shared() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::start(&[]))
}

/// The files of a database of the shared server, as they are now.
pub(crate) fn files(url: &str) -> Vec<PathBuf> {
    let (_, name) = url.rsplit_once('/').expect("a name");
    shared().sql("CHECKPOINT");
    vec![shared().folder_of(name)]
}

impl Server {
    /// A server with nothing in it; `options` are the environment of the keeper.
    pub(crate) fn start(options: &[(&str, &str)]) -> Self {
        let binaries = binaries();
        let mut complaints = String::new();
        // The port is free when it is asked for, not necessarily when it is used.
        for _ in 0..3 {
            match Self::start_on(&binaries, free_port(), options) {
                Ok(server) => return server,
                Err(complaint) => complaints = complaint,
            }
        }
        panic!("Postgres from {} does not start: {complaints}", binaries.display());
    }

    fn start_on(binaries: &Path, port: u16, options: &[(&str, &str)]) -> Result<Self, String> {
        let mut keeper = unprivileged("sh")
            .args(["-c", KEEPER, "fedlink-test-postgres"])
            .arg(binaries)
            .arg(port.to_string())
            .envs(options.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own: Ctrl-C in the terminal ends the tests, and their end ends the server, in that order.
            .process_group(0)
            .spawn()
            .map_err(|error| format!("no shell: {error}"))?;
        let mut answers = BufReader::new(keeper.stdout.take().expect("it is piped"));
        if next_line(&mut answers) == "ready" {
            let orders = keeper.stdin.take().expect("it is piped");
            return Ok(Self { port, pipes: Mutex::new((orders, answers)), _keeper: keeper, ended: Arc::default() });
        }
        let output = keeper.wait_with_output().map_err(|error| error.to_string())?;
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// The name of a new, empty database of that role, unique in the run.
    pub(crate) fn fresh_database(&self, owner: &str) -> String {
        self.fresh_copy("template0", owner)
    }

    /// As [`Server::fresh_database`], with what `template` holds.
    fn fresh_copy(&self, template: &str, owner: &str) -> String {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", MADE.fetch_add(1, Ordering::Relaxed));
        // A template has no visitors, so databases can be made side by side.
        self.sql(&format!("CREATE DATABASE {name} TEMPLATE {template} OWNER {owner}"));
        let test = std::thread::current().name().unwrap_or_default().to_owned();
        let database = Database { name: name.clone(), test };
        HELD.with_borrow_mut(|held| held.push(Held { database, ended: Arc::clone(&self.ended) }));
        self.drop_ended();
        name
    }

    /// Drops what ended tests left, if it is much.
    fn drop_ended(&self) {
        let mut ended = self.ended.lock().expect("nobody fails with it");
        let gone = if ended.len() < MAY_STAND { Vec::new() } else { std::mem::take(&mut *ended) };
        drop(ended);
        if let (Some(leaving), false) = (LEAVING.get(), gone.is_empty()) {
            self.sql("CHECKPOINT");
            for database in &gone {
                leaving(&database.test, &[self.folder_of(&database.name)]);
            }
        }
        self.run(gone.iter().map(|database| format!("DROP DATABASE {} WITH (FORCE)", database.name)));
    }

    /// Where a database is on the disk, as of the last checkpoint.
    fn folder_of(&self, name: &str) -> PathBuf {
        let place = format!(
            "SELECT current_setting('data_directory') || '/base/' || oid FROM pg_database WHERE datname = '{name}'"
        );
        PathBuf::from(self.run(std::iter::once(place)).trim_end())
    }

    /// Ends it as a power cut does.
    pub(crate) fn crash(&self) {
        self.order("crash");
    }

    /// Starts it again after a crash.
    pub(crate) fn revive(&self) {
        self.order("start");
    }

    /// Runs a script of its environment, as the user that it runs as.
    pub(crate) fn run_script(&self, name: &str) {
        self.order(&format!("run {name}"));
    }

    /// Makes a standby the primary, and waits until it takes writes.
    pub(crate) fn promote(&self) {
        self.order("promote");
    }

    fn order(&self, order: &str) {
        let mut pipes = self.pipes.lock().expect("no order failed");
        writeln!(pipes.0, "{order}").expect("its keeper listens");
        assert_eq!(next_line(&mut pipes.1), "done", "{order} failed");
    }

    /// Runs a statement as its superuser.
    pub(crate) fn sql(&self, statement: &str) {
        self.run(std::iter::once(statement.to_owned()));
    }

    /// What a query answers, asked as its superuser.
    pub(crate) fn ask(&self, query: &str) -> String {
        self.run(std::iter::once(query.to_owned())).trim_end().to_owned()
    }

    /// Runs statements one after the other, each a transaction of its own; gives what they answer.
    fn run(&self, statements: impl Iterator<Item = String>) -> String {
        let commands: Vec<String> = statements.flat_map(|statement| ["-c".to_owned(), statement]).collect();
        if commands.is_empty() {
            return String::new();
        }
        let run = Command::new(binaries().join("psql"))
            .args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", "postgres", "-d", "postgres"])
            .args(["-p", &self.port.to_string()])
            .args(&commands)
            .stdin(Stdio::null())
            .output()
            .expect("psql stands beside the server's binaries");
        assert!(run.status.success(), "{commands:?}: {}", String::from_utf8_lossy(&run.stderr));
        String::from_utf8_lossy(&run.stdout).into_owned()
    }
}

fn next_line(answers: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    let read = answers.read_line(&mut line);
    read.map(|_| line.trim_end().to_owned()).unwrap_or_default()
}

/// Postgres refuses to run as root, so root runs it as the user its package made.
fn unprivileged(program: &str) -> Command {
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
    if !is_root {
        return Command::new(program);
    }
    let mut command = Command::new("runuser");
    command.args(["-u", "postgres", "--", program]);
    command
}

/// The newest of Debian's, which stand beside the path, or those that `pg_config` names.
pub(crate) fn binaries() -> PathBuf {
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path());
    let newest = debian
        .filter(|folder| folder.join("bin/initdb").exists())
        .max_by_key(|folder| folder.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()));
    if let Some(folder) = newest {
        return folder.join("bin");
    }
    let asked = Command::new("pg_config").arg("--bindir").output().unwrap_or_else(|_| panic!("{INSTALL}"));
    let folder = PathBuf::from(String::from_utf8_lossy(&asked.stdout).trim());
    assert!(folder.join("initdb").exists(), "{INSTALL}");
    folder
}

fn free_port() -> u16 {
    let probe = std::net::TcpListener::bind("127.0.0.1:0").expect("a loopback port");
    probe.local_addr().expect("the address it is bound to").port()
}

#[tokio::test]
async fn fresh_databases_are_apart() {
    let (first, second) = (fresh_database(), fresh_database());
    assert_ne!(first, second);

    let query = async |url: &str, statement: &str| {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("a connection");
        let driver = tokio::spawn(connection);
        let answer = client.query_one(statement, &[]).await.map(|row| row.get::<_, i64>(0));
        drop(client);
        driver.await.expect("the driver ends").expect("without an error");
        answer
    };
    let made = query(&first, "WITH made AS (SELECT 7::bigint AS n) SELECT n FROM made").await.expect("an answer");
    assert_eq!(made, 7);
    query(&first, "CREATE TABLE here (n bigint)").await.expect_err("DDL returns no row");
    assert_eq!(query(&first, "SELECT count(*) FROM here").await.expect("it is in the first"), 0);
    query(&second, "SELECT count(*) FROM here").await.expect_err("and not in the second");
}
