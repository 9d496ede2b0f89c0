//! A first sign-in with a confirmed phone: the documented walk, letter by letter, and what a confirmation is good for.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::database::{count, texts};
use crate::support::partner::{LENIENT, SDK, bearer, cookie, encoded, refused, trusting, with_partner};
use crate::support::person::{email, person, phone};
use crate::support::sms::{self, SmsWebhook};
use crate::support::world::{Answer, As, Body, Engine, World, both_engines};
use service::accounts::New;

const PHONE: &str = "+79990001234";

/// A world that sends codes, in which no time passes but by [`World::advance`].
async fn texting(engine: Engine) -> (World, SmsWebhook) {
    let webhook = SmsWebhook::start().await;
    let url = webhook.url.clone();
    let world = World::frozen_with(engine, |settings| {
        format!(
            "{}\n[sms]\nurl = \"{url}\"\nsecret = \"{}\"\n",
            trusting(&settings)
                .replace("= 100000", "= 100000\nsms_per_hour_and_ip = 1000\nsms_per_day_and_phone = 1000"),
            sms::SECRET
        )
    })
    .await;
    (world, webhook)
}

/// The same, whose strict client wants an e-mail address confirmed as well.
async fn mailing(engine: Engine) -> (World, SmsWebhook) {
    let webhook = SmsWebhook::start().await;
    let world = World::frozen_with(engine, |settings| {
        let section = |kind: &str| format!("[{kind}]\nurl = \"{}\"\nsecret = \"{}\"\n", webhook.url, sms::SECRET);
        let strict = "[partners.clients.test-client-id]\nrequire_confirmed_email = true";
        let often = "= 100000\nsms_per_hour_and_ip = 1000\nemails_per_hour_and_ip = 1000";
        let settings = trusting(&settings).replace("= 100000", often);
        format!(
            "{}\n{}{}",
            settings.replace("[partners.clients.test-client-id]", strict),
            section("sms"),
            section("email")
        )
    })
    .await;
    (world, webhook)
}

/// Confirms an e-mail address; gives the token.
async fn confirmed_email(world: &World, webhook: &SmsWebhook, address: &str) -> String {
    let token = world.code_to_email(address).await;
    world.complete_email(&token, &webhook.last().code).await.data();
    token
}

/// Comes to the strict client's callback with both confirmations, or without one that is empty.
async fn arrive_with_both(world: &World, phone: &str, email: &str) -> Answer {
    let target = format!(
        "{}&confirm_phone_action_token={}&confirm_email_action_token={}",
        world.callback("resident", "test-client-id"),
        encoded(phone),
        encoded(email)
    );
    world.visit(&target, &[]).await
}

/// Asks GraphQL without a session, at the root.
async fn ask(world: &World, query: &str) -> Value {
    let url = format!("{}/admin/api", world.served_at);
    let answer = world.send("POST", &url, &As::Nobody, Body::Json(json!({ "query": query })), &[]).await;
    let body = answer.json();
    assert!(answer.status == 200 && body.get("errors").is_none(), "{} {body:#}", answer.status);
    body["data"].clone()
}

const WHO: &str = r#"dv: 1, sender: { dv: 1, fingerprint: "test-sdk-proxy" }, captcha: "1234""#;

