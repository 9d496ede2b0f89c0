//! The built `fedlink` as its users run it: a process with arguments, an environment and pipes.

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::{canaries, contract};

/// The longest a test waits for a process: generous, since it only bounds a failure.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a command said, and how it ended.
#[derive(Debug)]
pub(crate) struct Output {
    /// How it ended.
    pub(crate) status: ExitStatus,
    /// Its standard output.
    pub(crate) stdout: String,
    /// Its standard error.
    pub(crate) stderr: String,
}

/// A `fedlink` that was built.
#[derive(Clone, Debug)]
pub(crate) struct Program(PathBuf);

impl Program {
    /// This one.
    pub(crate) fn this() -> Self {
        Self(env!("CARGO_BIN_EXE_fedlink").into())
    }

    /// The last release's, where `scripts/upgrade` has built it; else this one.
    pub(crate) fn before() -> Self {
        env::var_os("FEDLINK_BEFORE").map_or_else(Self::this, |program| Self(program.into()))
    }

    /// Runs `fedlink` with `args` and nothing in its environment but `env`, feeds it `stdin`, and waits for its end.
    ///
    /// Panics if that takes over a minute.
    pub(crate) fn run(&self, args: &[&str], env: &[(&str, &str)], stdin: &str) -> Output {
        let mut child = self.command(args, env).stdin(Stdio::piped()).spawn().expect("the binary is built");
        let mut to_child = child.stdin.take().expect("it is piped");
        let given = stdin.to_owned();
        // A command that does not read its input closes the pipe, and that is no failure.
        let feeder = thread::spawn(move || drop(to_child.write_all(given.as_bytes())));
        let stdout = read_to_end(child.stdout.take().expect("it is piped"));
        let stderr = read_to_end(child.stderr.take().expect("it is piped"));

        let deadline = Instant::now() + PATIENCE;
        let texts =
            [stdout, stderr].map(|text| text.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok());
        let [Some(stdout), Some(stderr)] = texts else {
            drop(child.kill());
            drop(child.wait());
            panic!("fedlink {args:?} did not end within {PATIENCE:?}");
        };
        let status = child.wait().expect("it has closed its output");
        feeder.join().expect("the feeder ends with the pipe");
        Output { status, stdout, stderr }
    }

    /// Starts `fedlink serve --config …` and waits until `/readyz` says 200.
    ///
    /// The addresses are taken from the line it logs once both ports are open, so a test may ask for port 0:
    /// `listening on http://…, operations on http://…`. Panics with all it said if it ends or stays silent for a minute.
    pub(crate) fn serve(&self, config: &Path, env: &[(&str, &str)]) -> Running {
        let config = config.to_str().expect("a temporary folder has a plain name");
        let serving = self.command(&["serve", "--config", config], env).stdin(Stdio::null()).spawn();
        let mut child = serving.expect("the binary is built");
        let logs = Arc::new(Mutex::new(String::new()));
        let (announce, announced) = channel();
        collect(child.stdout.take().expect("it is piped"), &logs, announce.clone());
        collect(child.stderr.take().expect("it is piped"), &logs, announce);

        let deadline = Instant::now() + PATIENCE;
        let mut running = Running { base_url: String::new(), ops_url: String::new(), child, logs, announced };
        match running.announced.recv_timeout(PATIENCE) {
            Ok(addresses) => (running.base_url, running.ops_url) = addresses,
            Err(RecvTimeoutError::Timeout) => panic!("fedlink says no address:\n{}", running.logs()),
            Err(RecvTimeoutError::Disconnected) => panic!("fedlink ended instead of serving:\n{}", running.logs()),
        }
        while !running.is_ready() {
            assert!(Instant::now() < deadline, "fedlink does not become ready:\n{}", running.logs());
        }
        running
    }

    /// Starts a command; what it complains of is the test's own.
    pub(crate) fn start(&self, args: &[&str], env: &[(&str, &str)]) -> Going {
        let mut child =
            self.command(args, env).stdin(Stdio::null()).stderr(Stdio::inherit()).spawn().expect("it is built");
        let told = child.stdout.take().map(BufReader::new);
        Going { child, told }
    }

