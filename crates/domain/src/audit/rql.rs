//! `rql`, by which Blitz asks for a stretch of the record: `and(ge(ts,SECONDS),le(ts,SECONDS),limit(N))`, or one of these conditions
//! alone. Whatever else Resource Query Language has is refused by name.

use chrono::{DateTime, TimeDelta, Utc};

use super::{LAST_SECOND, MOST};
use crate::error::{Error, Result};

/// The longest that is read. What is meant is half as long.
const LONGEST: usize = 128;
/// Operators of the language that people write: no other word of a caller's is repeated to them.
const OTHERS: &[&str] = &[
    "contains", "count", "distinct", "eq", "excludes", "first", "gt", "in", "like", "lt", "match", "max", "min", "ne",
    "not", "one", "or", "out", "select", "sort", "sum", "values",
];

/// What is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// From this moment on.
    pub from: Option<DateTime<Utc>>,
    /// Up to before this one.
    pub until: Option<DateTime<Utc>>,
    /// So many lines at most.
    pub limit: Option<usize>,
}

/// Reads it; it is decoded already.
pub fn parse(text: &str) -> Result<Asked> {
    refuse_foreign(text)?;
    let (operator, inside) = call(text)?;
    let mut asked = Asked::default();
    if operator == "and" {
        for condition in conditions(inside) {
            asked.add(condition)?;
        }
    } else {
        asked.add(text)?;
    }
    Ok(asked)
}

/// Refuses what nobody means who knows the language.
fn refuse_foreign(text: &str) -> Result<()> {
    if text.is_empty() {
        return Err(wrong("is empty: leave it out, or say such as and(ge(ts,1637230238),limit(2))"));
    }
    if text.len() > LONGEST {
        return Err(wrong(format!("has {} bytes, at most {LONGEST} are read", text.len())));
    }
    if text.contains('%') {
        return Err(wrong("is percent-encoded twice: encode it once"));
    }
    if text.contains(char::is_whitespace) {
        return Err(wrong("has a space; it has none"));
    }
    Ok(())
}

impl Asked {
    /// Adds a condition.
    fn add(&mut self, condition: &str) -> Result<()> {
        let (operator, inside) = call(condition)?;
        match operator {
            "ge" => once(&mut self.from, "ge", bound("ge", inside)?),
            // The whole second: lines are told to the millisecond.
            "le" => once(&mut self.until, "le", bound("le", inside)? + TimeDelta::seconds(1)),
            "limit" => once(&mut self.limit, "limit", limit(inside)?),
            "and" => Err(wrong("has an and in another: one and(…) has all conditions")),
            other => Err(unknown(other)),
        }
    }
}

fn once<T>(place: &mut Option<T>, operator: &str, value: T) -> Result<()> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(wrong(format!("has {operator} twice"))),
    }
}

/// An operator and what stands in its brackets, which are all there is.
fn call(text: &str) -> Result<(&str, &str)> {
    let form = "must be and(ge(ts,SECONDS),le(ts,SECONDS),limit(N)), or one of these conditions";
    let (operator, rest) = text.split_once('(').ok_or_else(|| wrong(form))?;
    let mut depth = 1_usize;
    for (at, c) in rest.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            let (inside, behind) = rest.split_at(at);
            let is_all = behind == ")";
            return if is_all { Ok((operator, inside)) } else { Err(wrong("goes on behind its last bracket")) };
        }
    }
    Err(wrong("has a bracket that is not closed"))
}

