//! How often somebody may try to sign in: counted before the password is looked at, and where the try really comes from.

use futures_util::future::join_all;

use crate::support::browser::Browser;
use crate::support::database::{count, texts};
use crate::support::person::{PASSWORD, person};
use crate::support::world::{Answer, Engine, World, both_engines};

/// A world that stands still, behind a proxy of its own: tests say where tries come from.
async fn behind_a_proxy(engine: Engine) -> World {
    let world = World::frozen_with(engine, |settings| format!("trusted_proxies = [\"127.0.0.0/8\"]\n{settings}")).await;
    world.person(person("elle")).await;
    world
}

async fn from(world: &World, ip: &str, login: &str, password: &str) -> Answer {
    Browser::default().try_sign_in(world, (login, password), &[("x-forwarded-for", ip)]).await
}

/// Why tries were refused, by the audit record.
async fn refusals(world: &World) -> Vec<String> {
    let query = "SELECT detail AS value FROM audit WHERE event = 'SIGN_IN_REFUSED' ORDER BY at, detail";
    texts(&world.database_url, query).await
}

#[track_caller]
fn assert_later(answer: &Answer, seconds: u64) {
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some(seconds.to_string().as_str())));
    let minutes = format!("Try again in {} min.", seconds.div_ceil(60));
    assert!(answer.text().contains(&minutes), "{}", answer.text());
}

