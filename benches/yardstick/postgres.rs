//! fedToken and list by hand on Postgres: its statements prepared, all workers pipelined over one connection.

use std::path::Path;
use std::sync::Arc;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{self, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use tokio_postgres::types::{FromSql, Type};
use tokio_postgres::{Client, NoTls, Statement};

use super::callers::{self, Callers, Hash, MAY_FETCH, MAY_LIST, Seen};
use super::seal::{Key, Owner};
use super::{FED_TOKEN, LIST, Link, Token, Tokens};

/// The same rows as fedlink reads, as one would ask for them: fedlink sorts the few there are itself.
const TOKENS_OF: &str = "SELECT token_sets.link_id, links.sid, token_sets.key_id, token_sets.wrapped_key, \
    token_sets.sealed_access, token_sets.sealed_refresh IS NOT NULL, token_sets.expires_at, token_sets.obtained_at, \
    token_sets.imported_at, token_sets.health, token_sets.retry_at \
    FROM accounts LEFT JOIN links ON links.subject = accounts.subject AND links.fp_type = $2 AND links.fp_name = $3 \
    LEFT JOIN token_sets ON token_sets.link_id = links.id \
    WHERE accounts.subject = $1 ORDER BY links.created, links.id";
const LINKS_OF: &str = "SELECT links.sid, links.fp_type, links.fp_name, links.user_name \
    FROM accounts LEFT JOIN links ON links.subject = accounts.subject \
    WHERE accounts.subject = $1 ORDER BY links.created, links.id";
const CALLER_OF: &str = "SELECT scope, expires FROM oauth_tokens WHERE token_hash = $1";

type Anything = Box<dyn std::error::Error + Sync + Send>;

/// A `uuid`, as the text that ciphertexts are bound to.
struct Id(String);

impl FromSql<'_> for Id {
    fn from_sql(_: &Type, raw: &[u8]) -> Result<Self, Anything> {
        Ok(Self(uuid::Uuid::from_slice(raw)?.to_string()))
    }

    fn accepts(of: &Type) -> bool {
        *of == Type::UUID
    }
}

/// A `timestamptz` in Unix seconds.
struct Seconds(i64);

impl FromSql<'_> for Seconds {
    fn from_sql(_: &Type, raw: &[u8]) -> Result<Self, Anything> {
        // Postgres counts from the year 2000.
        Ok(Self(i64::from_be_bytes(raw.try_into()?) / 1_000_000 + 946_684_800))
    }

    fn accepts(of: &Type) -> bool {
        *of == Type::TIMESTAMPTZ
    }
}

struct Hand {
    client: Client,
    tokens_of: Statement,
    links_of: Statement,
    caller_of: Statement,
    callers: Callers,
    key: Key,
}

impl Hand {
    /// Whether the caller has the scope.
    async fn lets(&self, request: &HttpRequest, scope: &str) -> bool {
        let Some(hash) = callers::hash(request) else { return false };
        let seen = match self.callers.get(&hash) {
            Some(seen) => Some(seen),
            None => self.look_up(hash).await,
        };
        seen.is_some_and(|seen| self.callers.may(&seen, scope))
    }

    async fn look_up(&self, hash: Hash) -> Option<Arc<Seen>> {
        let row = self.client.query_opt(&self.caller_of, &[&&hash[..]]).await.expect("an answer")?;
        let (scopes, Seconds(expires)) = (row.get(0), row.get(1));
        Some(self.callers.remember(hash, Seen::new(scopes, expires)))
    }
}

/// Serves fedToken and list from fedlink's own database.
pub(crate) async fn serve(url: &str, keyring: &Path) {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a connection");
    tokio::spawn(connection);
    let tokens_of = client.prepare(TOKENS_OF).await.expect("a statement");
    let links_of = client.prepare(LINKS_OF).await.expect("a statement");
    let caller_of = client.prepare(CALLER_OF).await.expect("a statement");
    let (callers, key) = (Callers::new(), Key::load(keyring));
    let hand = Data::from(Arc::new(Hand { client, tokens_of, links_of, caller_of, callers, key }));
    HttpServer::new(move || {
        App::new().app_data(hand.clone()).route(FED_TOKEN, web::get().to(fed_token)).route(LIST, web::get().to(list))
    })
    .listen(super::listener())
    .expect("it listens")
    .run()
    .await
    .expect("it serves");
}

async fn fed_token(hand: Data<Hand>, request: HttpRequest, path: web::Path<(String, String, String)>) -> HttpResponse {
    if !hand.lets(&request, MAY_FETCH).await {
        return callers::refused();
    }
    let (subject, fp_type, fp_name) = &*path;
    let rows = hand.client.query(&hand.tokens_of, &[subject, fp_type, fp_name]).await.expect("an answer");
    let tokens = rows.iter().map(|row| {
        let (Id(link), sid): (Id, &str) = (row.get(0), row.get(1));
        let expires: Option<Seconds> = row.get(6);
        let owner = Owner { link: &link, subject, fp_type, fp_name, sid };
        let token = hand.key.open(&owner, row.get(3), row.get(4));
        (sid.to_owned(), Token { expires_on: expires.map(|seconds| seconds.0), token })
    });
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(Tokens(tokens.collect()))
}

async fn list(hand: Data<Hand>, request: HttpRequest, subject: web::Path<String>) -> HttpResponse {
    if !hand.lets(&request, MAY_LIST).await {
        return callers::refused();
    }
    let rows = hand.client.query(&hand.links_of, &[&*subject]).await.expect("an answer");
    let links = rows.iter().map(|row| Link {
        sid: row.get(0),
        fp_type: row.get(1),
        fp_name: row.get(2),
        user_name: row.get(3),
    });
    HttpResponse::Ok().json(links.collect::<Vec<_>>())
}
