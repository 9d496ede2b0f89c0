//! Everybody whose token has expired asks for it at once, while others read tokens that are fresh.

use std::ops::Range;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::stream::{self, StreamExt as _};
use reqwest::Client;

use super::reads::{Target, client, meanwhile, percentile};

/// Callers that wait at a time: many times as many as may ask the provider, and few enough for the usual limit of open files.
const AT_ONCE: usize = 800;
/// How often fresh tokens are read, so that it says something about latency and takes little of the processor.
const EVERY: Duration = Duration::from_millis(2);
/// How long they are read before the storm.
const QUIET: Duration = Duration::from_secs(5);

/// Asks once for each subject of `expired`, all the while reading tokens of subjects below them, and then once more, when
/// their tokens are fresh. Prints the seconds the first took, how many calls failed, and the median and the 99th percentile
/// of the reads in milliseconds: before, meanwhile, and the second time, which shows what the callers alone make of them.
pub(crate) async fn blow(url: String, expired: Range<u32>) {
    let target = Target::new(url);
    let none_failed = tokio::time::sleep(QUIET).map(|()| 0);
    let (_, quiet, failed_before) = meanwhile(&target, expired.start, EVERY, none_failed).await;
    let client = client();
    let all_at_once = || all_at_once(&target, &client, expired.clone());
    let (took, reads, failed) = meanwhile(&target, expired.start, EVERY, all_at_once()).await;
    let (_, crowded, failed_again) = meanwhile(&target, expired.start, EVERY, all_at_once()).await;
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
