//! Requests as clients send them, decoded as leniently as the source's server decodes them (body-parser 1, Apollo Server 3): what
//! JavaScript takes for the same is the same here.

use actix_web::http::StatusCode;
use serde_json::{Map, Value as Json};
use url::form_urlencoded;

use super::error::{NUL, Refused};
use domain::json;

/// The most requests that a batch may hold: what the vendor's own client sends at once.
pub(super) const BATCH: usize = 50;

const NOT_A_REQUEST: Refused = Refused::new(
    StatusCode::BAD_REQUEST,
    "BAD_USER_INPUT",
    "The body must be a JSON object with query, and perhaps operationName and variables, or a list of such objects",
);
const NOT_IN_ADDRESS: Refused = Refused::new(
    StatusCode::BAD_REQUEST,
    "BAD_USER_INPUT",
    "The address must have query, and perhaps operationName and variables, a JSON object",
);
const BATCH_TOO_LARGE: Refused =
    Refused::new(StatusCode::BAD_REQUEST, "BAD_USER_INPUT", "A batch must hold from 1 to 50 requests");
/// By these words clients send the query itself from then on.
const NOT_PERSISTED: Refused =
    Refused::new(StatusCode::OK, "PERSISTED_QUERY_NOT_SUPPORTED", "PersistedQueryNotSupported");

/// A request. What else is sent with it (`extensions`) belongs to protocols that are not spoken here.
#[derive(Debug, PartialEq, Eq)]
pub struct Posted {
    /// Its document.
    pub query: String,
    /// Which of the document's operations to run.
    pub operation: Option<String>,
    /// What its variables are.
    pub variables: Map<String, Json>,
}

/// What one sends of a batch, in its place.
pub type One = Result<Posted, Refused>;

/// What was posted.
#[derive(Debug, PartialEq, Eq)]
pub enum Read {
    /// A request alone.
    One(Posted),
    /// Several.
    Batch(Vec<One>),
}

/// What a body asks.
pub fn read(body: &[u8]) -> Result<Read, Refused> {
    if json::has_nul(body) {
        return Err(NUL);
    }
    match json::lenient(body).ok_or(NOT_A_REQUEST)? {
        Json::Array(batch) if !(1..=BATCH).contains(&batch.len()) => Err(BATCH_TOO_LARGE),
        Json::Array(batch) => {
            let one = |sent| match posted(sent) {
                // A list of what is no request at all is no batch.
                Err(NOT_A_REQUEST) => Err(NOT_A_REQUEST),
                read => Ok(read),
            };
            batch.into_iter().map(one).collect::<Result<_, _>>().map(Read::Batch)
        }
        sent => posted(sent).map(Read::One),
    }
}

/// What an address asks, from its query component.
pub fn read_address(query: &str) -> Result<Posted, Refused> {
    let mut sent = Map::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if !matches!(&*name, "query" | "operationName" | "variables" | "extensions") {
            continue;
        }
        // An escape is one in JSON, and may be none in a query: those who read them see to it.
        if value.contains('\0') {
            return Err(NUL);
        }
        if sent.insert(name.into_owned(), value.into_owned().into()).is_some() {
            return Err(NOT_IN_ADDRESS);
        }
    }
    posted(sent.into()).map_err(|refused| if refused == NOT_A_REQUEST { NOT_IN_ADDRESS } else { refused })
}

fn posted(sent: Json) -> One {
    let Json::Object(mut sent) = sent else { return Err(NOT_A_REQUEST) };
    let query = match sent.remove("query") {
        Some(Json::String(query)) => query,
        None | Some(Json::Null) if object(sent.remove("extensions"))?.contains_key("persistedQuery") => {
            return Err(NOT_PERSISTED);
        }
        _ => return Err(NOT_A_REQUEST),
    };
    let operation = match sent.remove("operationName") {
        None | Some(Json::Null) => None,
        Some(Json::String(name)) => Some(name).filter(|name| !name.is_empty()),
        Some(_) => return Err(NOT_A_REQUEST),
    };
    Ok(Posted { query, operation, variables: object(sent.remove("variables"))? })
}

