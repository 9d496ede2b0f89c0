//! Templates of an account's id and name: claims in braces, by dotted path, over what the provider stated.

use serde_json::{Map, Value};

use domain::{Error, Result};

/// A template such as `{sub}` or `{name.first} {name.last}`, read.
#[derive(Debug)]
pub(crate) struct Template(Vec<Part>);

#[derive(Debug, PartialEq)]
enum Part {
    Text(String),
    Claim(String),
}

impl Template {
    /// Reads a template; `field` names the setting it stands in.
    pub(crate) fn parse(field: &'static str, text: &str) -> Result<Self> {
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (before, after) = rest.split_once('{').unwrap_or((rest, ""));
            if before.contains('}') {
                return Err(Error::input(field, "has a } without its {"));
            }
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            if before.len() == rest.len() {
                break;
            }
            let (claim, after) = after.split_once('}').ok_or_else(|| Error::input(field, "has a { without its }"))?;
            if claim.is_empty() || claim.contains('{') {
                return Err(Error::input(field, "must name a claim between { and }"));
            }
            parts.push(Part::Claim(claim.to_owned()));
            rest = after;
        }
        Ok(Self(parts))
    }

    /// Fills it from the first of `sources` that has each claim; nothing if one is in none, or the result is empty.
    pub(crate) fn fill(&self, sources: &[&Map<String, Value>]) -> Option<String> {
        let mut filled = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Claim(path) => filled.push_str(&sources.iter().find_map(|source| claim(source, path))?),
            }
        }
        Some(filled).filter(|filled| !filled.is_empty())
    }
}

/// The claim at `path`, if it is a text or a number. A name with dots in it, such as a namespaced claim, wins over a path.
fn claim(source: &Map<String, Value>, path: &str) -> Option<String> {
    let found = source.get(path).or_else(|| {
        let (first, rest) = path.split_once('.')?;
        rest.split('.').try_fold(source.get(first)?, |value, step| match value {
            Value::Object(members) => members.get(step),
            Value::Array(items) => items.get(step.parse::<usize>().ok()?),
            _ => None,
        })
    });
    match found? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        // `true` names nobody.
        _ => None,
    }
}
