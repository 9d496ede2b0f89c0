//! Clients that generators make of openapi.yaml, by the commands that docs/libraries.md shows: `@hey-api/openapi-ts` from npm and
//! `openapi-python-client` from `PyPI`.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use super::asked::asked;
use super::page::blocks;

const PAGE: &str = include_str!("../../docs/libraries.md");
const INSTALL: &str = "generators of clients are needed by the tests: scripts/test installs them \
                       (apt-get install nodejs npm python3 python3-venv, then what tests/support/generated-client names)";

/// Who made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Generator {
    OpenapiTs,
    OpenapiPythonClient,
}

impl Generator {
    /// What the client says to a question, a value for each call.
    pub(crate) async fn ask(self, question: &Value) -> Vec<Value> {
        static MADE: [OnceCell<TempDir>; 2] = [OnceCell::const_new(), OnceCell::const_new()];
        let [typescript, python] = &MADE;
        let (made, interpreter, program) = match self {
            Self::OpenapiTs => (typescript, PathBuf::from("node"), "built/ask.js"),
            Self::OpenapiPythonClient => (python, binaries(self).join("python"), "ask.py"),
        };
        let folder = made.get_or_init(|| async { spawn_blocking(move || make(self)).await.expect("it is made") }).await;
        let mut command = Command::new(interpreter);
        command.current_dir(folder.path()).arg(program);
        asked(command, question, INSTALL).await.0
    }
}

/// A folder with the client, and the program that asks by it.
fn make(generator: Generator) -> TempDir {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let home = root.join("tests/support/generated-client");
    let folder = tempfile::tempdir().expect("a folder");
    let copy = |from: PathBuf| {
        let to = folder.path().join(from.file_name().expect("a file"));
        std::fs::copy(&from, to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    };
    copy(root.join("openapi.yaml"));
    let (language, named, settings) = match generator {
        Generator::OpenapiTs => ("TypeScript", "js", "openapi-ts.config.mjs"),
        Generator::OpenapiPythonClient => ("Python", "yaml", "openapi-python-client.yaml"),
    };
    if generator == Generator::OpenapiTs {
        for name in ["ask.ts", "package.json", "tsconfig.json"] {
            copy(home.join(name));
        }
        std::os::unix::fs::symlink(home.join("node_modules"), folder.path().join("node_modules")).expect("a link");
    } else {
        copy(home.join("ask.py"));
    }
    let (_, part) = PAGE.split_once(&format!("\nFor {language}, `{settings}`")).expect("the page shows how");
    let [(kind, written), ("sh", commands), ..] = *blocks(part) else { panic!("settings, then commands") };
    assert_eq!(kind, named);
    std::fs::write(folder.path().join(settings), written).expect("room");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(binaries(generator)).chain(std::env::split_paths(&path)));
    let mut shell = Command::new("bash");
    shell.args(["-euc", commands]).current_dir(folder.path()).env("PATH", path.expect("plain names"));
    let output = shell.output().expect("there is a shell");
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(output.status.success(), "{INSTALL}\nIt said {said}");
    assert!(!said.to_lowercase().contains("warning"), "{said}");
    folder
}

fn binaries(generator: Generator) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(match generator {
        Generator::OpenapiTs => "tests/support/generated-client/node_modules/.bin",
        Generator::OpenapiPythonClient => "target/python/generated-client/bin",
    })
}
