//! Which database addresses are taken; a mistyped one is refused before any engine could make a file of that name.

use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use toml::Value;

use super::reader::Reader;
use super::scalar;
use super::secret::secret;
use super::start::Literals;

const KEY: &str = "database_url";
const DEFAULT: &str = "sqlite:fedlink.db";
const FORMS: &str = "\"sqlite:fedlink.db\" or \"postgres://user@host/database\"";

/// The address of the database. It is a secret where it has a password, so it may also be named as one.
pub(super) fn url(reader: &mut Reader<'_>) -> SecretString {
    let in_environment = reader.in_environment(KEY);
    let in_file = reader.value(KEY);
    if !in_environment && in_file.is_some_and(Value::is_table) {
        let url = secret(reader, KEY);
        if let Some(Err(problem)) = url.as_ref().map(|url| check(url.expose_secret())) {
            reader.wrong(KEY, problem);
        }
        return beside_settings(reader.context.base_dir, url.as_ref().map_or(DEFAULT, ExposeSecret::expose_secret));
    }
    let stands_in_file = !in_environment && reader.context.literals == Literals::Refuse;
    let url: SecretString = reader.with_default(
        KEY,
        DEFAULT.into(),
        scalar::text_as(|text| {
            check(text)?;
            if stands_in_file && has_password(text) {
                return Err("must not hold a password in the file itself: write { env = \"NAME\" } or \
                            { file = \"PATH\" }, or set FEDLINK_DATABASE_URL"
                    .to_owned());
            }
            Ok(text.into())
        }),
    );
    beside_settings(reader.context.base_dir, url.expose_secret())
}

/// A relative file is beside the settings, as the keyring is: a command run in another folder must not make another one.
fn beside_settings(base_dir: &Path, url: &str) -> SecretString {
    let path = url.strip_prefix("sqlite:").filter(|path| !path.starts_with("file:"));
    match path.map(|path| base_dir.join(path)).as_deref().and_then(Path::to_str) {
        Some(path) => format!("sqlite:{path}").into(),
        None => url.into(),
    }
}

/// Says what is wrong without repeating the address, which may hold a password.
fn check(url: &str) -> Result<(), String> {
    if url.chars().any(char::is_control) {
        return Err("must not have control characters".to_owned());
    }
    if let Some(path) = url.strip_prefix("sqlite:") {
        // Each connection would get an in-memory database of its own.
        if path.is_empty() || path.contains(":memory:") || path.contains("mode=memory") {
            return Err("must name a file, such as \"sqlite:fedlink.db\"".to_owned());
        }
        // Other programs count the slashes after `sqlite:` their own way; here all of it is the path.
        if path.starts_with("//") {
            return Err("must have the path right after the colon, such as \"sqlite:fedlink.db\" or \
                        \"sqlite:/var/lib/fedlink/fedlink.db\""
                .to_owned());
        }
        return Ok(());
    }
    match url.split_once(':') {
        Some(("postgres" | "postgresql", rest)) => match rest.strip_prefix("//") {
            Some(rest) if !rest.is_empty() => Ok(()),
            _ => Err("must go on as in \"postgres://user@host/database\"".to_owned()),
        },
        Some((scheme, rest)) if rest.starts_with("//") && scheme.chars().all(|c| c.is_ascii_alphanumeric()) => {
            Err(format!("{scheme:?} is no scheme we know: write {FORMS}"))
        }
        _ => Err(format!("must start with a scheme we know: write {FORMS}")),
    }
}

fn has_password(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    if !matches!(scheme, "postgres" | "postgresql") {
        return false;
    }
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    address.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
        || query.split('&').any(|parameter| parameter.starts_with("password="))
}
