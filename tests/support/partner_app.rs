//! The backend of a partner's app, which passes its pages' calls on by the proxy that the vendor's documentation leads to:
//! `createProxy` of npm's `@open-condo/miniapp-utils`, as it is.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

const INSTALL: &str = "the backend of a partner's app is needed by the tests: apt-get install nodejs npm, \
                       then npm ci --prefix tests/support/partner-app";
/// What it signs by for whom it calls.
const SECRET: &str = "the secret of the partner's app";

/// A running backend on `localhost`; it ends when this is dropped, or when the test process does.
#[derive(Debug)]
pub(crate) struct PartnerApp {
    /// Where it is, such as `http://localhost:4000`.
    pub(crate) origin: String,
    /// What it has passed on, each when it was answered.
    calls: Arc<Mutex<Vec<Value>>>,
    child: Child,
}

/// The settings under which it may say for whom it calls.
pub(crate) fn ip_proxy() -> String {
    format!("[[ip_proxies]]\nid = \"partner-app\"\naddresses = [\"127.0.0.1\"]\nsecret = \"{SECRET}\"\n")
}

impl PartnerApp {
    /// A backend whose users' browsers come to itself, and that passes on to fedlink at this address.
    pub(crate) fn start(upstream: &str) -> Self {
        Self::run(upstream, "alone")
    }

    /// The same behind a proxy of its own, whose `X-Forwarded-For` it believes.
    pub(crate) fn start_behind(upstream: &str) -> Self {
        Self::run(upstream, "behind-a-proxy")
    }

    fn run(upstream: &str, how: &str) -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/partner-app/app.mjs");
        let settings = json!({"upstreamOrigin": upstream, "proxyId": "partner-app", "proxySecret": SECRET});
        let mut child = Command::new("node")
            .arg(program)
            .args([&settings.to_string(), how])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{INSTALL}\nno node: {error}"));
        let mut said = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut first = String::new();
        said.read_line(&mut first).expect("it speaks UTF-8");
        let Ok(ready) = serde_json::from_str::<Value>(&first) else {
            let mut complaints = String::new();
            drop(child.stderr.take().expect("it is piped").read_to_string(&mut complaints));
            panic!("{INSTALL}\nIt said {first:?} and {complaints}");
        };
        let calls = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&calls);
        std::thread::spawn(move || {
            for line in said.lines().map_while(Result::ok) {
                heard.lock().expect("nobody died").push(serde_json::from_str(&line).expect("JSON"));
            }
        });
        Self { origin: ready["origin"].as_str().expect("an address").to_owned(), calls, child }
    }

    /// What it has passed on: method, path, the page's origin and site as its browser said them, whether a session's cookie
    /// came with it, and the status of the answer.
    pub(crate) fn calls(&self) -> Vec<Value> {
        self.calls.lock().expect("nobody died").clone()
    }
}

impl Drop for PartnerApp {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
