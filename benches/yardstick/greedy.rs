//! Peers that take what they can get, beside readers of fresh tokens: what the readers notice is the measure.

use std::fmt::Write as _;
use std::io;
use std::process::{Command, Stdio};
use std::time::Duration;

use clap::ValueEnum;
use futures_util::FutureExt as _;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use super::reads::{Target, meanwhile, percentile};

/// How often a fresh token is read.
const EVERY: Duration = Duration::from_millis(5);
/// How long without the peers.
const QUIET: Duration = Duration::from_secs(5);
/// How long with them: as long as an unfinished head or body is waited for, and half as long again.
const GREEDY: Duration = Duration::from_secs(15);
/// A peer whose connection has ended comes again after this long.
const AGAIN: Duration = Duration::from_millis(100);
/// Between two steps of a sign-in, where there are 32 peers.
const REST: Duration = Duration::from_millis(10);

/// What peers do. Each is ten times what was found to hurt, but for sign-ins and rows, which are as they were found.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Kind {
    /// Somebody signed in, whose token is $GREEDY, asks for 120 counts with 98 conditions each: 20 at once.
    Lists,
    /// A query of 6,500 parameters to the browser's first page: 80 at once.
    Parameters,
    /// A body that lacks its end: 10,000.
    Bodies,
    /// A head that lacks its end: 10,000.
    Heads,
    /// Requests without end, whose answers nobody reads: 500 connections.
    Pipelines,
    /// The first step of a sign-in, 3,200 times a second.
    Rows,
    /// A password, once: 300 at once.
    SignIns,
}

impl Kind {
    /// How many peers there are.
    fn peers(self) -> usize {
        match self {
            Self::Lists => 20,
            Self::Parameters => 80,
            Self::Bodies | Self::Heads => 10_000,
            Self::Pipelines => 500,
            Self::Rows => 32,
            Self::SignIns => 300,
        }
    }

    /// What each of them sends.
    fn request(self) -> String {
        match self {
            Self::Lists => {
                let token = settings::process_env("GREEDY").expect("GREEDY is set");
                let conditions: Vec<_> =
                    (0..98).map(|n| serde_json::json!({ "name_contains": format!("nobody {n}") })).collect();
                let counts = (0..12).fold(String::new(), |mut counts, n| {
                    write!(counts, " a{n}: _allUsersMeta(where: $w) {{ count }}").expect("it is a string");
                    counts
                });
                let query = serde_json::json!({
                    "query": format!("query ($w: UserWhereInput) {{{counts} }}"),
                    "variables": { "w": { "OR": conditions } },
                });
                let body = serde_json::Value::from(vec![query; 10]).to_string();
                posted(&format!("Authorization: Bearer {token}\r\n"), &body, body.len())
            }
            Self::Parameters => {
                let parameters = (0..6500).fold(String::new(), |mut parameters, n| {
                    write!(parameters, "&p{n}=1").expect("it is a string");
                    parameters
                });
                got(&format!("/oauth/ae?client_id=bench{parameters}"))
            }
            Self::Bodies => posted("", &format!("{{\"query\":\"{}", "x".repeat(60_000)), 65_000),
            Self::Heads => "GET / HTT".to_owned(),
            Self::Pipelines => got("/nothing").repeat(2000),
            Self::Rows => got("/api/auth/x?user_type=resident"),
            Self::SignIns => {
                let query = "mutation { authenticateUserWithPhoneAndPassword(data: { dv: 1, sender: { dv: 1, \
                    fingerprint: \"greedy-peer\" }, userType: resident, phone: \"+79990000000\", \
                    password: \"not the password\" }) { token } }";
                let body = serde_json::json!({ "query": query }).to_string();
                posted("", &body, body.len())
            }
        }
    }

    /// Does it once on a connection.
    async fn send(self, peer: &mut TcpStream, request: &[u8]) -> io::Result<()> {
        let mut part = vec![0; 64 * 1024];
        match self {
            Self::Pipelines => loop {
                peer.write_all(request).await?;
            },
            Self::Bodies | Self::Heads => {
                peer.write_all(request).await?;
                // Until it is ended.
                while peer.read(&mut part).await? > 0 {}
                Err(io::ErrorKind::UnexpectedEof.into())
            }
            Self::Lists | Self::Parameters => {
                peer.write_all(request).await?;
                read_answer(peer, &mut part).await
            }
            Self::Rows => {
                peer.write_all(request).await?;
                read_answer(peer, &mut part).await?;
                tokio::time::sleep(REST).await;
                Ok(())
            }
            Self::SignIns => {
                peer.write_all(request).await?;
                read_answer(peer, &mut part).await?;
                std::future::pending().await
            }
        }
    }
}

fn got(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: bench\r\n\r\n")
}

/// What is posted to the GraphQL endpoint, and how long it says it is.
fn posted(headers: &str, body: &str, length: usize) -> String {
    let head = "POST /admin/api HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json";
    format!("{head}\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
}

/// Reads one answer to its end.
async fn read_answer(peer: &mut TcpStream, part: &mut [u8]) -> io::Result<()> {
    let mut received = Vec::new();
    loop {
        let read = peer.read(part).await?;
        received.extend_from_slice(part.get(..read).unwrap_or_default());
        let text = String::from_utf8_lossy(&received);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if length.and_then(|length| length.parse().ok()).is_some_and(|length: usize| body.len() >= length) {
                return Ok(());
            }
        }
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Is all the peers of a kind, for ever.
pub(crate) async fn be(url: String, kind: Kind) {
    // As many connections as may be.
    let most = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: most.maximum, ..most }).expect("the hard limit is allowed");
    let address = url.strip_prefix("http://").expect("a URL").to_owned();
    let request = kind.request();
    let peers = (0..kind.peers()).map(|_| async {
        loop {
            if let Ok(mut peer) = TcpStream::connect(&address).await {
                while kind.send(&mut peer, request.as_bytes()).await.is_ok() {}
            }
            tokio::time::sleep(AGAIN).await;
        }
    });
    LocalSet::new().run_until(futures_util::future::join_all(peers).map(|_: Vec<()>| ())).await;
}

/// Reads fresh tokens of `subjects`, without the peers and beside them. Prints the median and the 99th percentile in
/// milliseconds of each, and how many reads failed. The peers are processes that give way, as if they were elsewhere.
pub(crate) async fn measure(url: String, subjects: u32, kind: Kind) {
    let target = Target::new(url.clone());
    let (_, quiet, failed_before) = meanwhile(&target, subjects, EVERY, tokio::time::sleep(QUIET).map(|()| 0)).await;
    let yardstick = std::env::current_exe().expect("a program");
    let kind = kind.to_possible_value().expect("it is named");
    let mut peers = Command::new("nice")
        .args(["-n", "19"])
        .arg(yardstick)
        .args(["peers", &url, kind.get_name()])
        .stdin(Stdio::null())
        .spawn()
        .expect("it starts");
    let (_, reads, failed) = meanwhile(&target, subjects, EVERY, tokio::time::sleep(GREEDY).map(|()| 0)).await;
    peers.kill().expect("it was there to the end");
    peers.wait().expect("it is ours");
    print!("{}", failed_before + failed);
    for reads in [quiet, reads] {
        print!(" {} {}", percentile(&reads, 50), percentile(&reads, 99));
    }
    println!();
}
