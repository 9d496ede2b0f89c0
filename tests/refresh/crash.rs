//! An instance is killed in the middle of a refresh, at each point where it matters: another goes on with the link as soon as
//! the lease has lapsed, what can be saved is, and what can't is told.

use std::time::{Duration, Instant};

use sandbox::Rotation;
use tokio::io::{AsyncReadExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::support::call::Answer;
use crate::support::database::{Sql, texts};
use crate::support::fed::token;
use crate::support::fleet::Fleet;
use crate::support::site::Site;
use crate::support::world::{Engine, both_engines};

/// Longer than a lease lasts.
const LAPSE: u64 = 31;
/// When a link that was marked on thin evidence is looked at again.
const SECOND_LOOK: u64 = 600;
/// It only bounds a failure.
const PATIENCE: Duration = Duration::from_mins(1);
const GRACE: Rotation = Rotation::Grace(Duration::from_mins(5));

/// Instances of which the first is to be killed; alice's access token has just expired.
async fn doomed(engine: Engine, rotation: Rotation, change: impl FnOnce(&mut Site)) -> Fleet {
    // SQLite has one process: it is started again.
    let count = if engine == Engine::Sqlite { 1 } else { 2 };
    let fleet = Fleet::start_on(engine, count, change).await;
    fleet.sandbox.script().set(|settings| settings.rotation = rotation);
    fleet.expired([("alice", "1")]);
    fleet
}

/// Kills the first instance, whose caller hears nothing more.
async fn kill(fleet: &mut Fleet, caller: JoinHandle<reqwest::Result<Answer>>) {
    assert_eq!(on_record(fleet).await, ["leased unclosed"]);
    fleet.kill(0);
    caller.await.expect("no panic").expect_err("it is dead");
}

/// What the survivor answers: on Postgres another instance, which waits for the lease of the dead; on SQLite the next process,
/// which knows that nobody holds it.
async fn survivor(fleet: &mut Fleet, engine: Engine) -> Answer {
    if engine == Engine::Sqlite {
        fleet.restart(0);
        assert!(
            fleet.instance(0).logs().contains("under way when the service last ended"),
            "{}",
            fleet.instance(0).logs()
        );
        return fleet.fed_token(0, "alice", "").await.expect("an answer");
    }
    let asked = fleet.sandbox.counts().token_refresh;
    let mut other = tokio::spawn(fleet.fed_token(1, "alice", ""));
    let early = tokio::time::timeout(Duration::from_millis(400), &mut other).await;
    assert!(early.is_err(), "it did not wait: {early:?}");
    assert_eq!(fleet.sandbox.counts().token_refresh, asked);
    fleet.advance_database(LAPSE).await;
    other.await.expect("no panic").expect("an answer")
}

/// Where the survivor is.
fn index(engine: Engine) -> usize {
    usize::from(engine == Engine::Postgres)
}

/// What the row says of attempts under way and of those that never ended.
async fn on_record(fleet: &Fleet) -> Vec<String> {
    let query = "SELECT CASE WHEN attempt IS NULL THEN '' ELSE 'leased ' END
                 || CASE WHEN unclosed_by IS NULL THEN '' ELSE 'unclosed' END AS value FROM token_sets";
    texts(&fleet.site.database_url(), query).await
}

/// The token that was lost has come back, or never went: the link is as good as before.
async fn assert_saved(fleet: &Fleet, engine: Engine, answer: &Answer) {
    let fresh = token(answer, "1");
    assert!(fleet.sandbox.is_active(&fresh));
    assert_eq!(on_record(fleet).await, [""]);
    assert_eq!(fleet.health(index(engine), "alice").await, "ok");
    assert_eq!((fleet.sandbox.counts().refused, fleet.sandbox.revoked_families()), (0, 0));
    let again = fleet.fed_token(index(engine), "alice", "").await.expect("an answer");
    assert_eq!(token(&again, "1"), fresh);
}

/// The link is dead, the caller is told why, and nobody asks the provider any more.
async fn assert_lost(fleet: &Fleet, engine: Engine, answer: &Answer) {
    assert_eq!(answer.refusal(), (404, "token_not_found".to_owned()));
    assert!(answer.text().contains("lost on its way"), "{}", answer.text());
    assert_eq!(fleet.health(index(engine), "alice").await, "lost_in_flight");
    let asked = fleet.sandbox.counts().token_refresh;
    let again = fleet.fed_token(index(engine), "alice", "?force=true").await.expect("an answer");
    assert_eq!(again.refusal(), (404, "token_not_found".to_owned()));
    assert_eq!(fleet.sandbox.counts().token_refresh, asked);
}

/// Looks again and again, until the query finds this.
async fn until_found(fleet: &Fleet, query: &str, wanted: &str) {
    let deadline = Instant::now() + PATIENCE;
    let mut sql = Sql::open(&fleet.site.database_url()).await;
    loop {
        let found = sql.texts(query).await;
        if found == [wanted] {
            return;
        }
        assert!(Instant::now() < deadline, "{found:?} instead of {wanted}:\n{}", fleet.instance(0).logs());
    }
}

/// What was told of links that died, by the audit record.
const TOLD: &str = "SELECT event || ' ' || subject || ' ' || detail AS value FROM audit
                    WHERE event IN ('FEDERATION_CONSENT_NEEDED', 'FEDERATION_REFRESH_LOST')";

/// What the process took with it is told at once, looked at a second time and not told again. Marked links are seen to when an
/// instance starts, among other times: it is started again for each step.
async fn assert_told_once(fleet: &mut Fleet, engine: Engine) {
    let look = "SELECT CASE WHEN second_look THEN 'due' ELSE 'done' END AS value FROM token_sets";
    fleet.kill(index(engine));
    fleet.restart(index(engine));
    until_found(fleet, TOLD, "FEDERATION_REFRESH_LOST alice lost_in_flight").await;
    until_found(fleet, look, "due").await;
    let asked = fleet.sandbox.counts().token_refresh;
    match engine {
        Engine::Sqlite => Sql::open(&fleet.site.database_url()).await.run("UPDATE token_sets SET notice_at = 0").await,
        Engine::Postgres => fleet.advance_database(LAPSE + SECOND_LOOK).await,
    }
    fleet.kill(index(engine));
    fleet.restart(index(engine));
    until_found(fleet, look, "done").await;
    assert_eq!(fleet.sandbox.counts().token_refresh, asked + 1);
    fleet.kill(index(engine));
    fleet.restart(index(engine));
    assert_eq!(fleet.health(index(engine), "alice").await, "lost_in_flight");
    assert_eq!(texts(&fleet.site.database_url(), TOLD).await.len(), 1);
}

/// Killed when the provider has done its work and before its answer comes.
async fn killed_during_the_call(engine: Engine, rotation: Rotation) -> (Fleet, Answer) {
    let mut fleet = doomed(engine, rotation, |_| {}).await;
    let script = fleet.sandbox.script();
    let answers = script.hold_token_answers();
    let caller = tokio::spawn(fleet.fed_token(0, "alice", ""));
    answers.wait_for_arrivals(1).await;
    kill(&mut fleet, caller).await;
    // The first answer is held on; later ones come through.
    script.hold_token_answers().release();
    let answer = survivor(&mut fleet, engine).await;
    assert_eq!(fleet.sandbox.counts().token_refresh, 2);
    (fleet, answer)
}

/// Killed when it has the answer and cannot write it.
async fn killed_before_the_commit(engine: Engine, rotation: Rotation) -> (Fleet, Answer) {
    let mut fleet = doomed(engine, rotation, |_| {}).await;
    let (caller, mut sql) = stuck_before_the_commit(&fleet, engine).await;
    kill(&mut fleet, caller).await;
    if engine == Engine::Postgres {
        // The server would do what it was asked to before it looks whether anybody is there: the connection dies, too.
        sql.run(&format!("SELECT pg_terminate_backend(pid, 10000) {WRITING}")).await;
    }
    sql.run("ROLLBACK").await;
    drop(sql);
    let answer = survivor(&mut fleet, engine).await;
    assert_eq!(fleet.sandbox.counts().token_refresh, 2);
    (fleet, answer)
}

/// The statement that writes refreshed tokens, while it waits for a row.
const WRITING: &str = "FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
                       AND query LIKE 'UPDATE \"token_sets\" SET \"sealed_access\"%'";

/// A call whose answer has come from the provider and waits for the row that the connection holds.
async fn stuck_before_the_commit(fleet: &Fleet, engine: Engine) -> (JoinHandle<reqwest::Result<Answer>>, Sql) {
    let answers = fleet.sandbox.script().hold_token_answers();
    let caller = tokio::spawn(fleet.fed_token(0, "alice", ""));
    answers.wait_for_arrivals(1).await;
    let mut sql = Sql::open(&fleet.site.database_url()).await;
    match engine {
        Engine::Sqlite => sql.lock("token_sets").await,
        Engine::Postgres => sql.run("BEGIN; SELECT FROM token_sets FOR UPDATE").await,
    }
    answers.release();
    match engine {
        Engine::Sqlite => {
            let deadline = Instant::now() + PATIENCE;
            while !fleet.instance(0).logs().contains("holding a refreshed token") {
                assert!(Instant::now() < deadline, "it does not wait:\n{}", fleet.instance(0).logs());
                tokio::task::yield_now().await;
            }
        }
        Engine::Postgres => until_found(fleet, &format!("SELECT count(*)::text AS value {WRITING}"), "1").await,
    }
    (caller, sql)
}

both_engines! {
    async fn killed_before_the_call_nothing_is_lost(engine: Engine) {
        // A way to the provider on which the first request gets lost.
        let way = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let token_endpoint = format!("token_endpoint = \"http://{}/token\"\n", way.local_addr().expect("it is bound"));
        let mut fleet = doomed(engine, Rotation::Strict, |site| site.settings += &token_endpoint).await;
        let caller = tokio::spawn(fleet.fed_token(0, "alice", ""));
        let (mut lost, _) = way.accept().await.expect("a connection");
        lost.read_u8().await.expect("it asks");
        kill(&mut fleet, caller).await;
        drop(lost);
        let provider = fleet.sandbox.issuer().trim_start_matches("http://").to_owned();
        tokio::spawn(async move {
            loop {
                let (mut from, _) = way.accept().await.expect("a connection");
                let mut to = TcpStream::connect(&provider).await.expect("the provider listens");
                // It ends with either side, as it likes.
                tokio::spawn(async move { copy_bidirectional(&mut from, &mut to).await.ok() });
            }
        });
        let answer = survivor(&mut fleet, engine).await;
        assert_saved(&fleet, engine, &answer).await;
        assert_eq!(fleet.sandbox.counts().token_refresh, 1);
    }

    async fn killed_during_the_call_a_strict_provider_leaves_nothing_and_that_is_told(engine: Engine) {
        let (mut fleet, answer) = killed_during_the_call(engine, Rotation::Strict).await;
        assert_lost(&fleet, engine, &answer).await;
        assert_told_once(&mut fleet, engine).await;
    }

    async fn killed_during_the_call_a_grace_window_saves_the_link(engine: Engine) {
        let (fleet, answer) = killed_during_the_call(engine, GRACE).await;
        assert_saved(&fleet, engine, &answer).await;
    }

    async fn killed_before_the_commit_a_strict_provider_leaves_nothing(engine: Engine) {
        let (fleet, answer) = killed_before_the_commit(engine, Rotation::Strict).await;
        assert_lost(&fleet, engine, &answer).await;
    }

    async fn killed_before_the_commit_a_grace_window_saves_the_link(engine: Engine) {
        let (fleet, answer) = killed_before_the_commit(engine, GRACE).await;
        assert_saved(&fleet, engine, &answer).await;
    }

    async fn killed_after_the_commit_the_token_is_there(engine: Engine) {
        let mut fleet = doomed(engine, Rotation::Strict, |_| {}).await;
        let before = match engine {
            // Postgres has the statement, and nobody to tell that it is done.
            Engine::Postgres => {
                let (caller, mut sql) = stuck_before_the_commit(&fleet, engine).await;
                kill(&mut fleet, caller).await;
                sql.run("COMMIT").await;
                until_found(&fleet, "SELECT (attempt IS NULL)::text AS value FROM token_sets", "true").await;
                None
            }
            Engine::Sqlite => {
                let served = token(&fleet.fed_token(0, "alice", "").await.expect("an answer"), "1");
                fleet.kill(0);
                fleet.restart(0);
                Some(served)
            }
        };
        let answer = fleet.fed_token(index(engine), "alice", "").await.expect("an answer");
        assert_saved(&fleet, engine, &answer).await;
        assert!(before.is_none_or(|before| before == token(&answer, "1")));
        assert_eq!(fleet.sandbox.counts().token_refresh, 1);
    }
}
