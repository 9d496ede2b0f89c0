//! The lines of an export (docs/moving-in.md): a header, a record each, an end; secrets sealed to a passphrase, or in the clear.
//!
//! What is sealed is bound to the export, to the number of its line and to all that the line tells in the clear: a line that is
//! changed, put elsewhere, taken out or brought in is noticed, whether it has secrets or not.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;
use zeroize::Zeroizing;

use domain::entropy::SharedEntropy;
use domain::moving::Kind;
use domain::params::Params;
use domain::{Error, Result, json};
use vault::{Passphrase, SALT};

/// The form of export that is written, and the only one that is read.
const FORM: u32 = 1;
/// What the last line is called.
const END: &str = "end";

/// The first line.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct First {
    fedlink: Header,
}

/// What an export says of itself first.
#[derive(Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Header {
    export: u32,
    id: Uuid,
    made: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sealed: Option<Seal>,
}

/// How an export's key is made of its passphrase.
#[derive(Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Seal {
    derivation: String,
    salt: String,
    /// What only the right passphrase opens.
    check: String,
}

/// A file's header, if this is the first line of an export; `None` for a line of another kind of file.
pub fn header(line: &str) -> Result<Option<Header>> {
    if !line.trim_start().strip_prefix('{').is_some_and(|rest| rest.trim_start().starts_with("\"fedlink\"")) {
        return Ok(None);
    }
    let First { fedlink: header } = json::read("the header", line.as_bytes())?;
    if header.export != FORM {
        let form = header.export;
        return Err(Error::input(
            "the header",
            format!("is of form {form} of exports; this program reads form {FORM}"),
        ));
    }
    match &header.sealed {
        Some(seal) if seal.derivation != Passphrase::DERIVATION => {
            Err(Error::input("derivation", format!("must be \"{}\"", Passphrase::DERIVATION)))
        }
        _ => Ok(Some(header)),
    }
}

impl Header {
    /// Whether a passphrase is needed.
    pub fn is_sealed(&self) -> bool {
        self.sealed.is_some()
    }
}

/// What seals and opens the lines of one export.
pub struct Lines {
    header: Header,
    key: Option<Passphrase>,
    entropy: SharedEntropy,
}

/// The secrets of a line.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Secrets {
    pub(super) password_hash: Option<SecretString>,
    pub(super) access_token: Option<SecretString>,
    pub(super) refresh_token: Option<SecretString>,
    /// What goes along with the refresh token: a JSON object, as text.
    pub(super) params: Option<SecretString>,
}

impl Secrets {
    fn text(&self) -> SecretString {
        let all = [
            ("passwordHash", &self.password_hash),
            ("accessToken", &self.access_token),
            ("refreshToken", &self.refresh_token),
            ("params", &self.params),
        ];
        let mut text = Zeroizing::new(String::from("{"));
        for (name, secret) in all.iter().filter_map(|(name, secret)| secret.as_ref().map(|secret| (name, secret))) {
            if text.len() > 1 {
                text.push(',');
            }
            let quoted = Zeroizing::new(serde_json::Value::from(secret.expose_secret()).to_string());
            text.extend(["\"", name, "\":", &quoted]);
        }
        text.push('}');
        SecretString::from(text.as_str())
    }

    pub(super) fn params(&self) -> Result<Params> {
        self.params.as_ref().map(Params::from_text).transpose().map(Option::unwrap_or_default)
    }
}

/// A line as it is read.
pub(super) enum Read {
    /// A record, as it is told, and its secrets.
    Record(Kind, Box<RawValue>, Secrets),
    /// The last line.
    End,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct End {
    /// Lines before it, the header among them.
    lines: u64,
}

impl Lines {
    /// Those of a new export, and its first line; in the clear if there is no passphrase.
    pub fn begin(
        passphrase: Option<&SecretString>,
        entropy: &SharedEntropy,
        now: DateTime<Utc>,
    ) -> Result<(Self, String)> {
        let id = entropy.uuid();
        let (sealed, key) = match passphrase {
            None => (None, None),
            Some(passphrase) => {
                let salt: [u8; SALT] = entropy.bytes();
                let key = Passphrase::derive(passphrase, &salt)?;
                let check = key.seal(&check_place(&id.to_string()), &SecretString::default(), &**entropy)?;
                let seal = Seal {
                    derivation: Passphrase::DERIVATION.to_owned(),
                    salt: BASE64.encode(salt),
                    check: BASE64.encode(check),
                };
                (Some(seal), Some(key))
            }
        };
        let header = Header { export: FORM, id, made: now, sealed };
        let first = serde_json::to_string(&First { fedlink: header.clone() }).map_err(Error::internal)?;
        Ok((Self { header, key, entropy: entropy.clone() }, first))
    }

