//! JWTs of an authorization server that was there before us: which are callers, whose they are, and which are nobody's.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use serde_json::{Value, json};

use domain::account::AccountType;
use fedlink::service::accounts::New;

use crate::support::database::{execute, texts};
use crate::support::issuer::{AUDIENCE, Issuer, Key, unsigned};
use crate::support::site::{Site, provider};
use crate::support::user_mode::{AS_CONSOLE, introspect};
use crate::support::world::{Answer, As, Body, CONSOLE, Engine, World, both_engines};

const DENIED: (u16, &str) = (401, "bad_access_token");
const LIST: &str = "blitz_api_ufa";

async fn list(world: &World, who: &As, subject: &str) -> Answer {
    world.call("GET", &format!("/api/v3/users/{subject}/fa"), who, Body::None).await
}

#[track_caller]
fn is(answer: &Answer, (status, error): (u16, &str), what: &str) {
    assert_eq!(answer.refusal(), (status, error.to_owned()), "{what}");
}

/// A world that trusts this issuer, whose settings have more lines.
async fn trusting(engine: Engine, issuer: &Issuer, more: &str) -> World {
    let section = issuer.section(more);
    World::start_with(engine, |settings| settings + &section).await
}

/// An issuer with one key, and who trusts it.
async fn one(engine: Engine) -> (World, Issuer, Key) {
    let key = Key::es256(Some("1"));
    let issuer = Issuer::start(&[&key]);
    let world = trusting(engine, &issuer, "").await;
    (world, issuer, key)
}

/// The accounts there are: subject and issuer.
async fn accounts(world: &World) -> Vec<String> {
    let query = "SELECT subject || ' of ' || coalesce(issuer, 'ours') AS value FROM accounts ORDER BY subject";
    texts(&world.database_url, query).await
}

