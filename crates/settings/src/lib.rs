//! The operator's decisions: read from one TOML file and the environment, checked whole, told all at once when wrong.
//!
//! What comes out is complete: every default is filled in, every address parsed, every secret read. It uses [`domain`], and asks
//! nobody: whether a provider answers is for `fedlink check` to say. What the settings are is in docs/settings.md.
//!
//! ```
//! use std::path::Path;
//!
//! use fedlink_settings::{Configuration, Literals};
//!
//! let text = "public_url = 'http://login.example'\nbase_pth = '/blitz'";
//! let mistakes = Configuration::parse(text, Path::new("."), &|_| None, Literals::Refuse).unwrap_err().to_string();
//! assert!(mistakes.contains("public_url: "), "http is for loopback alone");
//! assert!(mistakes.contains("base_path"), "a mistyped key is named with the one that is meant");
//! ```

mod address;
mod asking;
mod at;
mod audit;
mod catalogue;
mod client_auth;
mod client_proof;
mod clients;
mod database;
mod error;
mod ip_proxies;
mod issuers;
mod jwt_rule;
mod messages;
mod partners;
mod providers;
mod reader;
mod scalar;
mod secret;
mod session;
mod start;
mod template;
#[cfg(test)]
mod tests;
mod types;
mod warnings;
mod webhooks;
mod whsec;

use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Table;
use toml::de::DeTable;

pub use catalogue::{Fact, Known, Tier, catalogue};
pub use error::{SettingsError, SettingsErrors};
pub use start::{Configuration, KeyringSource, KeyringText, Literals, Start};
pub use types::*;
pub use warnings::{ProviderWarning, Warning, words_on_odds};

use error::shown_path;
use reader::{Context, Reader};
use scalar::{boolean, choice, duration, text_as, whole};

/// The value of a variable of the process's environment; `None` if it is not set or no UTF-8.
pub fn process_env(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "this is the one door to the environment")]
    std::env::var(name).ok()
}

/// What everybody can refuse to be asked more of: far beyond any machine, and within what a semaphore counts.
const MOST_CONCURRENCY: usize = 100_000;
/// Longer than balancers take to ask twice whether we are ready.
const DRAIN: Duration = Duration::from_secs(5);
/// With it, callers are cut off no later than half a minute after the signal.
const MOST_DRAIN: Duration = Duration::from_secs(25);
/// The longest that a slow provider is waited for, and what it takes to store its answer.
const STOP_WITHIN: Duration = Duration::from_secs(75);
const MOST_STOP_WITHIN: Duration = Duration::from_mins(10);
/// Beyond ten minutes most tokens would count as stale from the start; the same limit as of `min_ttl`.
const MOST_MIN_LIFETIME: Duration = Duration::from_mins(10);

/// More tries than a thousand machines make; and within what the database counts.
const MOST_TRIES: usize = 1_000_000;

/// As many as somebody spends who lists all the time.
const MOST_POINTS: usize = 1_000_000_000;
/// Longer than anybody looks at an empty page; and at least what a list needs on a machine that is busy.
const LIST_TIMES: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_mins(1);

/// A token refreshed longer before its end has hardly lived.
const MOST_REFRESH_AHEAD: Duration = Duration::from_hours(24);

