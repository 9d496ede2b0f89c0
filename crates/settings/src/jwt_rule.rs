//! Reads rules over a JWT's claims: a table of claims and what they have to be, or a list of such tables, of which one has to fit.

use toml::{Table, Value};

use super::reader::Reader;
use super::scalar::article;
use domain::jwt::{Condition, Rule};

/// Reads the rule under a key; empty if there is none.
pub(super) fn read(reader: &mut Reader<'_>, key: &'static str) -> Rule {
    let tables: Vec<&Table> = match reader.value(key) {
        None => return Rule::default(),
        Some(Value::Table(table)) => vec![table],
        Some(Value::Array(list)) if list.iter().all(Value::is_table) => {
            list.iter().filter_map(Value::as_table).collect()
        }
        Some(other) => {
            reader.wrong(
                key,
                format!(
                    "must be a table of claims, such as {{ token_use = \"access\" }}, or a list of them, not {}",
                    article(other)
                ),
            );
            return Rule::default();
        }
    };
    if tables.iter().any(|table| table.is_empty()) {
        reader.wrong(key, "has a table that asks for nothing, which every token would fit");
    }
    let mut alternatives = Vec::with_capacity(tables.len());
    for table in tables {
        let mut conditions = Vec::with_capacity(table.len());
        for (claim, value) in table {
            match condition(value) {
                Ok(condition) => conditions.push((claim.clone(), condition)),
                Err(problem) => reader.wrong(&format!("{key}.{claim}"), problem),
            }
        }
        alternatives.push(conditions);
    }
    Rule::any_of(alternatives)
}

fn condition(value: &Value) -> Result<Condition, String> {
    match value {
        Value::Boolean(true) => Ok(Condition::Present),
        Value::Boolean(false) => Ok(Condition::Absent),
        Value::Integer(number) => Ok(Condition::Is(number.to_string())),
        Value::String(text) if text.is_empty() => Err("must not be empty".to_owned()),
        Value::String(text) => Ok(text_condition(text)),
        other => Err(format!(
            "must be a text (\"begins so*\", \"*ends so\", \"{{another claim}}\"), a number, true (is there) or false (is not), not {}",
            article(other)
        )),
    }
}

fn text_condition(text: &str) -> Condition {
    if let Some(other) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        return Condition::SameAs(other.to_owned());
    }
    match (text.strip_prefix('*'), text.strip_suffix('*')) {
        (Some(end), None) if !end.is_empty() => Condition::Ends(end.to_owned()),
        (None, Some(start)) if !start.is_empty() => Condition::Begins(start.to_owned()),
        _ => Condition::Is(text.to_owned()),
    }
}
