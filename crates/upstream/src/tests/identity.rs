//! Every way in which an `id_token` can lie.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::super::jwks::Keys;
use super::super::oidc::{Expected, Flaw, Issuers, verified};
use super::{noon, secret};

/// A provider's signing key.
pub(super) enum Signer {
    Rsa(RsaKeyPair, &'static dyn RsaEncoding, &'static str),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl Signer {
    pub(super) fn ed() -> Self {
        Self::Ed(Ed25519KeyPair::generate().unwrap())
    }

    pub(super) fn ec() -> Self {
        Self::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    pub(super) fn rsa(encoding: &'static dyn RsaEncoding, alg: &'static str) -> Self {
        Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap(), encoding, alg)
    }

    pub(super) fn alg(&self) -> &'static str {
        match self {
            Self::Rsa(_, _, alg) => alg,
            Self::Ec(_) => "ES256",
            Self::Ed(_) => "EdDSA",
        }
    }

    pub(super) fn jwk(&self, kid: &str) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Rsa(pair, ..) => {
                // RFC 8017 §A.1.1: a sequence of two integers; the modulus of 2048 bits is the first.
                let der = pair.public_key().as_ref();
                json!({ "kty": "RSA", "kid": kid, "n": text(&der[9..9 + 256]), "e": "AQAB" })
            }
            Self::Ec(pair) => {
                let point = pair.public_key().as_ref();
                json!({ "kty": "EC", "crv": "P-256", "kid": kid, "x": text(&point[1..33]), "y": text(&point[33..]) })
            }
            Self::Ed(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": text(pair.public_key().as_ref()) })
            }
        }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Rsa(pair, encoding, _) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &SystemRandom::new(), message, &mut signature).unwrap();
                signature
            }
            Self::Ec(pair) => pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            Self::Ed(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    pub(super) fn token(&self, kid: Option<&str>, claims: &Value) -> String {
        let mut header = json!({ "typ": "JWT", "alg": self.alg() });
        if let Some(kid) = kid {
            header["kid"] = kid.into();
        }
        let message = unsigned(&header, claims);
        let signature = URL_SAFE_NO_PAD.encode(self.sign(message.as_bytes()));
        format!("{message}.{signature}")
    }
}

pub(super) fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()))
}

pub(super) fn claims(issuer: &str) -> Value {
    let now = noon().timestamp();
    json!({
        "iss": issuer, "aud": "fed link", "sub": "s-1", "exp": now + 300, "iat": now, "nonce": "the-nonce",
        "email": "oleg@bank.example", "email_verified": "true", "deep": { "id": 7 },
    })
}

