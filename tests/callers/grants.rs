//! What a code and a refresh token are worth: once, to the application they were made for, and nothing once they come twice.

use futures_util::future::join_all;
use serde_json::json;

use crate::support::database::{count, execute, texts};
use crate::support::user_mode::{
    AS_CONSOLE, AS_RIVAL, REDIRECT_URI, code, code_with, introspect, list, redeem, redeem_with, refresh, revoke,
    signed_in, te, tokens,
};
use crate::support::world::{ALL_SCOPES, Answer, As, CHALLENGE, CONSOLE, Engine, VERIFIER, World, both_engines};

const INVALID_GRANT: (u16, &str) = (400, "invalid_grant");

#[track_caller]
fn is(answer: &Answer, (status, error): (u16, &str)) {
    assert_eq!(answer.refusal(), (status, error.to_owned()));
}

async fn alice(engine: Engine) -> World {
    let world = World::start(engine).await;
    world.account("alice").await;
    world
}

/// The audit lines of our own tokens: event and reason.
async fn lines(world: &World) -> Vec<String> {
    let query = "SELECT event || ' ' || detail || ' ' || client || ' ' || subject AS value FROM audit \
                 WHERE event LIKE 'OAUTH%' ORDER BY at";
    texts(&world.database_url, query).await
}

/// Lets alice be disabled, as an operator does.
async fn disable(world: &World, engine: Engine) {
    let at = match engine {
        Engine::Sqlite => "1",
        Engine::Postgres => "to_timestamp(1)",
    };
    execute(&world.database_url, &format!("UPDATE accounts SET disabled_at = {at} WHERE subject = 'alice'")).await;
}

