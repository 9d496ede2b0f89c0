//! fedToken and list by hand on SQLite: a connection per worker, each with its statements prepared.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{self, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use rusqlite::{Connection, OptionalExtension as _, Statement};

use super::callers::{self, Callers, Hash, MAY_FETCH, MAY_LIST, Seen};
use super::seal::{Key, Owner};
use super::{FED_TOKEN, LIST, Link, Token, Tokens};

/// The same rows as fedlink reads, as one would ask for them: fedlink sorts the few there are itself.
const TOKENS_OF: &str = "SELECT token_sets.link_id, links.sid, token_sets.key_id, token_sets.wrapped_key, \
    token_sets.sealed_access, token_sets.sealed_refresh IS NOT NULL, token_sets.expires_at, token_sets.obtained_at, \
    token_sets.imported_at, token_sets.health, token_sets.retry_at \
    FROM accounts LEFT JOIN links ON links.subject = accounts.subject AND links.fp_type = ?2 AND links.fp_name = ?3 \
    LEFT JOIN token_sets ON token_sets.link_id = links.id \
    WHERE accounts.subject = ?1 ORDER BY links.created, links.id";
const LINKS_OF: &str = "SELECT links.sid, links.fp_type, links.fp_name, links.user_name \
    FROM accounts LEFT JOIN links ON links.subject = accounts.subject \
    WHERE accounts.subject = ?1 ORDER BY links.created, links.id";
const CALLER_OF: &str = "SELECT scope, expires FROM oauth_tokens WHERE token_hash = ?1";

/// What a worker has for itself.
struct Hand {
    tokens_of: RefCell<Statement<'static>>,
    links_of: RefCell<Statement<'static>>,
    caller_of: RefCell<Statement<'static>>,
    callers: Callers,
    key: Key,
}

impl Hand {
    fn open(database: &Path, key: Key, callers: Callers) -> Self {
        let connection = Connection::open(database).expect("a database");
        // As fedlink's readers.
        connection.execute_batch("PRAGMA query_only = ON; PRAGMA mmap_size = 2147418112;").expect("its settings");
        // It lives as long as the process, so its statements may too.
        let connection: &'static Connection = Box::leak(Box::new(connection));
        let prepare = |sql| RefCell::new(connection.prepare(sql).expect("a statement"));
        Self { tokens_of: prepare(TOKENS_OF), links_of: prepare(LINKS_OF), caller_of: prepare(CALLER_OF), callers, key }
    }

    /// Whether the caller has the scope.
    fn lets(&self, request: &HttpRequest, scope: &str) -> bool {
        let Some(hash) = callers::hash(request) else { return false };
        self.callers.get(&hash).or_else(|| self.look_up(hash)).is_some_and(|seen| self.callers.may(&seen, scope))
    }

    fn look_up(&self, hash: Hash) -> Option<Arc<Seen>> {
        let mut statement = self.caller_of.borrow_mut();
        let row = statement.query_row([&hash[..]], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)));
        let (scopes, expires) = row.optional().expect("an answer")?;
        Some(self.callers.remember(hash, Seen::new(&scopes, expires / 1_000_000)))
    }

    fn tokens(&self, (subject, fp_type, fp_name): &(String, String, String)) -> Vec<(String, Token)> {
        let mut statement = self.tokens_of.borrow_mut();
        let mut rows = statement.query((subject, fp_type, fp_name)).expect("an answer");
        let mut tokens = Vec::new();
        while let Some(row) = rows.next().expect("a row") {
            let text = |at| row.get_ref(at).expect("a column").as_str().expect("text");
            let blob = |at| row.get_ref(at).expect("a column").as_blob().expect("bytes");
            let expires: Option<i64> = row.get(6).expect("a moment");
            let owner = Owner { link: text(0), subject, fp_type, fp_name, sid: text(1) };
            let token = self.key.open(&owner, blob(3), blob(4));
            tokens.push((text(1).to_owned(), Token { expires_on: expires.map(|micros| micros / 1_000_000), token }));
        }
        tokens
    }

    fn links(&self, subject: &str) -> Vec<Link> {
        let mut statement = self.links_of.borrow_mut();
        let rows = statement.query_map([subject], |row| {
            Ok(Link { sid: row.get(0)?, fp_type: row.get(1)?, fp_name: row.get(2)?, user_name: row.get(3)? })
        });
        rows.expect("an answer").map(|row| row.expect("a row")).collect()
    }
}

/// Serves fedToken and list from fedlink's own database.
pub(crate) async fn serve(database: PathBuf, keyring: &Path) {
    let (key, callers) = (Key::load(keyring), Callers::new());
    HttpServer::new(move || {
        App::new()
            .app_data(Data::new(Hand::open(&database, key.clone(), callers.clone())))
            .route(FED_TOKEN, web::get().to(fed_token))
            .route(LIST, web::get().to(list))
    })
    .listen(super::listener())
    .expect("it listens")
    .run()
    .await
    .expect("it serves");
}

async fn fed_token(hand: Data<Hand>, request: HttpRequest, path: web::Path<(String, String, String)>) -> HttpResponse {
    if !hand.lets(&request, MAY_FETCH) {
        return callers::refused();
    }
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(Tokens(hand.tokens(&path)))
}

async fn list(hand: Data<Hand>, request: HttpRequest, subject: web::Path<String>) -> HttpResponse {
    if !hand.lets(&request, MAY_LIST) {
        return callers::refused();
    }
    HttpResponse::Ok().json(hand.links(&subject))
}
