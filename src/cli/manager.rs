//! What whoever started the service hears of it, if they listen: `sd_notify(3)` has the protocol. Nobody does where `$NOTIFY_SOCKET`
//! is not set.

use std::io::Error as IoError;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use settings::process_env;

/// What is done after the last refresh has been waited for.
const AFTERWARDS: Duration = Duration::from_secs(15);

/// It is served.
pub(super) fn ready() {
    tell("READY=1");
}

/// It stops, which takes as long as refreshes in flight may: no unit has to be told of `stop_within`.
pub(super) fn stopping(within: Duration) {
    let longest = within.saturating_add(AFTERWARDS);
    tell(&format!("STOPPING=1\nEXTEND_TIMEOUT_USEC={}", longest.as_micros()));
}

fn tell(words: &str) {
    let Some(name) = process_env("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else { return };
    if let Err(error) = send(&name, words) {
        tracing::warn!(%error, socket = name, "the service manager can't be told: {words:?}");
    }
}

fn send(name: &str, words: &str) -> Result<(), IoError> {
    UnixDatagram::unbound()?.send_to_addr(words.as_bytes(), &address(name)?).map(drop)
}

/// A path, or an abstract name behind an `@`.
fn address(name: &str) -> Result<SocketAddr, IoError> {
    #[cfg(target_os = "linux")]
    if let Some(name) = name.strip_prefix('@') {
        return <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name);
    }
    SocketAddr::from_pathname(name)
}
