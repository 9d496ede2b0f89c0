//! What somebody who holds no key could try, and keys as careless providers write them.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    KeyPair as _, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::super::jwks::Keys;
use super::super::oidc::Flaw;
use super::identity::{ISSUER, Signer, claims, judge, keys, unsigned};

fn bytes(text: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap()
}

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn with(jwk: &Value, member: &str, form: Value) -> Value {
    let mut jwk = jwk.clone();
    jwk[member] = form;
    jwk
}

/// Every way in which somebody could write a public key down.
fn writings(signer: &Signer, jwk: &Value) -> Vec<Vec<u8>> {
    let (raw, spki): (&[u8], &[u8]) = match signer {
        // RFC 5280 §4.1: what stands before the key.
        Signer::Rsa(pair, ..) => (
            pair.public_key().as_ref(),
            b"\x30\x82\x01\x22\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00\x03\x82\x01\x0f\x00",
        ),
        Signer::Ec(pair) => (
            pair.public_key().as_ref(),
            b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00",
        ),
        Signer::Ed(pair) => (pair.public_key().as_ref(), b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"),
    };
    let spki = [spki, raw].concat();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(&spki));
    let number = jwk.get("n").unwrap_or(&jwk["x"]);
    vec![
        Vec::new(),
        raw.to_vec(),
        spki,
        pem.trim_end().as_bytes().to_vec(),
        pem.into_bytes(),
        bytes(number),
        number.as_str().unwrap().as_bytes().to_vec(),
        jwk.to_string().into_bytes(),
    ]
}

#[test]
fn a_public_key_is_nobodys_shared_secret() {
    let hashes = [hmac::HMAC_SHA256, hmac::HMAC_SHA384, hmac::HMAC_SHA512];
    let names = ["HS256", "HS384", "HS512", "hs256", "none", "NONE", "", "RS256", "ES256", "EdDSA"];
    for signer in [Signer::ed(), Signer::ec(), Signer::rsa(&RSA_PKCS1_SHA256, "RS256")] {
        let jwk = signer.jwk("k1");
        let published = [jwk.clone(), with(&jwk, "alg", json!("HS256")), with(&jwk, "kty", json!("oct"))];
        for secret in writings(&signer, &jwk) {
            // The same as a shared secret, should a provider publish one.
            let shared = json!({ "kty": "oct", "kid": "k1", "alg": "HS256", "k": text(&secret) });
            let sets: Vec<Keys> =
                published.iter().chain([&shared]).map(|jwk| keys(std::slice::from_ref(jwk))).collect();
            for (hash, name) in hashes.iter().flat_map(|hash| names.map(|name| (*hash, name))) {
                let message = unsigned(&json!({ "alg": name, "kid": "k1" }), &claims(ISSUER));
                let mac = hmac::sign(&hmac::Key::new(hash, &secret), message.as_bytes());
                for (set, signature) in sets.iter().flat_map(|set| [(set, text(mac.as_ref())), (set, String::new())]) {
                    assert!(judge(&format!("{message}.{signature}"), set).is_err(), "{name}: {jwk}");
                }
            }
        }
    }
}

#[test]
fn a_signature_is_of_the_algorithm_it_says() {
    let (rsa, pss) = (Signer::rsa(&RSA_PKCS1_SHA256, "RS256"), Signer::rsa(&RSA_PSS_SHA256, "PS256"));
    for (signer, said, holds) in [
        (&rsa, "RS256", true),
        (&rsa, "RS384", false),
        (&rsa, "RS512", false),
        (&rsa, "PS256", false),
        (&rsa, "rs256", false),
        (&rsa, "RS256 ", false),
        (&pss, "PS256", true),
        (&pss, "PS384", false),
        (&pss, "RS256", false),
        (&Signer::ec(), "ES256", true),
        (&Signer::ec(), "ES384", false),
        (&Signer::ec(), "ES256K", false),
        (&Signer::ec(), "ES512", false),
        (&Signer::ed(), "EdDSA", true),
        (&Signer::ed(), "ES256", false),
    ] {
        let message = unsigned(&json!({ "alg": said }), &claims(ISSUER));
        let token = format!("{message}.{}", text(&signer.sign(message.as_bytes())));
        assert_eq!(judge(&token, &keys(&[signer.jwk("k1")])).is_ok(), holds, "{said}");
        // And the key is kept to what it says itself.
        let kept = with(&signer.jwk("k1"), "alg", json!(signer.alg()));
        assert_eq!(judge(&token, &keys(&[kept])).is_ok(), holds, "{said}");
        for another in ["HS256", "none", "ES512", "Ed25519", "RSA-OAEP"] {
            let kept = with(&signer.jwk("k1"), "alg", json!(another));
            assert!(judge(&token, &keys(&[kept])).is_err(), "{said}, kept to {another}");
        }
    }
}