both_engines! {
    async fn a_login_gets_ten_tries_an_hour_wherever_they_come_from(engine: Engine) {
        let world = behind_a_proxy(engine).await;
        for n in 0..10 {
            assert_eq!(from(&world, &format!("198.51.100.{n}"), "elle", "wrong").await.status, 422, "{n}");
            world.advance(60);
        }
        assert_eq!(from(&world, "198.51.100.10", "elle", "wrong").await.status, 422, "a minute after the last of the ten");
        // The right password is not looked at either; nor does trying on put off the end.
        for n in 0..2 {
            assert_later(&from(&world, &format!("203.0.113.{n}"), "elle", PASSWORD).await, 2 * 60 - n * 60);
            world.advance(60);
        }
        assert_eq!(from(&world, "198.51.100.11", "elle", "wrong").await.status, 422);
        assert_eq!(from(&world, "203.0.113.9", "Elle", "wrong").await.status, 422, "another login");
        assert_eq!(refusals(&world).await.iter().filter(|why| *why == "too_many_attempts").count(), 1);
        world.advance(4 * 60 - 1);
        assert_later(&from(&world, "203.0.113.4", "elle", PASSWORD).await, 1);
        world.advance(1);
        assert_eq!(from(&world, "203.0.113.5", "elle", PASSWORD).await.status, 303);
    }

    async fn an_unknown_login_runs_out_just_the_same(engine: Engine) {
        let world = behind_a_proxy(engine).await;
        for n in 0..10 {
            assert_eq!(from(&world, &format!("198.51.100.{n}"), "nobody@example.com", "wrong").await.status, 422);
        }
        for login in ["nobody@example.com", " NOBODY@example.com"] {
            assert_later(&from(&world, "203.0.113.1", login, "wrong").await, 60);
        }
    }

    async fn a_network_gets_ten_tries_an_hour_whomever_they_name(engine: Engine) {
        let world = behind_a_proxy(engine).await;
        let (v6, near, far) = ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1");
        for (ip, same, other) in [("198.51.100.1", "198.51.100.1", "198.51.100.2"), (v6, near, far)] {
            for n in 0..10 {
                assert_eq!(from(&world, ip, &format!("user-{n}"), "wrong").await.status, 422, "{ip} {n}");
            }
            assert_later(&from(&world, same, "elle", PASSWORD).await, 3600);
            assert_eq!(from(&world, other, "elle", PASSWORD).await.status, 303, "{other}");
        }
        // A network that is out of tries uses up nobody else's.
        for _ in 0..12 {
            assert_eq!(from(&world, v6, "elle", "wrong").await.status, 429);
        }
        assert_eq!(from(&world, "203.0.113.1", "elle", PASSWORD).await.status, 303);
    }

    async fn success_forgets_the_logins_tries_and_not_the_networks(engine: Engine) {
        let world = behind_a_proxy(engine).await;
        for round in 0..3 {
            for n in 0..9 {
                assert_eq!(from(&world, &format!("198.51.{round}.{n}"), "elle", "wrong").await.status, 422);
            }
            assert_eq!(from(&world, &format!("198.51.{round}.9"), "elle", PASSWORD).await.status, 303, "{round}");
        }
        for n in 0..10 {
            assert_eq!(from(&world, "203.0.113.1", "elle", PASSWORD).await.status, 303, "{n}");
        }
        assert_later(&from(&world, "203.0.113.1", "elle", PASSWORD).await, 3600);
    }

    async fn of_a_hundred_at_once_ten_are_looked_at(engine: Engine) {
        let first = behind_a_proxy(engine).await;
        let second = World::start_beside(&first, |settings| format!("trusted_proxies = [\"127.0.0.0/8\"]\n{settings}")).await;
        let tries = (0..100).map(|n| {
            let world = if n % 2 == 0 { &first } else { &second };
            async move { from(world, &format!("198.51.100.{n}"), "elle", "wrong").await.status }
        });
        let statuses = join_all(tries).await;
        let of = |wanted: u16| statuses.iter().filter(|status| **status == wanted).count();
        assert_eq!((of(422), of(429)), (10, 90), "{statuses:?}");
        let mut expected = vec!["too_many_attempts"];
        expected.extend(["wrong_password"; 10]);
        let mut found = refusals(&first).await;
        found.sort();
        assert_eq!(found, expected, "one line for all that were too many");
    }

    async fn what_a_stranger_says_of_its_address_is_not_believed(engine: Engine) {
        let world = World::frozen(engine).await;
        world.person(person("elle")).await;
        for n in 0..10 {
            assert_eq!(from(&world, &format!("198.51.100.{n}"), &format!("user-{n}"), "wrong").await.status, 422);
        }
        assert_later(&from(&world, "203.0.113.1", "elle", PASSWORD).await, 3600);
        let seen = "SELECT DISTINCT claimed_ip AS value FROM audit WHERE event = 'SIGN_IN_REFUSED'";
        assert_eq!(texts(&world.database_url, seen).await, ["127.0.0.1"]);
    }

    async fn a_proxy_is_believed_and_what_came_to_it_is_not(engine: Engine) {
        let world = behind_a_proxy(engine).await;
        for (forwarded, ip) in [
            ("198.51.100.1", "198.51.100.1"),
            ("9.9.9.9, 198.51.100.2", "198.51.100.2"),
            ("9.9.9.9, 198.51.100.3, 127.0.0.5", "198.51.100.3"),
            ("198.51.100.4, what?", "127.0.0.1"),
        ] {
            from(&world, forwarded, "elle", PASSWORD).await;
            let seen = "SELECT claimed_ip AS value FROM audit WHERE event = 'SIGNED_IN' ORDER BY at DESC, id LIMIT 1";
            assert_eq!(texts(&world.database_url, seen).await, [ip], "{forwarded}");
            world.advance(1);
        }
    }

    async fn counts_name_nobody_and_go_when_they_are_over(engine: Engine) {
        let world = behind_a_proxy(engine).await;
        from(&world, "198.51.100.1", "elle@example.com", "wrong").await;
        let keys = texts(&world.database_url, "SELECT key AS value FROM attempts").await;
        assert_eq!(keys.len(), 6, "two networks, an id, and an account of each type");
        assert!(keys.iter().all(|key| key.len() == 43 && !key.contains("198") && !key.contains("elle")), "{keys:?}");
        world.advance(3600);
        service::sweep::delete(&world.app.parts).await.unwrap();
        assert_eq!(count(&world, "attempts").await, 6, "they end this moment");
        world.advance(1);
        service::sweep::delete(&world.app.parts).await.unwrap();
        assert_eq!(count(&world, "attempts").await, 0);
    }
}
