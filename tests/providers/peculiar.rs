//! Every peculiar provider that somebody ran into: linked through the browser, its token run out, asked again.

use std::time::Duration;

use sandbox::{
    Answer as Shape, ClientAuth, ClientKey, ExpiresIn, IdTokenForm, IssParameter, Pkce, Refusal, Rotation,
    ScriptedScope, Settings, Signing, Userinfo,
};
use serde_json::json;

use super::keys;
use super::row::{End, Row, bind, play, row};
use crate::support::world::{World, both_engines};

/// A secret that differs by how it is written down.
const ODD_SECRET: &str = "s3cr+t/: %ü";

/// The same provider, which requires authorization requests to be pushed as well.
fn pushed(mut row: Row) -> Row {
    let script = row.script;
    row.script = Box::new(move |settings| {
        script(settings);
        settings.require_par = true;
    });
    row
}

/// A client of fedlink's that signs: what its settings say, and what the provider knows.
fn signing(auth: ClientAuth, algorithm: &'static str) -> Row {
    let (pem, public) = keys::pair(algorithm);
    let (name, way, issuer) = match auth {
        ClientAuth::SignedSecret => ("signed_secret", "client_key_issuer = \"TEAM\"", Some("TEAM".to_owned())),
        _ => ("private_key_jwt", "", None),
    };
    let key = ClientKey { algorithm, public, issuer };
    let script = move |settings: &mut Settings| {
        settings.client_auth = Some(auth);
        settings.client_key = Some(key.clone());
    };
    let lines = format!(
        "client_auth = \"{name}\"\nclient_key = \"{pem}\"\nclient_key_id = \"k\"\nclient_key_alg = \"{algorithm}\"\n{way}"
    );
    let mut row = row(algorithm, script, End::Fresh).with(lines);
    let settings = row.settings;
    row.settings = Box::new(move |text| {
        settings(text).lines().filter(|line| !line.starts_with("client_secret = ")).collect::<Vec<_>>().join("\n")
    });
    row
}

/// How the refresh token lives and dies.
fn refresh_tokens() -> Vec<Row> {
    let dead = |name, refusal: Refusal, listed: &str| {
        row(name, |_| {}, End::NeedsConsent(refusal)).with(format!("dead_errors = [\"{listed}\"]"))
    };
    vec![
        row("rotates, and revokes the family on reuse", |to| to.rotation = Rotation::Strict, End::Fresh),
        row("rotates with a grace window", |to| to.rotation = Rotation::Grace(Duration::from_mins(1)), End::Fresh)
            .with("reuse_window = \"1m\""),
        row("never rotates", |to| to.rotation = Rotation::Never, End::Fresh).with("rotates = false"),
        row("leaves the refresh token out", |to| to.rotation = Rotation::OmitOnRefresh, End::Fresh),
        row("old access token dies on refresh", |to| to.refresh_ends_old_access = true, End::Fresh),
        row("refresh token dies with the access token", |to| to.refresh_dies_with_access = true, End::FreshAhead)
            .with("refresh_dies_with_access = true"),
        row("gives no refresh token", |to| to.refresh_tokens = false, End::Nothing),
        row("refuses", |_| {}, End::NeedsConsent(Refusal::new(400, "invalid_grant"))),
        dead("refuses by an empty 400", Refusal::empty(400), "status:400"),
        dead("refuses by invalid_request", Refusal::new(400, "invalid_request"), "invalid_request"),
        dead("refuses by invalid_code", Refusal::new(400, "invalid_code"), "invalid_code"),
        dead("refuses by 403", Refusal::empty(403), "status:403"),
        dead("refuses in a 200", Refusal::new(200, "bad_refresh_token"), "bad_refresh_token"),
        row("wants its device_id again", |to| to.device_id = Some("device & 1".to_owned()), End::Fresh)
            .with("resent_params = [\"device_id\", \"state\"]"),
    ]
}

