//! A browser's half of a bind without a browser: cookies, redirects, the sandbox's form and our confirm form.

use std::collections::BTreeMap;

use domain::ids::Subject;
use secrecy::ExposeSecret as _;
use service::sessions;

use super::world::{Answer, As, Body, CALLBACK, CHALLENGE, PUBLIC, World};
use serde_json::{Value, json};

/// Cookies of one browser.
#[derive(Debug, Default, Clone)]
pub(crate) struct Browser {
    cookies: BTreeMap<String, String>,
    /// What a proxy adds, and what it says it is.
    headers: Vec<(&'static str, String)>,
}

/// What came to the app's callback.
#[derive(Debug)]
pub(crate) struct Callback {
    /// The whole address.
    pub(crate) url: String,
    /// Its query.
    pub(crate) query: BTreeMap<String, String>,
}

/// The query of an address.
pub(crate) fn query(url: &str) -> BTreeMap<String, String> {
    url::Url::parse(url).expect("an address").query_pairs().into_owned().collect()
}

impl Browser {
    /// A browser whose proxy says that it is at this address.
    pub(crate) fn at(address: &str, agent: &str) -> Self {
        let headers = vec![("x-forwarded-for", address.to_owned()), ("user-agent", agent.to_owned())];
        Self { headers, ..Self::default() }
    }

    /// Calls fedlink at an absolute address of its own, with this browser's cookies, and keeps what it sets.
    pub(crate) async fn go(&mut self, world: &World, method: &str, url: &str, body: Body) -> Answer {
        self.go_with(world, (method, url), body, &[]).await
    }

    /// As [`Browser::go`], with more headers.
    pub(crate) async fn go_with(
        &mut self,
        world: &World,
        (method, url): (&str, &str),
        body: Body,
        headers: &[(&str, &str)],
    ) -> Answer {
        let path = url.strip_prefix(&world.base).or_else(|| url.strip_prefix(PUBLIC));
        let target = path.and_then(|path| path.strip_prefix("/blitz")).unwrap_or_else(|| panic!("{url} is not ours"));
        let cookies = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
        let mut headers = headers.to_vec();
        headers.extend(self.headers.iter().map(|(name, value)| (*name, value.as_str())));
        if !cookies.is_empty() {
            headers.push(("cookie", &cookies));
        }
        let answer = world.call_with(method, target, &As::Nobody, body, &headers).await;
        for (_, set) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, rest) = set.split_once('=').expect("a cookie");
            let value = rest.split(';').next().unwrap_or_default();
            if set.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    /// The browser's cookies, to look at or to steal.
    pub(crate) fn cookies(&mut self) -> &mut BTreeMap<String, String> {
        &mut self.cookies
    }

    /// Signs a subject in, as the sign-in page does once it believes who it is.
    pub(crate) async fn sign_in(&mut self, world: &World, subject: &str) {
        self.cookies.extend([session_cookie(world, subject).await]);
    }

    /// Forgets who is signed in.
    pub(crate) fn sign_out(&mut self, world: &World) {
        self.cookies.remove(sessions::cookie_name(&world.app.parts.settings));
    }

    /// Says yes as `user` at the sandbox; gives the address it sends the browser back to.
    pub(crate) async fn consent(&self, world: &World, authorization_url: &str, user: &'static str) -> String {
        let form = Body::Form(vec![("sub", user.to_owned())]);
        world.send("POST", authorization_url, &As::Nobody, form, &[]).await.location()
    }

    /// Opens the instruction; gives the provider's address.
    pub(crate) async fn open(&mut self, world: &World, redirect_to: &str) -> String {
        let to_provider = self.go(world, "GET", redirect_to, Body::None).await;
        assert_eq!(to_provider.status, 303, "{}", to_provider.text());
        let url = to_provider.location();
        assert!(url.starts_with(&world.sandbox.issuer()), "{url}");
        url
    }

