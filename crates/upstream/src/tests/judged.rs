//! What of an `id_token`, and of a signed userinfo, is judged: each claim in every form it can have; and that nothing else is.

use aws_lc_rs::digest::{SHA256, SHA384, SHA512, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512,
    RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::super::jwks::Keys;
use super::super::oidc::{Expected, ExpectedUserinfo, Flaw, Issuers, verified, verified_userinfo};
use super::identity::{Signer, claims};
use super::{noon, secret};

const ISSUER: &str = "https://id.bank.example/";
const CLIENT: &str = "fed link";

fn keys(keys: &[Value]) -> Keys {
    Keys::read(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

fn judge(token: &str, keys: &Keys) -> Result<Map<String, Value>, Flaw> {
    let (nonce, access_token) = (secret("the-nonce"), secret("the-access-token"));
    let expected = Expected {
        issuer: Issuers::One(ISSUER),
        client_id: CLIENT,
        nonce: Some(&nonce),
        access_token: Some(&access_token),
        now: noon(),
    };
    verified(&secret(token), keys, expected)
}

fn judge_userinfo(token: &str, keys: &Keys, issuer: Option<&str>) -> bool {
    verified_userinfo(token, keys, ExpectedUserinfo { issuer, client_id: CLIENT, now: noon() }).is_ok()
}

/// The claims with one of this form; `None` takes it away.
fn with(claims: &Value, name: &str, form: Option<Value>) -> Value {
    let mut claims = claims.clone();
    let members = claims.as_object_mut().unwrap();
    members.remove(name);
    if let Some(form) = form {
        members.insert(name.to_owned(), form);
    }
    claims
}

/// Every form there is in JSON, and the empty ones.
fn forms() -> Vec<Option<Value>> {
    let forms = [
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(7),
        json!(-1),
        json!(0.5),
        json!(1e300),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(""),
        json!("text"),
        json!([]),
        json!([null]),
        json!([7]),
        json!([[]]),
        json!(["text"]),
        json!({}),
        json!({ "a": 1 }),
    ];
    std::iter::once(None).chain(forms.into_iter().map(Some)).collect()
}

#[test]
fn a_judged_claim_has_its_own_form_and_no_other() {
    let signer = Signer::ed();
    let keys = keys(&[signer.jwk("k1")]);
    let now = noon().timestamp();
    let hash = URL_SAFE_NO_PAD.encode(&digest(&SHA512, b"the-access-token").as_ref()[..32]);
    let good: [(&str, Vec<Value>, bool); 8] = [
        ("iss", vec![json!(ISSUER)], false),
        ("sub", vec![json!("s-1"), json!("text")], false),
        ("aud", vec![json!(CLIENT), json!([CLIENT])], false),
        ("exp", vec![json!(now + 300), json!(now + 300).as_f64().map(|at| at + 0.5).into()], false),
        ("iat", vec![json!(now), json!(now).as_f64().map(|at| at - 0.5).into()], false),
        ("nonce", vec![json!("the-nonce")], false),
        // These may be left out; a null leaves them out as well.
        ("azp", vec![json!(CLIENT), json!(null)], true),
        ("at_hash", vec![json!(hash), json!(null)], true),
    ];
    for (claim, good, may_be_absent) in good {
        for form in forms().into_iter().chain(good.iter().cloned().map(Some)) {
            // Far ahead is a time too; 0, 7 and the like are long ago, which is good for a time of issue.
            let is_time = match (claim, form.as_ref()) {
                ("iat", Some(form)) => [json!(0), json!(7), json!(-1), json!(0.5)].contains(form),
                _ => false,
            };
            let holds = is_time || form.as_ref().map_or(may_be_absent, |form| good.contains(form));
            let token = signer.token(Some("k1"), &with(&claims(ISSUER), claim, form.clone()));
            assert_eq!(judge(&token, &keys).is_ok(), holds, "{claim}: {form:?}");
        }
    }
    // One wrong form beside the right one spoils the list.
    for aud in [json!([CLIENT, 7]), json!([CLIENT, null]), json!([[CLIENT]]), json!({ "aud": CLIENT })] {
        let token = signer
            .token(Some("k1"), &with(&with(&claims(ISSUER), "azp", Some(json!(CLIENT))), "aud", Some(aud.clone())));
        assert!(judge(&token, &keys).is_err(), "{aud}");
    }
    // Several audiences need an azp that is there.
    for (azp, holds) in
        [(None, false), (Some(json!(null)), false), (Some(json!("")), false), (Some(json!(CLIENT)), true)]
    {
        let several = with(&claims(ISSUER), "aud", Some(json!(["api", CLIENT])));
        let token = signer.token(Some("k1"), &with(&several, "azp", azp.clone()));
        assert_eq!(judge(&token, &keys).is_ok(), holds, "{azp:?}");
    }
}

#[test]
fn a_claim_that_nobody_judges_may_have_any_form() {
    let signer = Signer::ed();
    let keys = keys(&[signer.jwk("k1")]);
    for claim in [
        "updated_at",
        "amr",
        "acr",
        "auth_time",
        "locale",
        "locale#ru",
        "zoneinfo",
        "address",
        "email",
        "email_verified",
        "phone_number",
        "phone_number_verified",
        "name",
        "given_name",
        "gender",
        "birthdate",
        "picture",
        "profile",
        "website",
        "c_hash",
        "s_hash",
        "jti",
        "nbf",
        "sid",
        "act",
        "cnf",
        "_claim_names",
        "_claim_sources",
        "sub_jwk",
        "https://claims.example/x",
    ] {
        for form in forms() {
            let token = signer.token(Some("k1"), &with(&claims(ISSUER), claim, form.clone()));
            let told = judge(&token, &keys).unwrap_or_else(|flaw| panic!("{claim}: {form:?}: {flaw:?}"));
            assert_eq!(told.get(claim), form.as_ref(), "and is there for the templates: {claim}");
        }
    }
}

#[test]
fn what_a_header_says_is_judged_too() {
    let signer = Signer::ed();
    let jwk = signer.jwk("k1");
    let keys = keys(std::slice::from_ref(&jwk));
    let sign = |header: &Value| {
        let message = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(claims(ISSUER).to_string())
        );
        let Signer::Ed(pair) = &signer else { unreachable!() };
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(pair.sign(message.as_bytes())))
    };
    for (member, form, holds) in [
        ("typ", None, true),
        ("typ", Some(json!("JWT")), true),
        ("typ", Some(json!("jwt")), true),
        ("typ", Some(json!("application/jwt")), true),
        ("typ", Some(json!("JOSE")), true),
        ("typ", Some(json!("at+jwt")), false),
        ("typ", Some(json!("application/at+jwt")), false),
        ("typ", Some(json!("logout+jwt")), false),
        ("typ", Some(json!(7)), false),
        ("cty", Some(json!("JWT")), false),
        ("cty", Some(json!("json")), false),
        ("crit", Some(json!(["exp"])), false),
        ("crit", Some(json!([])), false),
        ("crit", Some(json!(null)), false),
        ("kid", None, true),
        ("kid", Some(json!(null)), true),
        ("kid", Some(json!("k2")), false),
        ("kid", Some(json!("")), false),
        ("kid", Some(json!(7)), false),
        ("kid", Some(json!(["k1"])), false),
        ("alg", None, false),
        ("alg", Some(json!(null)), false),
        ("alg", Some(json!("none")), false),
        ("alg", Some(json!("eddsa")), false),
        ("alg", Some(json!("EDDSA")), false),
        ("alg", Some(json!("EdDSA ")), false),
        // RFC 9864's names are no names here: neither tokens nor keys are known to have them.
        ("alg", Some(json!("Ed25519")), false),
        ("alg", Some(json!("Ed448")), false),
        ("alg", Some(json!("HS256")), false),
        ("alg", Some(json!("ES256")), false),
        ("alg", Some(json!(["EdDSA"])), false),
        ("x5t", Some(json!(7)), true),
        ("jwk", Some(json!("mine")), true),
        ("jku", Some(json!("https://evil.example/jwks")), true),
    ] {
        let header = with(&json!({ "alg": "EdDSA", "typ": "JWT", "kid": "k1" }), member, form.clone());
        assert_eq!(judge(&sign(&header), &keys).is_ok(), holds, "{member}: {form:?}");
    }
    // A key that a token brings along proves nothing.
    let stranger = Signer::ed();
    let header = json!({ "alg": "EdDSA", "kid": "k1", "jwk": stranger.jwk("k1") });
    let message = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(claims(ISSUER).to_string())
    );
    let Signer::Ed(pair) = &stranger else { unreachable!() };
    let forged = format!("{message}.{}", URL_SAFE_NO_PAD.encode(pair.sign(message.as_bytes())));
    assert_eq!(judge(&forged, &keys), Err(Flaw::Key));
}

