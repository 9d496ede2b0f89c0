//! A partner whose access tokens sign users in: the sandbox, asked for its userinfo.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::world::{Answer, As, Body, World};

/// Signs the sessions.
pub(crate) const COOKIE_SECRET: &str = "a secret that signs sessions";
/// The partner's name, the client's id and the kind of identity, as the documentation calls them.
pub(crate) const SDK: &str = "test-sdk";
/// The client whose users need no phone confirmed here.
pub(crate) const LENIENT: &str = "lenient";

/// The settings with sessions, and the partner [`SDK`]: its client `test-client-id` as an operator would begin with, and
/// [`LENIENT`], which trusts what it is told and wants no phone confirmed. `more` goes into the settings of that.
pub(crate) fn with_partner(settings: &str, more: &str) -> String {
    let issuer = settings.split_once("issuer = \"").and_then(|(_, rest)| rest.split('"').next()).expect("an issuer");
    format!(
        r#"{settings}
[session]
secret = "{COOKIE_SECRET}"
[limits]
sign_in_per_hour = 100000
[[partners]]
name = "{SDK}"
trust_phone = true
trust_email = true
[partners.clients.test-client-id]
identity_type = "{SDK}"
user_info_url = "{issuer}/userinfo"
[partners.clients.{LENIENT}]
identity_type = "{SDK}"
user_info_url = "{issuer}/userinfo"
require_confirmed_phone = false
{more}
"#
    )
}

/// [`with_partner`], where [`LENIENT`] trusts phones and e-mail addresses.
pub(crate) fn trusting(settings: &str) -> String {
    with_partner(settings, "trust_phone = true\ntrust_email = true")
}

/// A text as it stands in a query.
pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

impl World {
    /// An access token of the partner's. Its userinfo is what the sandbox's script says.
    pub(crate) fn partner_token(&self) -> String {
        self.sandbox.issue("somebody", "their-app", "openid").access_token.expose_secret().to_owned()
    }

    /// What the partner's userinfo says from now on, of everybody.
    pub(crate) fn userinfo(&self, claims: &Value) {
        let claims = claims.as_object().expect("an object").clone();
        self.sandbox.script().set(|script| script.claims = claims);
    }

    /// Calls fedlink at the root, as partners do; the answer is held against openapi.yaml.
    pub(crate) async fn visit(&self, target: &str, headers: &[(&str, &str)]) -> Answer {
        let answer = self.send("GET", &format!("{}{target}", self.served_at), &As::Nobody, Body::None, headers).await;
        answer.hold("GET", target);
        answer
    }

    /// Comes back to the callback as a resident of [`LENIENT`], with a fresh token.
    pub(crate) async fn arrive(&self) -> Answer {
        self.arrive_as("resident").await
    }

    /// As [`World::arrive`], as a user of this type.
    pub(crate) async fn arrive_as(&self, user_type: &str) -> Answer {
        self.visit(&self.callback(user_type, LENIENT), &[]).await
    }

    /// The address of the callback, with a fresh token.
    pub(crate) fn callback(&self, user_type: &str, client: &str) -> String {
        let token = encoded(&self.partner_token());
        format!("/api/auth/{SDK}/callback?user_type={user_type}&client_id={client}&access_token={token}")
    }

    /// Who is signed in with this cookie, as the page at `/` calls them; `None`: nobody.
    pub(crate) async fn at_home(&self, cookie: &str) -> Option<String> {
        self.whoever(&[("cookie", cookie)]).await
    }

    /// Who is signed in with these headers, as the page at `/` calls them.
    pub(crate) async fn whoever(&self, headers: &[(&str, &str)]) -> Option<String> {
        let page = self.visit("/", headers).await;
        assert_eq!(page.status, 200, "{}", page.text());
        let page = page.text();
        if !page.contains("<h1>You are signed in</h1>") {
            assert!(page.contains("<h1>You are signed out</h1>"), "{page}");
            return None;
        }
        let name = page.split_once("<dd><bdi>").and_then(|(_, rest)| rest.split_once("</bdi>"));
        Some(name.map_or("", |(name, _)| name).to_owned())
    }
}

/// The one cookie that an answer sets, as a browser sends it back: `keystone.sid=…`.
pub(crate) fn cookie(answer: &Answer) -> String {
    let set: Vec<_> = answer.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| value).collect();
    let [cookie] = set.as_slice() else { panic!("{} cookies in {answer:?}", set.len()) };
    cookie.split(';').next().unwrap_or_default().to_owned()
}

/// The token in a cookie by the recipe that partners have: decodeURIComponent, then without the `s:`.
pub(crate) fn bearer(cookie: &str) -> String {
    let value = cookie.strip_prefix("keystone.sid=").expect("the cookie's name");
    let decoded = percent_encoding::percent_decode_str(value).decode_utf8().expect("text");
    decoded.strip_prefix("s:").expect("the prefix").to_owned()
}

/// The type of a refusal, with its status.
pub(crate) fn refused(answer: &Answer) -> (u16, String) {
    let kind = answer.json()["errors"][0]["extensions"]["type"].as_str().unwrap_or_default().to_owned();
    (answer.status, kind)
}
