//! Our own signed proofs, as a provider would check them.

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaKeyPair,
    UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::super::assertion::Signer;
use super::network::Fake;
use super::{noon, provider, secret, settings};
use domain::entropy::SystemEntropy;
use settings::{ClientAuth, ClientKey, KeyAlgorithm, Provider};

/// A private key as a file has it, and its public half.
struct Key {
    pem: String,
    public: Vec<u8>,
}

impl Key {
    fn new(der: &[u8], public: &[u8]) -> Self {
        let text = STANDARD.encode(der);
        Self { pem: format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----"), public: public.to_vec() }
    }

    fn ec(algorithm: &'static EcdsaSigningAlgorithm) -> Self {
        let pair = EcdsaKeyPair::generate(algorithm).unwrap();
        Self::new(pair.to_pkcs8v1().unwrap().as_ref(), pair.public_key().as_ref())
    }

    fn rsa(size: KeySize) -> Self {
        let pair = RsaKeyPair::generate(size).unwrap();
        let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        Self::new(der.as_ref(), pair.public_key().as_ref())
    }
}

/// A provider's settings whose client proves itself by `key`.
fn keyed(issuer: &str, key: &Key, algorithm: Option<KeyAlgorithm>) -> Provider {
    Provider {
        client_secret: None,
        client_auth: ClientAuth::PrivateKeyJwt,
        client_key: Some(ClientKey {
            pem: key.pem.as_str().into(),
            id: Some("key-1".to_owned()),
            algorithm,
            issuer: None,
        }),
        ..settings(issuer)
    }
}

/// The header and the claims of a token whose signature holds.
fn verified(token: &str, key: &Key, algorithm: &'static dyn VerificationAlgorithm) -> (Value, Value) {
    let (message, signature) = token.rsplit_once('.').unwrap();
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let public = UnparsedPublicKey::new(algorithm, &key.public);
    public.verify(message.as_bytes(), &bytes(signature)).expect("the signature holds");
    let (header, claims) = message.split_once('.').unwrap();
    (serde_json::from_slice(&bytes(header)).unwrap(), serde_json::from_slice(&bytes(claims)).unwrap())
}

#[test]
fn an_assertion_says_who_we_are_to_whom_and_for_a_minute() {
    let (ec, rsa) = (Key::ec(&ECDSA_P256_SHA256_FIXED_SIGNING), Key::rsa(KeySize::Rsa2048));
    let longer = Key::rsa(KeySize::Rsa4096);
    let ps256 = Some(KeyAlgorithm::Ps256);
    let cases: [(&Key, _, &'static dyn VerificationAlgorithm, &str); 6] = [
        (&ec, None, &ECDSA_P256_SHA256_FIXED, "ES256"),
        (&ec, Some(KeyAlgorithm::Es256), &ECDSA_P256_SHA256_FIXED, "ES256"),
        (&rsa, None, &RSA_PKCS1_2048_8192_SHA256, "RS256"),
        (&rsa, Some(KeyAlgorithm::Rs256), &RSA_PKCS1_2048_8192_SHA256, "RS256"),
        (&longer, None, &RSA_PKCS1_2048_8192_SHA256, "RS256"),
        (&rsa, ps256, &RSA_PSS_2048_8192_SHA256, "PS256"),
    ];
    for (key, algorithm, verification, name) in cases {
        let settings = keyed("https://a.example/", key, algorithm);
        let signer = Signer::new(&settings, SystemEntropy::shared()).unwrap().expect("a signer");
        let sign = || signer.sign("https://a.example/", noon()).unwrap();
        let (header, claims) = verified(sign().expose_secret(), key, verification);
        assert_eq!(header, json!({ "typ": "JWT", "alg": name, "kid": "key-1" }));
        let now = noon().timestamp();
        let jti = claims["jti"].as_str().expect("a jti").to_owned();
        assert_eq!(
            claims,
            json!({
                "iss": "fed link", "sub": "fed link", "aud": "https://a.example/",
                "iat": now, "exp": now + 60, "jti": jti,
            })
        );
        let (_, other) = verified(sign().expose_secret(), key, verification);
        assert_ne!(other["jti"], jti.as_str(), "each works once");
        let body = key.pem.lines().nth(1).unwrap();
        assert!(!format!("{signer:?}").contains(body), "{signer:?}");
    }
}

#[test]
fn a_key_that_cannot_sign_is_refused_without_a_word_of_it() {
    let ec = Key::ec(&ECDSA_P256_SHA256_FIXED_SIGNING);
    let other_curve = Key::ec(&ECDSA_P384_SHA384_FIXED_SIGNING);
    let broken = Key::new(b"planted-s3cret", b"");
    let none = Key { pem: "-----BEGIN PRIVATE KEY-----".to_owned(), public: Vec::new() };
    for (key, algorithm, told) in [
        (&ec, Some(KeyAlgorithm::Rs256), "client_key of tcs:tcs_1 does not fit client_key_alg"),
        (&ec, Some(KeyAlgorithm::Ps256), "client_key of tcs:tcs_1 does not fit client_key_alg"),
        (&other_curve, None, "client_key of tcs:tcs_1 must be an EC key on P-256, or an RSA key of 2048 to 8192 bits"),
        (&broken, None, "client_key of tcs:tcs_1 must be an EC key on P-256, or an RSA key of 2048 to 8192 bits"),
        (&none, None, "client_key of tcs:tcs_1 cannot be read: it must be one private key in PEM, PKCS#8"),
    ] {
        let error = Signer::new(&keyed("https://a.example", key, algorithm), SystemEntropy::shared()).unwrap_err();
        assert_eq!(error.to_string(), told);
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    }
    assert!(Signer::new(&settings("https://a.example"), SystemEntropy::shared()).unwrap().is_none());
}

#[tokio::test]
async fn a_key_proves_us_at_the_token_endpoint() {
    let key = Key::ec(&ECDSA_P256_SHA256_FIXED_SIGNING);
    let fake = Fake::with_metadata();
    fake.json("/token", 200, &json!({ "access_token": "a" }));
    let mut apple = keyed(&fake.issuer, &key, None);
    apple.client_auth = ClientAuth::SignedSecret;
    apple.client_key.as_mut().unwrap().issuer = Some("TEAM".to_owned());
    for settings in [keyed(&fake.issuer, &key, None), apple] {
        let (client, clock) = provider(settings.clone());
        let signed = |body: &str| {
            let form: std::collections::BTreeMap<_, _> =
                url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
            assert_eq!(form["client_id"], "fed link");
            if settings.client_auth == ClientAuth::SignedSecret {
                assert!(!form.contains_key("client_assertion"));
                form["client_secret"].clone()
            } else {
                assert!(!form.contains_key("client_secret"));
                assert_eq!(form["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
                form["client_assertion"].clone()
            }
        };
        super::provider::granted(&client).await;
        // What is prepared is what is sent, whenever it is.
        let prepared = client.prepare().await.unwrap();
        let asked = fake.asked("/.well-known/openid-configuration").len();
        clock.advance(std::time::Duration::from_secs(20));
        client.refresh(&prepared, &secret("r"), &super::provider::params(), super::WITHIN).await;
        assert_eq!(fake.asked("/.well-known/openid-configuration").len(), asked);
        let calls = fake.asked("/token");
        let [.., exchange, refresh] = calls.as_slice() else { panic!("{}", calls.len()) };
        for call in [exchange, refresh] {
            assert!(call.authorization.is_none());
            let (_, claims) = verified(&signed(&call.body), &key, &ECDSA_P256_SHA256_FIXED);
            assert_eq!((&claims["aud"], &claims["iat"]), (&json!(fake.issuer), &json!(noon().timestamp())));
            let apples = settings.client_auth == ClientAuth::SignedSecret;
            assert_eq!(claims["iss"], if apples { "TEAM" } else { "fed link" });
            assert_eq!(claims.get("jti").is_none(), apples, "Apple lists its claims");
        }
        assert_ne!(signed(&exchange.body), signed(&refresh.body));
    }
}
