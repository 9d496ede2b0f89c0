//! A request as its provider wants it written: other names, other headers, another form. Pure.

use std::collections::BTreeMap;

use oauth2::HttpRequest;
use oauth2::http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use url::form_urlencoded;

use domain::entropy::SharedEntropy;
use domain::{Error, Result};
use settings::{Asking, Provider, TokenBody};

/// What stands for our id at the provider.
const CLIENT_ID: &str = "{client_id}";
/// What stands for 32 hexadecimal digits of this request alone.
const REQUEST_ID: &str = "{request_id}";

/// A request whose form is as the specifications have it, with the provider's headers and in its words. What is `added` goes before
/// what stands there under the same name.
pub(crate) fn worded(
    settings: &Provider,
    entropy: &SharedEntropy,
    mut request: HttpRequest,
    added: &[(String, SecretString)],
) -> Result<HttpRequest> {
    let Asking { token_headers, token_body, .. } = &settings.asking;
    request.headers_mut().extend(headers(settings, entropy, token_headers)?);
    if !differs(settings, added) && *token_body == TokenBody::Form {
        return Ok(request);
    }
    let members = members(settings, request.body(), added);
    *request.body_mut() = match token_body {
        TokenBody::Form => form_urlencoded::Serializer::new(String::new()).extend_pairs(members).finish().into_bytes(),
        TokenBody::Json => {
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            let object: Map<String, Value> = members.into_iter().map(|(name, value)| (name, value.into())).collect();
            serde_json::to_vec(&object).map_err(Error::internal)?
        }
    };
    Ok(request)
}

/// Whether a form has to be written anew.
pub(crate) fn differs(settings: &Provider, added: &[(String, SecretString)]) -> bool {
    !added.is_empty() || settings.asking.client_id_param != "client_id"
}

/// The members of a form in the provider's words, and what is added in place of what stands there under the same name.
pub(crate) fn members(settings: &Provider, form: &[u8], added: &[(String, SecretString)]) -> Vec<(String, String)> {
    let ours = form_urlencoded::parse(form).into_owned();
    let ours = ours.filter(|(name, _)| added.iter().all(|(given, _)| given != name));
    let renamed = |name: String| if name == "client_id" { settings.asking.client_id_param.clone() } else { name };
    let added = added.iter().map(|(name, value)| (name.clone(), value.expose_secret().to_owned()));
    ours.map(|(name, value)| (renamed(name), value)).chain(added).collect()
}

/// The headers that an operator has written, filled in.
pub(crate) fn headers(
    settings: &Provider,
    entropy: &SharedEntropy,
    written: &BTreeMap<String, String>,
) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in written {
        let request_id = || entropy.uuid().simple().to_string();
        let value = value.replace(CLIENT_ID, &settings.client_id);
        let value = if value.contains(REQUEST_ID) { value.replace(REQUEST_ID, &request_id()) } else { value };
        let name = HeaderName::try_from(name.as_str()).map_err(Error::internal)?;
        headers.insert(name, HeaderValue::from_str(&value).map_err(Error::internal)?);
    }
    Ok(headers)
}
