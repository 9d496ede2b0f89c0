//! Every answer that is no JSON as a whole, with the members that come out of it, and what they grant.

use oauth2::http::HeaderMap;
use proptest::prelude::*;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::super::body::Body;
use super::super::client::Answer;
use super::super::members::{Shape, read};
use super::super::outcome::{Outcome, Rules, parse};
use super::noon;

/// What a 200 with the body grants where tokens rotate: the access token, and the refresh token.
type Tokens = Option<(Option<&'static str>, Option<&'static str>)>;

const BOTH: Tokens = Some((Some("a"), Some("r")));
const REFRESH: Tokens = Some((None, Some("r")));

struct Row {
    name: &'static str,
    bytes: Vec<u8>,
    /// Whether all that was announced came.
    came: bool,
    members: Value,
    shape: Shape,
    tokens: Tokens,
}

fn row(name: &'static str, bytes: impl Into<Vec<u8>>, (members, shape, tokens): (Value, Shape, Tokens)) -> Row {
    Row { name, bytes: bytes.into(), came: true, members, shape, tokens }
}

fn broken_off(name: &'static str, bytes: impl Into<Vec<u8>>, out: (Value, Shape, Tokens)) -> Row {
    Row { came: false, ..row(name, bytes, out) }
}

fn object(members: Value) -> (Value, Shape, Tokens) {
    (members, Shape::Object, BOTH)
}

fn part(members: Value, tokens: Tokens) -> (Value, Shape, Tokens) {
    (members, Shape::Part, tokens)
}

fn nothing(shape: Shape) -> (Value, Shape, Tokens) {
    (json!({}), shape, None)
}

