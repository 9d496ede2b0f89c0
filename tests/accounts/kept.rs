//! Accounts as their keeper has them: made, shown, given a password, disabled, deleted; and what ends with each.

use domain::account::{AccountType, Email};
use domain::ids::Subject;
use serde_json::{Value, json};
use service::accounts::{self, Claimed, New};

use crate::support::browser::Browser;
use crate::support::database::{Sql, count, texts};
use crate::support::site::Site;
use crate::support::world::{As, Body, CONSOLE, Engine, World, both_engines};

const PASSWORD: &str = "correct horse battery staple";

fn site(engine: Engine) -> Site {
    Site::ready(engine, "http://127.0.0.1:9")
}

fn shown(site: &Site, id: &str) -> Value {
    let mut account: Value = serde_json::from_str(site.run(&["account", "show", id, "--json"]).good()).unwrap();
    account.as_object_mut().unwrap().remove("created").expect("when it was made");
    account
}

/// Something of each kind that can be open in a person's name; gives a token and a browser.
async fn open_all(world: &World, subject: &str) -> (As, Browser) {
    let mut browser = Browser::default();
    browser.sign_in(world, subject).await;
    let token = world.user(CONSOLE, subject, &["blitz_api_ufa"]).await;
    let (hash, family) = (format!("{:0>64}", subject.len()), "9f2c1c4e-6a53-4c0e-9d53-1f2a3b4c5d6e");
    let (hash, expires) = if world.database_url.starts_with("sqlite:") {
        (format!("x'{hash}'"), "9000000000000000".to_owned())
    } else {
        (format!("decode('{hash}', 'hex')"), "now() + interval '1 day'".to_owned())
    };
    Sql::open(&world.database_url)
        .await
        .run(&format!(
            "INSERT INTO oauth_codes (code_hash, client, subject, redirect_uri, scope, code_challenge, family, used, expires)
             VALUES ({hash}, 'console', '{subject}', 'https://a.example/', '', '', '{family}', false, {expires});
             INSERT INTO oauth_refresh_tokens (token_hash, client, subject, scope, family, used, expires)
             VALUES ({hash}, 'console', '{subject}', '', '{family}', false, {expires});"
        ))
        .await;
    // Its first use, so that it is believed for a while without another look.
    assert_eq!(listed(world, subject, &token).await, 200);
    (token, browser)
}

async fn listed(world: &World, subject: &str, token: &As) -> u16 {
    world.call("GET", &format!("/api/v3/users/{subject}/fa"), token, Body::None).await.status
}

async fn open_rows(world: &World) -> Vec<usize> {
    let mut rows = Vec::new();
    for table in ["sessions", "oauth_codes", "oauth_refresh_tokens", "oauth_tokens"] {
        rows.push(count(world, table).await);
    }
    rows
}

