//! The application of a site's settings, `console`, as it calls a program that serves them.

use serde_json::Value;

use super::program::Running;
use super::site::CONSOLE_SECRET;

/// A client for loopback.
pub(crate) fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().expect("a client for loopback")
}

/// Its token, as the README fetches one.
pub(crate) async fn caller(serving: &Running) -> String {
    caller_by(serving, CONSOLE_SECRET).await
}

/// The same, by another secret than the README's.
pub(crate) async fn caller_by(serving: &Running, secret: &str) -> String {
    let asked = http().post(format!("{}/blitz/oauth/te", serving.base_url)).basic_auth("console", Some(secret));
    let answer = asked.form(&[("grant_type", "client_credentials")]).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let answer: Value = answer.json().await.expect("JSON");
    answer["access_token"].as_str().expect("a token").to_owned()
}

/// What it is answered of a user; `path` begins with their id.
pub(crate) async fn get(serving: &Running, path: &str) -> (u16, Value) {
    let url = format!("{}/blitz/api/v3/users/{path}", serving.base_url);
    let answer = http().get(url).bearer_auth(caller(serving).await).send().await.expect("an answer");
    (answer.status().as_u16(), answer.json().await.expect("JSON"))
}
