//! Holds every answer of the server against openapi.yaml, the contract that callers read.

// Clippy grants tests their unwraps by this, also in a test binary, where it is always true.
#![cfg(test)]

pub(crate) mod commands;
pub(crate) mod walked;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use jsonschema::Validator;
use serde_json::{Map, Value, json};

/// Panics unless openapi.yaml allows the answer; tells what it shows where somebody [wants to know](walked).
///
/// `target` is the request's path and query as sent, with or without the base path. The route, the status, the
/// content type, the headers and the body are all held against the document. Where it has no operation, only the
/// documented 404 or 405 will do.
#[track_caller]
pub(crate) fn check(method: &str, target: &str, status: u16, headers: &[(&str, &str)], body: &[u8]) {
    let answer = Answer { target, status, headers, body };
    let every = || CONTRACT.judge_headers(&CONTRACT.document["x-every-answer"], &answer);
    match CONTRACT.judge(method, &answer).and_then(|judged| every().map(|()| judged)) {
        Err(problem) => panic!("{method} {target} → {status} breaks openapi.yaml: {problem}\n{}", excerpt(body)),
        Ok(Some(judged)) if walked::is_wanted() => walked::tell(&CONTRACT.shown_by(&judged, &answer)),
        Ok(_) => {}
    }
}

/// Panics unless the webhook of this name in openapi.yaml allows what it was sent.
#[track_caller]
pub(crate) fn check_webhook(name: &str, body: &Value) {
    let schema = format!("/webhooks/{name}/post/requestBody/content/application~1json/schema");
    let schema = CONTRACT.document.pointer(&schema).unwrap_or_else(|| panic!("openapi.yaml has no webhook {name}"));
    if let Err(problem) = CONTRACT.fits(schema, body) {
        panic!("what {name} was sent breaks openapi.yaml: {problem}");
    }
    if walked::is_wanted() {
        walked::tell(&CONTRACT.shown_by_webhook(name, schema, body));
    }
}

/// Tells what a body shows that was understood, of the type that it was sent as.
pub(crate) fn understood(method: &str, target: &str, content_type: &str, body: &Value) {
    if let Route::Operation { template, .. } = CONTRACT.route(method, path_of(target)) {
        walked::tell(&CONTRACT.shown_by_body(&Operation::of(method, template), content_type, body));
    }
}

/// Every operation of openapi.yaml.
pub(crate) fn operations() -> BTreeSet<Operation> {
    CONTRACT.operations()
}

/// Whether an operation may be called with credentials of this scheme.
pub(crate) fn takes(operation: &Operation, scheme: &str) -> bool {
    let ways = CONTRACT.described(operation)["security"].as_array();
    ways.is_some_and(|ways| ways.iter().any(|way| way.get(scheme).is_some()))
}

/// Whether an operation may answer with that status.
pub(crate) fn promises(operation: &Operation, status: u16) -> bool {
    CONTRACT.described(operation)["responses"].get(status.to_string()).is_some()
}

/// What the body of an operation's request is to be.
pub(crate) fn body_type(operation: &Operation) -> String {
    entries(CONTRACT.content_of(operation)).map(|(kind, _)| kind.clone()).next().expect("it takes a body")
}

/// A method and a path as the document writes it, parameters in braces, without the base path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Operation {
    /// In capitals.
    pub(crate) method: String,
    /// Such as `/api/v3/users/{subjectId}/fa`.
    pub(crate) template: String,
}

impl Operation {
    fn of(method: &str, template: &str) -> Self {
        Self { method: method.to_ascii_uppercase(), template: template.to_owned() }
    }

    /// An address of it, its parameters filled with what is at nobody's.
    pub(crate) fn target(&self) -> String {
        let path = self.template.replace("{isPopup}", "false").replace("{id}", "5f0e1c4e-6a53-4c0e-9d53-1f2a3b4c5d6e");
        path.replace(['{', '}'], "")
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{} {}", self.method, self.template)
    }
}

static CONTRACT: LazyLock<Contract> = LazyLock::new(Contract::read);

const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

struct Contract {
    document: Value,
    /// By the address of the schema in `document`, which never changes: building one takes longer than a request.
    validators: Mutex<HashMap<usize, Arc<Validator>>>,
}

