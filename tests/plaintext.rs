//! No secret reaches the disk or the logs: the built program is walked through the main job, and all it left is searched.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::support::browser::{Browser, Callback, field, instruct, query};
use crate::support::database::{Sql, count};
use crate::support::fed::{expired, fed_token, token};
use crate::support::person::{PASSWORD, person};
use crate::support::program::{self, Running};
use crate::support::world::{
    As, Body, CONSOLE, CONSOLE_PASSWORD, CONSOLE_SECRET, Engine, VERIFIER, World, both_engines,
};

/// What every token of the sandbox ends in here, those it shows nobody included.
const MARK: &str = "é漢🔑";

/// The built program on the world's own database, saying all it can say; the world's calls go there.
async fn serve(engine: Engine) -> (World, Running) {
    let mut text = String::new();
    let mut world = World::start_with(engine, |settings| {
        text.clone_from(&settings);
        settings
    })
    .await;
    let secrets = ["console-secret", CONSOLE_PASSWORD, "rival-secret", "rival-password", "sandbox-secret"];
    let names = ["A", "B", "C", "D", "E"];
    for (secret, name) in secrets.iter().zip(names) {
        text = text.replace(&format!("\"{secret}\""), &format!("{{ env = \"{name}\" }}"));
    }
    let config = world.folder.path().join("fedlink.toml");
    fs::write(&config, text).expect("a file");
    let mut env: Vec<_> = names.into_iter().zip(secrets).collect();
    env.push(("FEDLINK_LOG", "trace"));
    let running = program::serve(&config, &env);
    world.served_at.clone_from(&running.base_url);
    (world, running)
}

/// Links `oleg` to alice in a browser; gives every secret that passed by.
async fn bind(world: &World, bearer: &As) -> Vec<String> {
    let redirect_to = instruct(world, &As::Basic(CONSOLE, CONSOLE_PASSWORD)).await;
    let mut browser = Browser::default();
    let at_provider = browser.go(world, "GET", &redirect_to, Body::None).await.location();
    let back = browser.consent(world, &at_provider, "oleg").await;
    let confirm = browser.go(world, "GET", &back, Body::None).await.location();
    let page = browser.go(world, "GET", &confirm, Body::None).await;
    let csrf = field(&page.text(), "csrf");
    let form = Body::Form(vec![("csrf", csrf.clone()), ("decision", "yes".to_owned())]);
    let callback = Callback::of(&browser.go(world, "POST", &confirm, form).await);
    let bind_code = callback.get("bind_code").to_owned();
    let mut secrets: Vec<String> = browser.cookies().values().cloned().collect();
    let body = json!({"bind_code": bind_code, "code_verifier": VERIFIER, "subject": "alice"});
    let done = world.call("POST", "/api/v2/users/current/fa/bind/complete", bearer, Body::Json(body)).await;
    assert_eq!(done.status, 204, "{}", done.text());

    let (asked, answered): (BTreeMap<_, _>, BTreeMap<_, _>) = (query(&at_provider), query(&back));
    secrets.extend([asked["state"].clone(), asked["nonce"].clone(), answered["code"].clone()]);
    secrets.extend([csrf, bind_code, VERIFIER.to_owned()]);
    assert!(secrets.iter().all(|secret| secret.len() >= 22), "one of them is no secret: {secrets:?}");
    secrets
}

/// Signs in with a password; gives every secret that passed by.
async fn sign_in(world: &World) -> Vec<String> {
    world.person(person("paul")).await;
    let mut paul = Browser::default();
    let csrf = paul.open_sign_in(world, &world.sign_in_page()).await;
    assert_eq!(paul.send_sign_in(world, &csrf, ("paul", "a wrong password of Paul's"), &[]).await.status, 422);
    assert_eq!(paul.send_sign_in(world, &csrf, ("paul", PASSWORD), &[]).await.status, 303);
    let mut secrets: Vec<String> = paul.cookies().values().cloned().collect();
    assert_eq!(secrets.len(), 2, "the session's and the form's");
    secrets.extend([csrf, PASSWORD.to_owned(), PASSWORD.replace(' ', "+"), "a+wrong+password".to_owned()]);
    secrets
}