/// What stands between the commas that are in no brackets.
fn conditions(inside: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_i32;
    inside.split(move |c| {
        depth += match c {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        c == ',' && depth == 0
    })
}

/// What `ge` and `le` compare `ts` with.
fn bound(operator: &str, inside: &str) -> Result<DateTime<Utc>> {
    let form = || format!("must compare ts with whole seconds since 1970: {operator}(ts,1637230238)");
    let seconds = inside.strip_prefix("ts,").and_then(digits).ok_or_else(|| wrong(form()))?;
    let seconds = seconds.parse().ok().filter(|seconds| *seconds <= LAST_SECOND);
    let moment = seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    moment.ok_or_else(|| {
        wrong(format!("has a ts beyond the year 9999 in {operator}: it is in seconds here, in milliseconds in lines"))
    })
}

fn limit(inside: &str) -> Result<usize> {
    let limit = digits(inside).and_then(|digits| digits.parse().ok()).filter(|limit| (1..=MOST).contains(limit));
    limit.ok_or_else(|| wrong(format!("must have a whole number from 1 to {MOST} in limit")))
}

/// The text, if it is digits and nothing else: Rust's parser takes a sign.
fn digits(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
}

fn unknown(operator: &str) -> Error {
    let known = "it knows and, ge, le and limit";
    match OTHERS.iter().find(|other| **other == operator) {
        Some(other) => wrong(format!("has {other}; {known}")),
        None => wrong(format!("has an operator that is none; {known}")),
    }
}

fn wrong(problem: impl Into<String>) -> Error {
    Error::input("rql", problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(from: Option<i64>, until: Option<i64>, limit: Option<usize>) -> Asked {
        let moment = |second| DateTime::from_timestamp(second, 0).unwrap();
        Asked { from: from.map(moment), until: until.map(moment), limit }
    }

    #[test]
    fn what_blitz_shows_is_read() {
        for (text, expected) in [
            (
                "and(ge(ts,1637230238),le(ts,1637250238),limit(2))",
                asked(Some(1_637_230_238), Some(1_637_250_239), Some(2)),
            ),
            ("and(limit(1000),le(ts,0),ge(ts,0))", asked(Some(0), Some(1), Some(1000))),
            ("and(ge(ts,253402300799))", asked(Some(253_402_300_799), None, None)),
            ("and(le(ts,007))", asked(None, Some(8), None)),
            ("ge(ts,1637230238)", asked(Some(1_637_230_238), None, None)),
            ("le(ts,1637250238)", asked(None, Some(1_637_250_239), None)),
            ("limit(1)", asked(None, None, Some(1))),
            // Nothing is between them, and nothing is wrong with that.
            ("and(ge(ts,2),le(ts,0))", asked(Some(2), Some(1), None)),
        ] {
            assert_eq!(parse(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_what_would_be_right() {
        let form = "rql must be and(ge(ts,SECONDS),le(ts,SECONDS),limit(N)), or one of these conditions";
        let whole = "rql must compare ts with whole seconds since 1970: ge(ts,1637230238)";
        let most = "rql must have a whole number from 1 to 1000 in limit";
        for (text, words) in [
            ("", "rql is empty: leave it out, or say such as and(ge(ts,1637230238),limit(2))"),
            ("ts", form),
            ("ts=ge=1", form),
            ("and", form),
            ("and()", form),
            ("and(limit(1),)", form),
            ("and(,limit(1))", form),
            ("and(1)", form),
            ("and(limit(1)", "rql has a bracket that is not closed"),
            ("limit(1", "rql has a bracket that is not closed"),
            ("limit(1))", "rql goes on behind its last bracket"),
            ("limit(1)&ge(ts,1)", "rql goes on behind its last bracket"),
            ("limit(1),ge(ts,1)", "rql goes on behind its last bracket"),
            ("and(limit(1)),limit(2)", "rql goes on behind its last bracket"),
            ("and(limit(1)limit(2))", "rql goes on behind its last bracket"),
            ("and(and(limit(1)))", "rql has an and in another: one and(…) has all conditions"),
            ("and(limit(1),limit(1))", "rql has limit twice"),
            ("and(ge(ts,1),ge(ts,2))", "rql has ge twice"),
            ("and(le(ts,1),le(ts,1))", "rql has le twice"),
            ("or(ge(ts,1),le(ts,2))", "rql has or; it knows and, ge, le and limit"),
            ("and(gt(ts,1))", "rql has gt; it knows and, ge, le and limit"),
            ("eq(type,login)", "rql has eq; it knows and, ge, le and limit"),
            ("AND(limit(1))", "rql has an operator that is none; it knows and, ge, le and limit"),
            ("jane@mail.example(1)", "rql has an operator that is none; it knows and, ge, le and limit"),
            ("(limit(1))", "rql has an operator that is none; it knows and, ge, le and limit"),
            ("ge(ts)", whole),
            ("ge(ts,)", whole),
            ("ge(type,1)", whole),
            ("ge(1,ts)", whole),
            ("ge(ts,-1)", whole),
            ("ge(ts,+1)", whole),
            ("ge(ts,1.5)", whole),
            ("ge(ts,1e9)", whole),
            ("ge(ts,1,2)", whole),
            ("ge(ts,(1))", whole),
            ("ge(ts,١)", whole),
            ("ge(ts,date:2021-11-18)", whole),
            ("le(ts,2021-11-18T10:10:38Z)", &whole.replace("ge", "le")),
            (
                "le(ts,1637250238015)",
                "rql has a ts beyond the year 9999 in le: it is in seconds here, in milliseconds in lines",
            ),
            (
                "ge(ts,99999999999999999999999)",
                "rql has a ts beyond the year 9999 in ge: it is in seconds here, in milliseconds in lines",
            ),
            ("limit()", most),
            ("limit(0)", most),
            ("limit(1001)", most),
            ("limit(99999999999999999999999)", most),
            ("limit(+1)", most),
            ("limit(10,20)", most),
            ("limit(1%29", "rql is percent-encoded twice: encode it once"),
            ("and(limit(1), ge(ts,1))", "rql has a space; it has none"),
            (&"(".repeat(129), "rql has 129 bytes, at most 128 are read"),
            (&"(".repeat(128), "rql has a bracket that is not closed"),
            (
                &format!("{}{}", "and(".repeat(25), ")".repeat(25)),
                "rql has an and in another: one and(…) has all conditions",
            ),
            ("and(limit(1)\0)", "rql goes on behind its last bracket"),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), words, "{text:?}");
        }
    }

    #[test]
    fn whatever_is_sent_is_read_or_refused() {
        let pieces = ["and(", "ge(", "le(", "limit(", "ts", ",", ")", "(", "1", "9999999999999", "я", "%", "\0", "="];
        let mut state = 1_u64;
        for _ in 0..20_000 {
            let mut text = String::new();
            for _ in 0..8 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                text += pieces[usize::try_from(state >> 33).unwrap() % pieces.len()];
            }
            if let Err(error) = parse(&text) {
                assert!(error.to_string().starts_with("rql "), "{text:?}");
            }
        }
    }
}
