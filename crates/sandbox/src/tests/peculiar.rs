//! Every peculiarity shows on the wire.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{LOCATION, RETRY_AFTER};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::super::{Answer, ExpiresIn, IssParameter, Refusal, Rotation, ScriptedScope, Settings, Userinfo};
use super::{Answered, SECRET, Stage, exchange_fields, text};

fn scripted(change: impl FnOnce(&mut Settings)) -> Stage {
    let stage = Stage::new();
    stage.sandbox.script().set(change);
    stage
}

fn seeded(stage: &Stage) -> String {
    stage.sandbox.issue("elle", "app", "openid profile").refresh_token.expose_secret().to_owned()
}

#[tokio::test]
async fn a_grace_window_takes_a_spent_token_until_it_closes() {
    let stage = scripted(|settings| settings.rotation = Rotation::Grace(Duration::from_secs(10)));
    let token = seeded(&stage);
    for _ in 0..4 {
        assert_eq!(stage.refresh(&token).await.status, StatusCode::OK);
        stage.clock.advance(Duration::from_secs(3));
    }
    stage.refresh(&token).await.refused(400, "invalid_grant");
    assert_eq!(stage.sandbox.revoked_families(), 1);
}

#[tokio::test]
async fn a_token_that_never_rotates_comes_back_or_is_left_out() {
    let stage = scripted(|settings| settings.rotation = Rotation::Never);
    let token = seeded(&stage);
    for _ in 0..2 {
        assert_eq!(stage.refresh(&token).await.json()["refresh_token"], token.as_str());
    }
    stage.sandbox.script().set(|settings| settings.rotation = Rotation::OmitOnRefresh);
    for _ in 0..2 {
        assert!(stage.refresh(&token).await.json().get("refresh_token").is_none());
    }
    stage.sandbox.script().set(|settings| settings.refresh_tokens = false);
    assert!(stage.granted().await.get("refresh_token").is_none());
}

#[tokio::test]
async fn lifetimes_and_their_spelling_are_scripted() {
    let stage = Stage::new();
    stage.sandbox.script().next_lifetimes(&[Duration::from_secs(45), Duration::from_secs(46)]);
    assert_eq!(stage.granted().await["expires_in"], 45);
    assert_eq!(stage.granted().await["expires_in"], 46);
    stage.sandbox.script().set(|settings| settings.access_token_lifetime = Some(Duration::from_secs(99)));
    assert_eq!(stage.granted().await["expires_in"], 99);
    for (form, seen) in
        [(ExpiresIn::Text, Some(json!("99"))), (ExpiresIn::Zero, Some(json!(0))), (ExpiresIn::Absent, None)]
    {
        stage.sandbox.script().set(|settings| settings.expires_in = form);
        assert_eq!(stage.granted().await.get("expires_in").cloned(), seen);
    }
}

#[tokio::test]
async fn fields_of_the_answer_are_scripted() {
    let stage = scripted(|settings| {
        settings.token_type = None;
        settings.scope = ScriptedScope::NotOnRefresh;
        settings.granted_scope = Some("openid".to_owned());
        settings.extra_fields = json!({ "user_id": 7 }).as_object().unwrap().clone();
    });
    let granted = stage.granted().await;
    assert!(granted.get("token_type").is_none());
    assert_eq!((text(&granted, "scope"), &granted["user_id"]), ("openid", &json!(7)));
    assert!(stage.refresh(text(&granted, "refresh_token")).await.json().get("scope").is_none());
    stage.sandbox.script().set(|settings| settings.scope = ScriptedScope::Never);
    assert!(stage.granted().await.get("scope").is_none());
}

