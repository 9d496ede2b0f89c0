//! The form that our endpoints are sent.

use std::borrow::Cow;

use actix_web::HttpRequest;
use actix_web::web::{Bytes, Payload};

use super::{Refusal, refusal};
use crate::http::fields::pairs;
use crate::http::limits::{Kind, body};

type Text<'b> = Cow<'b, str>;

/// A form's parameters, each of which may stand once (RFC 6749 §3.2), but for those that token exchange lets stand more often. Some are
/// secrets: they are borrowed from the body where they stand in it as they are, and no form is shown.
pub(in crate::http::blitz) struct Form<'b> {
    /// By name.
    once: Vec<(Text<'b>, Text<'b>)>,
    /// RFC 8693 §2.1.
    audiences: Vec<Text<'b>>,
    resources: Vec<Text<'b>>,
}

impl<'b> Form<'b> {
    /// The body that [`Form::parse`] takes.
    pub(super) async fn body(request: &HttpRequest, payload: Payload) -> Result<Bytes, Refusal> {
        Ok(body(request, payload, Kind::Form).await?)
    }

    pub(super) fn parse(body: &'b [u8]) -> Result<Self, Refusal> {
        let mut form = Self { once: Vec::new(), audiences: Vec::new(), resources: Vec::new() };
        for (name, value) in pairs(body) {
            match &*name {
                "audience" | "resource" if value.is_empty() => {}
                "audience" => form.audiences.push(value),
                "resource" => form.resources.push(value),
                _ => form.once.push((name, value)),
            }
        }
        form.once.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        if form.once.windows(2).any(|pair| matches!(pair, [(one, _), (next, _)] if one == next)) {
            return Err(refusal("invalid_request", "a parameter stands more than once"));
        }
        Ok(form)
    }

    /// A parameter; an empty one is left out (RFC 6749 §3.2).
    pub(in crate::http::blitz) fn get(&self, name: &str) -> Option<&str> {
        let place = self.once.binary_search_by(|(there, _)| (**there).cmp(name)).ok()?;
        self.once.get(place).map(|(_, value)| &**value).filter(|value| !value.is_empty())
    }

    /// A parameter that has to be there.
    pub(in crate::http::blitz) fn require(&self, name: &'static str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| refusal("invalid_request", &format!("{name} is missing")))
    }

    /// All values of `audience`.
    pub(in crate::http::blitz) fn audiences(&self) -> &[Text<'b>] {
        &self.audiences
    }

    /// All values of `resource`.
    pub(in crate::http::blitz) fn resources(&self) -> &[Text<'b>] {
        &self.resources
    }
}