/// Confirms a phone as the documentation has it; gives the token.
async fn confirmed(world: &World, webhook: &SmsWebhook, number: &str) -> String {
    let start = format!(r#"mutation {{ startConfirmPhoneAction(data: {{ {WHO}, phone: "{number}" }}) {{ token }} }}"#);
    let started = ask(world, &start).await;
    let token = started["startConfirmPhoneAction"]["token"].as_str().expect("a token").to_owned();
    let code = webhook.code();
    let complete = format!(
        r#"mutation {{ completeConfirmPhoneAction(data: {{ {WHO}, token: "{token}", smsCode: {code} }}) {{ status }} }}"#
    );
    assert_eq!(ask(world, &complete).await, json!({ "completeConfirmPhoneAction": { "status": "ok" } }));
    token
}

/// Comes to the strict client's callback with a confirmation.
async fn arrive_with(world: &World, token: &str) -> Answer {
    let target =
        format!("{}&confirm_phone_action_token={}", world.callback("resident", "test-client-id"), encoded(token));
    world.visit(&target, &[]).await
}

fn invalid() -> (u16, String) {
    (400, "INVALID_PARAMETER".to_owned())
}

both_engines! {
    async fn the_seeds_walk_leads_in(engine: Engine) {
        let (world, webhook) = texting(engine).await;
        world.userinfo(&json!({ "sub": "cmd30383l000q07jy8cqo2zd7", "phone_number": PHONE, "name": "John Doe" }));
        let token = encoded(&world.partner_token());
        let start = format!("/api/auth/{SDK}?user_type=resident&client_id=test-client-id&access_token={token}");
        // To the callback, which wants the phone confirmed.
        let begun = world.visit(&start, &[]).await;
        assert_eq!((begun.status, begun.location()), (302, start.replace('?', "/callback?")));
        let session = cookie(&begun);
        let stopped = world.visit(&begun.location(), &[("cookie", &session)]).await;
        assert_eq!(refused(&stopped), (400, "PHONE_CONFIRMATION_REQUIRED".to_owned()));
        let told = stopped.json()["errors"][0]["extensions"]["messageInterpolation"].clone();
        assert_eq!(told, json!({ "phone": PHONE, "parameter": "confirm_phone_action_token" }));
        // Two anonymous queries.
        let confirmed = confirmed(&world, &webhook, told["phone"].as_str().unwrap()).await;
        assert_eq!(webhook.last().to, PHONE);
        // And the same way again, to the end.
        let again = format!("{start}&confirm_phone_action_token={confirmed}");
        let begun = world.visit(&again, &[("cookie", &session)]).await;
        assert_eq!(begun.location(), again.replace('?', "/callback?"));
        let signed_in = world.visit(&begun.location(), &[("cookie", &session)]).await;
        assert_eq!((signed_in.status, signed_in.location().as_str()), (302, "/"), "{}", signed_in.text());
        let session = cookie(&signed_in);
        assert_eq!(world.at_home(&session).await.as_deref(), Some("John Doe"));
        // decodeURIComponent(value).substring(2) is a bearer token.
        let url = format!("{}/api/graphql", world.served_at);
        let query = json!({ "query": "{ authenticatedUser { id name phone type } }" });
        let answer = world.send("POST", &url, &As::Bearer(bearer(&session)), Body::Json(query), &[]).await;
        let user = &answer.json()["data"]["authenticatedUser"];
        assert_eq!((&user["name"], &user["phone"], &user["type"]), (&json!("John Doe"), &json!(PHONE), &json!("resident")));
        let account = "SELECT subject || ' ' || phone || CASE WHEN phone_verified THEN ' verified' ELSE '' END AS value FROM accounts";
        assert_eq!(texts(&world.database_url, account).await, [format!("{} {PHONE} verified", user["id"].as_str().unwrap())]);
        // From now on it takes no confirmation.
        assert_eq!(world.visit(&begun.location().replace(&confirmed, "x"), &[]).await.status, 302);
    }

    async fn a_confirmed_number_stands_above_the_partners(engine: Engine) {
        let (world, webhook) = texting(engine).await;
        world.person(New { phone: Some(phone(PHONE, true)), ..person("alice") }).await;
        // The partner tells another number, or none, of which this client believes nothing anyway.
        for (sid, told) in [("1", json!("+79995550000")), ("2", Value::Null)] {
            world.userinfo(&json!({ "sub": sid, "phone_number": told, "phone_number_verified": false, "name": "John Doe" }));
            let token = confirmed(&world, &webhook, PHONE).await;
            assert_eq!(arrive_with(&world, &token).await.status, 302);
            world.advance(61);
        }
        let owners = "SELECT subject AS value FROM links ORDER BY sid";
        assert_eq!(texts(&world.database_url, owners).await, ["alice", "alice"], "whoever has the phone is who it is");
        let meta = "SELECT meta AS value FROM accounts";
        let meta: Value = serde_json::from_str(&texts(&world.database_url, meta).await.concat()).unwrap();
        let expected = json!({ "sub": "2", "phone_number": PHONE, "phone_number_verified": true, "name": "John Doe",
            "email": null, "email_verified": null });
        assert_eq!(meta[SDK]["phone_number"], expected["phone_number"]);
        assert_eq!(meta[SDK]["phone_number_verified"], expected["phone_number_verified"]);
    }

    async fn a_confirmation_is_good_for_one_sign_in(engine: Engine) {
        let (world, webhook) = texting(engine).await;
        let token = confirmed(&world, &webhook, PHONE).await;
        world.userinfo(&json!({ "sub": "1" }));
        assert_eq!(arrive_with(&world, &token).await.status, 302);
        // Whoever is known needs none, and what they bring is not looked at.
        assert_eq!(arrive_with(&world, &token).await.status, 302);
        world.userinfo(&json!({ "sub": "2" }));
        assert_eq!(refused(&arrive_with(&world, &token).await), invalid());
        assert_eq!(count(&world, "accounts").await, 1);
    }

    async fn a_confirmation_that_is_none_signs_nobody_in(engine: Engine) {
        let (world, webhook) = texting(engine).await;
        world.userinfo(&json!({ "sub": "1" }));
        // Begun, and not confirmed.
        let start = format!(r#"mutation {{ startConfirmPhoneAction(data: {{ {WHO}, phone: "{PHONE}" }}) {{ token }} }}"#);
        let begun = ask(&world, &start).await["startConfirmPhoneAction"]["token"].as_str().unwrap().to_owned();
        assert_eq!(refused(&arrive_with(&world, &begun).await), invalid());
        // Confirmed, and late.
        world.advance(61);
        let late = confirmed(&world, &webhook, PHONE).await;
        world.advance(3601);
        assert_eq!(refused(&arrive_with(&world, &late).await), invalid());
        let good = confirmed(&world, &webhook, PHONE).await;
        let upper = good.to_uppercase();
        for other in [good.replace("cp:", "ce:"), good.replace("cp:", ""), format!("{good}x"), upper] {
            assert_eq!(refused(&arrive_with(&world, &other).await), invalid(), "{other}");
        }
        assert_eq!(count(&world, "accounts").await, 0);
        assert_eq!(arrive_with(&world, &good).await.status, 302);
    }

    async fn a_sign_in_that_fails_spends_nothing(engine: Engine) {
        let (world, webhook) = texting(engine).await;
        let token = confirmed(&world, &webhook, PHONE).await;
        world.userinfo(&json!({ "sub": -1 }));
        assert_eq!(refused(&arrive_with(&world, &token).await).0, 500);
        world.userinfo(&json!({ "sub": "1" }));
        assert_eq!(arrive_with(&world, &token).await.status, 302);
    }

    async fn one_confirmation_brought_at_once_lets_one_identity_in(engine: Engine) {
        let (world, webhook) = texting(engine).await;
        for round in 0..5 {
            let token = confirmed(&world, &webhook, &format!("+799900000{round:02}")).await;
            world.advance(1);
            let users = ["oleg", "elle", "irina"];
            world.userinfo(&json!({ "email": null }));
            let targets = users.map(|sub| {
                use secrecy::ExposeSecret as _;
                let theirs = world.sandbox.issue(sub, "their-app", "openid").access_token;
                let theirs = encoded(theirs.expose_secret());
                format!(
                    "/api/auth/{SDK}/callback?user_type=resident&client_id=test-client-id&access_token={theirs}\
                     &confirm_phone_action_token={token}"
                )
            });
            let hold = world.sandbox.script().hold_userinfo();
            let (answers, ()) = tokio::join!(join_all(targets.iter().map(|target| world.visit(target, &[]))), async {
                hold.wait_for_arrivals(3).await;
                hold.release();
            });
            let mut kinds: Vec<(u16, bool)> = answers.iter().map(|answer| (answer.status, answer.status == 302 || refused(answer) == invalid())).collect();
            kinds.sort_unstable();
            assert_eq!(kinds, [(302, true), (400, true), (400, true)]);
            crate::support::database::execute(&world.database_url, "DELETE FROM links").await;
        }
    }

    async fn one_confirmation_brought_twice_at_once_by_one_lets_them_in_once(engine: Engine) {
        let (world, webhook) = texting(engine).await;
        for round in 0..5 {
            let token = confirmed(&world, &webhook, &format!("+799900000{round:02}")).await;
            world.advance(1);
            world.userinfo(&json!({ "sub": format!("sid-{round}") }));
            let hold = world.sandbox.script().hold_userinfo();
            let (answers, ()) = tokio::join!(join_all((0..3).map(|_| arrive_with(&world, &token))), async {
                hold.wait_for_arrivals(3).await;
                hold.release();
            });
            // Two taps on one button are no attack: all come in as the one user.
            let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
            assert_eq!(statuses, [302, 302, 302], "{}", answers[0].text());
            assert_eq!((count(&world, "accounts").await, count(&world, "links").await), (round + 1, round + 1));
        }
    }

    /// As the source has it: the phone first, then the address, each by its own parameter.
    async fn an_address_is_asked_for_after_the_phone(engine: Engine) {
        let (world, webhook) = mailing(engine).await;
        let told = json!({ "sub": "1", "name": "John Doe", "phone_number": PHONE, "email": "told@example.com" });
        world.userinfo(&told);
        let stopped = async |phone: &str, email: &str| {
            let answer = arrive_with_both(&world, phone, email).await;
            let extensions = answer.json()["errors"][0]["extensions"].clone();
            (refused(&answer).1, extensions["messageInterpolation"].clone())
        };
        let invalid = |parameter: &str| ("INVALID_PARAMETER".to_owned(), json!({ "parameter": parameter }));
        let phone_first = json!({ "phone": PHONE, "parameter": "confirm_phone_action_token" });
        assert_eq!(stopped("", "").await, ("PHONE_CONFIRMATION_REQUIRED".to_owned(), phone_first.clone()));
        assert_eq!(stopped("", "ce:x").await, ("PHONE_CONFIRMATION_REQUIRED".to_owned(), phone_first));
        assert_eq!(stopped("cp:x", "").await, invalid("confirm_phone_action_token"));
        let phone = confirmed(&world, &webhook, PHONE).await;
        let then_email = json!({ "email": "told@example.com", "parameter": "confirm_email_action_token" });
        assert_eq!(stopped(&phone, "").await, ("EMAIL_CONFIRMATION_REQUIRED".to_owned(), then_email));
        let own = confirmed_email(&world, &webhook, "own@example.com").await;
        let begun = world.code_to_email("begun@example.com").await;
        for wrong in [&phone, &own.to_uppercase(), &own.replace("ce:", "cp:"), &begun] {
            assert_eq!(stopped(&phone, wrong).await, invalid("confirm_email_action_token"), "{wrong}");
        }
        assert_eq!(stopped(&own, &own).await, invalid("confirm_phone_action_token"));
        assert_eq!(count(&world, "accounts").await, 0);
        let twice = format!("{}&confirm_phone_action_token={}&confirm_email_action_token={own}&confirm_email_action_token={own}",
            world.callback("resident", "test-client-id"), encoded(&phone));
        assert_eq!(refused(&world.visit(&twice, &[]).await), (400, "INVALID_PARAMETER".to_owned()));
        // None of these has spent either.
        let answer = arrive_with_both(&world, &phone, &own).await;
        assert_eq!(answer.status, 302, "{}", answer.text());
        let account = "SELECT phone || ' ' || email || CASE WHEN email_verified THEN ' verified' ELSE '' END AS value FROM accounts";
        assert_eq!(texts(&world.database_url, account).await, [format!("{PHONE} own@example.com verified")]);
        // Now both are, and nobody else comes in by them.
        world.userinfo(&json!({ "sub": "2" }));
        assert_eq!(stopped(&phone, &own).await, invalid("confirm_phone_action_token"));
        let other = confirmed(&world, &webhook, "+79990001235").await;
        assert_eq!(stopped(&other, &own).await, invalid("confirm_email_action_token"));
        assert_eq!(count(&world, "accounts").await, 1);
        let fresh = confirmed_email(&world, &webhook, "other@example.com").await;
        assert_eq!(arrive_with_both(&world, &other, &fresh).await.status, 302, "a refused one has spent no phone");
    }

    /// A confirmed address finds its user, as a confirmed number does, whatever the partner tells and is believed.
    async fn a_confirmed_address_finds_its_user(engine: Engine) {
        let (world, webhook) = mailing(engine).await;
        world.person(New { email: Some(email("own@example.com", true)), ..person("alice") }).await;
        world.userinfo(&json!({ "sub": "1", "email": "told@example.com", "email_verified": false }));
        let phone = confirmed(&world, &webhook, PHONE).await;
        let own = confirmed_email(&world, &webhook, "Own@Example.com").await;
        assert_eq!(arrive_with_both(&world, &phone, &own).await.status, 302);
        assert_eq!(texts(&world.database_url, "SELECT subject AS value FROM links").await, ["alice"]);
        let meta = "SELECT meta AS value FROM accounts";
        let meta: Value = serde_json::from_str(&texts(&world.database_url, meta).await.concat()).unwrap();
        assert_eq!((&meta[SDK]["email"], &meta[SDK]["email_verified"]), (&json!("own@example.com"), &json!(true)));
    }

    async fn two_confirmations_brought_twice_at_once_by_one_let_them_in_once(engine: Engine) {
        let (world, webhook) = mailing(engine).await;
        for round in 0..3 {
            let phone = confirmed(&world, &webhook, &format!("+799900000{round:02}")).await;
            let email = confirmed_email(&world, &webhook, &format!("user-{round}@example.com")).await;
            world.advance(1);
            world.userinfo(&json!({ "sub": format!("sid-{round}") }));
            let hold = world.sandbox.script().hold_userinfo();
            let arrivals = join_all((0..3).map(|_| arrive_with_both(&world, &phone, &email)));
            let (answers, ()) = tokio::join!(arrivals, async {
                hold.wait_for_arrivals(3).await;
                hold.release();
            });
            let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
            assert_eq!(statuses, [302, 302, 302], "{}", answers[0].text());
            assert_eq!(count(&world, "links").await, round + 1);
        }
    }

    async fn a_client_that_asks_for_none_looks_at_none(engine: Engine) {
        let world = World::start_with(engine, |settings| with_partner(&settings, "")).await;
        world.userinfo(&json!({ "sub": "1" }));
        let target = format!("{}&confirm_phone_action_token=x", world.callback("resident", LENIENT));
        assert_eq!(world.visit(&target, &[]).await.status, 302);
        // Where a sign-in begins, nothing is looked at: it all goes on to the callback.
        let both = "confirm_phone_action_token=x&confirm_email_action_token=y";
        let begins = format!("/api/auth/{SDK}?user_type=resident&client_id={LENIENT}&access_token=z&{both}");
        let begun = world.visit(&begins, &[]).await;
        assert!(begun.status == 302 && begun.location().ends_with(both), "{} {:?}", begun.status, begun.headers);
    }
}
