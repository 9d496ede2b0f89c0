//! A program of the operator's that proves us where no key of ours can: ESIA takes signatures of a certified module alone.
//!
//! It is started without a shell, with nothing in its environment but `PATH`, reads one JSON object from standard input and writes one to
//! standard output: texts, each a parameter of the request (docs/settings.md, "A program that signs"). It runs before a lease is taken,
//! so that however slow it is, nobody else waits.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{self, Child};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::identity::{AuthorizationRequest, Redemption};
use super::passing::Passing;
use domain::clock::SharedClock;
use settings::Provider;

/// How long it may take once it is its turn.
const WITHIN: Duration = Duration::from_secs(5);
/// How long its turn is waited for.
const TURN_WITHIN: Duration = Duration::from_secs(5);
/// What it may write, in bytes.
const ROOM: usize = 16 * 1024;
/// The same and a byte, by which more than that is seen.
const ROOM_AND_MORE: u64 = 16 * 1024 + 1;
/// How many of a provider's run at once for tokens.
const AT_ONCE: usize = 4;
/// How many more run for browsers on their way to the provider, which come as often as they like.
const FOR_BROWSERS: usize = 2;

/// What a request says itself, and no program may say otherwise: what binds a grant to us and to whoever asked for it.
const OURS: [&str; 16] = [
    "client_id",
    "response_type",
    "response_mode",
    "redirect_uri",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "code_verifier",
    "request",
    "request_uri",
    "grant_type",
    "code",
    "refresh_token",
    "token",
    "iss",
    "error",
];

/// What a request is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose<'a> {
    /// A browser is sent to the provider, or the request for that is pushed.
    Authorization(&'a AuthorizationRequest),
    /// A code is traded for tokens.
    Code(&'a Redemption<'a>),
    /// Tokens are asked for anew.
    Refresh,
    /// A token is revoked.
    Revocation,
    /// A token is asked about.
    Introspection,
}

/// The program, its arguments, and how many of it run.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    argv: Vec<String>,
    turns: Arc<Semaphore>,
    of_browsers: Arc<Semaphore>,
    clock: SharedClock,
}

impl Command {
    /// That of the settings, if there is one.
    pub(crate) fn new(settings: &Provider, clock: SharedClock) -> Option<Self> {
        let argv = settings.client_command.clone();
        let turns = |count| Arc::new(Semaphore::new(count));
        (!argv.is_empty()).then(|| Self { argv, turns: turns(AT_ONCE), of_browsers: turns(FOR_BROWSERS), clock })
    }

    /// The parameters that it adds to a request. A failure is definite: nothing was sent.
    pub(crate) async fn run(
        &self,
        settings: &Provider,
        endpoint: &str,
        purpose: Purpose<'_>,
    ) -> Result<Vec<(String, SecretString)>, Passing> {
        let _turn = self.turn(purpose).await?;
        let mut over = self.clock.sleep(WITHIN);
        let asked = asked(settings, endpoint, purpose, self.clock.now());
        let answer = tokio::select! {
            biased;
            answer = self.answer(&asked) => answer,
            () = &mut over => Err("the program that proves us does not answer in time"),
        };
        let added = answer.and_then(|answer| added(settings, &answer, purpose));
        added.map_err(|why| {
            tracing::error!(provider = %settings.id, program = self.argv.first(), reason = why, "no proof of us");
            Passing::definite(why)
        })
    }

    /// The right to run it: whoever sends browsers here takes none from refreshes. That nobody gets one in time says nothing of the provider.
    async fn turn(&self, purpose: Purpose<'_>) -> Result<Option<SemaphorePermit<'_>>, Passing> {
        let turns = if matches!(purpose, Purpose::Authorization(_)) { &self.of_browsers } else { &self.turns };
        tokio::select! {
            biased;
            () = self.clock.sleep(TURN_WITHIN) => Err(Passing::of_ours("too many wait for the program that proves us")),
            turn = turns.acquire() => Ok(turn.ok()),
        }
    }

    async fn answer(&self, asked: &SecretString) -> Result<Vec<u8>, &'static str> {
        let (program, arguments) = self.argv.split_first().ok_or("there is no program that proves us")?;
        let mut child = process::Command::new(program)
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .process_group(0)
            .spawn()
            .map_err(|_names_the_path| "the program that proves us cannot be started")?;
        // Whoever stops waiting ends it, and what it has started.
        let mut group = Group::of(&child);
        let (Some(mut to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the program that proves us cannot be started");
        };
        let tell = async {
            // Who answers without reading has an answer all the same.
            to.write_all(asked.expose_secret().as_bytes()).await.ok();
            drop(to);
        };
        let mut answer = Vec::new();
        let hear = async { from.take(ROOM_AND_MORE).read_to_end(&mut answer).await };
        let ((), heard) = tokio::join!(tell, hear);
        heard.map_err(|_broke| "the program that proves us breaks off")?;
        if answer.len() > ROOM {
            return Err("the program that proves us answers more than 16 KiB");
        }
        let ended = child.wait().await;
        // Its number may be another's from here.
        group.0 = None;
        match ended {
            Ok(status) if status.success() => Ok(answer),
            _ => Err("the program that proves us fails"),
        }
    }
}

/// The processes of one run, which end with this.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // None may be left, which is as well.
            rustix::process::kill_process_group(leader, Signal::KILL).ok();
        }
    }
}

/// What it is told.
fn asked(
    settings: &Provider,
    endpoint: &str,
    purpose: Purpose<'_>,
    now: chrono::DateTime<chrono::Utc>,
) -> SecretString {
    let mut asked = Map::new();
    let mut tell = |name: &str, value: &str| drop(asked.insert(name.to_owned(), value.into()));
    tell("endpoint", endpoint);
    tell("client_id", &settings.client_id);
    tell("scope", &settings.scopes.join(settings.scope_separator.encode_utf8(&mut [0; 4])));
    tell("now", &now.to_rfc3339_opts(chrono::SecondsFormat::Secs, true));
    match purpose {
        Purpose::Authorization(request) => {
            tell("request", "authorization");
            tell("redirect_uri", request.redirect_uri.as_str());
            tell("state", request.state.expose_secret());
        }
        Purpose::Code(redemption) => {
            tell("request", "code");
            tell("redirect_uri", redemption.redirect_uri.as_str());
            tell("code", redemption.code.expose_secret());
        }
        Purpose::Refresh => tell("request", "refresh"),
        Purpose::Revocation => tell("request", "revocation"),
        Purpose::Introspection => tell("request", "introspection"),
    }
    Value::Object(asked).to_string().into()
}

/// What it answers.
fn added(
    settings: &Provider,
    answer: &[u8],
    purpose: Purpose<'_>,
) -> Result<Vec<(String, SecretString)>, &'static str> {
    const NO_OBJECT: &str = "the program that proves us answers no JSON object of texts";
    let members: Map<String, Value> = serde_json::from_slice(answer).map_err(|_quotes_it| NO_OBJECT)?;
    // At the authorization endpoint it comes back to us, and says whose flow it is.
    let is_ours = |name: &str| {
        OURS.contains(&name)
            || name == settings.asking.client_id_param
            || (name == "state" && matches!(purpose, Purpose::Authorization(_)))
    };
    members
        .into_iter()
        .map(|(name, value)| match value {
            _ if is_ours(&name) => Err("the program that proves us answers a parameter that is not its own"),
            Value::String(value) => Ok((name, value.into())),
            _ => Err(NO_OBJECT),
        })
        .collect()
}
