//! Others' verifiers as they are: they take what we send, by either secret, and nothing that was changed on its way.

use crate::support::receiver::{Delivered, NEW_SECRET, OLD_SECRET, Receiver, deliver};
use crate::support::webhook_library::Verifier;
use crate::support::world::{World, both_engines};

use super::{come_and_go, link};

async fn are_verified(verifier: Verifier, engine: super::Engine) {
    let receiver = Receiver::start().await;
    let settings = receiver.settings_with("crm", &format!("secrets = [\"{NEW_SECRET}\", \"{OLD_SECRET}\"]"));
    let world = World::frozen_with(engine, |text| text + &settings).await;
    world.account("alice").await;
    let console = world.console().await;
    come_and_go(&world, &console, &["oleg", "elle"], 1).await;
    link(&world, &console, "%D1%8F%22%5C").await;
    deliver(&world).await;
    let taken = receiver.taken();
    assert_eq!(taken.len(), 5);
    for secret in [NEW_SECRET, OLD_SECRET] {
        let events = verifier.verify(secret, &taken).await;
        let sent: Vec<_> = taken.iter().map(|delivered| Some(delivered.body.clone())).collect();
        assert_eq!(events, sent, "{verifier:?}");
    }
    let [first, second, ..] = taken.as_slice() else { panic!("five") };
    let changed = [
        Delivered { text: first.text.replace("alice", "mallory"), ..first.clone() },
        Delivered { id: second.id.clone(), ..first.clone() },
        Delivered { timestamp: (world.now().timestamp() + 1).to_string(), ..first.clone() },
        Delivered { signature: second.signature.clone(), ..first.clone() },
        Delivered { signature: first.signature.replace("v1,", "v2,"), ..first.clone() },
    ];
    assert_eq!(verifier.verify(NEW_SECRET, &changed).await, vec![None; 5], "{verifier:?}");
    let anothers = "whsec_YW5vdGhlcidzIGtleSBvZiB0aGUgdGVzdHM=";
    assert_eq!(verifier.verify(anothers, &taken).await, vec![None; 5], "{verifier:?}");
}

both_engines! {
    async fn standardwebhooks_of_npm_verifies_what_is_sent(engine: Engine) {
        are_verified(Verifier::Npm, engine).await;
    }

    async fn standardwebhooks_of_pypi_verifies_what_is_sent(engine: Engine) {
        are_verified(Verifier::Pypi, engine).await;
    }
}