#[test]
fn at_hash_goes_by_the_algorithm() {
    let rsa = |encoding: &'static dyn RsaEncoding, alg| {
        Signer::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap(), encoding, alg)
    };
    let signers = [
        (rsa(&RSA_PKCS1_SHA256, "RS256"), &SHA256),
        (rsa(&RSA_PKCS1_SHA384, "RS384"), &SHA384),
        (rsa(&RSA_PKCS1_SHA512, "RS512"), &SHA512),
        (rsa(&RSA_PSS_SHA256, "PS256"), &SHA256),
        (rsa(&RSA_PSS_SHA384, "PS384"), &SHA384),
        (rsa(&RSA_PSS_SHA512, "PS512"), &SHA512),
        (Signer::ed(), &SHA512),
    ];
    for (place, (signer, hash)) in signers.iter().enumerate() {
        let keys = keys(&[signer.jwk("k1")]);
        for other in [&SHA256, &SHA384, &SHA512] {
            let hashed = digest(other, b"the-access-token");
            let half = URL_SAFE_NO_PAD.encode(&hashed.as_ref()[..hashed.as_ref().len() / 2]);
            let token = signer.token(Some("k1"), &with(&claims(ISSUER), "at_hash", Some(json!(half))));
            assert_eq!(judge(&token, &keys).is_ok(), std::ptr::eq(other, *hash), "{place}");
        }
    }
}

