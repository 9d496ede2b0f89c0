//! What a change of an account ends (`domain::endings`), by whichever way it is made: sessions, tokens, codes, binds.

use std::collections::BTreeMap;

use domain::entropy::SystemEntropy;
use domain::ids::Subject;
use serde_json::{Value, json};
use service::accounts::{self, Standing};

use crate::support::browser::{Browser, instruct};
use crate::support::database::{Sql, count, texts};
use crate::support::office::{Office, to};
use crate::support::partner::trusting;
use crate::support::person::{PASSWORD, email, person, phone};
use crate::support::world::{As, CONSOLE, World, both_engines};
use service::accounts::New;

const ELLE: &str = "elle";
/// What stands open in somebody's name, by table.
const TABLES: [&str; 7] = [
    "sessions",
    "condo_sessions",
    "oauth_tokens",
    "oauth_refresh_tokens",
    "oauth_codes",
    "confirm_phone_actions",
    "flows",
];

/// Opens one of each in a subject's name, a second Condo session beside the first; gives the first.
async fn open_all(office: &Office, subject: &str) -> As {
    let world = &office.world;
    let first = office.sign_in(subject, PASSWORD).await;
    open_the_rest(world, subject).await;
    office.sign_in(subject, PASSWORD).await;
    first
}

/// One of each that is not of the Condo dialect.
async fn open_the_rest(world: &World, subject: &str) {
    Browser::default().sign_in(world, subject).await;
    let token = world.user(CONSOLE, subject, &["blitz_api_ufa", "blitz_api_ufa_chg"]).await;
    instruct(world, &token).await;
    let (family, random) =
        ("9f2c1c4e-6a53-4c0e-9d53-1f2a3b4c5d6e", SystemEntropy::shared().uuid().simple().to_string());
    let (hash, at) = if world.database_url.starts_with("sqlite:") {
        (format!("x'{random}{random}'"), "9000000000000000".to_owned())
    } else {
        (format!("decode('{random}{random}', 'hex')"), "now() + interval '1 day'".to_owned())
    };
    Sql::open(&world.database_url)
        .await
        .run(&format!(
            "INSERT INTO oauth_codes (code_hash, client, subject, redirect_uri, scope, code_challenge, family, used, expires)
             VALUES ({hash}, 'console', '{subject}', 'https://a.example/', '', '', '{family}', false, {at});
             INSERT INTO oauth_refresh_tokens (token_hash, client, subject, scope, family, used, expires)
             VALUES ({hash}, 'console', '{subject}', '', '{family}', false, {at});
             INSERT INTO confirm_phone_actions (token_hash, purpose, phone, subject, code_mac, code_expires, retries, verified,
                 completed, expires, created) VALUES ({hash}, 'sf:', '+79991112233', '{subject}', {hash}, {at}, 0, false, NULL, {at}, {at});"
        ))
        .await;
}

/// How many of each are there.
async fn open(world: &World, subject: &str) -> BTreeMap<&'static str, usize> {
    let mut open = BTreeMap::new();
    for table in TABLES {
        let query = format!("SELECT subject AS value FROM {table} WHERE subject = '{subject}'");
        open.insert(table, texts(&world.database_url, &query).await.len());
    }
    open
}

