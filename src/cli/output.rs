//! What commands print: words on a terminal, JSON for machines, errors that say what to do.

use std::fmt::Display;
use std::io::Write as _;
use std::process::ExitCode;

use serde_json::{Value, json};

/// Where a command's words go.
pub(super) struct Output {
    json: bool,
}

/// Why a command failed, in words for the person who ran it.
pub(super) struct Trouble {
    words: String,
}

impl Trouble {
    /// A failure in these words.
    pub(super) fn say(words: impl Into<String>) -> Self {
        Self { words: words.into() }
    }
}

impl Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.words)
    }
}

impl From<&domain::Error> for Trouble {
    /// On the command line the causes are for the reader: the operator.
    fn from(error: &domain::Error) -> Self {
        let mut causes = Vec::new();
        let mut cause = std::error::Error::source(error);
        while let Some(inner) = cause {
            causes.push(inner.to_string());
            cause = inner.source();
        }
        let words = match error {
            // "internal error" says nothing to the operator; the cause does.
            domain::Error::Internal(_) => causes.join(": "),
            _ if causes.is_empty() => error.to_string(),
            _ => format!("{error}: {}", causes.join(": ")),
        };
        Self { words }
    }
}

impl Output {
    pub(super) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether machines read.
    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// Prints `value` for machines, or `words` for people.
    pub(super) fn tell(&self, words: impl Display, value: &Value) {
        if self.json { line(value) } else { line(words) }
    }

    /// As [`Output::tell`]; whether anybody reads it.
    pub(super) fn tells(&self, words: impl Display, value: &Value) -> bool {
        if self.json { written(value) } else { written(words) }.is_ok()
    }

    /// Says why a command failed.
    pub(super) fn fail(&self, trouble: &Trouble) -> ExitCode {
        if self.json {
            aside(json!({"error": trouble.words}));
        } else {
            aside(format_args!("fedlink: {}", trouble.words));
        }
        ExitCode::FAILURE
    }
}

/// Prints a line. A reader that has gone is no failure of ours.
pub(super) fn line(words: impl Display) {
    drop(written(words));
}

fn written(words: impl Display) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{words}").and_then(|()| out.flush())
}

/// Prints a line beside the output.
pub(super) fn aside(words: impl Display) {
    drop(writeln!(std::io::stderr().lock(), "{words}"));
}
