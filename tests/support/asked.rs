//! Programs of others that are asked one question and answer in lines of JSON.

use std::process::Command;

use serde_json::Value;
use tokio::task::spawn_blocking;

/// What a program says to a question, a value a line, and the whole of its errors. `install` says how to get it.
pub(crate) async fn asked(mut command: Command, question: &Value, install: &str) -> (Vec<Value>, String) {
    command.arg(question.to_string());
    let output = spawn_blocking(move || command.output()).await.expect("nobody panics");
    let output = output.unwrap_or_else(|error| panic!("{install} ({error})"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{install}\nIt said {said}");
    let lines = String::from_utf8(output.stdout).expect("text");
    let value = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    (lines.lines().map(value).collect(), said)
}
