//! One rule for the names of people and things, at every door that a name comes in by: what can't be seen or turns text around is
//! taken out, joiners stay, nothing left is no name; what is told is cut at 255 characters, what is sent beyond that is refused.

use domain::account::AccountType;
use domain::ids::Subject;
use serde_json::{Value, json};
use service::accounts::{self, New};
use service::import;

use crate::support::browser::{Browser, instruct};
use crate::support::database::{execute, texts};
use crate::support::office::{Office, to};
use crate::support::partner::{cookie, trusting};
use crate::support::person::person;
use crate::support::taken_in::take_in;
use crate::support::world::{As, Body, CONSOLE, CONSOLE_PASSWORD, World, both_engines};

/// Names as they come, and what is left of them.
fn names() -> Vec<(String, Option<String>)> {
    let kept = |text: &str| (text.to_owned(), Some(text.to_owned()));
    let cleaned = |text: &str, left: &str| (text.to_owned(), Some(left.to_owned()));
    let none = |text: &str| (text.to_owned(), None);
    vec![
        kept("Олег 🦊"),
        kept("می\u{200C}خواهم"),
        kept("👨\u{200D}👩\u{200D}👧"),
        kept(&"я".repeat(255)),
        kept(&"🦊".repeat(255)),
        cleaned("Ole\u{202E}gel\u{202C}O", "OlegelO"),
        cleaned("\u{200E}O\u{200F}l\u{202A}e\u{202B}g\u{202D}", "Oleg"),
        cleaned("\u{2066}O\u{2067}l\u{2068}e\u{2069}g", "Oleg"),
        cleaned("\u{FEFF}O\u{200B}l\u{2060}eg", "Oleg"),
        cleaned("O\u{1}l\u{7}e\u{1F}g\u{7F}", "Oleg"),
        cleaned("O\u{80}l\u{85}e\u{9F}g", "Oleg"),
        cleaned("Oleg\r\n\t", "Oleg"),
        cleaned(&format!("{}{}", "\u{200B}".repeat(300), "я".repeat(255)), &"я".repeat(255)),
        none("\u{202E}"),
        none("\u{200B}\u{2060}\u{FEFF}"),
        none("\u{7}\u{9B}"),
        none(" \u{200E} "),
    ]
}

/// One character too many.
fn too_long() -> [String; 2] {
    ["x".repeat(256), "🦊".repeat(256)]
}

const TOO_LONG: &str = "has 256 characters, at most 255 are allowed";

/// The one link of a subject, as lists show it.
async fn listed(world: &World, subject: &str) -> Option<String> {
    let console = world.console().await;
    let list = world.call("GET", &format!("/api/v3/users/{subject}/fa"), &console, Body::None).await.json();
    list[0]["userName"].as_str().map(str::to_owned)
}

async fn stored(world: &World, table: &str, is: &str) -> Option<String> {
    let name = texts(&world.database_url, &format!("SELECT coalesce(name, '') AS value FROM {table} WHERE {is}")).await;
    Some(name.concat()).filter(|name| !name.is_empty())
}

