//! Reads parameters as OAuth wants them read: none twice, an empty one as if it were absent.

use std::collections::HashMap;

use actix_web::HttpRequest;

/// The parameters of a query or a body. It holds secrets, so it has no `Debug`.
pub(super) struct Form(HashMap<String, String>);

impl Form {
    /// Parses `application/x-www-form-urlencoded`; `None` if a parameter comes twice (RFC 6749 §3.1, §3.2).
    pub(super) fn parse(encoded: &[u8]) -> Option<Self> {
        let mut fields = HashMap::new();
        for (name, value) in url::form_urlencoded::parse(encoded) {
            if fields.insert(name.into_owned(), value.into_owned()).is_some() {
                return None;
            }
        }
        fields.retain(|_, value| !value.is_empty());
        Some(Self(fields))
    }

    /// Parses a body, if it says that it is a form.
    pub(super) fn body(request: &HttpRequest, body: &[u8]) -> Option<Self> {
        use actix_web::HttpMessage as _;
        (request.content_type() == "application/x-www-form-urlencoded").then(|| Self::parse(body)).flatten()
    }

    /// Parses a JSON object of texts.
    pub(super) fn json(body: &[u8]) -> Option<Self> {
        let mut fields: HashMap<String, String> = serde_json::from_slice(body).ok()?;
        fields.retain(|_, value| !value.is_empty());
        Some(Self(fields))
    }

    /// The same with what stands under `name` there, and nowhere else, as `ours`.
    pub(super) fn under(mut self, ours: &str, name: &str) -> Self {
        if ours != name {
            self.0.remove(ours);
            if let Some(value) = self.0.remove(name) {
                self.0.insert(ours.to_owned(), value);
            }
        }
        self
    }

    /// Each with its name.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}
