//! Refused calls are counted for the record: an answer that refuses says so, and every answer passes here.

use std::future::{Ready, ready};
use std::task::{Context, Poll};

use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::web::Data;
use actix_web::{Error, HttpRequest, HttpResponseBuilder};
use futures_util::future::{FutureExt as _, Map};

use super::caller::{Credentials, credentials};
use crate::service::{Current, Parts, callers};
use domain::ids::ClientId;

/// What an answer says of itself that refuses an application's call.
pub(super) struct Refused {
    /// The code that the application is told.
    code: &'static str,
    whose: Whose,
}

/// Whose call it was.
pub(super) enum Whose {
    /// As the request's credentials tell.
    Theirs,
    /// As its handler has found; nobody's, where nobody has shown who they are.
    Known(Option<ClientId>),
}

/// Marks an answer, if it refuses: what fails on our side or a provider's is no refusal.
pub(super) fn mark(response: &mut HttpResponseBuilder, code: &'static str, whose: Whose) {
    response.extensions_mut().insert(Refused { code, whose });
}

/// Counts what is marked.
pub(super) struct Counting;

impl<S, B> Transform<S, ServiceRequest> for Counting
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Transform = Counted<S>;
    type InitError = ();
    type Future = Ready<Result<Counted<S>, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(Counted(service)))
    }
}

/// A service whose refusals are counted.
pub(super) struct Counted<S>(S);

type Answer<B> = Result<ServiceResponse<B>, Error>;

impl<S, B> Service<ServiceRequest> for Counted<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Future = Map<S::Future, fn(Answer<B>) -> Answer<B>>;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_ready(context)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        self.0.call(request).map(pass)
    }
}

fn pass<B>(answer: Answer<B>) -> Answer<B> {
    if let Ok(answer) = &answer
        && answer.status().is_client_error()
    {
        count(answer);
    }
    answer
}

fn count<B>(answer: &ServiceResponse<B>) {
    let extensions = answer.response().extensions();
    let (Some(refused), Some(current)) = (extensions.get::<Refused>(), answer.request().app_data::<Data<Current>>())
    else {
        return;
    };
    let parts = current.take();
    let client = match &refused.whose {
        Whose::Theirs => client(&parts, answer.request(), refused.code),
        Whose::Known(client) => client.clone(),
    };
    parts.counts.refused(client.as_ref(), refused.code, parts.clock.now());
}

/// Whose call it was, as far as its credentials were found good.
fn client(parts: &Parts, request: &HttpRequest, code: &str) -> Option<ClientId> {
    match credentials(request).ok()?? {
        Credentials::Bearer(token) => callers::seen_client(parts, &token),
        // Whoever guesses is nobody's client.
        Credentials::Basic(..) if matches!(code, "bad_credentials" | "too_many_attempts") => None,
        Credentials::Basic(id, _) => ClientId::parse(&id).ok().filter(|id| parts.settings.clients.contains_key(id)),
    }
}
