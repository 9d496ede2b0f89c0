//! Logs: one line per decision, ids as fields, never a query string, never a secret.

use std::io::IsTerminal as _;

use domain::audit::TARGET;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

/// What reads requests, as it calls itself in logs.
const SERVER: &str = "actix_http";

/// Starts logging to standard error: text on a terminal, JSON lines elsewhere. `filter` in the form of `RUST_LOG`.
pub fn start(filter: Option<&str>) {
    let directives = filter.unwrap_or("info");
    let mut filter = EnvFilter::builder().parse_lossy(directives);
    // The server tells of each head that is none at ERROR: whoever sends one would fill the log.
    if !directives.contains(SERVER)
        && let Ok(silent) = format!("{SERVER}=off").parse()
    {
        filter = filter.add_directive(silent);
    }
    // They are told where the settings say so, whatever else is.
    if let Ok(told) = format!("{TARGET}=info").parse() {
        filter = filter.add_directive(told);
    }
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let started = if std::io::stderr().is_terminal() {
        logs.finish().try_init()
    } else {
        logs.json().flatten_event(true).finish().try_init()
    };
    // A second start is a test's; the first one's logs go on.
    drop(started);
}