#[test]
fn a_header_member_that_stands_twice_opens_nothing() {
    let signer = Signer::ed();
    let set = keys(&[signer.jwk("k1")]);
    for (header, holds) in [
        (r#"{"alg":"none","alg":"EdDSA"}"#, true),
        (r#"{"alg":"EdDSA","alg":"none"}"#, false),
        (r#"{"alg":"EdDSA","alg":"HS256"}"#, false),
        (r#"{"alg":"EdDSA","crit":["exp"],"crit":null}"#, false),
        (r#"{"alg":"EdDSA","kid":"k2"}"#, false),
        (r#"["EdDSA"]"#, false),
        (r#""EdDSA""#, false),
    ] {
        let message = format!("{}.{}", text(header.as_bytes()), text(claims(ISSUER).to_string().as_bytes()));
        let token = format!("{message}.{}", text(&signer.sign(message.as_bytes())));
        assert_eq!(judge(&token, &set).is_ok(), holds, "{header}");
        assert!(judge(&format!("{message}."), &set).is_err(), "{header}");
    }
}

#[test]
fn keys_of_one_name_are_all_tried_and_an_empty_name_is_a_name() {
    let (first, second) = (Signer::ed(), Signer::ed());
    let by_second = |kid| second.token(kid, &claims(ISSUER));
    let nameless = |signer: &Signer| {
        let mut jwk = signer.jwk("");
        jwk.as_object_mut().unwrap().remove("kid");
        jwk
    };
    let several = Err(Flaw::Final("it names no key, and several fit"));
    for (token, set, judgement) in [
        (by_second(Some("k")), vec![first.jwk("k"), second.jwk("k")], Ok(())),
        (by_second(Some("k")), vec![second.jwk("k"), first.jwk("k")], Ok(())),
        (by_second(Some("k")), vec![first.jwk("k"), first.jwk("k")], Err(Flaw::Key)),
        (by_second(Some("k")), vec![first.jwk("k"), nameless(&second)], Err(Flaw::Key)),
        (by_second(Some("")), vec![second.jwk("")], Ok(())),
        (by_second(Some("")), vec![second.jwk("k")], Err(Flaw::Key)),
        (by_second(Some("")), vec![nameless(&second)], Err(Flaw::Key)),
        (by_second(Some("K")), vec![second.jwk("k")], Err(Flaw::Key)),
        (by_second(None), vec![second.jwk("")], Ok(())),
        (by_second(None), vec![second.jwk("k"), second.jwk("k")], several),
        (by_second(None), vec![nameless(&second), nameless(&first)], several),
    ] {
        assert_eq!(judge(&token, &keys(&set)).map(drop), judgement, "{set:?}");
    }
}

/// Made once, each signature true to its key: all that is wrong with one is the key.
#[test]
fn an_rsa_key_is_neither_weak_nor_boundless() {
    let made: Value = serde_json::from_str(include_str!("rsa.json")).unwrap();
    let message = made["message"].as_str().unwrap();
    let holding: Vec<&str> = made["keys"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|made| {
            let token = format!("{message}.{}", made["signature"].as_str().unwrap());
            judge(&token, &keys(std::slice::from_ref(&made["jwk"]))).is_ok().then(|| made["what"].as_str().unwrap())
        })
        .collect();
    assert_eq!(holding, ["2048 bits", "2048 bits, and the exponent 3"]);
    // That it is the length alone.
    let weak = made["keys"].as_array().unwrap().iter().find(|made| made["what"] == "1024 bits").unwrap();
    RsaPublicKeyComponents { n: bytes(&weak["jwk"]["n"]), e: bytes(&weak["jwk"]["e"]) }
        .verify(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, message.as_bytes(), &bytes(&weak["signature"]))
        .unwrap();
}

/// With an exponent of 1 a signature is the padded hash itself, which anybody can write down.
#[test]
fn an_rsa_exponent_that_hides_nothing_is_refused() {
    let jwk = Signer::rsa(&RSA_PKCS1_SHA256, "RS256").jwk("k1");
    let message = unsigned(&json!({ "alg": "RS256", "kid": "k1" }), &claims(ISSUER));
    // RFC 8017 §9.2.
    let hash = b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";
    let hash = [hash, digest(&SHA256, message.as_bytes()).as_ref()].concat();
    let padded = [vec![0, 1], vec![0xff; 256 - 3 - hash.len()], vec![0], hash].concat();
    let one = [vec![0; 255], vec![1]].concat();
    for exponent in [&[][..], &[0], &[1], &[0, 0, 1], &[2], &[4]] {
        let set = keys(&[with(&jwk, "e", json!(text(exponent)))]);
        for signature in [&padded, &one, &vec![0; 256]] {
            let token = format!("{message}.{}", text(signature));
            assert_eq!(judge(&token, &set), Err(Flaw::Key), "{exponent:?}");
        }
    }
}

/// Signs the good claims.
fn token(pair: &EcdsaKeyPair, alg: &str) -> String {
    let message = unsigned(&json!({ "alg": alg }), &claims(ISSUER));
    let signature = pair.sign(&aws_lc_rs::rand::SystemRandom::new(), message.as_bytes()).unwrap();
    format!("{message}.{}", text(signature.as_ref()))
}

/// A key of whose coordinates this one begins with a zero byte: one of 256 does.
fn zero_ahead(algorithm: &'static EcdsaSigningAlgorithm, x_or_y: usize) -> (EcdsaKeyPair, [Vec<u8>; 2]) {
    std::iter::repeat_with(|| EcdsaKeyPair::generate(algorithm).unwrap())
        .find_map(|pair| {
            let point = pair.public_key().as_ref();
            let (x, y) = point[1..].split_at(point.len() / 2);
            let coordinates = [x.to_vec(), y.to_vec()];
            (coordinates[x_or_y][0] == 0).then_some((pair, coordinates))
        })
        .unwrap()
}

#[test]
fn a_coordinate_may_lack_its_zeros_ahead_or_have_more() {
    for (algorithm, curve, alg) in
        [(&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256", "ES256"), (&ECDSA_P384_SHA384_FIXED_SIGNING, "P-384", "ES384")]
    {
        for x_or_y in [0, 1] {
            let (pair, coordinates) = zero_ahead(algorithm, x_or_y);
            let token = token(&pair, alg);
            let holds = |[x, y]: [&[u8]; 2]| {
                let jwk = json!({ "kty": "EC", "crv": curve, "x": text(x), "y": text(y) });
                judge(&token, &keys(&[jwk])).is_ok()
            };
            let [x, y] = &coordinates;
            let short = |bytes: &[u8]| bytes.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<_>>();
            let long = |bytes: &[u8]| [&[0], bytes].concat();
            assert!(holds([x, y]), "{curve}");
            assert!(holds([&short(x), &short(y)]), "{curve}, without");
            assert!(holds([&long(x), &long(y)]), "{curve}, one more");
            // What is lacking stood ahead, and nothing else is made up.
            assert!(!holds([&x[..x.len() - 1], y]) && !holds([x, &y[..y.len() - 1]]), "{curve}, cut");
            assert!(!holds([&[x.as_slice(), &[0]].concat(), y]), "{curve}, too long");
            assert!(!holds([&[], y]) && !holds([x, &[]]) && !holds([&[], &[]]), "{curve}, none");
            assert!(!holds([y, x]), "{curve}, not on it");
        }
    }
    // That of Ed25519 is no number, but bytes.
    let signer = Signer::ed();
    let x = bytes(&signer.jwk("k1")["x"]);
    for x in [[&[0], x.as_slice()].concat(), x[..31].to_vec(), [x.as_slice(), &[0]].concat()] {
        let set = keys(&[with(&signer.jwk("k1"), "x", json!(text(&x)))]);
        assert_eq!(judge(&signer.token(Some("k1"), &claims(ISSUER)), &set), Err(Flaw::Key));
    }
}

#[test]
fn a_signature_of_zeros_or_in_another_form_proves_nothing() {
    let signer = Signer::ec();
    let set = keys(&[signer.jwk("k1")]);
    let good = signer.token(Some("k1"), &claims(ISSUER));
    let (message, signature) = good.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let (r, s) = signature.split_at(32);
    // ASN.1, as X.509 has it, and not JOSE (RFC 7518 §3.4); each number with a zero ahead, so that it is not negative.
    let der = [&[0x30, 70, 2, 33, 0], r, &[2, 33, 0], s].concat();
    let forms =
        [vec![0; 64], vec![0; 63], vec![0xff; 64], [r, &[0; 32]].concat(), der, r.to_vec(), signature.repeat(2)];
    for form in forms {
        assert_eq!(judge(&format!("{message}.{}", text(&form)), &set), Err(Flaw::Key), "{form:?}");
    }
    assert!(judge(&good, &set).is_ok());
}

#[test]
fn a_large_set_is_read_and_its_one_key_found() {
    let signer = Signer::ec();
    let mut set: Vec<Value> =
        (0..5000).map(|kid| json!({ "kty": "oct", "kid": kid.to_string(), "k": "AAAA" })).collect();
    set.push(signer.jwk("k1"));
    let set: Keys = keys(&set);
    assert_eq!(set.len(), 1);
    assert!(judge(&signer.token(Some("k1"), &claims(ISSUER)), &set).is_ok());
}
