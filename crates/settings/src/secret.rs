//! Fetches secrets from where they are kept: an environment variable or a file, never the settings themselves.

use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};
use toml::Value;

use super::error::shown_path;
use super::reader::{Context, Reader};
use super::scalar::{self, article};
use super::start::{KeyringSource, KeyringText, Literals};

const FORMS: &str = r#"{ env = "NAME" } or { file = "/run/secrets/name" }"#;

/// What `{ env = "X" }` or `{ file = "…" }` names.
enum Source {
    Variable(String),
    File(PathBuf),
}

/// The secret under a key.
pub(super) fn secret(reader: &mut Reader<'_>, key: &'static str) -> Option<SecretString> {
    let Some(value) = reader.value(key) else {
        // Nobody is to believe that it was taken.
        if reader.in_environment(key) {
            reader.wrong(key, format!("must not be the environment variable itself: write {FORMS} in the file"));
        }
        return None;
    };
    match value {
        Value::String(literal) => match reader.context.literals {
            Literals::Allow if !literal.is_empty() => Some(literal.clone().into()),
            Literals::Allow => {
                reader.wrong(key, "must not be empty");
                None
            }
            Literals::Refuse => {
                reader.wrong(key, format!("must not stand in the file itself: write {FORMS}"));
                None
            }
        },
        Value::Table(_) => fetch(reader.section(key)),
        other => {
            reader.wrong(key, format!("must be {FORMS}, not {}", article(other)));
            None
        }
    }
}

/// In bytes: less can be guessed, or found by trying from what it has signed.
const LENGTH: usize = 16;

/// The secret under a key that somebody proves themselves to us by, or that we sign with. What others have chosen for us, such
/// as a provider's client secret, is as long as they like.
pub(super) fn own_secret(reader: &mut Reader<'_>, key: &'static str) -> Option<SecretString> {
    let secret = secret(reader, key)?;
    let length = secret.expose_secret().len();
    if length < LENGTH {
        reader.wrong(key, format!("has {length} bytes, at least {LENGTH} are needed: openssl rand -hex 32"));
        return None;
    }
    Some(secret)
}

/// Several of them, each named by a table.
pub(super) fn own_secrets(reader: &mut Reader<'_>, key: &'static str) -> Vec<SecretString> {
    let mut secrets = Vec::new();
    for (at, secret) in named(reader, key) {
        if secret.expose_secret().len() < LENGTH {
            reader.wrong(key, format!("{at} has fewer than {LENGTH} bytes: openssl rand -hex 32"));
        }
        secrets.push(secret);
    }
    secrets
}

/// Several of them, and where each stands; in tests they may stand in the file itself.
pub(super) fn secrets(reader: &mut Reader<'_>, key: &'static str) -> Vec<(String, SecretString)> {
    let literals = match (reader.context.literals, reader.value(key)) {
        (Literals::Allow, Some(Value::Array(items))) => items.iter().map(Value::as_str).collect::<Option<Vec<_>>>(),
        _ => None,
    };
    let Some(literals) = literals else { return named(reader, key) };
    literals.iter().enumerate().map(|(n, text)| (format!("{key}[{n}]"), (*text).to_owned().into())).collect()
}

fn named(reader: &mut Reader<'_>, key: &'static str) -> Vec<(String, SecretString)> {
    let places = reader.entries(key).into_iter();
    places.filter_map(|place| Some((place.path().to_owned(), fetch(place)?))).collect()
}

/// Where the keyring is: a file, which need not exist yet, or the text of an environment variable.
pub(super) fn keyring(vault: &mut Reader<'_>) -> Option<KeyringSource> {
    let mut place = match vault.value("keyring") {
        Some(other) if !other.is_table() => {
            vault.wrong("keyring", format!("must be {FORMS}, not {}", article(other)));
            return None;
        }
        _ => vault.section("keyring"),
    };
    if place.in_environment("env") || place.in_environment("file") {
        place.forget_file();
    } else if vault.value("keyring").is_none() {
        return Some(KeyringSource::File(located(vault.context, "fedlink.keys")));
    }
    let keyring = match source(&mut place) {
        Some(Source::File(path)) => Some(KeyringSource::File(path)),
        Some(Source::Variable(name)) => variable(&mut place, &name).map(|text| KeyringSource::Text(KeyringText(text))),
        None => None,
    };
    place.finish();
    keyring
}

fn fetch(mut place: Reader<'_>) -> Option<SecretString> {
    let secret = match source(&mut place) {
        Some(Source::Variable(name)) => variable(&mut place, &name),
        Some(Source::File(path)) => file(&mut place, &path),
        None => None,
    };
    place.finish();
    secret
}

fn source(place: &mut Reader<'_>) -> Option<Source> {
    if place.has("env") == place.has("file") {
        let problem = if place.has("env") {
            "must have either env or file, not both"
        } else {
            "must have env = \"NAME\" or file = \"PATH\""
        };
        place.wrong("", problem);
    }
    let variable = place.optional("env", scalar::text).map(Source::Variable);
    let context = place.context;
    let file = place.optional("file", scalar::text_as(not_empty)).map(|path| Source::File(located(context, &path)));
    variable.or(file)
}

/// Where the service manager has put what it read for the service, as a user who may.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// The file of a relative path: what the service manager has loaded under that name, else beside the settings. It can't load folders, and
/// loads a folder's file `a/b` as `a_b` (systemd.exec(5), `LoadCredential=`).
fn located(context: &Context<'_>, path: &str) -> PathBuf {
    let folder = (context.env)(CREDENTIALS).filter(|_| Path::new(path).is_relative());
    let loaded = folder.map(|folder| Path::new(&folder).join(path.replace('/', "_")));
    loaded.filter(|loaded| loaded.is_file()).unwrap_or_else(|| context.base_dir.join(path))
}

fn not_empty(path: &str) -> Result<String, String> {
    if path.is_empty() { Err("must be a path".to_owned()) } else { Ok(path.to_owned()) }
}

fn variable(place: &mut Reader<'_>, name: &str) -> Option<SecretString> {
    match (place.context.env)(name) {
        Some(text) if !text.is_empty() => Some(text.into()),
        Some(_) => {
            place.wrong("env", format!("the environment variable {name:?} is empty"));
            None
        }
        None => {
            place.wrong("env", format!("the environment variable {name:?} is not set"));
            None
        }
    }
}

fn file(place: &mut Reader<'_>, path: &Path) -> Option<SecretString> {
    let mut text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            let is_loaded_for_us = (place.context.env)(CREDENTIALS).is_some();
            let hint =
                if is_loaded_for_us { "; what is new among the secrets is loaded at the next start" } else { "" };
            place.wrong("file", format!("{} cannot be read: {error}{hint}", shown_path(path)));
            return None;
        }
    };
    // Editors and `echo` end a file with a newline that is no part of the secret.
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    if text.is_empty() {
        place.wrong("file", format!("{} is empty", shown_path(path)));
        return None;
    }
    Some(text.into())
}
