//! What the tests' own servers are sent: one POST after the other, read to its end.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::TcpStream;

/// A POST.
pub(crate) struct Posted {
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Posted {
    /// The next of a connection; `None` at its end.
    pub(crate) async fn read(connection: &mut BufReader<TcpStream>) -> Option<Self> {
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            if connection.read_line(&mut line).await.ok()? == 0 {
                return None;
            }
            if line.trim_end().is_empty() {
                break;
            }
            headers.extend(line.trim_end().split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned())));
        }
        let mut posted = Self { headers, body: String::new() };
        let mut body = vec![0; posted.header("content-length")?.parse().ok()?];
        connection.read_exact(&mut body).await.ok()?;
        posted.body = String::from_utf8(body).ok()?;
        Some(posted)
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let mut headers = self.headers.iter();
        headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
    }
}

/// The signature that Standard Webhooks has for a call, by a secret that begins with `whsec_`.
pub(crate) fn signature(secret: &str, [id, timestamp, body]: [&str; 3]) -> String {
    let key = STANDARD.decode(secret.trim_start_matches("whsec_")).expect("base64");
    let signed = format!("{id}.{timestamp}.{body}");
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes());
    format!("v1,{}", STANDARD.encode(mac))
}
