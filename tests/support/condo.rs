//! A world that speaks the Condo dialect, and questions to its GraphQL.

use serde_json::{Value, json};

use super::call::{Answer, As, Body};
use super::world::{Engine, World};

/// Where GraphQL is asked.
pub(crate) const API: &str = "/admin/api";

/// Settings that turn the dialect on.
pub(crate) fn with_sessions(settings: String) -> String {
    format!("{settings}\n[session]\nsecret = \"a-secret-of-the-tests\"\n")
}

impl World {
    /// A world that speaks the dialect.
    pub(crate) async fn condo(engine: Engine) -> Self {
        Self::start_with(engine, with_sessions).await
    }

    /// The same, in which no time passes but by [`World::advance`].
    pub(crate) async fn condo_frozen(engine: Engine) -> Self {
        Self::frozen_with(engine, with_sessions).await
    }

    /// Asks a query without variables.
    pub(crate) async fn ask(&self, who: &As, query: &str) -> Answer {
        self.ask_with(who, query, json!({}), &[]).await
    }

    /// Asks a query with its variables, and more headers.
    pub(crate) async fn ask_with(&self, who: &As, query: &str, variables: Value, headers: &[(&str, &str)]) -> Answer {
        let body = json!({"query": query, "variables": variables});
        self.call_with("POST", API, who, Body::Json(body), headers).await
    }
}

impl Answer {
    /// The `data` of an answer without errors.
    #[track_caller]
    pub(crate) fn data(&self) -> Value {
        let body = self.json();
        assert!(self.status == 200 && body.get("errors").is_none(), "{} {body:#}", self.status);
        body["data"].clone()
    }

    /// The one error of an answer, its `errId`, which is never the same, taken out.
    #[track_caller]
    pub(crate) fn error(&self) -> Value {
        let body = self.json();
        let [error] = body["errors"].as_array().map_or(&[][..], Vec::as_slice) else {
            panic!("not one error: {body:#}")
        };
        let mut error = error.clone();
        error.as_object_mut().and_then(|error| error.remove("errId")).expect("an errId");
        error
    }

    /// Status and `type` of the one error: what most tests assert.
    #[track_caller]
    pub(crate) fn refused_as(&self) -> (u16, String) {
        (self.status, self.error()["extensions"]["type"].as_str().unwrap_or_default().to_owned())
    }
}
