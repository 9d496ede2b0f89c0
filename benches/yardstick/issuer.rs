//! An authorization server whose JWTs stand for the users of the bench: what a service shows that exchanges tokens.

use std::io::{BufWriter, Write as _};
use std::path::Path;

use actix_web::{App, HttpResponse, HttpServer, web};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rusqlite::Connection;
use serde_json::{Value, json};

/// What the tokens are for.
const AUDIENCE: &str = "https://bench.example";
/// 2026-01-01 and 2036-01-01.
const FROM: i64 = 1_767_225_600;
const UNTIL: i64 = 2_082_758_400;

/// Writes `tokens` tokens of subjects `0..subjects` into a file, a line each, and serves the key that they are signed with.
pub(crate) async fn serve(tokens: u32, subjects: u32, file: &Path) {
    let listener = super::listener();
    let issuer = format!("http://{}", listener.local_addr().expect("it is bound"));
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    write(&pair, &issuer, tokens, subjects, file);
    // Uncompressed: 0x04, then both coordinates (SEC 1 §2.3.3).
    let (_form, point) = pair.public_key().as_ref().split_at(1);
    let (x, y) = point.split_at(32);
    let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
    let jwk = json!({"kty": "EC", "crv": "P-256", "kid": "1", "x": x, "y": y});
    let metadata = json!({"issuer": issuer, "jwks_uri": format!("{issuer}/jwks"), "keys": [jwk]});
    HttpServer::new(move || {
        let metadata = metadata.clone();
        App::new().default_service(web::to(move || std::future::ready(HttpResponse::Ok().json(&metadata))))
    })
    .workers(1)
    .listen(listener)
    .expect("it listens")
    .run()
    .await
    .expect("it serves");
}

fn write(pair: &EcdsaKeyPair, issuer: &str, tokens: u32, subjects: u32, file: &Path) {
    let mut out = BufWriter::new(std::fs::File::create(file).expect("a file"));
    let random = SystemRandom::new();
    for number in 0..tokens {
        let claims = json!({
            "iss": issuer, "aud": AUDIENCE, "sub": format!("user-{:08}", number % subjects), "client_id": "web", "jti": number,
            "iat": FROM, "exp": UNTIL,
        });
        let header = json!({"typ": "at+jwt", "alg": "ES256", "kid": "1"});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(&claims));
        let signature = pair.sign(&random, message.as_bytes()).expect("a signature");
        writeln!(out, "{message}.{}", URL_SAFE_NO_PAD.encode(signature)).expect("the file takes it");
    }
    out.flush().expect("the file takes it");
}

/// Makes all accounts of a SQLite database that nobody serves this issuer's.
pub(crate) fn claim(database: &Path, issuer: &str) {
    let connection = Connection::open(database).expect("the database");
    connection.execute("UPDATE accounts SET issuer = ?1", [issuer]).expect("it is done");
}
