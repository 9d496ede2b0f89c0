//! What fedlink's cost is held against: bare and hand-written servers of the same answers, and a maker of many rows.

// Nobody depends on a yardstick: where it can't go on, it says so and stops.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool that stops on any surprise"
)]

mod bare;
mod callers;
mod greedy;
mod issuer;
mod postgres;
mod provider;
mod reads;
mod seal;
mod seed;
mod sqlite;
mod storm;

use std::net::TcpListener;
use std::path::PathBuf;

use clap::Parser;
use mimalloc::MiMalloc;
use serde::{Serialize, Serializer};

/// fedlink's: what is by hand is held against it, not against another allocator.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Serves on a free port of 127.0.0.1 and says which; called by scripts/bench.
#[derive(Parser)]
enum Yardstick {
    /// A handler that returns the bytes of a file.
    Bare {
        /// The bytes.
        body: PathBuf,
    },
    /// fedToken and list by hand: one prepared SELECT on a connection per worker.
    Sqlite {
        /// fedlink's database file.
        database: PathBuf,
        /// fedlink's keyring file.
        keyring: PathBuf,
    },
    /// fedToken and list by hand: one prepared SELECT pipelined over one connection.
    Postgres {
        /// fedlink's database, as `postgres://…`.
        url: String,
        /// fedlink's keyring file.
        keyring: PathBuf,
    },
    /// Adds accounts, each with one link and its sealed tokens, to a SQLite database that nobody serves.
    Seed {
        /// fedlink's database file.
        database: PathBuf,
        /// fedlink's keyring file.
        keyring: PathBuf,
        /// The number of the first subject to add.
        from: u32,
        /// The number after the last.
        to: u32,
    },
    /// Prints the import lines of such accounts.
    Lines {
        /// How many, from number 0.
        count: u32,
        /// As many more, whose access tokens have expired and whose refresh tokens `provider` knows.
        #[arg(long)]
        expired: bool,
    },
    /// A provider with strict rotation; `/counts` tells how often it was asked, and how often it refused. A POST to `/again`
    /// starts all over.
    Provider {
        /// Families of refresh tokens.
        families: u32,
        /// Milliseconds that a token call takes.
        milliseconds: u64,
    },
    /// Asks once for each expired token of `lines --expired`, all at once; prints seconds, failures, and the median and 99th
    /// percentile in milliseconds of reading fresh tokens: before, meanwhile, and while the same are asked for once more, fresh
    /// by then. Calls with $TOKEN.
    Storm {
        /// Where fedlink listens.
        url: String,
        /// As with `lines`.
        count: u32,
    },
    /// Reads fresh tokens of `lines`, without greedy peers and beside them; prints how many reads failed, and the median and the
    /// 99th percentile in milliseconds of each. Calls with $TOKEN.
    Greedy {
        /// Where fedlink listens.
        url: String,
        /// As with `lines`.
        count: u32,
        /// What the peers do.
        kind: greedy::Kind,
    },
    /// The peers of `greedy`, until they are ended.
    Peers {
        /// Where fedlink listens.
        url: String,
        /// What they do.
        kind: greedy::Kind,
    },
    /// An issuer of JWTs; writes some into a file.
    Issuer {
        /// How many.
        tokens: u32,
        /// For how many subjects.
        subjects: u32,
        /// The file.
        file: PathBuf,
    },
    /// Makes all accounts of a SQLite database that nobody serves an issuer's.
    Claim {
        /// fedlink's database file.
        database: PathBuf,
        /// The issuer.
        issuer: String,
    },
    /// Adds accounts with names to a SQLite database, which may be served.
    Strangers {
        /// fedlink's database file.
        database: PathBuf,
        /// How many.
        count: u32,
    },
}

#[tokio::main]
async fn main() {
    match Yardstick::parse_from(std::env::args().filter(|argument| argument != "--bench")) {
        Yardstick::Bare { body } => bare::serve(&body).await,
        Yardstick::Sqlite { database, keyring } => sqlite::serve(database, &keyring).await,
        Yardstick::Postgres { url, keyring } => postgres::serve(&url, &keyring).await,
        Yardstick::Seed { database, keyring, from, to } => seed::add(&database, &keyring, from..to),
        Yardstick::Lines { count, expired } => seed::print_lines(count, expired),
        Yardstick::Provider { families, milliseconds } => provider::serve(families, milliseconds).await,
        Yardstick::Storm { url, count } => storm::blow(url, count..count * 2).await,
        Yardstick::Greedy { url, count, kind } => greedy::measure(url, count, kind).await,
        Yardstick::Peers { url, kind } => greedy::be(url, kind).await,
        Yardstick::Issuer { tokens, subjects, file } => issuer::serve(tokens, subjects, &file).await,
        Yardstick::Claim { database, issuer } => issuer::claim(&database, &issuer),
        Yardstick::Strangers { database, count } => seed::add_strangers(&database, count),
    }
}

/// A free port, said in fedlink's words so that the script reads both alike.
fn listener() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    eprintln!("listening on http://{}", listener.local_addr().expect("it is bound"));
    listener
}

/// The routes by hand, of both engines.
const FED_TOKEN: &str = "/blitz/api/v3/users/{subject}/fedToken/{type}/{name}";
const LIST: &str = "/blitz/api/v3/users/{subject}/fa";

/// A link of the list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Link {
    sid: String,
    fp_type: String,
    fp_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_name: Option<String>,
}

/// A token of fedToken, by sid.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Token {
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_on: Option<i64>,
    token: String,
}

/// The answer of fedToken.
struct Tokens(Vec<(String, Token)>);

impl Serialize for Tokens {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(sid, token)| (sid, token)))
    }
}
