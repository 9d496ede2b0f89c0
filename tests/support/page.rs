//! Pages of docs that show what can be tried: their fenced blocks, and whether an answer is the one that they show.

use serde_json::Value;

/// The fenced blocks of a part of a page: their language, their text.
pub(crate) fn blocks(part: &'static str) -> Vec<(&'static str, &'static str)> {
    part.split("```").skip(1).step_by(2).map(|block| block.split_once('\n').expect("a language")).collect()
}

/// Whether an answer is what the page shows: a text with an ellipsis stands for any, and a number for any.
pub(crate) fn alike(shown: &Value, found: &Value) -> bool {
    match (shown, found) {
        (Value::Object(shown), Value::Object(found)) => {
            shown.len() == found.len()
                && shown.iter().all(|(name, value)| found.get(name).is_some_and(|there| alike(value, there)))
        }
        (Value::Array(shown), Value::Array(found)) => {
            shown.len() == found.len() && shown.iter().zip(found).all(|(shown, found)| alike(shown, found))
        }
        (Value::Number(_), Value::Number(_)) => true,
        (Value::String(shown), Value::String(found)) => shown == "…" || shown == found,
        _ => shown == found,
    }
}
