//! Files that their owner alone may read, whatever the umask: what is sealed in them is, names and addresses are not.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{Error, ErrorKind};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// What SQLite puts beside a database, with the rights that the database has then.
const BESIDE: [&str; 4] = ["", "-wal", "-shm", "-journal"];

/// Makes an empty file unless there is something of that name. One that is there is not opened: SQLite's locks on it would go
/// with the descriptor, those of other connections in this process among them.
pub(super) fn make(path: &Path) -> Result<(), Error> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Takes from everybody else the right to read or write a database's files, and says in the log of which that was so.
pub(super) fn narrow_all(database: &Path) -> Result<(), Error> {
    for suffix in BESIDE {
        let mut name = database.as_os_str().to_owned();
        name.push(suffix);
        let path = PathBuf::from(name);
        match narrow(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(Error::new(error.kind(), format!("{}: {error}", path.display()))),
            Ok(()) => {}
        }
    }
    Ok(())
}

fn narrow(path: &Path) -> Result<(), Error> {
    let mode = fs::metadata(path)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        fs::set_permissions(path, Permissions::from_mode(mode & 0o700))?;
        tracing::warn!(path = %path.display(), "others could read or write this file ({mode:o}): now its owner alone can");
    }
    Ok(())
}
