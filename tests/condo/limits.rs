//! How often somebody may try to sign in by GraphQL: by network, user and address, counted by all instances together.

use serde_json::{Value, json};

use crate::support::condo::{self, by_email, by_phone, refusal, staff, with_sessions};
use crate::support::database::texts;
use crate::support::world::{Answer, As, Body, Engine, World, both_engines};

/// A world that stands still, behind a proxy of its own: tests say where tries come from.
async fn world(engine: Engine) -> World {
    let world = World::frozen_with(engine, behind_a_proxy).await;
    world.person(staff("jane")).await;
    world
}

#[expect(clippy::needless_pass_by_value, reason = "as a world's settings are changed")]
fn behind_a_proxy(settings: String) -> String {
    with_sessions(format!("trusted_proxies = [\"127.0.0.0/8\"]\n{settings}"))
}

/// A try by e-mail from this address, with more headers.
async fn from(world: &World, ip: &str, change: Value, headers: &[(&str, &str)]) -> Answer {
    by_email::ask_at(world, "", change, &[headers, &[("x-forwarded-for", ip)]].concat()).await
}

fn too_many(mutation: &str, minutes: u64) -> Value {
    let template = "You have to wait {minutesRemaining} min. to be able to send request again";
    let message = template.replace("{minutesRemaining}", &minutes.to_string());
    refusal(
        mutation,
        json!({
            "code": "BAD_USER_INPUT", "type": "TOO_MANY_REQUESTS", "message": message, "messageForUser": message,
            "messageForUserTemplateKey": "api.user.TOO_MANY_REQUESTS", "messageForUserTemplate": template,
            "messageInterpolation": {"minutesRemaining": minutes},
        }),
    )
}

#[track_caller]
fn assert_open(answer: &Answer, what: &str) {
    assert_ne!(answer.json()["errors"][0]["extensions"]["type"], "TOO_MANY_REQUESTS", "{what}");
}

