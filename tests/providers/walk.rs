//! A preset, walked: linked through the browser, its tokens run out, lost, refused, linked again, revoked.

use std::fmt::Write as _;
use std::path::Path;

use sandbox::{Answer as Shape, ClientKey, Settings as Script};
use serde_json::{Value, json};
use service::revoke;
use settings::{Configuration, Known, Literals, Provider};
use tempfile::TempDir;

use super::door::Door;
use super::keys;
use super::manners::{Lost, Manners, Proofs};
use super::signer;
use crate::support::browser::{Browser, Callback, complete, field, instruct};
use crate::support::world::{Answer, As, Body, CONSOLE, CONSOLE_PASSWORD, VERIFIER, World};

const BASIC: As = As::Basic(CONSOLE, CONSOLE_PASSWORD);

/// A preset on its way, and what an operator writes over it.
pub(super) struct Walk<'a> {
    world: &'a World,
    known: Known<'a>,
    manners: &'a Manners,
    subject: String,
    provider: Provider,
    /// What stands around the provider.
    _around: Around,
}

/// What an operator has beside the settings.
struct Around {
    folder: TempDir,
    door: Option<Door>,
}

impl<'a> Walk<'a> {
    /// Served with the preset, whose addresses are the sandbox's, and `over` it.
    pub(super) fn start(
        world: &'a World,
        known: Known<'a>,
        manners: &'a Manners,
        (subject, over): (&str, &str),
    ) -> Self {
        world.sandbox.script().set(|script| *script = Script::default());
        let around = Around {
            folder: tempfile::tempdir().expect("a folder"),
            door: manners.tls_client.then(|| Door::before(&world.sandbox.issuer())),
        };
        let (pem, public) = keys::pair("ES256");
        let key = ClientKey { algorithm: "ES256", public, issuer: Some("TEAM".to_owned()) };
        let signer = signer::write(&around.folder).public;
        let entry = entry(world, known, &pem, &around) + over;
        let provider = effective(&entry);
        let way = format!("{:?}", provider.client_auth).to_lowercase().replace("signedsecret", "signed_secret");
        world.sandbox.script().set(|script| manners.play(script, Proofs { way, key, signer }));
        let ca = around.door.as_ref().map(Door::ca_line).unwrap_or_default();
        world.decide(|text| {
            let bare = text.lines().filter(|line| !line.starts_with("ca_file = ")).collect::<Vec<_>>().join("\n");
            ca + bare.split("[[providers]]").next().unwrap_or_default() + &entry
        });
        Self { world, known, manners, subject: subject.to_owned(), provider, _around: around }
    }

    /// From the first no to the last revocation.
    pub(super) async fn whole(&self) {
        self.world.account(&self.subject).await;
        self.declines().await;
        let sid = self.links().await;
        let first = self.serves(&sid).await;
        if self.manners.refreshes() {
            let second = self.refreshes(&sid, &first).await;
            self.refreshes(&sid, &second).await;
            self.loses(&sid).await;
            self.is_refused(&sid).await;
        } else {
            self.world.advance(self.manners.life() + 1);
            assert_eq!(self.fetch("").await.refusal(), (404, "token_not_found".to_owned()), "{}", self.known.name);
        }
        self.links().await;
        self.is_unlinked(&sid).await;
        if self.manners.refuses_access() {
            self.is_reported(&sid).await;
        }
    }

    /// Whatever the vendor calls it, the user said no.
    async fn declines(&self) {
        let mut browser = Browser::default();
        let url = browser.open(self.world, &instruct(self.world, &BASIC).await).await;
        let callback = Callback::of(&self.answered(&mut browser, &url, ("cancel", "yes")).await);
        assert_eq!((callback.get("status"), callback.get("error")), ("error", "access_denied"), "{}", self.known.name);
    }

