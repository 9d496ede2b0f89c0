//! U+0000 in a path, a query or a form: no text has it, and Postgres keeps none that does, so it is refused where it comes in.

use std::borrow::Cow;

use actix_web::HttpRequest;
use memchr::{memchr, memchr_iter};

use super::fields::pairs;
use domain::json::NUL;
use domain::{Error, Result};

/// The longest name of a parameter that is told again, in bytes.
const NAME_LIMIT: usize = 64;

/// Where it stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the path.
    Path,
    /// In the query, in this parameter.
    Query(Cow<'static, str>),
}

/// Where in the request's address it stands, if it does.
pub(super) fn find(request: &HttpRequest) -> Option<Place> {
    if is_in(request.uri().path().as_bytes()) {
        return Some(Place::Path);
    }
    in_form(request.query_string().as_bytes()).map(Place::Query)
}

/// Refuses it in the request's address, by name.
pub(super) fn refuse(request: &HttpRequest) -> Result<()> {
    match find(request) {
        None => Ok(()),
        Some(Place::Path) => Err(Error::input("the path", NUL)),
        Some(Place::Query(name)) => Err(Error::input(name, NUL)),
    }
}

/// The parameter of a form, or of a query, that has it.
pub(super) fn in_form(text: &[u8]) -> Option<Cow<'static, str>> {
    if !is_in(text) {
        return None;
    }
    pairs(text).find_map(|(name, value)| match (name.contains('\0'), value.contains('\0')) {
        (true, _) => Some("a parameter's name".into()),
        (false, true) => Some(called(&name)),
        (false, false) => None,
    })
}

/// By its name, if that can stand in a sentence.
fn called(name: &str) -> Cow<'static, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let fits = (1..=NAME_LIMIT).contains(&name.len()) && name.chars().all(is_plain);
    if fits { name.to_owned().into() } else { "a parameter".into() }
}

/// Whether it may be in here at all: as it is, or escaped.
fn is_in(text: &[u8]) -> bool {
    memchr(0, text).is_some()
        || memchr_iter(b'%', text).any(|at| text.get(at..).is_some_and(|escaped| escaped.starts_with(b"%00")))
}
