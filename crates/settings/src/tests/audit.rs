//! `[audit]`, good and bad.

use std::time::Duration;

use super::{mistakes_of, parse};

const DAY: Duration = Duration::from_hours(24);

fn keep(text: &str) -> Duration {
    parse(&format!("public_url = \"https://a.example\"\n{text}")).unwrap().audit.keep
}

#[test]
fn the_record_is_kept_as_long_as_the_operator_says_else_400_days() {
    assert_eq!(keep(""), 400 * DAY);
    assert_eq!(keep("[audit]"), 400 * DAY);
    assert_eq!(keep("[audit]\nkeep = \"30d\""), 30 * DAY);
    assert_eq!(keep("[audit]\nkeep = \"24h\""), DAY);
    assert_eq!(keep("[audit]\nkeep = \"36500d\""), 36_500 * DAY);
}

#[test]
fn lines_are_told_to_the_log_where_the_operator_says_so() {
    let log = |text: &str| parse(&format!("public_url = \"https://a.example\"\n{text}")).unwrap().audit.log;
    assert!(!log("") && !log("[audit]") && !log("[audit]\nlog = false"));
    assert!(log("[audit]\nlog = true"));
    let mistakes = mistakes_of("[audit]\nlog = \"yes\"");
    assert!(mistakes.starts_with("audit.log: must be true or false"), "{mistakes}");
}

#[test]
fn a_record_that_is_kept_for_no_time_or_for_ever_is_refused() {
    let range = "audit.keep: must be from 86400 s to 3153600000 s";
    for (text, told) in [
        ("keep = \"0s\"", range),
        ("keep = \"23h\"", range),
        ("keep = \"36501d\"", range),
        ("keep = 400", "audit.keep: must be a whole number with s, m, h or d"),
        ("keep = \"1y\"", "audit.keep: must be a whole number with s, m, h or d"),
        ("kept = \"400d\"", "audit.kept: is no known key; did you mean \"keep\"?"),
    ] {
        let mistakes = mistakes_of(&format!("[audit]\n{text}"));
        assert!(mistakes.starts_with(told), "{text}\n{mistakes}");
    }
}
