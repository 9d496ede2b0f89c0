//! Clients that generators make of openapi.yaml: what fedlink answers is what they expect, each refusal by its own type.

use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::support::generated_client::Generator;
use crate::support::world::{CONSOLE, CONSOLE_SECRET, Engine, World, both_engines};

/// An error of a REST call, as the client read it.
fn error(kind: &str, desc: &str) -> Value {
    json!({"type": "input_error", "error": kind, "desc": desc})
}

async fn understands(generator: Generator, engine: Engine) {
    let world = World::start(engine).await;
    world.account("alice").await;
    let issued = world.linked("alice", "oleg").await;
    let held = issued.access_token.expose_secret();
    let question = json!({
        "base": format!("{}/blitz", world.base), "id": CONSOLE, "secret": CONSOLE_SECRET, "subject": "alice", "sid": "a/ü",
    });
    let answers = generator.ask(&question).await;
    let [wrong, linked, list, detailed, healths, found, token, tokens, removed, again, unknown] = answers.as_slice()
    else {
        panic!("{answers:?}")
    };
    assert_eq!((&wrong["status"], &wrong["error"]["error"]), (&json!(401), &json!("invalid_client")));
    assert_eq!(linked, &json!({"status": 204, "gave": linked["gave"]}));
    let link = |sid: &str| json!({"sid": sid, "fpType": "box", "fpName": "box_1"});
    let mut named = link("a/ü");
    named["userName"] = json!("Elle Woods");
    assert_eq!(list, &json!({"status": 200, "gave": [link("oleg"), named]}));
    let proofs: Vec<&Value> = detailed["gave"].as_array().expect("links").iter().map(|link| &link["proof"]).collect();
    assert_eq!(proofs, ["asserted", "asserted"], "{detailed}");
    assert_eq!(healths["gave"], json!(["ok", "ok"]));
    assert_eq!(found, &json!({"status": 200, "gave": [["alice", "ok"]]}));
    assert_eq!(token, &json!({"status": 200, "gave": [["oleg", held]]}));
    assert_eq!(tokens, &json!({"status": 200, "gave": [held, "user_not_found"]}));
    assert_eq!(removed["status"], 204);
    assert_eq!(again, &json!({"status": 404, "error": error("link_not_found", "no such link")}));
    assert_eq!(unknown, &json!({"status": 404, "error": error("user_not_found", "no such user")}));
}

both_engines! {
    async fn a_client_by_openapi_ts_understands(engine: Engine) {
        understands(Generator::OpenapiTs, engine).await;
    }

    async fn a_client_by_openapi_python_client_understands(engine: Engine) {
        understands(Generator::OpenapiPythonClient, engine).await;
    }
}
