//! Reads how we prove who we are at a provider: by a shared secret, by a key of ours, by a program, by a
//! TLS client certificate, or not at all.

use secrecy::{ExposeSecret as _, SecretString};

use super::reader::Reader;
use super::scalar::{choice, text_as, title};
use super::secret::secret;
use super::types::{ClientAuth, ClientKey, KeyAlgorithm, TlsIdentity};

const CLIENT_AUTHS: [(&str, ClientAuth); 7] = [
    ("basic", ClientAuth::Basic),
    ("basic_raw", ClientAuth::BasicRaw),
    ("post", ClientAuth::Post),
    ("private_key_jwt", ClientAuth::PrivateKeyJwt),
    ("signed_secret", ClientAuth::SignedSecret),
    ("external", ClientAuth::External),
    ("none", ClientAuth::None),
];

const ALGORITHMS: [(&str, KeyAlgorithm); 3] =
    [("ES256", KeyAlgorithm::Es256), ("RS256", KeyAlgorithm::Rs256), ("PS256", KeyAlgorithm::Ps256)];

/// The keys that say more of `client_key`.
const KEY_FACTS: [&str; 3] = ["client_key_id", "client_key_alg", "client_key_issuer"];

/// How we authenticate, and with what.
pub(super) struct Proof {
    pub(super) auth: ClientAuth,
    pub(super) secret: Option<SecretString>,
    pub(super) key: Option<ClientKey>,
    pub(super) command: Vec<String>,
    pub(super) tls: Option<TlsIdentity>,
}

/// Reads all of it.
pub(super) fn read(reader: &mut Reader<'_>) -> Proof {
    let auth = reader.with_default("client_auth", ClientAuth::Basic, choice(&CLIENT_AUTHS));
    let name = CLIENT_AUTHS.iter().find(|(_, known)| *known == auth).map_or("", |(name, _)| *name);
    let (wants_secret, wants_key) = match auth {
        ClientAuth::None | ClientAuth::External => (false, false),
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
    Proof {
        auth,
        secret: secret(reader, "client_secret"),
        key: key(reader, wants_key),
        command: command(reader, auth),
        tls: tls(reader),
    }
}

/// The program that proves us: an absolute path, since nobody is to slip in another, and its arguments.
fn command(reader: &mut Reader<'_>, auth: ClientAuth) -> Vec<String> {
    if auth == ClientAuth::External {
        reader.demand(
            "client_command",
            "set it to the program that signs, and its arguments, such as [\"/usr/local/bin/sign\"]",
        );
    } else if reader.has("client_command") {
        reader.wrong("client_command", "must be left out where client_auth is not \"external\"");
    }
    let argument = |text: &str| match text {
        _ if text.contains('\0') => Err("must have no NUL".to_owned()),
        _ => Ok(text.to_owned()),
    };
    let Some(command) = reader.list("client_command", argument) else { return Vec::new() };
    if !command.first().is_some_and(|program| program.starts_with('/')) {
        reader.wrong("client_command", "must begin with the program's absolute path, such as \"/usr/local/bin/sign\"");
    }
    command
}

/// Our TLS client certificate: both halves or none.
fn tls(reader: &mut Reader<'_>) -> Option<TlsIdentity> {
    for (key, other) in [("tls_certificate", "tls_key"), ("tls_key", "tls_certificate")] {
        if reader.has(key) {
            reader.demand(other, "a certificate and its key go together: write { file = \"PATH\" }, of a PEM");
        }
    }
    let certificate = secret(reader, "tls_certificate");
    let key = secret(reader, "tls_key");
    let (certificate, key) = (certificate?, key?);
    if !certificate.expose_secret().contains("-----BEGIN CERTIFICATE-----") {
        reader.wrong("tls_certificate", "must be a PEM (-----BEGIN CERTIFICATE-----), the client's own first");
        return None;
    }
    let is_key = |kind: &str| key.expose_secret().contains(&format!("-----BEGIN {kind}-----"));
    if !["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"].into_iter().any(is_key) {
        reader.wrong("tls_key", "must be an unencrypted PEM (-----BEGIN PRIVATE KEY-----)");
    }
    Some(TlsIdentity { certificate, key })
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
