//! The web application that binds come from and return to, for a real browser: pages of the test's, and a record of who came.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedRwLockWriteGuard, RwLock};

use super::browser::query;

/// What the callback shows unless the test has another page for it.
const ARRIVED: &str = "<!doctype html><title>The app</title><h1>Back at the app</h1>";

/// A running application on `localhost`: for a browser another site than fedlink and the sandbox on `127.0.0.1`.
#[derive(Debug)]
pub(crate) struct AppSite {
    /// Where it is, such as `http://localhost:4000`.
    pub(crate) origin: String,
    shared: Arc<Mutex<Shared>>,
    gate: Arc<RwLock<()>>,
    server: tokio::task::JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    pages: BTreeMap<String, String>,
    targets: Vec<String>,
}

/// Answers that are kept back until this is dropped; every request is taken all the same.
#[derive(Debug)]
pub(crate) struct HeldAnswers {
    _gate: OwnedRwLockWriteGuard<()>,
}

impl AppSite {
    /// An application with nothing but its callback.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let origin = format!("http://localhost:{}", listener.local_addr().expect("an address").port());
        let pages = BTreeMap::from([("/callback".to_owned(), ARRIVED.to_owned())]);
        let shared = Arc::new(Mutex::new(Shared { pages, targets: Vec::new() }));
        let gate = Arc::new(RwLock::new(()));
        let serving = (Arc::clone(&shared), Arc::clone(&gate));
        let server = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                // A browser opens connections ahead and says nothing on them, so each has a task of its own.
                tokio::spawn(serve(serving.clone(), connection));
            }
        });
        Self { origin, shared, gate, server }
    }

    /// The address that its binds return to.
    pub(crate) fn callback(&self) -> String {
        format!("{}/callback", self.origin)
    }

    /// Answers `path` with this HTML from now on.
    pub(crate) fn show(&self, path: &str, html: &str) {
        self.shared.lock().expect("nobody died").pages.insert(path.to_owned(), html.to_owned());
    }

    /// Keeps back all answers from now on.
    pub(crate) async fn hold_answers(&self) -> HeldAnswers {
        HeldAnswers { _gate: Arc::clone(&self.gate).write_owned().await }
    }

    /// Answers `/` with a page whose button opens `address` in a popup, and which shows in its `pre` what it is told; `features`
    /// as of `window.open`.
    pub(crate) fn show_opener(&self, address: &str, features: &str) {
        let html = format!(
            r#"<!doctype html><title>The app</title>
<button onclick="window.open('{address}', '_blank', '{features}')">Connect</button>
<pre></pre>
<script>
addEventListener("message", ({{ origin, data }}) => {{
  document.querySelector("pre").textContent += JSON.stringify({{ origin, data }}) + "\n";
}});
</script>"#
        );
        self.show("/", &html);
    }

    /// What the callback has been called with, in order.
    pub(crate) fn arrivals(&self) -> Vec<BTreeMap<String, String>> {
        let shared = self.shared.lock().expect("nobody died");
        let at_callback = shared.targets.iter().filter(|target| target.split('?').next() == Some("/callback"));
        at_callback.map(|target| query(&format!("{}{target}", self.origin))).collect()
    }
}

impl Drop for AppSite {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// One request and its answer; whoever hangs up, it is over.
async fn serve((shared, gate): (Arc<Mutex<Shared>>, Arc<RwLock<()>>), connection: TcpStream) -> Option<()> {
    let mut connection = BufReader::new(connection);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        let read = connection.read_line(&mut line).await.ok()?;
        if read == 0 || line.trim_end().is_empty() {
            break;
        }
        lines.push(line);
    }
    let target = lines.first()?.split(' ').nth(1)?.to_owned();
    let page = {
        let mut shared = shared.lock().ok()?;
        let page = shared.pages.get(target.split('?').next()?).cloned();
        shared.targets.push(target);
        page
    };
    drop(gate.read().await);
    let (status, html) = page.map_or(("404 Not Found", String::new()), |html| ("200 OK", html));
    let length = html.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {length}\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n{html}"
    );
    connection.write_all(answer.as_bytes()).await.ok()
}
