//! Who a first sign-in makes of a person: the rules of `docs/condo-contract.md` 1.5 as one table, through HTTP.

use domain::account::AccountType;
use domain::ids::Subject;
use serde_json::{Value, json};
use service::accounts::{self, New};

use crate::support::database::{execute, texts};
use crate::support::partner::{SDK, cookie, trusting, with_partner};
use crate::support::person::{email, person, phone};
use crate::support::world::{World, both_engines};

/// A client for each way to trust: phones (`p`), e-mail addresses (`e`).
fn by_trust(settings: &str) -> String {
    let issuer = settings.split("issuer = \"").nth(1).expect("an issuer").split('"').next().expect("its end");
    let client = |name: &str| {
        format!(
            "[partners.clients.t{name}]\nidentity_type = \"{SDK}\"\nuser_info_url = \"{issuer}/userinfo\"\n\
             require_confirmed_phone = false\ntrust_phone = {}\ntrust_email = {}\n",
            name.contains('p'),
            name.contains('e')
        )
    };
    format!("{}\n{}", with_partner(settings, ""), ["", "p", "e", "pe"].map(client).concat())
}

/// One row's people and addresses, its own: no other row has them.
struct Row {
    number: usize,
}

impl Row {
    fn phone(&self) -> String {
        format!("+7999000{:04}", self.number)
    }

    fn email(&self) -> String {
        format!("u{}@example.com", self.number)
    }

    /// Makes the account `facts` tells of: `A !?` has its phone verified and its e-mail address not, `-` is none; then what else
    /// there is to it. It has the row's own addresses as far as `holds` says, in place of others.
    async fn account(&self, world: &World, facts: &str, (phone_is_rows, email_is_rows): (bool, bool)) {
        let (label, facts) = facts.split_once(' ').expect("a label");
        let flags = facts.as_bytes();
        let other_phone = format!("+7888{:03}{}", self.number, u8::from(label == "B"));
        let own_phone = if phone_is_rows { self.phone() } else { other_phone };
        let own_email = if email_is_rows { self.email() } else { format!("{label}{}@other.example", self.number) };
        let subject = format!("{label}-{}", self.number);
        world
            .person(New {
                account_type: AccountType::Staff,
                password: None,
                name: Some(label.to_owned()),
                phone: (flags[0] != b'-').then(|| phone(&own_phone, flags[0] == b'!')),
                email: (flags[1] != b'-').then(|| email(&own_email, flags[1] == b'!')),
                ..person(&subject)
            })
            .await;
        let change = |what: &str| format!("UPDATE accounts SET {what} WHERE subject = '{subject}'");
        match facts.get(3..).unwrap_or_default() {
            "" => {}
            "admin" => execute(&world.database_url, &change("is_admin = true")).await,
            "support" => execute(&world.database_url, &change("is_support = true")).await,
            "rights" => execute(&world.database_url, &change(&format!("rights_set = '{RIGHTS}'"))).await,
            "factor" => execute(&world.database_url, &change("two_factor = true")).await,
            "deleted" => accounts::disable(&world.app.parts, Subject::parse(subject).unwrap()).await.unwrap(),
            other => panic!("{other}"),
        }
    }

    /// How the accounts of the row stand: for each, its phone and its e-mail address, `!` or `?`, or `o` if it is another.
    async fn standings(&self, world: &World) -> Vec<String> {
        let flag = |column: &str, row: &str| {
            format!(
                "CASE WHEN {column} IS NULL THEN '-' WHEN {column} <> '{row}' THEN 'o' \
                 WHEN {column}_verified THEN '!' ELSE '?' END"
            )
        };
        let number = self.number;
        let label =
            format!("CASE WHEN subject = 'A-{number}' THEN 'A' WHEN subject = 'B-{number}' THEN 'B' ELSE 'new' END");
        let query = format!(
            "SELECT {label} || ' ' || {} || {} AS value FROM accounts WHERE subject IN ('A-{number}', 'B-{number}') OR \
             subject IN (SELECT subject FROM links WHERE sid = 'sid-{number}')",
            flag("phone", &self.phone()),
            flag("email", &self.email())
        );
        let mut standings = texts(&world.database_url, &query).await;
        standings.sort();
        standings
    }
}

const RIGHTS: &str = "00000000-0000-4000-8000-000000000009";

