//! One peculiar provider, and how a link to it is played from the browser to its end.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use sandbox::{Answer as Shape, Refusal, Settings};

use crate::support::browser::{Browser, Callback, complete, instruct};
use crate::support::fed::{asked, fed_token, health, token};
use crate::support::world::{As, Body, CONSOLE, CONSOLE_PASSWORD, Engine, VERIFIER, World};

const BASIC: As = As::Basic(CONSOLE, CONSOLE_PASSWORD);
/// The life of the sandbox's access tokens, in seconds.
const LIFE: u64 = 3600;

/// What a link to a provider comes to when its token has run out.
pub(super) enum End {
    /// Four callers at once get one new token, by one refresh; and again the next time.
    Fresh,
    /// As `Fresh`, where asked before the token has run out; after that, it is over.
    FreshAhead,
    /// Nobody said when it runs out: the token is served as it is, and nobody is asked.
    Served,
    /// One failure, then a new token as soon as the provider may be asked again.
    Passes(Shape),
    /// The refresh token is refused like this: the user is needed, and nobody is asked again.
    NeedsConsent(Refusal),
    /// There never was a refresh token.
    Nothing,
    /// There is no link: the user said no, in the provider's way.
    Declined,
}

/// One provider.
pub(super) struct Row {
    pub(super) name: &'static str,
    /// How it behaves.
    pub(super) script: Box<dyn Fn(&mut Settings)>,
    /// What fedlink's settings say of it.
    pub(super) settings: Box<dyn Fn(String) -> String>,
    /// The account's id there.
    pub(super) sid: &'static str,
    pub(super) end: End,
}

/// One that behaves so, of which the settings say nothing more.
pub(super) fn row(name: &'static str, script: impl Fn(&mut Settings) + 'static, end: End) -> Row {
    Row { name, script: Box::new(script), settings: Box::new(|settings| settings), sid: "oleg", end }
}

impl Row {
    /// With these lines under the provider's settings, in place of those of the same key.
    pub(super) fn with(mut self, lines: impl Into<String>) -> Self {
        let lines = lines.into();
        self.settings = Box::new(move |settings| {
            let new: Vec<&str> = lines.lines().filter_map(|line| line.split_once(" = ")).map(|(key, _)| key).collect();
            let kept = settings.lines().filter(|line| !new.iter().any(|key| line.starts_with(&format!("{key} = "))));
            kept.chain(lines.lines()).collect::<Vec<_>>().join("\n") + "\n"
        });
        self
    }

    async fn play(&self, engine: Engine) {
        let world = World::frozen_with(engine, |settings| (self.settings)(settings)).await;
        world.account("alice").await;
        world.sandbox.script().set(|settings| (self.script)(settings));
        if let End::Declined = self.end {
            return self.declines(&world).await;
        }
        bind(&world, self.name).await;
        let console = world.console().await;
        let first = self.token(&world, &console).await;
        assert!(world.sandbox.is_active(&first), "{}", self.name);
        assert_eq!(asked(&world), 0, "{}: just linked", self.name);
        match &self.end {
            End::Fresh => {
                let second = self.refreshes(&world, LIFE + 1, "", &first).await;
                self.refreshes(&world, LIFE + 1, "", &second).await;
            }
            End::FreshAhead => {
                let second = self.refreshes(&world, LIFE - 300, "?force=true", &first).await;
                self.refreshes(&world, LIFE - 300, "?force=true", &second).await;
                world.advance(LIFE + 1);
                self.is_over(&world).await;
            }
            End::Served => {
                world.advance(LIFE / 2);
                let console = world.console().await;
                let served = fed_token(&world, &console, "").await;
                assert_eq!(token(&served, self.sid), first, "{}", self.name);
                assert!(served.json()[self.sid].get("expiresOn").is_none(), "{}: {}", self.name, served.text());
                assert_eq!(asked(&world), 0, "{}", self.name);
            }
            End::Passes(shape) => self.passes(&world, shape, &first).await,
            End::NeedsConsent(refusal) => {
                world.sandbox.script().set(|settings| settings.refuse_refresh = Some(refusal.clone()));
                world.advance(LIFE + 1);
                self.is_over(&world).await;
            }
            End::Nothing => {
                world.advance(LIFE + 1);
                let console = world.console().await;
                let none = fed_token(&world, &console, "").await;
                assert_eq!(none.refusal(), (404, "token_not_found".to_owned()), "{}", self.name);
                assert_eq!(asked(&world), 0, "{}", self.name);
            }
            End::Declined => unreachable!("handled above"),
        }
        assert_eq!(world.sandbox.revoked_families(), 0, "{}", self.name);
    }

