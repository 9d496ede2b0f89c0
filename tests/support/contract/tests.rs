//! Tries openapi.yaml and the check that holds answers against it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::{Answer, Contract, METHODS, Operation, entries};

const JSON: (&str, &str) = ("Content-Type", "application/json");
const BEARER: (&str, &str) = ("WWW-Authenticate", "Bearer realm=\"fedlink\", error=\"invalid_token\"");
const LIST: &str = "/blitz/api/v3/users/elle/fa";
const FED_TOKEN: &str = "/api/v3/users/elle/fedToken/tcs/tcs_1?min_ttl=90";

fn judge(method: &str, target: &str, status: u16, headers: &[(&str, &str)], body: &str) -> Result<(), String> {
    static CONTRACT: LazyLock<Contract> = LazyLock::new(Contract::read);
    CONTRACT.judge(method, &Answer { target, status, headers, body: body.as_bytes() }).map(drop)
}

#[track_caller]
fn refuses(verdict: Result<(), String>, because: &str) {
    let problem = verdict.expect_err("this should be refused");
    assert!(problem.contains(because), "refused for another reason: {problem}");
}

/// Calls `visit` with every object of the document and its place. Examples are data, so they are left alone.
fn walk(node: &Value, place: &str, visit: &mut impl FnMut(&Value, &str)) {
    visit(node, place);
    for (key, child) in entries(node) {
        if !matches!(key.as_str(), "example" | "examples" | "value") {
            walk(child, &format!("{place}/{key}"), visit);
        }
    }
    for (index, child) in node.as_array().into_iter().flatten().enumerate() {
        walk(child, &format!("{place}/{index}"), visit);
    }
}

/// Every schema of the document that stands on its own, with its place.
fn schemas(document: &Value) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    walk(document, "", &mut |node, place| {
        if let Some(schema) = node.get("schema") {
            found.insert(format!("{place}/schema"), schema.clone());
        }
    });
    for (name, schema) in entries(&document["components"]["schemas"]) {
        found.insert(format!("/components/schemas/{name}"), schema.clone());
    }
    found
}

#[test]
fn every_reference_resolves() {
    let document = Contract::read().document;
    let mut count = 0;
    walk(&document, "", &mut |node, place| {
        if let Some(reference) = node.get("$ref") {
            let pointer = reference.as_str().and_then(|reference| reference.strip_prefix('#'));
            assert!(pointer.and_then(|pointer| document.pointer(pointer)).is_some(), "{place} refers to {reference}");
            count += 1;
        }
    });
    assert!(count > 100, "only {count} references were found");
}

#[test]
fn every_component_is_used() {
    let document = Contract::read().document;
    let mut used = BTreeSet::new();
    walk(&document, "", &mut |node, _| {
        used.extend(node.get("$ref").and_then(Value::as_str).map(str::to_owned));
        if let Some(security) = node.get("security").and_then(Value::as_array) {
            let names = security.iter().flat_map(entries).map(|(name, _)| name);
            used.extend(names.map(|name| format!("#/components/securitySchemes/{name}")));
        }
    });
    for (kind, components) in entries(&document["components"]) {
        for (name, _) in entries(components) {
            assert!(used.contains(&format!("#/components/{kind}/{name}")), "nothing uses {kind}/{name}");
        }
    }
}

#[test]
fn every_schema_is_json_schema() {
    // A comma in an unquoted text makes YAML read its rest as another keyword, which JSON Schema would ignore.
    let known: BTreeSet<_> =
        "$ref type const enum pattern format minLength maxLength minimum maximum minItems maxItems uniqueItems \
        items properties additionalProperties required minProperties anyOf oneOf description default example"
            .split_whitespace()
            .collect();
    for (place, schema) in schemas(&Contract::read().document) {
        jsonschema::draft202012::meta::validate(&schema).unwrap_or_else(|problem| panic!("{place}: {problem}"));
        walk(&schema, &place, &mut |node, place| {
            let is_list_of_names = place.ends_with("/properties");
            for (keyword, _) in entries(node).filter(|_| !is_list_of_names) {
                assert!(known.contains(keyword.as_str()), "{place} has the keyword {keyword}");
            }
        });
    }
}

