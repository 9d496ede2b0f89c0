//! What arrived of an answer's body: with its content codings taken off, never more than a mebibyte, and whether it is whole.

use std::io::Read as _;

use flate2::bufread::MultiGzDecoder;
use flate2::{Decompress, FlushDecompress, Status};
use oauth2::http::HeaderMap;
use oauth2::http::header::CONTENT_ENCODING;

/// The most bytes of a body, as it comes and as it is once decoded.
pub(crate) const LIMIT: usize = 1024 * 1024;
/// What every gzip stream begins with (RFC 1952 §2.3.1), and no text.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// The longest name of a content coding that is told again.
const NAME_LIMIT: usize = 32;

/// A body, as far as it came.
#[derive(Clone)]
pub(crate) struct Body {
    bytes: Vec<u8>,
    flaw: Option<Flaw>,
}

/// What is wrong with a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// It broke off: by the network, its own length, the time limit, its coding, or by us at [`LIMIT`].
    CutOff,
    /// It is in a content coding of this name, which was not asked for and is not known here.
    Coding(String),
}

impl Body {
    /// What came, decoded as the headers say; `is_whole`: all that was announced did come.
    pub(crate) fn decoded(bytes: Vec<u8>, is_whole: bool, headers: &HeaderMap) -> Self {
        let mut body = Self { bytes, flaw: (!is_whole).then_some(Flaw::CutOff) };
        // RFC 9110 §8.4: named in the order in which they were applied.
        for coding in codings(headers).iter().rev() {
            body = match coding.as_str() {
                "identity" => body,
                "gzip" | "x-gzip" => body.without(gunzip),
                "deflate" => body.without(inflate),
                // Some name a charset here, or a coding that a proxy has taken off.
                _ if is_text(&body.bytes) => body,
                unknown => {
                    let name = unknown.chars().filter(char::is_ascii_graphic).take(NAME_LIMIT).collect();
                    return Self { bytes: Vec::new(), flaw: Some(Flaw::Coding(name)) };
                }
            };
        }
        // Some compress and don't say so.
        if body.bytes.starts_with(&GZIP) { body.without(gunzip) } else { body }
    }

    /// All of it; nothing if it is not whole.
    pub(crate) fn whole(&self) -> Option<&[u8]> {
        self.flaw.is_none().then_some(self.bytes.as_slice())
    }

    /// As much of it as came.
    pub(crate) fn arrived(&self) -> &[u8] {
        &self.bytes
    }

    /// What is wrong with it, if anything is.
    pub(crate) fn flaw(&self) -> Option<&Flaw> {
        self.flaw.as_ref()
    }

    /// With one coding taken off. A coding has an end of its own: where that came, nothing is missing, whatever the length
    /// said. Where there is no such coding, the header is wrong about it.
    fn without(self, decode: fn(&[u8]) -> Option<Decoded>) -> Self {
        let Some(Decoded { mut bytes, has_end }) = decode(&self.bytes) else { return self };
        let flaw = (!has_end || bytes.len() > LIMIT).then_some(Flaw::CutOff);
        bytes.truncate(LIMIT);
        Self { bytes, flaw }
    }
}

/// What comes out of a coding, one byte more than may be at most.
struct Decoded {
    bytes: Vec<u8>,
    /// Whether the coding's own end came.
    has_end: bool,
}

/// The content codings, in the order in which they were applied; names have no case (RFC 9110 §8.4.1).
fn codings(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(CONTENT_ENCODING).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
    let lists = values.map(|value| value.to_ascii_lowercase());
    let names = lists.flat_map(|list| list.split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>());
    names.filter(|name| !name.is_empty()).collect()
}

/// Whether bytes are text as they are, as far as they came.
fn is_text(bytes: &[u8]) -> bool {
    let is_utf8 = std::str::from_utf8(bytes).err().is_none_or(|error| error.error_len().is_none());
    is_utf8 && bytes.iter().all(|byte| !byte.is_ascii_control() || byte.is_ascii_whitespace())
}

fn gunzip(bytes: &[u8]) -> Option<Decoded> {
    if !bytes.starts_with(&GZIP) {
        return None;
    }
    let mut decoded = Vec::new();
    let limit = u64::try_from(LIMIT).unwrap_or(u64::MAX).saturating_add(1);
    let ended = MultiGzDecoder::new(bytes).take(limit).read_to_end(&mut decoded);
    Some(Decoded { bytes: decoded, has_end: ended.is_ok() })
}

/// RFC 9110 §8.4.1.2: with zlib's frame; some leave it out.
fn inflate(bytes: &[u8]) -> Option<Decoded> {
    let framed = inflated(bytes, true);
    if framed.has_end || !framed.bytes.is_empty() {
        return Some(framed);
    }
    let bare = inflated(bytes, false);
    let is_text = || bytes.iter().find(|byte| !byte.is_ascii_whitespace()).is_some_and(|byte| *byte == b'{');
    (bare.has_end || !is_text()).then_some(bare)
}

fn inflated(bytes: &[u8], has_frame: bool) -> Decoded {
    let mut decoded = Vec::with_capacity(LIMIT + 1);
    // Not by flate2's readers: they take the end of the input for the end of the stream.
    let status = Decompress::new(has_frame).decompress_vec(bytes, &mut decoded, FlushDecompress::Finish);
    Decoded { bytes: decoded, has_end: matches!(status, Ok(Status::StreamEnd)) }
}
