//! The JSON body of a call that only some may make: nobody else's is read.

use actix_web::HttpRequest;
use actix_web::web::{Bytes, Payload};

use super::error::Failure;
use crate::http::limits::{Kind, body_of};
use domain::caller::{Action, Caller};

/// The body, of up to `most` bytes, of a caller who may do `action` to somebody; judged before a byte of it is read.
pub(super) async fn body_for(
    caller: &Caller,
    action: Action<'_>,
    request: &HttpRequest,
    payload: Payload,
    most: usize,
) -> Result<Bytes, Failure> {
    caller.may_somewhere(action)?;
    Ok(body_of(most, request, payload, Kind::Json).await?)
}