    /// The way to the address that the provider sends the browser back to.
    pub(crate) async fn arrive(&mut self, world: &World, redirect_to: &str, user: &'static str) -> String {
        let to_provider = self.open(world, redirect_to).await;
        self.consent(world, &to_provider, user).await
    }

    /// The way to the confirm page; gives its address.
    pub(crate) async fn identify(&mut self, world: &World, redirect_to: &str, user: &'static str) -> String {
        let back = self.arrive(world, redirect_to, user).await;
        let to_confirm = self.go(world, "GET", &back, Body::None).await;
        assert_eq!(to_confirm.status, 303, "{}", to_confirm.text());
        let url = to_confirm.location();
        assert_eq!(url, format!("{redirect_to}/confirm"));
        url
    }

    /// Answers the confirm page at `url` with `decision`; gives the app's callback.
    pub(crate) async fn decide(&mut self, world: &World, url: &str, decision: &str) -> Callback {
        let page = self.go(world, "GET", url, Body::None).await;
        assert_eq!(page.status, 200, "{}", page.text());
        let csrf = field(&page.text(), "csrf");
        let form = Body::Form(vec![("csrf", csrf), ("decision", decision.to_owned())]);
        Callback::of(&self.go(world, "POST", url, form).await)
    }

    /// The whole way from the instruction's address to the app's callback, saying yes everywhere as `user`.
    pub(crate) async fn walk(&mut self, world: &World, redirect_to: &str, user: &'static str) -> Callback {
        let to_confirm = self.identify(world, redirect_to, user).await;
        self.decide(world, &to_confirm, "yes").await
    }
}

impl Callback {
    /// The callback that an answer redirects to.
    pub(crate) fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status, 303, "{}", answer.text());
        let url = answer.location();
        assert!(url.starts_with("https://app.example/"), "{url}");
        Self { query: query(&url), url }
    }

    /// One parameter.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }
}

/// The cookie, name and value, of a browser in which a subject has signed in.
pub(crate) async fn session_cookie(world: &World, subject: &str) -> (String, String) {
    let parts = &world.app.parts;
    let cookie = sessions::start(parts, Subject::parse(subject).expect("a subject"), None).await.expect("a session");
    (sessions::cookie_name(&parts.settings).to_owned(), cookie.value.expose_secret().to_owned())
}

/// The value of a hidden field of a form.
pub(crate) fn field(html: &str, name: &str) -> String {
    let start = format!("name=\"{name}\" value=\"");
    let rest = html.split_once(&start).unwrap_or_else(|| panic!("no field {name} in {html}")).1;
    rest.split('"').next().unwrap_or_default().to_owned()
}

/// The instruction that most tests ask for.
pub(crate) fn instruction() -> Value {
    json!({"fp": "box:box_1", "callback": CALLBACK, "code_challenge": CHALLENGE})
}

/// The instruction for a link that the person completes who is signed in.
pub(crate) fn persons_instruction() -> Value {
    json!({"fp": "box:box_1", "callback": CALLBACK})
}

/// Asks for an instruction as `who`; gives the address to open.
pub(crate) async fn instruct(world: &World, who: &As) -> String {
    instruct_with(world, who, instruction()).await
}

/// Asks for this instruction; gives the address to open.
pub(crate) async fn instruct_with(world: &World, who: &As, instruction: Value) -> String {
    let answer = world.call("POST", "/api/v2/users/current/fa/bind", who, Body::Json(instruction)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["redirectTo"].as_str().expect("an address").to_owned()
}

/// Completes a bind with a code for `subject`, by the verifier given.
pub(crate) async fn complete(world: &World, who: &As, bind_code: &str, (verifier, subject): (&str, &str)) -> Answer {
    let body = json!({"bind_code": bind_code, "code_verifier": verifier, "subject": subject});
    world.call("POST", "/api/v2/users/current/fa/bind/complete", who, Body::Json(body)).await
}
