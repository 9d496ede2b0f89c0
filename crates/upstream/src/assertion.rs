//! A client's signed proof of who it is: the assertion of `private_key_jwt` (RFC 7523 §2.2, OpenID Connect Core §9), and
//! the client secret that Apple wants signed.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};

use domain::entropy::SharedEntropy;
use domain::{Error, Result};
use settings::{ClientAuth, KeyAlgorithm, Provider};

/// How long an assertion is good: a lease's life and the time limit of a call, and little more.
const LIFETIME: TimeDelta = TimeDelta::seconds(60);

/// Signs for one client at one provider.
#[derive(Debug)]
pub(crate) struct Signer {
    pair: Pair,
    algorithm: &'static str,
    key_id: Option<String>,
    /// `iss`: the client itself, or at Apple the team it belongs to.
    issuer: String,
    /// `sub`: the client.
    subject: String,
    /// RFC 7523 §3 wants an assertion to work once; Apple's claims are listed, and this is not among them.
    works_once: bool,
    entropy: SharedEntropy,
}

// aws-lc-rs makes nonces and salts from its own randomness: nothing of ours reaches them.
#[derive(Debug)]
enum Pair {
    Ec(EcdsaKeyPair),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
}

impl Signer {
    /// The signer of a provider's settings, if it has a key there. Fails if the key is none we can sign with.
    pub(crate) fn new(settings: &Provider, entropy: SharedEntropy) -> Result<Option<Self>> {
        let Some(key) = &settings.client_key else { return Ok(None) };
        let refuse = |problem: &str| Error::input(format!("client_key of {}", settings.id), problem);
        let der = PrivatePkcs8KeyDer::from_pem_slice(key.pem.expose_secret().as_bytes())
            .map_err(|_not_pem| refuse("cannot be read: it must be one private key in PEM, PKCS#8"))?;
        let der = der.secret_pkcs8_der();
        let ec = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).ok();
        let rsa = RsaKeyPair::from_pkcs8(der).ok();
        let (pair, algorithm) = match (ec, rsa, key.algorithm) {
            (Some(pair), _, None | Some(KeyAlgorithm::Es256)) => (Pair::Ec(pair), "ES256"),
            (_, Some(pair), None | Some(KeyAlgorithm::Rs256)) => (Pair::Rsa(pair, &RSA_PKCS1_SHA256), "RS256"),
            (_, Some(pair), Some(KeyAlgorithm::Ps256)) => (Pair::Rsa(pair, &RSA_PSS_SHA256), "PS256"),
            (None, None, _) => return Err(refuse("must be an EC key on P-256, or an RSA key of 2048 to 8192 bits")),
            _ => return Err(refuse("does not fit client_key_alg")),
        };
        Ok(Some(Self {
            pair,
            algorithm,
            key_id: key.id.clone(),
            issuer: key.issuer.clone().unwrap_or_else(|| settings.client_id.clone()),
            subject: settings.client_id.clone(),
            works_once: settings.client_auth == ClientAuth::PrivateKeyJwt,
            entropy,
        }))
    }

    /// A new assertion for `audience`, good for a minute from `now`.
    pub(crate) fn sign(&self, audience: &str, now: DateTime<Utc>) -> Result<SecretString> {
        let mut header = json!({ "typ": "JWT", "alg": self.algorithm });
        if let (Some(id), Some(header)) = (&self.key_id, header.as_object_mut()) {
            header.insert("kid".to_owned(), id.as_str().into());
        }
        let mut claims: Map<String, Value> = Map::new();
        claims.insert("iss".to_owned(), self.issuer.as_str().into());
        claims.insert("sub".to_owned(), self.subject.as_str().into());
        claims.insert("aud".to_owned(), audience.into());
        claims.insert("iat".to_owned(), now.timestamp().into());
        claims.insert("exp".to_owned(), (now + LIFETIME).timestamp().into());
        if self.works_once {
            claims.insert("jti".to_owned(), self.entropy.uuid().to_string().into());
        }
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(Value::Object(claims)));
        let signature = URL_SAFE_NO_PAD.encode(self.signature(message.as_bytes())?);
        Ok(format!("{message}.{signature}").into())
    }

    /// RFC 7518 §3.3 to §3.5.
    fn signature(&self, message: &[u8]) -> Result<Vec<u8>> {
        let random = SystemRandom::new();
        let failed = |_unspecified| Error::internal("a client assertion could not be signed");
        match &self.pair {
            Pair::Ec(pair) => Ok(pair.sign(&random, message).map_err(failed)?.as_ref().to_vec()),
            Pair::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
        }
    }
}
