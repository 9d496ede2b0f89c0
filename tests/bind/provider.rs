//! Bind against a provider that declines, fails or lies: the app is told in our words, and nothing is stored.

use sandbox::{Answer, IdTokenForm, IssParameter, Signing, Userinfo};
use serde_json::json;

use crate::support::browser::{Browser, Callback, instruct};
use crate::support::database::{assert_nothing_stored, bind_refusals, count};
use crate::support::world::{As, Body, CONSOLE, CONSOLE_PASSWORD, World, both_engines};

const BASIC: As = As::Basic(CONSOLE, CONSOLE_PASSWORD);

/// A whole bind up to where fedlink sends the browser after the provider.
async fn arrive(world: &World) -> crate::support::world::Answer {
    let redirect_to = instruct(world, &BASIC).await;
    let mut browser = Browser::default();
    let back = browser.arrive(world, &redirect_to, "oleg").await;
    browser.go(world, "GET", &back, Body::None).await
}

/// The bind ends as `error`, in our words, with nothing kept and one line of record.
async fn assert_ended(world: &World, answer: &crate::support::world::Answer, (error, why): (&str, &str), what: &str) {
    let callback = Callback::of(answer);
    assert_eq!((callback.get("status"), callback.get("error")), ("error", error), "{what}");
    let words = match error {
        "access_denied" => "The user declined to connect the account",
        _ => "The provider could not connect the account",
    };
    assert_eq!(callback.get("error_description"), words, "{what}");
    assert_eq!(callback.query.len(), 5, "{what}: {}", callback.url);
    assert_eq!(bind_refusals(world).await.last().map(String::as_str), Some(why), "{what}");
    assert_eq!(count(world, &format!("flows WHERE id = '{}'", callback.get("bind"))).await, 0, "{what}");
    assert_nothing_stored(world, what).await;
}

/// How providers say that their user did not want to.
const DECLINED: [&str; 5] =
    ["access_denied", "consent_required", "interaction_required", "login_required", "user_cancelled_authorize"];

/// Declines at the provider with this error code; gives what fedlink answers.
async fn decline(world: &World, error: &str) -> crate::support::world::Answer {
    let code = error.to_owned();
    world.sandbox.script().set(|settings| settings.declined = code);
    let redirect_to = instruct(world, &BASIC).await;
    let mut browser = Browser::default();
    let url = browser.open(world, &redirect_to).await;
    let cancel = Body::Form(vec![("cancel", "yes".to_owned())]);
    let back = world.send("POST", &url, &As::Nobody, cancel, &[]).await.location();
    browser.go(world, "GET", &back, Body::None).await
}