#[tokio::test]
async fn a_huge_token_and_a_foreign_one_work() {
    let stage = scripted(|settings| {
        settings.token_length = 64 * 1024;
        settings.non_ascii_tokens = true;
    });
    let granted = stage.granted().await;
    let access = text(&granted, "access_token");
    assert_eq!(access.len(), 64 * 1024);
    assert!(!access.is_ascii() && stage.sandbox.is_active(access));
    let userinfo = stage.http.get(stage.address("/userinfo")).bearer_auth(access).send().await.unwrap();
    assert_eq!(userinfo.status(), StatusCode::OK);
    assert_eq!(stage.refresh(text(&granted, "refresh_token")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn answers_take_their_scripted_shape_for_so_many_calls() {
    let stage = Stage::new();
    let script = stage.sandbox.script();
    let token = seeded(&stage);
    script.next_answers(1, &Answer::OkWithError("slow_down".to_owned()));
    script.next_answers(2, &Answer::Html502);
    script.next_answers(1, &Answer::EmptyStatus(400));
    script.next_answers(1, &Answer::Status(503, None));
    stage.refresh(&token).await.refused(200, "slow_down");
    for _ in 0..2 {
        let html = stage.refresh(&token).await;
        assert_eq!((html.status.as_u16(), html.content_type.as_str()), (502, "text/html; charset=utf-8"));
    }
    let empty = stage.refresh(&token).await;
    assert_eq!((empty.status.as_u16(), empty.body.as_str()), (400, ""));
    stage.refresh(&token).await.refused(503, "temporarily_unavailable");

    script.set(|settings| settings.answer = Answer::Status(429, Some(17)));
    for _ in 0..2 {
        let call = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
        let busy = stage.token_call(&call).send().await.unwrap();
        assert_eq!((busy.status().as_u16(), busy.headers()[RETRY_AFTER].as_bytes()), (429, b"17".as_slice()));
    }
    // Nothing was spent by any of these.
    script.set(|settings| settings.answer = Answer::FormEncoded);
    let form = stage.refresh(&token).await;
    assert_eq!(form.content_type, "application/x-www-form-urlencoded");
    let fields: Vec<_> = url::form_urlencoded::parse(form.body.as_bytes()).collect();
    let access = &fields.iter().find(|(name, _)| name == "access_token").unwrap().1;
    assert!(stage.sandbox.is_active(access) && fields.contains(&("expires_in".into(), "3600".into())));
    assert_eq!(stage.sandbox.counts().token_refresh, 8);
}

#[tokio::test]
async fn an_answer_can_break_off() {
    let stage = Stage::new();
    let script = stage.sandbox.script();
    let refresh = |token: &str| stage.token_call(&[("grant_type", "refresh_token"), ("refresh_token", token)]).send();
    script.next_answers(1, &Answer::TruncatedJson);
    script.next_answers(1, &Answer::CloseMidBody);
    for whole in [true, false] {
        let token = seeded(&stage);
        let body = refresh(&token).await.unwrap().text().await;
        assert_eq!(body.is_ok(), whole);
        assert!(body.is_err() || serde_json::from_str::<Value>(&body.unwrap()).is_err());
        assert!(!stage.sandbox.is_active(&token), "the work was done");
    }
}

#[tokio::test]
async fn a_redirect_leads_to_where_visitors_are_counted() {
    let stage = Stage::new();
    stage.sandbox.script().next_answers(1, &Answer::Redirect);
    let token = seeded(&stage);
    let call = stage.token_call(&[("grant_type", "refresh_token"), ("refresh_token", &token)]);
    let response = call.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(stage.sandbox.counts().followed_redirect, 0);
    stage.http.post(response.headers()[LOCATION].to_str().unwrap()).send().await.unwrap();
    assert_eq!(stage.sandbox.counts().followed_redirect, 1);
}

#[tokio::test]
async fn a_failure_can_come_after_the_work() {
    let stage = scripted(|settings| settings.works_before_failing = true);
    stage.sandbox.script().next_answers(1, &Answer::Html502);
    let token = seeded(&stage);
    assert_eq!(stage.refresh(&token).await.status, StatusCode::BAD_GATEWAY);
    assert!(!stage.sandbox.is_active(&token));
    stage.refresh(&token).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn a_hanging_call_never_ends_by_itself() {
    let stage = Stage::new();
    stage.sandbox.script().next_answers(1, &Answer::Hang);
    let hold = stage.sandbox.script().hold_token_calls();
    let fields = exchange_fields("any");
    let hanging = tokio::spawn(stage.token_call(&fields).send());
    hold.wait_for_arrivals(1).await;
    hold.release();
    // The provider has one worker: when it has answered the second call, it has had its chance with the first.
    stage.exchange("any").await.refused(400, "invalid_grant");
    assert!(!hanging.is_finished());
    stage.sandbox.stop();
    assert!(hanging.await.unwrap().is_err());
}

#[tokio::test]
async fn refreshes_are_refused_as_the_script_says() {
    let stage = Stage::new();
    let token = seeded(&stage);
    let script = stage.sandbox.script();
    script.set(|settings| settings.refuse_refresh = Some(Refusal::new(403, "invalid_code")));
    stage.refresh(&token).await.refused(403, "invalid_code");
    script.set(|settings| settings.refuse_refresh = None);
    assert_eq!(stage.refresh(&token).await.status, StatusCode::OK);
    script.set(|settings| settings.dead_refresh = Refusal::empty(400));
    let dead = stage.refresh(&token).await;
    assert_eq!((dead.status.as_u16(), dead.body.as_str()), (400, ""));
    assert_eq!(stage.sandbox.counts().refused, 2);
}

#[tokio::test]
async fn tokens_can_die_with_each_other() {
    let stage = scripted(|settings| settings.refresh_ends_old_access = true);
    let old = stage.granted().await;
    let new = stage.refresh(text(&old, "refresh_token")).await.json();
    assert!(!stage.sandbox.is_active(text(&old, "access_token")));
    assert!(stage.sandbox.is_active(text(&new, "access_token")));
    stage.sandbox.script().set(|settings| settings.refresh_dies_with_access = true);
    stage.clock.advance(Duration::from_hours(1));
    stage.refresh(text(&new, "refresh_token")).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn a_revocation_can_take_everything() {
    let stage = scripted(|settings| settings.revokes_all_grants = true);
    let (one, other) = (stage.granted().await, stage.granted().await);
    let form = [("token", text(&one, "access_token"))];
    stage.http.post(stage.address("/revoke")).basic_auth("app", Some(SECRET)).form(&form).send().await.unwrap();
    assert!(!stage.sandbox.is_active(text(&other, "refresh_token")));
    assert_eq!(stage.sandbox.revoked_families(), 2);
}

#[tokio::test]
async fn a_device_id_is_wanted_back() {
    let stage = scripted(|settings| settings.device_id = Some("device-1".to_owned()));
    let back = stage.consent(&[], ("sub", "elle")).await;
    assert_eq!(back.get("device_id"), "device-1");
    stage.exchange(back.get("code")).await.refused(400, "invalid_grant");
    let mut exchange = exchange_fields(back.get("code")).to_vec();
    exchange.push(("device_id", "device-1"));
    let granted = stage.token(&exchange).await.json();
    let refresh = text(&granted, "refresh_token");
    stage.refresh(refresh).await.refused(400, "invalid_grant");
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh), ("device_id", "device-1")];
    assert_eq!(stage.token(&fields).await.status, StatusCode::OK);
}

#[tokio::test]
async fn userinfo_can_lie_or_be_missing() {
    let stage = Stage::new();
    let access = stage.sandbox.issue("elle", "app", "openid").access_token;
    let call = || stage.http.get(stage.address("/userinfo")).bearer_auth(access.expose_secret()).send();
    let script = stage.sandbox.script();
    script.set(|settings| settings.userinfo = Userinfo::WrongSub);
    assert_eq!(Answered::read(call().await.unwrap()).await.json()["sub"], "another-sub");
    script.set(|settings| settings.userinfo = Userinfo::Status(503));
    assert_eq!(call().await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    script.set(|settings| settings.userinfo = Userinfo::Absent);
    assert_eq!(call().await.unwrap().status(), StatusCode::NOT_FOUND);
    assert!(stage.get("/.well-known/openid-configuration").await.get("userinfo_endpoint").is_none());
}

#[tokio::test]
async fn metadata_tell_what_the_script_says() {
    let stage = Stage::new();
    let openid = "/.well-known/openid-configuration";
    let plain = stage.get(openid).await;
    assert_eq!(text(&plain, "issuer"), stage.sandbox.issuer());
    assert_eq!(plain["authorization_response_iss_parameter_supported"], true);
    assert_eq!(plain["code_challenge_methods_supported"], json!(["S256"]));
    stage.sandbox.script().set(|settings| {
        settings.issuer_ends_in_slash = true;
        settings.revocation_in_oauth_metadata_only = true;
        settings.advertise_iss = false;
    });
    let changed = stage.get(openid).await;
    assert!(text(&changed, "issuer").ends_with('/') && text(&changed, "issuer") == stage.sandbox.issuer());
    assert!(changed.get("revocation_endpoint").is_none());
    assert_eq!(changed["authorization_response_iss_parameter_supported"], false);
    let oauth = stage.get("/.well-known/oauth-authorization-server").await;
    assert_eq!(text(&oauth, "revocation_endpoint"), stage.address("/revoke"));
    stage.sandbox.script().set(|settings| settings.discovery_issuer = Some("https://evil.example".to_owned()));
    assert_eq!(text(&stage.get(openid).await, "issuer"), "https://evil.example");
    assert_eq!(stage.sandbox.counts().discovery, 4);
}

#[tokio::test]
async fn the_iss_parameter_and_the_refusal_of_consent_are_scripted() {
    let stage = Stage::new();
    let issuer = stage.sandbox.issuer();
    let wrong = format!("{issuer}/another");
    for (form, with_code, with_error) in [
        (IssParameter::Send, Some(&issuer), Some(&issuer)),
        (IssParameter::OmitOnErrors, Some(&issuer), None),
        (IssParameter::Omit, None, None),
        (IssParameter::Wrong, Some(&wrong), Some(&wrong)),
    ] {
        stage.sandbox.script().set(|settings| settings.iss = form);
        let granted = stage.consent(&[], ("sub", "elle")).await;
        let declined = stage.consent(&[], ("cancel", "yes")).await;
        assert_eq!(granted.find("iss"), with_code.map(String::as_str), "{form:?}");
        assert_eq!(declined.find("iss"), with_error.map(String::as_str), "{form:?}");
    }
    stage.sandbox.script().set(|settings| settings.declined = "consent_required".to_owned());
    assert_eq!(stage.consent(&[], ("cancel", "yes")).await.get("error"), "consent_required");
}

#[tokio::test]
async fn a_clock_that_is_ahead_shows() {
    let stage = scripted(|settings| settings.clock_ahead_seconds = 120);
    let tokens = stage.sandbox.issue("elle", "app", "openid");
    assert_eq!(tokens.expires_at.to_rfc3339(), "2026-01-02T04:06:05+00:00");
}

#[tokio::test]
async fn held_calls_wait_in_their_order() {
    let stage = Stage::new();
    let token = seeded(&stage);
    let hold = stage.sandbox.script().hold_token_calls();
    let call = || stage.token_call(&[("grant_type", "refresh_token"), ("refresh_token", &token)]).send();
    let winner = tokio::spawn(call());
    hold.wait_for_arrivals(1).await;
    let loser = tokio::spawn(call());
    hold.wait_for_arrivals(2).await;
    assert_eq!(hold.arrivals(), 2);
    assert!(stage.sandbox.is_active(&token), "a held call has spent nothing");
    hold.release_next();
    assert_eq!(winner.await.unwrap().unwrap().status(), StatusCode::OK);
    assert!(!loser.is_finished());
    drop(hold);
    assert_eq!(loser.await.unwrap().unwrap().status(), StatusCode::BAD_REQUEST);
    stage.refresh(&token).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn a_held_answer_has_done_its_work() {
    let stage = Stage::new();
    let token = seeded(&stage);
    let hold = stage.sandbox.script().hold_token_answers();
    let call = stage.token_call(&[("grant_type", "refresh_token"), ("refresh_token", &token)]);
    let waiting = tokio::spawn(call.send());
    hold.wait_for_arrivals(1).await;
    assert!(!stage.sandbox.is_active(&token) && !waiting.is_finished());
    hold.release();
    assert_eq!(waiting.await.unwrap().unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn an_answer_takes_its_time() {
    let span = (Duration::from_millis(30), Duration::from_millis(60));
    let stage = scripted(|settings| settings.answer_delay = Some(span));
    let started = std::time::Instant::now();
    stage.refresh(&seeded(&stage)).await;
    assert!(started.elapsed() >= span.0);
}