/// What token answers look like.
fn answers() -> Vec<Row> {
    let grace = |to: &mut Settings| to.rotation = Rotation::Grace(Duration::from_mins(10));
    let shape = |shape: Shape| move |to: &mut Settings| to.answer = shape.clone();
    let expires = |form: ExpiresIn| move |to: &mut Settings| to.expires_in = form;
    let mut vk = row(
        "names the user in the token answer",
        |to| {
            to.extra_fields.insert("user_id".to_owned(), json!(42));
            to.userinfo = Userinfo::Absent;
        },
        End::Fresh,
    )
    .with("kind = \"oauth2\"\nsid = \"{user_id}\"\nuser_name = \"\"");
    vk.sid = "42";
    vec![
        vk,
        row("omits expires_in", expires(ExpiresIn::Absent), End::Served),
        row("omits expires_in, by its preset an hour", expires(ExpiresIn::Absent), End::Fresh)
            .with("lifetime = \"1h\""),
        row("expires_in is a text", expires(ExpiresIn::Text), End::Fresh),
        row("expires_in is 0", expires(ExpiresIn::Zero), End::Served),
        row("expires_in is 0, by its preset an hour", expires(ExpiresIn::Zero), End::Fresh).with("lifetime = \"1h\""),
        row("answers form-encoded", shape(Shape::FormEncoded), End::Fresh),
        row("leaves out token_type", |to| to.token_type = None, End::Fresh),
        row("no scope on refresh", |to| to.scope = ScriptedScope::NotOnRefresh, End::Fresh),
        row("no scope anywhere", |to| to.scope = ScriptedScope::Never, End::Fresh),
        row("grants less", |to| to.granted_scope = Some("openid".to_owned()), End::Fresh),
        row("64 KiB tokens", |to| to.token_length = 64 * 1024, End::Fresh),
        row("tokens that are not ASCII", |to| to.non_ascii_tokens = true, End::Fresh),
        row("an HTML error page", |_| {}, End::Passes(Shape::Html502)),
        row("200 with an error", |_| {}, End::Passes(Shape::OkWithError("temporarily_unavailable".to_owned()))),
        row("closes mid-body", grace, End::Passes(Shape::CloseMidBody)),
        row("half a JSON", grace, End::Passes(Shape::TruncatedJson)),
        row("429 with Retry-After", |_| {}, End::Passes(Shape::Status(429, Some(90)))),
        row("503", |_| {}, End::Passes(Shape::Status(503, None))),
    ]
}

