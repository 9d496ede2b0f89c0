//! Token exchange (RFC 8693): a token of the user's for one of the provider's, and who gets none.

mod accounts;
mod external_secrets;
mod form;
mod libraries;
mod page;
mod reconnect;
mod whose;

use serde_json::{Value, json};

pub(crate) use crate::support::issuer::with;
use crate::support::issuer::{Issuer, Key};
use crate::support::user_mode::{AS_CONSOLE, te};
use crate::support::world::{Answer, As, Engine, World};

/// The grant type.
pub(crate) const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// The type of an access token.
pub(crate) const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// What the issuer calls the API of the console.
pub(crate) const API: &str = "https://console.example/api";

/// Exchanges with these parameters.
pub(crate) async fn exchange_with(world: &World, who: &As, token: &str, more: &[(&'static str, &str)]) -> Answer {
    let plain = [
        ("grant_type", EXCHANGE),
        ("audience", "box:box_1"),
        ("subject_token", token),
        ("subject_token_type", ACCESS_TOKEN),
    ];
    let kept = plain.into_iter().filter(|(name, _)| !more.iter().any(|(changed, _)| changed == name));
    let fields: Vec<_> = kept.chain(more.iter().copied()).filter(|(_, value)| *value != LEFT_OUT).collect();
    te(world, who, &fields).await
}

/// A parameter that is left out.
pub(crate) const LEFT_OUT: &str = "\u{1}";

/// Exchanges as the console.
pub(crate) async fn exchange(world: &World, token: &str) -> Answer {
    exchange_with(world, &AS_CONSOLE, token, &[]).await
}

/// Whether an answer is this refusal.
#[track_caller]
pub(crate) fn is(answer: &Answer, (status, error): (u16, &str), what: &str) {
    assert_eq!(answer.refusal(), (status, error.to_owned()), "{what}: {}", answer.text());
}

/// Whether an answer says that the user has to do something, and for this reason.
#[track_caller]
pub(crate) fn asks_for(answer: &Answer, reason: &str) {
    is(answer, (400, "interaction_required"), reason);
    assert_eq!(answer.json()["reason"], json!(reason));
}

/// A world that trusts an issuer at which the console has an API, and the two.
pub(crate) async fn trusting(engine: Engine) -> (World, Issuer, Key) {
    trusting_with(engine, "", |settings| settings).await
}

/// As [`trusting`], with more lines in the issuer's section, and the settings changed.
pub(crate) async fn trusting_with(
    engine: Engine,
    more: &str,
    change: impl FnOnce(String) -> String,
) -> (World, Issuer, Key) {
    let key = Key::es256(Some("1"));
    let issuer = Issuer::start(&[&key]);
    let section = issuer.section(more);
    let api = format!("at = {{ \"{}\" = {{ audiences = [\"{API}\"] }} }}\n", issuer.name);
    let world = World::start_with(engine, |settings| {
        let settings = settings.replace("[[clients]]\nid = \"rival\"", &format!("{api}[[clients]]\nid = \"rival\""));
        change(settings + &section)
    })
    .await;
    (world, issuer, key)
}

/// What a user's token says that the API of the console was sent, by some application of the issuer's.
pub(crate) fn sent_to_api(issuer: &Issuer, world: &World, sub: &str) -> Value {
    let mut claims = issuer.claims(world, sub, "orders.read");
    claims["aud"] = json!(API);
    claims["client_id"] = json!("some-web-page");
    claims
}

/// An account of the issuer's, as its user's first call makes it.
pub(crate) async fn account_of(world: &World, issuer: &Issuer, subject: &str) {
    use domain::account::AccountType;
    use service::accounts::{New, create};
    let subject = domain::ids::Subject::parse(subject).expect("a subject");
    let new = New { issuer: Some(issuer.name.clone()), ..New::bare(subject, AccountType::Staff) };
    create(&world.app.parts, new).await.expect("an account");
}
