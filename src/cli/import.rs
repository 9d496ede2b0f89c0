//! `fedlink import`: takes in an export, or another's links and tokens, one JSON object a line; a bad line is named, the good ones
//! go in.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::lined::{Line, Lined};
use super::output::{Output, Trouble, aside};
use super::password::passphrase;
use super::progress::{Show, rate};
use crate::app::App;
use domain::Error;
use service::import::{How, Newer, Taken, UnknownSubject};
use service::moving::{Header, Import, Item, Judged, Lines, header};
use service::{Current, Parts, keys};

/// Lines in one transaction, and bytes of them.
const TOGETHER: usize = 200;
const ROOM: u64 = 16 * 1024 * 1024;

#[derive(Args)]
pub(super) struct Arguments {
    /// The file; `-` for standard input.
    file: PathBuf,
    /// Where the passphrase of an export stands, on a line; it is asked for if there is a terminal.
    #[arg(long)]
    passphrase_file: Option<PathBuf>,
    /// Make a bare account for a subject that has none.
    #[arg(long)]
    register: bool,
    /// Replace tokens that are newer than the file's, too.
    #[arg(long)]
    overwrite: bool,
}

pub(super) async fn run(arguments: &Arguments, app: App, output: &Output) -> Result<ExitCode, Trouble> {
    // It may take hours, and seals all the while: no key may be activated that it lacks, and none dropped that it uses.
    keys::join(&app.parts).await.map_err(|error| Trouble::from(&error))?;
    let reporting = tokio::spawn(keys::report(Current::new(&app.parts)));
    let ended = take_all(arguments, &app, output).await;
    reporting.abort();
    keys::leave(&app.parts).await.map_err(|error| Trouble::from(&error))?;
    ended
}

async fn take_all(arguments: &Arguments, app: &App, output: &Output) -> Result<ExitCode, Trouble> {
    let parts = &app.parts;
    parts.store.write_in_place().await.map_err(|error| Trouble::from(&error))?;
    let how = How {
        unknown: if arguments.register { UnknownSubject::Register } else { UnknownSubject::Refuse },
        newer: if arguments.overwrite { Newer::Replace } else { Newer::Keep },
    };
    let mut file = Lined::open(&arguments.file)?;
    let first = file.next()?;
    let told = first.as_ref().and_then(|line| line.text().ok()).map_or(Ok(None), header);
    let told = told.map_err(|error| Trouble::from(&error))?;
    // Who could write the file could have taken its seals off, and written what they like.
    if arguments.passphrase_file.is_some() && !told.as_ref().is_some_and(Header::is_sealed) {
        return Err(Trouble::say(
            "a passphrase is given, and the file is not sealed: it is not the export that was made with it",
        ));
    }
    let (lines, import) = match told {
        None => (None, Import::of_file(Arc::clone(parts), how)),
        Some(header) => {
            let is_sealed = header.is_sealed();
            let passphrase =
                if is_sealed { Some(passphrase(arguments.passphrase_file.as_deref(), false)?) } else { None };
            let lines =
                Lines::of(header, passphrase.as_ref(), &parts.entropy).map_err(|error| Trouble::from(&error))?;
            let import = Import::of_export(Arc::clone(parts), how, lines.id()).await;
            (Some(lines), import.map_err(|error| Trouble::from(&error))?)
        }
    };
    let began = parts.clock.monotonic();
    let skipped = import.done();
    if skipped > 0 {
        aside(format_args!("going on after line {skipped}, to which all are in"));
    }
    let total = total(&arguments.file)?;
    let taking = Taking { output, total, lines, import, counts: Counts::default(), end: None };
    let (counts, read) = taking.take(parts, file, first).await?;
    let took = parts.clock.monotonic().saturating_sub(began);
    Ok(counts.tell(output, read.saturating_sub(skipped), took))
}

/// Lines of a file that can be read twice; of a pipe nobody knows.
fn total(file: &Path) -> Result<Option<u64>, Trouble> {
    if !file.metadata().is_ok_and(|found| found.is_file()) {
        return Ok(None);
    }
    let mut file = Lined::open(file)?;
    let mut total = 0;
    while file.pass()? > 0 {
        total += 1;
    }
    Ok(Some(total))
}

#[derive(Default)]
struct Counts {
    good: u64,
    kept: u64,
    there: u64,
    bad: u64,
    /// Lines of the batch that were refused at once.
    refused: Vec<Judged>,
}

impl Counts {
    fn add(&mut self, Judged { number, taken }: Judged) {
        match taken {
            Ok(taken) => {
                self.good += 1;
                self.kept += u64::from(taken == Taken::WithoutTokens);
                self.there += u64::from(taken == Taken::There);
            }
            Err(error) => {
                self.bad += 1;
                aside(format_args!("line {number}: {error}"));
            }
        }
    }

    /// Adds what became of a batch, told in the order of its lines.
    fn add_all(&mut self, judged: Vec<Judged>) {
        let mut all = std::mem::take(&mut self.refused);
        all.extend(judged);
        all.sort_by_key(|judged| judged.number);
        for judged in all {
            self.add(judged);
        }
    }