both_engines! {
    async fn declining_at_the_provider_is_access_denied(engine: Engine) {
        let world = World::start(engine).await;
        for error in DECLINED {
            let answer = decline(&world, error).await;
            assert_ended(&world, &answer, ("access_denied", "declined_at_provider"), error).await;
        }
        for error in ["server_error", "temporarily_unavailable", "<script>", "https://evil.example/"] {
            let answer = decline(&world, error).await;
            assert_ended(&world, &answer, ("provider_error", "provider_refused"), error).await;
        }
        // RFC 9207 asks for iss beside errors too; some omit it there.
        world.sandbox.script().set(|settings| settings.iss = IssParameter::OmitOnErrors);
        let answer = decline(&world, "access_denied").await;
        assert_ended(&world, &answer, ("access_denied", "declined_at_provider"), "without iss").await;
    }

    async fn tokens_that_are_bound_to_something_are_not_kept(engine: Engine) {
        let world = World::start(engine).await;
        for kind in ["DPoP", "mac", "N_A"] {
            world.sandbox.script().set(|settings| settings.token_type = Some(kind.to_owned()));
            let answer = arrive(&world).await;
            assert_ended(&world, &answer, ("provider_error", "exchange_failed"), kind).await;
        }
        for kind in [Some("bearer"), Some(""), None] {
            world.sandbox.script().set(|settings| settings.token_type = kind.map(str::to_owned));
            assert!(arrive(&world).await.location().ends_with("/confirm"), "{kind:?}");
        }
    }

    async fn a_provider_that_is_away_when_the_address_is_opened(engine: Engine) {
        let world = World::start(engine).await;
        let redirect_to = instruct(&world, &BASIC).await;
        world.sandbox.stop();
        let answer = Browser::default().go(&world, "GET", &redirect_to, Body::None).await;
        assert_ended(&world, &answer, ("provider_error", "provider_unavailable"), "away").await;
    }

    async fn a_provider_that_is_away_when_the_browser_comes_back(engine: Engine) {
        let world = World::start(engine).await;
        let redirect_to = instruct(&world, &BASIC).await;
        let mut browser = Browser::default();
        let back = browser.arrive(&world, &redirect_to, "oleg").await;
        world.sandbox.stop();
        let answer = browser.go(&world, "GET", &back, Body::None).await;
        assert_ended(&world, &answer, ("provider_error", "exchange_failed"), "away").await;
    }

    async fn a_code_that_is_not_redeemed_ends_the_bind(engine: Engine) {
        let world = World::start(engine).await;
        let failures = [
            Answer::OkWithError("invalid_grant".to_owned()),
            Answer::Html502,
            Answer::EmptyStatus(400),
            Answer::Status(503, Some(7)),
            Answer::CloseMidBody,
            Answer::TruncatedJson,
            Answer::Redirect,
        ];
        for failure in failures {
            world.sandbox.script().next_answers(1, &failure);
            let answer = arrive(&world).await;
            assert_ended(&world, &answer, ("provider_error", "exchange_failed"), &format!("{failure:?}")).await;
        }
        assert_eq!(world.sandbox.counts().followed_redirect, 0);
        assert!(arrive(&world).await.location().ends_with("/confirm"), "and then it works again");
    }

    async fn an_id_token_that_does_not_hold_proves_nothing(engine: Engine) {
        let faults = [
            IdTokenForm::WrongIss,
            IdTokenForm::WrongAud,
            IdTokenForm::WrongNonce,
            IdTokenForm::AlgNone,
            IdTokenForm::Hs256WithPublicKey,
            IdTokenForm::BadSignature,
            IdTokenForm::MissingIss,
            IdTokenForm::MissingSub,
            IdTokenForm::MissingAud,
            IdTokenForm::MissingIat,
            IdTokenForm::MissingExp,
            IdTokenForm::MissingNonce,
            IdTokenForm::Expired,
            IdTokenForm::UnknownKid,
            IdTokenForm::WrongAtHash,
            IdTokenForm::Absent,
        ];
        for signing in [Signing::Es256, Signing::Rs256] {
            let world = World::start(engine).await;
            world.sandbox.script().set(|settings| settings.signing = signing);
            // Those that hold, first: the keys are known then, and it is the fault that is refused.
            for good in [IdTokenForm::Good, IdTokenForm::NoAtHash] {
                world.sandbox.script().set(|settings| settings.id_token = good);
                assert!(arrive(&world).await.location().ends_with("/confirm"), "{signing:?} {good:?}");
            }
            for fault in faults {
                world.sandbox.script().set(|settings| settings.id_token = fault);
                let answer = arrive(&world).await;
                let what = format!("{signing:?} {fault:?}");
                assert_ended(&world, &answer, ("provider_error", "exchange_failed"), &what).await;
            }
        }
    }

    async fn an_id_token_that_names_no_key_holds_where_there_is_one(engine: Engine) {
        let world = World::start(engine).await;
        world.sandbox.script().set(|settings| settings.id_token = IdTokenForm::NoKid);
        assert!(arrive(&world).await.location().ends_with("/confirm"), "one key");
        world.sandbox.add_key().expect("a key");
        world.sandbox.script().set(|settings| settings.id_token = IdTokenForm::Good);
        world.advance(61);
        assert!(arrive(&world).await.location().ends_with("/confirm"), "several keys, and it names one");
        world.sandbox.script().set(|settings| settings.id_token = IdTokenForm::NoKid);
        let answer = arrive(&world).await;
        assert_ended(&world, &answer, ("provider_error", "exchange_failed"), "several keys").await;
    }

    async fn an_id_token_for_several_says_to_whom_it_was_issued(engine: Engine) {
        let world = World::start(engine).await;
        for (claims, holds) in [
            (json!({"aud": ["fedlink"]}), true),
            (json!({"aud": ["fedlink", "api"], "azp": "fedlink"}), true),
            (json!({"aud": ["fedlink", "api"]}), false),
            (json!({"aud": ["fedlink", "api"], "azp": "api"}), false),
            (json!({"azp": "api"}), false),
        ] {
            let what = claims.to_string();
            world.sandbox.script().set(|settings| settings.claims = claims.as_object().cloned().unwrap_or_default());
            let answer = arrive(&world).await;
            if holds {
                assert!(answer.location().ends_with("/confirm"), "{what}");
            } else {
                assert_ended(&world, &answer, ("provider_error", "exchange_failed"), &what).await;
            }
        }
    }

    async fn a_clock_may_be_three_minutes_off_and_no_more(engine: Engine) {
        let world = World::frozen(engine).await;
        // It lives ten minutes: issued so long ago, it ran out as many seconds ago as its clock is behind beyond that.
        for (ahead, holds) in [(180, true), (181, false), (-779, true), (-780, false)] {
            world.sandbox.script().set(|settings| settings.clock_ahead_seconds = ahead);
            let answer = arrive(&world).await;
            if holds {
                assert!(answer.location().ends_with("/confirm"), "{ahead}");
            } else {
                assert_ended(&world, &answer, ("provider_error", "exchange_failed"), &ahead.to_string()).await;
            }
        }
    }

    async fn metadata_of_another_issuer_sends_nobody_anywhere(engine: Engine) {
        let world = World::start(engine).await;
        world.sandbox.script().set(|settings| settings.discovery_issuer = Some("https://evil.example".to_owned()));
        let redirect_to = instruct(&world, &BASIC).await;
        let answer = Browser::default().go(&world, "GET", &redirect_to, Body::None).await;
        assert_ended(&world, &answer, ("provider_error", "provider_unavailable"), "another issuer").await;
    }

    async fn an_answer_of_another_issuer_is_refused_before_the_code_is_redeemed(engine: Engine) {
        for (advertised, iss, refused) in [
            (true, IssParameter::Send, false),
            (true, IssParameter::Omit, true),
            (true, IssParameter::OmitOnErrors, false),
            (true, IssParameter::Wrong, true),
            (false, IssParameter::Send, false),
            (false, IssParameter::Omit, false),
            (false, IssParameter::Wrong, true),
        ] {
            let world = World::start(engine).await;
            world.sandbox.script().set(|settings| {
                settings.advertise_iss = advertised;
                settings.iss = iss;
            });
            let what = format!("advertised: {advertised}, {iss:?}");
            let answer = arrive(&world).await;
            if refused {
                assert_ended(&world, &answer, ("provider_error", "wrong_issuer"), &what).await;
                assert_eq!(world.sandbox.counts().token_code, 0, "{what}");
            } else {
                assert!(answer.location().ends_with("/confirm"), "{what}: {}", answer.location());
            }
        }
    }

    async fn userinfo_about_somebody_else_proves_nothing(engine: Engine) {
        let world = World::start(engine).await;
        world.sandbox.script().set(|settings| {
            settings.lean_id_token = true;
            settings.userinfo = Userinfo::WrongSub;
        });
        let answer = arrive(&world).await;
        assert_ended(&world, &answer, ("provider_error", "exchange_failed"), "another sub").await;
        assert_eq!(world.sandbox.counts().userinfo, 1);
    }

    async fn an_answer_without_a_code_ends_the_bind(engine: Engine) {
        let world = World::start(engine).await;
        let redirect_to = instruct(&world, &BASIC).await;
        let mut browser = Browser::default();
        let back = browser.arrive(&world, &redirect_to, "oleg").await;
        let mut url = url::Url::parse(&back).unwrap();
        let rest: Vec<_> = url.query_pairs().into_owned().filter(|(name, _)| name != "code").collect();
        url.query_pairs_mut().clear().extend_pairs(rest);
        let answer = browser.go(&world, "GET", url.as_str(), Body::None).await;
        assert_ended(&world, &answer, ("provider_error", "no_code"), "no code").await;
    }
}
