//! A provider may answer by a form (OAuth 2.0 Form Post Response Mode), and a POST from its site brings none of our cookies:
//! the browser is asked to post the same answer once more, from a page of ours.

use std::collections::BTreeSet;

use secrecy::SecretString;

use super::Answer;
use crate::{Parts, boxed};
use domain::Result;
use domain::flow::hash;

/// What every answer may be made of (RFC 6749 §4.1.2, RFC 9207). An `id_token` of the front channel is not among it: it goes no
/// further than where it came.
const PARAMETERS: [&str; 4] = ["state", "code", "error", "iss"];

/// An answer to be posted once more.
#[derive(Debug)]
pub struct OnceMore {
    /// The fields of the form.
    pub fields: Vec<(String, SecretString)>,
    /// Where the answer may lead off this site: the page's `form-action` has to name it.
    pub callback: String,
}

/// What of an answer is to come once more; `None` if no flow waits for it. Whose browser this is can't be told yet, so
/// nothing is decided and nothing touched.
#[boxed]
pub async fn once_more(parts: &Parts, answer: &Answer) -> Result<Option<OnceMore>> {
    let state_hash = hash(&answer.state);
    let Some(flow) = store::read!(parts.store, |conn| store::flows::find_by_state(conn, &state_hash))? else {
        return Ok(None);
    };
    let provider = parts.settings.providers.get(&flow.provider);
    let more = provider.into_iter().flat_map(|provider| provider.resent_params.iter().chain(&provider.callback_fields));
    let names: BTreeSet<&str> = PARAMETERS.into_iter().chain(more.map(String::as_str)).collect();
    let fields =
        names.into_iter().filter_map(|name| Some((name.to_owned(), answer.params.get(name)?.clone()))).collect();
    Ok(Some(OnceMore { fields, callback: flow.callback }))
}