    fn tell(&self, output: &Output, lines: u64, took: std::time::Duration) -> ExitCode {
        let Self { good, kept, there, bad, refused: _ } = self;
        if *kept > 0 {
            aside(format_args!("{kept} links have newer tokens than the file, which stay; --overwrite replaces them"));
        }
        if *there > 0 {
            aside(format_args!("{there} were there already, and are as they were"));
        }
        if took.as_secs() > 0 {
            aside(format_args!("{} lines a second", rate(lines, took)));
        }
        let told = json!({
            "taken_in": good, "refused": bad, "newer_kept": kept, "there_already": there, "seconds": took.as_secs_f64(),
        });
        output.tell(format_args!("{good} taken in, {bad} refused"), &told);
        if *bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

struct Taking<'a> {
    output: &'a Output,
    total: Option<u64>,
    lines: Option<Lines>,
    import: Import,
    counts: Counts,
    /// The number of the last line of an export, once it is read.
    end: Option<u64>,
}

/// What a line leads to.
enum Next {
    Take(Item),
    Refuse(Error),
    Nothing,
    /// It was the last.
    End,
    /// Nothing after it can be believed.
    Stop(Error),
}

impl Taking<'_> {
    /// Takes in all lines from `line` on; gives what was counted, and how many were read.
    async fn take(mut self, parts: &Parts, mut file: Lined, mut line: Option<Line>) -> Result<(Counts, u64), Trouble> {
        let (mut batch, mut show) = (Vec::with_capacity(TOGETHER), Show::new(self.output, "lines"));
        let (mut number, mut held, done) = (0, 0, self.import.done());
        while let Some(this) = line {
            number += 1;
            let next = if number <= done { Next::Nothing } else { self.judge(parts, number, &this) };
            match next {
                Next::Take(item) => {
                    batch.push((number, item));
                    held += this.bytes;
                }
                Next::Refuse(error) => self.counts.refused.push(Judged { number, taken: Err(error) }),
                Next::Nothing => {}
                Next::End => self.end = Some(number),
                Next::Stop(error) => {
                    self.flush(std::mem::take(&mut batch), number - 1).await?;
                    return Err(Trouble::say(format!("stopped at line {number}, the ones before it are in: {error}")));
                }
            }
            if batch.len() + self.counts.refused.len() >= TOGETHER || held >= ROOM {
                self.flush(std::mem::take(&mut batch), number).await?;
                held = 0;
                show.step(number, self.total);
            }
            line = file.next()?;
        }
        if number > done {
            self.flush(batch, number).await?;
        }
        show.finish();
        if self.lines.is_some() && self.end.is_none() {
            return Err(Trouble::say(format!(
                "the export ends at line {number} without its last line: it is not whole; what it has is in"
            )));
        }
        self.import.end().await.map_err(|error| Trouble::from(&error))?;
        Ok((self.counts, number))
    }

    fn judge(&self, parts: &Parts, number: u64, line: &Line) -> Next {
        let judged = match &self.lines {
            Some(_) if number == 1 => return Next::Nothing,
            Some(lines) => line.text().and_then(|text| self.of_export(parts, lines, number, text)),
            None => line.text().and_then(|text| asserted(parts, text)),
        };
        match judged {
            Ok(next) => next,
            Err(error) if self.lines.as_ref().is_some_and(Lines::is_sealed) => Next::Stop(error),
            Err(error) => Next::Refuse(error),
        }
    }

    /// What a line of an export leads to; `Err` if it is not as it was written.
    fn of_export(&self, parts: &Parts, lines: &Lines, number: u64, text: &str) -> Result<Next, Error> {
        let is_blank = text.trim().is_empty();
        if self.end.is_some() && !is_blank {
            return Err(Error::input("the line", "comes after the end of the export"));
        }
        // In the place of a line that was sealed, a blank one is a line taken out.
        if is_blank && (self.end.is_some() || !lines.is_sealed()) {
            return Ok(Next::Nothing);
        }
        Ok(match Item::of_export(parts, lines, number, text)? {
            None => Next::End,
            Some(Ok(item)) => Next::Take(item),
            Some(Err(error)) => Next::Refuse(error),
        })
    }

    async fn flush(&mut self, batch: Vec<(u64, Item)>, upto: u64) -> Result<(), Trouble> {
        // The last line of an export is never done: only who has read it knows that all are.
        let upto = self.end.map_or(upto, |end| upto.min(end - 1));
        let before = self.import.done();
        match self.import.take(batch, upto).await {
            Ok(judged) => {
                self.counts.add_all(judged);
                Ok(())
            }
            // The database is away: every further line would fail the same way.
            Err(error) => {
                let words = Trouble::from(&error);
                self.counts.add_all(Vec::new());
                let done = self.import.done().max(before);
                let good = self.counts.good;
                if self.lines.is_some() {
                    aside(format_args!("stopped after line {done}: run it again, and it goes on from there"));
                } else {
                    aside(format_args!("stopped before line {upto}: {good} are in; run it again"));
                }
                Err(words)
            }
        }
    }
}

/// A line of somebody else's file.
fn asserted(parts: &Parts, text: &str) -> Result<Next, Error> {
    if text.trim().is_empty() { Ok(Next::Nothing) } else { Item::asserted(parts, text).map(Next::Take) }
}
