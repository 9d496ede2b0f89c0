//! Clients of the Condo dialect that no one here wrote, as they come: from npm and from `PyPI`.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::asked::asked;

const INSTALL: &str = "clients of the Condo dialect are needed by the tests: scripts/test installs them \
                       (apt-get install nodejs npm python3 python3-venv, then what tests/support/condo-clients, gql and sgqlc name)";

/// Each of them.
pub(crate) const CLIENTS: [&str; 7] =
    ["graphql-request", "@urql/core", "@apollo/client 3", "@apollo/client 4", "@open-condo/apollo", "gql", "sgqlc"];

/// What a client is given by these steps, each a kind, a document and its variables; the first signs in, as `signedIn`.
pub(crate) async fn walk(client: &str, url: &str, steps: &Value) -> Vec<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let command = match client {
        "gql" | "sgqlc" => {
            let mut python = Command::new(root.join(format!("target/python/{client}/bin/python")));
            python.arg(root.join(format!("tests/support/{client}/walk.py")));
            python
        }
        _ => node("walk.mjs"),
    };
    asked(command, &json!({"client": client, "url": url, "steps": steps}), INSTALL).await.0
}

/// What is given to who asks in batches, as the vendor's server client does, with a token that is no good any more.
pub(crate) async fn batches(url: &str, email: &str, password: &str, names: &[String]) -> Vec<Value> {
    let question = json!({"url": url, "email": email, "password": password, "names": names});
    asked(node("batches.mjs"), &question, INSTALL).await.0
}

fn node(program: &str) -> Command {
    let mut node = Command::new("node");
    node.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/condo-clients").join(program));
    node
}
