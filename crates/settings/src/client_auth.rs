//! Reads how we prove who we are at a provider: by a shared secret, by a key of ours, or not at all.

use secrecy::{ExposeSecret as _, SecretString};

use super::reader::Reader;
use super::scalar::{choice, text_as, title};
use super::secret::secret;
use super::types::{ClientAuth, ClientKey, KeyAlgorithm};

const CLIENT_AUTHS: [(&str, ClientAuth); 6] = [
    ("basic", ClientAuth::Basic),
    ("basic_raw", ClientAuth::BasicRaw),
    ("post", ClientAuth::Post),
    ("private_key_jwt", ClientAuth::PrivateKeyJwt),
    ("signed_secret", ClientAuth::SignedSecret),
    ("none", ClientAuth::None),
];

const ALGORITHMS: [(&str, KeyAlgorithm); 3] =
    [("ES256", KeyAlgorithm::Es256), ("RS256", KeyAlgorithm::Rs256), ("PS256", KeyAlgorithm::Ps256)];

/// The keys that say more of `client_key`.
const KEY_FACTS: [&str; 3] = ["client_key_id", "client_key_alg", "client_key_issuer"];

/// How we authenticate, and with what.
pub(super) fn read(reader: &mut Reader<'_>) -> (ClientAuth, Option<SecretString>, Option<ClientKey>) {
    let auth = reader.with_default("client_auth", ClientAuth::Basic, choice(&CLIENT_AUTHS));
    let name = CLIENT_AUTHS.iter().find(|(_, known)| *known == auth).map_or("", |(name, _)| *name);
    let (wants_secret, wants_key) = match auth {
        ClientAuth::None => (false, false),
        ClientAuth::Basic | ClientAuth::BasicRaw | ClientAuth::Post => (true, false),
        ClientAuth::PrivateKeyJwt | ClientAuth::SignedSecret => (false, true),
    };
    let left_out = format!("must be left out where client_auth is \"{name}\", or client_auth be another");
    if wants_secret {
        reader.demand(
            "client_secret",
            "write { env = \"NAME\" } or { file = \"PATH\" }, or set client_auth to \"none\" for a public client",
        );
    } else if reader.has("client_secret") {
        reader.wrong("client_secret", left_out.as_str());
    }
    if wants_key {
        reader.demand("client_key", "write { env = \"NAME\" } or { file = \"PATH\" }, of a PEM in PKCS#8");
    } else if reader.has("client_key") {
        reader.wrong("client_key", left_out);
    } else {
        for fact in KEY_FACTS {
            if reader.has(fact) {
                reader.wrong(fact, "must be left out where there is no client_key");
            }
        }
    }
    if auth == ClientAuth::SignedSecret {
        reader.demand("client_key_id", "set it to the id the provider gave the key");
        reader.demand("client_key_issuer", "set it to whom the key belongs to, at Apple your team's id");
    }
    (auth, secret(reader, "client_secret"), key(reader, wants_key))
}

fn key(reader: &mut Reader<'_>, wanted: bool) -> Option<ClientKey> {
    let id = reader.optional("client_key_id", text_as(title));
    let algorithm = reader.optional("client_key_alg", choice(&ALGORITHMS));
    let issuer = reader.optional("client_key_issuer", text_as(title));
    let pem = secret(reader, "client_key").filter(|_| wanted)?;
    // What is inside is for those who sign with it; that it is the wrong kind of file is better said here.
    if !pem.expose_secret().contains("-----BEGIN PRIVATE KEY-----") {
        reader.wrong(
            "client_key",
            "must be an unencrypted PEM in PKCS#8 (-----BEGIN PRIVATE KEY-----): `openssl pkcs8 -topk8 -nocrypt` makes one",
        );
    }
    Some(ClientKey { pem, id, algorithm, issuer })
}
