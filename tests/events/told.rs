//! What is told, of what, signed how, and what of it anybody else may see.

use domain::entropy::SystemEntropy;
use serde_json::json;
use service::keys::Keeper;
use service::outbox;
use store::Store;
use tokio::runtime::Handle;

use super::dead_letters::events;
use super::{link, world};
use crate::support::database::{count, execute, texts};
use crate::support::fed::{expired, fed_token};
use crate::support::receiver::{NEW_SECRET, OLD_SECRET, Receiver, deliver, is_signed};
use crate::support::world::{Body, World, both_engines};

both_engines! {
    async fn ids_codes_and_the_moment_are_told_and_nothing_else(engine: Engine) {
        let (world, receiver, console) = world(engine).await;
        let headers = [("x-forwarded-for", "192.0.2.77"), ("user-agent", "Planted/1.0")];
        let target = "/api/v3/users/alice/fa/box/box_1/oleg";
        assert_eq!(world.call_with("POST", target, &console, Body::None, &headers).await.status, 204);
        world.advance(5);
        deliver(&world).await;
        let [told] = receiver.taken().try_into().expect("one");
        assert_eq!(
            told.body,
            json!({
                "type": "FEDERATION_POINT_BOUND",
                "timestamp": told.body["timestamp"],
                "data": {"subject": "alice", "fpType": "box", "fpName": "box_1", "sid": "oleg", "reason": "asserted"},
            })
        );
        let moment = chrono::DateTime::parse_from_rfc3339(told.body["timestamp"].as_str().expect("a text")).expect("a moment");
        assert_eq!((moment.timestamp(), told.timestamp), (world.now().timestamp() - 5, world.now().timestamp().to_string()));
    }

    /// A provider may write anything into its refusal: the record has its word, and nobody is told it.
    async fn no_word_of_a_providers_is_told(engine: Engine) {
        let (world, receiver, console) = world(engine).await;
        expired(&world, "oleg").await;
        let refusal = sandbox::Refusal::new(400, "invalid_grant");
        world.sandbox.script().set(|settings| settings.refuse_refresh = Some(refusal));
        assert_eq!(fed_token(&world, &console, "").await.status, 404);
        for _ in 0..4 {
            // As it stands where the same word came for days.
            execute(&world.database_url, "UPDATE token_sets SET refused_word = 'planted word'").await;
            world.advance(600);
            service::refresh::see_to_marked(&world.app.parts).await.expect("it is seen to");
            deliver(&world).await;
        }
        let told = receiver.taken().into_iter().find(|told| told.what() == "FEDERATION_CONSENT_NEEDED oleg").expect("it");
        assert_eq!(told.body["data"]["reason"], "needs_consent");
        assert!(!told.text.contains("planted"), "{}", told.text);
        let recorded = "SELECT detail AS value FROM audit WHERE event = 'FEDERATION_CONSENT_NEEDED'";
        assert_eq!(texts(&world.database_url, recorded).await, ["needs_consent: planted word"]);
    }

    async fn while_secrets_change_each_signs_and_the_newest_first(engine: Engine) {
        let receiver = Receiver::start().await;
        let settings = receiver.settings_with("crm", &format!("secrets = [\"{NEW_SECRET}\", \"{OLD_SECRET}\"]"));
        let world = World::frozen_with(engine, |text| text + &settings).await;
        world.account("alice").await;
        link(&world, &world.console().await, "oleg").await;
        deliver(&world).await;
        let [told] = receiver.taken().try_into().expect("one");
        assert!(is_signed(&told, NEW_SECRET) && is_signed(&told, OLD_SECRET));
        let (first, rest) = told.signature.split_once(' ').expect("two");
        assert!(is_signed(&crate::support::receiver::Delivered { signature: first.to_owned(), ..told.clone() }, NEW_SECRET));
        assert!(!is_signed(&crate::support::receiver::Delivered { signature: rest.to_owned(), ..told.clone() }, NEW_SECRET));
        assert!(!is_signed(&crate::support::receiver::Delivered { text: told.text.replace("oleg", "elle"), ..told }, NEW_SECRET));
    }

    async fn where_nobody_wants_an_event_nothing_is_queued(engine: Engine) {
        let nobody = World::frozen(engine).await;
        nobody.account("alice").await;
        link(&nobody, &nobody.console().await, "oleg").await;
        assert_eq!((count(&nobody, "outbox").await, count(&nobody, "outbox_lanes").await), (0, 0));
        let receiver = Receiver::start().await;
        let settings = receiver.settings_with("crm", &format!("secrets = [\"{NEW_SECRET}\"]\nevents = [\"SIGNED_IN\"]"));
        let other = World::frozen_with(engine, |text| text + &settings).await;
        other.account("alice").await;
        link(&other, &other.console().await, "oleg").await;
        assert_eq!(count(&other, "outbox").await, 0);
    }

    async fn what_becomes_of_a_key_is_told(engine: Engine) {
        let (world, receiver, console) = world(engine).await;
        let keeper = Keeper {
            store: Store::new(&world.database_url.clone().into(), None, Handle::current()).expect("an address"),
            source: world.app.parts.presence.keyring.clone(),
            clock: world.clock.clone(),
            entropy: SystemEntropy::shared(),
            webhooks: world.app.parts.settings.webhooks.clone(),
            audit: world.app.parts.settings.audit,
        };
        let (key, _) = Keeper::add(&keeper.source, &keeper.entropy).expect("it is added");
        keeper.activate(&key).await.expect("nobody else serves");
        let waiting = events(&world, &console, "").await;
        assert_eq!(waiting.iter().map(|event| &event["data"]).collect::<Vec<_>>(), [&json!({"key": key})]);
        deliver(&world).await;
        let told = receiver.taken().pop().expect("it");
        assert_eq!((&told.body["type"], &told.body["data"]), (&json!("VAULT_KEY_ACTIVATED"), &json!({"key": key})));
    }

    async fn the_background_tells_by_itself(engine: Engine) {
        let (world, receiver, console) = world(engine).await;
        let telling = tokio::spawn(outbox::run(world.current.clone()));
        for (n, sid) in ["oleg", "elle"].into_iter().enumerate() {
            link(&world, &console, sid).await;
            receiver.wait_for(n + 1).await;
        }
        telling.abort();
        assert_eq!(receiver.tried().len(), 2);
    }
}