/// How it is talked to, and what it says of itself.
fn manners() -> Vec<Row> {
    let client = |auth: ClientAuth| {
        move |to: &mut Settings| {
            to.client_auth = Some(auth);
            to.client_secret = Some(ODD_SECRET.to_owned());
        }
    };
    let secret = |way: &str| format!("client_auth = \"{way}\"\nclient_secret = \"{ODD_SECRET}\"");
    let mut slash = row("its issuer ends in a slash", |to| to.issuer_ends_in_slash = true, End::Fresh);
    slash.settings =
        Box::new(|settings| settings.replace("\"\nclient_id = \"fedlink\"", "/\"\nclient_id = \"fedlink\""));
    let mut public = row("a public client", |to| to.client_auth = Some(ClientAuth::None), End::Fresh);
    public.settings =
        Box::new(|settings| settings.replace("client_secret = \"sandbox-secret\"", "client_auth = \"none\""));
    vec![
        row("Basic, form-encoded", client(ClientAuth::Basic), End::Fresh).with(secret("basic")),
        row("Basic, raw", client(ClientAuth::BasicRaw), End::Fresh).with(secret("basic_raw")),
        row("in the body", client(ClientAuth::Post), End::Fresh).with(secret("post")),
        public,
        signing(ClientAuth::PrivateKeyJwt, "ES256"),
        signing(ClientAuth::PrivateKeyJwt, "RS256"),
        signing(ClientAuth::PrivateKeyJwt, "PS256"),
        signing(ClientAuth::SignedSecret, "ES256"),
        slash,
        row("revocation in RFC 8414 alone", |to| to.revocation_in_oauth_metadata_only = true, End::Fresh),
        row("requires pushed requests", |to| to.require_par = true, End::Fresh),
        pushed(signing(ClientAuth::PrivateKeyJwt, "ES256")),
        row("iss without promising it", |to| to.advertise_iss = false, End::Fresh),
        row("iss not with errors", |to| to.iss = IssParameter::OmitOnErrors, End::Declined),
        row("declines as user_cancelled_login", |to| to.declined = "user_cancelled_login".to_owned(), End::Declined),
        row(
            "LinkedIn: no PKCE, no nonce",
            |to| {
                to.pkce = Pkce::Refused;
                to.id_token = IdTokenForm::MissingNonce;
            },
            End::Fresh,
        )
        .with("pkce = false\nnonce = false"),
        row("commas between scopes", |to| to.scope_separator = ',', End::Fresh).with("scope_separator = \",\""),
        row(
            "a parameter of its own for tokens",
            |to| to.token_param = Some(("resource".to_owned(), "https://api.example/?a=b&c".to_owned())),
            End::Fresh,
        )
        .with("token_params = { resource = \"https://api.example/?a=b&c\" }"),
        tenants("[\"*\"]"),
        tenants("[\"9122040d-6c67-4c5b-b112-36a304b66dad\", \"00000000-0000-0000-0000-000000000000\"]"),
        beside_a_bot(),
        row("no PKCE, but a nonce", |to| to.pkce = Pkce::Refused, End::Fresh).with("pkce = false"),
        row("PKCE, but no nonce", |to| to.id_token = IdTokenForm::MissingNonce, End::Fresh).with("nonce = false"),
        row("declines as consent_required", |to| to.declined = "consent_required".to_owned(), End::Declined),
        row("no userinfo", |to| to.userinfo = Userinfo::Absent, End::Fresh),
        row("a name in userinfo alone", |to| to.lean_id_token = true, End::Fresh),
        row("signs by RS256", |to| to.signing = Signing::Rs256, End::Fresh),
        row("its clock is 2 minutes ahead", |to| to.clock_ahead_seconds = 120, End::Fresh),
        row("its clock is 2 minutes behind", |to| to.clock_ahead_seconds = -120, End::Fresh),
    ]
}

/// Entra's `organizations`: metadata for many tenants, and an `id_token` of one.
fn tenants(allowed: &str) -> Row {
    let script = |to: &mut Settings| to.tenant = Some("9122040d-6c67-4c5b-b112-36a304b66dad".to_owned());
    let mut row = row("many tenants", script, End::Fresh).with(format!("tenants = {allowed}"));
    row.sid = "9122040d-6c67-4c5b-b112-36a304b66dad.oleg";
    row
}

/// Slack's users' tokens: beside a bot's, which is nobody's business.
fn beside_a_bot() -> Row {
    let script = |to: &mut Settings| {
        to.tokens_in = Some("authed_user");
        to.extra_fields.insert("team".to_owned(), json!({"id": "T1"}));
        to.userinfo = Userinfo::Absent;
    };
    let lines =
        "kind = \"oauth2\"\ntoken_path = \"authed_user\"\nsid = \"{team.id}.{authed_user.id}\"\nuser_name = \"\"";
    let mut row = row("a user's tokens beside a bot's", script, End::Fresh).with(lines);
    row.sid = "T1.oleg";
    row
}

both_engines! {
    async fn whatever_becomes_of_refresh_tokens_is_dealt_with(engine: Engine) {
        play(engine, refresh_tokens()).await;
    }

    async fn whatever_an_answer_looks_like_is_read(engine: Engine) {
        play(engine, answers()).await;
    }

    async fn whatever_a_provider_wants_of_its_client_is_done(engine: Engine) {
        play(engine, manners()).await;
    }

    async fn a_provider_that_changes_its_signing_keys_is_still_believed(engine: Engine) {
        let world = World::frozen(engine).await;
        world.account("alice").await;
        bind(&world, "the first key").await;
        world.sandbox.add_key().expect("a key");
        // A kid nobody knows yet has the keys fetched anew, once a minute at most.
        world.advance(61);
        bind(&world, "a second key").await;
        world.sandbox.rotate_keys().expect("a key");
        world.advance(61);
        bind(&world, "the old ones are gone").await;
        assert_eq!(world.sandbox.counts().jwks, 3);
    }
}
