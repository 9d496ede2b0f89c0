//! Token answers as a careless server writes them: other text around the tokens, half of it missing, a content coding that
//! nobody asked for.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use actix_web::HttpResponseBuilder;
use actix_web::body::SizedStream;
use actix_web::http::header;
use actix_web::{HttpResponse, web};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use futures_util::stream::{self, StreamExt as _};
use serde_json::{Map, Value};

/// How a token answer differs from a good one; by itself it doesn't.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Odd {
    /// Text before the object.
    pub before: String,
    /// Members that come first, as they are written: `"name":"Oleg \ud83d"`.
    pub members: String,
    /// What is written instead of a field's value, by the field's name: JSON, or not.
    pub written: Vec<(&'static str, &'static str)>,
    /// It is UTF-16, without a mark.
    pub is_utf16: bool,
    /// The connection closes where this field's value has been written, or before its last two bytes.
    pub breaks: Option<Break>,
    /// Taken one after the other, and named in `Content-Encoding`.
    pub codings: Vec<Coding>,
    /// Bytes that are announced and never come.
    pub overstated: usize,
}

/// Where an answer breaks off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// Behind a field's value.
    Behind(&'static str),
    /// In its middle.
    In(&'static str),
}

/// A content coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// gzip, by this name.
    Gzip(&'static str),
    /// zlib, which is what HTTP calls deflate.
    Deflate,
    /// What some servers call deflate.
    BareDeflate,
    /// One of this name that only the provider knows how to take off.
    Named(&'static str),
}

impl Odd {
    /// The answer: what is not announced in full comes in full, what is breaks off.
    pub(super) fn response(&self, mut response: HttpResponseBuilder, fields: &Map<String, Value>) -> HttpResponse {
        let (text, cut) = self.text(fields);
        let whole = self.coded(text.as_bytes());
        let cut = cut.and_then(|at| text.get(..at)).map_or_else(|| whole.clone(), |text| self.coded(text.as_bytes()));
        let announced = whole.len().max(cut.len()) + self.overstated;
        response.content_type("application/json");
        for coding in &self.codings {
            response.append_header((header::CONTENT_ENCODING, coding.name()));
        }
        if announced == cut.len() {
            return response.body(cut);
        }
        // One turn in between: what is sent in the same turn as the failure never leaves the buffer.
        let failure = async {
            tokio::task::yield_now().await;
            Err(io::Error::from(io::ErrorKind::ConnectionAborted))
        };
        let chunks = stream::iter([Ok(web::Bytes::from(cut))]).chain(stream::once(failure));
        response.body(SizedStream::new(u64::try_from(announced).unwrap_or(u64::MAX), chunks))
    }

    /// The object, and where it breaks off.
    fn text(&self, fields: &Map<String, Value>) -> (String, Option<usize>) {
        let mut text = format!("{}{{{}", self.before, self.members);
        let mut cut = None;
        for (number, (name, value)) in fields.iter().enumerate() {
            let comma = if number == 0 && self.members.is_empty() { "" } else { "," };
            let instead =
                self.written.iter().find(|(field, _)| field == name).map(|(_, written)| (*written).to_owned());
            let _infallible = write!(text, "{comma}\"{name}\":{}", instead.unwrap_or_else(|| value.to_string()));
            match self.breaks {
                Some(Break::Behind(field)) if field == name => cut = Some(text.len()),
                Some(Break::In(field)) if field == name => cut = Some(text.len().saturating_sub(2)),
                _ => {}
            }
        }
        text.push('}');
        (text, cut)
    }

    fn coded(&self, text: &[u8]) -> Vec<u8> {
        let encoded = if self.is_utf16 {
            String::from_utf8_lossy(text).encode_utf16().flat_map(u16::to_le_bytes).collect()
        } else {
            text.to_vec()
        };
        // Writing into memory doesn't fail.
        self.codings.iter().fold(encoded, |bytes, coding| coding.apply(&bytes).unwrap_or_default())
    }
}

impl Coding {
    fn name(self) -> &'static str {
        match self {
            Self::Gzip(name) | Self::Named(name) => name,
            Self::Deflate | Self::BareDeflate => "deflate",
        }
    }

    fn apply(self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip(_) => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(bytes)?;
                encoder.finish()
            }
            Self::Deflate => {
                let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(bytes)?;
                encoder.finish()
            }
            Self::BareDeflate => {
                let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(bytes)?;
                encoder.finish()
            }
            Self::Named(_) => Ok(bytes.iter().map(|byte| !byte).collect()),
        }
    }
}