#[test]
fn a_key_on_p_384_signs_for_itself() {
    let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
    let point = pair.public_key().as_ref();
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let jwk = json!({ "kty": "EC", "crv": "P-384", "kid": "k1", "x": text(&point[1..49]), "y": text(&point[49..]) });
    let hash = text(&digest(&SHA384, b"the-access-token").as_ref()[..24]);
    let sign = |alg: &str| {
        let (header, claims) =
            (json!({ "alg": alg, "kid": "k1" }), with(&claims(ISSUER), "at_hash", Some(json!(hash))));
        let message = format!("{}.{}", text(header.to_string().as_bytes()), text(claims.to_string().as_bytes()));
        let signature = pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", text(signature.as_ref()))
    };
    assert!(judge(&sign("ES384"), &keys(std::slice::from_ref(&jwk))).is_ok());
    assert_eq!(judge(&sign("ES256"), &keys(std::slice::from_ref(&jwk))), Err(Flaw::Key));
    assert_eq!(judge(&sign("ES384"), &keys(&[with(&jwk, "crv", Some(json!("P-256")))])), Err(Flaw::Key));
    assert_eq!(judge(&sign("ES384"), &keys(&[with(&jwk, "alg", Some(json!("ES256")))])), Err(Flaw::Key));
}

#[test]
fn a_key_is_read_by_what_its_kind_uses() {
    let signer = Signer::ed();
    let token = signer.token(Some("k1"), &claims(ISSUER));
    for (member, form, holds) in [
        ("n", json!(7), true),
        ("e", json!([]), true),
        ("y", json!(true), true),
        ("x5c", json!("no list"), true),
        ("x5t", json!(7), true),
        ("exp", json!("never"), true),
        ("use", json!("sig"), true),
        ("use", json!(null), true),
        ("use", json!("enc"), false),
        ("use", json!(["sig"]), false),
        ("key_ops", json!(["verify"]), true),
        ("key_ops", json!(["sign", "verify", 7]), true),
        ("key_ops", json!(["encrypt"]), false),
        ("key_ops", json!("verify"), false),
        ("alg", json!("EdDSA"), true),
        ("alg", json!("ES256"), false),
        ("alg", json!("eddsa"), false),
        ("alg", json!("none"), false),
        ("alg", json!("HS256"), false),
        ("alg", json!(7), false),
        ("kid", json!("k2"), false),
        ("kid", json!(""), false),
        ("kid", json!(7), false),
        ("x", json!(7), false),
        ("crv", json!("Ed448"), false),
        ("kty", json!("EC"), false),
        ("kty", json!(7), false),
    ] {
        let key = with(&signer.jwk("k1"), member, Some(form.clone()));
        // Beside keys that are none at all.
        let keys = keys(&[json!(1), json!(null), key, json!({})]);
        assert_eq!(judge(&token, &keys).is_ok(), holds, "{member}: {form}");
    }
    for none in ["", "{}", "[]", "7", "null", r#"{"keys": null}"#, r#"{"keys": {}}"#] {
        assert!(Keys::read(none.as_bytes()).is_none(), "{none}");
    }
}

