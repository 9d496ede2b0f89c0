//! Receivers in trouble: nothing is lost, each link's events come in order, and what comes twice has the same id.

use std::collections::BTreeSet;

use service::outbox;

use super::{about, come_and_go, link, of_account, unlink, world};
use crate::support::database::{Sql, count, texts};
use crate::support::receiver::{Manner, Receiver, deliver};
use crate::support::world::{As, World, both_engines};

/// The ids of the record's lines that are told.
async fn recorded(world: &World) -> BTreeSet<String> {
    let query = "SELECT CAST(id AS TEXT) AS value FROM audit WHERE event IN ('FEDERATION_POINT_BOUND', 'FEDERATION_POINT_UNBOUND')";
    texts(&world.database_url, query).await.into_iter().collect()
}

/// Holds what was taken against what happened: all of it, in order, under the record's ids.
async fn all_arrived(world: &World, receiver: &Receiver, happened: &[String], what: &str) {
    for sid in ["oleg", "elle"] {
        assert_eq!(of_account(receiver, sid), about(happened, sid), "{what}");
    }
    let ids: BTreeSet<String> = receiver.taken().into_iter().map(|delivered| delivered.id).collect();
    assert_eq!(ids, recorded(world).await, "{what}");
    assert_eq!((count(world, "outbox").await, count(world, "outbox_lanes").await), (0, 0), "{what}");
}

/// Lets something happen in the trouble and after it.
async fn through(trouble: Manner, (world, receiver, console): (&World, &Receiver, &As)) {
    let what = format!("{trouble:?}");
    let has_it = matches!(trouble, Manner::BreaksOff);
    receiver.behave(trouble);
    let mut happened = come_and_go(world, console, &["oleg", "elle"], 2).await;
    for _ in 0..4 {
        deliver(world).await;
        world.advance(60);
    }
    assert_eq!(receiver.taken().is_empty(), !has_it, "{what}");
    assert_eq!(count(world, "outbox").await, 8, "{what}");
    receiver.behave(Manner::Status(200));
    happened.extend(come_and_go(world, console, &["oleg"], 1).await);
    world.advance(3600);
    deliver(world).await;
    all_arrived(world, receiver, &happened, &what).await;
}

both_engines! {
    async fn a_disk_that_is_full_and_all_that_is_no_2xx_loses_nothing(engine: Engine) {
        for trouble in [Manner::Status(507), Manner::Status(500), Manner::Status(410), Manner::Status(302), Manner::BreaksOff] {
            let (world, receiver, console) = world(engine).await;
            through(trouble, (&world, &receiver, &console)).await;
        }
    }

    async fn a_receiver_that_is_killed_is_told_when_it_is_back(engine: Engine) {
        let (world, mut receiver, console) = world(engine).await;
        receiver.die().await;
        let happened = come_and_go(&world, &console, &["oleg", "elle"], 2).await;
        deliver(&world).await;
        world.advance(60);
        deliver(&world).await;
        receiver.revive();
        world.advance(60);
        deliver(&world).await;
        all_arrived(&world, &receiver, &happened, "killed").await;
    }

    /// It dies with a delivery in its hands, which it never answered.
    async fn what_a_receiver_had_in_hand_when_it_died_is_told_again(engine: Engine) {
        let (world, receiver, console) = world(engine).await;
        let happened = come_and_go(&world, &console, &["oleg", "elle"], 1).await;
        receiver.behave(Manner::Silent);
        let parts = std::sync::Arc::clone(&world.app.parts);
        let delivering = tokio::spawn(async move { outbox::run_due(&parts).await });
        receiver.wait_for(2).await;
        assert_eq!(count(&world, "outbox").await, 4, "what is not answered is not told");
        world.advance(10);
        delivering.await.expect("no panic").expect("it is seen to");
        receiver.behave(Manner::Status(200));
        world.advance(60);
        deliver(&world).await;
        all_arrived(&world, &receiver, &happened, "in hand").await;
        let tried: Vec<String> = receiver.tried().into_iter().map(|delivered| delivered.id).collect();
        assert_eq!(tried.iter().collect::<BTreeSet<_>>().len(), 4, "the same ids: {tried:?}");
        assert_eq!(tried.len(), 6);
    }

    async fn a_body_that_never_ends_is_not_read(engine: Engine) {
        let (world, receiver, console) = world(engine).await;
        receiver.behave(Manner::Endless);
        let happened = come_and_go(&world, &console, &["oleg", "elle"], 1).await;
        deliver(&world).await;
        all_arrived(&world, &receiver, &happened, "endless").await;
    }

    async fn an_hour_of_500s_loses_nothing_and_is_no_storm(engine: Engine) {
        let (world, receiver, console) = world(engine).await;
        receiver.behave(Manner::Status(500));
        let mut happened = Vec::new();
        for minute in 0..60 {
            if minute % 10 == 0 {
                happened.extend(come_and_go(&world, &console, &["oleg", "elle"], 1).await);
            }
            for _ in 0..6 {
                deliver(&world).await;
                world.advance(10);
            }
        }
        let tried = receiver.tried().len();
        assert!((2..=40).contains(&tried), "{tried} times in an hour, two links");
        assert_eq!(receiver.tried().into_iter().map(|delivered| delivered.id).collect::<BTreeSet<_>>().len(), 2);
        receiver.behave(Manner::Status(200));
        world.advance(3600);
        deliver(&world).await;
        all_arrived(&world, &receiver, &happened, "an hour").await;
    }

    /// It was taken, and that could not be written down.
    async fn what_could_not_be_written_down_is_told_twice_with_the_same_id(engine: Engine) {
        let (world, receiver, console) = world(engine).await;
        let happened = come_and_go(&world, &console, &["oleg"], 1).await;
        let mut sql = Sql::open(&world.database_url).await;
        sql.refuse_deletes("outbox").await;
        outbox::run_due(&world.app.parts).await.expect_err("the disk is sad");
        sql.accept_deletes().await;
        deliver(&world).await;
        let taken = receiver.taken();
        assert_eq!((taken.len(), &taken[0].id), (3, &taken[1].id));
        all_arrived(&world, &receiver, &happened, "twice").await;
    }

    async fn what_is_undone_is_told_to_nobody(engine: Engine) {
        let (world, receiver, console) = world(engine).await;
        link(&world, &console, "oleg").await;
        deliver(&world).await;
        // It exists already at the end, so that the change is undone as a whole.
        let mut sql = Sql::open(&world.database_url).await;
        sql.refuse_deletes("links").await;
        let target = "/api/v3/users/alice/fa/box/box_1/oleg?forceUnlink=true";
        let refused = world.call("DELETE", target, &console, crate::support::world::Body::None).await;
        assert_eq!(refused.status, 500);
        deliver(&world).await;
        assert_eq!(receiver.took(), ["FEDERATION_POINT_BOUND oleg"]);
        sql.accept_deletes().await;
        unlink(&world, &console, "oleg").await;
        deliver(&world).await;
        assert_eq!(receiver.took(), ["FEDERATION_POINT_BOUND oleg", "FEDERATION_POINT_UNBOUND oleg"]);
    }
}
