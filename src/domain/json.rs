//! Reads JSON that callers send, telling which field is wrong and quoting nothing of it: it may hold tokens.

use serde::de::DeserializeOwned;

use super::error::{Error, Result};

/// Reads `bytes`; `whole` names the text as such in the error, where no field of it is at fault.
pub fn read<T: DeserializeOwned>(whole: &'static str, bytes: &[u8]) -> Result<T> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| explain(whole, &error))?;
    match reader.end() {
        Ok(()) => Ok(value),
        Err(_more) => Err(Error::input(whole, "has something after the end of the JSON")),
    }
}

fn explain(whole: &'static str, error: &serde_path_to_error::Error<serde_json::Error>) -> Error {
    use serde_json::error::Category;
    match error.inner().classify() {
        Category::Data => {}
        Category::Eof => return Error::input(whole, "ends in the middle of the JSON"),
        Category::Io | Category::Syntax => {
            let (line, column) = (error.inner().line(), error.inner().column());
            return Error::input(whole, format!("is not valid JSON (line {line}, column {column})"));
        }
    }
    // serde's own words may quote a value; only the names in them are taken.
    let words = error.inner().to_string();
    let named = |prefix: &str| words.strip_prefix(prefix).and_then(|rest| rest.split('`').next()).map(str::to_owned);
    if let Some(field) = named("missing field `") {
        return Error::input(field, "is missing");
    }
    if let Some(field) = named("unknown field `") {
        return Error::input(field, "is not a field this takes");
    }
    match error.path().to_string() {
        path if path == "." => Error::input(whole, "must be a JSON object"),
        path => Error::input(path, "has a value of the wrong type"),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::read;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its reading is tested")]
    struct Body {
        name: String,
        age: Option<u8>,
    }

    #[test]
    fn the_field_at_fault_is_named_and_its_value_is_not() {
        let say = |text: &str| read::<Body>("body", text.as_bytes()).unwrap_err().to_string();
        assert_eq!(say(r#"{"age": 1}"#), "name is missing");
        assert_eq!(say(r#"{"name": 17}"#), "name has a value of the wrong type");
        assert_eq!(say(r#"{"name": "a", "age": "s3cret"}"#), "age has a value of the wrong type");
        assert_eq!(say(r#"{"name": "a", "s": 1}"#), "s is not a field this takes");
        assert_eq!(say(r#"{"name": "a"} x"#), "body has something after the end of the JSON");
        assert_eq!(say(r#"{"name": "a""#), "body ends in the middle of the JSON");
        assert_eq!(say("{name}"), "body is not valid JSON (line 1, column 2)");
        assert_eq!(say("[]"), "body must be a JSON object");
        assert_eq!(say("17"), "body must be a JSON object");
    }
}
