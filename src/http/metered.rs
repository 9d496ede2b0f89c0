//! Every answer of the public listener passes here: it is counted and timed by its route, and refusals are counted for the record.

use std::cell::{OnceCell, RefCell};
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready as poll};
use std::time::Duration;

use actix_web::Error;
use actix_web::dev::{Payload, Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::http::{Method, StatusCode};
use pin_project_lite::pin_project;

use super::refused;
use domain::clock::SharedClock;
use service::meters::{Counter, Histogram, Meters};

/// A route, and what is measured of it by one worker: found once, and then at hand.
pub(super) struct Route {
    name: String,
    seconds: OnceCell<Histogram>,
    answers: RefCell<Vec<(Kind, Counter)>>,
}

/// Method and status.
type Kind = (&'static str, u16);

impl Route {
    /// The route of a path as actix-web takes it: its name is that without what segments are made of.
    pub(super) fn of(path: &str) -> Self {
        let mut name = String::new();
        let mut is_pattern = false;
        for c in path.trim_end_matches("{slash:/?}").chars() {
            is_pattern = match c {
                ':' => true,
                '}' => false,
                _ => is_pattern,
            };
            if !is_pattern {
                name.push(c);
            }
        }
        Self::named(name)
    }

    fn named(name: String) -> Self {
        Self { name, seconds: OnceCell::new(), answers: RefCell::default() }
    }

    fn answered(&self, meters: &Meters, kind: Kind, took: Duration) {
        self.seconds.get_or_init(|| meters.request_seconds(&self.name)).observe(took);
        let mut answers = self.answers.borrow_mut();
        if let Some((_, counter)) = answers.iter().find(|(known, _)| *known == kind) {
            counter.inc();
        } else {
            let (method, status) = kind;
            let counter = meters.requests(method, &self.name, status);
            counter.inc();
            answers.push((kind, counter));
        }
    }
}

/// A method's name: whatever strangers call theirs is no label.
fn name_of(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::HEAD => "HEAD",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        _ => "other",
    }
}

/// Measures every answer.
pub(super) struct Measuring {
    pub(super) meters: Arc<Meters>,
    pub(super) clock: SharedClock,
}

impl<S, B> Transform<S, ServiceRequest> for Measuring
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Transform = Measured<S>;
    type InitError = ();
    type Future = Ready<Result<Measured<S>, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        let (meters, clock) = (Arc::clone(&self.meters), SharedClock::clone(&self.clock));
        let other = Route::named("none".to_owned());
        ready(Ok(Measured { service, at_work: Rc::new(AtWork { meters, clock, other }) }))
    }
}

/// A service whose answers are measured.
pub(super) struct Measured<S> {
    service: S,
    at_work: Rc<AtWork>,
}

struct AtWork {
    meters: Arc<Meters>,
    clock: SharedClock,
    /// Where no route is.
    other: Route,
}

impl<S, B> Service<ServiceRequest> for Measured<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Future = Answering<S::Future>;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.service.poll_ready(context)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let began = self.at_work.clock.monotonic();
        Answering { answer: self.service.call(request), began, at_work: Rc::clone(&self.at_work) }
    }
}

pin_project! {
    /// An answer under way.
    pub(super) struct Answering<F> {
        #[pin]
        answer: F,
        began: Duration,
        at_work: Rc<AtWork>,
    }
}

impl<B, F: Future<Output = Result<ServiceResponse<B>, Error>>> Future for Answering<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let answer = poll!(this.answer.poll(context))?;
        this.at_work.count(&answer, *this.began);
        Poll::Ready(Ok(forgotten(answer)))
    }
}

/// The same answer, its request without headers: actix-web keeps 128 requests a worker for the next ones, each with what its
/// peer sent, secrets and the buffer they were read into, until it is used again. One that is never answered, since its connection
/// broke off, is kept with them.
fn forgotten<B>(answer: ServiceResponse<B>) -> ServiceResponse<B> {
    let (request, response) = answer.into_parts();
    let mut request = ServiceRequest::from_parts(request, Payload::None);
    request.headers_mut().clear();
    ServiceResponse::new(request.into_parts().0, response)
}

impl AtWork {
    fn count<B>(&self, answer: &ServiceResponse<B>, began: Duration) {
        let took = self.clock.monotonic().saturating_sub(began);
        let request = answer.request();
        let kind = (name_of(request.method()), answer.status().as_u16());
        let route = request.app_data::<Route>().unwrap_or(&self.other);
        route.answered(&self.meters, kind, took);
        if answer.status() == StatusCode::INTERNAL_SERVER_ERROR {
            self.meters.failed();
        }
        if answer.status().is_client_error() {
            refused::count(answer);
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::AUTHORIZATION;
    use actix_web::test::{TestRequest, call_service, init_service};
    use actix_web::{App, HttpRequest, HttpResponse, web};

    use super::*;
    use domain::clock::SystemClock;

    #[actix_web::test]
    async fn the_headers_of_a_request_are_forgotten_with_its_answer() {
        let measuring = Measuring { meters: Arc::new(Meters::default()), clock: SystemClock::shared() };
        let secret = |request: HttpRequest| async move {
            HttpResponse::Ok().append_header(("seen", request.headers().get(AUTHORIZATION).unwrap())).finish()
        };
        let app = init_service(App::new().wrap(measuring).default_service(web::to(secret))).await;
        let request = TestRequest::get().insert_header((AUTHORIZATION, "Bearer secret")).to_request();
        let answer = call_service(&app, request).await;
        assert_eq!(answer.headers().get("seen").unwrap(), "Bearer secret");
        assert!(answer.request().headers().is_empty());
    }

    #[test]
    fn a_routes_name_is_its_path_without_patterns() {
        for (path, name) in [
            ("/api/v3/fedTokens", "/api/v3/fedTokens"),
            ("/api/v3/users/{subject:[^/]*}/fedToken/{type:[^/]*}", "/api/v3/users/{subject}/fedToken/{type}"),
            ("/admin/api{slash:/?}", "/admin/api"),
            ("/callback/{popup:true|false}", "/callback/{popup}"),
        ] {
            assert_eq!(Route::of(path).name, name);
        }
    }

    #[test]
    fn a_strangers_method_is_no_label() {
        assert_eq!((name_of(&Method::GET), name_of(&"EVIL".parse().unwrap())), ("GET", "other"));
    }
}
