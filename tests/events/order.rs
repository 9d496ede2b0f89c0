//! Order: a link's events wait behind the one that is being retried, and no other link's do.

use super::{come_and_go, link, of_account, unlink, world};
use crate::support::receiver::{Manner, deliver};
use crate::support::world::both_engines;

both_engines! {
    async fn behind_an_event_that_is_retried_its_links_others_wait_and_no_more(engine: Engine) {
        let (world, receiver, console) = world(engine).await;
        receiver.behave(Manner::Refuses("oleg".to_owned(), 500));
        link(&world, &console, "oleg").await;
        deliver(&world).await;
        unlink(&world, &console, "oleg").await;
        let others = come_and_go(&world, &console, &["elle", "irina"], 2).await;
        // Whatever is due: of oleg only the first is ever tried.
        for _ in 0..10 {
            deliver(&world).await;
            world.advance(30);
        }
        let tried = receiver.tried();
        let of_oleg: Vec<String> =
            tried.iter().map(super::Delivered::what).filter(|what| what.ends_with(" oleg")).collect();
        assert!(of_oleg.len() >= 3 && of_oleg.iter().all(|what| what == "FEDERATION_POINT_BOUND oleg"), "{of_oleg:?}");
        for sid in ["elle", "irina"] {
            assert_eq!(of_account(&receiver, sid), super::about(&others, sid));
        }
        assert_eq!(receiver.taken().len(), 8, "once each");
        receiver.behave(Manner::Status(204));
        world.advance(3600);
        deliver(&world).await;
        assert_eq!(of_account(&receiver, "oleg"), ["FEDERATION_POINT_BOUND oleg", "FEDERATION_POINT_UNBOUND oleg"]);
    }

    /// Two of one link are never on their way at once, and several links are.
    async fn one_event_of_a_link_is_on_its_way_at_a_time(engine: Engine) {
        let (world, receiver, console) = world(engine).await;
        come_and_go(&world, &console, &["oleg", "elle", "irina"], 2).await;
        receiver.hold();
        let delivering = async {
            receiver.wait_for(3).await;
            // Were there more on their way, they would arrive while nobody is answered.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            let mut on_their_way: Vec<String> = receiver.tried().iter().map(super::Delivered::what).collect();
            on_their_way.sort();
            assert_eq!(on_their_way, ["elle", "irina", "oleg"].map(|sid| format!("FEDERATION_POINT_BOUND {sid}")));
            receiver.release();
        };
        tokio::join!(deliver(&world), delivering);
        assert_eq!(receiver.taken().len(), 12);
    }

    async fn an_account_that_is_deleted_is_told_of_link_by_link_and_then_itself(engine: Engine) {
        let (world, receiver, console) = world(engine).await;
        for sid in ["oleg", "elle"] {
            link(&world, &console, sid).await;
        }
        let alice = domain::ids::Subject::parse("alice").expect("a subject");
        service::accounts::remove(&world.app.parts, alice).await.expect("it goes");
        deliver(&world).await;
        let mut took = receiver.took();
        for sid in ["oleg", "elle"] {
            assert_eq!(of_account(&receiver, sid), [format!("FEDERATION_POINT_BOUND {sid}"), format!("FEDERATION_POINT_UNBOUND {sid}")]);
        }
        took.sort();
        assert_eq!(took[0], "ACCOUNT_DELETED -");
        let deleted = receiver.taken().into_iter().find(|delivered| delivered.what() == "ACCOUNT_DELETED -").expect("it");
        assert_eq!(deleted.body["data"], serde_json::json!({"subject": "alice"}));
    }
}