    async fn token(&self, world: &World, console: &As) -> String {
        let answer = fed_token(world, console, "").await;
        assert_eq!(answer.status, 200, "{}: {}", self.name, answer.text());
        token(&answer, self.sid)
    }

    /// After `seconds` four callers get a token unlike `old`, by one refresh.
    async fn refreshes(&self, world: &World, seconds: u64, query: &str, old: &str) -> String {
        world.advance(seconds);
        let (console, before) = (world.console().await, asked(world));
        let answers = join_all((0..4).map(|_| fed_token(world, &console, query))).await;
        let tokens: Vec<String> = answers
            .iter()
            .map(|answer| {
                assert_eq!(answer.status, 200, "{}: {}", self.name, answer.text());
                token(answer, self.sid)
            })
            .collect();
        let new = tokens[0].clone();
        assert!(tokens.iter().all(|token| *token == new) && new != old, "{}", self.name);
        assert!(world.sandbox.is_active(&new), "{}", self.name);
        assert_eq!(asked(world), before + 1, "{}", self.name);
        assert_eq!(health(world, &console, self.sid).await, "ok", "{}", self.name);
        new
    }

    async fn passes(&self, world: &World, shape: &Shape, first: &str) {
        world.advance(LIFE + 1);
        let console = world.console().await;
        world.sandbox.script().next_answers(1, shape);
        let failed = fed_token(world, &console, "").await;
        assert_eq!(failed.refusal(), (503, "provider_unavailable".to_owned()), "{}", self.name);
        assert_eq!(health(world, &console, self.sid).await, "degraded", "{}", self.name);
        let wait = failed.header("retry-after").and_then(|text| text.parse().ok()).expect("a Retry-After");
        self.refreshes(world, wait, "", first).await;
    }

    /// The user is needed, and the provider is left alone.
    async fn is_over(&self, world: &World) {
        let (console, before) = (world.console().await, asked(world));
        for query in ["", "?force=true"] {
            let none = fed_token(world, &console, query).await;
            assert_eq!(none.refusal(), (404, "token_not_found".to_owned()), "{}", self.name);
        }
        assert_eq!(health(world, &console, self.sid).await, "needs_consent", "{}", self.name);
        assert_eq!(asked(world), before + 1, "{}", self.name);
    }

    async fn declines(&self, world: &World) {
        let redirect_to = instruct(world, &BASIC).await;
        let mut browser = Browser::default();
        let url = browser.open(world, &redirect_to).await;
        let cancel = Body::Form(vec![("cancel", "yes".to_owned())]);
        let back = world.send("POST", &url, &As::Nobody, cancel, &[]).await.location();
        let callback = Callback::of(&browser.go(world, "GET", &back, Body::None).await);
        assert_eq!((callback.get("status"), callback.get("error")), ("error", "access_denied"), "{}", self.name);
    }
}

/// Links alice to oleg, all the way through the browser, completed by the app.
pub(crate) async fn bind(world: &World, name: &str) {
    let redirect_to = instruct(world, &BASIC).await;
    let back = Browser::default().walk(world, &redirect_to, "oleg").await;
    assert_eq!(back.get("status"), "pending", "{name}: {}", back.url);
    let done = complete(world, &BASIC, back.get("bind_code"), (VERIFIER, "alice")).await;
    assert_eq!(done.status, 204, "{name}: {}", done.text());
}

/// Plays one after the other.
pub(super) async fn play(engine: Engine, rows: Vec<Row>) {
    for row in rows {
        // The steps of a bind fail without knowing whose they are.
        let played = AssertUnwindSafe(Box::pin(row.play(engine))).catch_unwind().await;
        assert!(played.is_ok(), "{}", row.name);
    }
}
