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
    let Asking { client_id_param, token_headers, token_body, .. } = &settings.asking;
    request.headers_mut().extend(headers(settings, entropy, token_headers)?);
    if added.is_empty() && client_id_param == "client_id" && *token_body == TokenBody::Form {
        return Ok(request);
    }
    let mut members: Vec<(String, String)> = form_urlencoded::parse(request.body())
        .into_owned()
        .filter(|(name, _)| added.iter().all(|(given, _)| given != name))
        .map(|(name, value)| (renamed(settings, name), value))
        .collect();
    members.extend(added.iter().map(|(name, value)| (name.clone(), value.expose_secret().to_owned())));
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

/// What the provider calls a parameter.
pub(crate) fn renamed(settings: &Provider, name: String) -> String {
    if name == "client_id" { settings.asking.client_id_param.clone() } else { name }
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