both_engines! {
    async fn an_account_is_made_and_shown_without_its_password(engine: Engine) {
        let site = site(engine);
        let args = ["account", "create", "--id", "42", "--type", "staff", "--name", "Elle Woods", "--email", " Elle@Example.com",
            "--email-verified", "--phone", "+7 (999) 123-45-67", "--password-stdin"];
        let made = site.feed(&args, &format!("{PASSWORD}\n"));
        assert_eq!(made.good().trim(), "42");
        assert_eq!(shown(&site, "42"), json!({
            "subject": "42", "type": "staff", "name": "Elle Woods", "email": "elle@example.com", "emailVerified": true,
            "phone": "+79991234567", "phoneVerified": false, "hasPassword": true,
        }));
        let words = site.run(&["account", "show", "42"]);
        assert!(
            words.good().starts_with("staff 42 Elle Woods, elle@example.com, +79991234567 (not verified), with a password, since "),
            "{words:?}"
        );
        let stored = texts(&site.database_url(), "SELECT password_hash AS value FROM accounts").await.concat();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        for said in [format!("{made:?}"), format!("{words:?}"), stored.clone()] {
            assert!(!said.contains(PASSWORD), "{said}");
        }
        assert!(!format!("{words:?}").contains("argon2"), "{words:?}");

        site.run(&["account", "create", "--id", "43"]).good();
        assert_eq!(shown(&site, "43"), json!({
            "subject": "43", "type": "resident", "emailVerified": false, "phoneVerified": false, "hasPassword": false,
        }));
        let flags = ["--phone", "+79997654321", "--phone-verified", "--admin", "--support", "--two-factor"];
        site.run(&[&["account", "create", "--id", "admin"], &flags[..]].concat()).good();
        assert_eq!(shown(&site, "admin"), json!({
            "subject": "admin", "type": "resident", "emailVerified": false, "phone": "+79997654321", "phoneVerified": true,
            "hasPassword": false, "admin": true, "support": true, "twoFactor": true,
        }));
        let words = site.run(&["account", "show", "admin"]);
        assert!(words.good().contains("no password, administrator, support, two factors, since "), "{words:?}");
        let alone = site.run(&["account", "create", "--id", "44", "--two-factor"]);
        assert!(!alone.status.success() && alone.stderr.contains("--phone-verified"), "a factor that nobody has: {alone:?}");
        assert!(site.run(&["account", "create", "--id", "42"]).complaint().contains("id has an account already"));
        assert!(site.run(&["account", "show", "44"]).complaint().contains("no such user"));
    }

    async fn a_password_is_set_and_an_account_disabled_by_command(engine: Engine) {
        let site = site(engine);
        site.run(&["account", "create", "--id", "42", "--email", "elle@example.com"]).good();
        let set = |password: &str| site.feed(&["account", "set-password", "42", "--password-stdin"], password);
        for (password, complaint) in [
            ("short", "password must have from 8 to 256 characters"),
            ("ELLE@example.com\n", "password must not be the account's id"),
            ("two lines\nof text", "password must not have control characters"),
        ] {
            assert!(set(password).complaint().contains(complaint), "{password:?}");
        }
        assert_eq!(shown(&site, "42")["hasPassword"], false);
        set(&format!("{PASSWORD}\r\n")).good();
        assert_eq!(shown(&site, "42")["hasPassword"], true);
        let first = texts(&site.database_url(), "SELECT password_hash AS value FROM accounts").await;
        set(PASSWORD).good();
        assert_ne!(texts(&site.database_url(), "SELECT password_hash AS value FROM accounts").await, first, "a salt of its own");
        // Without a terminal to ask on it says so, and waits for nothing.
        assert!(site.run(&["account", "set-password", "42"]).complaint().contains("--password-stdin"));

        site.run(&["account", "disable", "42"]).good();
        assert!(shown(&site, "42")["disabled"].is_string());
        site.run(&["account", "enable", "42"]).good();
        assert_eq!(shown(&site, "42").get("disabled"), None);
        for verb in ["set-password", "disable", "enable", "delete"] {
            let unknown = site.feed(&["account", verb, "44"], PASSWORD);
            assert!(unknown.complaint().contains("no such user"), "{verb}: {unknown:?}");
        }
        let record = "SELECT event AS value FROM audit ORDER BY at, id";
        let lines = texts(&site.database_url(), record).await;
        assert_eq!(lines, ["ACCOUNT_CREATED", "ACCOUNT_PASSWORD_SET", "ACCOUNT_PASSWORD_SET", "ACCOUNT_DISABLED", "ACCOUNT_ENABLED"]);
    }

    async fn an_address_belongs_to_one_account_of_a_type(engine: Engine) {
        let site = site(engine);
        let create = |more: &[&str]| site.run(&[&["account", "create"], more].concat());
        create(&["--id", "1", "--email", "elle@example.com", "--phone", "+79991234567"]).good();
        for (more, complaint) in [
            (["--email", "ELLE@example.com"], "email belongs to another account of the type resident"),
            (["--phone", "+7 999 123-45-67"], "phone belongs to another account of the type resident"),
            (["--email", "elle"], "email must be an address"),
            (["--phone", "89991234567"], "phone must be + and 7 to 15 digits"),
        ] {
            assert!(create(&[&["--id", "2"][..], &more].concat()).complaint().contains(complaint), "{more:?}");
        }
        assert!(create(&["--id", "1", "--email", "elle@example.com"]).complaint().contains("id has an account already"));
        create(&["--id", "2", "--type", "staff", "--email", "elle@example.com", "--phone", "+79991234567"]).good();
        create(&["--id", "3"]).good();
        create(&["--id", "4"]).good();
    }

    async fn an_address_claimed_by_many_at_once_is_ones(engine: Engine) {
        let world = World::start(engine).await;
        let create = async |number: usize| {
            let claim = Claimed { address: Email::parse("elle@example.com").unwrap(), verified: true };
            let subject = Subject::parse(number.to_string()).unwrap();
            let new = New { email: Some(claim), ..New::bare(subject, AccountType::Resident) };
            accounts::create(&world.app.parts, new).await
        };
        let made = futures_util::future::join_all((0..16).map(create)).await;
        assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1, "{made:?}");
        for refused in made.into_iter().filter_map(Result::err) {
            assert_eq!(refused.to_string(), "email belongs to another account of the type resident");
        }
        assert_eq!(count(&world, "accounts").await, 1);
    }

    async fn what_is_open_ends_with_the_password_the_right_to_sign_in_and_the_account(engine: Engine) {
        let world = World::start(engine).await;
        world.account("bystander").await;
        let (bystanders, _) = open_all(&world, "bystander").await;
        let parts = &world.app.parts;
        for (subject, event) in [("p", "ACCOUNT_PASSWORD_SET"), ("di", "ACCOUNT_DISABLED"), ("del", "ACCOUNT_DELETED")] {
            world.account(subject).await;
            let (token, mut browser) = open_all(&world, subject).await;
            assert_eq!(open_rows(&world).await, [2, 2, 2, 2]);
            let who = Subject::parse(subject).unwrap();
            match subject {
                "p" => accounts::set_password(parts, who, PASSWORD.into()).await.unwrap(),
                "di" => accounts::disable(parts, who).await.unwrap(),
                _ => accounts::remove(parts, who).await.unwrap(),
            }
            assert_eq!(open_rows(&world).await, [1, 1, 1, 1], "{event}");
            assert_eq!(listed(&world, subject, &token).await, 401, "{event}");
            let name = service::sessions::cookie_name(&parts.settings);
            let cookie = browser.cookies()[name].as_str().into();
            assert!(service::sessions::find(parts, Some(&cookie)).await.unwrap().is_none(), "{event}");
            let record = format!("SELECT subject AS value FROM audit WHERE event = '{event}'");
            assert_eq!(texts(&world.database_url, &record).await, [subject]);
        }
        assert_eq!(listed(&world, "bystander", &bystanders).await, 200);
    }

    async fn a_command_ends_a_token_for_instances_that_have_not_seen_it(engine: Engine) {
        let world = World::start(engine).await;
        world.account("elle").await;
        let token = world.user(CONSOLE, "elle", &["blitz_api_ufa"]).await;
        let other = World::start_beside(&world, |settings| settings).await;
        accounts::disable(&other.app.parts, Subject::parse("elle").unwrap()).await.unwrap();
        assert_eq!(listed(&world, "elle", &token).await, 401);
    }
}
