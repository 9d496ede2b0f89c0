//! Parameters that a provider sends back beside a code and wants to see again with it and with every refresh, such as
//! VK ID's `device_id`.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret as _, SecretString};

use super::{Error, Result};

/// Such parameters, by name. They belong to a grant as its refresh token does, and are kept like it.
#[derive(Clone, Debug, Default)]
pub struct Params(BTreeMap<String, SecretString>);

impl Params {
    /// Each with its name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &SecretString)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The text they are sealed as, a JSON object; none are no text.
    pub fn to_text(&self) -> Option<SecretString> {
        let plain: BTreeMap<&str, &str> = self.iter().map(|(name, value)| (name, value.expose_secret())).collect();
        (!plain.is_empty()).then(|| serde_json::json!(plain).to_string().into())
    }

    /// Reads what [`Params::to_text`] wrote.
    pub fn from_text(text: &SecretString) -> Result<Self> {
        // serde_json's errors quote values; the text is our own, so which one it is says nothing anyway.
        let broken = |_quotes_it: serde_json::Error| Error::internal("sealed parameters cannot be read");
        serde_json::from_str(text.expose_secret()).map(Self).map_err(broken)
    }
}

impl FromIterator<(String, SecretString)> for Params {
    fn from_iter<I: IntoIterator<Item = (String, SecretString)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_go_there_and_back() {
        let odd = [("device_id", "a\"b{é\u{0}"), ("state", "")];
        let params: Params = odd.map(|(name, value)| (name.to_owned(), value.into())).into_iter().collect();
        let read = Params::from_text(&params.to_text().unwrap()).unwrap();
        let read: Vec<_> = read.iter().map(|(name, value)| (name, value.expose_secret())).collect();
        assert_eq!(read, odd);
        assert!(Params::default().to_text().is_none());
        for broken in ["", "[]", "{\"a\":1}", "{\"planted-s3cret\""] {
            let error = Params::from_text(&broken.into()).unwrap_err();
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        }
        assert!(!format!("{params:?}").contains("a\\\""), "{params:?}");
    }
}
