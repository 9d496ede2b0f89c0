//! The verifiers that receivers use, as they are: `standardwebhooks` from npm and from `PyPI`.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::receiver::Delivered;

const INSTALL: &str = "standardwebhooks is needed by the tests: scripts/test installs it \
                       (apt-get install nodejs npm python3 python3-venv, then what tests/support/standard-webhooks names)";

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verifier {
    Npm,
    Pypi,
}

impl Verifier {
    /// What it makes of deliveries, in order: the event it gave its caller, or none where it refused.
    pub(crate) async fn verify(self, secret: &str, deliveries: &[Delivered]) -> Vec<Option<Value>> {
        let came = deliveries.iter().map(|delivered| {
            json!({
                "body": delivered.text,
                "headers": {
                    "webhook-id": delivered.id,
                    "webhook-timestamp": delivered.timestamp,
                    "webhook-signature": delivered.signature,
                },
            })
        });
        let question = json!({"secret": secret, "deliveries": came.collect::<Vec<_>>()});
        let mut command = self.command();
        let asked = spawn_blocking(move || command.arg(question.to_string()).output());
        let output = asked.await.expect("nobody panics").unwrap_or_else(|error| panic!("{INSTALL} ({error})"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{INSTALL}\nIt said {said}");
        let lines = String::from_utf8(output.stdout).expect("text");
        let outcomes: Vec<Option<Value>> = lines.lines().map(outcome).collect();
        assert_eq!(outcomes.len(), deliveries.len(), "{said}");
        outcomes
    }

    fn command(self) -> Command {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = root.join("tests/support/standard-webhooks");
        let (mut command, program) = match self {
            Self::Npm => (Command::new("node"), "verify.mjs"),
            Self::Pypi => (Command::new(root.join("target/python/standard-webhooks/bin/python")), "verify.py"),
        };
        command.arg(folder.join(program));
        command
    }
}

fn outcome(line: &str) -> Option<Value> {
    let told: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    assert!(told.get("gave").is_some() != told.get("refused").is_some(), "neither given nor refused: {line}");
    told.get("gave").cloned()
}
