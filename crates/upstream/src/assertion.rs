//! A client's signed proof of who it is: the assertion of `private_key_jwt` (RFC 7523 §2.2, OpenID Connect Core §9), and
//! the client secret that Apple wants signed.

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};

use domain::entropy::SharedEntropy;
use domain::{Error, Result};
use settings::{ClientAuth, KeyAlgorithm, Provider};

/// How long an assertion is good: a lease's life and the time limit of a call, and little more.
const LIFETIME: TimeDelta = TimeDelta::seconds(60);

/// Signs for one client at one provider.
#[derive(Debug)]
pub(crate) struct Signer {
    key: EncodingKey,
    header: Header,
    /// `iss`: the client itself, or at Apple the team it belongs to.
    issuer: String,
    /// `sub`: the client.
    subject: String,
    /// RFC 7523 §3 wants an assertion to work once; Apple's claims are listed, and this is not among them.
    works_once: bool,
    entropy: SharedEntropy,
}

impl Signer {
    /// The signer of a provider's settings, if it has a key there. Fails if the key is none we can sign with.
    pub(crate) fn new(settings: &Provider, entropy: SharedEntropy) -> Result<Option<Self>> {
        let Some(key) = &settings.client_key else { return Ok(None) };
        let refuse = |problem: &str| Error::input(format!("client_key of {}", settings.id), problem);
        let der = PrivatePkcs8KeyDer::from_pem_slice(key.pem.expose_secret().as_bytes())
            .map_err(|_not_pem| refuse("cannot be read: it must be one private key in PEM, PKCS#8"))?;
        let der = der.secret_pkcs8_der();
        let ec = Some(EncodingKey::from_ec_der(der)).filter(|key| can_sign(key, Algorithm::ES256));
        let rsa = rsa(der).filter(|key| can_sign(key, Algorithm::RS256));
        let (private, algorithm) = match (ec, rsa, key.algorithm) {
            (Some(private), _, None | Some(KeyAlgorithm::Es256)) => (private, Algorithm::ES256),
            (_, Some(private), None | Some(KeyAlgorithm::Rs256)) => (private, Algorithm::RS256),
            (_, Some(private), Some(KeyAlgorithm::Ps256)) => (private, Algorithm::PS256),
            (None, None, _) => return Err(refuse("must be an EC key on P-256, or an RSA key of 2048 to 8192 bits")),
            _ => return Err(refuse("does not fit client_key_alg")),
        };
        Ok(Some(Self {
            key: private,
            header: Header { kid: key.id.clone(), ..Header::new(algorithm) },
            issuer: key.issuer.clone().unwrap_or_else(|| settings.client_id.clone()),
            subject: settings.client_id.clone(),
            works_once: settings.client_auth == ClientAuth::PrivateKeyJwt,
            entropy,
        }))
    }

    /// A new assertion for `audience`, good for a minute from `now`.
    pub(crate) fn sign(&self, audience: &str, now: DateTime<Utc>) -> Result<SecretString> {
        let mut claims: Map<String, Value> = Map::new();
        claims.insert("iss".to_owned(), self.issuer.as_str().into());
        claims.insert("sub".to_owned(), self.subject.as_str().into());
        claims.insert("aud".to_owned(), audience.into());
        claims.insert("iat".to_owned(), now.timestamp().into());
        claims.insert("exp".to_owned(), (now + LIFETIME).timestamp().into());
        if self.works_once {
            claims.insert("jti".to_owned(), self.entropy.uuid().to_string().into());
        }
        // The library makes nonces and salts from its own randomness: nothing of ours reaches them.
        let signed = jsonwebtoken::encode(&self.header, &claims, &self.key);
        signed.map(SecretString::from).map_err(|_failed| Error::internal("a client assertion could not be signed"))
    }
}

fn can_sign(key: &EncodingKey, algorithm: Algorithm) -> bool {
    jsonwebtoken::crypto::sign(b"", key, algorithm).is_ok()
}

/// The RSA key (RFC 8017 §A.1.2) that stands in PKCS#8: the library signs by no other form.
fn rsa(der: &[u8]) -> Option<EncodingKey> {
    let pair = RsaKeyPair::from_pkcs8(der).ok()?;
    let written: Pkcs8V1Der<'_> = pair.as_der().ok()?;
    // RFC 5958 §2: the version, the algorithm and the lengths take as much at each size that is taken.
    written.as_ref().get(26..).map(EncodingKey::from_rsa_der)
}
