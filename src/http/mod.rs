//! Every route of the service on one page. Handlers extract, call one service function, and shape the answer.

mod address;
pub mod blitz;
mod caller;
pub(crate) mod condo;
mod connection;
mod cookies;
mod cors;
mod current;
mod failure;
mod fields;
mod headers;
mod limits;
mod metered;
mod nul;
mod ops;
mod own_form;
mod page;
mod path;
mod pulse;
mod refused;
pub mod server;
mod sign_in;
mod words;

use actix_web::Route;
use actix_web::dev::HttpServiceFactory;
use actix_web::guard::{GuardContext, fn_guard};
use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};

use blitz::{audit, batch, bind, error, events, fa, fa_search, fed_token, oauth, rejected};
use condo::api as condo_api;
use condo::sign_in as partner;
use service::Current;

/// One path with its methods; any other method answers 405 and names these.
macro_rules! at {
    ($config:expr, $path:expr, $($method:ident => $handler:path),+) => {
        $config.service(
            web::resource($path)
                .app_data($crate::http::metered::Route::of($path))
                $(.route($crate::http::by(stringify!($method)).to($handler)))+
                .default_service(web::to(async || $crate::http::blitz::error::method_not_allowed(&[$(stringify!($method)),+]))),
        )
    };
}
use at;

/// A route of one method. actix-web's own guards note in each request which methods they have looked for, to answer 405 with; that
/// answer is ours here.
fn by(method: &str) -> Route {
    let method = method.to_ascii_uppercase();
    web::route().guard(fn_guard(move |context| context.head().method.as_str() == method))
}

/// The service's routes, under the base path and, the same, at the root.
fn routes(current: &Current, api: &web::Data<graphql::Api>, config: &mut ServiceConfig) {
    let settings = &current.take().settings;
    let base_path = &settings.base_path;
    config.app_data(web::Data::new(current.clone())).app_data(api.clone());
    at!(config, &format!("/.well-known/oauth-authorization-server{base_path}"), get => oauth::metadata);
    if !base_path.is_empty() {
        config.service(web::scope(base_path).configure(blitz_routes).service(condo()));
    }
    blitz_routes(config);
    config.service(condo());
    config.default_service(web::to(error::not_found));
}

// `{x:[^/]*}` rather than `{x}`: an empty segment is to be refused by name, not to be an unknown path.
fn blitz_routes(config: &mut ServiceConfig) {
    // Tried in this order: what is called most comes first.
    at!(config, "/api/v3/users/{subject:[^/]*}/fedToken/{type:[^/]*}/{name:[^/]*}", get => fed_token::fetch);
    at!(config, "/oauth/te", post => oauth::token);
    at!(config, "/api/v3/users/{subject:[^/]*}/fa", get => fa::list);
    at!(config, "/api/v3/users/{subject:[^/]*}/fa/{type:[^/]*}/{name:[^/]*}/{sid:[^/]*}", post => fa::link, delete => fa::unlink_v3);
    at!(config, "/api/v3/fedTokens", post => batch::fetch);
    at!(config, "/api/v3/users/{subject:[^/]*}/fedToken/{type:[^/]*}/{name:[^/]*}/rejected", post => rejected::report);
    at!(config, "/api/v3/fa", get => fa_search::search);
    at!(config, "/api/v3/users/{subject:[^/]*}/fa/{type:[^/]*}/{name:[^/]*}/{sid:[^/]*}/retry", post => fa::retry);
    at!(config, "/api/v2/users/current/fa/bind", post => bind::instruct);
    at!(config, "/api/v2/users/current/fa/bind/complete", post => bind::complete);
    at!(config, "/api/v2/users/current/fa/bind/auth/{id}", get => bind::open);
    at!(config, "/api/v2/users/current/fa/bind/auth/{id}/confirm", get => bind::question, post => bind::confirm);
    at!(config, "/login/externalIdps/callback/{type:[^/]*}/{name:[^/]*}/{popup:true|false}", get => bind::callback, post => bind::posted);
    at!(config, "/api/v2/users/{subject:[^/]*}/fa/{type:[^/]*}/{name:[^/]*}/{sid:[^/]*}", delete => fa::unlink_v2);
    at!(config, "/sign-in", get => sign_in::show, post => sign_in::submit);
    at!(config, "/sign-in/phone", get => sign_in::phone::show, post => sign_in::phone::submit);
    at!(config, "/sign-out", get => sign_in::ask, post => sign_in::sign_out);
    at!(config, "/api/v3/users/{subject:[^/]*}/audit", get => audit::of_person);
    at!(config, "/api/v3/audit", get => audit::search);
    at!(config, "/api/v3/events", get => events::list);
    at!(config, "/api/v3/events/replay", post => events::replay);
    config.service(whoami("/api/whoami{slash:/?}"));
    at!(config, "/oauth/ae", get => oauth::authorize);
    at!(config, "/oauth/introspect", post => oauth::introspect);
    at!(config, "/oauth/revoke", post => oauth::revoke);
}

/// Of the Condo dialect, and of use without it.
fn whoami(path: &str) -> impl HttpServiceFactory {
    web::resource(path)
        .app_data(metered::Route::of(path))
        .wrap(from_fn(condo::error::with_request_id))
        .route(web::get().to(address::whoami))
        .default_service(web::to(async || error::method_not_allowed(&["get"])))
}

/// The Condo dialect; without settings of its sessions it isn't there.
fn condo() -> impl HttpServiceFactory {
    let has_sessions = |context: &GuardContext<'_>| {
        let current = context.app_data::<web::Data<Current>>();
        current.is_some_and(|current| current.take().settings.session.is_some())
    };
    web::scope("").guard(fn_guard(has_sessions)).wrap(from_fn(condo::error::with_request_id)).configure(condo_routes)
}

fn condo_routes(config: &mut ServiceConfig) {
    // One schema under both names: the source's own, and the one that its documentation gives.
    for path in ["/admin/api{slash:/?}", "/api/graphql{slash:/?}"] {
        config.service(
            web::resource(path)
                .app_data(metered::Route::of(path))
                .route(web::post().to(condo_api::post))
                .route(web::get().to(condo_api::get))
                .route(web::method(Method::OPTIONS).to(condo_api::preflight))
                .default_service(web::to(async || error::method_not_allowed(&["get", "post"]))),
        );
    }
    at!(config, "/api/auth/{provider:[^/]*}{slash:/?}", get => partner::begin);
    at!(config, "/api/auth/{provider:[^/]*}/callback{slash:/?}", get => partner::callback);
    at!(config, "/", get => partner::home);
}