/// A neighbour of the tokens that no JSON parser takes.
fn neighbours() -> Vec<Row> {
    let beside = |written: &str| format!(r#"{{"access_token":"a","x":{written},"refresh_token":"r"}}"#);
    let with = |x: Value| object(json!({"access_token": "a", "x": x, "refresh_token": "r"}));
    let mut rows: Vec<Row> = [
        ("a high surrogate alone", r#""Oleg \ud83d""#, json!("Oleg \u{FFFD}")),
        ("a low surrogate alone", r#""\udd12 Oleg""#, json!("\u{FFFD} Oleg")),
        ("two high surrogates", r#""\ud83d\ud83d\udd12""#, json!("\u{FFFD}🔒")),
        ("a pair", r#""\ud83d\udd12\u0041""#, json!("🔒A")),
        ("a raw newline", "\"Oleg\nthe Fox\"", json!("Oleg\nthe Fox")),
        ("a raw U+0000 and U+001F", "\"Oleg\0\u{1F}\"", json!("Oleg\0\u{1F}")),
        ("an escape that is none", r#""C:\Oleg \' \x41""#, json!("C:\u{FFFD}leg \u{FFFD} \u{FFFD}41")),
        ("a short \\u", r#""\u12""#, json!("\u{FFFD}12")),
        ("a \\u without digits", r#""\uzzzz""#, json!("\u{FFFD}zzzz")),
        ("a \\u with a sign", r#""\u+123""#, json!("\u{FFFD}+123")),
        ("a number beyond all", "1e999", json!(f64::MAX)),
        ("a negative number beyond all", "-1e999", json!(f64::MIN)),
        ("a number with a plus", "+5", json!(5.0)),
        ("a number with a zero before it", "007", json!(7.0)),
        ("NaN", "NaN", json!(null)),
        ("Infinity", "-Infinity", json!(null)),
        ("undefined", "undefined", json!(null)),
        ("True", "True", json!(null)),
        ("a nested surrogate", r#"{"name":"\ud83d","}":["]"]}"#, json!(null)),
        ("nested beside a broken one", r#"[1,{"b":"\"}"}],"y":"\ud83d""#, json!([1, {"b": "\"}"}])),
    ]
    .map(|(name, written, x)| {
        let mut out = with(x);
        if written.contains("\"y\"") {
            out.0["y"] = json!("\u{FFFD}");
        }
        row(name, beside(written), out)
    })
    .into();
    rows.push(row(
        "deeper than any parser goes",
        beside(&format!("{}1{}", "[".repeat(9999), "]".repeat(9999))),
        with(json!(null)),
    ));
    rows.push(row(
        "bytes that are not UTF-8",
        [b"{\"access_token\":\"a\",\"x\":\"\xCE\xEB\xE5\xE3\",\"refresh_token\":\"r\"}".as_slice()].concat(),
        with(json!("\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}")),
    ));
    rows.push(row("commas too many", r#"{,"access_token":"a",,"x":1 , "refresh_token":"r",}"#, with(json!(1))));
    rows
}

/// A body that breaks off, or goes on.
fn broken() -> Vec<Row> {
    let both = json!({"access_token": "a", "refresh_token": "r"});
    vec![
        broken_off("a length ten too long", r#"{"access_token":"a","refresh_token":"r"}"#, object(both.clone())),
        broken_off("behind the last token", r#"{"access_token":"a","refresh_token":"r""#, part(both.clone(), BOTH)),
        broken_off("behind a comma", r#"{"access_token":"a","refresh_token":"r","#, part(both.clone(), BOTH)),
        broken_off("in a name", r#"{"access_token":"a","refresh_token":"r","exp"#, part(both.clone(), BOTH)),
        broken_off("behind a name", r#"{"access_token":"a","refresh_token":"r","x""#, part(both.clone(), BOTH)),
        broken_off("behind a colon", r#"{"access_token":"a","refresh_token":"r","x":"#, part(both.clone(), BOTH)),
        broken_off(
            "in a number",
            r#"{"access_token":"a","refresh_token":"r","expires_in":36"#,
            part(both.clone(), BOTH),
        ),
        broken_off("in a word", r#"{"access_token":"a","refresh_token":"r","x":tru"#, part(both.clone(), BOTH)),
        broken_off("in an object", r#"{"access_token":"a","refresh_token":"r","x":{"y":1"#, part(both.clone(), BOTH)),
        broken_off("in an escape", r#"{"access_token":"a","refresh_token":"r","x":"\"#, part(both.clone(), BOTH)),
        broken_off("in a \\u", r#"{"access_token":"a","refresh_token":"r","x":"\u00"#, part(both.clone(), BOTH)),
        row("complete for HTTP, and cut", r#"{"access_token":"a","refresh_token":"r","x"#, part(both.clone(), BOTH)),
        broken_off(
            "in the refresh token",
            r#"{"access_token":"a","refresh_token":"r"#,
            part(json!({"access_token": "a"}), None),
        ),
        broken_off(
            "in the access token",
            r#"{"refresh_token":"r","access_token":"a"#,
            part(json!({"refresh_token": "r"}), REFRESH),
        ),
        broken_off("in the only token", r#"{"access_token":"a"#, part(json!({}), None)),
        broken_off(
            "in the same name again",
            r#"{"access_token":"a","refresh_token":"r","refresh_token":"s"#,
            part(both.clone(), BOTH),
        ),
        broken_off("at the brace", "{", part(json!({}), None)),
        broken_off("before the first byte", "", nothing(Shape::Page)),
        row("nothing", "", nothing(Shape::Empty)),
        row("white space", " \r\n\t", nothing(Shape::Empty)),
        row(
            "the last of a name",
            r#"{"access_token":"x","refresh_token":"r","access_token":"a"}"#,
            object(both.clone()),
        ),
        row(
            "the last of a name, in a broken one",
            r#"{"access_token":"x","refresh_token":"r","n":"\ud83d","access_token":"a"}"#,
            object(json!({"access_token": "a", "refresh_token": "r", "n": "\u{FFFD}"})),
        ),
        row(
            "a quote that nobody escaped",
            r#"{"access_token":"a","refresh_token":"r","name":"Oleg "the Fox", jr.","x":1}"#,
            part(both.clone(), BOTH),
        ),
        row(
            "what would be a token if texts were searched",
            r#"{"access_token":"a","name":"Oleg "x" ,"refresh_token":"r"}"#,
            part(json!({"access_token": "a"}), None),
        ),
        row(
            "a token in a text",
            r#"{"n":"\ud83d","name":"\"access_token\":\"a\",\"refresh_token\":\"r\""}"#,
            (json!({"n": "\u{FFFD}", "name": "\"access_token\":\"a\",\"refresh_token\":\"r\""}), Shape::Object, None),
        ),
        row(
            "a token deeper down",
            r#"{"n":"\ud83d","data":{"access_token":"a","refresh_token":"r"}}"#,
            (json!({"n": "\u{FFFD}", "data": {"access_token": "a", "refresh_token": "r"}}), Shape::Object, None),
        ),
        row("single quotes", "{'access_token':'a','refresh_token':'r'}", part(json!({}), None)),
        row("behind its end", r#"{"access_token":"a","refresh_token":"r"}<!-- 1 ms -->"#, object(both.clone())),
    ]
}

/// Tokens that can't be used.
fn unusable() -> Vec<Row> {
    let with = |written: &str| format!(r#"{{"access_token":{written},"refresh_token":"r"}}"#);
    let of = |access: Value| (json!({"access_token": access, "refresh_token": "r"}), Shape::Object, REFRESH);
    vec![
        row("an empty token", with(r#""""#), of(json!(""))),
        row("a token that is a number", with("17"), of(json!(17))),
        row("a token that is null", with("null"), of(json!(null))),
        row("a token that is an object", with(r#"{"t":"a"}"#), of(json!({"t": "a"}))),
        row("a token with an escaped newline", with(r#""a\nb""#), of(json!("a\nb"))),
        row("a token with a raw newline", with("\"a\n\""), of(json!("a\n"))),
        row("a token with U+0000", with(r#""a\u0000""#), of(json!("a\0"))),
        row("a token with CR LF", with(r#""a\r\nSet-Cookie: x""#), of(json!("a\r\nSet-Cookie: x"))),
        row("a token with U+0085", with("\"a\u{85}\""), of(json!("a\u{85}"))),
        row("a token with half a pair", with(r#""a\ud83d""#), of(json!("a\u{FFFD}"))),
        row("a token with U+FFFD", with("\"a\u{FFFD}\""), of(json!("a\u{FFFD}"))),
        row("no token", r#"{"refresh_token":"r"}"#, (json!({"refresh_token": "r"}), Shape::Object, REFRESH)),
        row(
            "our refresh token, told again beside an error",
            r#"{"error":"bad_refresh_token","refresh_token":"r"}"#,
            (json!({"error": "bad_refresh_token", "refresh_token": "r"}), Shape::Object, None),
        ),
        row(
            "a refresh token that can't be used",
            r#"{"access_token":"a","refresh_token":"r\ud83d"}"#,
            (json!({"access_token": "a", "refresh_token": "r\u{FFFD}"}), Shape::Object, Some((Some("a"), None))),
        ),
    ]
}

fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(unit).collect()
}

fn utf32(text: &str, unit: fn(u32) -> [u8; 4]) -> Vec<u8> {
    text.chars().flat_map(|c| unit(u32::from(c))).collect()
}

fn encodings() -> Vec<Row> {
    let plain = r#"{"access_token":"a","refresh_token":"r","x":"я🔒"}"#;
    let marked = format!("\u{FEFF}{plain}");
    let all = || object(json!({"access_token": "a", "refresh_token": "r", "x": "я🔒"}));
    let mut half = utf16(r#"{"access_token":"a","refresh_token":"r","x":""#, u16::to_le_bytes);
    half.extend([0x3D, 0xD8, 0x22, 0x00, 0x7D, 0x00]);
    let mut odd = utf16(plain, u16::to_be_bytes);
    odd.push(0);
    vec![
        row("UTF-8 with a mark", marked.clone(), all()),
        row("UTF-16LE with a mark", utf16(&marked, u16::to_le_bytes), all()),
        row("UTF-16BE with a mark", utf16(&marked, u16::to_be_bytes), all()),
        row("UTF-16LE", utf16(plain, u16::to_le_bytes), all()),
        row("UTF-16BE", utf16(plain, u16::to_be_bytes), all()),
        row("UTF-32LE with a mark", utf32(&marked, u32::to_le_bytes), all()),
        row("UTF-32BE with a mark", utf32(&marked, u32::to_be_bytes), all()),
        row("UTF-32LE", utf32(plain, u32::to_le_bytes), all()),
        row("UTF-32BE", utf32(plain, u32::to_be_bytes), all()),
        row(
            "UTF-16LE with half a pair",
            half,
            object(json!({"access_token": "a", "refresh_token": "r", "x": "\u{FFFD}"})),
        ),
        broken_off("UTF-16BE, half a character too much", odd, all()),
        row(
            "UTF-16LE, a form",
            utf16("access_token=a&refresh_token=r", u16::to_le_bytes),
            (json!({"access_token": "a", "refresh_token": "r"}), Shape::Form, BOTH),
        ),
    ]
}

fn text_before() -> Vec<Row> {
    let json = r#"{"access_token":"a","refresh_token":"r"}"#;
    let both = json!({"access_token": "a", "refresh_token": "r"});
    let mut rows: Vec<Row> = [
        ("a guard", ")]}',\n"),
        ("a shorter guard", ")]}'\n"),
        ("an endless loop", "for(;;);"),
        ("another endless loop", "while(1);\n"),
        ("a comment", "/* {} */ "),
        ("a callback", "callback( "),
        ("a warning", "PHP Warning:  Undefined variable $x in /srv/{closure}() on line 3\n"),
        (
            "a warning as a page has it",
            "<br />\n<b>Warning</b>:  Undefined variable in <b>/srv/x.php</b> on line <b>3</b><br />\n",
        ),
    ]
    .map(|(name, before)| row(name, format!("{before}{json}"), part(both.clone(), BOTH)))
    .into();
    rows.extend([
        row("white space before it", format!("\r\n\t {json}"), object(both.clone())),
        broken_off(
            "a guard, and it breaks off",
            ")]}',\n{\"refresh_token\":\"r\",\"a",
            part(json!({"refresh_token": "r"}), REFRESH),
        ),
        row("a page with a script", format!("<!DOCTYPE html><script>go({json})</script>"), nothing(Shape::Page)),
        row("a page in capitals", format!("<HTML><BODY>{json}"), nothing(Shape::Page)),
        row("XML", format!("<?xml version=\"1.0\"?><a>{json}</a>"), nothing(Shape::Page)),
        row("a list", format!("[{json}]"), nothing(Shape::Page)),
        row("a text in quotes", serde_json::to_string(json).unwrap(), nothing(Shape::Page)),
        row(
            "a form with an object in it",
            "refresh_token=r&access_token=a&user={\"access_token\":\"x\"}",
            (json!({"access_token": "a", "refresh_token": "r", "user": "{\"access_token\":\"x\"}"}), Shape::Form, BOTH),
        ),
    ]);
    rows
}

fn forms() -> Vec<Row> {
    let form = |members, tokens| (members, Shape::Form, tokens);
    vec![
        row("a form", "access_token=a&refresh_token=r", form(json!({"access_token": "a", "refresh_token": "r"}), BOTH)),
        broken_off(
            "a form that breaks off",
            "refresh_token=r&access_token=a",
            form(json!({"refresh_token": "r"}), REFRESH),
        ),
        broken_off(
            "a form that breaks off behind a pair",
            "access_token=a&refresh_token=r&",
            form(json!({"access_token": "a", "refresh_token": "r"}), BOTH),
        ),
        broken_off("a form of half a token", "access_token=a", form(json!({}), None)),
        broken_off(
            "a form without the next token",
            "access_token=a&refresh_tok",
            form(json!({"access_token": "a"}), None),
        ),
        row(
            "the last pair of a name",
            "access_token=x&refresh_token=r&access_token=a",
            form(json!({"access_token": "a", "refresh_token": "r"}), BOTH),
        ),
        row(
            "bytes that are not UTF-8, in a form",
            *b"access_token=%ff&refresh_token=r",
            form(json!({"access_token": "\u{FFFD}", "refresh_token": "r"}), REFRESH),
        ),
    ]
}

#[test]
fn a_grant_survives_its_neighbours() {
    let tables = [neighbours(), broken(), unusable(), encodings(), text_before(), forms()];
    for row in tables.into_iter().flatten() {
        let body = Body::decoded(row.bytes, row.came, &HeaderMap::new());
        let found = read(&body);
        assert_eq!((Value::Object(found.members), found.shape), (row.members, row.shape), "{}", row.name);
        let rules = Rules { rotates: true, dead_errors: &[], ..Rules::default() };
        let answer = Answer { status: 200, headers: HeaderMap::new(), body };
        let granted = match parse(&answer, rules, noon()) {
            Outcome::Granted(granted) => Some(granted.grant),
            _ => None,
        };
        let text = |token: &Option<secrecy::SecretString>| token.as_ref().map(|token| token.expose_secret().to_owned());
        let tokens = granted.map(|grant| (text(&grant.access_token), text(&grant.refresh_token)));
        let expected = row.tokens.map(|(access, refresh)| (access.map(str::to_owned), refresh.map(str::to_owned)));
        assert_eq!(tokens, expected, "{}", row.name);
    }
}

/// Where the refresh token stays the same, half an answer has all that was missing.
#[test]
fn an_access_token_of_half_an_answer_counts_where_no_other_refresh_token_can_be_lost() {
    for (rotates, is_granted) in [(true, false), (false, true)] {
        for bytes in [r#"{"access_token":"a","x"#, "access_token=a&x"] {
            let body = Body::decoded(bytes.into(), false, &HeaderMap::new());
            let rules = Rules { rotates, dead_errors: &[], ..Rules::default() };
            let outcome = parse(&Answer { status: 200, headers: HeaderMap::new(), body }, rules, noon());
            assert_eq!(matches!(outcome, Outcome::Granted(_)), is_granted, "{bytes}");
        }
    }
}

/// An error is believed where its object is there from brace to brace.
#[test]
fn a_refusal_survives_its_neighbours() {
    for (bytes, came, is_refused) in [
        (r#"{"error":"invalid_grant","error_description":"Oleg \ud83d"}"#, true, true),
        ("{\"error\":\"invalid_grant\",\"error_description\":\"a\nb\"}", true, true),
        (r#"{"error":"invalid_grant"}"#, false, true),
        (r#"{"error":"invalid_grant","error_descr"#, true, false),
        (r#"{"error":"invalid_grant""#, false, false),
        (")]}',\n{\"error\":\"invalid_grant\"}", true, false),
        ("error=invalid_grant", true, true),
        ("error=invalid_grant", false, false),
        ("error=invalid_grant&error_des", false, true),
    ] {
        let body = Body::decoded(bytes.into(), came, &HeaderMap::new());
        let rules = Rules { rotates: true, dead_errors: &[], ..Rules::default() };
        let outcome = parse(&Answer { status: 400, headers: HeaderMap::new(), body }, rules, noon());
        assert_eq!(matches!(outcome, Outcome::Refused(_)), is_refused, "{bytes}");
    }
}

proptest! {
    /// Wherever an answer breaks off, a token comes out as it was, or not at all.
    #[test]
    fn a_token_cut_in_its_middle_never_counts(
        tokens in proptest::collection::vec(r#"[ -~яé🔒\n"\\]{1,12}"#, 3),
        form in any::<bool>(), wide in any::<bool>(), at in any::<proptest::sample::Index>(),
    ) {
        let names = ["access_token", "name", "refresh_token"];
        let pairs = names.into_iter().zip(&tokens);
        let text = if form {
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
        } else {
            Value::Object(pairs.map(|(name, token)| (name.to_owned(), json!(token))).collect()).to_string()
        };
        let bytes = if wide { utf16(&text, u16::to_be_bytes) } else { text.into_bytes() };
        let body = Body::decoded(bytes[..at.index(bytes.len() + 1)].to_vec(), false, &HeaderMap::new());
        for (name, value) in read(&body).members {
            let place = names.iter().position(|known| *known == name);
            prop_assert_eq!(place.map(|place| json!(tokens[place])), Some(value));
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in r#"[{}\[\]",:\\ua0-9d\n ]{0,80}"#, before in ".{0,4}", came in any::<bool>()) {
        read(&Body::decoded(format!("{before}{{\"{text}").into_bytes(), came, &HeaderMap::new()));
    }
}
