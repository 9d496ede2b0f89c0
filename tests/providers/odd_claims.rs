//! What a provider says beside what is judged, in whatever form, refuses nobody; what is judged has one form.

use sandbox::{IdTokenForm, Settings, Signing, Userinfo};
use serde_json::{Value, json};

use crate::support::browser::{Browser, Callback, instruct};
use crate::support::database::{assert_nothing_stored, bind_refusals, texts};
use crate::support::world::{Answer, As, Body, CONSOLE, CONSOLE_PASSWORD, World, both_engines};

const BASIC: As = As::Basic(CONSOLE, CONSOLE_PASSWORD);

/// Claims of OpenID Connect Core and its neighbours that nobody asked for and nothing reads.
const UNJUDGED: [&str; 29] = [
    "updated_at",
    "amr",
    "acr",
    "auth_time",
    "locale",
    "zoneinfo",
    "address",
    "email",
    "email_verified",
    "phone_number",
    "phone_number_verified",
    "gender",
    "birthdate",
    "picture",
    "profile",
    "website",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "c_hash",
    "s_hash",
    "jti",
    "nbf",
    "sid",
    "act",
    "groups",
    "https://claims.example/tenant",
];

/// A whole bind up to where fedlink sends the browser after the provider.
async fn arrive(world: &World) -> Answer {
    let redirect_to = instruct(world, &BASIC).await;
    let mut browser = Browser::default();
    let back = browser.arrive(world, &redirect_to, "oleg").await;
    browser.go(world, "GET", &back, Body::None).await
}

/// The account that a bind came to, as it waits for its confirmation: id and name.
#[track_caller]
fn held(answer: &Answer) -> String {
    assert_eq!(answer.status, 303, "{}", answer.text());
    let url = answer.location();
    let id = url.strip_suffix("/confirm").and_then(|url| url.rsplit('/').next());
    id.unwrap_or_else(|| panic!("not to the confirm page: {url}")).to_owned()
}

async fn account(world: &World, answer: &Answer) -> (String, Option<String>) {
    let flow = held(answer);
    let of = |column: &str| format!("SELECT coalesce({column}, '') AS value FROM flows WHERE id = '{flow}'");
    let sid = texts(&world.database_url, &of("sid")).await.concat();
    let name = texts(&world.database_url, &of("user_name")).await.concat();
    (sid, Some(name).filter(|name| !name.is_empty()))
}

fn oleg(name: Option<&str>) -> (String, Option<String>) {
    ("oleg".to_owned(), name.map(str::to_owned))
}

/// The bind ends at the provider's word, with nothing kept.
async fn assert_ended(world: &World, answer: &Answer, what: &str) {
    let callback = Callback::of(answer);
    assert_eq!((callback.get("status"), callback.get("error")), ("error", "provider_error"), "{what}");
    assert_eq!(bind_refusals(world).await.last().map(String::as_str), Some("exchange_failed"), "{what}");
    assert_nothing_stored(world, what).await;
}

fn script(world: &World, change: impl FnOnce(&mut Settings)) {
    world.sandbox.script().set(|settings| {
        *settings = Settings::default();
        change(settings);
    });
}

/// Forms that no claim has by OpenID's tables, and some that most have.
fn forms() -> Vec<Value> {
    vec![
        json!(null),
        json!(7),
        json!(-1.5),
        json!(1e300),
        json!(""),
        json!("2026-11-26T12:00:00.000Z"),
        json!(true),
        json!([]),
        json!(["pwd", 7, null]),
        json!({}),
        json!({"formatted": 7}),
        json!("\u{0}\u{202e}"),
    ]
}