/// The claims with one of them changed, or left out.
fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    let members = claims.as_object_mut().expect("an object");
    members.remove(name);
    if !value.is_null() {
        members.insert(name.to_owned(), value);
    }
    claims
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

    async fn each_algorithm_on_the_list_is_taken(engine: Engine) {
        let (ec, rsa, ed) = (Key::es256(Some("ec")), Key::rsa(Some("rsa")), Key::ed25519(Some("ed")));
        let issuer = Issuer::start(&[&ec, &rsa, &ed]);
        let world = trusting(engine, &issuer, "").await;
        let claims = issuer.claims(&world, "alice", LIST);
        for (key, algorithm) in [(&ec, "ES256"), (&rsa, "RS256"), (&rsa, "PS256"), (&ed, "EdDSA")] {
            for typ in ["at+jwt", "application/at+jwt", "AT+JWT"] {
                let header = with(&with(&key.header(), "alg", json!(algorithm)), "typ", json!(typ));
                let token = As::Bearer(key.sign_with(&header, &claims));
                assert_eq!(list(&world, &token, "alice").await.status, 200, "{algorithm} {typ}");
            }
        }
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

    async fn a_signature_counts_only_by_the_issuers_own_key_and_kind(engine: Engine) {
        let (ec, rsa) = (Key::es256(Some("ec")), Key::rsa(Some("rsa")));
        let issuer = Issuer::start(&[&ec, &rsa]);
        let world = trusting(engine, &issuer, "").await;
        let claims = issuer.claims(&world, "alice", LIST);
        let header = |alg: &str, kid: &str| json!({"typ": "at+jwt", "alg": alg, "kid": kid});

        let none = unsigned(&header("none", "ec"), &claims);
        // HS256 with what everybody may know for its secret.
        let mut forged = Vec::new();
        let public = ec.jwk();
        let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(public[name].as_str().expect("a text")).expect("base64url");
        for secret in [public.to_string().into_bytes(), [vec![4], coordinate("x"), coordinate("y")].concat()] {
            let message = unsigned(&header("HS256", "ec"), &claims);
            let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), message.as_bytes());
            forged.push(format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac)));
        }
        let good = ec.sign(&claims);
        let (message, signature) = good.rsplit_once('.').expect("three parts");
        let promoted = unsigned(&ec.header(), &issuer.claims(&world, "bob", LIST));
        let mut cases = vec![
            ("alg none", format!("{none}.")),
            ("alg none, signed", format!("{none}.{signature}")),
            ("no signature", format!("{message}.")),
            ("another's words under it", format!("{promoted}.{signature}")),
            ("a signature of zeros", format!("{message}.{}", URL_SAFE_NO_PAD.encode([0; 64]))),
            ("another's key", Key::es256(Some("ec")).sign(&claims)),
            ("another key's name", ec.sign_with(&header("ES256", "rsa"), &claims)),
            ("another kind of key", rsa.sign_with(&header("RS256", "ec"), &claims)),
            ("another algorithm than it says", rsa.sign_with(&header("ES256", "rsa"), &claims)),
            ("SHA-512", rsa.sign_with(&header("RS512", "rsa"), &claims)),
            ("an algorithm in small letters", ec.sign_with(&header("es256", "ec"), &claims)),
            ("a key of its own", ec.sign_with(&json!({"typ": "at+jwt", "alg": "ES256", "jwk": ec.jwk(), "kid": "x"}), &claims)),
            ("padding", format!("{good}=")),
            ("a fourth part", format!("{good}.x")),
            ("two parts", message.to_owned()),
            ("nothing but dots", "..".to_owned()),
        ];
        cases.extend(forged.into_iter().map(|token| ("HS256", token)));
        for (what, token) in cases {
            for subject in ["alice", "bob"] {
                is(&list(&world, &As::Bearer(token.clone()), subject).await, DENIED, what);
            }
        }
        assert!(accounts(&world).await.is_empty());
        assert_eq!(list(&world, &As::Bearer(good), "alice").await.status, 200);
    }

    async fn a_key_is_for_what_it_says(engine: Engine) {
        let key = Key::rsa(Some("1"));
        let issuer = Issuer::start(&[]);
        let world = trusting(engine, &issuer, "").await;
        let token = issuer.token(&world, &key, ("alice", LIST));
        for (name, value) in [
            ("use", json!("enc")), ("key_ops", json!(["encrypt"])), ("alg", json!("PS256")), ("alg", json!("RSA-OAEP")),
            ("kid", json!("2")), ("kid", Value::Null), ("kty", json!("oct")), ("n", json!("AQAB")),
        ] {
            issuer.describe("/jwks", 200, &json!({"keys": [with(&key.jwk(), name, value.clone())]}));
            world.advance(60);
            is(&list(&world, &token, "alice").await, DENIED, &format!("{name}: {value}"));
        }
        // Beside keys that nobody knows what to do with, and with members that nobody knows.
        let good = with(&with(&key.jwk(), "use", json!("sig")), "x5t", json!("…"));
        let odd = [json!({"kty": "XYZ"}), json!(1), json!({"kty": "EC", "crv": "P-521", "x": "A", "y": "A"}), json!({})];
        issuer.describe("/jwks", 200, &json!({"keys": [odd[0], odd[1], odd[2], odd[3], good]}));
        world.advance(60);
        assert_eq!(list(&world, &issuer.token(&world, &key, ("alice", LIST)), "alice").await.status, 200);
    }

    async fn a_token_that_names_no_key_is_taken_where_one_fits(engine: Engine) {
        let (first, second, rsa) = (Key::es256(None), Key::es256(None), Key::rsa(None));
        let issuer = Issuer::start(&[&first, &rsa]);
        let world = trusting(engine, &issuer, "").await;
        let (by_first, by_rsa) = (issuer.token(&world, &first, ("alice", LIST)), issuer.token(&world, &rsa, ("alice", LIST)));
        for token in [&by_first, &by_rsa] {
            assert_eq!(list(&world, token, "alice").await.status, 200);
        }
        issuer.publish(&[&first, &second]);
        world.advance(3600);
        for key in [&first, &second] {
            let token = issuer.token(&world, key, ("alice", LIST));
            is(&list(&world, &token, "alice").await, DENIED, "several fit");
        }
    }

    async fn a_new_key_is_fetched_once_a_minute_at_most(engine: Engine) {
        let (world, issuer, old) = one(engine).await;
        assert_eq!(list(&world, &issuer.token(&world, &old, ("alice", LIST)), "alice").await.status, 200);
        let new = Key::es256(Some("2"));
        issuer.publish(&[&old, &new]);
        let token = issuer.token(&world, &new, ("alice", LIST));
        is(&list(&world, &token, "alice").await, DENIED, "asked a moment ago");
        world.advance(60);
        assert_eq!(list(&world, &token, "alice").await.status, 200);
        assert_eq!(issuer.asked("/jwks"), 2);
        // Whatever keys anybody makes up.
        let made_up: Vec<_> = (0..20).map(|_| issuer.token(&world, &Key::es256(Some("3")), ("alice", LIST))).collect();
        for token in &made_up {
            is(&list(&world, token, "alice").await, DENIED, "a made-up key");
        }
        world.advance(60);
        for answer in join_all(made_up.iter().map(|token| list(&world, token, "alice"))).await {
            is(&answer, DENIED, "a made-up key");
        }
        assert_eq!(issuer.asked("/jwks"), 3);
        // The issuer has dropped a key: what it signed is no good once the keys are fetched again.
        issuer.publish(&[&new]);
        world.advance(3600);
        is(&list(&world, &issuer.token(&world, &old, ("alice", LIST)), "alice").await, DENIED, "a dropped key");
        assert_eq!(list(&world, &issuer.token(&world, &new, ("alice", LIST)), "alice").await.status, 200);
    }

    async fn while_an_issuer_is_away_its_tokens_are_not_called_bad(engine: Engine) {
        let (world, issuer, key) = one(engine).await;
        let token = issuer.token(&world, &key, ("alice", LIST));
        issuer.describe("/jwks", 503, &json!({}));
        let away = list(&world, &token, "alice").await;
        is(&away, (503, "provider_unavailable"), "its keys are not to be had");
        assert_eq!(away.json()["type"], "upstream_error");
        assert!(away.header("retry-after").is_some());
        // Who is refused anyway is refused at once.
        let expired = key.sign(&with(&issuer.claims(&world, "alice", LIST), "exp", json!(1)));
        is(&list(&world, &As::Bearer(expired), "alice").await, DENIED, "expired");
        // That they can't be had is remembered: whoever makes tokens up must not have it asked for each.
        let asked = issuer.asked("/jwks");
        let made_up: Vec<_> = (0..20).map(|_| issuer.token(&world, &Key::es256(Some("3")), ("alice", LIST))).collect();
        for answer in join_all(made_up.iter().map(|token| list(&world, token, "alice"))).await {
            is(&answer, (503, "provider_unavailable"), "a moment ago they were not to be had");
        }
        assert_eq!(issuer.asked("/jwks"), asked);

        issuer.publish(&[&key]);
        world.advance(5);
        assert_eq!(list(&world, &token, "alice").await.status, 200);
        issuer.describe("/jwks", 503, &json!({}));
        world.advance(3601);
        for _ in 0..2 {
            let token = issuer.token(&world, &key, ("alice", LIST));
            assert_eq!(list(&world, &token, "alice").await.status, 200, "the keys that are known go on being used");
            let newer = issuer.token(&world, &Key::es256(Some("2")), ("alice", LIST));
            is(&list(&world, &newer, "alice").await, (503, "provider_unavailable"), "it may have a new key");
        }
    }

    async fn an_issuer_is_found_by_its_own_words_alone(engine: Engine) {
        let key = Key::es256(None);
        let unfit: [fn(&Issuer) -> Value; 3] = [
            |issuer| with(&issuer.metadata(), "issuer", json!(format!("{}/", issuer.name))),
            |issuer| with(&issuer.metadata(), "jwks_uri", json!("http://keys.example/jwks")),
            |issuer| with(&issuer.metadata(), "jwks_uri", Value::Null),
        ];
        for metadata in unfit {
            let issuer = Issuer::start(&[&key]);
            issuer.describe("/.well-known/openid-configuration", 200, &metadata(&issuer));
            let world = trusting(engine, &issuer, "").await;
            let token = issuer.token(&world, &key, ("alice", LIST));
            is(&list(&world, &token, "alice").await, (503, "provider_unavailable"), "not its metadata");
            assert_eq!(issuer.asked("/jwks"), 0);
        }
        // RFC 8414's document will do, and none is needed where the operator says where the keys are.
        let issuer = Issuer::start(&[&key]);
        issuer.describe("/.well-known/openid-configuration", 404, &json!({}));
        issuer.describe("/.well-known/oauth-authorization-server", 200, &issuer.metadata());
        let world = trusting(engine, &issuer, "").await;
        assert_eq!(list(&world, &issuer.token(&world, &key, ("alice", LIST)), "alice").await.status, 200);
        let issuer = Issuer::start(&[&key]);
        issuer.describe("/.well-known/openid-configuration", 404, &json!({}));
        let world = trusting(engine, &issuer, &format!("jwks_url = \"{}/jwks\"", issuer.name)).await;
        assert_eq!(list(&world, &issuer.token(&world, &key, ("alice", LIST)), "alice").await.status, 200);
        assert_eq!(issuer.asked("/.well-known/openid-configuration"), 0);
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
        fedlink::service::accounts::disable(&world.app.parts, alice.clone()).await.expect("it is there");
        is(&list(&world, &token("1"), "alice").await, DENIED, "disabled, and seen a moment ago");
        is(&list(&world, &token("2"), "alice").await, DENIED, "disabled");
        fedlink::service::accounts::remove(&world.app.parts, alice.clone()).await.expect("it is there");
        assert_eq!(list(&world, &token("3"), "alice").await.status, 200);
        // As made ahead by an operator.
        fedlink::service::accounts::remove(&world.app.parts, alice.clone()).await.expect("it is there");
        let ahead = New { issuer: Some(issuer.name.clone()), ..New::bare(alice, AccountType::Staff) };
        fedlink::service::accounts::create(&world.app.parts, ahead).await.expect("an account");
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
