//! Several instances: one delivers an endpoint's events at a time, and another goes on where it died.

use std::sync::Arc;

use service::outbox;

use super::{about, come_and_go, of_account, world};
use crate::support::database::count;
use crate::support::receiver::{Manner, deliver};
use crate::support::world::{World, both_engines};

both_engines! {
    async fn where_one_of_two_instances_dies_the_other_goes_on_after_its_lease(engine: Engine) {
        let (one, receiver, console) = world(engine).await;
        let settings = receiver.settings("crm");
        let other = World::start_beside(&one, |text| text + &settings).await;
        let happened = come_and_go(&one, &console, &["oleg", "elle"], 2).await;
        receiver.hold();
        let parts = Arc::clone(&one.app.parts);
        let delivering = tokio::spawn(async move { outbox::run_due(&parts).await });
        receiver.wait_for(2).await;
        // Its lease holds the other off, alive or dead.
        deliver(&other).await;
        delivering.abort();
        assert!(delivering.await.expect_err("it died").is_cancelled());
        receiver.release();
        deliver(&other).await;
        assert_eq!(receiver.tried().len(), 2, "nobody else yet");
        one.advance(29);
        deliver(&other).await;
        assert_eq!(receiver.tried().len(), 2, "not before its end");
        one.advance(1);
        deliver(&other).await;
        for sid in ["oleg", "elle"] {
            assert_eq!(of_account(&receiver, sid), about(&happened, sid));
        }
        assert_eq!((receiver.tried().len(), count(&one, "outbox").await), (10, 0), "what it had in hand came twice");
    }

    async fn two_that_look_at_once_tell_each_event_once(engine: Engine) {
        let (one, receiver, console) = world(engine).await;
        let settings = receiver.settings("crm");
        let other = World::start_beside(&one, |text| text + &settings).await;
        let happened = come_and_go(&one, &console, &["oleg", "elle", "irina"], 3).await;
        tokio::join!(deliver(&one), deliver(&other));
        assert_eq!(receiver.tried().len(), happened.len());
        for sid in ["oleg", "elle", "irina"] {
            assert_eq!(of_account(&receiver, sid), about(&happened, sid));
        }
        // Who has it keeps it, and gives it back when it leaves.
        let happened = come_and_go(&one, &console, &["oleg"], 1).await;
        let before = receiver.tried().len();
        tokio::join!(deliver(&one), deliver(&other));
        assert_eq!(receiver.tried().len(), before + happened.len());
        outbox::leave(&one.app.parts).await.expect("it leaves");
        outbox::leave(&other.app.parts).await.expect("it leaves");
        come_and_go(&one, &console, &["oleg"], 1).await;
        deliver(&other).await;
        assert_eq!(receiver.tried().len(), before + 2 * happened.len());
    }

    /// Its clock went on while it was stopped: what it takes for its lease is another's.
    async fn whose_lease_is_nearly_over_begins_nothing_under_it(engine: Engine) {
        let (one, receiver, console) = world(engine).await;
        let settings = receiver.settings("crm");
        let other = World::start_beside(&one, |text| text + &settings).await;
        come_and_go(&one, &console, &["oleg"], 1).await;
        receiver.behave(Manner::Silent);
        let parts = Arc::clone(&one.app.parts);
        let delivering = tokio::spawn(async move { outbox::run_due(&parts).await });
        receiver.wait_for(1).await;
        one.advance(31);
        delivering.await.expect("no panic").expect("it is seen to");
        receiver.behave(Manner::Status(204));
        // By now it is the other's, who tells what the first had in hand.
        one.advance(5);
        deliver(&other).await;
        assert_eq!(receiver.took(), ["FEDERATION_POINT_BOUND oleg", "FEDERATION_POINT_UNBOUND oleg"]);
        come_and_go(&one, &console, &["oleg"], 1).await;
        let before = receiver.tried().len();
        deliver(&one).await;
        assert_eq!(receiver.tried().len(), before, "it has no lease, and knows");
        deliver(&other).await;
        assert_eq!(receiver.tried().len(), before + 2);
    }

    async fn an_endpoint_that_no_settings_name_is_given_up_after_a_day_and_not_while_another_serves_it(engine: Engine) {
        let (one, receiver, console) = world(engine).await;
        let without = World::start_beside(&one, |text| text).await;
        receiver.behave(Manner::Status(500));
        come_and_go(&one, &console, &["oleg"], 1).await;
        let dead = async || {
            let query = "SELECT coalesce(failure, 'waits') AS value FROM outbox ORDER BY seq";
            crate::support::database::texts(&one.database_url, query).await
        };
        for _ in 0..25 {
            deliver(&one).await;
            outbox::sweep(&without.app.parts).await.expect("it sweeps");
            assert_eq!(dead().await[1], "waits", "it is served");
            one.advance(3600);
        }
        one.advance(23 * 3600);
        outbox::sweep(&without.app.parts).await.expect("it sweeps");
        assert_eq!(dead().await[1], "waits", "served within a day");
        one.advance(3600 + 60);
        outbox::sweep(&without.app.parts).await.expect("it sweeps");
        assert_eq!((dead().await[1].as_str(), count(&one, "outbox_lanes").await), ("not_configured", 0));
    }
}
