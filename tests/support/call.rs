//! One call: what it authenticates with, what it sends, what comes back.

use serde_json::Value;

use super::contract;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Holds it against openapi.yaml, as the answer to that request.
    #[track_caller]
    pub(crate) fn hold(&self, method: &str, target: &str) {
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        contract::check(method, target, self.status, &headers, &self.body);
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {}", String::from_utf8_lossy(&self.body)))
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("text")
    }

    /// Where it redirects to.
    pub(crate) fn location(&self) -> String {
        self.header("location").unwrap_or_else(|| panic!("no Location in {self:?}")).to_owned()
    }

    /// The `error` of an error body, with the status: what most tests assert.
    pub(crate) fn refusal(&self) -> (u16, String) {
        (self.status, self.json()["error"].as_str().unwrap_or_default().to_owned())
    }
}

/// What a request authenticates with.
#[derive(Clone, Debug)]
pub(crate) enum As {
    Nobody,
    Bearer(String),
    Basic(&'static str, &'static str),
}

/// A request's body.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    None,
    Json(Value),
    Form(Vec<(&'static str, String)>),
    Raw(&'static str, Vec<u8>),
}

impl Body {
    /// Its type, and what it says: a form as an object.
    pub(crate) fn shown(&self) -> Option<(&'static str, Value)> {
        match self {
            Self::Json(value) => Some(("application/json", value.clone())),
            Self::Form(fields) => {
                let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str())));
                Some(("application/x-www-form-urlencoded", Value::Object(fields.collect())))
            }
            Self::None | Self::Raw(..) => None,
        }
    }
}
