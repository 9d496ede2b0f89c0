//! Variables that were given no value: what is passed by one is not there (GraphQL, October 2021, §6.4.1), where async-graphql
//! would take it for null.

use std::collections::HashSet;

use async_graphql::Name;
use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, OperationDefinition, Selection, SelectionSet,
};
use async_graphql_value::Value;
use serde_json::{Map, Value as Json};

/// Takes out of a document what is passed by variables that may be null, have no default, and were not given. Of several
/// operations only one runs, and the others' variables are not given at all: those documents stay as they are.
pub(super) fn leave_out(document: &mut ExecutableDocument, given: &Map<String, Json>) {
    let Some(operation) = only_operation(document) else { return };
    let mut unset = HashSet::new();
    operation.variable_definitions.retain(|definition| {
        let variable = &definition.node;
        let is_set = variable.default_value.is_some()
            || !variable.var_type.node.nullable
            || given.contains_key(variable.name.node.as_str());
        if !is_set {
            unset.insert(variable.name.node.clone());
        }
        is_set
    });
    if unset.is_empty() {
        return;
    }
    clean_set(&mut operation.selection_set.node, &unset);
    for fragment in document.fragments.values_mut() {
        clean_set(&mut fragment.node.selection_set.node, &unset);
    }
}

fn only_operation(document: &mut ExecutableDocument) -> Option<&mut OperationDefinition> {
    match &mut document.operations {
        DocumentOperations::Single(only) => Some(&mut only.node),
        DocumentOperations::Multiple(named) if named.len() == 1 => {
            named.values_mut().next().map(|named| &mut named.node)
        }
        DocumentOperations::Multiple(_) => None,
    }
}

fn clean_set(set: &mut SelectionSet, unset: &HashSet<Name>) {
    for selection in &mut set.items {
        match &mut selection.node {
            Selection::Field(field) => {
                field.node.arguments.retain_mut(|(_, value)| is_there(&mut value.node, unset));
                clean_set(&mut field.node.selection_set.node, unset);
            }
            Selection::InlineFragment(inline) => clean_set(&mut inline.node.selection_set.node, unset),
            Selection::FragmentSpread(_) => {}
        }
    }
}

/// Whether a value is there; what isn't there within it is taken out. In a list each has its place, and stays as null.
fn is_there(value: &mut Value, unset: &HashSet<Name>) -> bool {
    match value {
        Value::Variable(name) => return !unset.contains(name),
        Value::Object(fields) => fields.retain(|_, value| is_there(value, unset)),
        Value::List(items) => {
            for item in items {
                if !is_there(item, unset) {
                    *item = Value::Null;
                }
            }
        }
        _ => {}
    }
    true
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use serde_json::json;

    use super::*;

    fn left(query: &str, given: Json) -> String {
        let mut document = parse_query(query).unwrap();
        let Json::Object(given) = given else { panic!("an object") };
        leave_out(&mut document, &given);
        format!("{document:?}")
    }

    #[test]
    fn what_was_not_given_is_not_there() {
        let query = |variables: &str, arguments: &str| {
            format!("query({variables}) {{ f(a: {arguments}) {{ ...g }} }} fragment g on T {{ h(i: 1) }}")
        };
        let rows = [
            ("$x: Int, $y: Int", "{b: $x, c: $y, d: {e: $x}}", json!({"y": 1}), "$y: Int", "{c: $y, d: {}}"),
            ("$x: Int, $y: Int", "[$x, $y, 1]", json!({"y": null}), "$y: Int", "[null, $y, 1]"),
        ];
        for (variables, arguments, given, variables_left, arguments_left) in rows {
            let expected = parse_query(query(variables_left, arguments_left)).unwrap();
            assert_eq!(places_out(&left(&query(variables, arguments), given)), places_out(&format!("{expected:?}")));
        }
        for (variables, given) in [
            ("$x: Int = 1", json!({})),
            ("$x: Int!", json!({})),
            ("$x: Int", json!({"x": null})),
            ("$x: Int", json!({"x": 1})),
        ] {
            let query = query(variables, "{b: $x}");
            assert_eq!(left(&query, given), format!("{:?}", parse_query(&query).unwrap()), "{variables}");
        }
        let several = "query a($x: Int) { f(a: $x) } query b { f }";
        assert_eq!(left(several, json!({})).matches("Variable(").count(), 1);
        let nothing = left("query($x: Int) { f(a: $x) ...g } fragment g on T { f(a: {b: $x}) }", json!({}));
        assert!(!nothing.contains("Variable"), "{nothing}");
    }

    /// What stands further to the front than before is still the same.
    fn places_out(shown: &str) -> String {
        let mut rest = shown;
        let mut kept = String::new();
        while let Some((before, after)) = rest.split_once("Pos(") {
            kept.push_str(before);
            rest = after.split_once(')').unwrap().1;
        }
        kept + rest
    }
}
