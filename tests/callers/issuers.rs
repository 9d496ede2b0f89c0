//! JWTs of an authorization server that was there before us: which are callers, whose they are, and which are nobody's.

use futures_util::future::join_all;
use serde_json::{Value, json};

use domain::account::AccountType;
use service::accounts::New;

use crate::support::database::{execute, texts};
use crate::support::issuer::{AUDIENCE, Issuer, Key, with};
use crate::support::site::{Site, provider};
use crate::support::user_mode::{AS_CONSOLE, introspect};
use crate::support::world::{Answer, As, Body, CONSOLE, Engine, World, both_engines};

pub(super) const DENIED: (u16, &str) = (401, "bad_access_token");
pub(super) const LIST: &str = "blitz_api_ufa";

pub(super) async fn list(world: &World, who: &As, subject: &str) -> Answer {
    world.call("GET", &format!("/api/v3/users/{subject}/fa"), who, Body::None).await
}

#[track_caller]
pub(super) fn is(answer: &Answer, (status, error): (u16, &str), what: &str) {
    assert_eq!(answer.refusal(), (status, error.to_owned()), "{what}");
}

/// A world that trusts this issuer, whose settings have more lines.
pub(super) async fn trusting(engine: Engine, issuer: &Issuer, more: &str) -> World {
    let section = issuer.section(more);
    World::start_with(engine, |settings| settings + &section).await
}

/// An issuer with one key, and who trusts it.
pub(super) async fn one(engine: Engine) -> (World, Issuer, Key) {
    let key = Key::es256(Some("1"));
    let issuer = Issuer::start(&[&key]);
    let world = trusting(engine, &issuer, "").await;
    (world, issuer, key)
}

/// The accounts there are: subject and issuer.
pub(super) async fn accounts(world: &World) -> Vec<String> {
    let query = "SELECT subject || ' of ' || coalesce(issuer, 'ours') AS value FROM accounts ORDER BY subject";
    texts(&world.database_url, query).await
}

#[test]
fn the_operator_makes_accounts_ahead_and_checks_the_issuers_keys() {
    let sandbox = provider();
    let mut site = Site::new(Engine::Sqlite, &sandbox.issuer());
    let issuer = sandbox.issuer();
    let trusted = format!("\n[[issuers]]\nissuer = \"{issuer}\"\naudience = \"us\"\nsubject_prefix = \"sso:\"\n");
    site.settings.push_str(&trusted);
    let told = site.run(&["check"]);
    assert!(told.good().contains(&format!("ok      {issuer}: 1 signing keys\n")), "{told:?}");
    let create = |id: &str, issuer: &str| site.run(&["account", "create", "--id", id, "--issuer", issuer]);
    create("sso:alice", &issuer).good();
    let shown: Value =
        serde_json::from_str(site.run(&["account", "show", "sso:alice", "--json"]).good()).expect("JSON");
    assert_eq!((&shown["issuer"], &shown["hasPassword"]), (&json!(issuer), &json!(false)));
    assert!(site.run(&["account", "show", "sso:alice"]).good().contains(&format!("a user of {issuer}, no password")));
    assert!(create("alice", &issuer).complaint().contains("id must begin with \"sso:\""));
    assert!(create("sso:bob", "https://stranger.example").complaint().contains("issuer is none of [[issuers]]"));
    sandbox.stop();
    let told = site.run(&["check"]);
    assert!(told.stdout.contains(&format!("FAILED  {issuer}: no connection\n")), "{told:?}");
}

