//! By which keys of an issuer's a token counts, and how they are come by.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::issuers::{DENIED, LIST, accounts, is, list, one, trusting};
use crate::support::issuer::{Issuer, Key, unsigned, with};
use crate::support::world::{As, both_engines};

both_engines! {
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
}
