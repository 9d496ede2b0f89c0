//! What answers look like, failures above all: async-graphql's error has no room for `name`, `errId` and `data`, so this one
//! place makes the envelope of `docs/condo-contract.md` 4.7 out of it.

use actix_web::http::StatusCode;
use async_graphql::parser::types::{ExecutableDocument, OperationType};
use async_graphql::{Name, PathSegment, Pos, Response, ServerError, Value};

use super::document::{self, Unfit};
use crate::ids::err_id;
use crate::refusals::{Key, Told, told};
use domain::Error;
use domain::entropy::SharedEntropy;
use domain::refusal::{AuthDetails, Refusal};
use service::report_as;
use settings::Locale;

const NOT_AUTHENTICATED: &str = "No or incorrect authentication credentials";
const ACCESS_DENIED: &str = "You do not have access to this resource";
const INVALID_MUTATION: &str = "You attempted to perform an invalid mutation";
const NO_INTROSPECTION: &str = "GraphQL introspection is not allowed, but the query contained __schema or __type";
const INTERNAL: &str = "Internal server error";

/// What an answer is shaped with.
pub struct Envelope<'a> {
    /// Makes the ids that errors carry.
    pub entropy: &'a SharedEntropy,
    /// The language of words for users.
    pub locale: Locale,
}

/// An answer: a status, and a body whose keys keep their order.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its body.
    pub body: Value,
}

/// Why a request is not run at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The answer's status.
    pub status: StatusCode,
    /// Why, as clients read it.
    pub code: &'static str,
    /// Why, in words.
    pub message: &'static str,
}

/// A text has the control character that no text may have.
pub const NUL: Refused =
    Refused::new(StatusCode::BAD_REQUEST, "BAD_USER_INPUT", "The request has the control character U+0000 in a text");

impl Refused {
    /// A refusal with this status.
    pub const fn new(status: StatusCode, code: &'static str, message: &'static str) -> Self {
        Self { status, code, message }
    }
}

/// An object that keeps the order of its keys.
#[derive(Default)]
struct Object(async_graphql::indexmap::IndexMap<Name, Value>);

impl Object {
    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(Name::new(name), value.into());
        self
    }

    fn with_some(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Object(object.0)
    }
}

/// Where in a request something failed.
struct Place<'a> {
    kind: &'static str,
    /// The names of the fields down to it.
    fields: Vec<String>,
    locations: &'a [Pos],
}

impl Place<'_> {
    fn operation(&self) -> &str {
        self.fields.first().map_or("", String::as_str)
    }

    /// What the source prints for developers, less the lines of the query: passwords stand there.
    fn for_developer(&self, message: &str) -> String {
        let places = self.locations.iter().map(|place| format!("\n\nGraphQL request:{}:{}", place.line, place.column));
        format!("{message}{}", places.collect::<String>())
    }
}

/// What is particular to a kind of error.
struct Shape {
    message: String,
    name: &'static str,
    extensions: Object,
    data: Option<Value>,
}

