//! Binds of people under attack: somebody else's address, somebody else's browser, somebody else signed in between two steps.
//! Nothing is ever stored, and a line stays.

use futures_util::future::join;

use crate::support::browser::{Browser, Callback, field, instruct_with, persons_instruction};
use crate::support::database::{Sql, assert_nothing_stored, bind_refusals, count, execute};
use crate::support::world::{
    ALL_SCOPES, Answer, As, Body, CONSOLE, CONSOLE_PASSWORD, Engine, PUBLIC, World, both_engines,
};

const BASIC: As = As::Basic(CONSOLE, CONSOLE_PASSWORD);

/// A world with alice, mallory, and the instruction that `subject` has asked for.
async fn instructed(engine: Engine, subject: &str) -> (World, String) {
    let world = World::start(engine).await;
    world.account("alice").await;
    world.account("mallory").await;
    let token = world.user(CONSOLE, subject, &["blitz_api_ufa_chg"]).await;
    let redirect_to = instruct_with(&world, &token, persons_instruction()).await;
    (world, redirect_to)
}

async fn signed_in(world: &World, subject: &str) -> Browser {
    let mut browser = Browser::default();
    browser.sign_in(world, subject).await;
    browser
}

/// The app is told that it was the wrong user; nothing is stored, and a line stays that says how.
async fn assert_wrong_user(world: &World, answer: &Answer, what: &str) {
    assert_refused(world, answer, (what, "wrong_user")).await;
}

async fn assert_refused(world: &World, answer: &Answer, (what, detail): (&str, &str)) {
    let back = Callback::of(answer);
    assert_eq!((back.get("status"), back.get("error")), ("error", "wrong_user"), "{what}");
    assert_nothing_stored(world, what).await;
    assert_eq!(bind_refusals(world).await.last().map(String::as_str), Some(detail), "{what}");
    assert_eq!(count(world, "flows").await, 0, "{what}");
}

/// What happens to who is signed in, between two steps.
#[derive(Clone, Copy, Debug)]
enum Meanwhile {
    SignedOut,
    AnotherSignedIn,
    SessionRanOut,
    AccountDisabled,
    AccountDeleted,
}

const MEANWHILE: [Meanwhile; 5] = [
    Meanwhile::SignedOut,
    Meanwhile::AnotherSignedIn,
    Meanwhile::SessionRanOut,
    Meanwhile::AccountDisabled,
    Meanwhile::AccountDeleted,
];

impl Meanwhile {
    /// What the line says that stays.
    fn detail(self) -> &'static str {
        if matches!(self, Self::AnotherSignedIn) { "wrong_user" } else { "signed_out" }
    }

    async fn happens(self, world: &World, browser: &mut Browser) {
        let statement = match self {
            Self::SignedOut => return browser.sign_out(world),
            Self::AnotherSignedIn => return browser.sign_in(world, "mallory").await,
            Self::SessionRanOut => "UPDATE sessions SET expires = authenticated",
            Self::AccountDisabled => "UPDATE accounts SET disabled_at = created WHERE subject = 'alice'",
            Self::AccountDeleted => "DELETE FROM accounts WHERE subject = 'alice'",
        };
        execute(&world.database_url, statement).await;
    }
}

