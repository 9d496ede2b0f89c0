//! A handler that returns the same bytes each time: what the HTTP server alone costs.

use std::path::Path;

use actix_web::http::header::{CACHE_CONTROL, ContentType};
use actix_web::web::{self, Bytes};
use actix_web::{App, HttpResponse, HttpServer};

/// Serves the bytes of the file `body`, as JSON, at every path.
pub(crate) async fn serve(body: &Path) {
    let body = Bytes::from(std::fs::read(body).expect("the bytes to serve"));
    HttpServer::new(move || {
        let body = body.clone();
        App::new().default_service(web::to(move || {
            let body = body.clone();
            async move {
                let mut response = HttpResponse::Ok();
                response.insert_header((CACHE_CONTROL, "no-store")).insert_header(ContentType::json()).body(body)
            }
        }))
    })
    .listen(super::listener())
    .expect("it listens")
    .run()
    .await
    .expect("it serves");
}
