//! The keys that an issuer signs its JWTs with (RFC 7517), and what they prove. A key says what it is for; the token's word
//! for it counts only where it agrees.

use aws_lc_rs::digest::{SHA256, SHA384, SHA512, digest};
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, EcdsaVerificationAlgorithm, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA512, RsaParameters, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use serde_json::Value;

/// How JOSE writes bytes. Some leave bits behind the last byte that mean nothing.
pub(crate) const BASE64URL: GeneralPurpose =
    GeneralPurpose::new(&URL_SAFE, NO_PAD.with_decode_allow_trailing_bits(true));

/// Signatures that prove something here. Never `none`, and never HS*, whose key would be the public one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// RSA, PKCS #1 v1.5, SHA-256.
    Rs256,
    /// The same with SHA-384.
    Rs384,
    /// The same with SHA-512.
    Rs512,
    /// RSA, PSS, SHA-256.
    Ps256,
    /// The same with SHA-384.
    Ps384,
    /// The same with SHA-512.
    Ps512,
    /// ECDSA on P-256, SHA-256.
    Es256,
    /// ECDSA on P-384, SHA-384.
    Es384,
    /// Ed25519 (RFC 8037 §3.1).
    EdDsa,
}

impl Algorithm {
    /// By its name (RFC 7518 §3.1), to the letter.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "RS384" => Some(Self::Rs384),
            "RS512" => Some(Self::Rs512),
            "PS256" => Some(Self::Ps256),
            "PS384" => Some(Self::Ps384),
            "PS512" => Some(Self::Ps512),
            "ES256" => Some(Self::Es256),
            "ES384" => Some(Self::Es384),
            "EdDSA" => Some(Self::EdDsa),
            _ => None,
        }
    }

    /// The left half of a text's hash, by the hash that goes with the algorithm, as `at_hash` has it (OpenID Connect Core
    /// §3.1.3.6). Ed25519's is SHA-512 (RFC 8032 §5.1).
    pub(crate) fn left_half(self, text: &str) -> String {
        let hash = match self {
            Self::Rs256 | Self::Ps256 | Self::Es256 => &SHA256,
            Self::Rs384 | Self::Ps384 | Self::Es384 => &SHA384,
            Self::Rs512 | Self::Ps512 | Self::EdDsa => &SHA512,
        };
        let hashed = digest(hash, text.as_bytes());
        let (half, _) = hashed.as_ref().split_at(hashed.as_ref().len() / 2);
        BASE64URL.encode(half)
    }

    fn of_rsa(self) -> Option<&'static RsaParameters> {
        match self {
            Self::Rs256 => Some(&RSA_PKCS1_2048_8192_SHA256),
            Self::Rs384 => Some(&RSA_PKCS1_2048_8192_SHA384),
            Self::Rs512 => Some(&RSA_PKCS1_2048_8192_SHA512),
            Self::Ps256 => Some(&RSA_PSS_2048_8192_SHA256),
            Self::Ps384 => Some(&RSA_PSS_2048_8192_SHA384),
            Self::Ps512 => Some(&RSA_PSS_2048_8192_SHA512),
            Self::Es256 | Self::Es384 | Self::EdDsa => None,
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
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// A key as it is written. Members that a key of its kind doesn't use are let through, whatever they are (RFC 7517 §4).
#[derive(Clone, Copy)]
struct Written<'a>(&'a Value);

impl Keys {
    /// Reads a key set; `None` if it is none. A key that can't sign for us is no key to us (RFC 7517 §5).
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let document: Value = serde_json::from_slice(body).ok()?;
        let written = document.get("keys")?.as_array()?.iter().map(Written);
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

impl<'a> Written<'a> {
    /// A member; a null says as much as none.
    fn member(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    fn text(self, name: &str) -> Option<&'a str> {
        self.member(name)?.as_str()
    }

    /// Whether it may be used to verify: what it says of that is judged, in whatever form.
    fn verifies(self) -> bool {
        let listed = |ops: &Value| ops.as_array().is_some_and(|ops| ops.iter().any(|op| op == "verify"));
        self.member("use").is_none_or(|purpose| purpose == "sig") && self.member("key_ops").is_none_or(listed)
    }

    /// A number as RFC 7518 §2 writes it; some write a zero in front.
    fn number(self, name: &str) -> Option<Vec<u8>> {
        let bytes = BASE64URL.decode(self.text(name)?).ok()?;
        Some(bytes.into_iter().skip_while(|byte| *byte == 0).collect())
    }

    fn bytes(self, name: &str, length: usize) -> Option<Vec<u8>> {
        BASE64URL.decode(self.text(name)?).ok().filter(|bytes| bytes.len() == length)
    }

    /// Uncompressed: 0x04, then both coordinates (SEC 1 §2.3.3).
    fn point(self, length: usize) -> Option<Vec<u8>> {
        Some([vec![4], self.bytes("x", length)?, self.bytes("y", length)?].concat())
    }
}

impl Key {
    fn read(written: Written<'_>) -> Option<Self> {
        let id = match written.member("kid") {
            Some(id) => Some(id.as_str()?.to_owned()),
            None => None,
        };
        let algorithm = match written.member("alg") {
            Some(name) => Some(Algorithm::parse(name.as_str()?)?),
            None => None,
        };
        let public = match (written.text("kty")?, written.text("crv")) {
            ("RSA", _) => Public::Rsa { modulus: written.number("n")?, exponent: written.number("e")? },
            ("EC", Some("P-256")) => Public::P256(written.point(32)?),
            ("EC", Some("P-384")) => Public::P384(written.point(48)?),
            ("OKP", Some("Ed25519")) => Public::Ed25519(written.bytes("x", 32)?),
            _ => return None,
        };
        written.verifies().then_some(Self { id, algorithm, public })
    }

    fn fits(&self, signed: &Signed<'_>) -> bool {
        let of_kind = match (&self.public, signed.algorithm) {
            (Public::Rsa { .. }, algorithm) => algorithm.of_rsa().is_some(),
            (Public::P256(_), algorithm) => algorithm == Algorithm::Es256,
            (Public::P384(_), algorithm) => algorithm == Algorithm::Es384,
            (Public::Ed25519(_), algorithm) => algorithm == Algorithm::EdDsa,
        };
        of_kind
            && self.algorithm.is_none_or(|own| own == signed.algorithm)
            && signed.key_id.is_none_or(|id| self.id.as_deref() == Some(id))
    }

    fn has_signed(&self, Signed { algorithm, message, signature, .. }: &Signed<'_>) -> bool {
        let on_curve = |curve: &'static EcdsaVerificationAlgorithm, point: &[u8]| {
            UnparsedPublicKey::new(curve, point).verify(message, signature).is_ok()
        };
        match &self.public {
            Public::Rsa { modulus, exponent } => algorithm.of_rsa().is_some_and(|parameters| {
                let key = PublicKeyComponents { n: modulus, e: exponent };
                key.verify(parameters, message, signature).is_ok()
            }),
            Public::P256(point) => on_curve(&ECDSA_P256_SHA256_FIXED, point),
            Public::P384(point) => on_curve(&ECDSA_P384_SHA384_FIXED, point),
            Public::Ed25519(point) => UnparsedPublicKey::new(&ED25519, point).verify(message, signature).is_ok(),
        }
    }
}
