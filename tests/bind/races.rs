//! Bind when requests of one flow cross: each change names the state it expects, so one of two goes on, and what is
//! confirmed is what was shown.

use sandbox::Answer;

use crate::support::browser::{Browser, complete, field, instruct};
use crate::support::database::{assert_nothing_stored, count};
use crate::support::world::{As, Body, CONSOLE, CONSOLE_PASSWORD, VERIFIER, World, both_engines};

const BASIC: As = As::Basic(CONSOLE, CONSOLE_PASSWORD);

/// The rest of a bind from the provider's answer on: it links this account and no other.
async fn finish(world: &World, browser: &mut Browser, back: &str, sid: &str) {
    let confirm = browser.go(world, "GET", back, Body::None).await.location();
    let callback = browser.decide(world, &confirm, "yes").await;
    let done = complete(world, &BASIC, callback.get("bind_code"), (VERIFIER, "alice")).await;
    assert_eq!(done.status, 204, "{}", done.text());
    assert_eq!(count(world, &format!("links WHERE sid = '{sid}'")).await, 1);
    assert_eq!(count(world, "links").await, 1);
}

both_engines! {
    async fn of_two_browsers_at_once_one_goes_on(engine: Engine) {
        let world = World::start(engine).await;
        for _ in 0..10 {
            let redirect_to = instruct(&world, &BASIC).await;
            let (mut one, mut other) = (Browser::default(), Browser::default());
            let (first, second) = tokio::join!(
                one.go(&world, "GET", &redirect_to, Body::None),
                other.go(&world, "GET", &redirect_to, Body::None)
            );
            let mut statuses = [first.status, second.status];
            statuses.sort_unstable();
            assert_eq!(statuses, [303, 410]);
            let (winner, loser) = if first.status == 303 { (&mut one, &mut other) } else { (&mut other, &mut one) };
            assert!(loser.cookies().is_empty());
            winner.open(&world, &redirect_to).await;
        }
    }

    async fn a_callback_that_comes_twice_at_once_is_redeemed_once(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let redirect_to = instruct(&world, &BASIC).await;
        let mut browser = Browser::default();
        let back = browser.arrive(&world, &redirect_to, "oleg").await;
        let mut twin = browser.clone();
        let (first, second) =
            tokio::join!(browser.go(&world, "GET", &back, Body::None), twin.go(&world, "GET", &back, Body::None));
        let mut statuses = [first.status, second.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [303, 410]);
        assert_eq!(world.sandbox.counts().token_code, 1);
        let callback = browser.decide(&world, &format!("{redirect_to}/confirm"), "yes").await;
        let done = complete(&world, &BASIC, callback.get("bind_code"), (VERIFIER, "alice")).await;
        assert_eq!(done.status, 204, "{}", done.text());
    }

    async fn a_yes_that_comes_twice_at_once_makes_one_code(engine: Engine) {
        let world = World::start(engine).await;
        let redirect_to = instruct(&world, &BASIC).await;
        let mut browser = Browser::default();
        let confirm = browser.identify(&world, &redirect_to, "oleg").await;
        let csrf = field(&browser.go(&world, "GET", &confirm, Body::None).await.text(), "csrf");
        let form = || Body::Form(vec![("csrf", csrf.clone()), ("decision", "yes".to_owned())]);
        let mut twin = browser.clone();
        let (first, second) =
            tokio::join!(browser.go(&world, "POST", &confirm, form()), twin.go(&world, "POST", &confirm, form()));
        let mut statuses = [first.status, second.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [303, 410]);
        assert_eq!(count(&world, "flows WHERE code_hash IS NOT NULL").await, 1);
    }

    async fn a_reload_during_the_exchange_goes_before_it(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let redirect_to = instruct(&world, &BASIC).await;
        let mut browser = Browser::default();
        let back = browser.arrive(&world, &redirect_to, "elle").await;
        let hold = world.sandbox.script().hold_token_calls();
        let mut tab = browser.clone();
        let (overtaken, again) = tokio::join!(tab.go(&world, "GET", &back, Body::None), async {
            hold.wait_for_arrivals(1).await;
            let again = browser.open(&world, &redirect_to).await;
            hold.release();
            again
        });
        assert_eq!(overtaken.status, 410, "its trip is over");
        let back = browser.consent(&world, &again, "oleg").await;
        finish(&world, &mut browser, &back, "oleg").await;
    }

    async fn an_exchange_that_fails_late_leaves_the_newer_trip_alone(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let redirect_to = instruct(&world, &BASIC).await;
        let mut browser = Browser::default();
        let back = browser.arrive(&world, &redirect_to, "elle").await;
        world.sandbox.script().next_answers(1, &Answer::Html502);
        let hold = world.sandbox.script().hold_token_calls();
        let mut tab = browser.clone();
        let (overtaken, again) = tokio::join!(tab.go(&world, "GET", &back, Body::None), async {
            hold.wait_for_arrivals(1).await;
            let again = browser.open(&world, &redirect_to).await;
            hold.release();
            again
        });
        assert_eq!(overtaken.status, 410, "its trip is over");
        let back = browser.consent(&world, &again, "oleg").await;
        finish(&world, &mut browser, &back, "oleg").await;
    }

    async fn an_overtaken_exchange_does_not_answer_for_the_newer_one(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let redirect_to = instruct(&world, &BASIC).await;
        let mut browser = Browser::default();
        let first_back = browser.arrive(&world, &redirect_to, "elle").await;
        let hold = world.sandbox.script().hold_token_calls();
        let (mut first_tab, mut second_tab) = (browser.clone(), browser.clone());
        let ((overtaken, second_back), newer) = tokio::join!(
            async {
                // The second trip's exchange is held as well when the first one's goes on.
                let overtaken = first_tab.go(&world, "GET", &first_back, Body::None).await;
                hold.release();
                (overtaken, ())
            },
            async {
                hold.wait_for_arrivals(1).await;
                let back = browser.arrive(&world, &redirect_to, "oleg").await;
                let (newer, ()) = tokio::join!(second_tab.go(&world, "GET", &back, Body::None), async {
                    hold.wait_for_arrivals(2).await;
                    hold.release_next();
                });
                newer
            }
        );
        let () = second_back;
        assert_eq!(overtaken.status, 410, "its trip is over");
        assert_eq!(newer.status, 303, "{}", newer.text());
        let page = browser.go(&world, "GET", &newer.location(), Body::None).await.text();
        assert!(page.contains("Oleg Sandbox") && !page.contains("Elle"), "{page}");
    }

    async fn a_yes_is_for_the_account_that_was_shown(engine: Engine) {
        let world = World::start(engine).await;
        let redirect_to = instruct(&world, &BASIC).await;
        let mut browser = Browser::default();
        let confirm = browser.identify(&world, &redirect_to, "oleg").await;
        let shown = browser.go(&world, "GET", &confirm, Body::None).await.text();
        assert!(shown.contains("Oleg Sandbox"));
        // Another tab starts over and comes back with another account, while that page still stands.
        browser.identify(&world, &redirect_to, "elle").await;
        let form = Body::Form(vec![("csrf", field(&shown, "csrf")), ("decision", "yes".to_owned())]);
        let answer = browser.go(&world, "POST", &confirm, form).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        assert_eq!(count(&world, "flows WHERE state = 'confirming'").await, 1, "the question still stands");
        assert_nothing_stored(&world, "unseen").await;
        assert_eq!(browser.decide(&world, &confirm, "yes").await.get("status"), "pending");
    }
}
