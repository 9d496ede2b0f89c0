//! Budgets that many share: of a prefix, of the day, and what passwords have to do with codes.

use std::fs;

use serde_json::json;
use service::accounts::New;

use super::budgets::{
    HOME, MANY, NOBODYS, Visitor, assert_sent, by_id, by_number, digits, network, password, right_password, start,
    to_midnight, token_of, world_with,
};
use crate::support::condo::{by_email, by_phone};
use crate::support::confirm::{PHONE, of_webhook};
use crate::support::person::{PASSWORD, email, person, phone};
use crate::support::program::{self, Running};
use crate::support::sms::{self, SmsWebhook};
use crate::support::world::{CONSOLE_PASSWORD, CONSOLE_SECRET, Engine, RIVAL_PASSWORD, World, both_engines};

both_engines! {
    async fn the_code_that_was_sent_last_is_taken_whoever_asked_for_it(engine: Engine) {
        let (world, sms) = world_with(engine, MANY).await;
        right_password(&world, HOME).await;
        token_of(&world, HOME, by_id("jane")).await;
        world.advance(1);
        token_of(&world, HOME, by_number(PHONE)).await;
        let let_in = password(&world, HOME, digits(sms.code())).await;
        assert_eq!(let_in.data()[by_email::MUTATION]["item"]["id"], "jane");
    }

    async fn wrong_passwords_refuse_no_code(engine: Engine) {
        let (world, sms) = world_with(engine, "").await;
        let elle = New { email: Some(email("elle@example.com", true)), phone: Some(phone(NOBODYS, true)), ..person("elle") };
        world.person(elle).await;
        let mut jane = Visitor::new(&world, HOME);
        let jane_asked = jane.password("jane", PASSWORD).await;
        let janes_code = sms.last().code;
        assert_sent(&jane_asked);
        // A stranger from everywhere, home included, until no password is looked at any more.
        let names = [NOBODYS, "elle@example.com", "elle", PHONE, "jane@example.com", "jane"];
        for (place, name) in names.iter().enumerate() {
            for n in 0..11 {
                let ip = if n == 10 { HOME.to_owned() } else { network(20 * place + n) };
                Visitor::new(&world, &ip).password(name, "wrong").await;
                let headers = [("x-forwarded-for", ip.as_str())];
                for kind in ["resident", "staff"] {
                    let change = json!({"password": "wrong", "userType": kind, "phone": name, "dv": 1,
                        "sender": {"dv": 1, "fingerprint": "a-test-device"}});
                    if name.starts_with('+') {
                        by_phone::ask_at(&world, "", change, &headers).await;
                    } else if name.contains('@') {
                        let change = json!({"password": "wrong", "userType": kind, "email": name});
                        by_email::ask_at(&world, "", change, &headers).await;
                    }
                }
            }
        }
        assert_eq!(Visitor::new(&world, HOME).password("somebody", PASSWORD).await.status, 429, "that network is out of tries");
        assert_eq!(jane.type_code(&jane_asked, &janes_code).await.status, 303, "after the password");
        let mut elle = Visitor::new(&world, HOME);
        let asked = elle.ask_code(NOBODYS).await;
        assert_sent(&asked);
        assert_eq!(elle.type_code(&asked, "1").await.status, 422);
        world.advance(1);
        assert_eq!(elle.type_code(&asked, &sms.last().code).await.status, 303, "instead of the password");
    }

    async fn a_prefix_is_one_sender(engine: Engine) {
        let limits = "[limits]\nsms_per_hour_and_ip = 2\n";
        let v6 = |a: usize, b: usize| format!("2001:db8:7:{:x}::1", a * 256 + b);
        let (mut number, mut ids) = (0, 0);
        // Each row: addresses, and how many of their messages are sent.
        let rows: [(Vec<String>, usize); 4] = [
            ((0..8).map(|n| format!("2001:db8:9:9::{n:x}")).collect(), 2),
            ((0..20).map(|n| v6(1, n)).collect(), 8),
            ((0..60).map(|n| v6(1 + n / 10, n)).collect(), 32),
            ((0..60).map(|n| format!("198.51.100.{n}")).collect(), 32),
        ];
        for (addresses, allowed) in rows {
            let (world, sms) = world_with(engine, limits).await;
            let mut refused = 0;
            for ip in &addresses {
                number += 1;
                let kind = start(&world, ip, by_number(&format!("+7999{number:07}"))).await;
                if kind != "sent" {
                    assert_eq!(kind, "SMS_FOR_IP_DAY_LIMIT_REACHED", "{ip}");
                    refused += 1;
                }
            }
            assert_eq!((sms.sent().len(), refused), (allowed, addresses.len() - allowed), "{}", addresses[0]);
            // Whether there is a user is answered just as often.
            let mut told = 0;
            for ip in &addresses {
                ids += 1;
                told += usize::from(start(&world, ip, by_id(&format!("nobody-{ids}"))).await == "WRONG_PHONE_FORMAT");
            }
            assert_eq!(told, allowed, "{}", addresses[0]);
            // Elsewhere nobody has noticed.
            assert_eq!(start(&world, "2001:db8:8::1", by_number(NOBODYS)).await, "sent");
        }
    }

    async fn the_days_budget_is_for_anonymous_messages(engine: Engine) {
        let limits = "[limits]\nsign_in_per_hour = 100000\nsms_per_day = 40\n";
        let (world, sms) = world_with(engine, limits).await;
        let second = World::start_beside(&world, |settings| of_webhook(&sms, &settings) + limits).await;
        let mut number = 0;
        let mut new_number = || { number += 1; format!("+7999{number:07}") };
        let day = || to_midnight(&world).to_string();
        // A network gets a twentieth, however it is cut, and however often the hour begins anew.
        for addresses in [["198.51.100.1", "198.51.100.2", "198.51.100.200"], ["2001:db8:1::1", "2001:db8:1:100::1", "2001:db8:1:ffff::1"]] {
            for ip in &addresses[..2] {
                assert_eq!(start(&world, ip, by_number(&new_number())).await, "sent", "{ip}");
            }
            world.advance(3600);
            for world in [&world, &second] {
                for ip in addresses {
                    assert_eq!(start(world, ip, by_number(NOBODYS)).await, "SMS_FOR_IP_DAY_LIMIT_REACHED", "{ip}");
                }
            }
            let refused = Visitor::new(&world, addresses[0]).ask_code(NOBODYS).await;
            assert_eq!((refused.status, refused.header("retry-after")), (429, Some(day().as_str())));
        }
        // What was refused took neither the phone's minute nor its day.
        assert_eq!(start(&world, &network(0), by_number(NOBODYS)).await, "sent");
        assert_eq!(start(&world, &network(0), by_id("john")).await, "sent", "an id without a password is anybody's");
        for n in 1..18 {
            for world in [&world, &second] {
                assert_eq!(start(world, &network(n), by_number(&new_number())).await, "sent", "{n}");
            }
        }
        assert_eq!(sms.sent().len(), 40);
        for world in [&world, &second] {
            let refused = world.start_confirm(&network(99), &by_number(&new_number())).await;
            assert_eq!(refused.refused_as().1, "TOO_MANY_REQUESTS");
            let minutes = &refused.error()["extensions"]["messageInterpolation"]["minutesRemaining"];
            assert_eq!(*minutes, to_midnight(world).div_ceil(60));
            let refused = Visitor::new(world, "192.0.2.1").ask_code(&new_number()).await;
            assert_eq!((refused.status, refused.header("retry-after")), (429, Some(day().as_str())));
        }
        // After a right password there is no end to it, and nothing is taken from it.
        assert_sent(&Visitor::new(&world, "198.51.100.1").password("jane", PASSWORD).await);
        let johns = json!({"email": "john@example.com"});
        assert_eq!(password(&world, "198.51.100.1", johns).await.refused_as().1, "NOT_ENOUGH_AUTH_FACTORS");
        assert_eq!(start(&world, "198.51.100.1", by_id("john")).await, "sent");
        world.advance(to_midnight(&world));
        for n in 0..20 {
            world.advance(61);
            assert_eq!(start(&world, &network(n), by_number(&new_number())).await, "sent", "another day");
            assert_eq!(start(&world, &network(n), by_number(&new_number())).await, "sent", "another day");
        }
        assert_eq!(start(&world, &network(21), by_number(&new_number())).await, "TOO_MANY_REQUESTS");
    }

    async fn a_spent_budget_is_told_once_a_day(engine: Engine) {
        let webhook = SmsWebhook::start().await;
        let mut text = String::new();
        let mut world = World::start_with(engine, |settings| {
            text = format!("{}[limits]\nsms_per_day = 1\n", of_webhook(&webhook, &settings));
            text.clone()
        })
        .await;
        let own = [CONSOLE_SECRET, CONSOLE_PASSWORD, "rival-secret-of-tests", RIVAL_PASSWORD, "sandbox-secret"];
        let names = ["A", "B", "C", "D", "E", "F", "G"];
        let secrets: Vec<&str> = own.into_iter().chain([sms::SECRET, sms::COOKIE_SECRET]).collect();
        for (secret, name) in secrets.iter().zip(names) {
            text = text.replace(&format!("\"{secret}\""), &format!("{{ env = \"{name}\" }}"));
        }
        let config = world.folder.path().join("fedlink.toml");
        fs::write(&config, text).expect("a file");
        let env: Vec<_> = names.into_iter().zip(secrets).collect();
        // A file is served by one program alone.
        let instances = if engine == Engine::Postgres { 2 } else { 1 };
        let fleet: Vec<_> = (0..instances).map(|_| program::serve(&config, &env)).collect();
        // These keep the real time: once more, if a day ends meanwhile.
        let mut days = 0;
        loop {
            days += 1;
            let midnight = to_midnight(&world);
            for n in 0..6 {
                world.served_at.clone_from(&fleet[n % instances].base_url);
                start(&world, &network(n), by_number(&format!("+7999000{days}00{n}"))).await;
            }
            if to_midnight(&world) <= midnight {
                break;
            }
        }
        let logs: String = fleet.iter().map(Running::logs).collect();
        let told: Vec<&str> = logs.lines().filter(|line| line.contains("limits.sms_per_day")).collect();
        assert!((1..=days).contains(&told.len()) && told.iter().all(|line| line.contains("ERROR")), "{told:?}");
        assert!((1..=days).contains(&webhook.sent().len()));
    }
}