both_engines! {
    async fn a_link_by_id(engine: Engine) {
        let world = World::start(engine).await;
        let console = world.console().await;
        for (place, (sent, left)) in names().into_iter().enumerate() {
            let subject = format!("s{place}");
            world.account(&subject).await;
            let target = format!("/api/v3/users/{subject}/fa/box/box_1/{place}");
            let body = Body::Json(json!({"federatedAccountName": sent}));
            let answer = world.call("POST", &target, &console, body).await;
            assert_eq!(answer.status, 204, "{sent:?}: {}", answer.text());
            assert_eq!(listed(&world, &subject).await, left, "{sent:?}");
        }
        for long in too_long() {
            let body = Body::Json(json!({"federatedAccountName": long}));
            let answer = world.call("POST", "/api/v3/users/s0/fa/box/box_1/0", &console, body).await;
            assert_eq!(answer.refusal(), (400, "wrong_values".to_owned()));
            assert_eq!(answer.json()["desc"], format!("federatedAccountName {TOO_LONG}"));
        }
    }

    async fn an_import(engine: Engine) {
        let world = World::start(engine).await;
        let line = |subject: &str, name: &str| json!({
            "subject": subject, "fpType": "box", "fpName": "box_1", "sid": subject, "userName": name,
        });
        for (place, (sent, left)) in names().into_iter().enumerate() {
            let subject = format!("s{place}");
            world.import(line(&subject, &sent)).await;
            assert_eq!(listed(&world, &subject).await, left, "{sent:?}");
        }
        for long in too_long() {
            let line = line("s0", &long).to_string();
            let (unknown, newer) = (import::UnknownSubject::Register, import::Newer::Replace);
            let refused = take_in(&world.app.parts, &line, unknown, newer).await.unwrap_err();
            assert_eq!(refused.to_string(), format!("userName {TOO_LONG}"));
        }
    }

    async fn a_bind(engine: Engine) {
        let world = World::start(engine).await;
        let mut told = names();
        told.extend(too_long().map(|long| (long.clone(), Some(long.chars().take(255).collect()))));
        told.push(("O\u{0}leg".to_owned(), Some("Oleg".to_owned())));
        for (name, left) in told {
            world.sandbox.script().set(|to| drop(to.claims.insert("name".to_owned(), json!(name))));
            let redirect_to = instruct(&world, &As::Basic(CONSOLE, CONSOLE_PASSWORD)).await;
            let url = Browser::default().identify(&world, &redirect_to, "oleg").await;
            let flow = url.strip_suffix("/confirm").and_then(|url| url.rsplit('/').next()).unwrap();
            let query = format!("SELECT coalesce(user_name, '') AS value FROM flows WHERE id = '{flow}'");
            let held = texts(&world.database_url, &query).await.concat();
            assert_eq!(Some(held).filter(|name| !name.is_empty()), left, "{name:?}");
        }
    }

    async fn a_partner(engine: Engine) {
        let world = World::start_with(engine, |settings| trusting(&settings)).await;
        let mut told = names();
        told.extend(too_long().map(|long| (long.clone(), Some(long.chars().take(255).collect()))));
        told.push(("O\u{0}leg".to_owned(), Some("Oleg".to_owned())));
        for (place, (name, left)) in told.into_iter().enumerate() {
            world.userinfo(&json!({"sub": format!("n-{place}"), "name": name}));
            let answer = world.arrive().await;
            assert_eq!(answer.status, 302, "{name:?}: {}", answer.text());
            let shown = world.at_home(&cookie(&answer)).await.unwrap_or_default();
            let subject = texts(&world.database_url, &format!("SELECT subject AS value FROM links WHERE sid = 'n-{place}'")).await;
            assert_eq!(stored(&world, "accounts", &format!("subject = '{}'", subject.concat())).await, left, "{name:?}");
            assert_eq!(Some(shown).filter(|shown| !shown.is_empty()), left, "{name:?}");
        }
    }

    async fn an_account_made_by_an_operator(engine: Engine) {
        let world = World::start(engine).await;
        let new = |subject: &str, name: &str| New {
            name: Some(name.to_owned()),
            ..New::bare(Subject::parse(subject).unwrap(), AccountType::Resident)
        };
        for (place, (sent, left)) in names().into_iter().enumerate() {
            let subject = format!("s{place}");
            accounts::create(&world.app.parts, new(&subject, &sent)).await.unwrap();
            assert_eq!(stored(&world, "accounts", &format!("subject = '{subject}'")).await, left, "{sent:?}");
        }
        for long in too_long() {
            let refused = accounts::create(&world.app.parts, new("long", &long)).await.unwrap_err();
            assert_eq!(refused.to_string(), format!("name {TOO_LONG}"));
        }
    }

    async fn users_and_employees_of_graphql(engine: Engine) {
        let office = Office::open(engine).await;
        let organization = office.organization("Ours").await;
        let role = office.role(&organization, "Clerk", json!({})).await;
        let user = office.made("User", json!({"name": "x", "type": "staff"})).await;
        let employee = office.employee(&organization, (&user, &role), json!({"name": "x"})).await;
        for (sent, left) in names() {
            for (kind, id) in [("User", &user), ("OrganizationEmployee", &employee)] {
                let answer = office.update(&office.admin, kind, (id, json!({"name": sent})), "name").await.data();
                assert_eq!(answer[format!("update{kind}")]["name"].as_str(), left.as_deref(), "{kind} {sent:?}");
            }
            let made = office.create(&office.admin, "User", json!({"name": sent, "type": "staff"}), "name").await.data();
            assert_eq!(made["createUser"]["name"].as_str(), left.as_deref(), "{sent:?}");
        }
        for long in too_long() {
            for (kind, id) in [("User", &user), ("OrganizationEmployee", &employee)] {
                let refused = office.update(&office.admin, kind, (id, json!({"name": long})), "name").await;
                assert_eq!(refused.error()["message"], format!("name {TOO_LONG}"), "{kind}");
            }
        }
    }

    async fn what_has_to_have_a_name(engine: Engine) {
        let office = Office::open(engine).await;
        let organization = office.organization("Ours").await;
        let role = office.role(&organization, "Clerk", json!({})).await;
        let set = office.made("UserRightsSet", json!({"name": "Managers"})).await;
        let kinds = [("Organization", &organization), ("OrganizationEmployeeRole", &role), ("UserRightsSet", &set)];
        for (place, (sent, left)) in names().into_iter().enumerate() {
            for (kind, id) in kinds {
                let answer = office.update(&office.admin, kind, (id, json!({"name": sent})), "name").await;
                match &left {
                    Some(left) => assert_eq!(answer.data()[format!("update{kind}")]["name"], json!(left), "{kind} {sent:?}"),
                    None => assert_eq!(answer.error()["message"], "name must not be blank", "{kind} {sent:?}"),
                }
            }
            let answer = register(&office, place, &sent).await;
            match &left {
                Some(left) => {
                    let id = answer.data()["registerNewServiceUser"]["id"].as_str().unwrap().to_owned();
                    assert_eq!(stored(&office.world, "accounts", &format!("subject = '{id}'")).await.as_ref(), Some(left));
                }
                None => assert_eq!(answer.error()["message"], "name must not be blank", "{sent:?}"),
            }
        }
        for long in too_long() {
            for (kind, id) in kinds {
                let refused = office.update(&office.admin, kind, (id, json!({"name": long})), "name").await;
                assert_eq!(refused.error()["message"], format!("name {TOO_LONG}"), "{kind}");
            }
            assert_eq!(register(&office, 999, &long).await.error()["message"], format!("name {TOO_LONG}"));
            let made = office.create(&office.admin, "Organization", json!({"name": long}), "id").await;
            assert_eq!(made.error()["message"], format!("name {TOO_LONG}"));
            let data = json!({"name": long, "organization": to(&organization)});
            let made = office.create(&office.admin, "OrganizationEmployeeRole", data, "id").await;
            assert_eq!(made.error()["message"], format!("name {TOO_LONG}"));
        }
    }

    async fn a_page_shows_an_old_name_by_the_rule_too(engine: Engine) {
        let world = World::start(engine).await;
        world.person(New { name: Some("Oleg".to_owned()), ..person("oleg") }).await;
        let mut browser = Browser::default();
        browser.sign_in(&world, "oleg").await;
        for (old, shown) in [("Ole\u{202E}gelO", "OlegelO"), ("\u{202E}\u{200B}", "oleg"), ("می\u{200C}خواهم", "می\u{200C}خواهم")] {
            execute(&world.database_url, &format!("UPDATE accounts SET name = '{old}' WHERE subject = 'oleg'")).await;
            let page = browser.go(&world, "GET", &world.sign_in_page(), Body::None).await.text();
            assert!(page.contains(&format!("<bdi>{shown}</bdi>")), "{old:?}: {page}");
            assert!(!page.contains('\u{202E}'), "{old:?}: {page}");
        }
    }
}

async fn register(office: &Office, place: usize, name: &str) -> crate::support::world::Answer {
    let query = "mutation ($data: RegisterNewServiceUserInput!) { registerNewServiceUser(data: $data) { id } }";
    let data: Value = json!({
        "dv": 1, "sender": {"dv": 1, "fingerprint": "office-tests"}, "name": name, "email": format!("s{place}@example.com"),
    });
    office.world.ask_with(&office.admin, query, json!({"data": data}), &[]).await
}
