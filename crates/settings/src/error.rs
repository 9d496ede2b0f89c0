//! What is wrong with the settings: every mistake at once, each with its key and the way out.

use std::fmt;
use std::path::Path;

/// One mistake. It never holds the value of a secret, of an address (but for an origin, which has no room for one) or of a line
/// of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError {
    /// Where it is: a key path such as `providers[1].client_auth (tcs:tcs_1)`, an environment variable, a line or the file.
    pub place: String,
    /// What is wrong and what would be right, in words that can follow the place.
    pub problem: String,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

/// Every mistake found in the settings, at least one; printed one a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsErrors(Vec<SettingsError>);

impl SettingsErrors {
    pub(super) fn new(errors: Vec<SettingsError>) -> Self {
        Self(errors)
    }

    pub(super) fn one(place: String, problem: String) -> Self {
        Self(vec![SettingsError { place, problem }])
    }

    /// The mistakes, in the order of reading.
    pub fn iter(&self) -> std::slice::Iter<'_, SettingsError> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a SettingsErrors {
    type Item = &'a SettingsError;
    type IntoIter = std::slice::Iter<'a, SettingsError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for SettingsErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for SettingsErrors {}

/// The way out for a `word` nobody knows: the nearest of the `known` ones, or all of them if none is near.
pub(super) fn suggestion<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    // Below this likeness a proposal misleads more than it helps: `session` is no misspelt `listen`.
    const NEAR: f64 = 0.8;
    let known: Vec<&str> = known.into_iter().collect();
    let likeness = |candidate: &str| strsim::jaro_winkler(word, candidate);
    let nearest = known.iter().copied().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    match nearest {
        Some(nearest) if likeness(nearest) >= NEAR => format!("did you mean {nearest:?}?"),
        _ => format!("known are {}", known.join(", ")),
    }
}

/// A path as text that stays on its line.
pub(super) fn shown_path(path: &Path) -> String {
    path.display().to_string().escape_debug().to_string()
}
