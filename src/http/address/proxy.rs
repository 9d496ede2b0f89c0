//! Partners' proxies: one that is known may say, signed, on whose behalf it calls (docs/condo-contract.md 7). Whatever is wrong with
//! what it says, the call counts as its own.

use std::collections::BTreeMap;
use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderMap, HeaderName};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use settings::IpProxy;

/// How long ago it may have been said, in milliseconds. It is never said in the future: no leeway for clocks.
const MOST_AGE: i64 = 5000;

/// What a proxy says, as it says it.
struct Said<'h> {
    ip: &'h str,
    id: &'h str,
    timestamp: &'h str,
    signature: &'h str,
}

/// RFC 7515 §4.
#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default, rename = "crit", deserialize_with = "there")]
    has_critical: bool,
}

/// What it signed; anything else in it is nothing to us.
#[derive(Deserialize)]
struct Claims {
    #[serde(rename = "x-proxy-ip")]
    ip: String,
    #[serde(rename = "x-proxy-id")]
    id: String,
    #[serde(rename = "x-proxy-timestamp")]
    timestamp: String,
    method: String,
    url: String,
    /// RFC 7519 §4.1.4 and 4.1.5, in seconds: may be left out, and are never null.
    #[serde(default, deserialize_with = "number")]
    exp: Option<f64>,
    #[serde(default, deserialize_with = "number")]
    nbf: Option<f64>,
}

fn number<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<f64>, D::Error> {
    f64::deserialize(value).map(Some)
}

fn there<'de, D: serde::Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(value).map(|_any| true)
}

/// On whose behalf a call is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behind {
    /// Its own, as far as is known.
    Nobody,
    /// This address's.
    Client(IpAddr),
    /// A proxy of ours would say, and another has signed it.
    WronglySigned,
}

/// On whose behalf the request at `origin` is made, if a proxy of ours says so at `now`.
pub(super) fn client(
    request: &HttpRequest,
    origin: IpAddr,
    proxies: &BTreeMap<String, IpProxy>,
    now: DateTime<Utc>,
) -> Behind {
    if proxies.is_empty() {
        return Behind::Nobody;
    }
    let Some(said) = said(request.headers()) else { return Behind::Nobody };
    let url = request.uri().path_and_query().map_or("/", |url| url.as_str());
    let call = Call { method: request.method().as_str(), url };
    judge(&said, &call, origin, proxies, now).unwrap_or(Behind::Nobody)
}

fn said(headers: &HeaderMap) -> Option<Said<'_>> {
    let once = |name: &'static str| {
        let mut values = headers.get_all(HeaderName::from_static(name));
        let value = values.next()?.to_str().ok()?;
        values.next().is_none().then_some(value)
    };
    Some(Said {
        ip: once("x-proxy-ip")?,
        id: once("x-proxy-id")?,
        timestamp: once("x-proxy-timestamp")?,
        signature: once("x-proxy-signature")?,
    })
}

/// The call as it came.
struct Call<'r> {
    method: &'r str,
    url: &'r str,
}

fn judge(
    said: &Said<'_>,
    call: &Call<'_>,
    origin: IpAddr,
    proxies: &BTreeMap<String, IpProxy>,
    now: DateTime<Utc>,
) -> Option<Behind> {
    let ip: IpAddr = said.ip.parse().ok()?;
    let is_plain = said.timestamp.chars().all(|c| c.is_ascii_digit());
    let age = now.timestamp_millis().checked_sub(said.timestamp.parse().ok()?)?;
    if !is_plain || !(0..=MOST_AGE).contains(&age) {
        return None;
    }
    let proxy = proxies.get(said.id)?;
    if !proxy.addresses.iter().any(|network| network.contains(&origin)) {
        return None;
    }
    let Some(claims) = signed(said.signature, &proxy.secret) else { return Some(Behind::WronglySigned) };
    let claims: Claims = part(claims)?;
    let seconds = || -> Option<f64> { Some(f64::from(u32::try_from(now.timestamp()).ok()?)) };
    let lives = claims.exp.is_none_or(|exp| seconds().is_some_and(|now| now < exp))
        && claims.nbf.is_none_or(|nbf| seconds().is_some_and(|now| nbf <= now));
    let is_this = claims.ip == said.ip
        && claims.id == said.id
        && claims.timestamp == said.timestamp
        && claims.method == call.method
        && claims.url == call.url;
    (lives && is_this).then(|| Behind::Client(ip.to_canonical()))
}

/// What stands in a JWT (RFC 7519) that `secret` signed by HS256, and by nothing else.
fn signed<'t>(token: &'t str, secret: &SecretString) -> Option<&'t str> {
    let (message, signature) = token.rsplit_once('.')?;
    let (header, claims) = message.split_once('.')?;
    let header: Header = part(header)?;
    // RFC 7515 §4.1.11: what has to be understood, and isn't.
    if header.alg != "HS256" || header.has_critical {
        return None;
    }
    let key = DecodingKey::from_secret(secret.expose_secret().as_bytes());
    // Compared in constant time, and before anything signed is read.
    let is_good = jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, Algorithm::HS256).ok()?;
    is_good.then_some(claims)
}

