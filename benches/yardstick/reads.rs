//! Readers of fresh tokens, who notice what others do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use reqwest::Client;

/// Where fedlink is, and who asks.
#[derive(Clone)]
pub(crate) struct Target {
    url: String,
    token: String,
}

impl Target {
    /// Calls with $TOKEN.
    pub(crate) fn new(url: String) -> Self {
        Self { url, token: settings::process_env("TOKEN").expect("TOKEN is set") }
    }

    /// Whether a subject gets a token.
    pub(crate) async fn ask(&self, client: &Client, subject: u32) -> bool {
        let url = format!("{}/blitz/api/v3/users/user-{subject:08}/fedToken/bench/bench_1", self.url);
        match client.get(url).bearer_auth(&self.token).send().await {
            Ok(answer) => answer.status() == 200 && answer.bytes().await.is_ok(),
            Err(_) => false,
        }
    }
}

/// Reads fresh tokens, one each `every`, until `work` is done; gives how long that took, how long each read took, sorted, and
/// how many calls failed.
pub(crate) async fn meanwhile(
    target: &Target,
    subjects: u32,
    every: Duration,
    work: impl Future<Output = usize>,
) -> (Duration, Vec<Duration>, usize) {
    let over = Arc::new(AtomicBool::new(false));
    let reads = reader(target, subjects, every, &over);
    let began = Instant::now();
    let failed = work.await;
    let took = began.elapsed();
    over.store(true, Ordering::Relaxed);
    let (reads, failed_reads) = reads.join().expect("it reads");
    (took, reads, failed + failed_reads)
}

/// Reads on a thread of its own until it is over; gives how long each read took, sorted, and how many failed.
fn reader(
    target: &Target,
    subjects: u32,
    every: Duration,
    over: &Arc<AtomicBool>,
) -> JoinHandle<(Vec<Duration>, usize)> {
    let (target, over) = (target.clone(), Arc::clone(over));
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(read(&target, subjects, every, &over))
    })
}

async fn read(target: &Target, subjects: u32, every: Duration, over: &AtomicBool) -> (Vec<Duration>, usize) {
    let (client, mut turns, mut reads) = (client(), tokio::time::interval(every), tokio::task::JoinSet::new());
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

pub(crate) fn client() -> Client {
    Client::builder().build().expect("a client")
}

/// In milliseconds.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> String {
    let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    format!("{:.2}", sorted.get(at).copied().unwrap_or_default().as_secs_f64() * 1e3)
}