    /// Says this at the provider; gives what our callback answers.
    async fn answered(&self, browser: &mut Browser, url: &str, (name, value): (&'static str, &str)) -> Answer {
        let form = Body::Form(vec![(name, value.to_owned())]);
        let sent = self.world.send("POST", url, &As::Nobody, form, &[]).await;
        if sent.status == 303 {
            return browser.go(self.world, "GET", &sent.location(), Body::None).await;
        }
        let html = sent.text();
        let action = html.split_once("action=\"").expect("a form").1.split('"').next().unwrap_or_default().to_owned();
        let names =
            ["state", "code", "error", "iss"].into_iter().filter(|name| html.contains(&format!("name=\"{name}\"")));
        let fields: Vec<_> =
            names.map(|name| (name, field(&html, name))).chain([("fedlink_again", "1".to_owned())]).collect();
        browser.go(self.world, "POST", &action, Body::Form(fields)).await
    }

    /// Links; gives the account's id, which is the one that the vendor's page names.
    pub(super) async fn links(&self) -> String {
        let (mut browser, redirect_to) = (Browser::default(), instruct(self.world, &BASIC).await);
        let url = browser.open(self.world, &redirect_to).await;
        let arrived = self.answered(&mut browser, &url, ("sub", "oleg")).await;
        assert_eq!(arrived.status, 303, "{}: {}", self.known.name, arrived.text());
        assert_eq!(arrived.location(), format!("{redirect_to}/confirm"), "{}", self.known.name);
        let back = browser.decide(self.world, &arrived.location(), "yes").await;
        let done = complete(self.world, &BASIC, back.get("bind_code"), (VERIFIER, &self.subject)).await;
        assert_eq!(done.status, 204, "{}: {}", self.known.name, done.text());
        let link = self.link().await;
        let (sid, is_one) =
            (link["sid"].as_str().expect("a sid").to_owned(), self.provider.sid.matches('{').count() == 1);
        let is_named = if is_one { sid == self.manners.sid } else { sid.contains(&self.manners.sid) };
        assert!(is_named, "{}: {sid}", self.known.name);
        if self.manners.name.is_some() {
            assert!(link["userName"].as_str().is_some_and(|name| !name.is_empty()), "{}: {link}", self.known.name);
        }
        sid
    }

    async fn link(&self) -> Value {
        let console = self.world.console().await;
        let list = format!("/api/v3/users/{}/fa?detail=true", self.subject);
        let list = self.world.call("GET", &list, &console, Body::None).await.json();
        list.as_array().and_then(|links| links.last()).cloned().unwrap_or_else(|| panic!("{}: {list}", self.known.name))
    }

    async fn fetch(&self, query: &str) -> Answer {
        let console = self.world.console().await;
        let target = format!("/api/v3/users/{}/fedToken/box/box_1{query}", self.subject);
        self.world.call("GET", &target, &console, Body::None).await
    }

    /// A token that the provider takes.
    pub(super) async fn serves(&self, sid: &str) -> String {
        let answer = self.fetch("").await;
        let fields = answer.json()[sid].get("fields").cloned().unwrap_or_else(|| json!({}));
        let told = self.manners.handed_on(&self.provider);
        assert_eq!(fields, Value::Object(told), "{}", self.known.name);
        self.token(&answer, sid)
    }

    /// A token without a refresh token that its user has revoked is served no more once an API has refused it.
    async fn is_reported(&self, sid: &str) {
        self.world.sandbox.script().set(|script| script.refresh_tokens = false);
        self.links().await;
        let token = self.serves(sid).await;
        self.world.sandbox.revoke(&token, "fedlink");
        self.world.advance(31);
        let console = self.world.console().await;
        let target = format!("/api/v3/users/{}/fedToken/box/box_1/rejected", self.subject);
        let report = Body::Json(json!({"sid": sid, "token": token}));
        let told = self.world.call("POST", &target, &console, report).await;
        assert_eq!(told.json()["reason"], "needs_consent", "{}: {}", self.known.name, told.text());
        self.unlink(sid).await;
    }

    async fn unlink(&self, sid: &str) {
        let console = self.world.console().await;
        let path = percent_encoding::utf8_percent_encode(sid, percent_encoding::NON_ALPHANUMERIC);
        let target = format!("/api/v3/users/{}/fa/box/box_1/{path}", self.subject);
        let gone = self.world.call("DELETE", &target, &console, Body::None).await;
        assert_eq!(gone.status, 204, "{}: {}", self.known.name, gone.text());
    }

    fn token(&self, answer: &Answer, sid: &str) -> String {
        assert_eq!(answer.status, 200, "{}: {}", self.known.name, answer.text());
        let token = answer.json()[sid]["token"].as_str().expect("a token").to_owned();
        assert!(self.world.sandbox.is_active(&token), "{}", self.known.name);
        token
    }

    fn asked(&self) -> u64 {
        self.world.sandbox.counts().token_refresh
    }

    /// Once it has run out there is another, by one request; one whose refresh token dies with it is asked for ahead.
    pub(super) async fn refreshes(&self, sid: &str, old: &str) -> String {
        let before = self.asked();
        let answer = self.run_out().await;
        let new = self.token(&answer, sid);
        assert!(new != old && self.asked() == before + 1, "{}", self.known.name);
        new
    }

    async fn run_out(&self) -> Answer {
        if self.manners.dies_with_access() {
            assert!(self.provider.refresh_dies_with_access, "{} is refreshed too late", self.known.name);
            self.world.advance(self.manners.life() - 300);
            self.fetch("?force=true").await
        } else {
            self.world.advance(self.manners.life() + 1);
            self.fetch("").await
        }
    }

    /// A refresh whose answer gets lost: where the spent token is dead by that, the user is told what happened.
    async fn loses(&self, sid: &str) {
        if self.manners.dies_with_access() {
            return;
        }
        self.world.sandbox.script().next_answers(1, &Shape::CloseMidBody);
        let mut answer = self.run_out().await;
        for _ in 0..3 {
            let Some(wait) = answer.header("retry-after").and_then(|text| text.parse().ok()) else { break };
            self.world.advance(wait);
            answer = self.fetch("").await;
        }
        match self.manners.lost() {
            Lost::Nothing => drop(self.token(&answer, sid)),
            Lost::ForGood => {
                assert_eq!(answer.refusal(), (404, "token_not_found".to_owned()), "{}", self.known.name);
                assert_eq!(answer.json()["reason"], "lost_in_flight", "{}", self.known.name);
                self.links().await;
            }
        }
    }

    /// Refused in the vendor's words, the link needs its user, and nobody is asked again.
    async fn is_refused(&self, sid: &str) {
        let refusal = self.manners.dead_refresh();
        self.world.sandbox.script().set(|script| script.refuse_refresh = Some(refusal));
        let before = self.asked();
        self.world.advance(self.manners.life() - 300);
        let ahead = self.fetch("?force=true").await;
        assert_eq!(ahead.status, 200, "{}: it is good for five minutes", self.known.name);
        self.world.advance(301);
        let answer = self.fetch("").await;
        assert_eq!(answer.json()["reason"], "needs_consent", "{}: {}", self.known.name, answer.text());
        assert_eq!(self.asked(), before + 1, "{}: {sid}", self.known.name);
        self.world.sandbox.script().set(|script| script.refuse_refresh = None);
    }

    /// What no link needs any more is revoked, where the vendor has that.
    async fn is_unlinked(&self, sid: &str) {
        let held = self.serves(sid).await;
        self.unlink(sid).await;
        revoke::run_due(&self.world.current.take()).await.expect("the queue is worked off");
        if self.manners.revocation.is_some() {
            assert!(!self.world.sandbox.is_active(&held), "{} is not told", self.known.name);
        }
    }
}

/// The entry of the settings that an operator would write, but for the addresses, which are the sandbox's.
fn entry(world: &World, known: Known<'_>, pem: &str, around: &Around) -> String {
    let mut entry = format!(
        "[[providers]]\ntype = \"box\"\nname = \"box_1\"\npreset = {}\nclient_id = \"fedlink\"\nexclusive = false\n",
        json!(known.name)
    );
    let left_open = known.left_open();
    let is_open = |key: &str| left_open.iter().any(|(open, _)| *open == key);
    if is_open("client_secret") {
        entry.push_str("client_secret = \"sandbox-secret\"\n");
    }
    if is_open("client_key") {
        _ = write!(entry, "client_key = \"{pem}\"\nclient_key_id = \"k\"\nclient_key_issuer = \"TEAM\"\n");
    }
    if is_open("client_command") {
        _ = writeln!(entry, "client_command = [{}]", json!(around.folder.path().join("sign")));
    }
    if is_open("userinfo_params") {
        entry.push_str("userinfo_params = { application_key = \"CPUBLIC\" }\n");
    }
    if is_open("tls_certificate") {
        entry.push_str(&around.door.as_ref().expect("its pages ask for a certificate").certificate());
    }
    let set = |key: &str| known.settings().find(|(set, _)| *set == key).map(|(_, value)| value);
    // Only the browser comes without a certificate.
    let of_clients = around.door.as_ref().map_or_else(|| world.sandbox.issuer(), Door::address);
    for (key, path) in [
        ("issuer", ""),
        ("authorization_endpoint", "/authorize"),
        ("token_endpoint", "/token"),
        ("userinfo_endpoint", "/userinfo"),
        ("jwks_uri", "/jwks"),
        ("revocation_endpoint", "/revoke"),
    ] {
        if set(key).is_some() || is_open(key) {
            let query = set(key).and_then(toml::Value::as_str).and_then(|address| address.split_once('?'));
            let query = query.map_or_else(String::new, |(_, query)| format!("?{query}"));
            let base = if ["issuer", "authorization_endpoint"].contains(&key) {
                world.sandbox.issuer()
            } else {
                of_clients.clone()
            };
            _ = writeln!(entry, "{key} = \"{base}{path}{query}\"");
        }
    }
    entry
}

/// What the settings say of the provider.
fn effective(entry: &str) -> Provider {
    let text = format!("public_url = \"https://a.example\"\n{entry}");
    let read = Configuration::parse(&text, Path::new(""), &|_| None, Literals::Allow);
    let read = read.unwrap_or_else(|errors| panic!("{errors}"));
    read.settings.providers.into_values().next().expect("one provider")
}