fn all_but(kept: &[(&'static str, usize)]) -> BTreeMap<&'static str, usize> {
    let mut open: BTreeMap<&'static str, usize> = TABLES.map(|table| (table, 0)).into();
    open.extend(kept.iter().copied());
    open
}

async fn is_signed_in(office: &Office, who: &As) -> bool {
    office.world.ask(who, "{ authenticatedUser { id } }").await.json()["data"]["authenticatedUser"]["id"].is_string()
}

/// The changes that end something, as an administrator makes them.
fn changes(set: &str) -> Vec<Value> {
    vec![
        json!({"password": "another password"}),
        json!({"email": "elle.woods@example.com", "isEmailVerified": true}),
        json!({"isEmailVerified": false}),
        json!({"phone": "+79991234567"}),
        json!({"phone": "+79991234567", "isPhoneVerified": true}),
        json!({"isTwoFactorAuthenticationEnabled": true}),
        json!({"isAdmin": true}),
        json!({"isSupport": true}),
        json!({"rightsSet": to(set)}),
    ]
}

both_engines! {
    async fn what_a_change_by_somebody_else_ends(engine: Engine) {
        let office = Office::open(engine).await;
        let world = &office.world;
        let set = office.made("UserRightsSet", json!({"name": "Some"})).await;
        let before = json!({
            "password": PASSWORD, "email": "elle@example.com", "isEmailVerified": true, "phone": null, "isAdmin": false,
            "isSupport": false, "isTwoFactorAuthenticationEnabled": false, "rightsSet": {"disconnectAll": true},
        });
        office.staff(ELLE).await;
        office.staff("bystander").await;
        open_the_rest(world, "bystander").await;
        let bystanders = open(world, "bystander").await;
        for change in changes(&set) {
            office.changed("User", ELLE, before.clone()).await;
            let session = open_all(&office, ELLE).await;
            let standing = open(world, ELLE).await;
            assert!(standing.values().all(|open| *open > 0), "{standing:?}");
            office.changed("User", ELLE, change.clone()).await;
            assert_eq!(open(world, ELLE).await, all_but(&[]), "{change}");
            assert!(!is_signed_in(&office, &session).await, "{change}");
        }
        // What lets nobody in and out ends nothing.
        office.changed("User", ELLE, before).await;
        let session = open_all(&office, ELLE).await;
        let standing = open(world, ELLE).await;
        for change in [json!({"name": "Elle"}), json!({"meta": {"a": 1}}), json!({"email": "elle@example.com", "isAdmin": false})] {
            office.changed("User", ELLE, change.clone()).await;
            assert_eq!(open(world, ELLE).await, standing, "{change}");
        }
        assert!(is_signed_in(&office, &session).await);
        assert_eq!(open(world, "bystander").await, bystanders);
        let lines = "SELECT detail AS value FROM audit WHERE event = 'FEDERATION_BIND_REFUSED'";
        let lines = texts(&world.database_url, lines).await;
        assert!(lines.len() >= changes(&set).len() && lines.iter().all(|why| why == "account_changed"), "{lines:?}");
    }

    async fn whoever_changes_their_own_keeps_the_session_they_do_it_with(engine: Engine) {
        let office = Office::open(engine).await;
        let world = &office.world;
        let set = office.made("UserRightsSet", json!({"name": "Some"})).await;
        let before = json!({
            "password": PASSWORD, "email": "elle@example.com", "isEmailVerified": true, "phone": null, "isAdmin": true,
            "isSupport": false, "isTwoFactorAuthenticationEnabled": false, "rightsSet": {"disconnectAll": true},
        });
        office.person(ELLE, Standing { is_admin: true, ..Standing::default() }).await;
        for mut change in changes(&set) {
            if change == json!({"isAdmin": true}) {
                change = json!({"isAdmin": false});
            }
            office.changed("User", ELLE, before.clone()).await;
            let session = open_all(&office, ELLE).await;
            office.update(&session, "User", (ELLE, change.clone()), "id").await.data();
            assert_eq!(open(world, ELLE).await, all_but(&[("condo_sessions", 1)]), "{change}");
            assert!(is_signed_in(&office, &session).await, "{change}");
        }
    }

    async fn what_disabling_and_enabling_end(engine: Engine) {
        let office = Office::open(engine).await;
        let world = &office.world;
        office.staff(ELLE).await;
        let elle = || Subject::parse(ELLE).expect("a subject");
        for by_command in [true, false] {
            let session = open_all(&office, ELLE).await;
            let sessions = open(world, ELLE).await["condo_sessions"];
            if by_command {
                accounts::disable(&world.app.parts, elle()).await.expect("it is disabled");
            } else {
                office.changed("User", ELLE, json!({"deletedAt": "2026-01-01T00:00:00Z"})).await;
            }
            // Condo's clients are told by name that the user is deleted: those sessions are there, and open nothing.
            assert_eq!(open(world, ELLE).await, all_but(&[("condo_sessions", sessions)]), "{by_command}");
            let told = world.ask(&session, "{ authenticatedUser { id } }").await;
            assert_eq!(told.error()["name"], "AccessDeniedError");
            if by_command {
                accounts::enable(&world.app.parts, elle()).await.expect("it is enabled");
            } else {
                office.changed("User", ELLE, json!({"deletedAt": null})).await;
            }
            assert_eq!(open(world, ELLE).await, all_but(&[]), "{by_command}");
            assert!(!is_signed_in(&office, &session).await);
        }
    }

    async fn what_the_commands_end(engine: Engine) {
        let office = Office::open(engine).await;
        let world = &office.world;
        office.staff(ELLE).await;
        let elle = || Subject::parse(ELLE).expect("a subject");
        open_all(&office, ELLE).await;
        accounts::set_password(&world.app.parts, elle(), PASSWORD.into()).await.expect("it is set");
        assert_eq!(open(world, ELLE).await, all_but(&[]));
        open_all(&office, ELLE).await;
        accounts::remove(&world.app.parts, elle()).await.expect("it is gone");
        assert_eq!(open(world, ELLE).await, all_but(&[]));
    }

    /// Whoever had the old password is no longer known where they used it.
    async fn known_places_end_with_the_password(engine: Engine) {
        let office = Office::open(engine).await;
        let world = &office.world;
        for (change, are_left) in [
            (json!({"phone": "+79991234567"}), true), (json!({"isTwoFactorAuthenticationEnabled": true}), true),
            (json!({"isTwoFactorAuthenticationEnabled": false}), true), (json!({"password": PASSWORD}), false),
        ] {
            if count(world, "accounts").await == 1 {
                office.staff(ELLE).await;
            }
            office.changed("User", ELLE, change.clone()).await;
            let query = "SELECT kind AS value FROM known_places WHERE subject = 'elle' ORDER BY kind";
            let known = texts(&world.database_url, query).await;
            assert_eq!(!known.is_empty(), are_left, "{change}: {known:?}");
        }
    }

    /// A partner's user gets, or takes, an address.
    async fn an_address_that_a_partner_moves_ends_what_was_open(engine: Engine) {
        let world = World::start_with(engine, |settings| trusting(&settings)).await;
        world.person(New { phone: Some(phone("+79990001234", true)), ..person("found") }).await;
        world.person(New { email: Some(email("new@example.com", false)), ..person("claims") }).await;
        for subject in ["found", "claims"] {
            open_the_rest(&world, subject).await;
        }
        world.userinfo(&json!({ "sub": "1", "phone_number": "+79990001234", "email": "new@example.com" }));
        assert_eq!(world.arrive().await.status, 302);
        assert_eq!(open(&world, "claims").await, all_but(&[]), "whoever had it");
        assert_eq!(open(&world, "found").await, all_but(&[("condo_sessions", 1)]), "whoever gets it, but for the way in");
        // Another time nothing changes, and nothing ends.
        open_the_rest(&world, "found").await;
        assert_eq!(world.arrive().await.status, 302);
        assert!(open(&world, "found").await.values().all(|open| *open > 0));
        assert_eq!(count(&world, "links").await, 1);
    }

    /// A grant that a bind under way holds is given back to the provider.
    async fn a_bind_that_ends_so_leaves_no_grant_behind(engine: Engine) {
        let office = Office::open(engine).await;
        let world = &office.world;
        office.staff(ELLE).await;
        let token = world.user(CONSOLE, ELLE, &["blitz_api_ufa_chg"]).await;
        let redirect_to = instruct(world, &token).await;
        let mut browser = Browser::default();
        let back = browser.arrive(world, &redirect_to, "oleg").await;
        browser.go(world, "GET", &back, crate::support::world::Body::None).await;
        assert_eq!((count(world, "flows").await, count(world, "revocations").await), (1, 0));
        office.changed("User", ELLE, json!({"isTwoFactorAuthenticationEnabled": true})).await;
        assert_eq!((count(world, "flows").await, count(world, "revocations").await), (0, 1));
    }
}