    /// Those of an export that is there. [`Error::Input`] if the passphrase is another.
    pub fn of(header: Header, passphrase: Option<&SecretString>, entropy: &SharedEntropy) -> Result<Self> {
        let key = match (&header.sealed, passphrase) {
            (None, _) => None,
            (Some(_), None) => return Err(Error::input("passphrase", "is needed: the export is sealed")),
            (Some(seal), Some(passphrase)) => {
                let salt = BASE64.decode(&seal.salt).ok().and_then(|salt| salt.try_into().ok());
                let key = Passphrase::derive(passphrase, &salt.ok_or_else(|| Error::input("salt", "is no salt"))?)?;
                let check = BASE64.decode(&seal.check).unwrap_or_default();
                if key.open(&check_place(&header.id.to_string()), &check).is_none() {
                    return Err(Error::input("passphrase", "is another than that of the export"));
                }
                Some(key)
            }
        };
        Ok(Self { header, key, entropy: entropy.clone() })
    }

    /// Whether a line that can't be read says that the file was changed.
    pub fn is_sealed(&self) -> bool {
        self.key.is_some()
    }

    /// What sets the export apart from all others.
    pub fn id(&self) -> Uuid {
        self.header.id
    }

    /// The line of this number with a record and its secrets.
    pub(super) fn line(
        &self,
        number: u64,
        kind: Kind,
        told: &impl Serialize,
        secrets: &Secrets,
    ) -> Result<Zeroizing<String>> {
        self.write(number, kind.as_str(), &serde_json::to_string(told).map_err(Error::internal)?, secrets)
    }

    /// The last line, which has this number.
    pub(super) fn end(&self, number: u64) -> Result<Zeroizing<String>> {
        let told = serde_json::to_string(&End { lines: number - 1 }).map_err(Error::internal)?;
        self.write(number, END, &told, &Secrets::default())
    }

    fn write(&self, number: u64, name: &str, told: &str, secrets: &Secrets) -> Result<Zeroizing<String>> {
        let text = secrets.text();
        Ok(Zeroizing::new(match &self.key {
            Some(key) => {
                let (id, number) = (self.header.id.to_string(), number.to_string());
                let sealed = key.seal(&place(&id, &number, name, told), &text, &*self.entropy)?;
                format!("{{\"{name}\":{told},\"sealed\":\"{}\"}}", BASE64.encode(sealed))
            }
            None => format!("{{\"{name}\":{told},\"secrets\":{}}}", text.expose_secret()),
        }))
    }

    /// Reads the line of this number. [`Error::Input`] says what is wrong; of a sealed export, that is the end of all that can be
    /// believed of it.
    pub(super) fn read(&self, number: u64, line: &str) -> Result<Read> {
        let no_line = |_quotes_it| Error::input("the line", "is no line of an export: it is cut off, or changed");
        let mut members: std::collections::BTreeMap<String, Box<RawValue>> =
            serde_json::from_str(line).map_err(no_line)?;
        let (sealed, clear) = (members.remove("sealed"), members.remove("secrets"));
        let Some((name, told)) = members.pop_first().filter(|_| members.is_empty()) else {
            return Err(Error::input("the line", "must have one record"));
        };
        let secrets = match (&self.key, sealed, clear) {
            (None, None, None) => Secrets::default(),
            (None, None, Some(clear)) => json::read("secrets", clear.get().as_bytes())?,
            (None, Some(_), _) => return Err(Error::input("sealed", "has no place in an export in the clear")),
            (Some(_), _, Some(_)) => return Err(Error::input("secrets", "has no place in a sealed export")),
            (Some(key), sealed, None) => {
                let (id, number) = (self.header.id.to_string(), number.to_string());
                open(key, &place(&id, &number, &name, told.get()), sealed.as_deref())?
            }
        };
        if name == END {
            let End { lines } = json::read(END, told.get().as_bytes())?;
            if self.key.is_some() && lines != number - 1 {
                return Err(Error::input("lines", "counts another number of lines than there are"));
            }
            return Ok(Read::End);
        }
        let kind = Kind::parse(&name).ok_or_else(|| Error::input("the line", "has a record of no known kind"))?;
        Ok(Read::Record(kind, told, secrets))
    }
}

/// The secrets of a line that was sealed for this place.
fn open(key: &Passphrase, place: &[&str], sealed: Option<&RawValue>) -> Result<Secrets> {
    let sealed = sealed.and_then(|sealed| serde_json::from_str::<String>(sealed.get()).ok());
    let sealed = sealed.and_then(|text| BASE64.decode(text).ok()).unwrap_or_default();
    let opened = key.open(place, &sealed).ok_or_else(|| {
        Error::input("the line", "does not open: it was changed, or lines were added, moved or taken out before it")
    })?;
    json::read("sealed", opened.expose_secret().as_bytes())
}

fn check_place(id: &str) -> [&str; 3] {
    ["fedlink export", "check", id]
}

fn place<'a>(id: &'a str, number: &'a str, name: &'a str, told: &'a str) -> [&'a str; 5] {
    ["fedlink export", id, number, name, told]
}