#[test]
fn a_signed_userinfo_is_the_providers_and_ours_where_it_says_so() {
    let (signer, stranger) = (Signer::ed(), Signer::ed());
    let keys = keys(&[signer.jwk("k1")]);
    let now = noon().timestamp();
    let bare = json!({ "sub": "s-1", "name": "Oleg" });
    for (claim, form, holds) in [
        ("iss", None, true),
        ("iss", Some(json!(ISSUER)), true),
        ("iss", Some(json!("https://id.bank.example")), false),
        ("iss", Some(json!(null)), false),
        ("iss", Some(json!([ISSUER])), false),
        ("aud", None, true),
        ("aud", Some(json!(CLIENT)), true),
        ("aud", Some(json!(["api", CLIENT])), true),
        ("aud", Some(json!("api")), false),
        ("aud", Some(json!([])), false),
        ("aud", Some(json!([CLIENT, 7])), false),
        ("aud", Some(json!(null)), false),
        ("aud", Some(json!(7)), false),
        ("exp", None, true),
        ("exp", Some(json!(now)), true),
        ("exp", Some(json!(now - 181)), false),
        ("exp", Some(json!("soon")), false),
        ("exp", Some(json!(null)), false),
        ("name", Some(json!({ "first": "Oleg" })), true),
        ("updated_at", Some(json!("2026")), true),
        ("sub", Some(json!(7)), true),
        ("sub", None, true),
    ] {
        let told = with(&bare, claim, form.clone());
        assert_eq!(judge_userinfo(&signer.token(Some("k1"), &told), &keys, Some(ISSUER)), holds, "{claim}: {form:?}");
        assert!(!judge_userinfo(&stranger.token(Some("k1"), &told), &keys, Some(ISSUER)), "{claim}: {form:?}");
    }
    // Where nobody knows what the provider calls itself, what it says of that can't be right.
    assert!(judge_userinfo(&signer.token(None, &bare), &keys, None));
    assert!(!judge_userinfo(&signer.token(None, &with(&bare, "iss", Some(json!(ISSUER)))), &keys, None));
    for broken in ["", "a.b.c", "{}", "a.b.c.d.e"] {
        assert!(!judge_userinfo(broken, &keys, Some(ISSUER)), "{broken}");
    }
}
