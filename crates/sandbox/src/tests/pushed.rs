//! Pushed authorization requests (RFC 9126).

use reqwest::StatusCode;
use serde_json::Value;
use url::Url;

use super::{Answered, SECRET, Stage, callback, text};

impl Stage {
    /// Pushes the request of [`Stage::authorization_url`], authenticated in the body.
    async fn push(&self, changes: &[(&str, &str)], secret: &str) -> Answered {
        let mut fields: Vec<(String, String)> = self.authorization_url(changes).query_pairs().into_owned().collect();
        fields.push(("client_secret".to_owned(), secret.to_owned()));
        Answered::read(self.http.post(self.address("/par")).form(&fields).send().await.unwrap()).await
    }

    fn pushed_url(&self, client_id: &str, pushed: &Value) -> Url {
        let fields = [("client_id", client_id), ("request_uri", text(pushed, "request_uri"))];
        Url::parse_with_params(&self.address("/authorize"), fields).unwrap()
    }
}

#[tokio::test]
async fn a_pushed_request_is_answered_once_within_a_minute() {
    let stage = Stage::new();
    stage.sandbox.script().set(|settings| settings.require_par = true);
    assert_eq!(stage.get("/.well-known/openid-configuration").await["require_pushed_authorization_requests"], true);
    let plain = stage.http.get(stage.authorization_url(&[])).send().await.unwrap();
    assert_eq!(plain.status(), StatusCode::BAD_REQUEST, "it was not pushed");

    let pushed = stage.push(&[], SECRET).await;
    assert_eq!(pushed.status, StatusCode::CREATED);
    let pushed = pushed.json();
    assert_eq!(pushed["expires_in"], 60);
    let foreign = stage.http.get(stage.pushed_url("post", &pushed)).send().await.unwrap();
    assert_eq!(foreign.status(), StatusCode::BAD_REQUEST, "another client's");
    let url = stage.pushed_url("app", &pushed);
    // To look at it, even twice, is not to answer.
    for _ in 0..2 {
        assert_eq!(stage.http.get(url.clone()).send().await.unwrap().status(), StatusCode::OK);
    }
    let answer = stage.http.post(url.clone()).form(&[("sub", "elle")]).send().await.unwrap();
    assert_eq!(callback(&answer).get("state"), "a state");
    assert_eq!(stage.http.get(url.clone()).send().await.unwrap().status(), StatusCode::BAD_REQUEST, "it is spent");

    let late = stage.pushed_url("app", &stage.push(&[], SECRET).await.json());
    stage.clock.advance(std::time::Duration::from_mins(1));
    assert_eq!(stage.http.get(late).send().await.unwrap().status(), StatusCode::BAD_REQUEST);
    assert_eq!(stage.sandbox.counts().pushed, 2);
}

#[tokio::test]
async fn what_is_pushed_is_checked_at_once() {
    let stage = Stage::new();
    stage.push(&[], "wrong").await.refused(401, "invalid_client");
    stage.push(&[("client_id", "")], SECRET).await.refused(401, "invalid_client");
    stage.push(&[("redirect_uri", "https://evil.example/")], SECRET).await.refused(400, "invalid_request");
    stage.push(&[("code_challenge", "")], SECRET).await.refused(400, "invalid_request");
    stage.push(&[("scope", "everything")], SECRET).await.refused(400, "invalid_scope");
    stage.push(&[("request_uri", "urn:x")], SECRET).await.refused(400, "invalid_request");
}