impl Envelope<'_> {
    /// A request that is not run.
    pub fn refused(&self, refused: Refused) -> Answer {
        let Refused { status, code, message } = refused;
        let extensions = Object::default().with("code", code).with("type", code).with("message", message);
        let shape = Shape { message: message.to_owned(), name: "GQLError", extensions, data: None };
        Answer { status, body: Self::body(vec![self.error(shape, &[], &[])], None) }
    }

    /// A query that is not looked at.
    pub(super) fn unfit(&self, unfit: &Unfit) -> Answer {
        let too_large = |message| Refused::new(StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", message);
        match unfit {
            Unfit::TooLong => self.refused(too_large("The query has more than 8192 characters")),
            Unfit::TooDeep => self.invalid("Query is nested too deep.", &[]),
            Unfit::TooMany => self.invalid("Query is too complex.", &[]),
            Unfit::Nul => self.refused(NUL),
            Unfit::Introspection => self.invalid(NO_INTROSPECTION, &[]),
            Unfit::Mistake(mistake) => {
                let places: Vec<Pos> = mistake.positions().collect();
                // The parser's own report prints the line, and with it what stands there.
                let report = mistake.to_string();
                let told = report.rsplit(" = ").next().unwrap_or_default().trim();
                let message = format!("Syntax Error: {told}");
                self.unrun("SyntaxError", "GRAPHQL_PARSE_FAILED", &message, &places)
            }
        }
    }

    fn invalid(&self, message: &str, places: &[Pos]) -> Answer {
        self.unrun("ValidationError", "GRAPHQL_VALIDATION_FAILED", message, places)
    }

    fn unrun(&self, name: &'static str, code: &str, message: &str, places: &[Pos]) -> Answer {
        Answer {
            status: StatusCode::BAD_REQUEST,
            body: Self::body(vec![self.not_run(name, code, message, places)], None),
        }
    }

    fn not_run(&self, name: &'static str, code: &str, message: &str, places: &[Pos]) -> Value {
        let place = Place { kind: "query", fields: Vec::new(), locations: places };
        let extensions = Object::default().with("code", code).with("messageForDeveloper", place.for_developer(message));
        self.error(Shape { message: message.to_owned(), name, extensions, data: None }, places, &[])
    }

    /// What running a request has given.
    pub(super) fn answer(&self, response: Response, document: &ExecutableDocument, operation: Option<&str>) -> Answer {
        let Response { data, mut errors, .. } = response;
        // What has a path has failed while it ran; all else was refused before.
        if !errors.is_empty() && errors.iter().all(|error| error.path.is_empty()) {
            let told = |error: &ServerError| {
                let message = words(&error.message);
                self.not_run("ValidationError", "GRAPHQL_VALIDATION_FAILED", &message, &error.locations)
            };
            let errors = errors.iter().map(told).collect();
            return Answer { status: StatusCode::BAD_REQUEST, body: Self::body(errors, None) };
        }
        // Fields of a query are resolved together, and fail in any order.
        errors.sort_by(|one, other| one.locations.cmp(&other.locations));
        let mut data = data;
        let kind = match document::kind(document, operation) {
            Some(OperationType::Mutation) => "mutation",
            _ => "query",
        };
        let mut told = Vec::with_capacity(errors.len());
        for error in &errors {
            leave_null(&mut data, &error.path);
            let fields = document::fields(document, operation, &error.path);
            let place = Place { kind, fields, locations: &error.locations };
            told.push(self.error(self.shape(error, &place), &error.locations, &error.path));
        }
        Answer { status: StatusCode::OK, body: Self::body(told, Some(data)) }
    }

    fn body(errors: Vec<Value>, data: Option<Value>) -> Value {
        let errors = (!errors.is_empty()).then_some(Value::List(errors));
        Object::default().with_some("errors", errors).with_some("data", data).into()
    }

    fn error(&self, shape: Shape, places: &[Pos], path: &[PathSegment]) -> Value {
        let place = |place: &Pos| Object::default().with("line", place.line).with("column", place.column).into();
        let segment = |segment: &PathSegment| match segment {
            PathSegment::Field(name) => Value::from(name.as_str()),
            PathSegment::Index(index) => Value::from(*index),
        };
        let list = |list: Vec<Value>| (!list.is_empty()).then_some(Value::List(list));
        Object::default()
            .with("message", shape.message)
            .with("name", shape.name)
            .with("errId", err_id(self.entropy))
            .with_some("locations", list(places.iter().map(place).collect()))
            .with_some("path", list(path.iter().map(segment).collect()))
            .with("extensions", shape.extensions)
            .with_some("data", shape.data)
            .into()
    }

    fn shape(&self, error: &ServerError, place: &Place<'_>) -> Shape {
        match error.source::<Error>() {
            Some(Error::Refused(refusal)) => self.refusal(refusal, place),
            Some(Error::TooManyAttempts { retry_after }) => {
                self.refusal(&Refusal::TooManyRequests { retry_after: *retry_after }, place)
            }
            Some(wrong @ Error::Input { .. }) => {
                let message = wrong.to_string();
                Self::plain("BAD_USER_INPUT", "WRONG_VALUE", &message, place)
            }
            Some(ours) => {
                report_as(ours, &err_id(self.entropy));
                Self::plain("INTERNAL_ERROR", "INTERNAL_SERVER_ERROR", INTERNAL, place)
            }
            // An argument of the right type, with a value that its reader refuses.
            None => Self::plain("BAD_USER_INPUT", "WRONG_VALUE", &words(&error.message), place),
        }
    }

    fn plain(code: &str, kind: &str, message: &str, place: &Place<'_>) -> Shape {
        let extensions = Object::default()
            .with(place.kind, place.operation())
            .with("code", code)
            .with("type", kind)
            .with("message", message)
            .with("messageForDeveloper", place.for_developer(message));
        Shape { message: message.to_owned(), name: "GQLError", extensions, data: None }
    }

    fn refusal(&self, refusal: &Refusal, place: &Place<'_>) -> Shape {
        let developer = |message: &str| place.for_developer(message);
        match refusal {
            Refusal::NotAuthenticated => Shape {
                message: NOT_AUTHENTICATED.to_owned(),
                name: "AuthenticationError",
                extensions: Object::default()
                    .with("code", "UNAUTHENTICATED")
                    .with("message", NOT_AUTHENTICATED)
                    .with("messageForDeveloper", developer(NOT_AUTHENTICATED)),
                data: None,
            },
            Refusal::AccessDenied => {
                let target = place.fields.last().map_or("", String::as_str);
                // What is denied inside an answer is denied to a reader.
                let kind = if place.fields.len() > 1 { "query" } else { place.kind };
                Shape {
                    message: ACCESS_DENIED.to_owned(),
                    name: "AccessDeniedError",
                    extensions: Object::default()
                        .with("code", "INTERNAL_SERVER_ERROR")
                        .with("messageForDeveloper", developer(ACCESS_DENIED)),
                    data: Some(Object::default().with("type", kind).with("target", target).into()),
                }
            }
            Refusal::Invalid { message } => Shape {
                message: INVALID_MUTATION.to_owned(),
                name: "ValidationFailureError",
                extensions: Object::default()
                    .with("code", "INTERNAL_SERVER_ERROR")
                    .with("message", message.as_str())
                    .with("messageForDeveloper", developer(INVALID_MUTATION)),
                data: Some(Object::default().with("messages", vec![message.as_str()]).into()),
            },
            other => match told(other) {
                Some(told) => self.told(other, &told, place),
                None => Self::plain("INTERNAL_ERROR", "INTERNAL_SERVER_ERROR", INTERNAL, place),
            },
        }
    }

    fn told(&self, refusal: &Refusal, told: &Told, place: &Place<'_>) -> Shape {
        let message = told.message();
        let variable = (!told.variable.is_empty()).then(|| told.variable.to_vec());
        let mut extensions = Object::default()
            .with(place.kind, place.operation())
            .with_some("variable", variable)
            .with("code", told.code.as_str())
            .with("type", told.kind)
            .with("message", message.as_str());
        if let (Some((key, ..)), Some((text, template))) = (told.for_user, told.message_for_user(self.locale)) {
            let key = match key {
                Key::Common => format!("api.common.{}", told.kind),
                Key::User => format!("api.user.{}", told.kind),
                Key::Operation => format!("api.user.{}.{}", place.operation(), told.kind),
            };
            let template = template.contains('{').then_some(template);
            extensions = extensions
                .with("messageForUser", text)
                .with("messageForUserTemplateKey", key)
                .with_some("messageForUserTemplate", template);
        }
        if !told.interpolation.is_empty() {
            let filled = told.interpolation.iter().fold(Object::default(), |object, (name, value)| {
                object.with(name, Value::from_json(value.clone()).unwrap_or_default())
            });
            extensions = extensions.with("messageInterpolation", filled);
        }
        extensions = extensions.with_some("correctExample", told.correct_example);
        if let Refusal::NotEnoughAuthFactors(details) = refusal {
            extensions = extensions.with("authDetails", auth_details(details));
        }
        let developer = place.for_developer(&message);
        Shape { message, name: "GQLError", extensions: extensions.with("messageForDeveloper", developer), data: None }
    }
}