both_engines! {
    // The instruction is mallory's; its address reaches alice.
    async fn a_stolen_bind_link_links_nothing_of_the_victims(engine: Engine) {
        let (world, redirect_to) = instructed(engine, "mallory").await;
        let answer = signed_in(&world, "alice").await.go(&world, "GET", &redirect_to, Body::None).await;
        assert_wrong_user(&world, &answer, "signed in already").await;

        let (world, redirect_to) = instructed(engine, "mallory").await;
        let mut alice = Browser::default();
        assert_eq!(alice.go(&world, "GET", &redirect_to, Body::None).await.status, 303);
        alice.sign_in(&world, "alice").await;
        let answer = alice.go(&world, "GET", &redirect_to, Body::None).await;
        assert_wrong_user(&world, &answer, "signed in on the way").await;
    }

    // The instruction is alice's; its address reaches mallory.
    async fn a_stolen_bind_link_links_nothing_to_the_victim(engine: Engine) {
        let (world, redirect_to) = instructed(engine, "alice").await;
        let answer = signed_in(&world, "mallory").await.go(&world, "GET", &redirect_to, Body::None).await;
        assert_wrong_user(&world, &answer, "signed in already").await;

        // Opened by a browser in which nobody is signed in, it belongs to that browser: alice is not let in any more, not
        // even to finish what mallory has begun.
        let (world, redirect_to) = instructed(engine, "alice").await;
        let mut thief = Browser::default();
        assert_eq!(thief.go(&world, "GET", &redirect_to, Body::None).await.status, 303);
        let alice = signed_in(&world, "alice").await.go(&world, "GET", &redirect_to, Body::None).await;
        assert_eq!((alice.status, bind_refusals(&world).await.len()), (410, 0));
        thief.sign_in(&world, "mallory").await;
        let answer = thief.go(&world, "GET", &redirect_to, Body::None).await;
        assert_wrong_user(&world, &answer, "signed in on the way").await;
    }

    async fn only_the_browser_that_opened_it_goes_on(engine: Engine) {
        let (world, redirect_to) = instructed(engine, "alice").await;
        let mut alice = signed_in(&world, "alice").await;
        let back = alice.arrive(&world, &redirect_to, "oleg").await;
        // Even if the thief could sign in as alice.
        let mut thief = signed_in(&world, "alice").await;
        for url in [&redirect_to, &back, &format!("{redirect_to}/confirm")] {
            assert_eq!(thief.go(&world, "GET", url, Body::None).await.status, 410, "{url}");
        }
        let to_confirm = alice.go(&world, "GET", &back, Body::None).await.location();
        let csrf = field(&alice.go(&world, "GET", &to_confirm, Body::None).await.text(), "csrf");
        let yes = Body::Form(vec![("csrf", csrf), ("decision", "yes".to_owned())]);
        assert_eq!(thief.go(&world, "POST", &to_confirm, yes).await.status, 410);
        assert_nothing_stored(&world, "another browser").await;
        assert_eq!(alice.decide(&world, &to_confirm, "yes").await.get("status"), "linked");
    }

    async fn signed_out_or_in_as_another_between_any_two_steps(engine: Engine) {
        for basic in [false, true] {
            for meanwhile in MEANWHILE {
                let (world, mut redirect_to) = instructed(engine, "alice").await;
                if basic {
                    redirect_to = instruct_with(&world, &BASIC, persons_instruction()).await;
                    execute(&world.database_url, "DELETE FROM flows WHERE subject IS NOT NULL").await;
                }
                let mut alice = signed_in(&world, "alice").await;
                let back = alice.arrive(&world, &redirect_to, "oleg").await;
                meanwhile.happens(&world, &mut alice).await;
                let answer = alice.go(&world, "GET", &back, Body::None).await;
                let what = format!("{meanwhile:?} before the callback, Basic: {basic}");
                assert_refused(&world, &answer, (&what, meanwhile.detail())).await;
                assert_eq!(world.sandbox.counts().token_code, 0, "{what}: the code was exchanged");
            }
        }
    }

    async fn signed_out_or_in_as_another_before_the_question_or_the_answer(engine: Engine) {
        for meanwhile in MEANWHILE {
            let (world, redirect_to) = instructed(engine, "alice").await;
            let mut alice = signed_in(&world, "alice").await;
            let to_confirm = alice.identify(&world, &redirect_to, "oleg").await;
            meanwhile.happens(&world, &mut alice).await;
            let answer = alice.go(&world, "GET", &to_confirm, Body::None).await;
            assert_refused(&world, &answer, (&format!("{meanwhile:?} before the question"), meanwhile.detail())).await;
            assert_eq!(count(&world, "revocations").await, 1, "what was granted goes");

            let (world, redirect_to) = instructed(engine, "alice").await;
            let mut alice = signed_in(&world, "alice").await;
            let to_confirm = alice.identify(&world, &redirect_to, "oleg").await;
            let csrf = field(&alice.go(&world, "GET", &to_confirm, Body::None).await.text(), "csrf");
            meanwhile.happens(&world, &mut alice).await;
            let yes = Body::Form(vec![("csrf", csrf), ("decision", "yes".to_owned())]);
            let answer = alice.go(&world, "POST", &to_confirm, yes).await;
            assert_refused(&world, &answer, (&format!("{meanwhile:?} before the answer"), meanwhile.detail())).await;
            assert_eq!(count(&world, "revocations").await, 1, "what was granted goes");
        }
    }

    async fn a_reload_asks_again_who_is_signed_in(engine: Engine) {
        let (world, redirect_to) = instructed(engine, "alice").await;
        let mut alice = signed_in(&world, "alice").await;
        alice.open(&world, &redirect_to).await;
        // Signed out, she may sign in again and go on.
        alice.sign_out(&world);
        let again = alice.go(&world, "GET", &redirect_to, Body::None).await;
        assert!(again.location().contains("/sign-in?"), "{}", again.location());
        alice.sign_in(&world, "alice").await;
        alice.open(&world, &redirect_to).await;
        // Another may not.
        alice.sign_in(&world, "mallory").await;
        let answer = alice.go(&world, "GET", &redirect_to, Body::None).await;
        assert_wrong_user(&world, &answer, "a reload").await;
    }

    // Whoever signs in first in the flow's browser is whose link it becomes, and stays so.
    async fn the_first_who_signs_in_is_fixed(engine: Engine) {
        let (world, _) = instructed(engine, "alice").await;
        let redirect_to = instruct_with(&world, &BASIC, persons_instruction()).await;
        let mut browser = signed_in(&world, "alice").await;
        let back = browser.arrive(&world, &redirect_to, "oleg").await;
        browser.sign_in(&world, "mallory").await;
        let back = Callback::of(&browser.go(&world, "GET", &back, Body::None).await);
        assert_eq!(back.get("error"), "wrong_user");
        assert_nothing_stored(&world, "fixed").await;
    }

    async fn no_other_credential_stands_for_the_person(engine: Engine) {
        let (world, redirect_to) = instructed(engine, "alice").await;
        let As::Bearer(token) = world.user(CONSOLE, "alice", &ALL_SCOPES).await else { unreachable!() };
        let mut browser = Browser::default();
        assert_eq!(browser.go(&world, "GET", &redirect_to, Body::None).await.status, 303);
        for name in ["fedlink", "keystone.sid"] {
            let mut other = browser.clone();
            other.cookies().insert(name.to_owned(), token.clone());
            let bearer = format!("Bearer {token}");
            let answer = other.go_with(&world, ("GET", &redirect_to), Body::None, &[("authorization", &bearer)]).await;
            assert!(answer.location().contains("/sign-in?"), "{name}: {}", answer.location());
        }
        assert_nothing_stored(&world, "credentials").await;
    }

    // Names that a browser lets any host of the domain set stand for nobody, whatever their value.
    async fn a_session_under_another_name_is_none(engine: Engine) {
        let world = World::start_with(engine, |text| {
            let (_, rest) = text.split_once("\ndatabase_url").unwrap();
            format!("public_url = \"{PUBLIC}\"\ndatabase_url{rest}")
        })
        .await;
        world.account("alice").await;
        let redirect_to = instruct_with(&world, &BASIC, persons_instruction()).await;
        let mut alice = signed_in(&world, "alice").await;
        let session = alice.cookies()["__Host-fedlink"].clone();
        let mut browser = Browser::default();
        assert_eq!(browser.go(&world, "GET", &redirect_to, Body::None).await.status, 303);
        let (flow, proof) = browser.cookies().clone().into_iter().next().expect("the flow's cookie");
        for name in [
            "fedlink",
            "__host-fedlink",
            "__Host%2Dfedlink",
            "%5F_Host-fedlink",
            "\u{2000}__Host-fedlink",
            "\t__Host-fedlink",
            "x=__Host-fedlink",
            "keystone.sid",
        ] {
            let cookies = format!("{flow}={proof}; {name}={session}; c=d");
            let answer =
                Browser::default().go_with(&world, ("GET", &redirect_to), Body::None, &[("cookie", &cookies)]).await;
            assert!(answer.location().contains("/sign-in?"), "{name:?}: {}", answer.location());
        }
        browser.cookies().insert("__Host-fedlink".to_owned(), session);
        browser.open(&world, &redirect_to).await;
    }

    // Signed out between the look at who is signed in and the writing of the link: the last look is in that transaction.
    async fn who_signs_out_while_the_link_is_being_made_links_nothing(engine: Engine) {
        let (world, redirect_to) = instructed(engine, "alice").await;
        let mut alice = signed_in(&world, "alice").await;
        let to_confirm = alice.identify(&world, &redirect_to, "oleg").await;
        let csrf = field(&alice.go(&world, "GET", &to_confirm, Body::None).await.text(), "csrf");
        let yes = Body::Form(vec![("csrf", csrf), ("decision", "yes".to_owned())]);
        let mut other = Sql::open(&world.database_url).await;
        other.hold_subject("alice").await;
        let (answer, ()) = join(alice.go(&world, "POST", &to_confirm, yes), async {
            other.wait_for_a_rival().await;
            other.run("DELETE FROM sessions; COMMIT").await;
        })
        .await;
        assert_refused(&world, &answer, ("signed out meanwhile", "signed_out")).await;
        assert_eq!(count(&world, "revocations").await, 1, "what was granted goes");
    }
}
