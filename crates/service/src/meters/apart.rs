//! A counter and a histogram of what all threads do all the time: each has its own part, and who asks is told of all.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::counter::{self, Atomic};
use prometheus_client::metrics::{MetricType, TypedMetric};

use domain::apart::Apart;

/// From 50 µs, which a fresh token takes, to a minute, in seconds.
const BOUNDS: [f64; 19] = [
    0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0,
    30.0, 60.0,
];

/// Those, and one that nothing exceeds.
fn bounds() -> impl Iterator<Item = f64> {
    BOUNDS.into_iter().chain([f64::INFINITY])
}

/// A counter.
pub type Counter = counter::Counter<u64, PerThread>;

/// What each thread has counted.
#[derive(Debug, Default)]
pub struct PerThread(Apart<AtomicU64>);

impl Atomic<u64> for PerThread {
    fn inc(&self) -> u64 {
        self.inc_by(1)
    }

    /// Gives what the thread had counted before.
    fn inc_by(&self, count: u64) -> u64 {
        self.0.here().fetch_add(count, Ordering::Relaxed)
    }

    fn get(&self) -> u64 {
        self.0.iter().map(|part| part.load(Ordering::Relaxed)).sum()
    }
}

/// How long something took, each time.
#[derive(Clone, Debug, Default)]
pub struct Histogram(Arc<Apart<Mutex<Observed>>>);

/// What one thread has seen: how often it took at most as long as each bound and longer than the one before, and how long all took
/// together, in seconds.
#[derive(Clone, Debug, Default)]
struct Observed {
    counts: [u64; BOUNDS.len() + 1],
    sum: f64,
}

impl Histogram {
    /// It took so long, once.
    pub fn observe(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let mut observed = self.0.here().lock().unwrap_or_else(PoisonError::into_inner);
        observed.sum += seconds;
        if let Some((count, _)) = observed.counts.iter_mut().zip(bounds()).find(|(_, bound)| seconds <= *bound) {
            *count += 1;
        }
    }

    fn all(&self) -> Observed {
        let mut all = Observed::default();
        for part in self.0.iter() {
            let part = part.lock().unwrap_or_else(PoisonError::into_inner).clone();
            all.sum += part.sum;
            for (count, more) in all.counts.iter_mut().zip(part.counts) {
                *count += more;
            }
        }
        all
    }
}

impl TypedMetric for Histogram {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for Histogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let Observed { counts, sum } = self.all();
        let buckets: Vec<_> = bounds().zip(counts).collect();
        encoder.encode_histogram::<NoLabelSet>(sum, counts.iter().sum(), &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn all_threads_are_told_of_together() {
        let (counter, histogram) = (Counter::default(), Histogram::default());
        let mut registry = Registry::default();
        registry.register("calls", "Calls", counter.clone());
        registry.register("seconds", "How long", histogram.clone());
        thread::scope(|scope| {
            for _ in 0..40 {
                scope.spawn(|| {
                    counter.inc();
                    histogram.observe(Duration::from_micros(50));
                    histogram.observe(Duration::from_millis(1500));
                    histogram.observe(Duration::from_secs(61));
                });
            }
        });
        let mut told = String::new();
        encode(&mut told, &registry).unwrap();
        for line in [
            "calls_total 40",
            r#"seconds_bucket{le="0.00005"} 40"#,
            r#"seconds_bucket{le="1.0"} 40"#,
            r#"seconds_bucket{le="2.0"} 80"#,
            r#"seconds_bucket{le="60.0"} 80"#,
            r#"seconds_bucket{le="+Inf"} 120"#,
            "seconds_count 120",
        ] {
            assert!(told.lines().any(|told| told == line), "{line} in {told}");
        }
        let sum = told.lines().find_map(|line| line.strip_prefix("seconds_sum ")).unwrap().parse::<f64>().unwrap();
        assert!((sum - 40.0 * 62.500_05).abs() < 1e-6, "{sum}");
    }
}
