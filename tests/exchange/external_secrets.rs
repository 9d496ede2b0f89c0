//! The External Secrets Operator's `Webhook` store, as its page here has it: the request that the operator makes of it, and what it
//! does with the answer.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret as _;
use serde::Deserialize as _;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::form_urlencoded::byte_serialize;

use crate::support::raw::parse;
use crate::support::world::{Answer, Engine, World, both_engines};

const PAGE: &str = include_str!("../../docs/external-secrets.md");
/// One that neither a form nor Basic takes as it is.
const SECRET: &str = "a secret+of/tests: 100%";

/// What the operator puts into a store's templates.
type Values = BTreeMap<&'static str, BTreeMap<String, String>>;

/// A fenced block of the page.
fn block(language: &str) -> &'static str {
    let rest = PAGE.split_once(&format!("```{language}\n")).expect("a block").1;
    rest.split_once("```").expect("its end").0
}

/// The object of this kind among those that the page has for the cluster.
fn object(kind: &str) -> Value {
    let objects =
        serde_yaml_ng::Deserializer::from_str(block("yaml")).map(|one| Value::deserialize(one).expect("YAML"));
    objects.into_iter().find(|object| object["kind"] == kind).unwrap_or_else(|| panic!("no {kind}"))
}

/// A template of Go's, as far as the page's go: fields, `print`, `urlquery`, `b64enc`, brackets and pipes.
fn rendered(template: &str, values: &Values) -> String {
    let mut parts = template.split("{{");
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (pipeline, rest) = part.split_once("}}").expect("its end");
        whole.push_str(&piped(pipeline, values));
        whole.push_str(rest);
    }
    whole
}

/// What a pipeline gives: each command gets what the one before it gave, as its last argument.
fn piped(pipeline: &str, values: &Values) -> String {
    pipeline
        .split('|')
        .fold(None, |before: Option<String>, command| {
            let mut words = words(command, values);
            words.extend(before);
            Some(called(&words))
        })
        .expect("a command")
}

/// The words of a command; what stands in brackets is one, worked out.
fn words(command: &str, values: &Values) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = command.trim();
    while let Some(first) = rest.chars().next() {
        let behind = rest.strip_prefix(first).unwrap_or_default();
        let (word, after) = match first {
            '(' => {
                let (inner, after) = behind.split_once(')').expect("its end");
                (piped(inner, values), after)
            }
            '"' => {
                let (text, after) = behind.split_once('"').expect("its end");
                (text.to_owned(), after)
            }
            '.' => {
                let (path, after) = behind.split_once(' ').unwrap_or((behind, ""));
                let (object, field) = path.split_once('.').expect("an object and its field");
                (values[object][field].clone(), after)
            }
            _ => {
                let (name, after) = rest.split_once(' ').unwrap_or((rest, ""));
                (name.to_owned(), after)
            }
        };
        found.push(word);
        rest = after.trim_start();
    }
    found
}

fn called(words: &[String]) -> String {
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [text] => (*text).to_owned(),
        ["print", texts @ ..] => texts.concat(),
        ["urlquery", text] => byte_serialize(text.as_bytes()).collect(),
        ["b64enc", text] => STANDARD.encode(text),
        other => panic!("the operator knows no {other:?}"),
    }
}

/// Sends what the operator sends, as Go's client writes it; what the store says is `store`, and what it is asked for `reference`.
async fn asked(world: &World, store: &Value, reference: &Value) -> Answer {
    let field = |name: &str| reference[name].as_str().unwrap_or_default().to_owned();
    let secret = &object("Secret")["stringData"];
    let own =
        [("id".to_owned(), secret["id"].as_str().expect("text").to_owned()), ("secret".to_owned(), SECRET.to_owned())];
    let values = Values::from([
        ("remoteRef", ["key", "property", "version"].map(|name| (name.to_owned(), field(name))).into()),
        ("fedlink", own.into()),
    ]);
    let webhook = &store["spec"]["provider"]["webhook"];
    let text = |value: &Value| {
        let here = value.as_str().expect("text").replace("https://login.company.com", &world.base);
        rendered(&here, &values)
    };
    let (url, body) = (text(&webhook["url"]), text(&webhook["body"]));
    let target = url.strip_prefix(&world.base).expect("it is ours");
    let method = webhook["method"].as_str().expect("a method");
    let host = world.base.trim_start_matches("http://");
    let length = body.len();
    let mut head = format!(
        "{method} {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Go-http-client/1.1\r\nContent-Length: {length}\r\n"
    );
    for (name, value) in webhook["headers"].as_object().expect("headers") {
        let _infallible = write!(head, "{name}: {}\r\n", text(value));
    }
    head += "Accept-Encoding: gzip\r\nConnection: close\r\n\r\n";
    let mut stream = TcpStream::connect(host).await.expect("it listens");
    stream.write_all((head + &body).as_bytes()).await.expect("it reads");
    let mut received = Vec::new();
    stream.read_to_end(&mut received).await.expect("it answers");
    let answer = parse(&received);
    answer.hold(method, target);
    answer
}

/// Where the page's client is one, and user 42 has accounts.
async fn world_of(engine: Engine) -> World {
    let client = block("toml").replace("{ env = \"CLUSTER_SECRET\" }", &format!("\"{SECRET}\""));
    World::start_with(engine, |plain| {
        let plain =
            plain.replace("box_box_1", "tcs_tcs_1").replace("\"box_1\"", "\"tcs_1\"").replace("\"box\"", "\"tcs\"");
        plain + "\n" + &client
    })
    .await
}

/// Gives user 42 an account; gives the token there.
async fn linked(world: &World, sid: &str) -> String {
    let tokens = world.sandbox.issue(sid, "fedlink", "openid offline_access");
    let access = tokens.access_token.expose_secret();
    world
        .import(json!({
            "subject": "42", "fpType": "tcs", "fpName": "tcs_1", "sid": sid, "accessToken": access,
            "refreshToken": tokens.refresh_token.expose_secret(), "expiresOn": tokens.expires_at.timestamp(),
        }))
        .await;
    access.to_owned()
}

both_engines! {
    async fn a_store_gets_what_its_result_names(engine: Engine) {
        let world = world_of(engine).await;
        world.account("42").await;
        let (store, reference) = (object("SecretStore"), object("ExternalSecret")["spec"]["data"][0]["remoteRef"].clone());
        // A refusal leaves the secret; a 404 would be taken for its end.
        let none = asked(&world, &store, &reference).await;
        assert_eq!((none.status, &none.json()["reason"]), (400, &json!("not_linked")));

        let first = linked(&world, "1000347601").await;
        let answer = asked(&world, &store, &reference).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let path = store["spec"]["provider"]["webhook"]["result"]["jsonPath"].as_str().expect("a path");
        let member = path.strip_prefix("$.").expect("a member of the answer");
        assert_eq!(answer.json()[member], json!(first));

        // With several accounts there, the one that the reference names.
        let second = linked(&world, "1000347602").await;
        assert_eq!(asked(&world, &store, &reference).await.refusal(), (400, "invalid_target".to_owned()));
        let mut named = reference.clone();
        named["version"] = json!("1000347602");
        assert_eq!(asked(&world, &store, &named).await.json()[member], json!(second));
        named["property"] = json!("tcs:tcs_2");
        assert_eq!(asked(&world, &store, &named).await.refusal(), (400, "invalid_target".to_owned()));
    }
}
