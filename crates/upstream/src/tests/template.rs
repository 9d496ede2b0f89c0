//! Templates over claims.

use serde_json::{Map, Value, json};

use super::super::template::Template;

fn fill(template: &str, sources: &[Value]) -> Option<String> {
    let sources: Vec<&Map<String, Value>> = sources.iter().map(|source| source.as_object().unwrap()).collect();
    Template::parse("sid", template).unwrap().fill(&sources)
}

#[test]
fn claims_are_found_by_path_in_the_first_source_that_has_them() {
    let id_token =
        json!({ "sub": "s", "tid": 7, "n": { "a": { "b": "deep" } }, "https://x.example/id": "named", "no": null });
    let userinfo = json!({ "sub": "other", "emails": [{ "value": "a@b" }], "no": "found", "yes": true, "empty": "" });
    let sources = [id_token, userinfo];
    for (template, expected) in [
        ("{sub}", Some("s")),
        ("{tid}-{sub}", Some("7-s")),
        ("id {n.a.b}!", Some("id deep!")),
        ("{https://x.example/id}", Some("named")),
        ("{emails.0.value}", Some("a@b")),
        ("{no}", Some("found")),
        ("{yes}", None),
        ("{empty}", None),
        ("{n}", None),
        ("{n.a.b.c}", None),
        ("{emails.1.value}", None),
        ("{sub}{absent}", None),
        ("", None),
    ] {
        assert_eq!(fill(template, &sources).as_deref(), expected, "{template}");
    }
}

#[test]
fn broken_templates_are_refused() {
    for template in ["{", "}", "{sub", "sub}", "{}", "{a{b}", "{a}}"] {
        assert!(Template::parse("sid", template).is_err(), "{template}");
    }
}