both_engines! {
    async fn a_claim_nobody_uses_never_refuses_anybody(engine: Engine) {
        let world = World::start(engine).await;
        for form in forms() {
            for lean in [false, true] {
                script(&world, |to| {
                    to.lean_id_token = lean;
                    to.claims = UNJUDGED.iter().map(|claim| ((*claim).to_owned(), form.clone())).collect();
                    if lean {
                        to.userinfo_claims.insert("name".to_owned(), json!("Oleg Sandbox"));
                    }
                });
                let answer = arrive(&world).await;
                assert_eq!(account(&world, &answer).await, oleg(Some("Oleg Sandbox")), "{form} {lean}");
            }
        }
    }

    async fn each_claim_alone_refuses_nobody_as_auth0_writes_it(engine: Engine) {
        let world = World::start(engine).await;
        for claims in [
            json!({"updated_at": "2026-11-26T12:00:00.000Z"}),
            json!({"amr": "pwd"}),
            json!({"locale": {"language": "ru", "country": "RU"}}),
            json!({"address": "Москва"}),
            json!({"email_verified": "yes", "phone_number_verified": 1}),
            json!({"auth_time": "1711125311"}),
        ] {
            script(&world, |to| to.claims = claims.as_object().cloned().unwrap_or_default());
            let answer = arrive(&world).await;
            assert_eq!(account(&world, &answer).await, oleg(Some("Oleg Sandbox")), "{claims}");
        }
    }

    async fn a_judged_claim_has_one_form(engine: Engine) {
        let world = World::start(engine).await;
        let issuer = world.sandbox.issuer();
        let now = world.now().timestamp();
        let rows = [
            ("iss", vec![json!(null), json!(7), json!([issuer]), json!({"iss": issuer}), json!("")]),
            ("sub", vec![json!(null), json!(7), json!(["oleg"]), json!({"sub": "oleg"}), json!(""), json!(true)]),
            ("aud", vec![
                json!(null), json!(7), json!({"aud": "fedlink"}), json!(""), json!([]), json!([7]), json!([["fedlink"]]),
                json!(["fedlink", 7]), json!(["fedlink", null]),
            ]),
            ("exp", vec![json!(null), json!((now + 600).to_string()), json!([now + 600]), json!({}), json!(""), json!(true)]),
            ("iat", vec![json!(null), json!(now.to_string()), json!([now]), json!({}), json!(""), json!(false)]),
            ("nonce", vec![json!(null), json!(7), json!(["nonce"]), json!({}), json!("")]),
            ("azp", vec![json!(7), json!(["fedlink"]), json!({"azp": "fedlink"}), json!("")]),
            ("at_hash", vec![json!(7), json!(["AA"]), json!({}), json!("")]),
        ];
        for (claim, wrong) in rows {
            for value in wrong {
                script(&world, |to| drop(to.claims.insert(claim.to_owned(), value.clone())));
                let answer = arrive(&world).await;
                assert_ended(&world, &answer, &format!("{claim}: {value}")).await;
            }
        }
        // What a judged claim may be as well: a list of one audience, a time with a fraction, a null that says nothing.
        for claims in [
            json!({"aud": ["fedlink"]}), json!({"azp": "fedlink"}), json!({"azp": null, "at_hash": null}),
            json!({"exp": f64::from(u32::try_from(now).unwrap()) + 600.5, "iat": f64::from(u32::try_from(now).unwrap()) - 0.5}),
        ] {
            script(&world, |to| to.claims = claims.as_object().cloned().unwrap_or_default());
            held(&arrive(&world).await);
        }
    }

    async fn a_name_of_another_form_is_none(engine: Engine) {
        let world = World::start(engine).await;
        for (form, name) in [
            (json!(null), None), (json!([]), None), (json!({"first": "Oleg"}), None), (json!(true), None), (json!(""), None),
            (json!(7), Some("7")), (json!("Олег"), Some("Олег")),
        ] {
            script(&world, |to| drop(to.claims.insert("name".to_owned(), form.clone())));
            let answer = arrive(&world).await;
            assert_eq!(account(&world, &answer).await, oleg(name), "{form}");
        }
    }

    async fn a_userinfo_that_cannot_be_used_costs_a_name(engine: Engine) {
        let world = World::start(engine).await;
        for userinfo in [
            Userinfo::Status(500), Userinfo::Status(503), Userinfo::Status(401), Userinfo::Status(403), Userinfo::Status(404),
            Userinfo::Status(429), Userinfo::Status(204), Userinfo::Html, Userinfo::HalfJson, Userinfo::List, Userinfo::Big,
            Userinfo::Redirect, Userinfo::Absent, Userinfo::Encrypted, Userinfo::Hang,
        ] {
            script(&world, |to| {
                to.lean_id_token = true;
                to.userinfo = userinfo;
            });
            let answer = arrive(&world).await;
            assert_eq!(account(&world, &answer).await, oleg(None), "{userinfo:?}");
        }
        assert_eq!(world.sandbox.counts().followed_redirect, 0);
    }

    async fn a_userinfo_about_somebody_else_is_refused_whatever_form_it_has(engine: Engine) {
        let world = World::start(engine).await;
        for userinfo in [Userinfo::WrongSub, Userinfo::NoSub] {
            script(&world, |to| {
                to.lean_id_token = true;
                to.userinfo = userinfo;
            });
            assert_ended(&world, &arrive(&world).await, &format!("{userinfo:?}")).await;
        }
        for sub in [json!("somebody"), json!(7), json!(null), json!(["oleg"]), json!({}), json!("")] {
            for userinfo in [Userinfo::Good, Userinfo::Signed(IdTokenForm::Good)] {
                script(&world, |to| {
                    to.lean_id_token = true;
                    to.userinfo = userinfo;
                    to.userinfo_claims.insert("sub".to_owned(), sub.clone());
                });
                assert_ended(&world, &arrive(&world).await, &format!("{userinfo:?} {sub}")).await;
            }
        }
    }

    async fn a_signed_userinfo_is_verified_and_read(engine: Engine) {
        let world = World::start(engine).await;
        for signing in [Signing::Es256, Signing::Rs256] {
            for (form, name) in [
                (IdTokenForm::Good, Some("Oleg Sandbox")),
                (IdTokenForm::NoKid, Some("Oleg Sandbox")),
                // Core 5.3.2: they should be there; where they are they have to be right.
                (IdTokenForm::MissingIss, Some("Oleg Sandbox")),
                (IdTokenForm::MissingAud, Some("Oleg Sandbox")),
                (IdTokenForm::WrongIss, None),
                (IdTokenForm::WrongAud, None),
                (IdTokenForm::AlgNone, None),
                (IdTokenForm::Hs256WithPublicKey, None),
                (IdTokenForm::BadSignature, None),
                (IdTokenForm::UnknownKid, None),
            ] {
                script(&world, |to| {
                    to.signing = signing;
                    to.lean_id_token = true;
                    to.userinfo = Userinfo::Signed(form);
                });
                let answer = arrive(&world).await;
                if signing == Signing::Rs256 && form == IdTokenForm::Good {
                    // Its first key is made when it is first needed: the keys that are known may be older.
                    held_or_again(&world, answer).await;
                    continue;
                }
                assert_eq!(account(&world, &answer).await, oleg(name), "{signing:?} {form:?}");
            }
        }
        for (claim, form, name) in [
            ("iss", json!(null), None), ("iss", json!([7]), None), ("aud", json!(["fedlink", "api"]), Some("Oleg Sandbox")),
            ("aud", json!(7), None), ("aud", json!(null), None), ("exp", json!(1), None), ("exp", json!("soon"), None),
            ("updated_at", json!("2026"), Some("Oleg Sandbox")), ("address", json!("Москва"), Some("Oleg Sandbox")),
        ] {
            script(&world, |to| {
                to.lean_id_token = true;
                to.userinfo = Userinfo::Signed(IdTokenForm::Good);
                to.userinfo_claims.insert(claim.to_owned(), form.clone());
            });
            let answer = arrive(&world).await;
            assert_eq!(account(&world, &answer).await, oleg(name), "{claim}: {form}");
        }
    }

    async fn an_account_that_userinfo_alone_names_needs_a_userinfo(engine: Engine) {
        let world = World::start_with(engine, |settings| settings + "sid = \"{employee}\"\n").await;
        let employee = |to: &mut Settings| drop(to.userinfo_claims.insert("employee".to_owned(), json!("e-7")));
        for userinfo in [Userinfo::Good, Userinfo::Signed(IdTokenForm::Good)] {
            script(&world, |to| {
                to.userinfo = userinfo;
                employee(to);
            });
            let answer = arrive(&world).await;
            assert_eq!(account(&world, &answer).await, ("e-7".to_owned(), Some("Oleg Sandbox".to_owned())), "{userinfo:?}");
        }
        for userinfo in [
            Userinfo::Status(500), Userinfo::Status(401), Userinfo::Html, Userinfo::HalfJson, Userinfo::List, Userinfo::Big,
            Userinfo::Absent, Userinfo::Encrypted, Userinfo::WrongSub, Userinfo::NoSub, Userinfo::Redirect,
            Userinfo::Signed(IdTokenForm::AlgNone), Userinfo::Signed(IdTokenForm::BadSignature),
            Userinfo::Signed(IdTokenForm::Hs256WithPublicKey), Userinfo::Signed(IdTokenForm::WrongIss),
            Userinfo::Signed(IdTokenForm::WrongAud), Userinfo::Signed(IdTokenForm::UnknownKid),
        ] {
            script(&world, |to| {
                to.userinfo = userinfo;
                employee(to);
            });
            assert_ended(&world, &arrive(&world).await, &format!("{userinfo:?}")).await;
        }
        for form in [json!(null), json!(true), json!([]), json!({}), json!("")] {
            script(&world, |to| drop(to.userinfo_claims.insert("employee".to_owned(), form.clone())));
            assert_ended(&world, &arrive(&world).await, &form.to_string()).await;
        }
    }

    async fn metadata_and_keys_are_read_as_far_as_they_are_used(engine: Engine) {
        let world = World::frozen(engine).await;
        for metadata in [
            json!({"revocation_endpoint": ""}), json!({"revocation_endpoint": "n/a"}), json!({"revocation_endpoint": 7}),
            json!({"userinfo_endpoint": null}), json!({"userinfo_endpoint": false}), json!({"userinfo_endpoint": {}}),
            json!({"pushed_authorization_request_endpoint": ""}), json!({"pushed_authorization_request_endpoint": [7]}),
            json!({"require_pushed_authorization_requests": "false"}), json!({"require_pushed_authorization_requests": null}),
            json!({"authorization_response_iss_parameter_supported": "true"}),
            json!({"authorization_response_iss_parameter_supported": null}),
            json!({"scopes_supported": 7, "claims_supported": {}, "id_token_signing_alg_values_supported": null}),
        ] {
            script(&world, |to| to.metadata = metadata.as_object().cloned().unwrap_or_default());
            world.advance(3601);
            assert_eq!(account(&world, &arrive(&world).await).await, oleg(Some("Oleg Sandbox")), "{metadata}");
        }
        script(&world, |to| {
            to.more_keys = vec![
                json!(1), json!(null), json!({}), json!({"kty": "XYZ"}), json!({"kty": 7, "kid": 7}),
                json!({"kty": "EC", "crv": "P-521", "x": "A", "y": "A"}), json!({"kty": "RSA", "n": 7, "e": []}),
                json!({"kty": "oct", "k": "c2VjcmV0"}), json!({"kty": "RSA", "kid": [], "use": {}, "n": "AQAB", "e": "AQAB"}),
            ];
        });
        world.advance(3601);
        assert_eq!(account(&world, &arrive(&world).await).await, oleg(Some("Oleg Sandbox")), "odd keys");
    }
}

/// A key that was made this moment is fetched once a minute at most; then it is known.
async fn held_or_again(world: &World, answer: Answer) {
    if answer.location().ends_with("/confirm") {
        return;
    }
    world.advance(61);
    held(&arrive(world).await);
}
