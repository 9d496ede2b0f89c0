//! The machine's chromedriver: one for all tests of the process, gone with it.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};

/// How to get it.
pub(super) const INSTALL: &str = "Chromium is needed by the tests: apt-get install chromium chromium-driver";

/// Runs chromedriver until this process is gone, however it ends: its end of the pipe is then closed by the system. The
/// browsers hang on pipes of chromedriver's, and go with it; their profiles are in the folder that goes last.
const KEEPER: &str = r#"
set -eu
home=$(mktemp -d "${TMPDIR:-/tmp}/fedlink-chromium.XXXXXX")
TMPDIR="$home" HOME="$home" chromedriver --port=0 --log-level=SEVERE </dev/null &
driver=$!
trap 'kill "$driver" 2>/dev/null; wait "$driver" 2>/dev/null || true; rm -rf "$home" || rm -rf "$home"' EXIT
while read -r _; do :; done
"#;

/// The chromedriver of this process.
pub(super) struct Driver {
    pub(super) port: u16,
    /// When this is closed, all of it goes.
    _stdin: ChildStdin,
    _keeper: Child,
}

impl Driver {
    pub(super) fn start() -> Self {
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER, "fedlink-test-chromium"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            // A group of its own: Ctrl-C in the terminal ends the tests, and their end ends the browsers, in that order.
            .process_group(0)
            .spawn()
            .expect("there is a shell");
        let stdin = keeper.stdin.take().expect("it is piped");
        let stdout = BufReader::new(keeper.stdout.take().expect("it is piped"));
        let port = stdout.lines().map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        Self { port: port.unwrap_or_else(|| panic!("{INSTALL}")), _stdin: stdin, _keeper: keeper }
    }
}
