//! What comes with a grant beside its tokens: parameters that a provider sends back beside a code and wants to see again with it and
//! with every refresh, such as VK ID's `device_id`, and fields that it hands on for those who use the token, such as Salesforce's
//! `instance_url`.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret as _, SecretString};

use super::{Error, Result};

/// The name under which fields stand among the parameters where they are sealed: none has it. What an earlier version sealed has no
/// fields.
const FIELDS: &str = "";

/// Texts by name, which belong to a grant as its refresh token does, and are kept like it.
#[derive(Clone, Debug, Default)]
pub struct Texts(BTreeMap<String, SecretString>);

impl Texts {
    /// Each with its name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &SecretString)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same with what is newer, which goes before what stands here under the same name.
    #[must_use]
    pub fn renewed(mut self, newer: &Self) -> Self {
        self.0.extend(newer.0.clone());
        self
    }

    /// Those whose value `keep` takes.
    #[must_use]
    pub fn retained(mut self, keep: impl Fn(&str) -> bool) -> Self {
        self.0.retain(|_, value| keep(value.expose_secret()));
        self
    }

    /// Those whose name `keep` takes.
    #[must_use]
    pub fn named(mut self, keep: impl Fn(&str) -> bool) -> Self {
        self.0.retain(|name, _| keep(name));
        self
    }

    fn to_json(&self) -> String {
        let plain: BTreeMap<&str, &str> = self.iter().map(|(name, value)| (name, value.expose_secret())).collect();
        serde_json::json!(plain).to_string()
    }

    fn from_json(text: &SecretString) -> Result<Self> {
        // serde_json's errors quote values; the text is our own, so which one it is says nothing anyway.
        let broken = |_quotes_it: serde_json::Error| Error::internal("sealed parameters cannot be read");
        serde_json::from_str(text.expose_secret()).map(Self).map_err(broken)
    }
}

impl FromIterator<(String, SecretString)> for Texts {
    fn from_iter<I: IntoIterator<Item = (String, SecretString)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

/// The longest text that is handed on, in characters: an address or an id.
pub const LONGEST_FIELD: usize = 2048;

/// Whether a text is handed on: it is all there, and no longer than [`LONGEST_FIELD`].
pub fn is_handed_on(text: &str) -> bool {
    !text.contains('\u{fffd}') && text.chars().nth(LONGEST_FIELD).is_none()
}

/// All of that of one grant.
#[derive(Clone, Debug, Default)]
pub struct Params {
    /// What is sent again.
    pub resent: Texts,
    /// What callers get beside the access token.
    pub fields: Texts,
}

impl Params {
    /// The text they are sealed as, a JSON object; none are no text.
    pub fn to_text(&self) -> Option<SecretString> {
        let mut all = self.resent.clone();
        if !self.fields.is_empty() {
            all.0.insert(FIELDS.to_owned(), self.fields.to_json().into());
        }
        (!all.is_empty()).then(|| all.to_json().into())
    }

    /// Reads what [`Params::to_text`] wrote.
    pub fn from_text(text: &SecretString) -> Result<Self> {
        let mut resent = Texts::from_json(text)?;
        let fields = resent.0.remove(FIELDS).map(|fields| Texts::from_json(&fields)).transpose()?;
        Ok(Self { resent, fields: fields.unwrap_or_default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(pairs: &[(&str, &str)]) -> Texts {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), SecretString::from(*value))).collect()
    }

    fn plain(texts: &Texts) -> Vec<(&str, &str)> {
        texts.iter().map(|(name, value)| (name, value.expose_secret())).collect()
    }

    #[test]
    fn parameters_go_there_and_back() {
        let odd = [("device_id", "a\"b{é\u{0}"), ("state", "")];
        let fields = [("instance_url", "https://a.example/?a=\"b\""), ("team.id", "T1")];
        for (resent, handed_on) in [(&odd[..], &[][..]), (&[], &fields), (&odd, &fields)] {
            let params = Params { resent: texts(resent), fields: texts(handed_on) };
            let read = Params::from_text(&params.to_text().unwrap()).unwrap();
            assert_eq!((plain(&read.resent), plain(&read.fields)), (resent.to_vec(), handed_on.to_vec()));
            assert!(!format!("{params:?}").contains("a\\\""), "{params:?}");
        }
        assert!(Params::default().to_text().is_none());
        for broken in ["", "[]", "{\"a\":1}", "{\"planted-s3cret\"", "{\"\":\"planted-s3cret\"}"] {
            let error = Params::from_text(&broken.into()).unwrap_err();
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        }
    }

    #[test]
    fn what_an_earlier_version_sealed_is_read() {
        let read = Params::from_text(&"{\"device_id\":\"d\"}".into()).unwrap();
        assert_eq!((plain(&read.resent), plain(&read.fields)), (vec![("device_id", "d")], vec![]));
    }

    #[test]
    fn what_is_longer_than_an_address_is_not_handed_on() {
        assert!(is_handed_on(&"é".repeat(LONGEST_FIELD)) && is_handed_on(""));
        assert!(!is_handed_on(&"é".repeat(LONGEST_FIELD + 1)) && !is_handed_on("a\u{fffd}"));
    }

    #[test]
    fn what_is_newer_goes_first() {
        let renewed = texts(&[("a", "1"), ("b", "1")]).renewed(&texts(&[("b", "2"), ("c", "2")]));
        assert_eq!(plain(&renewed), [("a", "1"), ("b", "2"), ("c", "2")]);
    }
}
