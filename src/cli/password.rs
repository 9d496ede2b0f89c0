//! Takes a password from who runs a command: typed twice on a terminal, or from a pipe; never as an argument, which other
//! users of the machine can see.

use std::io::{IsTerminal as _, Read as _};
use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::output::Trouble;

/// More than any password has, in bytes.
const LIMIT: u64 = 64 * 1024;

/// All of standard input but the line's end.
pub(super) fn from_stdin() -> Result<SecretString, Trouble> {
    let mut text = String::new();
    let read = std::io::stdin().lock().take(LIMIT).read_to_string(&mut text);
    read.map_err(|error| Trouble::say(format!("can't read the password from standard input: {error}")))?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(line.strip_suffix('\r').unwrap_or(line).into())
}

fn ask(prompt: &str) -> Result<SecretString, Trouble> {
    match rpassword::prompt_password(prompt) {
        Ok(typed) => Ok(SecretString::from(typed)),
        Err(error) => Err(Trouble::say(format!("can't read the password: {error}"))),
    }
}

/// The passphrase of an export: the first line of a file, or asked for; twice if nothing can tell yet whether it is right.
pub(super) fn passphrase(file: Option<&Path>, is_new: bool) -> Result<SecretString, Trouble> {
    let Some(file) = file else {
        let asked = ask("Passphrase of the export: ").map_err(|trouble| {
            Trouble::say(format!("{trouble}: give --passphrase-file where there is no terminal to ask on"))
        })?;
        if is_new && ask("Once more: ")?.expose_secret() != asked.expose_secret() {
            return Err(Trouble::say("the two are not the same; nothing is written"));
        }
        return Ok(asked);
    };
    let trouble = |error| Trouble::say(format!("can't read {}: {error}", file.display()));
    let mut text = Zeroizing::new(String::new());
    std::fs::File::open(file).map_err(trouble)?.take(LIMIT).read_to_string(&mut text).map_err(trouble)?;
    Ok(text.lines().next().unwrap_or_default().into())
}

/// Asks for it twice.
pub(super) fn from_terminal() -> Result<SecretString, Trouble> {
    if !std::io::stdin().is_terminal() {
        return Err(Trouble::say("there is no terminal to ask on: give --password-stdin and pipe the password in"));
    }
    let password = ask("New password: ")?;
    if ask("Once more: ")?.expose_secret() != password.expose_secret() {
        return Err(Trouble::say("the two are not the same; nothing is changed"));
    }
    Ok(password)
}