fn auth_details(details: &AuthDetails) -> Object {
    let factors = [("confirmEmailToken", &details.email), ("confirmPhoneToken", &details.phone)];
    let available: Vec<&str> = factors.iter().filter(|(_, masked)| masked.is_some()).map(|(name, _)| *name).collect();
    let masked =
        Object::default().with_some("email", details.email.as_deref()).with_some("phone", details.phone.as_deref());
    Object::default()
        .with("is2FAEnabled", true)
        .with("userId", details.user_id.as_str())
        .with("availableSecondFactors", available)
        .with("maskedData", masked)
}

/// async-graphql leaves out what has failed; the specification wants a null there (GraphQL, June 2018, §6.4.4).
fn leave_null(data: &mut Value, path: &[PathSegment]) {
    let Some((segment, rest)) = path.split_first() else { return };
    if matches!(data, Value::Null) {
        *data = match segment {
            PathSegment::Field(_) => Value::Object(async_graphql::indexmap::IndexMap::new()),
            PathSegment::Index(_) => return,
        };
    }
    match (data, segment) {
        (Value::Object(object), PathSegment::Field(name)) => {
            let inner = object.entry(Name::new(name)).or_insert(Value::Null);
            // A null that is there already stands for all that is beneath it.
            if !rest.is_empty() && !matches!(inner, Value::Null) {
                leave_null(inner, rest);
            }
        }
        (Value::List(list), PathSegment::Index(index)) => {
            if let Some(inner) = list.get_mut(*index) {
                leave_null(inner, rest);
            }
        }
        _ => {}
    }
}

/// A message of async-graphql's in the source's words, where clients know those.
fn words(message: &str) -> String {
    let wrong_enum = || {
        let (_, rest) = message.split_once("enumeration type \"")?;
        let (name, rest) = rest.split_once("\" does not contain the value \"")?;
        Some(format!("Value \"{}\" does not exist in \"{name}\" enum.", rest.strip_suffix('"')?))
    };
    // A hint at a name that was nearly guessed is an answer to a question that may not be asked.
    wrong_enum().unwrap_or_else(|| message.split(" Did you mean ").next().unwrap_or_default().to_owned())
}