#[test]
fn our_own_answers_are_closed() {
    let requests = ["LinkRequest", "BindRequest", "BindCompletion", "GraphqlRequest"];
    for (name, schema) in entries(&Contract::read().document["components"]["schemas"]) {
        // Its names are an operator's: what they may stand for is closed all the same.
        if name == "ProviderTokenFields" {
            assert_eq!(schema["additionalProperties"], json!({ "type": "string", "maxLength": 2048 }));
        } else if schema["type"] == "object" && !requests.contains(&name.as_str()) {
            assert_eq!(schema["additionalProperties"], false, "{name} lets unknown fields through");
        }
    }
}

#[test]
fn every_example_fits_its_schema() {
    let contract = Contract::read();
    let mut count = 0;
    walk(&contract.document, "", &mut |node, place| {
        let Some(schema) = node.get("schema") else { return };
        let named = entries(&node["examples"]).map(|(_, example)| &example["value"]);
        let examples: Vec<_> = node.get("example").into_iter().chain(named).collect();
        if place.ends_with("/application/json") {
            assert!(!examples.is_empty(), "{place} has no example");
        }
        for example in examples {
            contract.fits(schema, example).unwrap_or_else(|problem| panic!("the example of {place}: {problem}"));
            count += 1;
        }
    });
    assert!(count > 50, "only {count} examples were found");
}

#[test]
fn every_operation_is_complete() {
    let contract = Contract::read();
    let document = &contract.document;
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1.")));
    let tags: Vec<_> = document["tags"].as_array().into_iter().flatten().map(|tag| &tag["name"]).collect();
    let mut ids = BTreeSet::new();
    for Operation { method, template } in contract.operations() {
        let item = &document["paths"][&template];
        let operation = &item[method.to_ascii_lowercase()];
        let id = operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {template} has no operationId"));
        assert!(ids.insert(id.to_owned()), "{id} is there twice");
        assert!(operation["summary"].is_string() && operation["description"].is_string(), "{id} is not described");
        assert!(
            operation["tags"].as_array().is_some_and(|own| own.iter().all(|tag| tags.contains(&tag))),
            "tags of {id}"
        );
        assert!(operation["security"].is_array(), "{id} does not say who may call it");
        for (scheme, _) in operation["security"].as_array().into_iter().flatten().flat_map(entries) {
            assert!(document["components"]["securitySchemes"][scheme].is_object(), "{id} names {scheme}");
        }
        for (status, response) in entries(&operation["responses"]) {
            assert!(status.parse::<u16>().is_ok_and(|status| (200..600).contains(&status)), "{id} has status {status}");
            assert!(contract.resolve(response)["description"].is_string(), "{id} {status} is not described");
        }
        let lists = [&item["parameters"], &operation["parameters"]];
        let parameters = lists.into_iter().flat_map(|list| list.as_array().into_iter().flatten());
        let in_path =
            parameters.map(|parameter| contract.resolve(parameter)).filter(|parameter| parameter["in"] == "path");
        let declared: BTreeSet<_> = in_path.filter_map(|parameter| parameter["name"].as_str()).collect();
        let names = template.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
        assert_eq!(declared, names.collect(), "path parameters of {id}");
    }
    assert_eq!(ids.len(), 45);
}

