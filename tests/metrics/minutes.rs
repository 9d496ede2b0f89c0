//! What providers answered is kept by the minute, for a week.

use sandbox::Refusal;
use service::provider_minutes::{Which, write};

use crate::support::database::{execute, texts};
use crate::support::fed::{expired, fed_token};
use crate::support::world::{World, both_engines};

/// The minutes of a world's database: outcome, how many, how many instances.
async fn kept(world: &World) -> Vec<String> {
    let query = "SELECT outcome || ' ' || CAST(sum(count) AS text) || ' ' || CAST(count(DISTINCT instance) AS text) AS value \
                 FROM provider_minutes WHERE fp_type = 'box' AND fp_name = 'box_1' GROUP BY minute, outcome ORDER BY minute, outcome";
    texts(&world.database_url, query).await
}

both_engines! {
    async fn answers_are_kept_by_the_minute_and_the_instance(engine: Engine) {
        let world = World::frozen(engine).await;
        world.account("alice").await;
        let console = world.console().await;
        let beside = World::start_beside(&world, |settings| settings).await;
        for (asked, sid) in [(&world, "a"), (&world, "b"), (&beside, "c")] {
            expired(&world, sid).await;
            assert_eq!(fed_token(asked, &console, &format!("?sid={sid}")).await.status, 200);
        }
        for world in [&world, &beside] {
            write(&world.app.parts, Which::Over).await.expect("it is written");
        }
        assert_eq!(kept(&world).await, [""; 0], "the minute isn't over");
        world.advance(60);
        world.sandbox.script().set(|settings| settings.refuse_refresh = Some(Refusal::new(400, "invalid_grant")));
        expired(&world, "d").await;
        fed_token(&world, &console, "?sid=d").await;
        for world in [&world, &beside, &world] {
            write(&world.app.parts, Which::All).await.expect("it is written");
        }
        let all = ["granted 3 2", "refused 1 1"];
        assert_eq!(kept(&world).await, all);
        world.advance(7 * 24 * 3600);
        write(&world.app.parts, Which::Over).await.expect("nothing is written");
        assert_eq!(kept(&world).await, all);
        world.advance(2 * 24 * 3600);
        write(&world.app.parts, Which::Over).await.expect("what is old is deleted");
        assert_eq!(kept(&world).await, [""; 0]);
    }

    async fn what_cannot_be_written_is_written_later(engine: Engine) {
        let world = World::frozen(engine).await;
        world.account("alice").await;
        let console = world.console().await;
        expired(&world, "a").await;
        assert_eq!(fed_token(&world, &console, "").await.status, 200);
        world.advance(60);
        execute(&world.database_url, "ALTER TABLE provider_minutes RENAME TO away").await;
        assert!(write(&world.app.parts, Which::Over).await.is_err());
        execute(&world.database_url, "ALTER TABLE away RENAME TO provider_minutes").await;
        write(&world.app.parts, Which::Over).await.expect("it is written");
        assert_eq!(kept(&world).await, ["granted 1 1"]);
    }
}
