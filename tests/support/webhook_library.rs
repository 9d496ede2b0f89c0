//! The verifiers that receivers use, as they are: `standardwebhooks` from npm and from `PyPI`.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::asked::asked;
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
        let (answers, said) = asked(self.command(), &question, INSTALL).await;
        let outcomes: Vec<Option<Value>> = answers.iter().map(outcome).collect();
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

fn outcome(told: &Value) -> Option<Value> {
    assert!(told.get("gave").is_some() != told.get("refused").is_some(), "neither given nor refused: {told}");
    told.get("gave").cloned()
}
