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
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};

use blitz::{audit, batch, bind, error, events, fa, fa_search, fed_token, oauth, rejected};
use condo::api as condo_api;
use condo::sign_in as partner;
use service::Current;

/// One path with its methods, under each base if there are several; any other method answers 405 and names these.
macro_rules! at {
    ($config:expr, $path:expr, $($method:ident => $handler:path),+) => {
        at!($config, [""], $path, $($method => $handler),+)
    };
    ($config:expr, $bases:expr, $path:expr, $($method:ident => $handler:path),+) => {
        for base in $bases {
            $config.service(
                web::resource(format!("{base}{}", $path))
                    .app_data($crate::http::metered::Route::of($path))
                    $(.route($crate::http::by(stringify!($method)).to($handler)))+
                    .default_service(web::to(async || $crate::http::blitz::error::method_not_allowed(&[$(stringify!($method)),+]))),
            );
        }
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
    let bases: &[&str] = if base_path.is_empty() { &[""] } else { &[base_path, ""] };
    blitz_routes(bases, config);
    config.service(condo(bases));
    config.default_service(web::to(error::not_found));
}

// `{x:[^/]*}` rather than `{x}`: an empty segment is to be refused by name, not to be an unknown path.
fn blitz_routes(bases: &[&str], config: &mut ServiceConfig) {
    // Tried in this order: what is called most comes first. A scope for each base would have every call routed twice.
    at!(config, bases, "/api/v3/users/{subject:[^/]*}/fedToken/{type:[^/]*}/{name:[^/]*}", get => fed_token::fetch);
    at!(config, bases, "/oauth/te", post => oauth::token);
    at!(config, bases, "/api/v3/users/{subject:[^/]*}/fa", get => fa::list);
    at!(config, bases, "/api/v3/users/{subject:[^/]*}/fa/{type:[^/]*}/{name:[^/]*}/{sid:[^/]*}", post => fa::link, delete => fa::unlink_v3);
    at!(config, bases, "/api/v3/fedTokens", post => batch::fetch);
    at!(config, bases, "/api/v3/users/{subject:[^/]*}/fedToken/{type:[^/]*}/{name:[^/]*}/rejected", post => rejected::report);
    at!(config, bases, "/api/v3/fa", get => fa_search::search);
    at!(config, bases, "/api/v3/users/{subject:[^/]*}/fa/{type:[^/]*}/{name:[^/]*}/{sid:[^/]*}/retry", post => fa::retry);
    at!(config, bases, "/api/v2/users/current/fa/bind", post => bind::instruct);
    at!(config, bases, "/api/v2/users/current/fa/bind/complete", post => bind::complete);
    at!(config, bases, "/api/v2/users/current/fa/bind/auth/{id}", get => bind::open);
    at!(config, bases, "/api/v2/users/current/fa/bind/auth/{id}/confirm", get => bind::question, post => bind::confirm);
    at!(config, bases, "/login/externalIdps/callback/{type:[^/]*}/{name:[^/]*}/{popup:true|false}", get => bind::callback, post => bind::posted);
    at!(config, bases, "/api/v2/users/{subject:[^/]*}/fa/{type:[^/]*}/{name:[^/]*}/{sid:[^/]*}", delete => fa::unlink_v2);
    at!(config, bases, "/sign-in", get => sign_in::show, post => sign_in::submit);
    at!(config, bases, "/sign-in/phone", get => sign_in::phone::show, post => sign_in::phone::submit);
    at!(config, bases, "/sign-out", get => sign_in::ask, post => sign_in::sign_out);
    at!(config, bases, "/api/v3/users/{subject:[^/]*}/audit", get => audit::of_person);
    at!(config, bases, "/api/v3/audit", get => audit::search);
    at!(config, bases, "/api/v3/events", get => events::list);
    at!(config, bases, "/api/v3/events/replay", post => events::replay);
    for base in bases {
        config.service(whoami(base, "/api/whoami{slash:/?}"));
    }
    at!(config, bases, "/oauth/ae", get => oauth::authorize);
    at!(config, bases, "/oauth/introspect", post => oauth::introspect);
    at!(config, bases, "/oauth/revoke", post => oauth::revoke);
}

/// Of the Condo dialect, and of use without it.
fn whoami(base: &str, path: &str) -> impl HttpServiceFactory + use<> {
    web::resource(format!("{base}{path}"))
        .app_data(metered::Route::of(path))
        .wrap(from_fn(condo::error::with_request_id))
        .route(by("get").to(address::whoami))
        .default_service(web::to(async || error::method_not_allowed(&["get"])))
}

/// The Condo dialect; without settings of its sessions it isn't there.
fn condo(bases: &[&str]) -> impl HttpServiceFactory + use<> {
    let has_sessions = |context: &GuardContext<'_>| {
        let current = context.app_data::<web::Data<Current>>();
        current.is_some_and(|current| current.take().settings.session.is_some())
    };
    web::scope("")
        .guard(fn_guard(has_sessions))
        .wrap(from_fn(condo::error::with_request_id))
        .configure(|config| condo_routes(bases, config))
}

fn condo_routes(bases: &[&str], config: &mut ServiceConfig) {
    // One schema under both names: the source's own, and the one that its documentation gives.
    for path in ["/admin/api{slash:/?}", "/api/graphql{slash:/?}"] {
        for base in bases {
            config.service(
                web::resource(format!("{base}{path}"))
                    .app_data(metered::Route::of(path))
                    .route(by("post").to(condo_api::post))
                    .route(by("get").to(condo_api::get))
                    .route(by("options").to(condo_api::preflight))
                    .default_service(web::to(async || error::method_not_allowed(&["get", "post"]))),
            );
        }
    }
    at!(config, bases, "/api/auth/{provider:[^/]*}{slash:/?}", get => partner::begin);
    at!(config, bases, "/api/auth/{provider:[^/]*}/callback{slash:/?}", get => partner::callback);
    at!(config, bases, "/", get => partner::home);
}
