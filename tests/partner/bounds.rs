//! What a partner's sign-in must not open, and what of it must not be told: a GET with somebody's access token can set
//! `keystone.sid`, so that stands for nobody anywhere else.

use std::fs;

use sandbox::Userinfo;
use serde_json::json;

use crate::support::browser::{Browser, instruct_with, persons_instruction};
use crate::support::database::{count, texts};
use crate::support::disk::{folders, grep};
use crate::support::partner::{COOKIE_SECRET, LENIENT, bearer, cookie, encoded, refused, trusting, with_partner};
use crate::support::program;
use crate::support::world::{ALL_SCOPES, As, Body, CONSOLE, World, both_engines};

both_engines! {
    async fn a_condo_session_binds_nothing(engine: Engine) {
        let world = World::start_with(engine, |settings| trusting(&settings)).await;
        world.userinfo(&json!({ "sub": "1", "name": "Oleg" }));
        let session = cookie(&world.arrive().await);
        let subject = texts(&world.database_url, "SELECT subject AS value FROM links").await.concat();
        let (name, value) = session.split_once('=').unwrap();
        let mut browser = Browser::default();
        browser.cookies().insert(name.to_owned(), value.to_owned());
        assert_eq!(world.at_home(&session).await.as_deref(), Some("Oleg"), "it is good where it belongs");

        // Not at a bind that is the same person's own.
        let token = world.user(CONSOLE, &subject, &["blitz_api_ufa_chg"]).await;
        let redirect_to = instruct_with(&world, &token, persons_instruction()).await;
        let opened = browser.go(&world, "GET", &redirect_to, Body::None).await;
        let location = opened.location();
        assert!(opened.status == 303 && location.starts_with(&format!("{}/blitz/sign-in?", world.base)), "{location}");
        // Not on our own page, nor on the way to a token of ours.
        assert_eq!(browser.signed_in_as(&world).await, None);
        let ae = format!(
            "{}/blitz/oauth/ae?response_type=code&client_id={CONSOLE}&redirect_uri=https%3A%2F%2Fapp.example%2Fsigned-in\
             &scope=blitz_api_ufa&state=s&code_challenge={}&code_challenge_method=S256",
            world.base,
            crate::support::world::CHALLENGE
        );
        let asked = browser.go(&world, "GET", &ae, Body::None).await;
        assert!(asked.location().starts_with(&format!("{}/blitz/sign-in?", world.base)), "{}", asked.location());
        // And as a bearer token it opens no call of Blitz.
        let bearer = As::Bearer(bearer(&session));
        let calls = [
            ("GET", format!("/api/v3/users/{subject}/fa"), Body::None),
            ("POST", format!("/api/v3/users/{subject}/fa/box/box_1/oleg"), Body::None),
            ("POST", "/api/v2/users/current/fa/bind".to_owned(), Body::Json(persons_instruction())),
            ("GET", format!("/api/v3/users/{subject}/fedToken/box/box_1"), Body::None),
        ];
        for (method, target, body) in calls {
            let answer = world.call(method, &target, &bearer, body).await;
            assert_eq!(answer.refusal(), (401, "bad_access_token".to_owned()), "{method} {target}");
        }
        assert_eq!(count(&world, "links").await, 1, "the partner's own");
    }

    async fn no_other_session_is_one_of_the_dialect(engine: Engine) {
        let world = World::start_with(engine, |settings| trusting(&settings)).await;
        world.userinfo(&json!({ "sub": "1", "name": "Oleg" }));
        world.arrive().await;
        let subject = texts(&world.database_url, "SELECT subject AS value FROM links").await.concat();
        let mut browser = Browser::default();
        browser.sign_in(&world, &subject).await;
        let (_, value) = browser.cookies().iter().next().map(|(name, value)| (name.clone(), value.clone())).unwrap();
        let As::Bearer(token) = world.user(CONSOLE, &subject, &ALL_SCOPES).await else { panic!("a token") };
        for secret in [&value, &token] {
            assert_eq!(world.at_home(&format!("keystone.sid=s%3A{secret}")).await, None);
            assert_eq!(world.whoever(&[("authorization", &format!("Bearer {secret}"))]).await, None);
        }
    }

    async fn a_session_is_read_as_the_source_reads_it(engine: Engine) {
        let world = World::start_with(engine, |settings| trusting(&settings)).await;
        world.userinfo(&json!({ "sub": "1", "name": "Oleg" }));
        let session = cookie(&world.arrive().await);
        let token = bearer(&session);
        let (sid, signature) = token.split_once('.').unwrap();
        let good = [
            vec![("authorization", format!("Bearer {token}"))],
            vec![("cookie", session.clone())],
            vec![("cookie", format!("a=b; {session}; c=d"))],
            // The bearer token wins, and another scheme is none.
            vec![("authorization", format!("Bearer {token}")), ("cookie", "keystone.sid=s%3Ax".to_owned())],
            vec![("authorization", "bearer x".to_owned()), ("cookie", session.clone())],
        ];
        for headers in good {
            let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            assert_eq!(world.whoever(&headers).await.as_deref(), Some("Oleg"), "{headers:?}");
        }
        let bad = [
            vec![("authorization", format!("bearer {token}"))],
            vec![("authorization", format!("Bearer {sid}"))],
            vec![("authorization", format!("Bearer s:{token}"))],
            vec![("authorization", format!("Bearer {sid}.{}", signature.to_lowercase()))],
            vec![("authorization", "Bearer x".to_owned()), ("cookie", session.clone())],
            vec![("cookie", format!("keystone.sid={token}"))],
            vec![("cookie", format!("Keystone.sid={}", session.split_once('=').unwrap().1))],
        ];
        for headers in bad {
            let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            assert_eq!(world.whoever(&headers).await, None, "{headers:?}");
        }
    }

    async fn no_token_of_a_partners_is_kept_or_told(engine: Engine) {
        let mut text = String::new();
        let mut world = World::start_with(engine, |settings| {
            text = with_introspection(&settings);
            text.clone()
        })
        .await;
        let secrets = ["console-secret-of-tests", "console-password", "rival-secret-of-tests", "rival-password-of-tests", "sandbox-secret", COOKIE_SECRET];
        let names = ["A", "B", "C", "D", "E", "F"];
        for (secret, name) in secrets.iter().zip(names) {
            text = text.replace(&format!("\"{secret}\""), &format!("{{ env = \"{name}\" }}"));
        }
        let config = world.folder.path().join("fedlink.toml");
        fs::write(&config, text).unwrap();
        let mut env: Vec<_> = names.into_iter().zip(secrets).collect();
        env.push(("FEDLINK_LOG", "trace"));
        let running = program::serve(&config, &env);
        world.served_at.clone_from(&running.base_url);

        world.userinfo(&json!({ "sub": "1", "name": "Oleg Sandbox", "phone_number": "+79990001234" }));
        let token = world.partner_token();
        let confirmed = "cp:18f854bd-8c06-4c98-bdcb-5b01f61ea383";
        let target = |client: &str| {
            let token = encoded(&token);
            format!("/callback?user_type=resident&client_id={client}&access_token={token}&confirm_phone_action_token={confirmed}")
        };
        let at = |rest: &str| format!("/api/auth/test-sdk{rest}");
        let begun = world.visit(&at(&target(LENIENT).replace("/callback", "")), &[]).await;
        assert_eq!(begun.status, 302);
        assert_eq!(refused(&world.visit(&at(&target("test-client-id")), &[]).await).0, 400);
        assert_eq!(refused(&world.visit(&at(&target("introspected")), &[]).await).0, 400);
        for way in [Userinfo::Status(500), Userinfo::Html, Userinfo::Redirect] {
            world.sandbox.script().set(|script| script.userinfo = way);
            assert_eq!(refused(&world.visit(&at(&target(LENIENT)), &[]).await).0, 500);
        }
        world.sandbox.script().set(|script| script.userinfo = Userinfo::Good);
        let signed_in = world.visit(&at(&target(LENIENT)), &[]).await;
        assert_eq!(signed_in.status, 302, "{}", signed_in.text());
        let session = cookie(&signed_in);
        assert_eq!(world.at_home(&session).await.as_deref(), Some("Oleg Sandbox"));

        let value = session.split_once('=').unwrap().1.to_owned();
        let ticket = bearer(&session);
        let sid = ticket.split('.').next().unwrap().to_owned();
        let secrets = [token, confirmed.to_owned(), value, ticket, sid, COOKIE_SECRET.to_owned()];
        let logs = running.logs();
        assert!(logs.contains("TRACE") && logs.contains("no user is told by an access token"), "the logs don't tell all:\n{logs}");
        for secret in &secrets {
            if let Some(line) = logs.lines().find(|line| line.contains(secret.as_str())) {
                panic!("{secret} is in the logs: {line}");
            }
        }
        let folders = folders(&world).await;
        assert!(!grep(&["Oleg Sandbox".to_owned()], &folders).is_empty(), "the search doesn't even find the user's name");
        assert_eq!(grep(&secrets, &folders), "");
    }
}

/// [`with_partner`], with a client whose tokens are introspected.
fn with_introspection(settings: &str) -> String {
    let issuer = settings.split("issuer = \"").nth(1).expect("an issuer").split('"').next().expect("its end");
    format!(
        "{}\n[partners.clients.introspected]\nidentity_type = \"other\"\nuser_info_url = \"{issuer}/userinfo\"\n\
         audience = \"us\"\nintrospection_url = \"{issuer}/introspect\"\nintrospection_client_id = \"fedlink\"\n\
         introspection_client_secret = \"sandbox-secret\"",
        with_partner(settings, "")
    )
}
