//! No secret reaches the disk or the logs: the built program is walked through the main job, and all it left is searched.

use std::collections::BTreeMap;
use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret as _;
use serde_json::json;
use service::accounts::New;

use crate::support::browser::{Browser, Callback, field, instruct, query};
use crate::support::confirm::PHONE;
use crate::support::database::count;
use crate::support::disk::{folders, grep};
use crate::support::fed::{expired, fed_token, token};
use crate::support::person::{PASSWORD, person, phone};
use crate::support::program::{self, Running};
use crate::support::sms::{self, SmsWebhook};
use crate::support::world::{
    As, Body, CONSOLE, CONSOLE_PASSWORD, CONSOLE_SECRET, Engine, VERIFIER, World, both_engines,
};

/// What every token of the sandbox ends in here, those it shows nobody included.
const MARK: &str = "é漢🔑";

/// The built program on the world's own database, saying all it can say; the world's calls go there.
async fn serve(engine: Engine) -> (World, Running) {
    serve_with(engine, |settings| settings).await
}

/// As [`serve`], its settings file changed first.
async fn serve_with(engine: Engine, change: impl FnOnce(String) -> String) -> (World, Running) {
    let mut text = String::new();
    let mut world = World::start_with(engine, |settings| {
        text = change(settings);
        text.clone()
    })
    .await;
    let own = [
        "console-secret-of-tests",
        CONSOLE_PASSWORD,
        "rival-secret-of-tests",
        "rival-password-of-tests",
        "sandbox-secret",
    ];
    let secrets = own.into_iter().chain([sms::SECRET, sms::COOKIE_SECRET]).collect::<Vec<_>>();
    let names = ["A", "B", "C", "D", "E", "F", "G"];
    for (secret, name) in secrets.iter().zip(names) {
        text = text.replace(&format!("\"{secret}\""), &format!("{{ env = \"{name}\" }}"));
    }
    let config = world.folder.path().join("fedlink.toml");
    fs::write(&config, text).expect("a file");
    let mut env: Vec<_> = names.into_iter().zip(secrets.iter().copied()).collect();
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
    assert_eq!(secrets.len(), 3, "the session's, the form's and the known browser's");
    secrets.extend([csrf, PASSWORD.to_owned(), PASSWORD.replace(' ', "+"), "a+wrong+password".to_owned()]);
    secrets
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

    async fn a_token_in_an_address_is_in_no_log(engine: Engine) {
        let more = "kind = \"oauth2\"\nuserinfo_call = \"query\"\n";
        let (world, running) = serve_with(engine, |settings| settings + more).await;
        world.sandbox.script().set(|settings| settings.userinfo_call = sandbox::UserinfoCall::Query);
        world.account("alice").await;
        crate::providers::row::bind(&world, "by a token in an address").await;
        let held = token(&fed_token(&world, &world.console().await, "").await, "oleg");
        assert!(world.sandbox.counts().userinfo > 0 && world.sandbox.is_active(&held));
        let logs = running.logs();
        assert!(logs.contains("TRACE") && logs.contains("userinfo is asked with the access token in its address"), "{logs}");
        let line = logs.lines().find(|line| line.contains(&held) || line.contains("access_token="));
        assert!(line.is_none(), "{line:?}");
    }

    async fn neither_a_phone_nor_its_code_is_in_a_log(engine: Engine) {
        let sms = SmsWebhook::start().await;
        let (world, running) = serve_with(engine, |settings| settings + &sms.settings()).await;
        world.person(New { password: None, phone: Some(phone(PHONE, true)), ..person("elle") }).await;
        let token = world.code_to("+79990000002").await;
        assert_eq!(world.complete(&token, sms.code()).await.data()["result"]["status"], "ok");
        sms.answer([500, 400]);
        assert_eq!(world.start_confirm("127.0.0.1", &json!({"phone": "+79990000003"})).await.refused_as().1, "SMS_NOT_SENT");
        let mut elle = Browser::default();
        let page = format!("{}/phone", world.sign_in_page());
        let csrf = field(&elle.go(&world, "GET", &page, Body::None).await.text(), "csrf");
        let number = vec![("csrf", csrf.clone()), ("phone", "+7 (999) 000-12-34".to_owned())];
        let asked = elle.go(&world, "POST", &page, Body::Form(number)).await.text();
        let typed = vec![("csrf", csrf), ("token", field(&asked, "token")), ("code", sms.last().code)];
        assert_eq!(elle.go(&world, "POST", &page, Body::Form(typed)).await.status, 303);

        let mut secrets = vec![token.clone(), token.trim_start_matches("cp:").to_owned(), field(&asked, "token")];
        secrets.extend(sms.sent().into_iter().map(|sent| sent.text));
        secrets.extend([sms::SECRET, sms::COOKIE_SECRET].map(ToOwned::to_owned));
        let folders = folders(&world).await;
        assert!(!grep(&[PHONE.to_owned()], &folders).is_empty(), "the search doesn't even find the number");
        assert_eq!(grep(&secrets, &folders), "");
        let logs = running.logs();
        assert!(logs.contains("TRACE") && logs.contains("an SMS was not sent"), "the logs don't tell all:\n{logs}");
        // Six digits are also those of a microsecond, so the time of each line is left out.
        let said = logs.lines().map(|line| line.split_once(' ').map_or(line, |(_, said)| said));
        let codes = sms.sent().into_iter().map(|sent| sent.code).filter(|code| code.len() == 6);
        secrets.extend(codes);
        secrets.extend(["9990001234", "9990000002", "9990000003", "000-12-34"].map(ToOwned::to_owned));
        for line in said {
            assert!(!secrets.iter().any(|secret| line.contains(secret.as_str())), "in the logs: {line}");
        }
    }
}
