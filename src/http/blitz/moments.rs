//! Moments in a request, and places in the audit record as a page's end is told and handed back.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Datelike as _, Utc};
use uuid::Uuid;

use domain::audit::Place;
use domain::{Error, Result};

/// A moment that a field has.
pub(super) fn moment(field: &'static str, sent: &str) -> Result<DateTime<Utc>> {
    let moment = DateTime::parse_from_rfc3339(sent);
    moment.map(|moment| moment.to_utc()).map_err(|_no_moment| Error::input(field, "must be a moment of RFC 3339"))
}

/// A place, as it is told.
pub(super) fn told(place: Place) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}:{}", place.at.timestamp_micros(), place.id))
}

/// A place that was told.
pub(super) fn place(sent: &str) -> Result<Place> {
    let text = decoded(sent);
    let place = text.as_deref().and_then(|text| text.split_once(':')).and_then(|(micros, id)| {
        let at = DateTime::from_timestamp_micros(micros.parse().ok()?)?;
        Some(Place { at, id: Uuid::parse_str(id).ok()? })
    });
    // Beyond what is ever told there is an end to what databases know.
    place.filter(|place| place.at >= DateTime::UNIX_EPOCH && place.at.year() <= 9999).ok_or_else(no_next)
}

/// The text that stands for a place.
pub(super) fn decoded(sent: &str) -> Option<String> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(sent).ok()?).ok()?;
    Some(text).filter(|text| !text.contains('\0'))
}

/// It was not told.
pub(super) fn no_next() -> Error {
    Error::input("after", "must be the next of an answer before")
}
