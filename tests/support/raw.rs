//! Requests as they are written, to the letter: an HTTP client tidies paths up before it sends them.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::world::{Answer, As, World};

/// Sends `method` to `target`, which is sent as it is, and holds the answer against openapi.yaml.
pub(crate) async fn raw(world: &World, method: &str, target: &str, who: &As) -> Answer {
    raw_with(world, (method, target), who, &[]).await
}

/// As [`raw`], with a body of JSON, all of which is sent before the answer is looked at.
pub(crate) async fn raw_with(world: &World, (method, target): (&str, &str), who: &As, body: &[u8]) -> Answer {
    let answer = unchecked(world, (method, target), who, body).await;
    answer.hold(method, target);
    answer
}

/// As [`raw_with`], held against nothing: for thousands of calls, since it costs little.
pub(crate) async fn unchecked(world: &World, (method, target): (&str, &str), who: &As, body: &[u8]) -> Answer {
    let credentials = match who {
        As::Bearer(token) => format!("Authorization: Bearer {token}\r\n"),
        As::Nobody | As::Basic(..) => String::new(),
    };
    let length = body.len();
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: fedlink\r\n{credentials}Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    let mut stream = TcpStream::connect(world.base.trim_start_matches("http://")).await.expect("it listens");
    stream.write_all(head.as_bytes()).await.expect("it reads the head");
    stream.write_all(body).await.expect("it reads the body");
    let mut received = Vec::new();
    stream.read_to_end(&mut received).await.expect("it answers");
    parse(&received)
}

/// An answer as it was received.
pub(crate) fn parse(received: &[u8]) -> Answer {
    let end = received.windows(4).position(|four| four == b"\r\n\r\n").expect("a whole head");
    let head = std::str::from_utf8(&received[..end]).expect("a head of text");
    let (status_line, fields) = head.split_once("\r\n").expect("fields");
    let status = status_line.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    let fields = fields.split("\r\n").map(|field| field.split_once(": ").expect("a field"));
    let headers = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Answer { status, headers, body: received[end + 4..].to_vec() }
}
