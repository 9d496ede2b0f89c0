//! The fields of a form, or of a query: each once.

use std::collections::HashMap;

use url::form_urlencoded;

/// A form-encoded text whose parameters stand once each; `None` if one stands twice.
pub(super) fn once(text: &[u8]) -> Option<HashMap<String, String>> {
    let mut found = HashMap::new();
    for (name, value) in form_urlencoded::parse(text) {
        if found.insert(name.into_owned(), value.into_owned()).is_some() {
            return None;
        }
    }
    Some(found)
}
