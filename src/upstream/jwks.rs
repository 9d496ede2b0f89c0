//! The keys that an issuer signs its JWTs with (RFC 7517), and what they prove. A key says what it is for; the token's word
//! for it counts only where it agrees.

use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

/// Signatures that prove something here. Never `none`, and never HS*, whose key would be the public one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// RSA, PKCS #1 v1.5, SHA-256.
    Rs256,
    /// RSA, PSS, SHA-256.
    Ps256,
    /// ECDSA on P-256, SHA-256.
    Es256,
    /// Ed25519 (RFC 8037 §3.1).
    EdDsa,
}

impl Algorithm {
    /// By its name (RFC 7518 §3.1), to the letter.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "PS256" => Some(Self::Ps256),
            "ES256" => Some(Self::Es256),
            "EdDSA" => Some(Self::EdDsa),
            _ => None,
        }
    }
}

/// A signature and what it is of.
#[derive(Debug)]
pub(crate) struct Signed<'a> {
    pub(crate) algorithm: Algorithm,
    pub(crate) key_id: Option<&'a str>,
    pub(crate) message: &'a [u8],
    pub(crate) signature: &'a [u8],
}

/// What keys make of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// It is one of theirs.
    Good,
    /// None of them made it: there may be newer ones.
    None,
    /// It names no key, and several fit: to try them all would take a token at another word than its own.
    Ambiguous,
}

/// An issuer's keys, as far as they are of a kind that signs for us.
#[derive(Debug)]
pub(crate) struct Keys(Vec<Key>);

#[derive(Debug)]
struct Key {
    id: Option<String>,
    /// What it is kept to, if it says.
    algorithm: Option<Algorithm>,
    public: Public,
}

#[derive(Debug)]
enum Public {
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

/// A key as it is written; members that we don't use are let through (RFC 7517 §4).
#[derive(Deserialize)]
struct Written {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Keys {
    /// Reads a key set; `None` if it is none. A key that can't sign for us is no key to us (RFC 7517 §5).
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let document: Document = serde_json::from_slice(body).ok()?;
        let written = document.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok());
        Some(Self(written.filter_map(Key::read).collect()))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether one of them has signed this.
    pub(crate) fn prove(&self, signed: &Signed<'_>) -> Proof {
        let mut fitting = self.0.iter().filter(|key| key.fits(signed)).peekable();
        let Some(first) = fitting.next() else { return Proof::None };
        if signed.key_id.is_none() && fitting.peek().is_some() {
            return Proof::Ambiguous;
        }
        let good = std::iter::once(first).chain(fitting).any(|key| key.has_signed(signed));
        if good { Proof::Good } else { Proof::None }
    }
}

impl Key {
    fn read(written: Written) -> Option<Self> {
        let signs = written.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
            && written.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        let algorithm = match written.alg.as_deref() {
            Some(name) => Some(Algorithm::parse(name)?),
            None => None,
        };
        let public = match (written.kty.as_str(), written.crv.as_deref()) {
            ("RSA", _) => Public::Rsa { modulus: number(written.n)?, exponent: number(written.e)? },
            ("EC", Some("P-256")) => {
                // Uncompressed: 0x04, then both coordinates (SEC 1 §2.3.3).
                let mut point = vec![4];
                point.extend(bytes_of(written.x, 32)?);
                point.extend(bytes_of(written.y, 32)?);
                Public::P256(point)
            }
            ("OKP", Some("Ed25519")) => Public::Ed25519(bytes_of(written.x, 32)?),
            _ => return None,
        };
        signs.then_some(Self { id: written.kid, algorithm, public })
    }

    fn fits(&self, signed: &Signed<'_>) -> bool {
        let of_kind = matches!(
            (&self.public, signed.algorithm),
            (Public::Rsa { .. }, Algorithm::Rs256 | Algorithm::Ps256)
                | (Public::P256(_), Algorithm::Es256)
                | (Public::Ed25519(_), Algorithm::EdDsa)
        );
        of_kind
            && self.algorithm.is_none_or(|own| own == signed.algorithm)
            && signed.key_id.is_none_or(|id| self.id.as_deref() == Some(id))
    }

    fn has_signed(&self, Signed { algorithm, message, signature, .. }: &Signed<'_>) -> bool {
        match &self.public {
            Public::Rsa { modulus, exponent } => {
                let key = PublicKeyComponents { n: modulus, e: exponent };
                let parameters = match algorithm {
                    Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
                    _ => &RSA_PKCS1_2048_8192_SHA256,
                };
                key.verify(parameters, message, signature).is_ok()
            }
            Public::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature).is_ok()
            }
            Public::Ed25519(point) => UnparsedPublicKey::new(&ED25519, point).verify(message, signature).is_ok(),
        }
    }
}

/// A number as RFC 7518 §2 writes it; some write a zero in front.
fn number(text: Option<String>) -> Option<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(text?).ok()?;
    Some(bytes.into_iter().skip_while(|byte| *byte == 0).collect())
}

fn bytes_of(text: Option<String>, length: usize) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text?).ok().filter(|bytes| bytes.len() == length)
}
