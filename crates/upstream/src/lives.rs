//! What a token answer says of how long its tokens live. Pure.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use domain::expiry::{Lives, Stated};

/// What an answer says of its refresh token: the name that most use, and Keycloak's.
const REFRESH: [&str; 2] = ["refresh_token_expires_in", "refresh_expires_in"];

/// Reads the members of an answer to a request sent at `asked`.
pub(super) fn stated(members: &Map<String, Value>, asked: DateTime<Utc>) -> Lives {
    let access = read(members.get("expires_in"));
    if access == Stated::Nonsense {
        tracing::warn!("a token answer says of its expiry what can be no number of seconds; it counts as not said");
    }
    Lives { asked, access, refresh: read(REFRESH.iter().find_map(|name| members.get(*name))) }
}

/// A number of seconds, as a number or as text.
fn read(value: Option<&Value>) -> Stated {
    let seconds = match value {
        None | Some(Value::Null) => return Stated::Absent,
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => None,
    };
    seconds.map_or(Stated::Nonsense, Stated::of_seconds)
}
