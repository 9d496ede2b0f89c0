//! A provider for the tests: it answers each path as told, and remembers what it was asked.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// A running provider. It lives as long as the test's process.
#[derive(Clone)]
pub(super) struct Fake {
    pub(super) issuer: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Raw answers by path, in HTTP's own form; what has none is 404.
    answers: HashMap<String, Vec<u8>>,
    asked: Vec<Asked>,
}

/// A request it was sent.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) path: String,
    pub(super) authorization: Option<String>,
    pub(super) body: String,
    headers: Vec<String>,
}

impl Asked {
    /// The value of a header that has to be there.
    pub(super) fn header(&self, name: &str) -> &str {
        let mut pairs = self.headers.iter().filter_map(|line| line.split_once(": "));
        pairs.find(|(key, _)| key.eq_ignore_ascii_case(name)).unwrap_or_else(|| panic!("no {name}")).1
    }
}

impl Fake {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let served = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&served);
                std::thread::spawn(move || serve(&stream, &state));
            }
        });
        Self { issuer, state }
    }

    /// A provider with metadata that names the usual endpoints.
    pub(super) fn with_metadata() -> Self {
        let fake = Self::start();
        fake.json("/.well-known/openid-configuration", 200, &fake.metadata());
        fake
    }

    pub(super) fn metadata(&self) -> Value {
        let issuer = &self.issuer;
        json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize?tenant=1"),
            "token_endpoint": format!("{issuer}/token"),
            "userinfo_endpoint": format!("{issuer}/userinfo"),
            "jwks_uri": format!("{issuer}/jwks"),
        })
    }

    pub(super) fn json(&self, path: &str, status: u16, body: &Value) {
        let body = body.to_string();
        let head = format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}", body.len());
        self.raw(path, format!("{head}\r\nConnection: close\r\n\r\n{body}").into_bytes());
    }

    pub(super) fn raw(&self, path: &str, answer: Vec<u8>) {
        self.state.lock().unwrap().answers.insert(path.to_owned(), answer);
    }

    pub(super) fn asked(&self, path: &str) -> Vec<Asked> {
        self.state.lock().unwrap().asked.iter().filter(|asked| asked.path == path).cloned().collect()
    }
}

fn serve(stream: &TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim().to_owned());
    }
    let header = |name: &str| {
        lines.iter().filter_map(|line| line.split_once(": ")).find(|(key, _)| key.eq_ignore_ascii_case(name))
    };
    let length = header("content-length").map_or(0, |(_, length)| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let path = lines[0].split(' ').nth(1).unwrap().to_owned();
    let answer = {
        let mut state = state.lock().unwrap();
        state.asked.push(Asked {
            path: path.clone(),
            authorization: header("authorization").map(|(_, value)| value.to_owned()),
            body: String::from_utf8(body).unwrap(),
            headers: lines.clone(),
        });
        state.answers.get(&path).cloned()
    };
    let missing = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec();
    // Who asked may be gone: one who reads no more than it must.
    drop((&*stream).write_all(&answer.unwrap_or(missing)));
}