    fn command(&self, args: &[&str], env: &[(&str, &str)]) -> Command {
        contract::commands::ran(args);
        let mut command = Command::new(&self.0);
        command.args(args).env_clear().envs(env.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// Runs this program, as [`Program::run`].
pub(crate) fn run(args: &[&str], env: &[(&str, &str)], stdin: &str) -> Output {
    Program::this().run(args, env, stdin)
}

/// Serves with this program, as [`Program::serve`].
pub(crate) fn serve(config: &Path, env: &[(&str, &str)]) -> Running {
    Program::this().serve(config, env)
}

/// Starts this program, as [`Program::start`].
pub(crate) fn start(args: &[&str], env: &[(&str, &str)]) -> Going {
    Program::this().start(args, env)
}

/// A serving process; it is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    /// Where the service answers, such as `http://127.0.0.1:40001`; without the base path.
    pub(crate) base_url: String,
    /// Where `/readyz` and `/metrics` answer.
    pub(crate) ops_url: String,
    child: Child,
    logs: Arc<Mutex<String>>,
    /// Breaks off when the process has closed its outputs.
    announced: Receiver<(String, String)>,
}

impl Running {
    /// All it has said so far, on both outputs.
    pub(crate) fn logs(&self) -> String {
        self.logs.lock().expect("no reader died").clone()
    }

    /// Whether `/readyz` says 200 now.
    pub(crate) fn is_ready(&self) -> bool {
        is_ready(&self.ops_url)
    }

    /// Tells it to stop, as a service manager does; it has a while for that.
    pub(crate) fn send_sigterm(&self) {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().expect("there is kill");
        assert!(told.success(), "it runs no more:\n{}", self.logs());
    }

    /// The number of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Has it read its keyring again, as `SIGHUP` does, and waits until it says how that went: gives what it says.
    pub(crate) fn reload(&self) -> String {
        let said = |logs: &str| logs.lines().filter(|line| line.contains("reloaded")).map(str::to_owned).collect();
        let before: Vec<String> = said(&self.logs());
        let told = Command::new("kill").args(["-HUP", &self.child.id().to_string()]).status().expect("there is kill");
        assert!(told.success(), "it runs no more:\n{}", self.logs());
        let deadline = Instant::now() + PATIENCE;
        loop {
            let now: Vec<String> = said(&self.logs());
            if let Some(line) = now.get(before.len()) {
                return line.clone();
            }
            assert!(Instant::now() < deadline, "it does not say how it reloaded:\n{}", self.logs());
            thread::yield_now();
        }
    }

    /// Waits for its end; panics if that takes over a minute.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        match self.announced.recv_timeout(PATIENCE) {
            Err(RecvTimeoutError::Disconnected) => self.child.wait().expect("it has closed its outputs"),
            other => panic!("fedlink does not end ({other:?}):\n{}", self.logs()),
        }
    }

    /// Ends it with SIGKILL, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it has ended");
    }

    /// Tells it to stop and waits until it has.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        self.send_sigterm();
        self.wait()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        canaries::search_for_people("the program's log", &self.logs());
    }
}

/// A command that goes on by itself, and tells a line now and then; it is killed when this is dropped.
pub(crate) struct Going {
    child: Child,
    /// None: nobody reads it any more.
    told: Option<BufReader<ChildStdout>>,
}

impl Going {
    /// What it tells next.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.told.as_mut().expect("it is read").read_line(&mut line).expect("text");
        line
    }

    /// Reads it no more.
    pub(crate) fn hang_up(&mut self) {
        self.told = None;
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("it ends")
    }

    /// Tells it to stop, and waits until it has.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().expect("there is kill");
        assert!(told.success(), "it runs no more");
        self.wait()
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn read_to_end(mut pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (done, text) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        drop(pipe.read_to_end(&mut bytes));
        drop(done.send(String::from_utf8_lossy(&bytes).into_owned()));
    });
    text
}

/// Keeps what comes, and announces the addresses when they are told.
fn collect(pipe: impl Read + Send + 'static, logs: &Arc<Mutex<String>>, announce: Sender<(String, String)>) {
    let logs = Arc::clone(logs);
    thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while pipe.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line);
            logs.lock().expect("no reader died").push_str(&text);
            if let Some(addresses) = addresses_in(&text) {
                drop(announce.send(addresses));
            }
            line.clear();
        }
    });
}

fn addresses_in(line: &str) -> Option<(String, String)> {
    let url_after = |words: &str| {
        let (_, rest) = line.split_once(words)?;
        let address = rest.split(|c: char| c.is_whitespace() || ",\"\u{1b}".contains(c)).next()?;
        Some(address.trim_end_matches('/').to_owned())
    };
    Some((url_after("listening on ")?, url_after("operations on ")?))
}

/// One question, with no client in between that could wait or retry by itself.
fn is_ready(ops_url: &str) -> bool {
    let host = ops_url.trim_start_matches("http://");
    let ask = || {
        let mut stream = TcpStream::connect(host)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "GET /readyz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
        let mut status = String::new();
        BufReader::new(stream).read_line(&mut status)?;
        Ok::<_, std::io::Error>(status.starts_with("HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}

/// One test for all the doors, with `--version` standing for any command.
#[test]
fn the_program_says_its_version_and_refuses_an_unknown_command() {
    let version = run(&["--version"], &[], "");
    assert!(version.status.success(), "{version:?}");
    assert_eq!(version.stdout.trim(), concat!("fedlink ", env!("CARGO_PKG_VERSION")));
    let unknown = run(&["no-such-command"], &[], "not read");
    assert!(!unknown.status.success());
    assert!(unknown.stderr.contains("no-such-command"), "{unknown:?}");
}

#[test]
fn addresses_are_found_in_either_kind_of_log() {
    let expected = Some(("http://127.0.0.1:40001".to_owned(), "http://127.0.0.1:40002".to_owned()));
    let text = "INFO fedlink: listening on http://127.0.0.1:40001, operations on http://127.0.0.1:40002 version=1\n";
    assert_eq!(addresses_in(text), expected);
    let json = r#"{"message":"listening on http://127.0.0.1:40001, operations on http://127.0.0.1:40002"}"#;
    assert_eq!(addresses_in(json), expected);
    assert_eq!(addresses_in("listening on http://127.0.0.1:40001"), None);
}