#[test]
fn documented_answers_pass() {
    let link = r#"[{"sid":"1234","fpType":"tcs","fpName":"tcs_1","userName":"Олег"}]"#;
    let token = r#"{"da0c":{"expiresOn":1711125311,"token":"t.e"},"00:1/x":{"token":"t.d"}}"#;
    let no_store = ("cache-control", "no-store");
    let utf8 = ("content-type", "Application/JSON; charset=utf-8");
    let denied =
        r#"{"type":"security_error","error":"bad_access_token","desc":"No enough scopes or wrong subject Id"}"#;
    let bad_segment = r#"{"type":"input_error","error":"wrong_values","desc":"subjectId is empty"}"#;
    let page = [
        ("Content-Type", "text/html; charset=utf-8"),
        no_store,
        ("Referrer-Policy", "no-referrer"),
        ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ];
    let basic = ("WWW-Authenticate", "Basic realm=\"fedlink\", charset=\"UTF-8\"");
    for (method, target, status, headers, body) in [
        ("GET", LIST, 200, &[JSON][..], link),
        ("GET", "/api/v3/users/elle/fa", 200, &[utf8], "[]"),
        ("GET", "/api/v3/users//fa", 400, &[JSON], bad_segment),
        ("GET", LIST, 401, &[JSON, BEARER], denied),
        ("GET", FED_TOKEN, 200, &[JSON, no_store], token),
        ("POST", "/api/v3/users/a%2Fb/fa/tcs/tcs_1/%2F", 204, &[], ""),
        ("DELETE", "/api/v2/users/elle/fa/tcs/tcs_1/1", 401, &[JSON, BEARER, basic], denied),
        ("GET", "/blitz/api/v2/users/current/fa/bind/auth/nonsense", 410, &page, "<!DOCTYPE html>"),
        ("GET", "/.well-known/oauth-authorization-server/blitz", 404, &[JSON], NOT_FOUND),
        ("GET", "/nowhere", 404, &[JSON], NOT_FOUND),
        ("PUT", LIST, 405, &[JSON, ("Allow", "GET")], NOT_ALLOWED),
        ("HEAD", LIST, 405, &[JSON, ("Allow", "GET")], ""),
        ("GET", "/readyz", 503, &[JSON], r#"{"status":"unavailable","checks":{"database":"unavailable"}}"#),
    ] {
        assert_eq!(judge(method, target, status, headers, body), Ok(()), "{method} {target} {status}");
    }
}

const NOT_FOUND: &str = r#"{"type":"input_error","error":"not_found","desc":"no such path"}"#;
const NOT_ALLOWED: &str = r#"{"type":"input_error","error":"method_not_allowed","desc":"the path has no such method"}"#;

#[test]
fn anything_else_is_refused() {
    let no_store = ("Cache-Control", "no-store");
    let denied =
        r#"{"type":"security_error","error":"bad_access_token","desc":"No enough scopes or wrong subject Id"}"#;
    let away = r#"{"type":"process_error","error":"storage_unavailable","desc":"away","retry_after":1}"#;
    refuses(judge("GET", "/blitz/nowhere", 200, &[JSON], "{}"), "no such path");
    refuses(judge("GET", "/sps/api/v3/users/elle/fa", 200, &[JSON], "[]"), "no such path");
    refuses(judge("PUT", LIST, 200, &[JSON], "[]"), "not with this method");
    refuses(judge("PUT", LIST, 405, &[JSON], NOT_ALLOWED), "the header Allow is missing");
    refuses(judge("GET", LIST, 403, &[JSON], denied), "no such status");
    refuses(judge("GET", LIST, 404, &[JSON], NOT_FOUND), "user_not_found");
    refuses(judge("GET", LIST, 200, &[("Content-Type", "text/html")], "[]"), "content type");
    refuses(judge("GET", LIST, 200, &[], "[]"), "0 Content-Type headers");
    refuses(judge("GET", LIST, 200, &[JSON], "[{]"), "not JSON");
    refuses(judge("GET", LIST, 200, &[JSON], r#"[{"sid":"1","fpType":"a","fpName":"b","id":1}]"#), "anyOf");
    refuses(judge("GET", LIST, 401, &[JSON], denied), "WWW-Authenticate is missing");
    refuses(judge("GET", LIST, 401, &[JSON, ("WWW-Authenticate", "Basic realm=x")], denied), "WWW-Authenticate");
    refuses(judge("GET", LIST, 401, &[JSON, BEARER], &denied.replace("No enough", "Not enough")), "was expected");
    refuses(judge("GET", LIST, 503, &[JSON, ("Retry-After", "soon")], away), "Retry-After");
    refuses(judge("GET", FED_TOKEN, 200, &[JSON], r#"{"1":{"token":"t"}}"#), "Cache-Control is missing");
    refuses(judge("GET", FED_TOKEN, 200, &[JSON, no_store], "{}"), "less than 1 property");
    let leak = r#"{"1":{"token":"t","refreshToken":"r"}}"#;
    refuses(judge("GET", FED_TOKEN, 200, &[JSON, no_store], leak), "refreshToken");
    refuses(judge("DELETE", "/api/v3/users/elle/fa/tcs/tcs_1/1", 204, &[], "{}"), "should be empty");
    let detail = r#"[{"sid":"1","fpType":"a","fpName":"b","proof":"proven","health":"ok","createdAt":"yesterday"}]"#;
    refuses(judge("GET", LIST, 200, &[JSON], detail), "anyOf");
}

#[test]
fn an_answer_is_of_its_operation() {
    let contract = Contract::read();
    let of = |method: &str, target: &str, status: u16, headers: &[(&str, &str)], body: &str| {
        let judged = contract.judge(method, &Answer { target, status, headers, body: body.as_bytes() });
        judged.expect("it is documented").expect("an operation").operation
    };
    let listed = of("GET", LIST, 200, &[JSON], "[]");
    assert_eq!(listed, Operation::of("get", "/api/v3/users/{subjectId}/fa"));
    assert!(super::operations().contains(&listed));
    let unlinked = of("DELETE", "/api/v2/users/current/fa/tcs/tcs_1/1", 204, &[], "");
    assert_eq!(unlinked.template, "/api/v2/users/{subjectId}/fa/{fpType}/{fpName}/{sid}");
}

#[test]
#[should_panic(expected = "breaks openapi.yaml: it has no such path")]
fn the_check_panics() {
    super::check("GET", "/nowhere", 200, &[JSON], json!({}).to_string().as_bytes());
}

#[test]
fn methods_are_all_that_an_item_may_have() {
    for (template, item) in entries(&Contract::read().document["paths"]) {
        for (key, _) in entries(item) {
            assert!(
                METHODS.contains(&key.as_str()) || ["parameters", "servers"].contains(&key.as_str()),
                "{template}: {key}"
            );
        }
    }
}

#[test]
fn what_came_is_told_from_what_is_promised() {
    let contract = Contract::read();
    let body = r#"[{"sid":"1","fpType":"tcs","fpName":"tcs_1","userName":"Elle"}]"#;
    let target = format!("{LIST}?detail=true");
    let answer = Answer { target: &target, status: 200, headers: &[JSON], body: body.as_bytes() };
    let judged = contract.judge("GET", &answer).expect("it is documented").expect("an operation");
    let came = contract.shown_by(&judged, &answer);
    let promised = super::walked::promised(&contract);
    assert!(came.is_subset(&promised), "{:?}", came.difference(&promised));
    let tells = |lines: &BTreeSet<String>, end: &str| lines.iter().any(|line| line.ends_with(end));
    assert!(tells(&came, "fa 200") && tells(&came, ".userName"), "{came:?}");
    assert!(tells(&promised, ".health") && !tells(&came, ".health"), "{came:?}");
    // A word of few is a promise of its own, and a request's query and body are as well.
    assert!(tells(&promised, "POST /oauth/te.code_challenge_method = \"S256\""));
    assert!(tells(&came, "fa ?detail"), "{came:?}");
    let te = Operation::of("POST", "/oauth/te");
    let form = contract.shown_by_body(&te, "application/x-www-form-urlencoded", &json!({"grant_type": "password"}));
    assert!(tells(&form, "POST /oauth/te.grant_type") && !form.iter().any(|line| line.contains('=')), "{form:?}");
    assert!(!promised.iter().any(|line| line.ends_with(" 500")), "a fault of ours is promised by nobody");
}
