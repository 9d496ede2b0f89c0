//! Path segments, decoded once and exactly from the raw path: the router decodes invalid UTF-8 lossily, so that two ids
//! could become one.

use actix_web::HttpRequest;
use percent_encoding::percent_decode_str;

use domain::ids::{ProviderId, Sid, Subject, checked_text};
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
    let (mut segments, mut rest) = ([""; N], Some(path));
    for place in segments.iter_mut().rev() {
        let Some(left) = rest else { break };
        // Bytes from the end: they are few, and a search that looks at many at once is slower to begin.
        let slash = left.bytes().rposition(|byte| byte == b'/');
        (rest, *place) = match slash.and_then(|at| left.split_at_checked(at)) {
            Some((before, named)) => (Some(before), named.strip_prefix('/').unwrap_or(named)),
            None => (None, left),
        };
    }
    segments
}

/// A segment in the clear; `field` names it in the error.
pub(super) fn text(field: &'static str, raw: &str) -> Result<String> {
    checked_text(field, decoded(field, raw)?)
}

fn decoded(field: &'static str, raw: &str) -> Result<String> {
    if !raw.bytes().any(|byte| byte == b'%') {
        return Ok(raw.to_owned());
    }
    let text = percent_decode_str(raw).decode_utf8().map_err(|_bytes| Error::input(field, "is not UTF-8"))?;
    Ok(text.into_owned())
}

/// The segment that names a subject.
pub(super) fn subject(raw: &str) -> Result<Subject> {
    Subject::parse(decoded("subjectId", raw)?)
}

/// The segments that name a provider; none if nothing is named so.
pub(super) fn provider(fp_type: &str, fp_name: &str) -> Result<Option<ProviderId>> {
    Ok(ProviderId::from_parts(text("fpType", fp_type)?, text("fpName", fp_name)?).ok())
}

/// The segment that names an account at a provider.
pub(super) fn sid(raw: &str) -> Result<Sid> {
    Sid::parse(decoded("sid", raw)?)
}
