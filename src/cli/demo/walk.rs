//! `fedlink demo --check`: walks the demo as a person would, over HTTP, moving its own clock.

use std::time::Duration;

use percent_encoding::percent_decode_str;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Method, RequestBuilder, Response};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::stage::{APP, CHALLENGE, PARTNER, PHONE, Stage, VERIFIER};
use crate::cli::output::{Output, Trouble};

/// Walks list → bind → list → fedToken → expiry → refreshed fedToken → exchange → unlink → no token, and why; then a partner's sign-in with a phone that is
/// confirmed on the way; an error names the step that failed.
pub(super) async fn walk(stage: &Stage, output: &Output) -> Result<(), Trouble> {
    let walker = Walker::new(stage)?;
    let token = walker.token().await?;
    walker.expect_links(&token, &json!([])).await?;
    say(output, "list", "alice has no links");

    let bind_code = walker.bind().await?;
    let body = json!({"bind_code": bind_code, "code_verifier": VERIFIER, "subject": "alice"});
    let complete = walker.post("/api/v2/users/current/fa/bind/complete").bearer_auth(&token).json(&body);
    walker.expect("bind", complete, 204).await?;
    say(output, "bind", "through the provider, the confirm page and the app's callback");

    let link = json!({"sid": "alice-42", "fpType": "sandbox", "fpName": "sandbox_1", "userName": "Alice at Sandbox"});
    walker.expect_links(&token, &json!([link])).await?;
    say(output, "list", "alice has one link");

    let first = walker.fed_token(&token).await?;
    say(output, "fedToken", "a token the provider accepts");
    stage.clock.advance(Duration::from_secs(20));
    let second = walker.fed_token(&token).await?;
    if first == second || stage.sandbox.counts().token_refresh != 1 {
        return Err(Trouble::say("refresh: the expiring token was not refreshed once"));
    }
    say(output, "fedToken", "a new token, refreshed since less than 30 s were left");

    let exchanged = walker.json("exchange", walker.exchange()).await?;
    if text(&exchanged, "/access_token")? != second {
        return Err(Trouble::say("exchange: it gave another token than fedToken"));
    }
    say(output, "exchange", "the same token for the one that alice sent the app");

    let path = "/api/v3/users/alice/fa/sandbox/sandbox_1/alice-42";
    walker.expect("unlink", walker.request(Method::DELETE, path).bearer_auth(&token), 204).await?;
    walker.expect_links(&token, &json!([])).await?;
    say(output, "unlink", "alice has no links");

    let refused = read("exchange", walker.expect("exchange", walker.exchange(), 400).await?).await?;
    let told = (text(&refused, "/error")?, text(&refused, "/reason")?);
    if told != ("interaction_required".to_owned(), "not_linked".to_owned()) {
        return Err(Trouble::say(format!("exchange: expected not_linked, got {refused}")));
    }
    say(output, "exchange", "no token, and why: not_linked");
    walker.partner(output).await
}

fn say(output: &Output, step: &str, words: &str) {
    output.tell(format_args!("ok      {step}: {words}"), &json!({"step": step, "ok": true}));
}

struct Walker<'a> {
    stage: &'a Stage,
    http: reqwest::Client,
}

