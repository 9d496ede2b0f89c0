//! An authorization server beside us: its metadata, its keys, and the JWTs it signs, good and bad.

#[path = "../../crates/upstream/src/tests/network.rs"]
#[expect(dead_code, reason = "here nobody looks at what it was sent")]
mod network;

use std::fmt::Write as _;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::world::{As, CONSOLE, World};

/// What issuers call us.
pub(crate) const AUDIENCE: &str = "fedlink";
const METADATA: &str = "/.well-known/openid-configuration";

/// An authorization server; it lives as long as the test's process.
pub(crate) struct Issuer {
    /// What it calls itself.
    pub(crate) name: String,
    fake: network::Fake,
}

/// A key that signs.
pub(crate) struct Key {
    kid: Option<&'static str>,
    pair: Pair,
}

enum Pair {
    Ec(EcdsaKeyPair),
    Rsa(Box<RsaKeyPair>),
    Ed(Ed25519KeyPair),
}

/// The claims with one of them changed; a null leaves it out.
pub(crate) fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    let members = claims.as_object_mut().expect("an object");
    members.remove(name);
    if !value.is_null() {
        members.insert(name.to_owned(), value);
    }
    claims
}

impl Issuer {
    /// One whose metadata names its keys, which are these.
    pub(crate) fn start(keys: &[&Key]) -> Self {
        let fake = network::Fake::start();
        let issuer = Self { name: fake.issuer.clone(), fake };
        issuer.describe(METADATA, 200, &issuer.metadata());
        issuer.publish(keys);
        issuer
    }

    /// What its metadata says.
    pub(crate) fn metadata(&self) -> Value {
        json!({"issuer": self.name, "jwks_uri": format!("{}/jwks", self.name)})
    }

    /// Has these keys from now on.
    pub(crate) fn publish(&self, keys: &[&Key]) {
        let keys: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
        self.describe("/jwks", 200, &json!({"keys": keys}));
    }

    /// Answers so at a path of its own.
    pub(crate) fn describe(&self, path: &str, status: u16, body: &Value) {
        self.fake.json(path, status, body);
    }

    /// How often it was asked there.
    pub(crate) fn asked(&self, path: &str) -> usize {
        self.fake.asked(path).len()
    }

    /// Its section of the settings, with more lines.
    pub(crate) fn section(&self, more: &str) -> String {
        format!("\n[[issuers]]\nissuer = \"{}\"\naudience = \"{AUDIENCE}\"\n{more}\n", self.name)
    }

    /// What a good token of its says: for `sub`, at [`CONSOLE`], for ten minutes.
    pub(crate) fn claims(&self, world: &World, sub: &str, scope: &str) -> Value {
        let now = world.now().timestamp();
        json!({
            "iss": self.name, "aud": AUDIENCE, "sub": sub, "client_id": CONSOLE, "scope": scope,
            "iat": now, "exp": now + 600, "jti": format!("{sub}-{now}"),
        })
    }

    /// A good token of its.
    pub(crate) fn token(&self, world: &World, key: &Key, (sub, scope): (&str, &str)) -> As {
        As::Bearer(key.sign(&self.claims(world, sub, scope)))
    }
}

impl Key {
    /// On P-256.
    pub(crate) fn es256(kid: Option<&'static str>) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        Self { kid, pair: Pair::Ec(pair) }
    }

    /// RSA.
    pub(crate) fn rsa(kid: Option<&'static str>) -> Self {
        Self { kid, pair: Pair::Rsa(Box::new(RsaKeyPair::generate(KeySize::Rsa2048).expect("a key"))) }
    }

    /// On Ed25519.
    pub(crate) fn ed25519(kid: Option<&'static str>) -> Self {
        Self { kid, pair: Pair::Ed(Ed25519KeyPair::generate().expect("a key")) }
    }

    /// What everybody may know of it.
    pub(crate) fn jwk(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut jwk = match &self.pair {
            Pair::Ec(pair) => {
                let point = pair.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "x": text(&point[1..33]), "y": text(&point[33..])})
            }
            Pair::Rsa(pair) => {
                // DER of a 2048-bit key has the modulus and the exponent (65537) always at the same places.
                let der = pair.public_key().as_ref();
                json!({"kty": "RSA", "n": text(&der[9..265]), "e": text(&der[267..270])})
            }
            Pair::Ed(pair) => json!({"kty": "OKP", "crv": "Ed25519", "x": text(pair.public_key().as_ref())}),
        };
        if let Some(kid) = self.kid {
            jwk["kid"] = json!(kid);
        }
        jwk
    }

    /// The public half, as PEM.
    pub(crate) fn pem(&self) -> String {
        let der: PublicKeyX509Der<'_> = match &self.pair {
            Pair::Ec(pair) => pair.public_key().as_der(),
            Pair::Rsa(pair) => pair.public_key().as_der(),
            Pair::Ed(pair) => pair.public_key().as_der(),
        }
        .expect("DER");
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der.as_ref()))
    }

    /// The half that signs, as its owner keeps it: PKCS #8 as PEM.
    pub(crate) fn private_pem(&self) -> String {
        let of = |der: &dyn AsDer<Pkcs8V1Der<'static>>| der.as_der().expect("DER").as_ref().to_vec();
        let der = match &self.pair {
            Pair::Ec(pair) => pair.to_pkcs8v1().expect("DER").as_ref().to_vec(),
            Pair::Rsa(pair) => of(&**pair),
            Pair::Ed(pair) => of(pair),
        };
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der))
    }

    /// The algorithm that goes without saying.
    fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Ec(_) => "ES256",
            Pair::Rsa(_) => "RS256",
            Pair::Ed(_) => "EdDSA",
        }
    }

    /// The header of a good token.
    pub(crate) fn header(&self) -> Value {
        let mut header = json!({"typ": "at+jwt", "alg": self.algorithm()});
        if let Some(kid) = self.kid {
            header["kid"] = json!(kid);
        }
        header
    }

    /// A token that says this.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_with(&self.header(), claims)
    }

    /// A token with a header of its own; signed by `alg` where that is an algorithm of this key's.
    pub(crate) fn sign_with(&self, header: &Value, claims: &Value) -> String {
        let mut token = unsigned(header, claims);
        let random = SystemRandom::new();
        let signature = match &self.pair {
            Pair::Ec(pair) => pair.sign(&random, token.as_bytes()).expect("a signature").as_ref().to_vec(),
            Pair::Ed(pair) => pair.sign(token.as_bytes()).as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                if header["alg"] == "PS256" {
                    pair.sign(&RSA_PSS_SHA256, &random, token.as_bytes(), &mut signature).expect("a signature");
                } else {
                    pair.sign(&RSA_PKCS1_SHA256, &random, token.as_bytes(), &mut signature).expect("a signature");
                }
                signature
            }
        };
        write!(token, ".{}", URL_SAFE_NO_PAD.encode(signature)).expect("room");
        token
    }
}

/// What a token's signature is of.
pub(crate) fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}