both_engines! {
    async fn an_account_gets_ten_tries_an_hour_good_ones_among_them(engine: Engine) {
        let world = world(engine).await;
        for n in 0..10 {
            let password = if n % 2 == 0 { json!({}) } else { json!({"password": "wrong"}) };
            assert_open(&from(&world, &format!("198.51.100.{n}"), password, &[]).await, &n.to_string());
        }
        world.advance(60);
        assert_open(&from(&world, "198.51.100.10", json!({}), &[]).await, "a minute after the last of the ten");
        for (n, minutes) in [(0, 2), (1, 2)] {
            let refused = from(&world, &format!("203.0.113.{n}"), json!({}), &[]).await;
            assert_eq!((refused.status, refused.error()), (200, too_many(by_email::MUTATION, minutes)));
            assert_eq!(refused.json()["data"], json!({by_email::MUTATION: null}));
            world.advance(45);
        }
        let record = "SELECT claimed_ip AS value FROM audit WHERE detail = 'too_many_attempts'";
        assert_eq!(texts(&world.database_url, record).await, ["203.0.113.0"], "one line, however many are refused");
        let others = [json!({"userType": "resident"}), json!({"email": "john@example.com"})];
        for (n, other) in others.into_iter().enumerate() {
            assert_open(&from(&world, &format!("203.0.113.1{n}"), other.clone(), &[]).await, &other.to_string());
        }
        let by_phone = by_phone::ask_at(&world, "", json!({}), &[("x-forwarded-for", "203.0.113.20")]).await;
        assert_eq!(by_phone.error(), too_many(by_phone::MUTATION, 1), "whichever of its names");
        world.advance(57 * 60 + 30);
        assert_open(&from(&world, "203.0.113.31", json!({}), &[]).await, "an hour later");
    }

    async fn a_phone_gets_ten_tries_an_hour(engine: Engine) {
        let world = world(engine).await;
        for n in 0..11 {
            let ip = format!("198.51.100.{n}");
            let number = ["+79991234567", "+7 (999) 123-45-67"][n % 2];
            let change = json!({"phone": number, "password": "wrong"});
            let answer = by_phone::ask_at(&world, "", change, &[("x-forwarded-for", &ip)]).await;
            if n < 10 {
                assert_open(&answer, &ip);
            } else {
                assert_eq!(answer.error(), too_many(by_phone::MUTATION, 1));
            }
        }
    }

    async fn a_network_gets_ten_tries_an_hour_and_uses_up_nobody_elses(engine: Engine) {
        let world = world(engine).await;
        for n in 0..10 {
            // The sixth to the tenth are of no form at all, and count.
            let email = if n < 5 { format!("user{n}@example.com") } else { "x".to_owned() };
            assert_open(&from(&world, "198.51.100.1", json!({"email": email}), &[]).await, &email);
        }
        // A network that is out of tries can't lock out whom it names.
        for _ in 0..10 {
            let refused = from(&world, "198.51.100.1", json!({"password": "wrong"}), &[]).await;
            assert_eq!(refused.error(), too_many(by_email::MUTATION, 60));
        }
        assert_open(&from(&world, "198.51.100.2", json!({}), &[]).await, "their own network");
        // An IPv6 subscriber is one network.
        for n in 0..11 {
            let answer = from(&world, &format!("2001:db8::{n}"), json!({"email": format!("six{n}@example.com")}), &[]).await;
            assert_eq!(answer.error()["extensions"]["type"] == "TOO_MANY_REQUESTS", n == 10, "{n}");
        }
    }

    async fn a_user_gets_ten_tries_an_hour_under_whatever_name(engine: Engine) {
        let world = world(engine).await;
        let token = condo::token(&world).await;
        let bearer = format!("Bearer {token}");
        for n in 0..11 {
            let change = json!({"email": format!("other{n}@example.com")});
            let answer = from(&world, &format!("198.51.100.{n}"), change, &[("authorization", &bearer)]).await;
            assert_eq!(answer.error()["extensions"]["type"] == "TOO_MANY_REQUESTS", n == 10, "{n}");
        }
    }

    async fn our_own_page_has_the_same_network(engine: Engine) {
        let world = world(engine).await;
        for n in 0..10 {
            let change = json!({"email": format!("user{n}@example.com")});
            assert_open(&from(&world, "198.51.100.1", change, &[]).await, "");
        }
        let mut browser = crate::support::browser::Browser::default();
        let there = browser.try_sign_in(&world, ("jane@example.com", "wrong"), &[("x-forwarded-for", "198.51.100.1")]).await;
        assert_eq!(there.status, 429);
    }

    async fn aliases_and_batches_are_so_many_tries(engine: Engine) {
        let world = world(engine).await;
        let aliased = |count: usize| {
            let field = "authenticateUserWithPhoneAndPassword(data: {phone: \"+79991234567\", password: \"wrong\"}) { token }";
            let fields: Vec<String> = (0..count).map(|n| format!(" a{n}: {field}")).collect();
            json!({"query": format!("mutation {{{} }}", fields.concat())})
        };
        let post = async |body: Value| world.call("POST", world.api(), &As::Nobody, Body::Json(body)).await;
        // More than ten or so are too much for one request, and none of them is run; a hundred are no query at all.
        for (count, status) in [(12, 400), (60, 400), (100, 413)] {
            assert_eq!(post(aliased(count)).await.status, status, "{count}");
        }
        let eleven = post(aliased(11)).await.json();
        let kinds: Vec<&Value> = eleven["errors"].as_array().unwrap().iter().map(|error| &error["extensions"]["type"]).collect();
        assert_eq!(kinds, [vec!["WRONG_CREDENTIALS"; 10], vec!["TOO_MANY_REQUESTS"]].concat());
        assert_eq!(eleven["errors"][10]["path"], json!(["a10"]));
        assert_eq!(eleven["errors"][10]["extensions"]["mutation"], by_phone::MUTATION, "the field's own name");
        assert_eq!(eleven["data"].as_object().unwrap().len(), 11, "a null for each: {eleven}");
        world.advance(3600);
        let batch = post(vec![aliased(6), aliased(6)].into()).await;
        let kinds: Vec<Value> = batch.json().as_array().unwrap().iter().flat_map(|one| one["errors"].as_array().unwrap())
            .map(|error| error["extensions"]["type"].clone()).collect();
        assert_eq!(kinds, [vec!["WRONG_CREDENTIALS"; 10], vec!["TOO_MANY_REQUESTS"; 2]].concat());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_instances_count_together() {
    let first = world(Engine::Postgres).await;
    let second = World::start_beside(&first, behind_a_proxy).await;
    let tries = (0..20).map(|n| {
        let world = [&first, &second][n % 2];
        async move { from(world, &format!("198.51.100.{n}"), json!({"password": "wrong"}), &[]).await.refused_as().1 }
    });
    let mut kinds = futures_util::future::join_all(tries).await;
    kinds.sort_unstable();
    assert_eq!(kinds, [vec!["TOO_MANY_REQUESTS"; 10], vec!["WRONG_CREDENTIALS"; 10]].concat());
}