both_engines! {
    async fn an_issuers_token_is_a_caller_in_user_mode(engine: Engine) {
        let (world, issuer, key) = one(engine).await;
        let alice = issuer.token(&world, &key, ("alice", LIST));
        for _ in 0..2 {
            let answer = list(&world, &alice, "alice").await;
            assert_eq!((answer.status, answer.json()), (200, json!([])), "its first token makes the account");
        }
        is(&list(&world, &alice, "bob").await, DENIED, "another's links");
        assert_eq!(accounts(&world).await, [format!("alice of {}", issuer.name)]);
        let made = "SELECT subject || ' by ' || client AS value FROM audit WHERE event = 'ACCOUNT_CREATED'";
        assert_eq!(texts(&world.database_url, made).await, ["alice by console"]);
        let As::Bearer(token) = &alice else { unreachable!("a bearer") };
        assert_eq!(introspect(&world, &AS_CONSOLE, token).await, json!({"active": false}), "it is not ours to describe");
        assert_eq!(issuer.asked("/jwks"), 1);
    }

    async fn a_token_that_is_not_for_us_now_is_nobodys(engine: Engine) {
        let (world, issuer, key) = one(engine).await;
        let good = issuer.claims(&world, "alice", LIST);
        let now = world.now().timestamp();
        let claims = [
            ("iss", Value::Null), ("iss", json!("https://evil.example")), ("iss", json!(format!("{}/", issuer.name))),
            ("iss", json!([issuer.name])),
            ("aud", Value::Null), ("aud", json!("another")), ("aud", json!("Fedlink")), ("aud", json!(["another"])),
            ("aud", json!([])), ("aud", json!({"fedlink": 1})),
            ("exp", Value::Null), ("exp", json!(now)), ("exp", json!(now - 1)), ("exp", json!("2999-01-01")),
            ("exp", json!(-1)), ("exp", json!(1e300)),
            ("nbf", json!(now + 300)), ("nbf", json!("soon")), ("iat", json!(now + 300)),
            ("sub", Value::Null), ("sub", json!("")), ("sub", json!(1)), ("sub", json!("a\u{0}")), ("sub", json!("x".repeat(256))),
            ("client_id", Value::Null), ("client_id", json!("stranger")), ("client_id", json!("")), ("client_id", json!([CONSOLE])),
        ];
        for (claim, value) in claims {
            let token = As::Bearer(key.sign(&with(&good, claim, value.clone())));
            is(&list(&world, &token, "alice").await, DENIED, &format!("{claim}: {value}"));
        }
        let headers = [
            ("typ", Value::Null), ("typ", json!("JWT")), ("typ", json!("id_token+jwt")), ("typ", json!("at+jwt ")),
            ("crit", json!(["exp"])),
        ];
        for (name, value) in headers {
            let token = As::Bearer(key.sign_with(&with(&key.header(), name, value.clone()), &good));
            is(&list(&world, &token, "alice").await, DENIED, &format!("{name}: {value}"));
        }
        assert!(accounts(&world).await.is_empty(), "a token that isn't good makes nobody");
        // What is good all the same: several audiences, a clock a little ahead, a time with a fraction.
        for (claim, value) in [
            ("aud", json!(["another", AUDIENCE])), ("nbf", json!(now + 30)), ("iat", json!(now + 30)),
            ("iat", Value::Null), ("jti", Value::Null), ("exp", json!(600.5 + f64::from(i32::try_from(now).expect("before 2038")))),
        ] {
            let token = As::Bearer(key.sign(&with(&good, claim, value.clone())));
            assert_eq!(list(&world, &token, "alice").await.status, 200, "{claim}: {value}");
        }
    }

    async fn a_token_ends_when_it_says_however_often_it_was_seen(engine: Engine) {
        let key = Key::es256(None);
        let issuer = Issuer::start(&[&key]);
        let section = issuer.section("");
        let world = World::frozen_with(engine, |settings| settings + &section).await;
        let now = world.now().timestamp();
        let token = As::Bearer(key.sign(&with(&issuer.claims(&world, "alice", LIST), "exp", json!(now + 20))));
        assert_eq!(list(&world, &token, "alice").await.status, 200);
        world.advance(19);
        assert_eq!(list(&world, &token, "alice").await.status, 200);
        world.advance(1);
        is(&list(&world, &token, "alice").await, DENIED, "expired");
    }

    async fn an_issuer_nobody_trusts_is_nobody(engine: Engine) {
        let (world, _, _) = one(engine).await;
        let key = Key::es256(Some("1"));
        let stranger = Issuer::start(&[&key]);
        let token = stranger.token(&world, &key, ("alice", LIST));
        is(&list(&world, &token, "alice").await, DENIED, "a stranger's");
        assert_eq!(stranger.asked("/jwks"), 0, "and is not even asked");
        let trusting_none = World::start(engine).await;
        is(&list(&trusting_none, &token, "alice").await, DENIED, "nobody's");
    }

    async fn a_colliding_subject_is_refused(engine: Engine) {
        let (key, other_key) = (Key::es256(None), Key::es256(None));
        let (issuer, other) = (Issuer::start(&[&key]), Issuer::start(&[&other_key]));
        let sections = issuer.section("") + &other.section("subject_prefix = \"other:\"");
        let world = World::start_with(engine, |settings| settings + &sections).await;
        // One sub at two issuers: two users.
        let alice = issuer.token(&world, &key, ("alice", LIST));
        let others_alice = other.token(&world, &other_key, ("alice", LIST));
        assert_eq!(list(&world, &alice, "alice").await.status, 200);
        assert_eq!(list(&world, &others_alice, "other:alice").await.status, 200);
        is(&list(&world, &alice, "other:alice").await, DENIED, "another issuer's user");
        is(&list(&world, &others_alice, "alice").await, DENIED, "another issuer's user");
        // The one without a prefix calls a user as the other's are called.
        for sub in ["other:bob", "other:alice", "other:"] {
            let posing = issuer.token(&world, &key, (sub, LIST));
            is(&list(&world, &posing, sub).await, DENIED, sub);
        }
        // An account that is ours stays ours, one that another issuer's token made is that issuer's.
        world.account("carol").await;
        is(&list(&world, &issuer.token(&world, &key, ("carol", LIST)), "carol").await, DENIED, "ours");
        let claim = format!("UPDATE accounts SET issuer = '{}' WHERE subject = 'other:alice'", issuer.name);
        execute(&world.database_url, &claim).await;
        let again = As::Bearer(other_key.sign(&with(&other.claims(&world, "alice", LIST), "jti", json!("2"))));
        is(&list(&world, &again, "other:alice").await, DENIED, "another issuer's by our record");
        // A user whose id is an application's.
        for sub in [CONSOLE, "rival"] {
            let posing = issuer.token(&world, &key, (sub, LIST));
            is(&list(&world, &posing, sub).await, DENIED, sub);
        }
        let made = [format!("alice of {}", issuer.name), "carol of ours".to_owned(), format!("other:alice of {}", issuer.name)];
        assert_eq!(accounts(&world).await, made);
    }

    async fn an_application_acts_for_itself_where_the_operator_says_so(engine: Engine) {
        let key = Key::es256(None);
        let issuer = Issuer::start(&[&key]);
        let world = trusting(engine, &issuer, "subject_prefix = \"sso:\"\nsystem_clients = [\"console\"]").await;
        world.account("alice").await;
        let scopes = "blitz_api_ufa blitz_api_sys_ufa";
        let system = issuer.token(&world, &key, (CONSOLE, scopes));
        assert_eq!(list(&world, &system, "alice").await.status, 200);
        is(&list(&world, &system, "nobody").await, (404, "user_not_found"), "system mode");
        let of = |client: &str, sub: &str| {
            As::Bearer(key.sign(&with(&issuer.claims(&world, sub, scopes), "client_id", json!(client))))
        };
        is(&list(&world, &of("rival", "rival"), "alice").await, DENIED, "not on the list");
        is(&list(&world, &of(CONSOLE, "rival"), "alice").await, DENIED, "another application's id");
        is(&list(&world, &of("rival", CONSOLE), "alice").await, DENIED, "another application's id");
        is(&list(&world, &of(CONSOLE, "sso:console"), "alice").await, DENIED, "a user who is called like it");
        // In user mode no system scope counts.
        let user = issuer.token(&world, &key, ("alice", "blitz_api_sys_ufa"));
        is(&list(&world, &user, "sso:alice").await, DENIED, "a system scope");
        is(&list(&world, &user, "alice").await, DENIED, "a system scope");
        assert!(!accounts(&world).await.iter().any(|account| account.contains(CONSOLE) && !account.starts_with("sso:sso:")));
    }

    async fn a_scope_counts_if_the_token_and_the_application_have_it(engine: Engine) {
        let key = Key::es256(None);
        let issuer = Issuer::start(&[&key]);
        let section = issuer.section("") + "[[clients]]\nid = \"limited\"\nscopes = [\"fed_tkn_any\"]\n";
        let world = World::start_with(engine, |settings| settings + &section).await;
        let good = issuer.claims(&world, "alice", "");
        let cases = [
            (json!("blitz_api_ufa"), 200), (json!("openid blitz_api_ufa profile"), 200), (json!(["openid", "blitz_api_ufa"]), 200),
            (Value::Null, 401), (json!(""), 401), (json!("blitz_api_ufa_chg"), 401), (json!("BLITZ_API_UFA"), 401),
            (json!({"blitz_api_ufa": true}), 401), (json!(["openid blitz_api_ufa"]), 401),
        ];
        for (scope, status) in cases {
            let token = As::Bearer(key.sign(&with(&good, "scope", scope.clone())));
            assert_eq!(list(&world, &token, "alice").await.status, status, "{scope}");
        }
        let limited = with(&with(&good, "scope", json!(LIST)), "client_id", json!("limited"));
        is(&list(&world, &As::Bearer(key.sign(&limited)), "alice").await, DENIED, "not granted to the application");
    }

    async fn a_disabled_user_is_refused_and_a_deleted_one_starts_anew(engine: Engine) {
        let (world, issuer, key) = one(engine).await;
        let token = |jti: &str| As::Bearer(key.sign(&with(&issuer.claims(&world, "alice", LIST), "jti", json!(jti))));
        assert_eq!(list(&world, &token("1"), "alice").await.status, 200);
        let alice = domain::ids::Subject::parse("alice").expect("a subject");
        service::accounts::disable(&world.app.parts, alice.clone()).await.expect("it is there");
        is(&list(&world, &token("1"), "alice").await, DENIED, "disabled, and seen a moment ago");
        is(&list(&world, &token("2"), "alice").await, DENIED, "disabled");
        service::accounts::remove(&world.app.parts, alice.clone()).await.expect("it is there");
        assert_eq!(list(&world, &token("3"), "alice").await.status, 200);
        // As made ahead by an operator.
        service::accounts::remove(&world.app.parts, alice.clone()).await.expect("it is there");
        let ahead = New { issuer: Some(issuer.name.clone()), ..New::bare(alice, AccountType::Staff) };
        service::accounts::create(&world.app.parts, ahead).await.expect("an account");
        assert_eq!(list(&world, &token("4"), "alice").await.status, 200);
    }

    async fn where_the_users_live_elsewhere_no_account_is_made(engine: Engine) {
        let (key, other_key) = (Key::es256(None), Key::es256(None));
        let (issuer, other) = (Issuer::start(&[&key]), Issuer::start(&[&other_key]));
        let sections = issuer.section("") + &other.section("subject_prefix = \"other:\"");
        let world = World::start_with(engine, |settings| settings.replace("\"registered\"", "\"any\"") + &sections).await;
        assert_eq!(list(&world, &issuer.token(&world, &key, ("alice", LIST)), "alice").await.status, 200);
        let posing = issuer.token(&world, &key, ("other:alice", LIST));
        is(&list(&world, &posing, "other:alice").await, DENIED, "another issuer's user");
        assert!(accounts(&world).await.is_empty());
    }

    async fn of_many_first_calls_at_once_one_makes_the_account(engine: Engine) {
        let (world, issuer, key) = one(engine).await;
        let good = issuer.claims(&world, "alice", LIST);
        let tokens: Vec<_> =
            (0..16).map(|jti| As::Bearer(key.sign(&with(&good, "jti", json!(jti.to_string()))))).collect();
        for answer in join_all(tokens.iter().map(|token| list(&world, token, "alice"))).await {
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        assert_eq!(accounts(&world).await.len(), 1);
        assert_eq!(issuer.asked("/jwks"), 1);
    }
}
