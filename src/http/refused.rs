//! Refused calls are counted for the record: an answer that refuses says so, and every answer passes here
//! ([`super::metered`]).

use actix_web::dev::ServiceResponse;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponseBuilder};

use super::caller::{Credentials, credentials};
use domain::ids::ClientId;
use service::{Current, Parts, callers};

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

/// Counts an answer that is marked.
pub(super) fn count<B>(answer: &ServiceResponse<B>) {
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
        Credentials::Bearer(token) => callers::seen_client(parts, token),
        // Whoever guesses is nobody's client.
        Credentials::Basic(..) if matches!(code, "bad_credentials" | "too_many_attempts") => None,
        Credentials::Basic(id, _) => ClientId::parse(&id).ok().filter(|id| parts.settings.clients.contains_key(id)),
    }
}