pub(super) fn keys(keys: &[Value]) -> Keys {
    Keys::read(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

pub(super) const ISSUER: &str = "https://id.bank.example/";

pub(super) fn judge(token: &str, keys: &Keys) -> Result<Map<String, Value>, Flaw> {
    let (nonce, access_token) = (secret("the-nonce"), secret("the-access-token"));
    let expected = Expected {
        issuer: Issuers::One(ISSUER),
        client_id: "fed link",
        nonce: Some(&nonce),
        access_token: Some(&access_token),
        now: noon(),
    };
    verified(&secret(token), keys, expected)
}

/// The claims with one changed; `null` takes it away.
fn but(name: &str, value: Value) -> Value {
    let mut claims = claims(ISSUER);
    let members = claims.as_object_mut().unwrap();
    members.remove(name);
    if !value.is_null() {
        members.insert(name.to_owned(), value);
    }
    claims
}

#[test]
fn good_tokens_of_every_algorithm_pass() {
    for signer in
        [Signer::ed(), Signer::ec(), Signer::rsa(&RSA_PKCS1_SHA256, "RS256"), Signer::rsa(&RSA_PSS_SHA256, "PS256")]
    {
        let keys = keys(&[signer.jwk("k1")]);
        let claims = judge(&signer.token(Some("k1"), &claims(ISSUER)), &keys).unwrap();
        assert_eq!((&claims["sub"], &claims["deep"]["id"]), (&json!("s-1"), &json!(7)), "{}", signer.alg());
        // A broken signature, and a signature under another claim.
        let good = signer.token(Some("k1"), &but("sub", json!("s-2")));
        let (message, _) = good.rsplit_once('.').unwrap();
        let (_, other) = signer
            .token(Some("k1"), &but("sub", json!("s-3")))
            .rsplit_once('.')
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .unwrap();
        for bad in [format!("{message}.{other}"), format!("{message}.AAAA"), format!("{message}.")] {
            assert!(judge(&bad, &keys).is_err(), "{}", signer.alg());
        }
    }
}

#[test]
fn wrong_claims_are_refused_and_odd_ones_are_not() {
    let now = noon().timestamp();
    let signer = Signer::ed();
    let keys = keys(&[signer.jwk("k1")]);
    let ours = json!(["fed link", "api"]);
    let mut to_another = but("aud", ours.clone());
    to_another["azp"] = "api".into();
    let mut to_us = but("aud", ours.clone());
    to_us["azp"] = "fed link".into();
    for (case, claims, good) in [
        ("no issuer", but("iss", Value::Null), false),
        ("another issuer", but("iss", json!("https://id.evil.example/")), false),
        ("the issuer without its slash", but("iss", json!("https://id.bank.example")), false),
        ("no audience", but("aud", Value::Null), false),
        ("another audience", but("aud", json!("api")), false),
        ("a list of one", but("aud", json!(["fed link"])), true),
        ("several audiences, issued to nobody", but("aud", ours), false),
        ("several audiences, issued to another", to_another, false),
        ("several audiences, issued to us", to_us, true),
        ("issued to another", but("azp", json!("api")), false),
        ("no expiry", but("exp", Value::Null), false),
        ("expired", but("exp", json!(now - 181)), false),
        ("expired by a clock two minutes off", but("exp", json!(now - 120)), true),
        ("no issue time", but("iat", Value::Null), false),
        ("issued in the future", but("iat", json!(now + 181)), false),
        ("issued by a clock two minutes off", but("iat", json!(now + 120)), true),
        ("no nonce", but("nonce", Value::Null), false),
        ("another nonce", but("nonce", json!("a-nonce")), false),
        ("no subject", but("sub", Value::Null), false),
        ("an empty subject", but("sub", json!("")), false),
        ("a subject that is no text", but("sub", json!(7)), false),
        ("another access token's hash", but("at_hash", json!("AAAAAAAAAAAAAAAAAAAAAA")), false),
    ] {
        assert_eq!(judge(&signer.token(Some("k1"), &claims), &keys).is_ok(), good, "{case}");
    }
}

#[test]
fn at_hash_is_compared() {
    let signer = Signer::ec();
    let hash = URL_SAFE_NO_PAD.encode(&digest(&SHA256, b"the-access-token").as_ref()[..16]);
    let token = signer.token(Some("k1"), &but("at_hash", json!(hash)));
    assert!(judge(&token, &keys(&[signer.jwk("k1")])).is_ok());
}

#[test]
fn at_hash_binds_nothing_where_no_access_token_can_be_used() {
    let signer = Signer::ec();
    let nonce = secret("the-nonce");
    let expected = Expected {
        issuer: Issuers::One(ISSUER),
        client_id: "fed link",
        nonce: Some(&nonce),
        access_token: None,
        now: noon(),
    };
    let token = signer.token(Some("k1"), &but("at_hash", json!("AAAAAAAAAAAAAAAAAAAAAA")));
    assert!(verified(&secret(&token), &keys(&[signer.jwk("k1")]), expected).is_ok());
    assert!(judge(&token, &keys(&[signer.jwk("k1")])).is_err());
}

/// Where none was sent: a token that repeats one answers somebody else's request.
#[test]
fn a_nonce_that_was_not_sent_may_not_come_back() {
    let signer = Signer::ec();
    let expected =
        Expected { issuer: Issuers::One(ISSUER), client_id: "fed link", nonce: None, access_token: None, now: noon() };
    for (nonce, is_good) in [(Value::Null, true), (json!("the-nonce"), false), (json!(""), false), (json!(7), false)] {
        let token = signer.token(Some("k1"), &but("nonce", nonce.clone()));
        let judged = verified(&secret(&token), &keys(&[signer.jwk("k1")]), expected);
        assert_eq!(judged.is_ok(), is_good, "{nonce}: {judged:?}");
    }
}

#[test]
fn unsigned_tokens_and_shared_secrets_are_refused() {
    let signer = Signer::rsa(&RSA_PKCS1_SHA256, "RS256");
    let jwk = signer.jwk("k1");
    let keys = keys(&[jwk.clone(), json!({ "kty": "oct", "kid": "k2", "k": "c2VjcmV0" })]);
    for alg in ["none", "None", "HS256", "HS512", "RSA-OAEP", "XX256"] {
        for kid in ["k1", "k2"] {
            let message = unsigned(&json!({ "alg": alg, "kid": kid }), &claims(ISSUER));
            // The classic: the public key, as its document writes it, as the shared secret.
            let key = hmac::Key::new(hmac::HMAC_SHA256, jwk["n"].as_str().unwrap().as_bytes());
            let mac = hmac::sign(&key, message.as_bytes());
            for signature in [String::new(), URL_SAFE_NO_PAD.encode(mac)] {
                let flaw = judge(&format!("{message}.{signature}"), &keys).unwrap_err();
                assert!(matches!(flaw, Flaw::Final(_)), "{alg}: {flaw:?}");
            }
        }
    }
    for broken in ["", "a", "a.b", "a.b.c", "a.b.c.d", "....", "{}"] {
        assert!(judge(broken, &keys).is_err(), "{broken}");
    }
}

#[test]
fn the_key_is_the_one_named_or_the_only_one() {
    let (old, new, rsa) = (Signer::ed(), Signer::ed(), Signer::rsa(&RSA_PKCS1_SHA256, "RS256"));
    let nameless = old.token(None, &claims(ISSUER));
    assert!(judge(&nameless, &keys(&[old.jwk("k1")])).is_ok());
    assert!(judge(&nameless, &keys(&[old.jwk("k1"), rsa.jwk("k2")])).is_ok(), "only one of its kind");
    assert!(matches!(judge(&nameless, &keys(&[old.jwk("k1"), new.jwk("k2")])), Err(Flaw::Final(_))));

    let named = new.token(Some("k2"), &claims(ISSUER));
    assert!(judge(&named, &keys(&[old.jwk("k1"), new.jwk("k2")])).is_ok());
    assert_eq!(judge(&named, &keys(&[old.jwk("k1")])), Err(Flaw::Key), "it may be in a newer document");
    assert_eq!(judge(&named, &keys(&[old.jwk("k2")])), Err(Flaw::Key));
    let mut for_encryption = new.jwk("k2");
    for_encryption["use"] = "enc".into();
    assert!(judge(&named, &keys(&[for_encryption])).is_err());
}
