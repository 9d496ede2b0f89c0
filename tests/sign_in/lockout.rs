//! Strangers lock nobody out of signing in with a password: whose tries are counted with whose.

use domain::account::AccountType;
use domain::ids::Subject;
use futures_util::future::join_all;
use service::accounts::{self, New};

use crate::support::condo::staff;
use crate::support::person::{PASSWORD, email, person, phone};
use crate::support::visitor::{Came, Visitor, Way, behind_a_proxy, network, proxied};
use crate::support::world::{Engine, World, both_engines};

/// Where jane is, and where the robot is.
const JANES: &str = "198.51.100.7";
const ROBOTS: &str = "198.51.101.8";
const ROBOT: Way<'_> = Way::Email("service", "robot@example.com");
/// Every way to name jane.
const NAMES: [Way<'_>; 6] = [
    Way::Page("jane"),
    Way::Page(" JANE@example.com"),
    Way::Page("+7 (999) 123-45-67"),
    Way::Email("staff", "Jane@Example.com"),
    Way::Phone("staff", "+79991234567"),
    Way::Plain(" jane@EXAMPLE.com"),
];
/// Those that name nobody else: whom an address may name besides has tries of their own, and one that is looked at for jane may be
/// told to wait for those.
const NAMES_OF_HERS: [Way<'_>; 3] = [NAMES[0], NAMES[3], NAMES[4]];

/// Jane, who works here, and a program.
async fn world(engine: Engine) -> World {
    let world = proxied(engine, "").await;
    world.person(New { phone: Some(phone("+79991234567", true)), ..staff("jane") }).await;
    world.person(robot()).await;
    world
}

fn robot() -> New {
    New { account_type: AccountType::Service, email: Some(email("robot@example.com", true)), ..person("robot") }
}

/// So many tries of strangers, each from a network of its own, with what they came to.
async fn strangers(world: &World, ways: &[Way<'_>], numbers: std::ops::Range<usize>) -> Vec<Came> {
    let mut came = Vec::new();
    for (n, way) in numbers.zip(ways.iter().cycle()) {
        came.push(Visitor::at(&network(n)).tries(world, *way, "wrong horse battery staple").await);
    }
    came
}

fn looked_at(came: &[Came]) -> usize {
    came.iter().filter(|came| came.is_looked_at()).count()
}

/// Spends all that is left to a network, on logins that are nobody's.
async fn spend(world: &World, ip: &str) {
    for n in 0..12 {
        Visitor::at(ip).tries(world, Way::Page(&format!("somebody-{n}")), "wrong").await;
    }
}

both_engines! {
    async fn a_stranger_locks_nobody_out(engine: Engine) {
        let world = world(engine).await;
        let mut jane = Visitor::at(JANES);
        assert_eq!(jane.tries(&world, NAMES[1], PASSWORD).await, Came::In);
        // A program keeps no cookies.
        assert_eq!(Visitor::at(ROBOTS).tries(&world, ROBOT, PASSWORD).await, Came::In);

        // From many networks, by every name; and behind their very addresses.
        assert_eq!(looked_at(&strangers(&world, &NAMES, 0..30).await), 10);
        // By GraphQL the good one counts as well.
        assert_eq!(looked_at(&strangers(&world, &[ROBOT, Way::Page("robot")], 100..130).await), 9);
        spend(&world, JANES).await;
        spend(&world, ROBOTS).await;
        for way in NAMES {
            assert_eq!(Visitor::at(JANES).tries(&world, way, PASSWORD).await, Came::Later(60), "a stranger there: {way:?}");
            assert_eq!(Visitor::at(&network(200)).tries(&world, way, PASSWORD).await, Came::Later(1), "{way:?}");
        }
        assert_eq!(Visitor::at(&network(201)).tries(&world, ROBOT, PASSWORD).await, Came::Later(1));

        for way in NAMES {
            assert_eq!(jane.tries(&world, way, PASSWORD).await, Came::In, "{way:?}");
        }
        spend(&world, "203.0.113.77").await;
        jane.ip = "203.0.113.77".to_owned();
        for way in NAMES {
            assert_eq!(jane.tries(&world, way, PASSWORD).await, Came::In, "somewhere else: {way:?}");
        }
        for n in 0..5 {
            assert_eq!(Visitor::at(ROBOTS).tries(&world, ROBOT, PASSWORD).await, Came::In, "{n}");
        }
    }

    async fn one_account_has_one_count(engine: Engine) {
        let world = world(engine).await;
        let came = strangers(&world, &NAMES, 0..50).await;
        assert_eq!((looked_at(&came[..10]), looked_at(&came)), (10, 10), "{came:?}");
        // An address that is nobody's own names somebody all the same where it signs in.
        world.person(New { phone: Some(phone("+79990000001", false)), ..person("paul") }).await;
        let came = strangers(&world, &[Way::Phone("resident", "+79990000001")], 50..61).await;
        assert_eq!(looked_at(&came), 10);
        assert_eq!(strangers(&world, &[Way::Page("paul")], 61..62).await, [Came::Later(1)]);
    }

    async fn each_account_that_a_login_names_is_counted(engine: Engine) {
        let world = world(engine).await;
        let shared = || Some(email("shared@example.com", true));
        for (subject, account_type) in [("clerk", AccountType::Staff), ("tenant", AccountType::Resident)] {
            world.person(New { account_type, email: shared(), ..person(subject) }).await;
        }
        assert_eq!(looked_at(&strangers(&world, &[Way::Page("shared@example.com")], 0..11).await), 10);
        for way in [Way::Page("clerk"), Way::Page("tenant"), Way::Email("staff", "shared@example.com"), Way::Email("resident", "shared@example.com"), Way::Plain("shared@example.com")] {
            assert_eq!(strangers(&world, &[way], 20..21).await, [Came::Later(1)], "{way:?}");
        }
    }

    /// What a stranger can see of an account that is there, one that is not, and one that may not sign in.
    async fn a_limit_tells_nobody_who_is_there(engine: Engine) {
        let world = world(engine).await;
        world.person(New { email: Some(email("gone@example.com", true)), ..person("gone") }).await;
        accounts::disable(&world.app.parts, Subject::parse("gone").unwrap()).await.unwrap();
        world.person(New { email: Some(email("unverified@example.com", false)), ..person("unverified") }).await;
        let addresses = ["jane@example.com", "nobody@example.com", "gone@example.com", "unverified@example.com"];
        let mut first: Option<Vec<Came>> = None;
        for (n, address) in addresses.into_iter().enumerate() {
            let (page, upper) = (address.to_owned(), address.to_uppercase());
            let mut script = vec![Way::Email("staff", &page); 4];
            script.extend([Way::Email("resident", &page); 7]);
            script.extend([Way::Email("staff", &upper); 2]);
            script.extend([Way::Page(&page); 5]);
            script.extend([Way::Email("resident", &page); 2]);
            script.extend([Way::Email("staff", &upper); 2]);
            script.extend([Way::Email("service", &upper); 7]);
            script.extend([Way::Page(&upper); 2]);
            script.extend([Way::Plain(&page); 3]);
            let seen = strangers(&world, &script, n * 100..n * 100 + script.len()).await;
            let first = first.get_or_insert_with(|| seen.clone());
            assert_eq!(&seen, first, "{address}");
        }
        // The same of ids, and of numbers.
        world.person(New { account_type: AccountType::Staff, phone: Some(phone("+79990000001", false)), ..person("paul") }).await;
        for (n, (there, nowhere)) in
            [(Way::Page("jane"), Way::Page("june")), (Way::Phone("staff", "+79990000001"), Way::Phone("staff", "+79990000002"))].into_iter().enumerate()
        {
            if n == 0 { world.advance(3600); }
            let numbers = 1000 * (n + 1)..1000 * (n + 1) + 12;
            assert_eq!(strangers(&world, &[there], numbers.clone()).await, strangers(&world, &[nowhere], numbers).await);
        }
        let pages = ["+79990000001", "+79990000002"].map(Way::Page);
        assert_eq!(strangers(&world, &pages, 4000..4002).await, [Came::Later(1); 2]);
    }

    async fn a_success_forgets_only_its_own(engine: Engine) {
        let world = world(engine).await;
        for (subject, account_type, password) in
            [("clerk", AccountType::Staff, PASSWORD), ("tenant", AccountType::Resident, "another password")]
        {
            let shared = Some(email("shared@example.com", true));
            world.person(New { account_type, email: shared, password: Some(password.into()), ..person(subject) }).await;
        }
        let tenant = Way::Email("resident", "shared@example.com");
        assert_eq!(looked_at(&strangers(&world, &[tenant], 0..10).await), 10);
        assert_eq!(looked_at(&strangers(&world, &[Way::Page("clerk")], 10..19).await), 9);
        let mut clerk = Visitor::at(&network(50));
        assert_eq!(clerk.tries(&world, Way::Page("shared@example.com"), PASSWORD).await, Came::In, "it has one left");
        assert_eq!(strangers(&world, &[tenant], 20..21).await, [Came::Later(1)], "another account of the address");
        assert_eq!(looked_at(&strangers(&world, &[Way::Page("clerk")], 30..41).await), 10, "its own are forgotten");
        // Who is known spends nothing of the strangers', and gives nothing back.
        assert_eq!(clerk.tries(&world, Way::Page("shared@example.com"), PASSWORD).await, Came::In);
        assert_eq!(strangers(&world, &[Way::Page("clerk"), tenant], 60..62).await, [Came::Later(1); 2]);
    }

    async fn after_the_free_tries_there_is_one_more_after_1_2_4_8_and_then_every_15_minutes(engine: Engine) {
        let first = world(engine).await;
        let second = World::start_beside(&first, |settings| behind_a_proxy(settings, "")).await;
        assert_eq!(looked_at(&strangers(&first, &NAMES, 0..10).await), 10);
        let mut numbers = 1000..;
        for minutes in [1, 2, 4, 8, 15] {
            assert_eq!(strangers(&first, &NAMES[3..4], 10..11).await, [Came::Later(minutes)]);
            first.advance(minutes * 60 - 1);
            assert_eq!(strangers(&second, &NAMES[..1], 11..12).await, [Came::Later(1)], "{minutes}");
            first.advance(1);
            let at_once = (0..16).map(|n| {
                let world = [&first, &second][n % 2];
                let (ip, way) = (network(numbers.next().unwrap()), NAMES_OF_HERS[n % NAMES_OF_HERS.len()]);
                async move { Visitor::at(&ip).tries(world, way, "wrong").await }
            });
            let came = join_all(at_once).await;
            assert_eq!(looked_at(&came), 1, "{minutes}: {came:?}");
        }
        // The owner gets in at a browser, and from a network, that they never were at.
        first.advance(15 * 60 - 1);
        let mut jane = Visitor::at(JANES);
        assert_eq!(jane.tries(&first, NAMES[4], PASSWORD).await, Came::Later(1));
        first.advance(1);
        assert_eq!(jane.tries(&first, NAMES[0], PASSWORD).await, Came::In);
    }

    async fn an_hour_after_the_first_there_are_ten_again(engine: Engine) {
        let world = world(engine).await;
        assert_eq!(looked_at(&strangers(&world, &NAMES, 0..11).await), 10);
        world.advance(59 * 60);
        assert_eq!(looked_at(&strangers(&world, &NAMES, 20..25).await), 1);
        world.advance(60);
        assert_eq!(looked_at(&strangers(&world, &NAMES, 30..45).await), 10);
    }

    async fn a_known_browser_has_ten_tries_an_hour(engine: Engine) {
        let world = world(engine).await;
        let mut jane = Visitor::at(JANES);
        assert_eq!(jane.tries(&world, NAMES[0], PASSWORD).await, Came::In);
        let mut came = Vec::new();
        for n in 0..12 {
            came.push(jane.tries(&world, NAMES[n % NAMES.len()], "wrong").await);
        }
        assert_eq!((looked_at(&came[..10]), &came[10..]), (10, &[Came::Later(1); 2][..]));
        assert_eq!(Visitor::at(&network(1)).tries(&world, NAMES[0], PASSWORD).await, Came::In, "the strangers' are left");
    }

    /// Where a program is known it doesn't matter what its neighbours try of others; of people it does, who have cookies.
    async fn a_network_is_known_for_thirty_days(engine: Engine) {
        for (ip, neighbour) in [(ROBOTS, "198.51.101.9"), ("2001:db8:1:2::1", "2001:db8:1:3::1")] {
            let world = world(engine).await;
            assert_eq!(Visitor::at(ip).tries(&world, ROBOT, PASSWORD).await, Came::In);
            assert_eq!(Visitor::at(ip).tries(&world, NAMES[3], PASSWORD).await, Came::In);
            let spent = async |from: usize| {
                strangers(&world, &[ROBOT], from..from + 11).await;
                strangers(&world, &NAMES, from + 20..from + 31).await;
            };
            world.advance(29 * 86_400);
            spent(0).await;
            assert_eq!(Visitor::at(ip).tries(&world, NAMES[3], "wrong").await, Came::Wrong, "jane is known there");
            spend(&world, ip).await;
            assert_eq!(Visitor::at(ip).tries(&world, NAMES[3], PASSWORD).await, Came::Later(60));
            assert_eq!(Visitor::at(neighbour).tries(&world, ROBOT, PASSWORD).await, Came::Later(1), "its neighbour is not");
            assert_eq!(Visitor::at(ip).tries(&world, ROBOT, PASSWORD).await, Came::In, "put off");
            world.advance(31 * 86_400);
            spent(100).await;
            assert_eq!(Visitor::at(ip).tries(&world, ROBOT, PASSWORD).await, Came::Later(1), "a month later");
        }
    }
}
