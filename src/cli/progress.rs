//! How far a long command is: a bar on a terminal, else a line now and then.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::output::{Output, aside};

/// Without a total, so many are told of at once.
const STRIDE: u64 = 100_000;

/// Shows how far a command is.
pub(super) struct Show<'a> {
    output: &'a Output,
    /// What is counted: "rows".
    unit: &'static str,
    bar: Option<ProgressBar>,
    told: u64,
}

impl<'a> Show<'a> {
    pub(super) fn new(output: &'a Output, unit: &'static str) -> Self {
        let bar = (!output.is_json() && std::io::stderr().is_terminal()).then(|| ProgressBar::new(0));
        Self { output, unit, bar, told: 0 }
    }

    /// So many are done, of so many if that is known.
    pub(super) fn step(&mut self, done: u64, total: Option<u64>) {
        if let Some(bar) = &self.bar {
            show(bar, self.unit, done, total);
            return;
        }
        let now = total.map_or(done / STRIDE, |total| done.saturating_mul(10).checked_div(total).unwrap_or(10));
        if now != self.told {
            self.told = now;
            self.tell(done, total);
        }
    }

    fn tell(&self, done: u64, total: Option<u64>) {
        if self.output.is_json() {
            // Beside the answer, which is one document.
            aside(total.map_or_else(|| json!({"done": done}), |total| json!({"done": done, "total": total})));
        } else {
            let of = total.map(|total| format!(" of {total}")).unwrap_or_default();
            aside(format_args!("{done}{of} {}", self.unit));
        }
    }

    pub(super) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

fn show(bar: &ProgressBar, unit: &str, done: u64, total: Option<u64>) {
    if bar.length() != total || bar.position() == 0 {
        let template = match total {
            Some(_) => format!("{{bar:40}} {{pos}}/{{len}} {unit}, {{per_sec}}, {{eta}} to go"),
            None => format!("{{spinner}} {{pos}} {unit}, {{per_sec}}"),
        };
        bar.set_style(ProgressStyle::with_template(&template).unwrap_or_else(|_our_own| ProgressStyle::default_bar()));
        match total {
            Some(total) => bar.set_length(total),
            None => bar.unset_length(),
        }
    }
    bar.set_position(done);
}

/// How many a second.
pub(super) fn rate(done: u64, took: Duration) -> u64 {
    u64::try_from(u128::from(done) * 1000 / took.as_millis().max(1)).unwrap_or(u64::MAX)
}
