//! An installation as its operator has it: a folder with the README's settings, secrets in its environment, the built program.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use domain::clock::{SharedClock, SystemClock};
use domain::entropy::SystemEntropy;
use sandbox::{ClientAuth, Options, Sandbox, SandboxClient, SandboxUser};
use serde_json::Value;
use tempfile::TempDir;

use super::program::{Going, Output, Program, Running};
use super::world::{self, Engine};

/// The secret of the README's client.
pub(crate) const CONSOLE_SECRET: &str = "console-secret-of-the-site";
/// The secret that the README's provider knows fedlink by.
pub(crate) const PROVIDER_SECRET: &str = "provider-secret-of-the-site";

/// A folder with `fedlink.toml`, and the environment that goes with it.
pub(crate) struct Site {
    /// What stands in `fedlink.toml`.
    pub(crate) settings: String,
    /// The variables.
    pub(crate) env: Vec<(&'static str, String)>,
    /// Which program runs and serves: this one at first.
    pub(crate) program: Program,
    folder: TempDir,
}

impl Site {
    /// The README's first real configuration with its provider at `issuer`, on any free ports and a fresh database.
    pub(crate) fn new(engine: Engine, issuer: &str) -> Self {
        let readme = include_str!("../../README.md");
        let (_, rest) = readme.split_once("```toml\n").expect("the README shows settings");
        let (settings, _) = rest.split_once("```").expect("to their end");
        let folder = tempfile::tempdir().expect("a folder");
        let mut site = Self {
            settings: settings.lines().map(|line| line.trim_start().to_owned() + "\n").collect(),
            env: vec![
                ("CONSOLE_SECRET", CONSOLE_SECRET.to_owned()),
                ("CONSOLE_REST_PASSWORD", "rest-password-of-the-site".to_owned()),
                ("TCS_SECRET", PROVIDER_SECRET.to_owned()),
            ],
            program: Program::this(),
            folder,
        };
        site.edit("https://id.bank.example", issuer);
        site.edit(
            r#"listen       = "127.0.0.1:8080""#,
            "listen = \"127.0.0.1:0\"\nops_listen = \"127.0.0.1:0\"\ndrain = \"0s\"",
        );
        if engine == Engine::Postgres {
            site.env.push(("DATABASE_URL", world::database(engine, &site.folder)));
            site.edit(r#""sqlite:fedlink.db""#, r#"{ env = "DATABASE_URL" }"#);
        }
        site
    }

    /// The same, with a keyring where none is made by itself.
    pub(crate) fn ready(engine: Engine, issuer: &str) -> Self {
        let site = Self::new(engine, issuer);
        site.make_keyring(engine);
        site
    }

    /// Makes the keyring, where that does not happen by itself.
    pub(crate) fn make_keyring(&self, engine: Engine) {
        if engine == Engine::Postgres {
            self.run(&["keys", "add"]).good();
        }
    }

    /// A site on SQLite whose provider is never asked.
    pub(crate) fn alone() -> Self {
        Self::new(Engine::Sqlite, "http://127.0.0.1:9")
    }

    /// The database as another program opens it.
    pub(crate) fn database(&self) -> PathBuf {
        self.path("fedlink.db")
    }

    /// A file in the site's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file that nobody else may read into the site's folder.
    pub(crate) fn write_private(&self, name: &str, content: &str) {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(self.path(name));
        file.expect("it isn't there").write_all(content.as_bytes()).expect("room");
    }

    /// Changes the settings; `from` must stand in them.
    pub(crate) fn edit(&mut self, from: &str, to: &str) {
        assert!(self.settings.contains(from), "{from} is not in\n{}", self.settings);
        self.settings = self.settings.replace(from, to);
    }

    /// Runs a command.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.feed(args, "")
    }

    /// Runs a command with something on its standard input.
    pub(crate) fn feed(&self, args: &[&str], stdin: &str) -> Output {
        let config = self.write();
        let args = [&["--config", config.to_str().expect("a plain name")], args].concat();
        self.program.run(&args, &self.environment(), stdin)
    }

    /// Runs a `keys` command; gives the JSON lines it prints.
    #[track_caller]
    pub(crate) fn keys(&self, args: &[&str]) -> Vec<Value> {
        let output = self.run(&[&["keys"], args, &["--json"]].concat());
        output.good().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// The address of its database.
    pub(crate) fn database_url(&self) -> String {
        let named = self.env.iter().find(|(name, _)| *name == "DATABASE_URL").map(|(_, url)| url.clone());
        named.unwrap_or_else(|| format!("sqlite:{}", self.database().display()))
    }

    /// Starts a command that goes on by itself.
    pub(crate) fn start(&self, args: &[&str]) -> Going {
        let config = self.write();
        self.program.start(&[&["--config", config.to_str().expect("a plain name")], args].concat(), &self.environment())
    }

    /// Serves until that is dropped.
    pub(crate) fn serve(&self) -> Running {
        self.program.serve(&self.write(), &self.environment())
    }

    fn write(&self) -> PathBuf {
        let config = self.path("fedlink.toml");
        // At once: instances that start side by side read it while the next one is started.
        let mut written = tempfile::NamedTempFile::new_in(self.folder.path()).expect("a file");
        written.write_all(self.settings.as_bytes()).expect("room");
        written.persist(&config).expect("a rename");
        config
    }

    fn environment(&self) -> Vec<(&str, &str)> {
        self.env.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }
}

/// The sandbox as the site's provider, on the machine's own time.
pub(crate) fn provider() -> Sandbox {
    provider_at(SystemClock::shared())
}

/// The same, on its own time.
pub(crate) fn provider_at(clock: SharedClock) -> Sandbox {
    provider_of(clock, vec![SandboxUser::new("1000347601", "Oleg Sandbox", "oleg@sandbox.example")])
}

/// The same, with these users.
pub(crate) fn provider_of(clock: SharedClock, users: Vec<SandboxUser>) -> Sandbox {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let mut options = Options::new(listener, clock, SystemEntropy::shared());
    options.clients = vec![SandboxClient {
        id: "fedlink".to_owned(),
        secret: Some(PROVIDER_SECRET.to_owned()),
        redirect_uris: vec!["http://127.0.0.1:8080/blitz/login/externalIdps/callback/tcs/tcs_1/false".to_owned()],
        auth: ClientAuth::Basic,
    }];
    options.users = users;
    Sandbox::start(options).expect("the sandbox starts")
}

impl Output {
    /// Both outputs, of a command that has to succeed.
    #[track_caller]
    pub(crate) fn good(&self) -> &str {
        assert!(self.status.success(), "{self:?}");
        &self.stdout
    }

    /// What it complained of, of a command that has to fail, and to do so by itself.
    #[track_caller]
    pub(crate) fn complaint(&self) -> &str {
        assert_eq!(self.status.code(), Some(1), "{self:?}");
        assert!(!self.stderr.contains("panicked"), "{self:?}");
        &self.stderr
    }
}
