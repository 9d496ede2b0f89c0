//! `graphql-request` from npm: a GraphQL client that no one here wrote.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tokio::task::spawn_blocking;

const INSTALL: &str = "a GraphQL client is needed by the tests: apt-get install nodejs npm, \
                       then npm ci --prefix tests/support/graphql-client";

/// Asks with that client; gives `data`, or `status` and `errors` as it throws them.
pub(crate) async fn request(url: &str, token: Option<&str>, query: &str, variables: Value) -> Value {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/graphql-client/ask.mjs");
    let question = json!({"url": url, "token": token, "query": query, "variables": variables});
    let asked = spawn_blocking(move || Command::new("node").arg(program).arg(question.to_string()).output());
    let output = asked.await.expect("nobody panics").unwrap_or_else(|error| panic!("{INSTALL} ({error})"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{INSTALL}\nIt said {said}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}
