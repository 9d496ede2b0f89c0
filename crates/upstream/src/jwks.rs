//! The keys that an issuer signs its JWTs with (RFC 7517), and what they prove. A key says what it is for; the token's word
//! for it counts only where it agrees.

use aws_lc_rs::digest::{SHA256, SHA384, SHA512, digest};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::Value;

/// How JOSE writes bytes. Some leave bits behind the last byte that mean nothing.
pub(crate) const BASE64URL: GeneralPurpose =
    GeneralPurpose::new(&URL_SAFE, NO_PAD.with_decode_allow_trailing_bits(true));

/// The left half of a text's hash, by the hash that goes with the algorithm, as `at_hash` has it (OpenID Connect Core
/// §3.1.3.6). Ed25519's is SHA-512 (RFC 8032 §5.1).
pub(crate) fn left_half(algorithm: Algorithm, text: &str) -> Option<String> {
    let hash = match algorithm {
        Algorithm::RS256 | Algorithm::PS256 | Algorithm::ES256 => &SHA256,
        Algorithm::RS384 | Algorithm::PS384 | Algorithm::ES384 => &SHA384,
        Algorithm::RS512 | Algorithm::PS512 | Algorithm::EdDSA => &SHA512,
        _ => return None,
    };
    let hashed = digest(hash, text.as_bytes());
    let (half, _) = hashed.as_ref().split_at(hashed.as_ref().len() / 2);
    Some(BASE64URL.encode(half))
}

/// A signature and what it is of.
#[derive(Debug)]
pub(crate) struct Signed<'a> {
    pub(crate) algorithm: Algorithm,
    pub(crate) key_id: Option<&'a str>,
    pub(crate) message: &'a [u8],
    /// In base64url, without bits that mean nothing.
    pub(crate) signature: &'a str,
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
    /// Whom it signs for alone, as those of many tenants may say.
    issuer: Option<String>,
    /// What it may have signed by: all that its kind can, or what of that it is kept to.
    algorithms: Vec<Algorithm>,
    /// Whether a token may call it as it likes, since nobody else has.
    has_any_name: bool,
    public: DecodingKey,
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

    /// The one key of a PEM file (RFC 7468 §13), which has no name: it may be called anything; `None` if it is none that signs
    /// for us.
    pub(crate) fn of_pem(pem: &str) -> Option<Self> {
        let spki = SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()).ok()?;
        let is = |kind: &'static dyn VerificationAlgorithm| ParsedPublicKey::new(kind, &spki).is_ok();
        // The library that verifies reads this form as well as those that its names say.
        let (public, algorithms) = if is(&RSA_PKCS1_2048_8192_SHA256) {
            (DecodingKey::from_rsa_der(&spki), AlgorithmFamily::Rsa.algorithms())
        } else if is(&ECDSA_P256_SHA256_FIXED) {
            (DecodingKey::from_ec_der(&spki), [Algorithm::ES256].as_slice())
        } else if is(&ED25519) {
            (DecodingKey::from_ed_der(&spki), [Algorithm::EdDSA].as_slice())
        } else {
            return None;
        };
        Some(Self(vec![Key { id: None, issuer: None, algorithms: algorithms.to_vec(), has_any_name: true, public }]))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether one of them has signed this.
    pub(crate) fn prove(&self, signed: &Signed<'_>) -> Proof {
        self.prove_by(signed, |_kept| true)
    }

    /// The same, by keys alone that are kept to nobody, or to an issuer that `may_sign`.
    pub(crate) fn prove_by(&self, signed: &Signed<'_>, may_sign: impl Fn(&str) -> bool) -> Proof {
        let may_sign = |key: &&Key| key.issuer.as_deref().is_none_or(&may_sign);
        let mut fitting = self.0.iter().filter(|key| key.fits(signed)).filter(may_sign).peekable();
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

    /// A coordinate, as long as the curve has it; some leave the zeros in front out, against RFC 7518 §6.2.1.2.
    fn coordinate(self, name: &str, length: usize) -> Option<Vec<u8>> {
        let number = self.number(name)?;
        let zeros = length.checked_sub(number.len())?;
        Some([vec![0; zeros], number].concat())
    }

    /// Uncompressed: 0x04, then both coordinates (SEC 1 §2.3.3).
    fn point(self, length: usize) -> Option<DecodingKey> {
        let point = [vec![4], self.coordinate("x", length)?, self.coordinate("y", length)?].concat();
        Some(DecodingKey::from_ec_der(&point))
    }

    fn rsa(self) -> Option<DecodingKey> {
        Some(DecodingKey::from_rsa_raw_components(&self.number("n")?, &self.number("e")?))
    }

    /// RFC 8037 §2: bytes, and no number.
    fn ed25519(self) -> Option<DecodingKey> {
        let bytes = BASE64URL.decode(self.text("x")?).ok().filter(|bytes| bytes.len() == 32)?;
        Some(DecodingKey::from_ed_der(&bytes))
    }
}

impl Key {
    fn read(written: Written<'_>) -> Option<Self> {
        let id = match written.member("kid") {
            Some(id) => Some(id.as_str()?.to_owned()),
            None => None,
        };
        let issuer = match written.member("issuer") {
            Some(issuer) => Some(issuer.as_str()?.to_owned()),
            None => None,
        };
        let (public, of_kind) = match (written.text("kty")?, written.text("crv")) {
            ("RSA", _) => (written.rsa()?, AlgorithmFamily::Rsa.algorithms()),
            ("EC", Some("P-256")) => (written.point(32)?, [Algorithm::ES256].as_slice()),
            ("EC", Some("P-384")) => (written.point(48)?, [Algorithm::ES384].as_slice()),
            ("OKP", Some("Ed25519")) => (written.ed25519()?, [Algorithm::EdDSA].as_slice()),
            _ => return None,
        };
        let algorithms = match written.member("alg") {
            Some(name) => vec![name.as_str()?.parse().ok().filter(|own| of_kind.contains(own))?],
            None => of_kind.to_vec(),
        };
        written.verifies().then_some(Self { id, issuer, algorithms, has_any_name: false, public })
    }

    fn fits(&self, signed: &Signed<'_>) -> bool {
        let is_named = |id: &str| self.has_any_name || self.id.as_deref() == Some(id);
        self.algorithms.contains(&signed.algorithm) && signed.key_id.is_none_or(is_named)
    }

    /// The library is told the algorithm, and reads nothing of the token.
    fn has_signed(&self, Signed { algorithm, message, signature, .. }: &Signed<'_>) -> bool {
        jsonwebtoken::crypto::verify(signature, message, &self.public, *algorithm).is_ok_and(|good| good)
    }
}