impl<'a> Walker<'a> {
    fn new(stage: &'a Stage) -> Result<Self, Trouble> {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build();
        Ok(Self { stage, http: http.map_err(|error| Trouble::say(format!("no HTTP client: {error}")))? })
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.stage.base))
    }

    fn post(&self, path: &str) -> RequestBuilder {
        self.request(Method::POST, path)
    }

    async fn expect(&self, step: &str, request: RequestBuilder, status: u16) -> Result<Response, Trouble> {
        let answer = request.send().await.map_err(|error| Trouble::say(format!("{step}: {}", error.without_url())))?;
        if answer.status().as_u16() == status {
            return Ok(answer);
        }
        Err(Trouble::say(format!("{step}: expected {status}, got {}", answer.status())))
    }

    async fn json(&self, step: &str, request: RequestBuilder) -> Result<Value, Trouble> {
        read(step, self.expect(step, request, 200).await?).await
    }

    async fn token(&self) -> Result<String, Trouble> {
        let form = [("grant_type", "client_credentials")];
        let request = self.post("/oauth/te").basic_auth(APP, Some(self.stage.secret.expose_secret())).form(&form);
        text(&self.json("te", request).await?, "/access_token")
    }

    async fn expect_links(&self, token: &str, expected: &Value) -> Result<(), Trouble> {
        let found = self.json("list", self.request(Method::GET, "/api/v3/users/alice/fa").bearer_auth(token)).await?;
        if found == *expected {
            return Ok(());
        }
        Err(Trouble::say(format!("list: expected {expected}, got {found}")))
    }

    async fn fed_token(&self, token: &str) -> Result<String, Trouble> {
        let path = "/api/v3/users/alice/fedToken/sandbox/sandbox_1";
        let answer = self.json("fedToken", self.request(Method::GET, path).bearer_auth(token)).await?;
        let token = text(&answer, "/alice-42/token")?;
        if self.stage.sandbox.is_active(&token) {
            return Ok(token);
        }
        Err(Trouble::say("fedToken: the provider does not accept the token"))
    }

    /// A token of the provider's for the one that alice sent the app (RFC 8693).
    fn exchange(&self) -> RequestBuilder {
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("audience", "sandbox:sandbox_1"),
            ("subject_token", self.stage.user_token.expose_secret()),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ];
        self.post("/oauth/te").basic_auth(APP, Some(self.stage.secret.expose_secret())).form(&form)
    }

    /// The browser's half, without a browser; gives the bind code that came to the app's callback.
    async fn bind(&self) -> Result<String, Trouble> {
        let body = json!({"fp": "sandbox:sandbox_1", "callback": self.stage.callback(), "code_challenge": CHALLENGE});
        let password = self.stage.password.expose_secret();
        let instruct = self.post("/api/v2/users/current/fa/bind").basic_auth(APP, Some(password)).json(&body);
        let redirect_to = text(&self.json("bind", instruct).await?, "/redirectTo")?;

        let opened = self.expect("bind: open", self.http.get(&redirect_to), 303).await?;
        let cookie = header(&opened, SET_COOKIE.as_str())?;
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        let consent = self.http.post(header(&opened, LOCATION.as_str())?).form(&[("sub", "alice-42")]);
        let back = header(&self.expect("bind: consent", consent, 303).await?, LOCATION.as_str())?;
        let came_back = self.http.get(back).header(COOKIE, &cookie);
        let confirm = header(&self.expect("bind: callback", came_back, 303).await?, LOCATION.as_str())?;
        let page = self.expect("bind: confirm page", self.http.get(&confirm).header(COOKIE, &cookie), 200).await?;
        let page = page.text().await.map_err(|error| Trouble::say(format!("bind: {}", error.without_url())))?;
        let csrf = page.split_once(r#"name="csrf" value=""#).and_then(|(_, rest)| rest.split('"').next());
        let form = [("csrf", csrf.unwrap_or_default()), ("decision", "yes")];
        let decide = self.http.post(&confirm).header(COOKIE, &cookie).form(&form);
        let callback = header(&self.expect("bind: confirm", decide, 303).await?, LOCATION.as_str())?;
        let query = callback.split_once('?').map(|(_, query)| query).unwrap_or_default();
        url::form_urlencoded::parse(query.as_bytes())
            .find_map(|(name, value)| (name == "bind_code").then(|| value.into_owned()))
            .ok_or_else(|| Trouble::say("bind: no bind_code came to the callback"))
    }

    /// A sign-in with a partner's access token, and what its session opens.
    async fn partner(&self, output: &Output) -> Result<(), Trouble> {
        let (partner, client) = PARTNER;
        let callback = format!(
            "{}/api/auth/{partner}/callback?user_type=resident&client_id={client}&access_token={}",
            self.stage.origin,
            self.stage.partner_token.expose_secret()
        );
        let refused = read("partner", self.expect("partner", self.http.get(&callback), 400).await?).await?;
        let phone = text(&refused, "/errors/0/extensions/messageInterpolation/phone")?;
        say(output, "partner", "the first sign-in asks for a confirmed phone");

        let who = r#"dv: 1, sender: { dv: 1, fingerprint: "demo-app" }, captcha: "1234""#;
        let start =
            format!(r#"mutation {{ startConfirmPhoneAction(data: {{ {who}, phone: "{phone}" }}) {{ token }} }}"#);
        let token = text(&self.ask("/admin/api", None, &start).await?, "/data/startConfirmPhoneAction/token")?;
        let code = match self.stage.messages.lock().await.try_recv() {
            Ok(message) => message.code.number(),
            Err(_nothing_came) => return Err(Trouble::say("confirm: no SMS was sent")),
        };
        let complete = format!(
            r#"mutation {{ completeConfirmPhoneAction(data: {{ {who}, token: "{token}", smsCode: {code} }}) {{ status }} }}"#
        );
        text(&self.ask("/admin/api", None, &complete).await?, "/data/completeConfirmPhoneAction/status")?;
        say(output, "confirm", "by the code of an SMS");

        let confirmed = self.http.get(format!("{callback}&confirm_phone_action_token={token}"));
        let cookie = header(&self.expect("partner", confirmed, 302).await?, SET_COOKIE.as_str())?;
        say(output, "partner", "signed in, with the cookie keystone.sid");

        let encoded = cookie.strip_prefix("keystone.sid=").and_then(|rest| rest.split(';').next()).unwrap_or_default();
        let decoded = percent_decode_str(encoded).decode_utf8_lossy();
        let bearer = decoded.strip_prefix("s:").unwrap_or_default();
        let user = self.ask("/api/graphql", Some(bearer), "{ authenticatedUser { name phone } }").await?;
        let expected = json!({"data": {"authenticatedUser": {"name": "Bob at Sandbox", "phone": PHONE}}});
        if user != expected {
            return Err(Trouble::say(format!("session: expected {expected}, got {user}")));
        }
        say(output, "session", "its value is a bearer token for GraphQL");
        Ok(())
    }

    async fn ask(&self, path: &str, bearer: Option<&str>, query: &str) -> Result<Value, Trouble> {
        let mut request = self.http.post(format!("{}{path}", self.stage.origin)).json(&json!({"query": query}));
        if let Some(bearer) = bearer {
            request = request.bearer_auth(bearer);
        }
        self.json("graphql", request).await
    }
}

async fn read(step: &str, answer: Response) -> Result<Value, Trouble> {
    answer.json().await.map_err(|error| Trouble::say(format!("{step}: {}", error.without_url())))
}

fn text(value: &Value, pointer: &str) -> Result<String, Trouble> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.map(str::to_owned).ok_or_else(|| Trouble::say(format!("an answer lacks {pointer}")))
}

fn header(answer: &Response, name: &str) -> Result<String, Trouble> {
    let found = answer.headers().get(name).and_then(|value| value.to_str().ok());
    found.map(str::to_owned).ok_or_else(|| Trouble::say(format!("an answer lacks the header {name}")))
}