both_engines! {
    async fn a_code_is_worth_an_hour_and_a_refresh_token(engine: Engine) {
        let world = alice(engine).await;
        let code = code_with(&world, "alice", &[("scope", "fed_tkn_any blitz_api_ufa")]).await;
        let answer = redeem(&world, &AS_CONSOLE, &code).await;
        let (access, refresh_token) = tokens(&answer);
        let body = answer.json();
        assert_eq!((&body["token_type"], &body["expires_in"], &body["scope"]), (&json!("Bearer"), &json!(3600), &json!("fed_tkn_any blitz_api_ufa")));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(list(&world, &access, "alice").await, 200);
        assert_eq!(list(&world, &access, "bob").await, 401, "a user's token is for that user");
        assert_eq!(list(&world, &refresh_token, "alice").await, 401, "a refresh token opens nothing");
        assert_eq!(list(&world, &code, "alice").await, 401, "nor does a code");
        let live = introspect(&world, &AS_CONSOLE, &access).await;
        assert_eq!((&live["sub"], &live["client_id"], &live["token_type"]), (&json!("alice"), &json!(CONSOLE), &json!("Bearer")));
        world.advance(3600);
        assert_eq!(list(&world, &access, "alice").await, 401);
        assert_eq!(refresh(&world, &AS_CONSOLE, &refresh_token).await.status, 200);
    }

    async fn a_code_by_body_credentials_is_as_good(engine: Engine) {
        let world = alice(engine).await;
        let code = code(&world, "alice").await;
        let fields = [
            ("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", REDIRECT_URI),
            ("code_verifier", VERIFIER), ("client_id", CONSOLE), ("client_secret", "console-secret-of-tests"),
        ];
        assert_eq!(te(&world, &As::Nobody, &fields).await.status, 200);
    }

    async fn a_code_needs_its_application_its_verifier_and_its_redirect_uri(engine: Engine) {
        let world = alice(engine).await;
        // Another application's attempt burns nothing, nor does one that is no whole request.
        let good = code(&world, "alice").await;
        is(&redeem(&world, &AS_RIVAL, &good).await, INVALID_GRANT);
        is(&redeem(&world, &As::Basic(CONSOLE, "wrong"), &good).await, (401, "invalid_client"));
        is(&redeem(&world, &As::Nobody, &good).await, (401, "invalid_client"));
        for missing in ["code", "redirect_uri", "code_verifier"] {
            let all = [("code", good.as_str()), ("redirect_uri", REDIRECT_URI), ("code_verifier", VERIFIER)];
            let rest: Vec<_> = all.into_iter().filter(|(name, _)| *name != missing).collect();
            let answer = te(&world, &AS_CONSOLE, &[&[("grant_type", "authorization_code")], &rest[..]].concat()).await;
            is(&answer, (400, "invalid_request"));
        }
        assert_eq!(redeem(&world, &AS_CONSOLE, &good).await.status, 200);

        // Its own application's, with a wrong proof, burns it: the code is in hands it wasn't meant for.
        for (uri, verifier) in [
            (REDIRECT_URI, "another-verifier-another-verifier-another-v"),
            (REDIRECT_URI, CHALLENGE),
            ("https://app.example/tenant?id=1", VERIFIER),
            ("https://app.example/signed-in/", VERIFIER),
        ] {
            let code = code(&world, "alice").await;
            is(&redeem_with(&world, &AS_CONSOLE, (&code, uri, verifier)).await, INVALID_GRANT);
            is(&redeem(&world, &AS_CONSOLE, &code).await, INVALID_GRANT);
        }
        let refused = |detail: &str| format!("OAUTH_CODE_REFUSED {detail} console alice");
        let [verifier, uri] = ["wrong_verifier", "wrong_redirect_uri"].map(refused);
        assert_eq!(lines(&world).await, [verifier.clone(), verifier, uri.clone(), uri]);
        is(&redeem(&world, &AS_CONSOLE, "never-issued").await, INVALID_GRANT);
    }

    async fn a_code_lives_a_minute(engine: Engine) {
        let world = World::frozen(engine).await;
        world.account("alice").await;
        let (early, late) = (code(&world, "alice").await, code(&world, "alice").await);
        world.advance(59);
        assert_eq!(redeem(&world, &AS_CONSOLE, &early).await.status, 200);
        world.advance(1);
        is(&redeem(&world, &AS_CONSOLE, &late).await, INVALID_GRANT);
        assert!(lines(&world).await.is_empty(), "late is not used");
    }

    async fn a_code_that_comes_again_ends_all_that_came_of_it(engine: Engine) {
        let world = alice(engine).await;
        let code = code(&world, "alice").await;
        let (first, refresh_token) = tokens(&redeem(&world, &AS_CONSOLE, &code).await);
        let (second, newest) = tokens(&refresh(&world, &AS_CONSOLE, &refresh_token).await);
        let (other, other_refresh) = signed_in(&world, "alice").await;
        // Seen, so remembered.
        for token in [&first, &second, &other] {
            assert_eq!(list(&world, token, "alice").await, 200);
        }
        // Another application's attempt is no second use.
        is(&redeem(&world, &AS_RIVAL, &code).await, INVALID_GRANT);
        assert_eq!(list(&world, &second, "alice").await, 200);
        // After its minute, too: a code leaks in logs and histories.
        world.advance(600);
        is(&redeem(&world, &AS_CONSOLE, &code).await, INVALID_GRANT);
        for token in [&first, &second] {
            assert_eq!(list(&world, token, "alice").await, 401);
        }
        is(&refresh(&world, &AS_CONSOLE, &newest).await, INVALID_GRANT);
        assert_eq!(lines(&world).await, ["OAUTH_TOKEN_REUSED code console alice"]);
        // Another sign-in is another family.
        assert_eq!(list(&world, &other, "alice").await, 200);
        assert_eq!(refresh(&world, &AS_CONSOLE, &other_refresh).await.status, 200);
    }

    async fn of_many_that_redeem_a_code_one_gets_tokens_and_they_do_not_last(engine: Engine) {
        let world = alice(engine).await;
        let code = code(&world, "alice").await;
        let answers = join_all((0..16).map(|_| redeem(&world, &AS_CONSOLE, &code))).await;
        let (granted, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
        assert_eq!((granted.len(), refused.len()), (1, 15));
        for answer in refused {
            is(answer, INVALID_GRANT);
        }
        let (access, refresh_token) = tokens(granted[0]);
        assert_eq!(list(&world, &access, "alice").await, 401);
        is(&refresh(&world, &AS_CONSOLE, &refresh_token).await, INVALID_GRANT);
        assert_eq!((count(&world, "oauth_tokens").await, count(&world, "oauth_refresh_tokens").await), (0, 0));
        assert_eq!(lines(&world).await, ["OAUTH_TOKEN_REUSED code console alice"]);
    }

    async fn a_refresh_token_is_replaced_each_time(engine: Engine) {
        let world = alice(engine).await;
        let (_, mut token) = signed_in(&world, "alice").await;
        for _ in 0..3 {
            // Thirty days from its own issue, not from the sign-in.
            world.advance(29 * 24 * 3600);
            let (access, next) = tokens(&refresh(&world, &AS_CONSOLE, &token).await);
            assert_eq!(list(&world, &access, "alice").await, 200);
            assert_ne!(token, next);
            token = next;
        }
        world.advance(30 * 24 * 3600);
        is(&refresh(&world, &AS_CONSOLE, &token).await, INVALID_GRANT);
        assert!(lines(&world).await.is_empty(), "late is not used");
        service::sweep::delete(&world.app.parts).await.expect("it sweeps");
        assert_eq!((count(&world, "oauth_codes").await, count(&world, "oauth_refresh_tokens").await), (0, 0));
    }

    async fn a_refresh_token_that_comes_again_ends_its_family(engine: Engine) {
        let world = alice(engine).await;
        let (first, stolen) = signed_in(&world, "alice").await;
        let (second, newest) = tokens(&refresh(&world, &AS_CONSOLE, &stolen).await);
        for token in [&first, &second] {
            assert_eq!(list(&world, token, "alice").await, 200);
        }
        is(&refresh(&world, &AS_RIVAL, &stolen).await, INVALID_GRANT);
        assert_eq!(list(&world, &second, "alice").await, 200, "another application's attempt is no second use");
        is(&refresh(&world, &AS_CONSOLE, &stolen).await, INVALID_GRANT);
        for token in [&first, &second] {
            assert_eq!(list(&world, token, "alice").await, 401);
        }
        is(&refresh(&world, &AS_CONSOLE, &newest).await, INVALID_GRANT);
        assert_eq!(lines(&world).await, ["OAUTH_TOKEN_REUSED refresh_token console alice"]);
    }

    async fn of_many_that_refresh_at_once_one_gets_tokens_at_most(engine: Engine) {
        let world = alice(engine).await;
        for _ in 0..3 {
            let (_, token) = signed_in(&world, "alice").await;
            let answers = join_all((0..16).map(|_| refresh(&world, &AS_CONSOLE, &token))).await;
            let granted: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
            assert_eq!(granted.len(), 1);
            let (access, newest) = tokens(granted[0]);
            assert_eq!(list(&world, &access, "alice").await, 401);
            is(&refresh(&world, &AS_CONSOLE, &newest).await, INVALID_GRANT);
            assert_eq!((count(&world, "oauth_tokens").await, count(&world, "oauth_refresh_tokens").await), (0, 0));
        }
    }

    async fn a_family_that_ends_leaves_no_token_behind_that_was_on_its_way(engine: Engine) {
        let world = alice(engine).await;
        for _ in 0..6 {
            let mut calls = Vec::new();
            for family in 0..6 {
                let (_, used) = signed_in(&world, "alice").await;
                let (_, newest) = tokens(&refresh(&world, &AS_CONSOLE, &used).await);
                // The thief's copy and the owner's newest at the same time, either a little ahead.
                calls.extend(if family % 2 == 0 { [used, newest] } else { [newest, used] });
            }
            join_all(calls.iter().map(|token| refresh(&world, &AS_CONSOLE, token))).await;
            assert_eq!((count(&world, "oauth_tokens").await, count(&world, "oauth_refresh_tokens").await), (0, 0));
        }
    }

    async fn of_another_application_a_refresh_token_is_nothing(engine: Engine) {
        let world = alice(engine).await;
        let (_, token) = signed_in(&world, "alice").await;
        is(&refresh(&world, &AS_RIVAL, &token).await, INVALID_GRANT);
        is(&refresh(&world, &AS_CONSOLE, "never-issued").await, INVALID_GRANT);
        is(&te(&world, &AS_CONSOLE, &[("grant_type", "refresh_token")]).await, (400, "invalid_request"));
        is(&refresh(&world, &As::Nobody, &token).await, (401, "invalid_client"));
        assert_eq!(refresh(&world, &AS_CONSOLE, &token).await.status, 200);
    }

    async fn scopes_narrow_and_never_widen(engine: Engine) {
        let world = alice(engine).await;
        let code = code_with(&world, "alice", &[("scope", "blitz_api_ufa fed_tkn_any")]).await;
        let (_, token) = tokens(&redeem(&world, &AS_CONSOLE, &code).await);
        let narrowed = async |token: &str, scope: &str| {
            te(&world, &AS_CONSOLE, &[("grant_type", "refresh_token"), ("refresh_token", token), ("scope", scope)]).await
        };
        let answer = narrowed(&token, "fed_tkn_any").await;
        assert_eq!(answer.json()["scope"], "fed_tkn_any");
        let (access, token) = tokens(&answer);
        assert_eq!(list(&world, &access, "alice").await, 401);
        // More than was granted, and it costs nothing to have asked.
        for wider in ["blitz_api_ufa_chg", "blitz_api_ufa blitz_api_sys_ufa", "openid"] {
            is(&narrowed(&token, wider).await, (400, "invalid_scope"));
        }
        // RFC 6749 §6: the refresh token still has all of it.
        assert_eq!(refresh(&world, &AS_CONSOLE, &token).await.json()["scope"], "blitz_api_ufa fed_tkn_any");
    }

    async fn scopes_that_the_application_has_lost_are_gone(engine: Engine) {
        let world = alice(engine).await;
        let (_, token) = signed_in(&world, "alice").await;
        let (_, other) = signed_in(&world, "alice").await;
        let all = serde_json::to_string(&ALL_SCOPES).expect("JSON");
        let less = World::start_beside(&world, |settings| settings.replace(&all, r#"["blitz_api_ufa", "blitz_api_sys_ufa"]"#)).await;
        let answer = refresh(&less, &AS_CONSOLE, &token).await;
        assert_eq!(answer.json()["scope"], "blitz_api_ufa");
        let (_, token) = tokens(&answer);
        let lost = [("grant_type", "refresh_token"), ("refresh_token", token.as_str()), ("scope", "fed_tkn_any")];
        is(&te(&less, &AS_CONSOLE, &lost).await, (400, "invalid_scope"));
        let none = World::start_beside(&world, |settings| settings.replace(&all, "[]")).await;
        is(&refresh(&none, &AS_CONSOLE, &other).await, (400, "invalid_scope"));
    }

    async fn nobody_acts_for_an_account_that_is_disabled_or_gone(engine: Engine) {
        let world = alice(engine).await;
        let (_, token) = signed_in(&world, "alice").await;
        let code = code(&world, "alice").await;
        disable(&world, engine).await;
        is(&refresh(&world, &AS_CONSOLE, &token).await, INVALID_GRANT);
        is(&redeem(&world, &AS_CONSOLE, &code).await, INVALID_GRANT);
        execute(&world.database_url, "DELETE FROM accounts WHERE subject = 'alice'").await;
        is(&refresh(&world, &AS_CONSOLE, &token).await, INVALID_GRANT);
    }

    async fn a_refresh_token_is_described_to_its_application_alone(engine: Engine) {
        let world = World::start_with(engine, |settings| {
            settings + "\n[[clients]]\nid = \"auditor\"\nsecret = \"auditor-secret-of-tests\"\nintrospect_any = true\nscopes = []\n"
        })
        .await;
        world.account("alice").await;
        let (access, token) = signed_in(&world, "alice").await;
        let before = world.now().timestamp();
        let live = introspect(&world, &AS_CONSOLE, &token).await;
        let expires = live["exp"].as_i64().expect("a time");
        assert!((before + 29 * 86_400..=before + 30 * 86_400).contains(&expires));
        let told = json!({
            "active": true, "sub": "alice", "client_id": CONSOLE, "exp": expires,
            "scope": "blitz_api_ufa blitz_api_ufa_chg blitz_api_uaud fed_tkn_any fed_tkn_box_box_1",
        });
        assert_eq!(live, told);
        let inactive = json!({"active": false});
        assert_eq!(introspect(&world, &AS_RIVAL, &token).await, inactive);
        let auditor = As::Basic("auditor", "auditor-secret-of-tests");
        assert_eq!(introspect(&world, &auditor, &token).await, inactive);
        assert_eq!(introspect(&world, &auditor, &access).await["sub"], "alice");
        tokens(&refresh(&world, &AS_CONSOLE, &token).await);
        assert_eq!(introspect(&world, &AS_CONSOLE, &token).await, inactive, "it is used");
    }

    async fn a_revoked_refresh_token_takes_its_family_with_it(engine: Engine) {
        let world = alice(engine).await;
        let (first, used) = signed_in(&world, "alice").await;
        let (second, token) = tokens(&refresh(&world, &AS_CONSOLE, &used).await);
        let (other, _) = signed_in(&world, "alice").await;
        for access in [&first, &second, &other] {
            assert_eq!(list(&world, access, "alice").await, 200);
        }
        is(&revoke(&world, &AS_RIVAL, &token).await, (400, "unauthorized_client"));
        // An access token goes alone.
        assert_eq!(revoke(&world, &AS_CONSOLE, &first).await.status, 200);
        assert_eq!((list(&world, &first, "alice").await, list(&world, &second, "alice").await), (401, 200));
        assert_eq!(revoke(&world, &AS_CONSOLE, &token).await.status, 200);
        assert_eq!((list(&world, &second, "alice").await, list(&world, &other, "alice").await), (401, 200));
        is(&refresh(&world, &AS_CONSOLE, &token).await, INVALID_GRANT);
        assert_eq!(revoke(&world, &AS_CONSOLE, &token).await.status, 200, "one that is no more is no error");
        assert!(lines(&world).await.is_empty());
    }

    async fn a_used_code_is_remembered_for_a_day(engine: Engine) {
        let world = alice(engine).await;
        signed_in(&world, "alice").await;
        for (hours, kept) in [(23, 1), (2, 0)] {
            world.advance(hours * 3600);
            service::sweep::delete(&world.app.parts).await.expect("it sweeps");
            assert_eq!(count(&world, "oauth_codes").await, kept);
        }
        assert_eq!(count(&world, "oauth_refresh_tokens").await, 1);
    }
}
