//! Everybody whose token has expired asks for it at once, while others read tokens that are fresh.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::stream::{self, StreamExt as _};
use reqwest::Client;

/// Callers that wait at a time: many times as many as may ask the provider, and few enough for the usual limit of open files.
const AT_ONCE: usize = 800;
/// How often fresh tokens are read, so that it says something about latency and takes little of the processor.
const EVERY: Duration = Duration::from_millis(2);
/// How long they are read before the storm.
const QUIET: Duration = Duration::from_secs(5);

/// Where fedlink is, and who asks.
#[derive(Clone)]
struct Target {
    url: String,
    token: String,
}

impl Target {
    /// Whether a subject gets a token.
    async fn ask(&self, client: &Client, subject: u32) -> bool {
        let url = format!("{}/blitz/api/v3/users/user-{subject:08}/fedToken/bench/bench_1", self.url);
        match client.get(url).bearer_auth(&self.token).send().await {
            Ok(answer) => answer.status() == 200 && answer.bytes().await.is_ok(),
            Err(_) => false,
        }
    }
}

/// Asks once for each subject of `expired`, all the while reading tokens of subjects below them, and then once more, when
/// their tokens are fresh. Prints the seconds the first took, how many calls failed, and the median and the 99th percentile
/// of the reads in milliseconds: before, meanwhile, and the second time, which shows what the callers alone make of them.
pub(crate) async fn blow(url: String, expired: Range<u32>) {
    let token = fedlink::settings::process_env("TOKEN").expect("TOKEN is set");
    let target = Target { url, token };
    let none_failed = tokio::time::sleep(QUIET).map(|()| 0);
    let (_, quiet, failed_before) = meanwhile(&target, expired.start, none_failed).await;
    let client = client();
    let all_at_once = || all_at_once(&target, &client, expired.clone());
    let (took, reads, failed) = meanwhile(&target, expired.start, all_at_once()).await;
    let (_, crowded, failed_again) = meanwhile(&target, expired.start, all_at_once()).await;
    print!("{:.2} {}", took.as_secs_f64(), failed_before + failed + failed_again);
    for reads in [quiet, reads, crowded] {
        print!(" {} {}", percentile(&reads, 50), percentile(&reads, 99));
    }
    println!();
}

/// Asks once for each subject; gives how many calls failed.
async fn all_at_once(target: &Target, client: &Client, subjects: Range<u32>) -> usize {
    let calls = subjects.map(|subject| target.ask(client, subject));
    stream::iter(calls).buffer_unordered(AT_ONCE).filter(|good| std::future::ready(!good)).count().await
}

/// Reads fresh tokens until `work` is done; gives how long that took, how long each read took, sorted, and how many calls
/// failed.
async fn meanwhile(
    target: &Target,
    subjects: u32,
    work: impl Future<Output = usize>,
) -> (Duration, Vec<Duration>, usize) {
    let over = Arc::new(AtomicBool::new(false));
    let reads = reader(target, subjects, &over);
    let began = Instant::now();
    let failed = work.await;
    let took = began.elapsed();
    over.store(true, Ordering::Relaxed);
    let (reads, failed_reads) = reads.join().expect("it reads");
    (took, reads, failed + failed_reads)
}

/// Reads on a thread of its own until it is over; gives how long each read took, sorted, and how many failed.
fn reader(target: &Target, subjects: u32, over: &Arc<AtomicBool>) -> JoinHandle<(Vec<Duration>, usize)> {
    let (target, over) = (target.clone(), Arc::clone(over));
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(read(&target, subjects, &over))
    })
}

async fn read(target: &Target, subjects: u32, over: &AtomicBool) -> (Vec<Duration>, usize) {
    let (client, mut turns, mut reads) = (client(), tokio::time::interval(EVERY), tokio::task::JoinSet::new());
    let mut subject = 0;
    while !over.load(Ordering::Relaxed) {
        // By the clock, whether earlier reads have been answered or not: a server that stalls must not be asked less.
        turns.tick().await;
        // All of them in an order that is not theirs.
        subject = (subject + 7919) % subjects;
        let (target, client) = (target.clone(), client.clone());
        reads.spawn(async move {
            let began = Instant::now();
            let good = target.ask(&client, subject).await;
            (began.elapsed(), good)
        });
    }
    let (mut took, good): (Vec<Duration>, Vec<bool>) = reads.join_all().await.into_iter().unzip();
    took.sort_unstable();
    (took, good.into_iter().filter(|good| !good).count())
}

fn client() -> Client {
    Client::builder().build().expect("a client")
}

/// In milliseconds.
fn percentile(sorted: &[Duration], percent: usize) -> String {
    let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    format!("{:.2}", sorted.get(at).copied().unwrap_or_default().as_secs_f64() * 1e3)
}
