//! Applications without a shared secret: assertions of their own (RFC 7523), and what their platform gives the program.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::oauth::metadata;
use crate::exchange::{EXCHANGE, account_of, is, sent_to_api, with};
use crate::support::database::count;
use crate::support::fed::lasting;
use crate::support::issuer::{Issuer, Key};
use crate::support::user_mode::{AS_CONSOLE, te};
use crate::support::world::{Answer, As, Body, Engine, World, both_engines};

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const WRONG: (u16, &str) = (401, "invalid_client");
const CLUSTER: &str = "https://kubernetes.default.svc.cluster.local";
const PROGRAM: &str = "system:serviceaccount:orders:orders";

/// An application that has this section.
async fn world_with(engine: Engine, section: &str) -> World {
    let section =
        format!("\n[[clients]]\nid = \"orders\"\nscopes = [\"fed_tkn_any\", \"blitz_api_sys_ufa\"]\n{section}\n");
    World::start_with(engine, |settings| settings + &section).await
}

async fn asserting(engine: Engine, key: &Key) -> World {
    world_with(engine, &format!("public_key = \"\"\"\n{}\"\"\"", key.pem())).await
}

/// A good assertion of the application's.
fn assertion(world: &World, id: &str) -> Value {
    let now = world.now().timestamp();
    json!({
        "iss": "orders", "sub": "orders", "aud": format!("{}/blitz", world.base), "iat": now, "exp": now + 60, "jti": id,
    })
}

/// Its header: no kind is said.
fn header(key: &Key) -> Value {
    with(&key.header(), "typ", Value::Null)
}