/// An object, or its JSON; none is an empty one, and so is PHP's empty list.
fn object(sent: Option<Json>) -> Result<Map<String, Json>, Refused> {
    let sent = match sent {
        Some(Json::String(text)) if text.is_empty() => None,
        Some(Json::String(text)) if json::has_nul(text.as_bytes()) => return Err(NUL),
        Some(Json::String(text)) => Some(json::lenient(text.as_bytes()).ok_or(NOT_A_REQUEST)?),
        sent => sent,
    };
    match sent {
        None | Some(Json::Null) => Ok(Map::new()),
        Some(Json::Object(object)) => Ok(object),
        Some(Json::Array(list)) if list.is_empty() => Ok(Map::new()),
        Some(_) => Err(NOT_A_REQUEST),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn one(body: &[u8]) -> Result<Posted, &'static str> {
        match read(body) {
            Ok(Read::One(posted)) => Ok(posted),
            Ok(Read::Batch(_)) => panic!("a batch"),
            Err(refused) => Err(refused.message),
        }
    }

    fn asked(query: &str, operation: Option<&str>, variables: Json) -> Posted {
        let Json::Object(variables) = variables else { panic!("an object") };
        Posted { query: query.to_owned(), operation: operation.map(str::to_owned), variables }
    }

    #[test]
    fn a_body_is_read_as_javascript_reads_it() {
        let rows: [(&[u8], Posted); 12] = [
            (br#"{"query":"a"}"#, asked("a", None, json!({}))),
            (b"\xef\xbb\xbf {\"query\":\"a\"}", asked("a", None, json!({}))),
            (br#"{"query":"a","variables":[]}"#, asked("a", None, json!({}))),
            (br#"{"query":"a","variables":""}"#, asked("a", None, json!({}))),
            (br#"{"query":"a","variables":"{\"x\":1}"}"#, asked("a", None, json!({"x": 1}))),
            (br#"{"query":"a","variables":null,"operationName":""}"#, asked("a", None, json!({}))),
            (br#"{"query":"b","query":"a","operationName":"c"}"#, asked("a", Some("c"), json!({}))),
            (br#"{"query":"a","extensions":{"persistedQuery":{}},"id":7}"#, asked("a", None, json!({}))),
            (b"{\"query\":\"\xff\"}", asked("\u{fffd}", None, json!({}))),
            (
                br#"{"query":"\ud83d\ude00 \ud83d \ude00 \\ud83d \ud83d\ud83d\ude00"}"#,
                asked("\u{1f600} \u{fffd} \u{fffd} \\ud83d \u{fffd}\u{1f600}", None, json!({})),
            ),
            (br#"{"query":"\uD83D\u0041\n\"\uD83D"}"#, asked("\u{fffd}A\n\"\u{fffd}", None, json!({}))),
            ("{\"query\":\"я\\ud83dя\"}".as_bytes(), asked("я\u{fffd}я", None, json!({}))),
        ];
        for (body, expected) in rows {
            assert_eq!(one(body), Ok(expected), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn what_is_no_request_is_told_so() {
        for body in [
            "",
            "{",
            "1",
            "\"a\"",
            "null",
            "{}",
            r#"{"query":1}"#,
            r#"{"query":null}"#,
            r#"{"query":"a","operationName":1}"#,
            r#"{"query":"a","variables":[1]}"#,
            r#"{"query":"a","variables":1}"#,
            r#"{"query":"a","variables":"1"}"#,
            r#"{"query":"a","variables":"{"}"#,
            r#"{"query":"\ud83"}"#,
            r#"{"query":"a"} {}"#,
        ] {
            assert_eq!(one(body.as_bytes()), Err(NOT_A_REQUEST.message), "{body}");
        }
        for nul in [r#"{"query":"\u0000"}"#, r#"{"query":"a","variables":"{\"a\":\"\\u0000\"}"}"#] {
            assert_eq!(one(nul.as_bytes()), Err(NUL.message), "{nul}");
        }
        for body in [
            r#"{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"a"}}}"#,
            r#"{"query":null,"extensions":"{\"persistedQuery\":{}}"}"#,
        ] {
            assert_eq!(one(body.as_bytes()), Err("PersistedQueryNotSupported"), "{body}");
        }
    }

    #[test]
    fn a_batch_has_its_requests_in_their_places() {
        let hash = r#"{"extensions":{"persistedQuery":{}}}"#;
        let two = Read::Batch(vec![Ok(asked("a", None, json!({}))), Err(NOT_PERSISTED)]);
        assert_eq!(read(format!(r#" [{{"query":"a"}},{hash}]"#).as_bytes()), Ok(two));
        assert_eq!(read(br#"[{"query":"a"},{}]"#), Err(NOT_A_REQUEST));
        for (count, fits) in [(0, false), (1, true), (BATCH, true), (BATCH + 1, false)] {
            let body = format!("[{}]", vec![r#"{"query":"a"}"#; count].join(","));
            assert_eq!(read(body.as_bytes()).is_ok(), fits, "{count}");
        }
    }

    #[test]
    fn an_address_asks_as_a_body_does() {
        let told = |query: &str| read_address(query).map_err(|refused| refused.message);
        assert_eq!(
            told("query=query+b(%24x%3A+Int)%7Ba%7D&variables=%7B%22x%22%3A1%7D&operationName=b&other=1&other=2"),
            Ok(asked("query b($x: Int){a}", Some("b"), json!({"x": 1})))
        );
        assert_eq!(told("extensions=%7B%22persistedQuery%22%3A%7B%7D%7D"), Err("PersistedQueryNotSupported"));
        for wrong in ["", "variables=%7B%7D", "query=a&query=b", "query=a&variables=1", "query=a&variables=%7B"] {
            assert_eq!(told(wrong), Err(NOT_IN_ADDRESS.message), "{wrong}");
        }
        // In a block it is a backslash and a word.
        let block = r#"{a(b:"""\u0000""")}"#;
        let sent = form_urlencoded::Serializer::new(String::new()).append_pair("query", block).finish();
        assert_eq!(told(&sent), Ok(asked(block, None, json!({}))));
        for nul in ["query=a%00", "query=a&variables=%7B%22a%22%3A%22%5Cu0000%22%7D"] {
            assert_eq!(told(nul), Err(NUL.message), "{nul}");
        }
    }
}
