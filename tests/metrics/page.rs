//! docs/metrics.md: its table has what is told, each with its kind and its labels.

use std::collections::{BTreeMap, BTreeSet};

use super::{text, trusting, with_a_secret_that_ends};
use crate::support::database::execute;
use crate::support::fed::{expired, fed_token};
use crate::support::receiver::{Manner, Receiver, deliver};
use crate::support::revocations::unlink;
use crate::support::world::{Engine, World, both_engines};

const PAGE: &str = include_str!("../../docs/metrics.md");

type Metrics = BTreeMap<String, (String, BTreeSet<String>)>;

/// The kind and the labels of each metric of the page.
fn written() -> Metrics {
    let rows = PAGE.lines().filter(|line| line.starts_with("| `fedlink_"));
    let row = |line: &str| {
        let [_, name, kind, labels, ..] = line.split('|').map(str::trim).collect::<Vec<_>>()[..] else {
            panic!("a row of four: {line}")
        };
        let labels =
            labels.split(", ").filter(|label| !label.is_empty()).map(|label| label.trim_matches('`').to_owned());
        (name.trim_matches('`').to_owned(), (kind.to_owned(), labels.collect()))
    };
    rows.map(row).collect()
}

/// The same of what is told, by the names of its samples; of a histogram, by its own.
fn told(text: &str) -> Metrics {
    let kinds: BTreeMap<&str, &str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    let mut found = Metrics::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (sample, _value) = line.rsplit_once(' ').expect("a value");
        let (sample, labels) = sample.split_once('{').unwrap_or((sample, "}"));
        let ends = ["_bucket", "_count", "_sum"];
        let histogram =
            ends.iter().filter_map(|end| sample.strip_suffix(end)).find(|name| kinds.get(name) == Some(&"histogram"));
        let name = histogram.unwrap_or(sample);
        let family =
            ["", "_total", "_info"].iter().filter_map(|end| name.strip_suffix(end)).find_map(|name| kinds.get(name));
        let labels =
            labels.trim_end_matches('}').split("\",").filter_map(|label| Some(label.split_once("=\"")?.0.to_owned()));
        let labels = labels.filter(|label| label != "le").collect();
        found.insert(name.to_owned(), ((*family.expect("it has a kind")).to_owned(), labels));
    }
    found
}

both_engines! {
    async fn its_table_has_what_is_told(engine: Engine) {
        let receiver = Receiver::start().await;
        let folder = tempfile::tempdir().expect("a folder");
        let change = |settings: String| {
            trusting(&with_a_secret_that_ends(&settings), folder.path(), 100) + &receiver.settings("crm")
        };
        let world = World::frozen_with(engine, change).await;
        receiver.behave(Manner::Status(500));
        world.account("alice").await;
        let console = world.console().await;
        expired(&world, "oleg").await;
        assert_eq!(fed_token(&world, &console, "").await.status, 200);
        unlink(&world, &console, "oleg").await;
        deliver(&world).await;
        let some = "INSERT INTO outbox SELECT seq + 1000, 'crm', lane, ID, at, event, subject, fp_type, fp_name, sid, reason, replayed, queued_at, \
                    forgotten, queued_at, failure FROM outbox";
        let another = match engine {
            Engine::Sqlite => some.replace("ID", "'10000000-0000-4000-8000-' || (100000000000 + seq)"),
            Engine::Postgres => some.replace("ID", "gen_random_uuid()"),
        };
        execute(&world.database_url, &another).await;
        assert_eq!(told(&text(&world).await), written());
    }
}