/// The folders where the database keeps all it has.
async fn folders(world: &World) -> Vec<PathBuf> {
    if world.database_url.starts_with("sqlite:") {
        return vec![world.folder.path().to_owned()];
    }
    let mut sql = Sql::open(&world.database_url).await;
    sql.run("CHECKPOINT").await;
    let data = PathBuf::from(sql.text("SHOW data_directory").await);
    let oid = sql.text("SELECT oid::text FROM pg_database WHERE datname = current_database()").await;
    vec![data.join("base").join(oid), data.join("pg_wal")]
}

/// Where any of the words stands in any of the files, as `file:word` lines.
fn grep(words: &[String], folders: &[PathBuf]) -> String {
    // -s: a file that is gone by now is one that Postgres has put away.
    let mut grep = Command::new("grep")
        .args(["-rsaoF", "-f", "-"])
        .args(folders)
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("grep is on every machine");
    let mut stdin = grep.stdin.take().expect("it is piped");
    stdin.write_all(words.join("\n").as_bytes()).expect("it reads them first");
    drop(stdin);
    String::from_utf8_lossy(&grep.wait_with_output().expect("it ends").stdout).into_owned()
}

/// Searches all that is on the disk and all that was logged.
async fn search(world: &World, running: &Running, secrets: &[String]) {
    let folders = folders(world).await;
    assert!(!grep(&["Oleg Sandbox".to_owned()], &folders).is_empty(), "the search doesn't even find the user's name");
    assert_eq!(grep(secrets, &folders), "");
    let logs = running.logs();
    assert!(logs.contains("TRACE") && logs.contains("refreshed"), "the logs don't tell all:\n{logs}");
    for secret in secrets {
        if let Some(line) = logs.lines().find(|line| line.contains(secret.as_str())) {
            panic!("{secret} is in the logs: {line}");
        }
    }
}

both_engines! {
    async fn no_plaintext_reaches_the_disk_or_the_logs(engine: Engine) {
        let (world, running) = serve(engine).await;
        world.account("alice").await;
        world.sandbox.script().set(|settings| settings.non_ascii_tokens = true);
        let te = Body::Form(vec![("grant_type", "client_credentials".to_owned())]);
        let issued = world.call("POST", "/oauth/te", &As::Basic(CONSOLE, CONSOLE_SECRET), te).await.json();
        let bearer = issued["access_token"].as_str().expect("a token").to_owned();
        let console = As::Bearer(bearer.clone());

        let mut secrets = bind(&world, &console).await;
        secrets.extend(sign_in(&world).await);
        let imported = expired(&world, "elle").await;
        secrets.extend([&imported.access_token, &imported.refresh_token].map(|token| token.expose_secret().to_owned()));
        let served = fed_token(&world, &console, "").await;
        secrets.extend([token(&served, "oleg"), token(&served, "elle"), bearer]);
        let basic = |id: &str, secret: &str| STANDARD.encode(format!("{id}:{secret}"));
        secrets.extend([basic(CONSOLE, CONSOLE_SECRET), basic(CONSOLE, CONSOLE_PASSWORD), basic("fedlink", "sandbox-secret")]);
        secrets.extend([CONSOLE_SECRET, CONSOLE_PASSWORD, "sandbox-secret"].map(ToOwned::to_owned));
        // The tokens nobody showed us, as they are and as a form has them; and any id_token, by how its header begins.
        secrets.extend([MARK, "%C3%A9%E6%BC%A2", "eyJhbGci", "eyJ0eXAi", "eyJraWQi"].map(ToOwned::to_owned));
        search(&world, &running, &secrets).await;

        let hold = world.sandbox.script().hold_revocations();
        for sid in ["oleg", "elle"] {
            let gone = world.call("DELETE", &format!("/api/v3/users/alice/fa/box/box_1/{sid}"), &console, Body::None).await;
            assert_eq!(gone.status, 204);
        }
        // What waits for its revocation, and then the calls: one for each token.
        hold.wait_for_arrivals(1).await;
        search(&world, &running, &secrets).await;
        hold.release();
        hold.wait_for_arrivals(4).await;
        while count(&world, "revocations").await > 0 {
            tokio::task::yield_now().await;
        }
        search(&world, &running, &secrets).await;
        assert!(running.logs().contains("a revocation is over"));
    }
}
