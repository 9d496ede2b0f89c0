//! Tries to sign in by the networks that they come from: how many each has, and whose turn it is where passwords are looked at.

use futures_util::future::join_all;

use crate::support::browser::Browser;
use crate::support::person::{PASSWORD, person};
use crate::support::visitor::{Came, Visitor, Way, proxied};
use crate::support::world::{World, both_engines};

/// How many of these addresses are let through.
type Row = (usize, fn(usize) -> String);

/// One try of each of these addresses, by our page and by GraphQL, with a type of user and without, in turn, on logins that are nobody's.
async fn tries(world: &World, addresses: impl IntoIterator<Item = String>) -> Vec<Came> {
    let mut came = Vec::new();
    for (n, ip) in addresses.into_iter().enumerate() {
        let (login, address) = (format!("{ip} {n}"), format!("user-{n}@{}", ip.replace(':', "-")));
        let way = [Way::Page(&login), Way::Email("staff", &address), Way::Plain(&address)][n % 3];
        came.push(Visitor::at(&ip).tries(world, way, "wrong").await);
    }
    came
}

both_engines! {
    async fn who_holds_a_prefix_is_counted_by_it(engine: Engine) {
        let world = proxied(engine, "[limits]\nsign_in_per_hour = 2\n").await;
        let looked_at = |came: Vec<Came>| came.iter().filter(|came| came.is_looked_at()).count();
        // The same address, addresses of a /64, /64s of a /56, /56s of a /48; and the neighbours of each have their own.
        let rows: [Row; 6] = [
            (2, |_| "2001:db8:1::1".to_owned()),
            (2, |n| format!("2001:db8:2:0:{n:x}::1")),
            (8, |n| format!("2001:db8:3:{n:x}::1")),
            (32, |n| format!("2001:db8:4:{:x}::1", n << 8)),
            (2, |_| "198.51.100.1".to_owned()),
            (32, |n| format!("198.51.101.{n}")),
        ];
        for (allowed, address) in rows {
            let came = tries(&world, (0..allowed + 3).map(address)).await;
            assert_eq!(&came[allowed..], [Came::Later(60); 3], "{}", address(1));
            assert_eq!(looked_at(came), allowed, "{}", address(1));
        }
        let others = ["2001:db8:2:1::1", "2001:db8:3:100::1", "2001:db8:5::1", "198.51.100.2", "198.51.102.1"];
        assert_eq!(tries(&world, others.map(str::to_owned)).await, [Came::Wrong; 5]);
    }

    async fn a_flood_from_one_network_refuses_that_network(engine: Engine) {
        let world = proxied(engine, "[limits]\nsign_in_per_hour = 100000\n").await;
        let people: Vec<String> = (0..8).map(|n| format!("user-{n}")).collect();
        for subject in &people {
            world.person(person(subject)).await;
        }
        let mut open = Browser::default();
        let csrf = open.open_sign_in(&world, &world.sign_in_page()).await;
        let post = async |ip: String, login: String, password: &str| {
            let answer =
                open.clone().send_sign_in(&world, &csrf, (&login, password), &[("x-forwarded-for", &ip)]).await;
            (answer.status, answer.header("retry-after").map(str::to_owned))
        };
        let flood = (0..300).map(|n| post(format!("2001:db8:1:{n:x}::1"), format!("nobody-{n}"), "wrong"));
        let good = people.iter().enumerate().map(|(n, login)| post(format!("2001:db8:{}::1", n + 2), login.clone(), PASSWORD));
        let (flood, good) = futures_util::join!(join_all(flood), join_all(good));
        assert!(good.iter().all(|(status, _)| *status == 303), "{good:?}");
        let refused: Vec<_> = flood.into_iter().filter(|(status, _)| *status != 422).collect();
        assert!(!refused.is_empty(), "nobody had to wait");
        assert!(refused.iter().all(|refused| *refused == (429, Some("1".to_owned()))), "{refused:?}");
    }
}
