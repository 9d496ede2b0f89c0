//! Others' client libraries as they are: what they get here, how they are refused, and what their callers learn of it.

use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::{ACCESS_TOKEN, EXCHANGE, account_of, sent_to_api, trusting_with, with};
use crate::support::fed::lasting;
use crate::support::issuer::{Issuer, Key};
use crate::support::oauth_library::{Library, Outcome};
use crate::support::world::{As, CONSOLE, CONSOLE_SECRET, Engine, World, both_engines};

/// An exchange of this token, for this provider.
fn exchange_of(token: &str, audience: &str) -> (&'static str, Value) {
    let parameters = json!({
        "grant_type": EXCHANGE, "audience": audience, "subject_token": token, "subject_token_type": ACCESS_TOKEN,
    });
    ("grant", parameters)
}

/// Where fedlink's authorization server is.
fn us(world: &World) -> String {
    format!("{}/blitz", world.base)
}

/// A world with alice, who has an account at the provider, and bob, who has none; and the token that alice has there.
async fn two_users(engine: Engine, change: impl FnOnce(String) -> String) -> (World, Issuer, Key, String) {
    let (world, issuer, key) = trusting_with(engine, "", change).await;
    for user in ["alice", "bob"] {
        account_of(&world, &issuer, user).await;
    }
    let held = lasting(&world, "1", 600).await.access_token.expose_secret().to_owned();
    (world, issuer, key, held)
}

/// Whether the library's error says this, and why if it says so.
#[track_caller]
fn is_refused(outcome: &Outcome, (status, error): (u16, &str), reason: Option<&str>) {
    let told = outcome.threw();
    assert_eq!((&told["status"], &told["error"]), (&json!(status), &json!(error)), "{told}");
    assert!(told["error_description"].as_str().is_some_and(|words| !words.is_empty()), "{told}");
    assert_eq!(told.get("reason").cloned(), reason.map(|reason| json!(reason)), "{told}");
}

/// Whether the library gave this token, as an exchange gives it.
#[track_caller]
fn is_exchanged(outcome: &Outcome, held: &str) {
    let gave = outcome.gave();
    assert_eq!((&gave["access_token"], &gave["issued_token_type"]), (&json!(held), &json!(ACCESS_TOKEN)));
    assert!(gave["token_type"].as_str().is_some_and(|told| told.eq_ignore_ascii_case("bearer")), "{gave}");
    assert!((500..=600).contains(&gave["expires_in"].as_i64().expect("a number")), "{gave}");
}

/// A token of the client's own: got, described, revoked, and then nothing.
async fn its_own_token(library: Library, world: &World, who: &Value) {
    let issuer = us(world);
    let asked = [("credentials", json!({"scope": "fed_tkn_any"}))];
    let [own] = library.ask(&issuer, who, asked).await;
    let token = json!({"token": own.gave()["access_token"]});
    let steps = [("introspect", token.clone()), ("revoke", token.clone()), ("introspect", token)];
    let [before, revoked, after] = library.ask(&issuer, who, steps).await;
    let before = before.gave();
    assert_eq!(
        (&before["active"], &before["client_id"], &before["scope"]),
        (&json!(true), &json!(CONSOLE), &json!("fed_tkn_any"))
    );
    assert_eq!(revoked.gave(), &Value::Null);
    assert_eq!(after.gave(), &json!({"active": false}));
}

