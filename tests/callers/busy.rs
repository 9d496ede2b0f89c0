//! Lists that there is no place for at the moment: whoever asks is told when to come again, and nobody waits in vain.

use domain::ids::ClientId;
use futures_util::future::poll_immediate;

use crate::support::world::{Body, CONSOLE, World, both_engines};

both_engines! {
    async fn each_list_without_a_place_says_when_to_come_again(engine: Engine) {
        let world = World::frozen(engine).await;
        world.account("alice").await;
        let console = world.console().await;
        let targets = ["/api/v3/audit", "/api/v3/events", "/api/v3/fa?health=ok", "/api/v3/users/alice/audit"];
        let (places, client) = (&world.app.parts.caller_sized, ClientId::parse(CONSOLE).expect("an id"));
        let held = places.place_of(&client).await.expect("nobody else is there");
        // One of an application's at a time: all others wait, until too many do.
        let mut waiting = Vec::new();
        loop {
            let mut next = Box::pin(places.place_of(&client));
            match poll_immediate(&mut next).await {
                None => waiting.push(next),
                Some(refused) => break assert!(refused.is_err() && !waiting.is_empty()),
            }
        }
        for target in targets {
            let answer = world.call("GET", target, &console, Body::None).await;
            assert_eq!((answer.status, answer.header("retry-after")), (429, Some("1")), "{target}: {}", answer.text());
        }
        drop((waiting, held));
        for target in targets {
            assert_eq!(world.call("GET", target, &console, Body::None).await.status, 200, "{target}");
        }
    }
}
