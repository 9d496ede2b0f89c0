//! The keyring's file: read by its owner alone, changed by one command at a time, and replaced whole or not at all.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{Error as IoError, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::keyring::{Keyring, KeyringError, with_active, with_new, without};
use domain::entropy::Entropy;

/// The text of a keyring file, which only its owner may be able to read.
fn read(path: &Path) -> Result<SecretString, KeyringError> {
    let unreadable = |source: IoError| match source.kind() {
        ErrorKind::NotFound => KeyringError::Missing(path.to_owned()),
        _ => trouble(path, source),
    };
    let mut file = File::open(path).map_err(unreadable)?;
    // Of the file that is open, not of whatever has its name by now.
    let metadata = file.metadata().map_err(unreadable)?;
    let mode = metadata.mode() & 0o777;
    if is_exposed(mode, metadata.uid() == geteuid().as_raw()) {
        return Err(KeyringError::Exposed { path: path.to_owned(), mode });
    }
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text).map_err(unreadable)?;
    Ok(SecretString::from(text.as_str()))
}

/// Whether more can read a file than who has to. A file of somebody else's is given to us by its group's bits, which is also how the
/// rights of one user more look (acl(5)): by those a service manager hands out what it has read as root.
fn is_exposed(mode: u32, is_ours: bool) -> bool {
    mode & if is_ours { 0o077 } else { 0o037 } != 0
}

impl Keyring {
    /// Reads a keyring file, which only its owner may be able to read.
    pub fn load(path: &Path) -> Result<Self, KeyringError> {
        Self::parse(&read(path)?)
    }
}

/// A keyring file that nobody else changes as long as this lives.
pub struct KeyringFile {
    path: PathBuf,
    folder: File,
}

impl KeyringFile {
    /// Waits until no other command changes a keyring of that folder. The file need not exist.
    pub fn lock(path: &Path) -> Result<Self, KeyringError> {
        // A link stays a link: what it points to is replaced.
        let path = path.canonicalize().unwrap_or_else(|_missing| path.to_owned());
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        // The folder and not the file, which is another after each change; and no lock file, which would be one more thing
        // that root leaves behind for a service that is not root.
        let folder = File::open(folder).map_err(|source| trouble(&path, source))?;
        folder.lock().map_err(|source| trouble(&path, source))?;
        Ok(Self { path, folder })
    }

    /// The keyring as it is now; `None` if there is no file, or no key in it.
    pub fn keyring(&self) -> Result<Option<Keyring>, KeyringError> {
        match self.text()? {
            Some(text) => Keyring::parse(&text).map(Some),
            None => Ok(None),
        }
    }

    /// Adds a random key that only opens; the first of all is active. Gives its id.
    pub fn add(&self, entropy: &dyn Entropy) -> Result<String, KeyringError> {
        let (id, text) = with_new(self.text()?.as_ref(), entropy);
        self.replace(&text)?;
        Ok(id)
    }

    /// Makes a key the one that seals; the one that did only opens from now on.
    pub fn activate(&self, id: &str) -> Result<(), KeyringError> {
        self.change(id, with_active)
    }

    /// Takes a key out.
    pub fn remove(&self, id: &str) -> Result<(), KeyringError> {
        self.change(id, without)
    }

    fn change(&self, id: &str, edit: fn(&SecretString, &str) -> SecretString) -> Result<(), KeyringError> {
        let text = self.text()?.ok_or_else(|| KeyringError::Missing(self.path.clone()))?;
        if !Keyring::parse(&text)?.check_values().contains_key(id) {
            return Err(KeyringError::Unknown(id.to_owned()));
        }
        self.replace(&edit(&text, id))
    }

    fn text(&self) -> Result<Option<SecretString>, KeyringError> {
        match read(&self.path) {
            Ok(text) if text.expose_secret().trim().is_empty() => Ok(None),
            Ok(text) => Ok(Some(text)),
            Err(KeyringError::Missing(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Puts `text` in the file's place: a reader, and a machine that crashes, finds the old text or the new, whole.
    fn replace(&self, text: &SecretString) -> Result<(), KeyringError> {
        // Nothing that could not be read again may take the place of a keyring.
        Keyring::parse(text)?;
        self.write(text).map_err(|source| trouble(&self.path, source))
    }

    fn write(&self, text: &SecretString) -> Result<(), IoError> {
        let mut name = self.path.file_name().map(OsString::from).unwrap_or_default();
        name.push(".new");
        let fresh = self.path.with_file_name(name);
        // Left by a command that was killed; nobody else writes it while the folder is ours.
        match std::fs::remove_file(&fresh) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let written = self.fill(&fresh, text).and_then(|()| std::fs::rename(&fresh, &self.path));
        if written.is_err() {
            drop(std::fs::remove_file(&fresh));
        }
        written?;
        // Only now does the new name survive a power cut.
        self.folder.sync_all()
    }

    fn fill(&self, fresh: &Path, text: &SecretString) -> Result<(), IoError> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(fresh)?;
        match std::fs::metadata(&self.path) {
            Ok(old) => {
                // An operator who is root must not take the file away from the service.
                let new = file.metadata()?;
                if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
                    fchown(&file, Some(old.uid()), Some(old.gid()))?;
                }
                file.set_permissions(std::fs::Permissions::from_mode(old.mode() & 0o700))?;
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        file.write_all(text.expose_secret().as_bytes())?;
        file.sync_all()
    }
}

fn trouble(path: &Path, source: IoError) -> KeyringError {
    KeyringError::Unusable { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::is_exposed;

    #[test]
    fn only_who_owns_a_file_has_no_need_of_its_groups_bits() {
        for (mode, is_ours, expected) in [
            (0o600, true, false),
            (0o400, true, false),
            (0o440, true, true),
            (0o640, true, true),
            (0o604, true, true),
            (0o440, false, false),
            (0o640, false, false),
            (0o460, false, true),
            (0o444, false, true),
            (0o441, false, true),
        ] {
            assert_eq!(is_exposed(mode, is_ours), expected, "{mode:o} {is_ours}");
        }
    }
}
