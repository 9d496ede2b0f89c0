//! An instance is killed while it refreshes as many links as it may: what it had in the air is told of by the first call that can
//! know, and nobody else is kept waiting.

use futures_util::future::join_all;
use sandbox::Rotation;

use crate::support::call::Answer;
use crate::support::database::texts;
use crate::support::fed::token;
use crate::support::fleet::Fleet;
use crate::support::world::{Engine, both_engines};

/// Longer than a lease lasts.
const LAPSE: u64 = 31;
/// As many as are asked for at once.
const IN_THE_AIR: usize = 64;

fn names(kind: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{kind}-{number}")).collect()
}

/// Gives each of them a link whose token has just expired.
fn expired(fleet: &Fleet, subjects: &[String]) {
    fleet.expired(subjects.iter().map(|subject| (subject.as_str(), subject.as_str())));
}

async fn all(fleet: &Fleet, index: usize, subjects: &[String]) -> Vec<Answer> {
    let answers = join_all(subjects.iter().map(|subject| fleet.fed_token(index, subject, ""))).await;
    answers.into_iter().map(|answer| answer.expect("an answer")).collect()
}

/// Each is served by its first call.
async fn assert_served(fleet: &Fleet, index: usize, subjects: &[String]) {
    for (subject, answer) in subjects.iter().zip(all(fleet, index, subjects).await) {
        assert!(fleet.sandbox.is_active(&token(&answer, subject)), "{subject}");
    }
}

/// An instance, or two where there may be, of which the first has been killed with that many links in the air: their tokens are
/// spent, and nobody has the next ones.
async fn killed_in_a_storm(engine: Engine, rotation: Rotation, doomed: &[String]) -> (Fleet, usize) {
    let (count, survivor) = if engine == Engine::Sqlite { (1, 0) } else { (2, 1) };
    let mut fleet = Fleet::start_on(engine, count, |_| {}).await;
    let script = fleet.sandbox.script();
    script.set(|settings| settings.rotation = rotation);
    expired(&fleet, doomed);
    let answers = script.hold_token_answers();
    let callers: Vec<_> = doomed.iter().map(|subject| tokio::spawn(fleet.fed_token(0, subject, ""))).collect();
    answers.wait_for_arrivals(doomed.len()).await;
    fleet.kill(0);
    for caller in callers {
        caller.await.expect("no panic").expect_err("it is dead");
    }
    // The answers that nobody hears are held on; later ones come through.
    script.hold_token_answers().release();
    if engine == Engine::Sqlite {
        fleet.restart(0);
    }
    (fleet, survivor)
}

both_engines! {
    async fn a_storm_that_dies_is_no_evidence_against_a_strict_provider(engine: Engine) {
        let doomed = names("doomed", IN_THE_AIR);
        let (fleet, survivor) = killed_in_a_storm(engine, Rotation::Strict, &doomed).await;
        let (healthy, later) = (names("healthy", 40), names("later", 20));
        expired(&fleet, &healthy);
        if engine == Engine::Postgres {
            // At once, while the leases of the dead still stand.
            assert_served(&fleet, survivor, &healthy).await;
            fleet.advance_database(LAPSE).await;
        }
        // Their callers are the first to come back.
        for (subject, answer) in doomed.iter().zip(all(&fleet, survivor, &doomed).await) {
            assert_eq!(answer.refusal(), (404, "token_not_found".to_owned()), "{subject}");
            assert!(answer.text().contains("lost on its way"), "{}", answer.text());
        }
        if engine == Engine::Sqlite {
            assert_served(&fleet, survivor, &healthy).await;
        }
        expired(&fleet, &later);
        assert_served(&fleet, survivor, &later).await;
        let lost = "SELECT CAST(count(*) AS text) AS value FROM token_sets WHERE health = 'lost_in_flight' AND abandoned";
        assert_eq!(texts(&fleet.site.database_url(), lost).await, [IN_THE_AIR.to_string()]);
    }

    async fn a_storm_that_dies_costs_nothing_where_a_spent_token_works_for_a_while(engine: Engine) {
        let doomed = names("doomed", IN_THE_AIR);
        let grace = Rotation::Grace(std::time::Duration::from_mins(5));
        let (fleet, survivor) = killed_in_a_storm(engine, grace, &doomed).await;
        if engine == Engine::Postgres {
            fleet.advance_database(LAPSE).await;
        }
        assert_served(&fleet, survivor, &doomed).await;
        assert_eq!((fleet.sandbox.counts().refused, fleet.sandbox.revoked_families()), (0, 0));
    }
}
