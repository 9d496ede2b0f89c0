//! The cookie of a browser in which somebody has signed in: who gets one, what it is, what it is good for and for how long.

use domain::account::AccountType;
use domain::ids::Subject;
use serde_json::json;
use service::accounts::{self, New, Standing};

use crate::support::browser::field;
use crate::support::condo::{API, by_email, staff, with_sessions};
use crate::support::confirm::with_sms_and;
use crate::support::database::{count, texts};
use crate::support::partner::{cookie, trusting};
use crate::support::person::{PASSWORD, email, person, phone};
use crate::support::visitor::{Came, Visitor, Way, network, proxied};
use crate::support::world::{Answer, As, Body, Engine, PUBLIC, World, both_engines};

const NAME: &str = "fedlink-device";
const HOME: &str = "198.51.100.7";
const JANE: Way<'_> = Way::Page("jane");

async fn world(engine: Engine) -> World {
    let world = proxied(engine, "").await;
    world.person(staff("jane")).await;
    world.person(New { email: Some(email("john@example.com", true)), ..person("john") }).await;
    world
}

/// Lets strangers spend all that they have upon an account.
async fn spend(world: &World, way: Way<'_>, from: usize) {
    for n in from..from + 11 {
        let came = Visitor::at(&network(n)).tries(world, way, "wrong").await;
        assert_eq!(came.is_looked_at(), n < from + 10, "{n}");
    }
}

/// Somebody who brings this cookie, from where nobody was.
fn with_cookie(value: &str, n: usize) -> Visitor {
    let mut visitor = Visitor::at(&network(n));
    visitor.browser.cookies().insert(NAME.to_owned(), value.to_owned());
    visitor
}

fn device(visitor: &mut Visitor) -> String {
    visitor.browser.cookies().get(NAME).expect("a cookie").clone()
}

/// What an answer says of the cookie, without its value.
fn attributes(answer: &Answer, name: &str) -> Option<String> {
    let mut set = answer.headers.iter().filter(|(header, value)| header == "set-cookie" && value.starts_with(name));
    let found = set.next().map(|(_, value)| value.split_once("; ").expect("attributes").1.to_owned());
    assert!(set.next().is_none(), "{answer:?}");
    found
}

