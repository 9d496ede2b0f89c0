//! Runs a request: its document is looked at, and what it asks is answered field by field.

use actix_web::http::StatusCode;
use async_graphql::parser::types::OperationType;
use async_graphql::{Request, Variables};
use futures_util::future::BoxFuture;
use serde_json::Value as Json;

use super::budget::Budget;
use super::error::{Answer, Envelope, Refused};
use super::posted::Posted;
use super::visit::Visit;
use super::{Api, document, unset};
use domain::Result;

/// How long the variables of a request may be, as JSON, in bytes; as in the source.
pub const VARIABLES: usize = 512 * 1024;
/// A query and its variables that are longer take their time to be looked at, whatever they ask for; so that is done where nobody
/// else waits for it. The documented requests have some hundred bytes.
const SMALL: usize = 4 * 1024;

const VARIABLES_TOO_LARGE: Refused =
    Refused::new(StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", "The variables have more than 512 KB");
const NO_QUERY: Refused =
    Refused::new(StatusCode::METHOD_NOT_ALLOWED, "BAD_USER_INPUT", "GET supports only query operations: use POST");

/// A request to run.
pub struct Asked<'b> {
    /// What was sent.
    pub posted: Posted,
    /// Whether it must change nothing.
    pub is_query: bool,
    /// What is left to those of its batch.
    pub budget: Option<&'b Budget>,
}

impl Asked<'_> {
    /// A request that comes alone and may change something.
    pub const fn of(posted: Posted) -> Self {
        Self { posted, is_query: false, budget: None }
    }
}

impl Api {
    /// The answer to a request. It fails where there is no room for work that its caller sizes.
    // In a box, so that all that resolvers do is compiled here, once.
    pub fn run<'a>(
        &'a self,
        envelope: &'a Envelope<'_>,
        visit: &'a Visit,
        asked: Asked<'a>,
    ) -> BoxFuture<'a, Result<Answer>> {
        Box::pin(async move {
            let Asked { posted, is_query, budget } = asked;
            let may_ask = visit.parts.settings.introspection;
            let mut document = match document::parse(&posted.query, may_ask) {
                Ok(document) => document,
                Err(unfit) => return Ok(envelope.unfit(&unfit)),
            };
            let operation = posted.operation.filter(|_| !document::is_anonymous(&document));
            // What is not there is named by the validation.
            let kind = document::kind(&document, operation.as_deref());
            if is_query && kind.is_some_and(|kind| kind != OperationType::Query) {
                return Ok(envelope.refused(NO_QUERY));
            }
            unset::leave_out(&mut document, &posted.variables);
            let variables = Json::Object(posted.variables);
            let size = length(&variables);
            if size > VARIABLES {
                return Ok(envelope.refused(VARIABLES_TOO_LARGE));
            }
            let is_long = size + posted.query.len() > SMALL;
            // Whoever sends a batch says how much work there is in it.
            let is_sized = budget.is_some() || is_long || document::asks_for_lists(&document);
            let mut request = Request::new(posted.query).variables(Variables::from_json(variables)).data(visit.clone());
            request.set_parsed_query(document.clone());
            request.operation_name.clone_from(&operation);
            let schema = match budget {
                None => &self.alone,
                Some(budget) => {
                    request = request.data(budget.clone());
                    &self.batched
                }
            };
            let response = if is_sized {
                let schema = schema.clone();
                visit.parts.caller_sized.aside(async move { schema.execute(request).await }).await?
            } else {
                schema.execute(request).await
            };
            Ok(envelope.answer(response, &document, operation.as_deref()))
        })
    }
}

fn length(value: &Json) -> usize {
    serde_json::to_vec(value).map_or(usize::MAX, |text| text.len())
}