/// Asks for a token of ours with an assertion and more parameters.
async fn ask(world: &World, assertion: &str, more: &[(&'static str, &str)]) -> Answer {
    let plain =
        [("grant_type", "client_credentials"), ("client_assertion_type", TYPE), ("client_assertion", assertion)];
    let fields: Vec<_> = plain.into_iter().filter(|(name, _)| !more.iter().any(|(other, _)| other == name)).collect();
    te(world, &As::Nobody, &[fields.as_slice(), more].concat()).await
}

/// What a cluster gives the program.
fn projected(world: &World, audience: &Value) -> Value {
    let now = world.now().timestamp();
    json!({
        "aud": audience, "exp": now + 3607, "iat": now, "nbf": now, "iss": CLUSTER, "sub": PROGRAM, "jti": "8d4f6a3e",
        "kubernetes.io": {
            "namespace": "orders", "node": {"name": "node-1", "uid": "5f8d"}, "pod": {"name": "orders-7d9", "uid": "77a1"},
            "serviceaccount": {"name": "orders", "uid": "14ee3fa4-6bd4-4d4f-9d0b-2b7c4d1c5e11"}, "warnafter": now + 3607,
        },
    })
}

both_engines! {
    async fn an_assertion_is_as_good_as_a_secret_once(engine: Engine) {
        for key in [Key::es256(None), Key::rsa(Some("7")), Key::ed25519(None)] {
            let world = asserting(engine, &key).await;
            let metadata = metadata(&world).await;
            for endpoint in ["token", "introspection", "revocation"] {
                let methods = metadata[format!("{endpoint}_endpoint_auth_methods_supported")].as_array().expect("a list");
                assert!(methods.contains(&json!("private_key_jwt")), "{metadata}");
                let algorithms = metadata[format!("{endpoint}_endpoint_auth_signing_alg_values_supported")].as_array();
                assert!(algorithms.is_some_and(|all| all.contains(&json!("ES256"))), "{metadata}");
            }
            let signed = key.sign_with(&header(&key), &assertion(&world, "1"));
            let answer = ask(&world, &signed, &[]).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            let ours = answer.json()["access_token"].as_str().expect("a token").to_owned();
            is(&ask(&world, &signed, &[]).await, WRONG, "replayed");
            let again = key.sign_with(&header(&key), &with(&assertion(&world, "1"), "exp", json!(world.now().timestamp() + 120)));
            is(&ask(&world, &again, &[]).await, WRONG, "the same id");
            let named = key.sign_with(&header(&key), &assertion(&world, "2"));
            assert_eq!(ask(&world, &named, &[("client_id", "orders")]).await.status, 200);
            for path in ["/oauth/introspect", "/oauth/revoke"] {
                let signed = key.sign_with(&header(&key), &assertion(&world, path));
                let fields = [("client_assertion_type", TYPE), ("client_assertion", &signed), ("token", &ours)];
                let fields = fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
                assert_eq!(world.call("POST", path, &As::Nobody, Body::Form(fields)).await.status, 200, "{path}");
            }
            let metadata = world.send("GET", &format!("{}/.well-known/oauth-authorization-server/blitz", world.base), &As::Nobody, Body::None, &[]).await.json();
            assert_eq!(metadata["token_endpoint_auth_methods_supported"], json!(["client_secret_basic", "client_secret_post", "private_key_jwt"]));
            assert!(metadata["token_endpoint_auth_signing_alg_values_supported"].as_array().is_some());
        }
    }

    async fn of_many_requests_with_one_assertion_one_is_heard(engine: Engine) {
        let key = Key::es256(None);
        let world = asserting(engine, &key).await;
        let signed = key.sign_with(&header(&key), &assertion(&world, "1"));
        let answers = join_all((0..16).map(|_| ask(&world, &signed, &[]))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
        assert_eq!(count(&world, "client_assertions").await, 1);
        // It is used by a request that comes to nothing, too.
        let signed = key.sign_with(&header(&key), &assertion(&world, "2"));
        is(&ask(&world, &signed, &[("scope", "nonsense")]).await, (400, "invalid_scope"), "no such scope");
        is(&ask(&world, &signed, &[]).await, WRONG, "used");
    }

    async fn an_assertion_that_is_not_the_clients_for_us_is_none(engine: Engine) {
        let (key, other) = (Key::es256(Some("1")), Key::es256(Some("1")));
        let world = asserting(engine, &key).await;
        let good = assertion(&world, "1");
        let now = world.now().timestamp();
        let base = format!("{}/blitz", world.base);
        for (what, claims) in [
            ("for another server", with(&good, "aud", json!("https://elsewhere.example"))),
            ("for several", with(&good, "aud", json!([base]))),
            ("for the token endpoint", with(&good, "aud", json!(format!("{base}/oauth/te")))),
            ("of another client", with(&with(&good, "iss", json!("console")), "sub", json!("console"))),
            ("of nobody", with(&with(&good, "iss", json!("nobody")), "sub", json!("nobody"))),
            ("by another", with(&good, "iss", json!("console"))),
            ("too old", with(&with(&good, "iat", json!(now - 301)), "exp", json!(now + 3600))),
            ("without iat", with(&good, "iat", Value::Null)),
            ("without jti", with(&good, "jti", Value::Null)),
        ] {
            is(&ask(&world, &key.sign_with(&header(&key), &claims), &[]).await, WRONG, what);
        }
        for (what, header) in [
            ("an access token", with(&key.header(), "typ", json!("at+jwt"))),
            ("alg none", with(&header(&key), "alg", json!("none"))),
            ("HS256", with(&header(&key), "alg", json!("HS256"))),
            ("critical", with(&header(&key), "crit", json!(["b64"]))),
            ("nested", with(&header(&key), "cty", json!("JWT"))),
        ] {
            is(&ask(&world, &key.sign_with(&header, &good), &[]).await, WRONG, what);
        }
        is(&ask(&world, &other.sign_with(&header(&other), &good), &[]).await, WRONG, "another's key");
        for nonsense in ["", "a.b.c", "nonsense"] {
            assert_ne!(ask(&world, nonsense, &[]).await.status, 200, "{nonsense}");
        }
        let signed = key.sign_with(&header(&key), &good);
        is(&ask(&world, &signed, &[("client_id", "console")]).await, WRONG, "another's name");
        is(&ask(&world, &signed, &[("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer")]).await, (400, "invalid_request"), "SAML");
        is(&ask(&world, &signed, &[("client_secret", "x")]).await, (400, "invalid_request"), "twice");
        let fields = [("grant_type", "client_credentials"), ("client_assertion_type", TYPE), ("client_assertion", signed.as_str())];
        is(&te(&world, &AS_CONSOLE, &fields).await, (400, "invalid_request"), "twice, by Basic");
        assert_eq!(count(&world, "client_assertions").await, 0, "nothing is used up by what is wrong");
        assert_eq!(ask(&world, &signed, &[]).await.status, 200, "and the good one is as good as before");
        let typed = key.sign_with(&with(&header(&key), "typ", json!("client-authentication+jwt")), &assertion(&world, "2"));
        assert_eq!(ask(&world, &typed, &[]).await.status, 200);
    }

    async fn the_endpoints_address_will_do_where_the_operator_says_so(engine: Engine) {
        let key = Key::es256(None);
        let world = world_with(engine, &format!("assertion_for_token_endpoint = true\npublic_key = \"\"\"\n{}\"\"\"", key.pem())).await;
        let claims = with(&assertion(&world, "1"), "aud", json!(format!("{}/blitz/oauth/te", world.base)));
        assert_eq!(ask(&world, &key.sign_with(&header(&key), &claims), &[]).await.status, 200);
        assert_eq!(ask(&world, &key.sign_with(&header(&key), &assertion(&world, "2")), &[]).await.status, 200);
    }

    async fn a_clients_keys_may_stand_at_an_address(engine: Engine) {
        let (first, second) = (Key::es256(Some("1")), Key::es256(Some("2")));
        let published = Issuer::start(&[&first]);
        let world = world_with(engine, &format!("jwks_url = \"{}/jwks\"", published.name)).await;
        assert_eq!(ask(&world, &first.sign_with(&header(&first), &assertion(&world, "1")), &[]).await.status, 200);
        published.publish(&[&second]);
        world.advance(61);
        assert_eq!(ask(&world, &second.sign_with(&header(&second), &assertion(&world, "2")), &[]).await.status, 200, "a new key");
        for id in 3..9 {
            let forged = with(&header(&first), "kid", json!(format!("{id}")));
            is(&ask(&world, &first.sign_with(&forged, &assertion(&world, &id.to_string())), &[]).await, WRONG, "no such key");
        }
        assert_eq!(published.asked("/jwks"), 2, "forged assertions are no load on where the keys are");
    }

    async fn what_a_cluster_gives_a_program_is_all_it_needs(engine: Engine) {
        let (cluster, key) = (Key::rsa(Some("k8s-1")), Key::es256(Some("1")));
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("cluster.jwks");
        std::fs::write(&file, json!({"keys": [cluster.jwk()]}).to_string()).expect("a file");
        let issuer = Issuer::start(&[&key]);
        let section = format!(
            "at = {{ \"{}\" = {{ audiences = [\"https://orders.example/api\"] }} }}\n\
             workload = {{ issuer = \"{CLUSTER}\", subject = \"{PROGRAM}\", audience = \"https://fedlink.example\", \
             require = {{ \"kubernetes.io.serviceaccount.uid\" = \"14ee3fa4-6bd4-4d4f-9d0b-2b7c4d1c5e11\" }}, jwks = {{ file = \"{}\" }} }}\n{}",
            issuer.name, file.display(), issuer.section(""),
        );
        let world = world_with(engine, &section).await;
        account_of(&world, &issuer, "alice").await;
        lasting(&world, "1", 600).await;
        let good = projected(&world, &json!(["https://fedlink.example"]));
        let signed = cluster.sign_with(&header(&cluster), &good);
        let user = key.sign(&with(&sent_to_api(&issuer, &world, "alice"), "aud", json!("https://orders.example/api")));
        let fetch = async |proof: &str, client: &str| {
            let fields = [
                ("grant_type", EXCHANGE), ("audience", "box:box_1"), ("subject_token", &user),
                ("subject_token_type", crate::exchange::ACCESS_TOKEN), ("client_id", client),
                ("client_assertion_type", TYPE), ("client_assertion", proof),
            ];
            te(&world, &As::Nobody, &fields).await
        };
        for _ in 0..3 {
            let answer = fetch(&signed, "orders").await;
            assert_eq!(answer.status, 200, "one request, and again: {}", answer.text());
        }
        let reborn = {
            let mut claims = good.clone();
            claims["kubernetes.io"]["serviceaccount"]["uid"] = json!("another");
            claims
        };
        let now = world.now().timestamp();
        for (what, claims) in [
            ("another program", with(&good, "sub", json!("system:serviceaccount:orders:orders2"))),
            ("a part of its name", with(&good, "sub", json!("system:serviceaccount:orders:order"))),
            ("another cluster", with(&good, "iss", json!("https://other.cluster"))),
            ("two audiences", with(&good, "aud", json!(["https://fedlink.example", "https://vault.example"]))),
            ("the API server's audience", with(&good, "aud", json!([CLUSTER]))),
            ("of the name, and born anew", reborn),
            ("of more than a day", with(&good, "exp", json!(now + 100_000))),
            ("expired", with(&good, "exp", json!(now))),
        ] {
            is(&fetch(&cluster.sign_with(&header(&cluster), &claims), "orders").await, WRONG, what);
        }
        is(&fetch(&signed, "console").await, WRONG, "another client's name");
        is(&fetch(&signed, "").await, WRONG, "no client is named");
        is(&ask(&world, &signed, &[]).await, WRONG, "nor here");
        assert_eq!(crate::support::user_mode::list(&world, &signed, "alice").await, 401, "it is no Bearer");
        // A key that the file did not have is looked for in it, once a minute.
        let turned = Key::rsa(Some("k8s-2"));
        std::fs::write(&file, json!({"keys": [turned.jwk()]}).to_string()).expect("a file");
        world.advance(61);
        let good = projected(&world, &json!("https://fedlink.example"));
        assert_eq!(fetch(&turned.sign_with(&header(&turned), &good), "orders").await.status, 200);
    }

    async fn an_old_secret_is_good_beside_the_new(engine: Engine) {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str, secret: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, secret).expect("a file");
            format!("{{ file = \"{}\" }}", path.display())
        };
        let (new, old) = (file("new", "the-new-secret-of-orders"), file("old", "the-old-secret-of-orders"));
        let world = world_with(engine, &format!("secrets = [{new}, {old}]\nsecret_ends = 2027-03-01")).await;
        for (secret, status) in [("the-new-secret-of-orders", 200), ("the-old-secret-of-orders", 200), ("another-secret-of-orders", 401), ("", 401)] {
            let answer = te(&world, &As::Basic("orders", secret), &[("grant_type", "client_credentials")]).await;
            assert_eq!(answer.status, status, "{secret}");
        }
    }

    async fn a_runaway_job_is_its_own_trouble(engine: Engine) {
        let (frozen, clock) = (World::frozen_with(engine, |settings| {
            settings.replace("[[clients]]\nid = \"rival\"", "tokens_per_minute = 3\n[[clients]]\nid = \"rival\"")
        }).await, 60);
        lasting(&frozen, "1", 600).await;
        let fetch = async |client: &str| {
            let who = frozen.system(client, &["fed_tkn_any"]).await;
            crate::support::fed::fed_token(&frozen, &who, "").await
        };
        for _ in 0..3 {
            assert_eq!(fetch("console").await.status, 200);
        }
        let refused = fetch("console").await;
        is(&refused, (429, "too_many_attempts"), "a fourth");
        assert_eq!(refused.header("retry-after"), Some("60"));
        let console = frozen.console().await;
        let batch = async |entries: usize| {
            let entries: Vec<Value> =
                (0..entries).map(|number| json!({"subject": format!("u{number}"), "fp": "box:box_1"})).collect();
            frozen.call("POST", "/api/v3/fedTokens", &console, Body::Json(json!({"tokens": entries}))).await
        };
        is(&batch(1).await, (429, "too_many_attempts"), "in a batch neither");
        is(&batch(4).await, (400, "wrong_values"), "as many as it never may");
        assert_eq!(fetch("rival").await.status, 200, "others don't feel it");
        frozen.advance(clock);
        assert_eq!(batch(3).await.status, 200);
        is(&fetch("console").await, (429, "too_many_attempts"), "they are counted");
    }
}