both_engines! {
    async fn a_first_sign_in_goes_by_the_table(engine: Engine) {
        let world = World::start_with(engine, |settings| by_trust(&settings)).await;
        let now = if world.database_url.starts_with("sqlite") { "0" } else { "now()" };
        let rights = format!("INSERT INTO rights_sets (id, name, granted, created, updated) VALUES ('{RIGHTS}', 'x', '', {now}, {now})");
        execute(&world.database_url, &rights).await;
        // The profile's phone and e-mail, what is trusted, who has the phone, who the e-mail; then who signs in, and how all
        // stand. The same letter is the same account.
        let rows = [
            ("-- ", "", "", "new", "new --"),
            ("!! ", "", "", "new", "new ??"),
            ("!! pe", "", "", "new", "new !!"),
            ("!! p", "", "", "new", "new !?"),
            ("?? pe", "", "", "new", "new ??"),
            ("!- p", "A !-", "", "A", "A !-"),
            ("!- ", "A !-", "", "new", "A !-, new --"),
            ("?- p", "A !-", "", "new", "A !-, new --"),
            ("!- p", "A ?-", "", "new", "A --, new !-"),
            ("?- p", "A ?-", "", "new", "A --, new ?-"),
            ("!- ", "A ?-", "", "new", "A ?-, new --"),
            ("!- p", "A !- admin", "", "new", "A !-, new --"),
            ("!- p", "A !- support", "", "new", "A !-, new --"),
            ("!- p", "A !- rights", "", "new", "A !-, new --"),
            ("!- p", "A !- factor", "", "new", "A !-, new --"),
            ("-! e", "", "A -! factor", "new", "A -!, new --"),
            ("!- p", "A ?- admin", "", "new", "A --, new !-"),
            ("!- p", "A !- deleted", "", "new", "A !-, new --"),
            ("!- p", "A ?- deleted", "", "new", "A ?-, new --"),
            ("!- ", "A ?- deleted", "", "new", "A ?-, new --"),
            ("-! e", "", "A -!", "A", "A -!"),
            ("-! ", "", "A -!", "new", "A -!, new --"),
            ("-? e", "", "A -!", "new", "A -!, new --"),
            ("-! e", "", "A -?", "new", "A --, new -!"),
            ("-! e", "", "A -! rights", "new", "A -!, new --"),
            ("-! e", "", "A -! deleted", "new", "A -!, new --"),
            ("!! pe", "A !-", "B -!", "A", "A !-, B -!"),
            ("!! pe", "A !!", "A !!", "A", "A !!"),
            ("!! pe", "A !- admin", "B -!", "B", "A !-, B -!"),
            ("!! pe", "A ?-", "B -!", "B", "A --, B !!"),
            ("!! pe", "A ??", "A ??", "new", "A --, new !!"),
            ("!! pe", "A !-", "", "A", "A !!"),
            ("!! p", "A !-", "", "A", "A !?"),
            ("!? pe", "A !-", "", "A", "A !?"),
            ("!! p", "A !-", "B -?", "A", "A !?, B --"),
            ("!! p", "A !-", "B -!", "A", "A !-, B -!"),
            ("!! p", "A !-", "B -? deleted", "A", "A !-, B -?"),
            ("!! pe", "A !?", "", "A", "A !!"),
            ("!! pe", "A !!", "", "A", "A !o"),
            ("!! pe", "A !!", "B -?", "A", "A !o, B -?"),
            ("!! e", "", "A -!", "A", "A ?!"),
            ("!! pe", "", "A -!", "A", "A !!"),
            ("!! e", "B ?-", "A -!", "A", "A ?!, B --"),
            ("!! pe", "B ?- deleted", "A -!", "A", "A -!, B ?-"),
        ];
        for (number, (stated, phone, email, who, expected)) in rows.into_iter().enumerate() {
            let row = Row { number };
            let label = |text: &str| text.split(' ').next().unwrap_or_default().to_owned();
            if !phone.is_empty() {
                row.account(&world, phone, (true, label(phone) == label(email))).await;
            }
            if !email.is_empty() && label(phone) != label(email) {
                row.account(&world, email, (false, true)).await;
            }
            let (states, trusted) = stated.split_once(' ').unwrap();
            let mut userinfo = json!({ "sub": format!("sid-{number}"), "name": "Whoever" });
            let addresses = [("phone_number", row.phone()), ("email", row.email())];
            for ((claim, address), state) in addresses.into_iter().zip(states.chars()) {
                let verified = if claim == "email" { "email_verified" } else { "phone_number_verified" };
                if state != '-' {
                    userinfo[claim] = address.into();
                    userinfo[verified] = (state == '!').into();
                }
            }
            world.userinfo(&userinfo);
            let what = format!("{stated:?}, phone: {phone:?}, e-mail: {email:?}");
            let answer = world.visit(&world.callback("staff", &format!("t{trusted}")), &[]).await;
            assert_eq!(answer.status, 302, "{what}: {}", answer.text());
            assert_eq!(row.standings(&world).await.join(", "), expected, "{what}");
            // Who it was keeps its name; the new one has the partner's.
            let called = world.at_home(&cookie(&answer)).await;
            assert_eq!(called.as_deref(), Some(if who == "new" { "Whoever" } else { who }), "{what}");
        }
    }

    async fn what_changes_hands_is_noted(engine: Engine) {
        let world = World::start_with(engine, |settings| trusting(&settings)).await;
        let (number, address) = ("+79990001234", "oleg@example.com");
        world.person(New { phone: Some(phone(number, false)), email: Some(email(address, false)), ..person("claimer") }).await;
        execute(&world.database_url, "UPDATE accounts SET meta = '{\"note\": 1}'").await;
        let userinfo = json!({ "sub": "1", "phone_number": number, "email": address });
        world.userinfo(&userinfo);
        assert_eq!(world.arrive().await.status, 302);
        let meta = "SELECT meta AS value FROM accounts WHERE subject = 'claimer'";
        let kept: Value = serde_json::from_str(&texts(&world.database_url, meta).await.concat()).unwrap();
        assert_eq!(kept, json!({ "note": 1, "phone": number, "email": address }));
        let lost = "SELECT detail || ' ' || subject || ' ' || sid AS value FROM audit WHERE event = 'ACCOUNT_ADDRESS_TAKEN' ORDER BY detail";
        assert_eq!(texts(&world.database_url, lost).await, ["email claimer 1", "phone claimer 1"]);
        // What the partner told of the new one is beside what it signs in by.
        let external = "SELECT external_system || ' ' || external_phone || ' ' || external_email AS value FROM accounts \
                        WHERE external_system IS NOT NULL AND external_phone_verified AND external_email_verified";
        assert_eq!(texts(&world.database_url, external).await, [format!("{SDK} {number} {address}")]);
    }

    async fn who_is_found_gets_a_name_only_without_one(engine: Engine) {
        let world = World::start_with(engine, |settings| trusting(&settings)).await;
        world.person(New { phone: Some(phone("+79990000001", true)), ..person("nameless") }).await;
        world.person(New { name: Some("Elle".to_owned()), phone: Some(phone("+79990000002", true)), ..person("named") }).await;
        for (sid, number) in [("1", "+79990000001"), ("2", "+79990000002")] {
            world.userinfo(&json!({ "sub": sid, "phone_number": number, "name": "Oleg" }));
            world.arrive().await;
        }
        let names = "SELECT subject || ' ' || name AS value FROM accounts ORDER BY subject";
        assert_eq!(texts(&world.database_url, names).await, ["named Elle", "nameless Oleg"]);
        let external = "SELECT subject AS value FROM accounts WHERE external_system IS NOT NULL";
        assert!(texts(&world.database_url, external).await.is_empty(), "that is of those who come from there");
    }

    async fn a_partner_is_trusted_only_as_far_as_both_say(engine: Engine) {
        let distrusted = |settings: &str| trusting(settings).replace("name = \"test-sdk\"\ntrust_phone = true", "name = \"test-sdk\"\ntrust_phone = false");
        let world = World::start_with(engine, |settings| distrusted(&settings)).await;
        world.person(New { phone: Some(phone("+79990001234", true)), ..person("victim") }).await;
        world.userinfo(&json!({ "sub": "1", "phone_number": "+79990001234", "name": "Mallory" }));
        assert_eq!(world.at_home(&cookie(&world.arrive().await)).await.as_deref(), Some("Mallory"));
        let owners = "SELECT subject AS value FROM links";
        assert_ne!(texts(&world.database_url, owners).await, ["victim"]);
    }
}
