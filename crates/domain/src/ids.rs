//! The names that identify things, each a type of its own, valid by construction.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error::{Error, Result};

/// The most bytes a subject, sid, or other free-text identifier may have.
pub const TEXT_LIMIT: usize = 255;

/// Refuses a text that is empty, longer than [`TEXT_LIMIT`] bytes, or has a control character of ASCII; `field` names it in the error.
pub fn checked_text(field: &'static str, text: String) -> Result<String> {
    if text.is_empty() {
        return Err(Error::input(field, "is empty"));
    }
    if text.len() > TEXT_LIMIT {
        return Err(Error::input(field, format!("has {} bytes, at most {TEXT_LIMIT} are allowed", text.len())));
    }
    if let Some(control) = text.bytes().find(u8::is_ascii_control) {
        return Err(Error::input(field, format!("has the control character U+{:04X}", u32::from(control))));
    }
    Ok(text)
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $field:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Checks the text: 1 to 255 bytes, no control characters.
            pub fn parse(text: impl Into<String>) -> Result<Self> {
                checked_text($field, text.into()).map(Self)
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id! {
    /// A user id as callers name it: any text up to 255 bytes, compared byte for byte.
    Subject, "subjectId"
}
text_id! {
    /// The account's id at the external provider, as the provider states it.
    Sid, "sid"
}
text_id! {
    /// The id of an application that calls us.
    ClientId, "client_id"
}

impl Subject {
    /// The first character that looks like a hyphen and is none (the vendor's examples have U+2011), if any.
    pub fn false_hyphen(&self) -> Option<char> {
        if self.0.is_ascii() {
            return None;
        }
        self.0.chars().find(|c| {
            matches!(c, '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FE58}' | '\u{FE63}' | '\u{FF0D}' | '\u{00AD}')
        })
    }
}

/// The type and name of a provider (`fpType`, `fpName`). The type has no underscore, so that the scope
/// `fed_tkn_{type}_{name}` has one reading.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProviderId {
    fp_type: String,
    fp_name: String,
}

/// The type that partner links carry; no provider may be of it.
pub const PARTNER_TYPE: &str = "partner";

impl ProviderId {
    /// Checks both parts: `[A-Za-z0-9.-]{1,64}` and `[A-Za-z0-9._-]{1,64}`.
    pub fn parse(fp_type: &str, fp_name: &str) -> Result<Self> {
        Self::from_parts(fp_type.to_owned(), fp_name.to_owned())
    }

    /// As [`Self::parse`], of texts that are the caller's own.
    pub fn from_parts(fp_type: String, fp_name: String) -> Result<Self> {
        if !is_name(&fp_type, |byte| matches!(byte, b'.' | b'-')) {
            return Err(Error::input("fpType", "must be 1 to 64 of A-Z a-z 0-9 . -"));
        }
        if !is_name(&fp_name, |byte| matches!(byte, b'.' | b'_' | b'-')) {
            return Err(Error::input("fpName", "must be 1 to 64 of A-Z a-z 0-9 . _ -"));
        }
        Ok(Self { fp_type, fp_name })
    }

    /// The type and the name.
    pub fn into_parts(self) -> (String, String) {
        (self.fp_type, self.fp_name)
    }

    /// Reads `type:name`, the form of `fp` in a bind instruction.
    pub fn parse_pair(pair: &str) -> Result<Self> {
        let (fp_type, fp_name) = pair.split_once(':').ok_or_else(|| Error::input("fp", "must be type:name"))?;
        Self::parse(fp_type, fp_name)
            .map_err(|_unnamed: Error| Error::input("fp", "must be type:name of a configured provider"))
    }

    /// The provider's type.
    pub fn fp_type(&self) -> &str {
        &self.fp_type
    }

    /// The provider's name among those of its type.
    pub fn fp_name(&self) -> &str {
        &self.fp_name
    }
}

impl fmt::Display for ProviderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.fp_type, self.fp_name)
    }
}

fn is_name(text: &str, also: impl Fn(u8) -> bool) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || also(byte))
}

/// The id of a link's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LinkId(pub Uuid);

/// The id of a bind instruction and the flow that follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FlowId(pub Uuid);

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for FlowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
