//! ops/: what the dashboard and the alerts ask for is told, and what is said of them is there.

use std::collections::BTreeSet;

use serde_json::Value;

const DASHBOARD: &str = include_str!("../../ops/dashboard.json");
const RULES: &str = include_str!("../../ops/alerts.yaml");
const METRICS: &str = include_str!("../../docs/metrics.md");
const ALERTS: &str = include_str!("../../docs/alerts.md");

/// The metrics that a text names, a histogram by its own name.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let metrics = words.filter(|word| word.starts_with("fedlink_"));
    let of_histogram = |word: &str| {
        let cut = ["_bucket", "_count", "_sum"].iter().find_map(|end| word.strip_suffix(end));
        cut.unwrap_or(word).to_owned()
    };
    metrics.map(of_histogram).collect()
}

/// The first cells of a page's table.
fn rows(page: &str) -> BTreeSet<String> {
    let cell = |line: &str| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned());
    page.lines().filter_map(cell).collect()
}

/// All queries of a dashboard.
fn queries(value: &Value, found: &mut String) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "expr" || name == "query" => {
                        found.push_str(text);
                        found.push('\n');
                    }
                    other => queries(other, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| queries(item, found)),
        _ => {}
    }
}

#[test]
fn what_is_asked_for_is_told() {
    let told = rows(METRICS);
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("JSON");
    let mut asked = String::new();
    queries(&dashboard, &mut asked);
    for (whose, text) in [("the dashboard", asked.as_str()), ("the alerts", RULES)] {
        let named = named(text);
        assert!(named.len() > 10, "{whose}: {named:?}");
        assert_eq!(named.difference(&told).collect::<Vec<_>>(), Vec::<&String>::new(), "{whose}");
    }
}

#[test]
fn the_page_has_each_alert() {
    let alerts = RULES.lines().filter_map(|line| Some(line.trim().strip_prefix("- alert: ")?.to_owned()));
    assert_eq!(alerts.collect::<BTreeSet<_>>(), rows(ALERTS));
}
