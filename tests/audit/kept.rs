//! How long a line is kept.

use domain::entropy::SystemEntropy;
use service::keeping::sweep;

use crate::support::database::{count, execute, texts};
use crate::support::world::{World, both_engines};

/// So many lines that happened now.
async fn happened(world: &World, lines: usize, event: &str) {
    let is_sqlite = world.database_url.starts_with("sqlite:");
    let numbers = format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {lines})");
    let random = u32::from_be_bytes(SystemEntropy::shared().bytes());
    let id = format!("'{random:08x}-0000-4000-8000-' || substr(CAST(100000000000 + i AS text), 1, 12)");
    let now = world.now();
    let (id, at) = if is_sqlite {
        (id, now.timestamp_micros().to_string())
    } else {
        (format!("CAST({id} AS uuid)"), format!("to_timestamp({})", now.timestamp()))
    };
    let insert = format!("INSERT INTO audit (id, at, event) {numbers} SELECT {id}, {at}, '{event}' FROM n");
    execute(&world.database_url, &insert).await;
}

const DAY: u64 = 86_400;

both_engines! {
    async fn what_is_older_than_the_settings_say_goes_all_of_it_and_nothing_else(engine: Engine) {
        let world = World::frozen_with(engine, |settings| format!("{settings}\n[audit]\nkeep = \"30d\"\n")).await;
        happened(&world, 450, "OLDER").await;
        world.advance(1);
        happened(&world, 3, "YOUNGER").await;
        for (more, left) in [(30 * DAY - 1, 453), (1, 3), (0, 3), (1, 0)] {
            world.advance(more);
            sweep(&world.app.parts).await.expect("it sweeps");
            assert_eq!(count(&world, "audit").await, left, "{more}");
            let kept = texts(&world.database_url, "SELECT DISTINCT event AS value FROM audit").await;
            assert!(left > 3 || kept.iter().all(|event| event == "YOUNGER"), "{kept:?}");
        }
    }

    async fn two_instances_that_sweep_at_once_leave_nothing_and_fail_at_nothing(engine: Engine) {
        let world = World::frozen(engine).await;
        happened(&world, 1_000, "OLDER").await;
        world.advance(401 * DAY);
        let other = World::start_beside(&world, |settings| settings).await;
        let (one, another) = tokio::join!(sweep(&world.app.parts), sweep(&other.app.parts));
        one.and(another).expect("both sweep");
        // What one had in hand the other may have passed over.
        sweep(&world.app.parts).await.expect("it sweeps");
        assert_eq!(count(&world, "audit").await, 0);
    }
}
