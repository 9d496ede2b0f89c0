//! `fedlink export`: writes accounts and links with their secrets, one JSON object a line.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use rustix::process::geteuid;
use serde_json::json;

use super::lined::Lined;
use super::output::{Output, Trouble, aside};
use super::password::passphrase;
use super::progress::{Show, rate};
use crate::app::App;
use service::Parts;
use service::moving::{Export, Lines, header, note};

#[derive(Args)]
pub(super) struct Arguments {
    /// The file, which must not be there yet; `-` for standard output. Cut off, FILE.part is gone on with when it is run again.
    file: PathBuf,
    /// Where the passphrase stands that seals all secrets, on a line; it is asked for if there is a terminal.
    #[arg(long, conflicts_with = "plain")]
    passphrase_file: Option<PathBuf>,
    /// Write tokens and password hashes in the clear.
    #[arg(long)]
    plain: bool,
}

/// Where the lines go.
struct Into {
    out: Box<dyn Write + Send>,
    export: Export,
}

pub(super) async fn run(arguments: &Arguments, app: App, output: &Output) -> Result<ExitCode, Trouble> {
    let parts = &app.parts;
    let passphrase = if arguments.plain { None } else { Some(passphrase(arguments.passphrase_file.as_deref(), true)?) };
    let to_stdout = arguments.file.as_os_str() == "-";
    let part = part_of(&arguments.file);
    if !to_stdout && arguments.file.exists() {
        return Err(Trouble::say(format!("{} is there already: give another name", arguments.file.display())));
    }
    note(parts, passphrase.is_some()).await.map_err(|error| Trouble::from(&error))?;
    let begun = || {
        let lines = Lines::begin(passphrase.as_ref(), &parts.entropy, parts.clock.now());
        lines.map_err(|error| Trouble::from(&error))
    };
    let into = if to_stdout {
        let (lines, first) = begun()?;
        let mut out: Box<dyn Write + Send> = Box::new(BufWriter::new(std::io::stdout()));
        writeln!(out, "{first}").map_err(|error| unwritten(&arguments.file, &error))?;
        Into { out, export: Export::begun(lines) }
    } else if part.exists() {
        resume(parts, &part, passphrase.as_ref())?
    } else {
        let (lines, first) = begun()?;
        let file = File::options().write(true).create_new(true).mode(0o600).open(&part);
        let mut out = BufWriter::new(file.map_err(|error| unwritten(&part, &error))?);
        writeln!(out, "{first}").map_err(|error| unwritten(&part, &error))?;
        Into { out: Box::new(out), export: Export::begun(lines) }
    };
    let place = if to_stdout { &arguments.file } else { &part };
    let (lines, took) = write_all(parts, into, place, output).await?;
    if !to_stdout {
        finish(&part, &arguments.file)?;
        let told = json!({"lines": lines, "seconds": took.as_secs_f64()});
        output.tell(format_args!("{lines} lines in {}", arguments.file.display()), &told);
    }
    Ok(ExitCode::SUCCESS)
}

fn part_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

fn unwritten(place: &Path, error: &std::io::Error) -> Trouble {
    Trouble::say(format!("can't write {}: {error}", place.display()))
}

/// Goes on with what an export that was cut off has written: after its last whole line.
fn resume(parts: &Parts, part: &Path, passphrase: Option<&secrecy::SecretString>) -> Result<Into, Trouble> {
    let trouble = |error: std::io::Error| Trouble::say(format!("can't go on with {}: {error}", part.display()));
    let broken = |error: domain::Error| {
        Trouble::say(format!("can't go on with {}: {error}; delete it to begin anew", part.display()))
    };
    let file = File::options().read(true).write(true).open(part).map_err(trouble)?;
    let found = file.metadata().map_err(trouble)?;
    if found.uid() != geteuid().as_raw() || found.mode() & 0o077 != 0 {
        return Err(Trouble::say(format!("{} is not ours alone: delete it, or give another name", part.display())));
    }
    let mut left = Lined::of(file.try_clone().map_err(trouble)?, part.display().to_string());
    let (mut written, mut whole, mut told, mut last) = (0_u64, 0_u64, None, None);
    while let Some(line) = left.next()?.filter(|line| line.is_ended) {
        written += 1;
        whole += line.bytes;
        if written == 1 {
            told = header(line.text().map_err(broken)?).map_err(broken)?;
        }
        last = Some(line);
    }
    let missing = || broken(domain::Error::input("the header", "is missing"));
    let (header, last) = told.zip(last).ok_or_else(missing)?;
    if header.is_sealed() != passphrase.is_some() {
        return Err(broken(domain::Error::input("--plain", "must be as it was when the export began")));
    }
    let lines = Lines::of(header, passphrase, &parts.entropy).map_err(broken)?;
    let export = match last.text().map_err(broken)? {
        _ if written == 1 => Export::begun(lines),
        last => Export::resumed(lines, written, last).map_err(broken)?,
    };
    file.set_len(whole).map_err(trouble)?;
    let end = File::options().append(true).open(part).map_err(trouble)?;
    aside(format_args!("going on after line {written} of {}", part.display()));
    Ok(Into { out: Box::new(BufWriter::new(end)), export })
}

async fn write_all(
    parts: &Parts,
    Into { mut out, mut export }: Into,
    place: &Path,
    output: &Output,
) -> Result<(u64, std::time::Duration), Trouble> {
    let began = (parts.clock.monotonic(), export.written());
    let total = export.total(parts).await.map_err(|error| Trouble::from(&error))?;
    let mut show = Show::new(output, "lines");
    loop {
        let page = export.page(parts).await.map_err(|error| Trouble::from(&error))?;
        if page.is_empty() {
            break;
        }
        for line in page {
            writeln!(out, "{}", *line).map_err(|error| unwritten(place, &error))?;
        }
        show.step(export.written(), Some(total.max(export.written())));
    }
    out.flush().map_err(|error| unwritten(place, &error))?;
    show.finish();
    let took = parts.clock.monotonic().saturating_sub(began.0);
    aside(format_args!("{} lines a second", rate(export.written() - began.1, took)));
    Ok((export.written(), took))
}

/// Gives the file its name once all of it is on the disk: under it, an export is whole.
fn finish(part: &Path, file: &Path) -> Result<(), Trouble> {
    let sync = |path: &Path| File::open(path).and_then(|opened| opened.sync_all());
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let done = sync(part).and_then(|()| std::fs::rename(part, file)).and_then(|()| sync(folder));
    done.map_err(|error| unwritten(file, &error))
}
