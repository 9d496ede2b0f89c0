//! OAuth clients that no one here wrote, as they are: `openid-client` from npm and `Authlib` from `PyPI`.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::asked::asked;

const INSTALL: &str = "OAuth clients are needed by the tests: scripts/test installs them \
                       (apt-get install nodejs npm python3 python3-venv, then what tests/support/openid-client and authlib name)";

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Library {
    OpenidClient,
    Authlib,
}

/// What came of one step.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// What the library gave its caller.
    Gave(Value),
    /// What its caller finds in the error that it threw.
    Threw(Value),
}

impl Outcome {
    /// What was given.
    #[track_caller]
    pub(crate) fn gave(&self) -> &Value {
        match self {
            Self::Gave(value) => value,
            Self::Threw(error) => panic!("it threw {error}"),
        }
    }

    /// What was thrown.
    #[track_caller]
    pub(crate) fn threw(&self) -> &Value {
        match self {
            Self::Threw(error) => error,
            Self::Gave(value) => panic!("it gave {value}"),
        }
    }
}

impl Library {
    /// Does `steps`, each an action and its parameters, as the client that `who` says (`id`, `method`, and `secret` or `key`).
    pub(crate) async fn ask<const N: usize>(
        self,
        issuer: &str,
        who: &Value,
        steps: [(&str, Value); N],
    ) -> [Outcome; N] {
        let mut question = who.clone();
        question["issuer"] = json!(issuer);
        question["steps"] = json!(steps.as_slice());
        let (answers, said) = asked(self.command(), &question, INSTALL).await;
        let outcomes: Vec<Outcome> = answers.iter().map(outcome).collect();
        outcomes.try_into().unwrap_or_else(|told: Vec<_>| panic!("{N} steps, and it told {told:?}: {said}"))
    }

    fn command(self) -> Command {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (mut command, program) = match self {
            Self::OpenidClient => (Command::new("node"), "tests/support/openid-client/ask.mjs"),
            Self::Authlib => {
                (Command::new(root.join("target/python/authlib/bin/python")), "tests/support/authlib/ask.py")
            }
        };
        // Authlib's way to a server on loopback.
        command.env("AUTHLIB_INSECURE_TRANSPORT", "1").arg(root.join(program));
        command
    }
}

fn outcome(told: &Value) -> Outcome {
    match (told.get("gave"), told.get("threw")) {
        (Some(gave), None) => Outcome::Gave(gave.clone()),
        (None, Some(threw)) => Outcome::Threw(threw.clone()),
        _ => panic!("neither given nor thrown: {told}"),
    }
}
