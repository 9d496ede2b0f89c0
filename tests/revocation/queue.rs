//! The revocation queue beside a provider in trouble: it is left alone, and the others' revocations go on.

use std::net::TcpListener;
use std::time::Duration;

use domain::ids::Subject;
use sandbox::Answer as Shape;
use serde_json::json;
use service::{accounts, revoke};

use crate::support::database::execute;
use crate::support::fed::lasting;
use crate::support::revocations::{REVOKED, alive, ends, unlink, waiting, work};
use crate::support::world::{World, both_engines};

fn calls(world: &World) -> u64 {
    world.sandbox.counts().revoke
}

both_engines! {
    async fn a_provider_in_trouble_is_left_alone(engine: Engine) {
        // Its own wish, and how long it is left alone.
        for (trouble, pause) in [(Shape::Status(429, Some(900)), 900), (Shape::EmptyStatus(503), 60)] {
            let world = World::frozen(engine).await;
            world.account("alice").await;
            let console = world.console().await;
            let issued = [lasting(&world, "oleg", 3600).await, lasting(&world, "elle", 3600).await];
            unlink(&world, &console, "oleg").await;
            unlink(&world, &console, "elle").await;
            world.sandbox.script().next_revocations(&[trouble]);
            work(&world).await;
            assert_eq!((calls(&world), waiting(&world).await), (1, 2), "one was enough to know");
            // The one that failed has a pause of its own, of half a minute at least.
            execute(&world.database_url, "DELETE FROM revocations WHERE attempts > 0").await;
            world.advance(pause - 1);
            work(&world).await;
            assert_eq!(calls(&world), 1, "too early");
            world.advance(1);
            work(&world).await;
            assert_eq!((calls(&world), waiting(&world).await, ends(&world).await), (3, 0, vec![REVOKED.to_owned()]));
            assert_eq!(issued.iter().filter(|tokens| alive(&world, tokens) == (false, false)).count(), 1);
        }
    }

    async fn a_provider_that_hangs_holds_up_no_other(engine: Engine) {
        // It takes connections, and answers none.
        let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = silent.local_addr().expect("an address");
        let world = World::frozen_with(engine, |text| {
            let (_, provider) = text.split_once("[[providers]]").unwrap();
            let endpoint = format!("revocation_endpoint = \"http://{address}/revoke\"\nissuer =");
            format!("{text}[[providers]]{}", provider.replace("box_1", "box_2").replace("issuer =", &endpoint))
        })
        .await;
        // More of them than are looked up together, all waiting longer.
        for sid in 0..20 {
            world
                .import(json!({
                    "subject": "bob", "fpType": "box", "fpName": "box_2", "sid": sid.to_string(),
                    "accessToken": format!("access-{sid}"), "expiresOn": world.now().timestamp() + 3600,
                }))
                .await;
        }
        accounts::remove(&world.app.parts, Subject::parse("bob").expect("a subject")).await.expect("it goes");
        world.advance(1);
        world.account("alice").await;
        lasting(&world, "oleg", 3600).await;
        unlink(&world, &world.console().await, "oleg").await;
        let worker = tokio::spawn(revoke::run(world.current.clone()));
        let over = async { while ends(&world).await.is_empty() {} };
        tokio::time::timeout(Duration::from_secs(4), over).await.expect("it is held up");
        assert_eq!((ends(&world).await, waiting(&world).await), (vec![REVOKED.to_owned()], 20));
        worker.abort();
    }
}
