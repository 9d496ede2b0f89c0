//! Signing in by an e-mail address and a password alone, as whatever kind of user: what the vendor's own server client asks.

use domain::account::AccountType;
use serde_json::{Value, json};
use service::accounts::{self, New, Standing};

use crate::support::condo::{self, PLAIN, by_email, staff, with_sessions};
use crate::support::database::{count, texts};
use crate::support::person::{PASSWORD, email, phone};
use crate::support::visitor::{Came, Visitor, Way, network, proxied};
use crate::support::world::{Answer, As, Engine, World, both_engines};

const NAME: &str = "authenticateUserWithPassword";

async fn sign_in(world: &World, email: &str, password: &str) -> Answer {
    let variables = json!({"identity": email, "secret": password});
    world.ask_with(&As::Nobody, PLAIN, variables, &[]).await
}

/// A user of this kind with jane's e-mail address.
fn jane(subject: &str, account_type: AccountType, password: &str) -> New {
    New { account_type, phone: None, password: Some(password.into()), ..staff(subject) }
}

/// A world where people may try more often than a test does.
async fn patient(engine: Engine) -> World {
    World::start_with(engine, |settings| with_sessions(settings) + "[limits]\nsign_in_per_hour = 100\n").await
}

both_engines! {
    async fn whoever_has_the_password_is_signed_in(engine: Engine) {
        let world = patient(engine).await;
        for (kind, name) in [(AccountType::Staff, "staff"), (AccountType::Resident, "resident"), (AccountType::Service, "service")] {
            world.person(jane(&format!("jane-{name}"), kind, &format!("the password of {name}"))).await;
        }
        world.person(New { email: Some(email("two@example.com", true)), ..jane("two-resident", AccountType::Resident, PASSWORD) }).await;
        world.person(New { email: Some(email("two@example.com", true)), ..jane("two-staff", AccountType::Staff, PASSWORD) }).await;
        for (address, password, id, kind) in [
            ("jane@example.com", "the password of staff", "jane-staff", "staff"),
            (" Jane@Example.COM ", "the password of resident", "jane-resident", "resident"),
            ("jane@example.com", "the password of service", "jane-service", "service"),
            ("two@example.com", PASSWORD, "two-staff", "staff"),
        ] {
            let answer = sign_in(&world, address, password).await;
            assert!(answer.header("set-cookie").is_some_and(|cookie| cookie.starts_with("keystone.sid=")), "{id}");
            let auth = answer.data()["auth"].take();
            assert_eq!(auth["item"], json!({"id": id, "type": kind}));
            let token = As::Bearer(auth["token"].as_str().expect("a token").to_owned());
            let who = world.ask(&token, "{ authenticatedUser { id } }").await.data();
            assert_eq!(who["authenticatedUser"]["id"], id);
        }
        let signed_in = "SELECT detail || ' ' || count(*) AS value FROM audit WHERE event = 'SIGNED_IN' GROUP BY detail";
        assert_eq!(texts(&world.database_url, signed_in).await, [format!("{NAME} 4")]);
    }

    async fn a_session_ends_with_the_one_that_begins(engine: Engine) {
        let world = patient(engine).await;
        world.person(staff("jane")).await;
        let token = |answer: &Answer| answer.data()["auth"]["token"].as_str().expect("a token").to_owned();
        let first = token(&sign_in(&world, "jane@example.com", PASSWORD).await);
        let variables = json!({"identity": "jane@example.com", "secret": PASSWORD});
        let second = token(&world.ask_with(&As::Bearer(first.clone()), PLAIN, variables, &[]).await);
        let who = async |token: String| world.ask(&As::Bearer(token), "{ authenticatedUser { id } }").await.data();
        assert_eq!(who(first).await["authenticatedUser"], Value::Null);
        assert_eq!(who(second).await["authenticatedUser"]["id"], "jane");
    }

    /// Where the source tells who has an account.
    async fn what_is_wrong_with_a_try_is_not_told(engine: Engine) {
        let world = patient(engine).await;
        let other = |subject: &str, address: &str| New { email: Some(email(address, true)), phone: None, ..staff(subject) };
        world.person(staff("jane")).await;
        world.person(New { account_type: AccountType::Resident, ..staff("jane-at-home") }).await;
        world.person(New { email: Some(email("unproven@example.com", false)), ..other("unproven", "x@example.com") }).await;
        world.person(New { password: None, ..other("passless", "passless@example.com") }).await;
        world.person(other("gone", "gone@example.com")).await;
        accounts::disable(&world.app.parts, domain::ids::Subject::parse("gone").unwrap()).await.unwrap();
        let mut told = Vec::new();
        for (address, password) in [
            ("jane@example.com", "wrong"),
            ("jane@example.com", ""),
            ("nobody@example.com", PASSWORD),
            ("unproven@example.com", PASSWORD),
            ("passless@example.com", PASSWORD),
            ("gone@example.com", PASSWORD),
            ("+79991234567", PASSWORD),
            ("jane", PASSWORD),
            ("", PASSWORD),
        ] {
            let answer = sign_in(&world, address, password).await;
            assert_eq!(answer.json()["data"], json!({"auth": null}), "{address}");
            assert_eq!(answer.header("set-cookie"), None, "{address}");
            told.push((answer.status, answer.error()));
        }
        assert_eq!((told[0].0, &told[0].1["extensions"]["type"]), (200, &json!("WRONG_CREDENTIALS")));
        assert_eq!(told[0].1["extensions"]["mutation"], NAME);
        assert!(told.iter().all(|one| *one == told[0]), "{told:#?}");
        assert_eq!(count(&world, "condo_sessions").await, 0);
        let why = "SELECT detail || ' ' || count(*) AS value FROM audit WHERE event = 'SIGN_IN_REFUSED' GROUP BY detail ORDER BY detail";
        assert_eq!(
            texts(&world.database_url, why).await,
            ["account_disabled 1", "no_password 1", "unknown_user 2", "wrong_password 2"]
        );
        for (arguments, expected) in [
            ("password: \"x\"", "email is missing"),
            ("email: null, password: \"x\"", "email is missing"),
            ("email: \"jane@example.com\"", "password is missing"),
        ] {
            let answer = world.ask(&As::Nobody, &format!("mutation {{ {NAME}({arguments}) {{ token }} }}")).await;
            assert_eq!(answer.error()["message"], expected, "{arguments}");
        }
    }

    async fn a_second_factor_is_not_gone_around(engine: Engine) {
        let world = patient(engine).await;
        let standing = Standing { two_factor: true, ..Standing::default() };
        world.person(New { phone: Some(phone("+79991234567", true)), standing, ..staff("jane") }).await;
        let answer = sign_in(&world, "jane@example.com", PASSWORD).await;
        let error = answer.error();
        assert_eq!(error["extensions"]["type"], "NOT_ENOUGH_AUTH_FACTORS");
        assert_eq!(error["extensions"]["authDetails"]["userId"], "jane");
        assert_eq!((answer.json()["data"].clone(), answer.header("set-cookie")), (json!({"auth": null}), None));
        assert_eq!(sign_in(&world, "jane@example.com", "wrong").await.refused_as(), (200, "WRONG_CREDENTIALS".to_owned()));
        assert_eq!(count(&world, "condo_sessions").await, 0);
    }

    async fn tries_are_counted_with_those_of_the_other_ways_in(engine: Engine) {
        let proxied = |settings| with_sessions(format!("trusted_proxies = [\"127.0.0.0/8\"]\n{settings}"));
        let world = World::frozen_with(engine, proxied).await;
        world.person(staff("jane")).await;
        let from = async |ip: String, address: &str, secret: &str| {
            let variables = json!({"identity": address, "secret": secret});
            world.ask_with(&As::Nobody, PLAIN, variables, &[("x-forwarded-for", &ip)]).await.refused_as().1
        };
        for n in 0..10 {
            assert_eq!(from(format!("198.51.100.{n}"), "jane@example.com", "wrong").await, "WRONG_CREDENTIALS", "{n}");
        }
        let right = from("198.51.100.10".to_owned(), "jane@example.com", PASSWORD).await;
        assert_eq!(right, "TOO_MANY_REQUESTS", "a password that is right");
        let there = by_email::ask_at(&world, "", json!({}), &[("x-forwarded-for", "198.51.100.11")]).await;
        assert_eq!(there.refused_as().1, "TOO_MANY_REQUESTS");
        // A network that is out of tries uses up nobody's.
        for n in 0..12 {
            let told = from("203.0.113.1".to_owned(), &format!("user{n}@example.com"), "wrong").await;
            assert_eq!(told == "TOO_MANY_REQUESTS", n >= 10, "{n}");
        }
        for n in 0..12 {
            let told = from("203.0.113.2".to_owned(), "of no form", "wrong").await;
            assert_eq!(told == "TOO_MANY_REQUESTS", n >= 10, "{n}");
        }
    }

    async fn a_type_whose_tries_are_spent_keeps_no_other_out(engine: Engine) {
        let world = proxied(engine, "").await;
        world.person(jane("clerk", AccountType::Staff, PASSWORD)).await;
        world.person(jane("tenant", AccountType::Resident, "the password of the tenant")).await;
        for n in 0..10 {
            let clerk = Way::Email("staff", "jane@example.com");
            assert_eq!(Visitor::at(&network(n)).tries(&world, clerk, "wrong").await, Came::Wrong, "{n}");
        }
        let plain = Way::Plain("jane@example.com");
        assert_eq!(Visitor::at(&network(20)).tries(&world, plain, PASSWORD).await, Came::Later(1));
        assert_eq!(Visitor::at(&network(21)).tries(&world, plain, "the password of the tenant").await, Came::In);
    }

    async fn who_is_signed_in_is_counted_as_well(engine: Engine) {
        let world = proxied(engine, "").await;
        world.person(staff("jane")).await;
        let bearer = format!("Bearer {}", condo::token(&world).await);
        for n in 0..11 {
            let variables = json!({"identity": format!("other{n}@example.com"), "secret": "wrong"});
            let headers = [("x-forwarded-for", &*network(n)), ("authorization", &bearer)];
            let told = world.ask_with(&As::Nobody, PLAIN, variables, &headers).await.refused_as().1;
            assert_eq!(told == "TOO_MANY_REQUESTS", n == 10, "{n}");
        }
    }

    async fn a_request_holds_four_of_them(engine: Engine) {
        let world = patient(engine).await;
        for (number, status) in [(4, 200), (5, 400)] {
            let tries: Vec<String> =
                (0..number).map(|n| format!("a{n}: {NAME}(email: \"x@example.com\", password: \"x\") {{ token }}")).collect();
            let answer = world.ask(&As::Nobody, &format!("mutation {{ {} }}", tries.join(" "))).await;
            assert_eq!(answer.status, status, "{number}: {}", answer.text());
        }
    }
}