both_engines! {
    async fn every_password_that_lets_in_gives_one(engine: Engine) {
        let plain = world(engine).await;
        let secure = World::start_beside(&plain, |settings| {
            let base = settings.lines().find(|line| line.starts_with("public_url")).expect("an address").to_owned();
            with_sessions(settings.replace(&base, &format!("public_url = \"{PUBLIC}\"")))
        }).await;
        let expected = "HttpOnly; SameSite=Lax; Path=/; Max-Age=31536000";
        let ways = [JANE, Way::Email("staff", "jane@example.com"), Way::Phone("staff", "+79991234567"), Way::Plain("jane@example.com")];
        for way in ways {
            let mut visitor = Visitor::at(HOME);
            let refused = visitor.asks(&plain, way, "wrong").await;
            assert_eq!(attributes(&refused, NAME), None, "{way:?}");
            let answer = visitor.asks(&plain, way, PASSWORD).await;
            assert_eq!(attributes(&answer, &format!("{NAME}=")).as_deref(), Some(expected), "{way:?}");
            assert_eq!(device(&mut visitor).len(), 43, "256 bits");
            assert_eq!(answer.header("cache-control"), Some("no-store"));
        }
        let answer = secure.ask_with(&As::Nobody, by_email::QUERY, json!({"data": {
            "dv": 1, "sender": {"dv": 1, "fingerprint": "my-integration-v1"}, "userType": "staff",
            "email": "jane@example.com", "password": PASSWORD,
        }}), &[]).await;
        let expected = "HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=31536000";
        assert_eq!(attributes(&answer, &format!("__Host-{NAME}=")).as_deref(), Some(expected));
        // Where somebody says who they are with their session, it is nobody's sign-in.
        let mut visitor = Visitor::at(HOME);
        visitor.asks(&plain, ways[1], PASSWORD).await;
        let who = Body::Json(json!({"query": "{ authenticatedUser { id } }"}));
        let answer = visitor.browser.go(&plain, "POST", &format!("{}/blitz{API}", plain.base), who).await;
        assert_eq!((answer.data()["authenticatedUser"]["id"].as_str(), attributes(&answer, NAME)), (Some("jane"), None));
    }

    async fn a_partners_callback_gives_none(engine: Engine) {
        let world = World::start_with(engine, |settings| trusting(&settings)).await;
        world.userinfo(&json!({"sub": "oleg-1", "name": "Oleg", "phone_number": "+79990000001", "phone_number_verified": true}));
        // The only cookie of the answer, or this panics.
        assert!(cookie(&world.arrive().await).starts_with("keystone.sid="));
    }

    async fn a_password_that_is_not_enough_gives_none_and_the_code_after_it_does(engine: Engine) {
        let (world, sms) = with_sms_and(engine, |settings| settings).await;
        let standing = Standing { two_factor: true, ..Standing::default() };
        world.person(New { phone: Some(phone("+79991234567", true)), standing, ..staff("jane") }).await;
        let mut visitor = Visitor::at(HOME);
        let told = visitor.asks(&world, Way::Email("staff", "jane@example.com"), PASSWORD).await;
        assert_eq!((told.refused_as().1.as_str(), attributes(&told, NAME)), ("NOT_ENOUGH_AUTH_FACTORS", None));
        let shown = visitor.asks(&world, JANE, PASSWORD).await;
        assert_eq!((shown.status, attributes(&shown, NAME)), (200, None));
        let form = vec![
            ("csrf", field(&shown.text(), "csrf")), ("token", field(&shown.text(), "token")), ("code", sms.last().code),
        ];
        let page = format!("{}/phone", world.sign_in_page());
        let answer = visitor.browser.go(&world, "POST", &page, Body::Form(form)).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        assert!(attributes(&answer, NAME).is_some());
    }

    async fn it_is_good_for_the_accounts_it_was_given_for(engine: Engine) {
        let world = world(engine).await;
        let mut browser = Visitor::at(HOME);
        assert_eq!(browser.tries(&world, JANE, PASSWORD).await, Came::In);
        spend(&world, JANE, 0).await;
        spend(&world, Way::Page("john"), 20).await;
        assert_eq!(browser.tries(&world, Way::Page("john"), PASSWORD).await, Came::Later(1), "john was never here");
        assert_eq!(browser.tries(&world, JANE, PASSWORD).await, Came::In);
        world.advance(60);
        assert_eq!(browser.tries(&world, Way::Page("john"), PASSWORD).await, Came::In);
        spend(&world, Way::Page("john"), 40).await;
        for (n, way) in [JANE, Way::Page("john"), Way::Email("resident", "john@example.com"), Way::Plain("john@example.com"), JANE].into_iter().enumerate() {
            browser.ip = network(60 + n);
            assert_eq!(browser.tries(&world, way, PASSWORD).await, Came::In, "one browser of both: {way:?}");
        }
    }

    async fn what_was_not_given_is_good_for_nothing(engine: Engine) {
        let world = world(engine).await;
        let [mut jane, mut john] = [Visitor::at(HOME), Visitor::at(&network(900))];
        assert_eq!(jane.tries(&world, JANE, PASSWORD).await, Came::In);
        assert_eq!(john.tries(&world, Way::Page("john"), PASSWORD).await, Came::In);
        let mut stolen = jane.clone();
        stolen.ip = network(901);
        let (first, johns) = (device(&mut jane), device(&mut john));
        spend(&world, JANE, 0).await;
        // A copy has the tries of the one it was copied from, and no more; until that signs in again.
        let mut looked_at = 0;
        for _ in 0..8 {
            looked_at += usize::from(stolen.tries(&world, JANE, "wrong").await.is_looked_at());
        }
        assert_eq!((looked_at, jane.tries(&world, JANE, "wrong").await), (8, Came::Wrong));
        assert_eq!(jane.tries(&world, JANE, PASSWORD).await, Came::In);
        assert_ne!(device(&mut jane), first, "it is renewed");
        let hash = texts(&world.database_url, "SELECT DISTINCT subject AS value FROM known_places").await;
        assert_eq!(hash.len(), 2);
        let other = first.chars().rev().collect::<String>();
        for (n, value) in [first.as_str(), &johns, &other, "", "guess", &"A".repeat(43), &"A".repeat(5000)].into_iter().enumerate() {
            assert_eq!(with_cookie(value, 300 + n).tries(&world, JANE, PASSWORD).await, Came::Later(1), "{value}");
        }
        // What somebody planted is not what jane's browser keeps.
        jane.ip = network(902);
        jane.browser.cookies().insert(NAME.to_owned(), johns.clone());
        world.advance(60);
        assert_eq!(jane.tries(&world, JANE, PASSWORD).await, Came::In);
        let kept = device(&mut jane);
        assert!(kept != johns && kept.len() == 43);
        spend(&world, JANE, 400).await;
        assert_eq!(with_cookie(&johns, 500).tries(&world, JANE, PASSWORD).await, Came::Later(1));
        assert_eq!(with_cookie(&kept, 501).tries(&world, JANE, PASSWORD).await, Came::In);
    }

    async fn another_password_ends_it(engine: Engine) {
        let world = world(engine).await;
        let mut browser = Visitor::at(HOME);
        for way in [JANE, Way::Page("john")] {
            assert_eq!(browser.tries(&world, way, PASSWORD).await, Came::In);
        }
        accounts::set_password(&world.app.parts, Subject::parse("jane").unwrap(), "another password".into()).await.unwrap();
        spend(&world, JANE, 0).await;
        spend(&world, Way::Page("john"), 20).await;
        let mut old = browser.clone();
        assert_eq!(browser.tries(&world, JANE, "another password").await, Came::Later(1));
        world.advance(60);
        assert_eq!(browser.tries(&world, JANE, "another password").await, Came::In);
        spend(&world, JANE, 40).await;
        assert_eq!(browser.tries(&world, JANE, "another password").await, Came::In, "it has a new one");
        assert_eq!(browser.tries(&world, Way::Page("john"), PASSWORD).await, Came::In, "john's is as it was");
        old.ip = network(90);
        assert_eq!(old.tries(&world, JANE, "another password").await, Came::Later(1));
    }

    async fn it_lives_half_a_year_from_its_last_use(engine: Engine) {
        let world = world(engine).await;
        let mut browser = Visitor::at(HOME);
        for (round, days) in [(0, 0), (1, 179), (2, 179)] {
            world.advance(days * 86_400);
            if round > 0 {
                spend(&world, JANE, 100 * round).await;
            }
            assert_eq!(browser.tries(&world, JANE, PASSWORD).await, Came::In, "{round}");
        }
        world.advance(181 * 86_400);
        spend(&world, JANE, 500).await;
        assert_eq!(browser.tries(&world, JANE, PASSWORD).await, Came::Later(1));
    }

    async fn places_are_few_name_nobody_and_go(engine: Engine) {
        let world = proxied(engine, "[limits]\nsign_in_per_hour = 100\n").await;
        world.person(staff("jane")).await;
        let mut browsers = Vec::new();
        for n in 0..25 {
            let mut browser = Visitor::at(&network(n));
            assert_eq!(browser.tries(&world, JANE, PASSWORD).await, Came::In);
            browsers.push(browser);
            world.advance(1);
        }
        let kinds = "SELECT kind AS value FROM known_places ORDER BY kind";
        assert_eq!(texts(&world.database_url, kinds).await, [["device"; 20], ["network"; 20]].concat());
        let places = match engine {
            Engine::Sqlite => "SELECT hex(place) AS value FROM known_places",
            Engine::Postgres => "SELECT encode(place, 'hex') AS value FROM known_places",
        };
        let places = texts(&world.database_url, places).await;
        assert!(places.iter().all(|place| place.len() == 64), "hashes: {places:?}");
        world.advance(30 * 86_400);
        service::sweep::delete(&world.app.parts).await.unwrap();
        assert_eq!(count(&world, "known_places").await, 20, "networks are known for less long");
        world.advance(150 * 86_400);
        service::sweep::delete(&world.app.parts).await.unwrap();
        assert_eq!(count(&world, "known_places").await, 0);
        assert_eq!(browsers[24].tries(&world, JANE, PASSWORD).await, Came::In);
        accounts::remove(&world.app.parts, Subject::parse("jane").unwrap()).await.unwrap();
        assert_eq!(count(&world, "known_places").await, 0, "they go with the account");
    }

    /// A type that is tried with others of its address, at a browser that knows one of them.
    async fn a_known_browser_spends_nothing_of_its_networks_neighbours(engine: Engine) {
        let world = world(engine).await;
        let tenant = New {
            account_type: AccountType::Resident, email: Some(email("jane@example.com", true)),
            password: Some("another password".into()), ..person("tenant")
        };
        world.person(tenant).await;
        let mut jane = Visitor::at(HOME);
        for _ in 0..15 {
            assert_eq!(jane.tries(&world, Way::Page("jane@example.com"), PASSWORD).await, Came::In);
        }
        let mut neighbour = Visitor::at(HOME);
        for n in 0..9 {
            assert_eq!(neighbour.tries(&world, Way::Page(&format!("user-{n}")), "wrong").await, Came::Wrong, "{n}");
        }
        assert_eq!(neighbour.tries(&world, Way::Page("user"), "wrong").await, Came::Later(60));
        // The account of the other type is a stranger here, and counts as one.
        assert_eq!(jane.tries(&world, Way::Page("jane@example.com"), "another password").await, Came::Later(60));
        jane.ip = network(1);
        assert_eq!(jane.tries(&world, Way::Page("jane@example.com"), "another password").await, Came::In);
    }
}