/// What came back.
struct Answer<'a> {
    target: &'a str,
    status: u16,
    headers: &'a [(&'a str, &'a str)],
    body: &'a [u8],
}

/// An answer that its operation may give.
struct Judged<'a> {
    operation: Operation,
    response: &'a Value,
    /// Its schema, and what it says; `None` where it has none.
    body: Option<(&'a Value, Value)>,
}

fn path_of(target: &str) -> &str {
    target.split('?').next().unwrap_or_default()
}

impl Answer<'_> {
    fn header_values(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| *value).collect()
    }
}

/// Where a request belongs.
enum Route<'a> {
    Operation { template: &'a str, operation: &'a Value, elsewhere: bool },
    OtherMethods,
    Nowhere,
}

impl Contract {
    fn read() -> Self {
        let document = serde_yaml_ng::from_str(include_str!("../../openapi.yaml")).expect("openapi.yaml is YAML");
        Self { document, validators: Mutex::default() }
    }

    /// Refuses an answer that the document hasn't; `None` for one that is of no operation.
    fn judge(&self, method: &str, answer: &Answer<'_>) -> Result<Option<Judged<'_>>, String> {
        let status = answer.status.to_string();
        let mut named = None;
        let responses = match self.route(method, path_of(answer.target)) {
            // An operation that another server has is a path like any other on this one.
            Route::Operation { elsewhere: true, operation, .. }
                if answer.status == 404 && operation.pointer("/responses/404").is_none() =>
            {
                &self.document["x-unrouted"]
            }
            Route::Operation { template, operation, .. } => {
                named = Some(Operation::of(method, template));
                &operation["responses"]
            }
            Route::OtherMethods if answer.status == 405 => &self.document["x-unrouted"],
            Route::OtherMethods => return Err("it has the path, but not with this method".to_owned()),
            Route::Nowhere if answer.status == 404 => &self.document["x-unrouted"],
            Route::Nowhere => return Err("it has no such path".to_owned()),
        };
        let Some(response) = responses.get(&status) else {
            let documented: Vec<_> = entries(responses).map(|(status, _)| status.as_str()).collect();
            return Err(format!("the operation has no such status, only {}", documented.join(", ")));
        };
        let response = self.resolve(response);
        self.judge_headers(response, answer)?;
        // RFC 9110 §9.3.2: whatever a GET would have said, a HEAD says without a body.
        let is_silent = method == "HEAD" && answer.body.is_empty();
        let body = if is_silent { None } else { self.judge_body(response, answer)? };
        Ok(named.map(|operation| Judged { operation, response, body }))
    }

    fn judge_headers(&self, response: &Value, answer: &Answer<'_>) -> Result<(), String> {
        for (name, header) in entries(&response["headers"]) {
            let header = self.resolve(header);
            let values = answer.header_values(name);
            if values.is_empty() && header["required"] == true {
                return Err(format!("the header {name} is missing"));
            }
            for text in values {
                let integer = header["schema"]["type"] == "integer";
                let value = if integer { text.parse::<i64>().map_or(json!(text), Value::from) } else { json!(text) };
                self.fits(&header["schema"], &value).map_err(|problem| format!("the header {name}: {problem}"))?;
            }
        }
        Ok(())
    }

    /// The schema of the body and what it says, if it is as the document has it.
    fn judge_body<'a>(&self, response: &'a Value, answer: &Answer<'_>) -> Result<Option<(&'a Value, Value)>, String> {
        let Some(content) = response.get("content") else {
            return if answer.body.is_empty() { Ok(None) } else { Err("the body should be empty".to_owned()) };
        };
        let stated = answer.header_values("Content-Type");
        let [content_type] = stated.as_slice() else {
            return Err(format!("{} Content-Type headers instead of one", stated.len()));
        };
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let Some(media) = content.get(&essence) else {
            return Err(format!("the content type {content_type} is not documented for this status"));
        };
        let body = if essence == "application/json" {
            serde_json::from_slice(answer.body).map_err(|problem| format!("the body is not JSON: {problem}"))?
        } else {
            let text =
                std::str::from_utf8(answer.body).map_err(|problem| format!("the body is not text: {problem}"))?;
            json!(text)
        };
        self.fits(&media["schema"], &body)?;
        Ok(Some((&media["schema"], body)))
    }