impl Configuration {
    /// Reads the file at `path`, and the variables it names from `env`. Relative paths in it are relative to its folder.
    pub fn load(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, SettingsErrors> {
        let text = text(path)?;
        Self::parse(&text, path.parent().unwrap_or(Path::new("")), env, Literals::Refuse)
    }

    /// Reads settings from a text; relative paths in it are relative to `base_dir`.
    pub fn parse(
        text: &str,
        base_dir: &Path,
        env: &dyn Fn(&str) -> Option<String>,
        literals: Literals,
    ) -> Result<Self, SettingsErrors> {
        let table = table(text)?;
        let context = Context { env, base_dir, literals, errors: RefCell::new(Vec::new()) };
        let read = read(Reader::top(&context, &table));
        let errors = context.errors.into_inner();
        match read {
            Some(configuration) if errors.is_empty() => Ok(configuration),
            _ => Err(SettingsErrors::new(errors)),
        }
    }
}

fn text(path: &Path) -> Result<String, SettingsErrors> {
    std::fs::read_to_string(path).map_err(|error| {
        let problem = format!("cannot be read: {error}; name another with --config");
        SettingsErrors::one(path.display().to_string(), problem)
    })
}

/// Where the operator's listener is by a settings file, of which nothing else has to be right: for who asks a service that is served
/// already.
pub fn ops_listen(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<SocketAddr, SettingsErrors> {
    let text = text(path)?;
    let table = table(&text)?;
    let base_dir = path.parent().unwrap_or(Path::new(""));
    let context = Context { env, base_dir, literals: Literals::Refuse, errors: RefCell::new(Vec::new()) };
    let (_, ops_listen) = read_listeners(&mut Reader::top(&context, &table));
    let errors = context.errors.into_inner();
    if errors.is_empty() { Ok(ops_listen) } else { Err(SettingsErrors::new(errors)) }
}

/// The text as TOML, or all its mistakes by line. The parser's own report would print the line, and with it a secret.
fn table(text: &str) -> Result<Table, SettingsErrors> {
    let (_, mistakes) = DeTable::parse_recoverable(text);
    if mistakes.is_empty() {
        return text.parse().map_err(|error: toml::de::Error| SettingsErrors::new(vec![mistake(text, &error)]));
    }
    Err(SettingsErrors::new(mistakes.iter().map(|error| mistake(text, error)).collect()))
}

fn mistake(text: &str, error: &toml::de::Error) -> SettingsError {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    SettingsError { place: format!("line {line}, column {column}"), problem: error.message().to_owned() }
}

fn read(mut top: Reader<'_>) -> Option<Configuration> {
    let public_url = top.required(
        "public_url",
        "set it to where browsers reach us, such as \"https://login.company.com\"",
        text_as(address::origin),
    );
    let base_path = top.with_default("base_path", "/blitz".to_owned(), text_as(address::base_path));
    let (listen, ops_listen) = read_listeners(&mut top);
    let drain = top.with_default("drain", DRAIN, duration(Duration::ZERO..=MOST_DRAIN));
    let stop_within = top.with_default("stop_within", STOP_WITHIN, duration(Duration::ZERO..=MOST_STOP_WITHIN));
    let database_url = database::url(&mut top);
    let subjects = top.with_default(
        "subjects",
        Subjects::Registered,
        choice(&[("registered", Subjects::Registered), ("any", Subjects::Any)]),
    );
    let locale = top.with_default("locale", Locale::En, choice(&[("en", Locale::En), ("ru", Locale::Ru)]));
    let trusted_proxies = top.list("trusted_proxies", address::network).unwrap_or_default();
    let ip_proxies = ip_proxies::read(&mut top);
    let limits = read_limits(&mut top);
    let cors_origins = session::cors_origins(&mut top);
    let session = session::read(&mut top, public_url.as_ref(), subjects, &cors_origins);
    let messages::Sms { sms, reach: sms_reach } = messages::sms(&mut top);
    let email = messages::email(&mut top);
    let ca_file = read_ca_file(&mut top);
    let keyring = read_keyring(&mut top);
    let tokens = read_tokens(&mut top);
    let providers = providers::read(&mut top);
    let clients = clients::read(&mut top, &providers);
    let issuers = issuers::read(&mut top, &clients);
    at::check(&top, &clients, &issuers);
    client_proof::check(&top, &clients);
    let partners = partners::read(&mut top);
    let webhooks = webhooks::read(&mut top);
    let audit = audit::read(&mut top);
    top.finish();
    let start = Start { listen, ops_listen, drain, stop_within, database_url, keyring: keyring? };
    let settings = Settings {
        public_url: public_url?,
        base_path,
        subjects,
        locale,
        trusted_proxies,
        ip_proxies,
        limits,
        session,
        cors_origins,
        sms,
        sms_reach,
        email,
        introspection: false,
        ca_file,
        tokens,
        clients,
        issuers,
        providers: providers.whole,
        partners,
        webhooks,
        audit,
    };
    Some(Configuration { start, settings })
}

fn read_listeners(top: &mut Reader<'_>) -> (SocketAddr, SocketAddr) {
    let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listen = top.with_default("listen", local(8080), text_as(address::socket));
    let ops_listen = top.with_default("ops_listen", local(9090), text_as(address::socket));
    if address::collide(listen, ops_listen) {
        top.wrong("ops_listen", format!("{ops_listen} collides with listen {listen}: give it another port"));
    }
    (listen, ops_listen)
}

fn read_limits(top: &mut Reader<'_>) -> Limits {
    let mut section = top.section("limits");
    let mut tries = |key| section.with_default(key, 10, whole(1..=MOST_TRIES));
    let limits = Limits {
        sign_in_per_hour: tries("sign_in_per_hour"),
        sms_per_hour_and_ip: tries("sms_per_hour_and_ip"),
        sms_per_day_and_phone: tries("sms_per_day_and_phone"),
        emails_per_hour_and_ip: tries("emails_per_hour_and_ip"),
        emails_per_day_and_address: tries("emails_per_day_and_address"),
        sms_per_day: section.optional("sms_per_day", whole(1..=MOST_TRIES)),
        list_points_per_hour: section.with_default("list_points_per_hour", 50_000, whole(1..=MOST_POINTS)),
        list_timeout: section.with_default("list_timeout", Duration::from_secs(5), duration(LIST_TIMES)),
    };
    section.finish();
    limits
}

fn read_ca_file(top: &mut Reader<'_>) -> Option<PathBuf> {
    let base_dir = top.context.base_dir;
    top.optional(
        "ca_file",
        text_as(|name| {
            let path = base_dir.join(name);
            let content =
                std::fs::read(&path).map_err(|error| format!("{} cannot be read: {error}", shown_path(&path)))?;
            let marker = b"-----BEGIN CERTIFICATE-----";
            if content.windows(marker.len()).any(|window| window == marker) {
                Ok(path)
            } else {
                Err(format!("{} has no PEM certificate (-----BEGIN CERTIFICATE-----)", shown_path(&path)))
            }
        }),
    )
}

fn read_keyring(top: &mut Reader<'_>) -> Option<KeyringSource> {
    let mut vault = top.section("vault");
    let keyring = secret::keyring(&mut vault);
    vault.finish();
    keyring
}

fn read_tokens(top: &mut Reader<'_>) -> Tokens {
    let mut section = top.section("tokens");
    let tokens = Tokens {
        min_lifetime: section.with_default(
            "min_lifetime",
            Duration::from_secs(30),
            duration(Duration::ZERO..=MOST_MIN_LIFETIME),
        ),
        refresh_ahead: section.with_default(
            "refresh_ahead",
            Duration::from_mins(5),
            duration(Duration::ZERO..=MOST_REFRESH_AHEAD),
        ),
        refresh: section.with_default("refresh", true, boolean),
        max_concurrency: section.with_default("max_concurrency", 64, whole(1..=MOST_CONCURRENCY)),
    };
    section.finish();
    tokens
}
