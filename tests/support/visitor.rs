//! Somebody who signs in with a password by any of the ways, in a browser of theirs and from a network of theirs.

use serde_json::{Value, json};

use super::browser::Browser;
use super::condo::{PLAIN, by_email, by_phone, with_sessions};
use super::world::{Answer, Body, Engine, World};

/// A way to sign in with a password, and who is named by it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way<'a> {
    /// Our own page: a login.
    Page(&'a str),
    /// GraphQL: a type of user and an e-mail address.
    Email(&'a str, &'a str),
    /// GraphQL: a type of user and a phone number.
    Phone(&'a str, &'a str),
    /// GraphQL: an e-mail address, whatever the type of user.
    Plain(&'a str),
}

/// What a try came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// They are in.
    In,
    /// Something is wrong.
    Wrong,
    /// It was one too many; in so many minutes there is another.
    Later(u64),
}

impl Came {
    /// Whether it was looked at.
    pub(crate) fn is_looked_at(self) -> bool {
        !matches!(self, Self::Later(_))
    }
}

/// A world that stands still, behind a proxy of its own: tests say where tries come from.
pub(crate) async fn proxied(engine: Engine, more: &str) -> World {
    World::frozen_with(engine, |settings| behind_a_proxy(settings, more)).await
}

/// The settings of [`proxied`].
#[expect(clippy::needless_pass_by_value, reason = "as a world's settings are changed")]
pub(crate) fn behind_a_proxy(settings: String, more: &str) -> String {
    with_sessions(format!("trusted_proxies = [\"127.0.0.0/8\"]\n{settings}")) + more
}

/// An address in a network that no other number gives.
pub(crate) fn network(n: usize) -> String {
    format!("100.{}.{}.1", 64 + n / 256, n % 256)
}

/// Somebody at a browser.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    /// What it keeps.
    pub(crate) browser: Browser,
    /// Where it is.
    pub(crate) ip: String,
}

impl Visitor {
    /// At a browser that was nowhere before.
    pub(crate) fn at(ip: &str) -> Self {
        Self { browser: Browser::default(), ip: ip.to_owned() }
    }

    /// Tries to sign in; sessions are not kept.
    pub(crate) async fn tries(&mut self, world: &World, way: Way<'_>, password: &str) -> Came {
        let answer = self.asks(world, way, password).await;
        self.browser.cookies().remove("keystone.sid");
        self.browser.sign_out(world);
        match way {
            Way::Page(_) => match answer.status {
                200 | 303 => Came::In,
                422 => Came::Wrong,
                429 => {
                    let seconds: u64 = answer.header("retry-after").and_then(|text| text.parse().ok()).expect("a time");
                    Came::Later(seconds.div_ceil(60))
                }
                other => panic!("{other}: {}", answer.text()),
            },
            Way::Email(..) | Way::Phone(..) | Way::Plain(_) => {
                if answer.json().get("errors").is_none() {
                    return Came::In;
                }
                let error = answer.error();
                let told = &error["extensions"];
                match told["type"].as_str() {
                    Some("WRONG_CREDENTIALS") => Came::Wrong,
                    Some("TOO_MANY_REQUESTS") => {
                        Came::Later(told["messageInterpolation"]["minutesRemaining"].as_u64().expect("minutes"))
                    }
                    _ => panic!("{error:#}"),
                }
            }
        }
    }

    /// As [`Visitor::tries`]; gives the answer, and keeps what comes with it.
    pub(crate) async fn asks(&mut self, world: &World, way: Way<'_>, password: &str) -> Answer {
        let from = [("x-forwarded-for", self.ip.as_str())];
        let (query, variables) = match way {
            Way::Page(login) => return self.browser.try_sign_in(world, (login, password), &from).await,
            Way::Email(kind, email) => (by_email::QUERY, json!({"data": email_data(kind, email, password)})),
            Way::Phone(kind, phone) => {
                (by_phone::QUERY, json!({"data": {"userType": kind, "phone": phone, "password": password}}))
            }
            Way::Plain(email) => (PLAIN, json!({"identity": email, "secret": password})),
        };
        let body = Body::Json(json!({"query": query, "variables": variables}));
        self.browser.go_with(world, ("POST", &format!("{}/blitz/admin/api", world.base)), body, &from).await
    }
}

fn email_data(kind: &str, email: &str, password: &str) -> Value {
    let sender = json!({"dv": 1, "fingerprint": "my-integration-v1"});
    json!({"dv": 1, "sender": sender, "userType": kind, "email": email, "password": password})
}