    /// What the document says of an operation.
    fn described(&self, operation: &Operation) -> &Value {
        &self.document["paths"][&operation.template][operation.method.to_ascii_lowercase()]
    }

    /// The bodies that an operation takes, by their types.
    fn content_of(&self, operation: &Operation) -> &Value {
        &self.resolve(&self.described(operation)["requestBody"])["content"]
    }

    fn route(&self, method: &str, path: &str) -> Route<'_> {
        let fitting = entries(&self.document["paths"]).filter_map(|(template, item)| {
            let prefixes = self.prefixes(item);
            let literals = prefixes.iter().find_map(|prefix| literals_matched(template, path.strip_prefix(prefix)?))?;
            Some((literals, template, item))
        });
        // OpenAPI 3.1, Paths Object: concrete paths go before templated ones, whatever methods they have.
        let Some((_, template, item)) = fitting.max_by_key(|(literals, ..)| *literals) else { return Route::Nowhere };
        let key = method.to_ascii_lowercase();
        match item.get(&key).filter(|_| METHODS.contains(&key.as_str())) {
            Some(operation) => Route::Operation { template, operation, elsewhere: item.get("servers").is_some() },
            None => Route::OtherMethods,
        }
    }

    /// The paths of the servers that serve a path item.
    fn prefixes(&self, item: &Value) -> Vec<String> {
        let servers = item.get("servers").unwrap_or(&self.document["servers"]);
        let urls = servers.as_array().into_iter().flatten().filter_map(|server| server["url"].as_str());
        urls.map(|url| {
            let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
            after_scheme.split_once('/').map_or(String::new(), |(_, path)| format!("/{}", path.trim_end_matches('/')))
        })
        .collect()
    }

    /// Follows `$ref`s of anything but schemas.
    fn resolve<'a>(&'a self, mut node: &'a Value) -> &'a Value {
        while let Some(reference) = node["$ref"].as_str() {
            let target = reference.strip_prefix('#').and_then(|pointer| self.document.pointer(pointer));
            node = target.unwrap_or_else(|| panic!("openapi.yaml refers to {reference}, which is not there"));
        }
        node
    }

    /// `schema` is a part of the document.
    fn fits(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let validator = self.validator(schema)?;
        let problems: Vec<_> =
            validator.iter_errors(value).map(|problem| format!("{} at {}", problem, problem.instance_path())).collect();
        if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) }
    }

    fn validator(&self, schema: &Value) -> Result<Arc<Validator>, String> {
        let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
        let address = std::ptr::from_ref(schema).addr();
        if let Some(validator) = validators.get(&address) {
            return Ok(Arc::clone(validator));
        }
        // The components stand beside the schema, so that its references resolve in the one document.
        let mut root = schema.as_object().cloned().unwrap_or_default();
        root.insert("components".to_owned(), self.document["components"].clone());
        let built = jsonschema::draft202012::options().should_validate_formats(true).build(&Value::Object(root));
        let validator =
            Arc::new(built.map_err(|problem| format!("openapi.yaml has a schema that is none: {problem}"))?);
        validators.insert(address, Arc::clone(&validator));
        Ok(validator)
    }

    fn operations(&self) -> BTreeSet<Operation> {
        let items = entries(&self.document["paths"]);
        items
            .flat_map(|(template, item)| {
                let methods = METHODS.iter().filter(|method| item.get(**method).is_some());
                methods.map(|method| Operation::of(method, template)).collect::<Vec<_>>()
            })
            .collect()
    }
}

/// How many segments of `template` are literal, if `path` fits it. A parameter fits an empty segment too: refusing that
/// one is the operation's business.
fn literals_matched(template: &str, path: &str) -> Option<usize> {
    let (wanted, given): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    let literal = |segment: &str| !segment.starts_with('{');
    let fits = wanted.len() == given.len()
        && wanted.iter().zip(&given).all(|(wanted, given)| !literal(wanted) || wanted == given);
    fits.then(|| wanted.into_iter().filter(|segment| literal(segment)).count())
}

fn entries(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    object.as_object().into_iter().flat_map(Map::iter)
}

fn excerpt(body: &[u8]) -> String {
    String::from_utf8_lossy(body).chars().take(2000).collect()
}

#[cfg(test)]
mod tests;