fn part<T: DeserializeOwned>(encoded: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(encoded).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::hmac;
    use serde_json::{Value, json};

    use super::*;

    /// docs/condo-contract.md 7, made by the library that partners use.
    const VECTOR: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ4LXByb3h5LWlwIjoiMS4yLjMuNCIsIngtcHJveHktaWQiOiJteS1wcm94eS0xMjMiLCJ4LXByb3h5LXRpbWVzdGFtcCI6IjE3NTY2MzM0ODkxNDEiLCJtZXRob2QiOiJQT1NUIiwidXJsIjoiL2FkbWluL2FwaSIsImlhdCI6MTc1NjYzMzQ4OX0.PmqaTQIn_edFYfmfmjAEWH_IUXZGImAvGsMNtqQzKzE";
    const SIGNED_AT: i64 = 1_756_633_489_141;

    fn proxies() -> BTreeMap<String, IpProxy> {
        let networks = ["203.0.113.7/32", "10.0.0.0/8", "2001:db8::/32"];
        let addresses = networks.map(|network| network.parse().unwrap()).into();
        BTreeMap::from([("my-proxy-123".to_owned(), IpProxy { addresses, secret: "123".into() })])
    }

    fn header() -> Value {
        json!({"alg": "HS256", "typ": "JWT"})
    }

    fn claims() -> Value {
        json!({"x-proxy-ip": "1.2.3.4", "x-proxy-id": "my-proxy-123", "x-proxy-timestamp": SIGNED_AT.to_string(),
            "method": "POST", "url": "/admin/api?a=1", "iat": 1_756_633_489, "exp": 1_756_633_494})
    }

    fn token(header: &Value, claims: &str, algorithm: hmac::Algorithm, secret: &str) -> String {
        let encode = |text: String| URL_SAFE_NO_PAD.encode(text);
        let message = format!("{}.{}", encode(header.to_string()), encode(claims.to_owned()));
        let signature = hmac::sign(&hmac::Key::new(algorithm, secret.as_bytes()), message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn hs256(claims: &Value) -> String {
        token(&header(), &claims.to_string(), hmac::HMAC_SHA256, "123")
    }

    /// A call that is right in everything, to be made wrong in one thing.
    struct Call {
        ip: &'static str,
        id: &'static str,
        timestamp: String,
        signature: String,
        method: &'static str,
        url: &'static str,
        origin: &'static str,
        millis: i64,
    }

    fn call() -> Call {
        Call {
            ip: "1.2.3.4",
            id: "my-proxy-123",
            timestamp: SIGNED_AT.to_string(),
            signature: hs256(&claims()),
            method: "POST",
            url: "/admin/api?a=1",
            origin: "203.0.113.7",
            millis: SIGNED_AT + 1,
        }
    }

    fn judged(call: &Call) -> Option<String> {
        let said = Said { ip: call.ip, id: call.id, timestamp: &call.timestamp, signature: &call.signature };
        let now = DateTime::from_timestamp_millis(call.millis).unwrap();
        let origin = call.origin.parse().unwrap();
        match super::judge(&said, &super::Call { method: call.method, url: call.url }, origin, &proxies(), now) {
            Some(Behind::Client(ip)) => Some(ip.to_string()),
            // Whether it counts as a guess makes no difference to what is believed.
            Some(Behind::Nobody | Behind::WronglySigned) | None => None,
        }
    }

    #[test]
    fn the_vector_holds() {
        let vector =
            |origin, url, millis| judged(&Call { signature: VECTOR.to_owned(), origin, url, millis, ..call() });
        for origin in ["203.0.113.7", "10.200.0.1", "2001:db8::7"] {
            assert_eq!(vector(origin, "/admin/api", SIGNED_AT).as_deref(), Some("1.2.3.4"), "{origin}");
        }
        assert_eq!(vector("203.0.113.8", "/admin/api", SIGNED_AT), None);
    }

    #[test]
    fn it_is_believed_within_five_seconds() {
        for (age, believed) in [(-1, false), (0, true), (1, true), (4858, true), (4859, false), (5000, false)] {
            let millis = SIGNED_AT + age;
            // The library lets a token end after 5 s of whole seconds, so the token alone is over before the timestamp.
            assert_eq!(judged(&Call { millis, ..call() }).is_some(), believed, "{age} ms, by exp");
        }
        let mut endless = claims();
        endless.as_object_mut().unwrap().remove("exp");
        for (age, believed) in [(-1, false), (0, true), (5000, true), (5001, false)] {
            let call = Call { millis: SIGNED_AT + age, signature: hs256(&endless), ..call() };
            assert_eq!(judged(&call).is_some(), believed, "{age} ms");
        }
    }

    #[test]
    fn whatever_is_wrong_it_is_not_believed() {
        assert_eq!(judged(&call()).as_deref(), Some("1.2.3.4"));
        let timestamp = |timestamp: &str| Call { timestamp: timestamp.to_owned(), ..call() };
        for (what, call) in [
            ("an address that is none", Call { ip: "1.2.3", ..call() }),
            ("another address", Call { ip: "1.2.3.5", ..call() }),
            ("the same address, written otherwise", Call { ip: "::ffff:1.2.3.4", ..call() }),
            ("an unknown proxy", Call { id: "my-proxy-124", ..call() }),
            ("no proxy", Call { id: "", ..call() }),
            ("from elsewhere", Call { origin: "203.0.113.8", ..call() }),
            ("another method", Call { method: "GET", ..call() }),
            ("another path", Call { url: "/api/graphql?a=1", ..call() }),
            ("another query", Call { url: "/admin/api?a=2", ..call() }),
            ("no query", Call { url: "/admin/api", ..call() }),
            ("a time with a sign", timestamp(&format!("+{SIGNED_AT}"))),
            ("a time with a blank", timestamp(&format!("{SIGNED_AT} "))),
            ("a time with a zero ahead", timestamp(&format!("0{SIGNED_AT}"))),
            ("a time that is none", timestamp("now")),
            ("no time", timestamp("")),
            ("a time beyond time", timestamp("99999999999999999999")),
            ("another time", timestamp(&(SIGNED_AT + 1).to_string())),
        ] {
            assert_eq!(judged(&call), None, "{what}");
        }
    }

    #[test]
    fn only_hs256_of_the_proxys_own_secret_is_taken() {
        let text = claims().to_string();
        let (sha256, none) = (hmac::HMAC_SHA256, json!({"alg": "none"}));
        let unsigned = |alg: &Value| token(alg, &text, sha256, "123").rsplit_once('.').unwrap().0.to_owned() + ".";
        let padded = call().signature + "=";
        let mut cut = call().signature;
        cut.pop();
        // The same bytes, with bits behind the last that mean nothing.
        let mut other = call().signature;
        let last = other.pop().unwrap();
        other.push(char::from(u8::try_from(last).unwrap() + 1));
        let said = |header: &str| {
            let message = [header, &text].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
            let signature = hmac::sign(&hmac::Key::new(sha256, b"123"), message.as_bytes());
            format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
        };
        for (what, signature) in [
            ("another secret", token(&header(), &text, sha256, "124")),
            ("HS384", token(&json!({"alg": "HS384"}), &text, hmac::HMAC_SHA384, "123")),
            ("HS512", token(&json!({"alg": "HS512"}), &text, hmac::HMAC_SHA512, "123")),
            ("SHA-512 called HS256", token(&header(), &text, hmac::HMAC_SHA512, "123")),
            ("none", unsigned(&none)),
            ("HS256 without a signature", unsigned(&header())),
            ("small letters", token(&json!({"alg": "hs256"}), &text, sha256, "123")),
            ("no algorithm", token(&json!({"typ": "JWT"}), &text, sha256, "123")),
            ("a list of one", token(&json!({"alg": ["HS256"]}), &text, sha256, "123")),
            ("an algorithm of public keys", token(&json!({"alg": "RS256"}), &text, sha256, "123")),
            ("two algorithms", said(r#"{"alg":"none","alg":"HS256"}"#)),
            ("no header", said(r#""HS256""#)),
            ("no secret", token(&header(), &text, sha256, "")),
            ("a critical header", token(&json!({"alg": "HS256", "crit": ["b64"]}), &text, sha256, "123")),
            ("a null of one", token(&json!({"alg": "HS256", "crit": null}), &text, sha256, "123")),
            ("padding", padded),
            ("a letter less", cut),
            ("another last letter", other),
            ("two parts", "a.b".to_owned()),
            ("four parts", format!("{}.x", call().signature)),
            ("nothing", String::new()),
        ] {
            assert_eq!(judged(&Call { signature, ..call() }), None, "{what}");
        }
    }

    #[test]
    fn every_claim_has_to_be_there_and_the_same() {
        for name in ["x-proxy-ip", "x-proxy-id", "x-proxy-timestamp", "method", "url"] {
            for value in [
                None,
                Some(json!(null)),
                Some(json!(1_756_633_489_141_i64)),
                Some(json!("else")),
                Some(json!(["POST"])),
            ] {
                let mut claims = claims();
                match value {
                    None => drop(claims.as_object_mut().unwrap().remove(name)),
                    Some(value) => claims[name] = value,
                }
                assert_eq!(judged(&Call { signature: hs256(&claims), ..call() }), None, "{claims}");
            }
        }
        for (name, value, believed) in [
            ("exp", json!(null), false),
            ("exp", json!("1756633494"), false),
            ("exp", json!(1_756_633_489), false),
            ("exp", json!(1_756_633_489.5), true),
            ("nbf", json!(1_756_633_489), true),
            ("nbf", json!(1_756_633_490), false),
            ("aud", json!(["anybody"]), true),
        ] {
            let mut claims = claims();
            claims[name] = value;
            assert_eq!(judged(&Call { signature: hs256(&claims), ..call() }).is_some(), believed, "{claims}");
        }
        let twice = claims().to_string().replacen('{', "{\"url\":\"/else\",", 1);
        let signature = token(&header(), &twice, hmac::HMAC_SHA256, "123");
        assert_eq!(judged(&Call { signature, ..call() }), None, "a claim that stands twice");
    }
}
