//! Path segments, decoded once and exactly from the raw path: the router decodes invalid UTF-8 lossily, so that two ids
//! could become one.

use actix_web::HttpRequest;
use percent_encoding::percent_decode_str;

use domain::ids::{ProviderId, Sid, Subject, TEXT_LIMIT};
use domain::{Error, Result};

/// The last `N` segments of the request's path, as they were sent.
pub(super) fn last<const N: usize>(request: &HttpRequest) -> [&str; N] {
    last_of(request.uri().path())
}

/// The same of a path that may end with a slash.
pub(super) fn last_named<const N: usize>(request: &HttpRequest) -> [&str; N] {
    last_of(without_slash(request))
}

/// The request's path, without a slash at its end.
pub(super) fn without_slash(request: &HttpRequest) -> &str {
    let path = request.uri().path();
    path.strip_suffix('/').unwrap_or(path)
}

fn last_of<const N: usize>(path: &str) -> [&str; N] {
    let mut segments = [""; N];
    for (place, sent) in segments.iter_mut().rev().zip(path.rsplit('/')) {
        *place = sent;
    }
    segments
}

/// A segment in the clear; `field` names it in the error.
pub(super) fn text(field: &'static str, raw: &str) -> Result<String> {
    let decoded = percent_decode_str(raw).decode_utf8().map_err(|_bytes| Error::input(field, "is not UTF-8"))?;
    match decoded.len() {
        0 => Err(Error::input(field, "is empty")),
        length if length > TEXT_LIMIT => {
            Err(Error::input(field, format!("has {length} bytes, at most {TEXT_LIMIT} are allowed")))
        }
        _ if decoded.bytes().any(|byte| byte.is_ascii_control()) => Err(Error::input(field, "has a control character")),
        _ => Ok(decoded.into_owned()),
    }
}

/// The segment that names a subject.
pub(super) fn subject(raw: &str) -> Result<Subject> {
    Subject::parse(text("subjectId", raw)?)
}

/// The segments that name a provider; none if nothing is named so.
pub(super) fn provider(fp_type: &str, fp_name: &str) -> Result<Option<ProviderId>> {
    Ok(ProviderId::from_parts(text("fpType", fp_type)?, text("fpName", fp_name)?).ok())
}

/// The segment that names an account at a provider.
pub(super) fn sid(raw: &str) -> Result<Sid> {
    Sid::parse(text("sid", raw)?)
}