async fn by_a_secret(library: Library, engine: Engine) {
    let (world, issuer, key, held) = two_users(engine, |settings| settings).await;
    let good = sent_to_api(&issuer, &world, "alice");
    let (token, of_bob) = (key.sign(&good), key.sign(&sent_to_api(&issuer, &world, "bob")));
    let not_for_us = key.sign(&with(&good, "aud", json!("https://other.example/api")));
    let As::Bearer(rivals) = world.user("rival", "alice", &["fed_tkn_any"]).await else { unreachable!("a bearer") };
    for method in ["client_secret_basic", "client_secret_post"] {
        let who = json!({"id": CONSOLE, "method": method, "secret": CONSOLE_SECRET});
        let steps = [
            ("metadata", json!({})),
            exchange_of(&token, "box:box_1"),
            exchange_of(&not_for_us, "box:box_1"),
            exchange_of(&rivals, "box:box_1"),
            exchange_of(&token, "box:box_2"),
            exchange_of(&of_bob, "box:box_1"),
            ("revoke", json!({"token": rivals})),
        ];
        let [metadata, exchanged, other_api, anothers, unknown, not_linked, not_revoked] =
            library.ask(&us(&world), &who, steps).await;
        let grants = metadata.gave()["grant_types_supported"].as_array().cloned().unwrap_or_default();
        assert!(grants.contains(&json!(EXCHANGE)), "{grants:?}");
        is_exchanged(&exchanged, &held);
        is_refused(&other_api, (400, "invalid_request"), None);
        is_refused(&anothers, (400, "invalid_request"), None);
        is_refused(&unknown, (400, "invalid_target"), None);
        is_refused(&not_linked, (400, "interaction_required"), Some("not_linked"));
        assert_eq!(not_revoked.threw()["error"], json!("unauthorized_client"));
        its_own_token(library, &world, &who).await;
        let stranger = json!({"id": CONSOLE, "method": method, "secret": "not-the-secret-of-tests"});
        let [refused] = library.ask(&us(&world), &stranger, [exchange_of(&token, "box:box_1")]).await;
        is_refused(&refused, (401, "invalid_client"), None);
    }
}

async fn by_an_assertion(library: Library, own: Key, engine: Engine) {
    let without_a_secret = |settings: String| {
        let proof = format!("public_key = \"\"\"\n{}\"\"\"", own.pem());
        let settings = settings.replacen(&format!("secret = \"{CONSOLE_SECRET}\""), &proof, 1);
        // Codes are redeemed with a secret.
        settings.replacen("redirect_uris = [", "# [", 1)
    };
    let (world, issuer, key, held) = two_users(engine, without_a_secret).await;
    let (token, of_bob) =
        (key.sign(&sent_to_api(&issuer, &world, "alice")), key.sign(&sent_to_api(&issuer, &world, "bob")));
    let who = json!({"id": CONSOLE, "method": "private_key_jwt", "key": own.private_pem()});
    let steps = [
        ("metadata", json!({})),
        exchange_of(&token, "box:box_1"),
        exchange_of(&token, "box:box_1"),
        exchange_of(&of_bob, "box:box_1"),
    ];
    let [metadata, exchanged, again, not_linked] = library.ask(&us(&world), &who, steps).await;
    let methods = metadata.gave()["token_endpoint_auth_methods_supported"].as_array().cloned().unwrap_or_default();
    assert!(methods.contains(&json!("private_key_jwt")), "{methods:?}");
    is_exchanged(&exchanged, &held);
    is_exchanged(&again, &held);
    is_refused(&not_linked, (400, "interaction_required"), Some("not_linked"));
    its_own_token(library, &world, &who).await;
    let forged = json!({"id": CONSOLE, "method": "private_key_jwt", "key": Key::rsa(None).private_pem()});
    // What Authlib says for whom it is, where it is told nothing.
    let for_the_endpoint = with(&who, "aud", json!(format!("{}/oauth/te", us(&world))));
    let wrong = if library == Library::Authlib { vec![forged, for_the_endpoint] } else { vec![forged] };
    for who in wrong {
        let [refused] = library.ask(&us(&world), &who, [exchange_of(&token, "box:box_1")]).await;
        is_refused(&refused, (401, "invalid_client"), None);
    }
}

both_engines! {
    async fn openid_client_exchanges_by_a_secret(engine: Engine) {
        by_a_secret(Library::OpenidClient, engine).await;
    }

    async fn authlib_exchanges_by_a_secret(engine: Engine) {
        by_a_secret(Library::Authlib, engine).await;
    }

    async fn openid_client_exchanges_by_an_assertion(engine: Engine) {
        for own in [Key::rsa(None), Key::es256(None)] {
            by_an_assertion(Library::OpenidClient, own, engine).await;
        }
    }

    async fn authlib_exchanges_by_an_assertion(engine: Engine) {
        by_an_assertion(Library::Authlib, Key::rsa(None), engine).await;
    }
}
