//! A world that speaks the Condo dialect, and questions to its GraphQL.

use domain::account::AccountType;
use serde_json::{Value, json};
use service::accounts::New;

use super::call::{Answer, As, Body};
use super::person::{PASSWORD, email, person, phone};
use super::world::{Engine, World};

/// Where GraphQL is asked.
pub(crate) const API: &str = "/admin/api";

/// Settings that turn the dialect on.
#[expect(clippy::needless_pass_by_value, reason = "as a world's settings are changed")]
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

    /// Where GraphQL is asked: one thing under two names, of which each engine's tests take one.
    pub(crate) fn api(&self) -> &'static str {
        if self.database_url.starts_with("sqlite:") { API } else { "/api/graphql" }
    }

    /// Asks a query without variables.
    pub(crate) async fn ask(&self, who: &As, query: &str) -> Answer {
        self.ask_with(who, query, json!({}), &[]).await
    }

    /// Asks a query with its variables, and more headers.
    pub(crate) async fn ask_with(&self, who: &As, query: &str, variables: Value, headers: &[(&str, &str)]) -> Answer {
        let body = json!({"query": query, "variables": variables});
        self.call_with("POST", self.api(), who, Body::Json(body), headers).await
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

/// A member of the staff: an e-mail address that is theirs, a phone that nobody has shown to be.
pub(crate) fn staff(subject: &str) -> New {
    New {
        account_type: AccountType::Staff,
        name: Some("Jane Smith".to_owned()),
        email: Some(email("jane@example.com", true)),
        phone: Some(phone("+79991234567", false)),
        ..person(subject)
    }
}

/// The document of `authenticateUserWithPassword`, as the vendor's server client has it but for names.
pub(crate) const PLAIN: &str = "mutation signin($identity: String, $secret: String) {
  auth: authenticateUserWithPassword(email: $identity, password: $secret) { token item { id type } } }";

/// Where the field stands in the documents of [`by_email`] and [`by_phone`].
const FIELD: usize = 3;

/// A refusal of a mutation of theirs, from its `extensions`: what all of them say is added.
pub(crate) fn refusal(mutation: &str, mut extensions: Value) -> Value {
    let message = extensions["message"].as_str().expect("a message").to_owned();
    extensions["mutation"] = mutation.into();
    extensions["messageForDeveloper"] = format!("{message}\n\nGraphQL request:2:{FIELD}").into();
    json!({
        "message": message, "name": "GQLError", "locations": [{"line": 2, "column": FIELD}], "path": [mutation],
        "extensions": extensions,
    })
}

/// Arguments, some of them changed.
fn changed(mut data: Value, change: Value) -> Value {
    let Value::Object(change) = change else { panic!("an object") };
    data.as_object_mut().expect("an object").extend(change);
    data
}

/// A mutation that signs in, with jane's arguments unless a test changes them.
macro_rules! sign_in_by {
    ($name:ident, $mutation:literal, $input:literal, $data:expr) => {
        pub(crate) mod $name {
            use super::*;

            /// Its name.
            pub(crate) const MUTATION: &str = $mutation;
            /// The document that asks for it.
            pub(crate) const QUERY: &str =
                concat!("mutation ($data: ", $input, "!) {\n  ", $mutation, "(data: $data) { token item { id } }\n}");

            /// Asks.
            pub(crate) async fn ask(world: &World, change: Value) -> Answer {
                ask_at(world, "", change, &[]).await
            }

            /// Asks with a query in the address and more headers.
            pub(crate) async fn ask_at(world: &World, query: &str, change: Value, headers: &[(&str, &str)]) -> Answer {
                let body = json!({"query": QUERY, "variables": {"data": changed($data, change)}});
                world.call_with("POST", &format!("{}{query}", world.api()), &As::Nobody, Body::Json(body), headers).await
            }
        }
    };
}

sign_in_by!(
    by_email,
    "authenticateUserWithEmailAndPassword",
    "AuthenticateUserWithEmailAndPasswordInput",
    json!({
        "dv": 1, "sender": {"dv": 1, "fingerprint": "my-integration-v1"}, "userType": "staff", "email": "jane@example.com",
        "password": PASSWORD,
    })
);
sign_in_by!(
    by_phone,
    "authenticateUserWithPhoneAndPassword",
    "AuthenticateUserWithPhoneAndPasswordInput",
    json!({"phone": "+79991234567", "password": PASSWORD})
);

/// Signs jane in; gives the token.
pub(crate) async fn token(world: &World) -> String {
    by_email::ask(world, json!({})).await.data()[by_email::MUTATION]["token"].as_str().expect("a token").to_owned()
}
