//! A file, line by line, of which none is held that is too long.

use std::fs::File;
use std::io::{BufRead, BufReader, Error as IoError, Read as _, stdin};
use std::path::Path;

use zeroize::Zeroizing;

use super::output::Trouble;
use domain::Error;

/// Bytes of a line: more than an answer of a provider's has, twice, quoted and sealed.
const LONGEST: u64 = 16 * 1024 * 1024;

pub(super) struct Lined {
    reader: Box<dyn BufRead + Send>,
    name: String,
}

/// A line, without its end.
pub(super) struct Line {
    text: Result<Zeroizing<String>, &'static str>,
    /// Its bytes, with its end.
    pub(super) bytes: u64,
    /// Whether it has an end: the last of a file that was cut off has none.
    pub(super) is_ended: bool,
}

impl Line {
    /// Its text; [`Error::Input`] if it has none that anybody means.
    pub(super) fn text(&self) -> Result<&str, Error> {
        self.text.as_ref().map(|text| text.as_str()).map_err(|why| Error::input("the line", *why))
    }
}

impl Lined {
    /// The file; `-` is standard input.
    pub(super) fn open(file: &Path) -> Result<Self, Trouble> {
        let name = file.display().to_string();
        if file.as_os_str() == "-" {
            return Ok(Self { reader: Box::new(BufReader::new(stdin())), name });
        }
        let opened = File::open(file).map_err(|error| unreadable(&name, &error))?;
        Ok(Self::of(opened, name))
    }

    /// A file that is open, by the name that people know.
    pub(super) fn of(file: File, name: String) -> Self {
        Self { reader: Box::new(BufReader::with_capacity(256 * 1024, file)), name }
    }

    /// The next line, if there is one.
    pub(super) fn next(&mut self) -> Result<Option<Line>, Trouble> {
        let mut line = Zeroizing::new(Vec::new());
        let read = self.reader.by_ref().take(LONGEST).read_until(b'\n', &mut line);
        let mut bytes = bytes(read.map_err(|error| unreadable(&self.name, &error))?);
        if bytes == 0 {
            return Ok(None);
        }
        let Some(text) = line.strip_suffix(b"\n") else {
            let is_cut_off = bytes < LONGEST;
            bytes += self.pass()?;
            let text = if is_cut_off { text_of(&line) } else { Err("is longer than 16 MiB") };
            return Ok(Some(Line { text, bytes, is_ended: false }));
        };
        Ok(Some(Line { text: text_of(text), bytes, is_ended: true }))
    }

    /// Reads past the next line's end; gives the number of its bytes.
    pub(super) fn pass(&mut self) -> Result<u64, Trouble> {
        self.reader.skip_until(b'\n').map(bytes).map_err(|error| unreadable(&self.name, &error))
    }
}

fn bytes(read: usize) -> u64 {
    u64::try_from(read).unwrap_or(u64::MAX)
}

fn text_of(line: &[u8]) -> Result<Zeroizing<String>, &'static str> {
    std::str::from_utf8(line).map(|text| Zeroizing::new(text.to_owned())).map_err(|_not_utf8| "is no UTF-8")
}

fn unreadable(name: &str, error: &IoError) -> Trouble {
    Trouble::say(format!("can't read {name}: {error}"))
}
