//! A provider that takes its time, refuses a refresh token that comes twice, and keeps count.

use std::sync::Mutex;
use std::time::Duration;

use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpResponse, HttpServer};
use serde_json::json;

use super::seed::refresh_token;

/// What has happened, and the number of the refresh token that each family's next call has to bring.
struct Book {
    asked: usize,
    refused: usize,
    next: Vec<u32>,
}

impl Book {
    /// Forgets what has happened: each family has its first refresh token.
    fn start_over(&mut self) {
        (self.asked, self.refused) = (0, 0);
        self.next.fill(0);
    }

    /// Spends a refresh token; gives the one that replaces it, unless it is spent or was never given out.
    fn spend(&mut self, token: &str) -> Option<String> {
        self.asked += 1;
        let (family, number) = token.strip_prefix("refresh-")?.split_once('-')?;
        let family: u32 = family.parse().ok()?;
        let next = self.next.get_mut(usize::try_from(family).ok()?)?;
        if number.parse() != Ok(*next) {
            return None;
        }
        *next += 1;
        Some(refresh_token(family, *next))
    }
}

/// Serves so many families of refresh tokens; each token call takes `milliseconds`. `/counts` tells how many there were, and
/// how many of them were refused; a POST to `/again` forgets it all, for another storm on a copy of the same links.
pub(crate) async fn serve(families: u32, milliseconds: u64) {
    let pause = Duration::from_millis(milliseconds);
    let book =
        Data::new(Mutex::new(Book { asked: 0, refused: 0, next: vec![0; usize::try_from(families).expect("few")] }));
    let listener = super::listener();
    let issuer = format!("http://{}", listener.local_addr().expect("it is bound"));
    HttpServer::new(move || {
        let metadata = json!({
            "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/jwks"),
            "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        });
        App::new()
            .app_data(book.clone())
            .route("/token", web::post().to(move |book: Data<Mutex<Book>>, body: Bytes| token(book, body, pause)))
            .route("/counts", web::get().to(counts))
            .route("/again", web::post().to(again))
            .default_service(web::to(move || std::future::ready(HttpResponse::Ok().json(&metadata))))
    })
    .workers(1)
    .listen(listener)
    .expect("it listens")
    .run()
    .await
    .expect("it serves");
}

async fn token(book: Data<Mutex<Book>>, body: Bytes, pause: Duration) -> HttpResponse {
    let presented = url::form_urlencoded::parse(&body).find(|(name, _)| name == "refresh_token");
    let presented = presented.map(|(_, token)| token.into_owned()).unwrap_or_default();
    let next = {
        let mut book = book.lock().expect("nobody panics");
        let next = book.spend(&presented);
        book.refused += usize::from(next.is_none());
        next
    };
    tokio::time::sleep(pause).await;
    match next {
        Some(next) => HttpResponse::Ok().json(json!({
            "access_token": format!("access-of-{next}"), "refresh_token": next, "token_type": "Bearer", "expires_in": 86400,
        })),
        None => HttpResponse::BadRequest().json(json!({ "error": "invalid_grant" })),
    }
}

async fn counts(book: Data<Mutex<Book>>) -> String {
    let book = book.lock().expect("nobody panics");
    format!("{} {}\n", book.asked, book.refused)
}

async fn again(book: Data<Mutex<Book>>) -> HttpResponse {
    book.lock().expect("nobody panics").start_over();
    HttpResponse::NoContent().finish()
}
