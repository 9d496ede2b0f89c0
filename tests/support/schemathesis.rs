//! `schemathesis` from `PyPI`: it reads openapi.yaml, makes up requests, and holds the answers against it. No one here wrote it.

use std::env;
use std::path::Path;
use std::process::Command;

use tokio::task::spawn_blocking;

const INSTALL: &str = "schemathesis is needed by the tests: scripts/test installs it \
                       (apt-get install python3 python3-venv, then what tests/support/schemathesis names)";

/// What answers are held against; whether a request was to be refused is ours to know.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,allow_header_conformance,unsupported_method";

/// Which operations are asked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Paths {
    /// Those that match.
    Like(&'static str),
    /// All others.
    Unlike(&'static str),
}

/// Asks all there is at `url`, with a bearer token if there is one; panics with what it told if an answer is not in the contract.
///
/// The examples and the bounds are the same in each run; for as many seconds as `FEDLINK_FUZZ` says, it makes up others at random.
pub(crate) async fn ask(url: String, paths: Paths, token: Option<String>) {
    let asked = spawn_blocking(move || {
        let home = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (option, pattern) = match paths {
            Paths::Like(pattern) => ("--include-path-regex", pattern),
            Paths::Unlike(pattern) => ("--exclude-path-regex", pattern),
        };
        let mut command = Command::new(home.join("target/python/schemathesis/bin/schemathesis"));
        command.arg("run").arg(home.join("openapi.yaml")).args([
            "--url",
            &url,
            option,
            pattern,
            "--checks",
            CHECKS,
            "--continue-on-failure",
        ]);
        command.args(["--no-shrink", "--request-timeout", "30", "--warnings", "off"]);
        if let Some(token) = token {
            command.args(["--header", &format!("Authorization: Bearer {token}")]);
        }
        match env::var_os("FEDLINK_FUZZ") {
            Some(seconds) => command.args(["--phases", "examples,coverage,fuzzing", "--max-time"]).arg(seconds),
            None => command.args(["--phases", "examples,coverage", "--generation-deterministic"]),
        };
        // It writes what it found to where it runs.
        let folder = tempfile::tempdir()?;
        command.current_dir(folder.path()).output()
    });
    let output = asked.await.expect("nobody panics").unwrap_or_else(|error| panic!("{INSTALL} ({error})"));
    let told = String::from_utf8_lossy(&output.stdout);
    let has_asked = told.contains("Test cases:") && !told.contains("No test cases");
    assert!(output.status.success() && has_asked, "{told}\n{}", String::from_utf8_lossy(&output.stderr));
}
