//! The statements that coordinate refreshes do in the database what the decisions of the domain say, step by step over a
//! long random walk; and they go by the database's clock where there is one for all.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::*;
use crate::conn::on;
use crate::leases::{Attempt, Failure, Mark, Over, end, fail, mark, release_all, seen, take, undo_marks};
use crate::marks::{Which, list_dead, revive};
use crate::schema;
use domain::link::Health;
use domain::refresh::{Before, Ending, Errand, LEASE, Standing, Takeover};

/// Over a lease that has lapsed.
const LAPSED: Over = Over { takeover: Takeover::Allowed, outlived: None };
/// Over none.
const HELD_OFF: Over = Over { takeover: Takeover::HeldOff, outlived: None };

/// What the walk expects of the row.
#[derive(Clone, Copy, Debug)]
struct Expected {
    standing: Standing<uuid::Uuid>,
    lease_until: Option<DateTime<Utc>>,
    retry_at: Option<DateTime<Utc>>,
}

impl Expected {
    fn lapsed(&self, now: DateTime<Utc>) -> bool {
        self.lease_until.is_some_and(|until| until <= now)
    }

    fn take(&mut self, mine: uuid::Uuid, version: i64, errand: Errand, now: DateTime<Utc>) -> Option<Before> {
        if self.retry_at.is_some_and(|at| at > now) {
            return None;
        }
        let (standing, before) = self.standing.take(mine, version, errand, self.lapsed(now))?;
        (self.standing, self.lease_until) = (standing, Some(now + TimeDelta::from_std(LEASE).unwrap()));
        Some(before)
    }

    fn settle(&mut self, standing: Standing<uuid::Uuid>) {
        self.standing = standing;
        if standing.attempt.is_none() {
            self.lease_until = None;
        }
    }
}

/// Random numbers that are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

fn walked() -> LinkId {
    LinkId(uuid::Uuid::from_u128(5))
}

async fn new_set(conn: &mut Conn) {
    vault_keys::insert_if_absent(conn, "k", b"check value", moments()[0]).await.unwrap();
    let new = link(5, false);
    links::upsert(conn, &new).await.unwrap();
    let set = TokenSet {
        link: new.id,
        key_id: "k".to_owned(),
        wrapped_key: vec![1],
        sealed_access: None,
        sealed_refresh: Some(vec![1]),
        sealed_params: None,
        scope: None,
        ends: Ends::default(),
        version: 7,
        health: Health::Ok,
        health_since: None,
        retry_at: None,
        failures: 0,
        rejected: false,
    };
    vault_keys::insert_if_absent(conn, "k", b"check value", At(DateTime::UNIX_EPOCH)).await.unwrap();
    assert!(token_sets::insert_if_absent(conn, &set).await.unwrap());
}

/// Sets the database's clock, where it has one; the other engine goes by the moment that each statement gets.
async fn set_clock(conn: &mut Conn, now: DateTime<Utc>) {
    if conn.is_sqlite() {
        return;
    }
    let sql = format!(
        "CREATE OR REPLACE FUNCTION fedlink_now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT timestamptz ''{}'''",
        now.to_rfc3339()
    );
    super::super::conn::on!(conn, |c| diesel::sql_query(sql).execute(c)).unwrap();
}

async fn stored(conn: &mut Conn) -> (Standing<uuid::Uuid>, Option<DateTime<Utc>>) {
    use super::super::schema::token_sets::dsl;
    let row: (i64, Option<Uuid>, Option<Uuid>, String, Option<At>, bool) =
        super::super::conn::on!(conn, |c| dsl::token_sets
            .select((dsl::version, dsl::attempt, dsl::unclosed_by, dsl::health, dsl::lease_until, dsl::abandoned))
            .first(c))
        .unwrap();
    let health = Health::parse(&row.3).unwrap();
    let standing = Standing {
        version: row.0,
        attempt: row.1.map(|id| id.0),
        unclosed_by: row.2.map(|id| id.0),
        is_abandoned: row.5,
        health,
    };
    (standing, row.4.map(|at| at.0))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_statement_does_what_its_decision_says() {
    for (store, _folder) in stores().await {
        let mut conn = store.write().await.unwrap();
        new_set(&mut conn).await;
        let mut dice = Dice(42);
        let mut time = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let ok = Standing { version: 7, attempt: None, unclosed_by: None, is_abandoned: false, health: Health::Ok };
        let mut expected = Expected { standing: ok, lease_until: None, retry_at: None };
        set_clock(&mut conn, time).await;
        let mut taken = 0;
        for step in 0..600 {
            let mine = uuid::Uuid::from_u128(u128::from(1 + dice.below(3)));
            let version = expected.standing.version - i64::from(dice.below(6) == 0);
            let attempt = Attempt { link: walked(), version, id: mine };
            // On Postgres this process's clock is wrong, which must not matter.
            let clock = if store.sqlite_path().is_some() { time } else { time + TimeDelta::hours(3) };
            let now = now(clock);
            let what = dice.below(12);
            match what {
                0..=3 => {
                    let errand = if dice.below(4) == 0 { Errand::SecondLook } else { Errand::Renew };
                    let found = take(&mut conn, &attempt, now, errand, LAPSED).await.unwrap();
                    assert_eq!(found, expected.take(mine, version, errand, time), "step {step}");
                    taken += usize::from(found.is_some());
                }
                4 => {
                    end(&mut conn, &attempt, Ending::Closed).await.unwrap();
                    expected.settle(expected.standing.close(mine));
                }
                5 => {
                    end(&mut conn, &attempt, Ending::Open).await.unwrap();
                    expected.settle(expected.standing.let_go(mine));
                }
                6 => {
                    let ending = if dice.below(2) == 0 { Ending::Closed } else { Ending::Open };
                    let recorded =
                        fail(&mut conn, &attempt, now, Failure { ending, wait: Duration::from_secs(2), word: None })
                            .await
                            .unwrap();
                    let standing = expected.standing;
                    let is_mine = standing.attempt == Some(mine) && standing.version == version;
                    assert_eq!(recorded, is_mine, "step {step}");
                    if is_mine {
                        let health = if standing.health.is_dead() { standing.health } else { Health::Degraded };
                        let ended = if ending == Ending::Closed { standing.close(mine) } else { standing.let_go(mine) };
                        expected.settle(Standing { health, ..ended });
                        expected.retry_at = Some(time + TimeDelta::seconds(2));
                    }
                }
                7 => {
                    let verdict = if dice.below(2) == 0 { Health::NeedsConsent } else { Health::LostInFlight };
                    let details =
                        Mark { verdict, notice_in: Duration::from_mins(1), second_look: false, is_by_word: false };
                    let marked = mark(&mut conn, &attempt, now, details).await.unwrap();
                    let after = expected.standing.mark(mine, version, verdict);
                    assert_eq!(marked, after.is_some(), "step {step}");
                    expected.settle(after.unwrap_or(expected.standing));
                }
                8 | 9 => {
                    time += TimeDelta::seconds(if what == 8 { 31 } else { 1 });
                    set_clock(&mut conn, time).await;
                }
                _ => {
                    let past = if what == 10 { Past::Over } else { Past::Stays };
                    renew(&mut conn, &mut expected, version, past).await;
                }
            }
            assert_eq!(stored(&mut conn).await, (expected.standing, expected.lease_until), "step {step}, {what}");
        }
        assert!(taken > 50, "the walk hardly took a lease: {taken}");
    }
}

async fn renew(conn: &mut Conn, expected: &mut Expected, version: i64, past: Past) {
    let tokens = NewTokens { sealed_refresh: Some(vec![2]), version: version + 1, ..NewTokens::default() };
    let written = token_sets::replace(conn, walked(), version, &tokens, past).await.unwrap();
    assert_eq!(written, version == expected.standing.version);
    if !written {
        return;
    }
    if past == Past::Over {
        expected.settle(expected.standing.renewed());
        expected.retry_at = None;
    } else {
        expected.settle(expected.standing.relinked_without());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_waiter_sees_is_by_the_clock_of_leases() {
    for (store, _folder) in stores().await {
        let mut conn = store.write().await.unwrap();
        new_set(&mut conn).await;
        let start = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let on_sqlite = store.sqlite_path().is_some();
        let attempt = Attempt { link: walked(), version: 7, id: uuid::Uuid::from_u128(1) };
        let mut found = Vec::new();
        for (seconds, then) in [(0, "take"), (29, ""), (30, ""), (30, "fail"), (31, "")] {
            let time = start + TimeDelta::seconds(seconds);
            set_clock(&mut conn, time).await;
            // Minutes off, on the engine where it must not matter.
            let now = now(if on_sqlite { time } else { time - TimeDelta::minutes(5) });
            let state = seen(&mut conn, &[walked(), LinkId(uuid::Uuid::from_u128(99))], now).await.unwrap();
            let [(link, state, _)] = state.as_slice() else { panic!("{state:?}") };
            assert_eq!(*link, walked());
            found.push((state.is_leased, state.is_abandoned, state.rest.filter(|rest| !rest.is_zero())));
            match then {
                "take" => {
                    let taken = take(&mut conn, &attempt, now, Errand::Renew, HELD_OFF).await.unwrap();
                    assert_eq!(taken, Some(Before::Clean));
                }
                "fail" => {
                    // Lapsed or not, it is still this attempt's; and another may not have it while takeovers are held off.
                    let another = Attempt { id: uuid::Uuid::from_u128(2), ..attempt };
                    let taken = take(&mut conn, &another, now, Errand::Renew, HELD_OFF).await.unwrap();
                    assert_eq!(taken, None);
                    assert!(
                        fail(
                            &mut conn,
                            &attempt,
                            now,
                            Failure { ending: Ending::Open, wait: Duration::from_secs(9), word: None }
                        )
                        .await
                        .unwrap()
                    );
                }
                _ => {}
            }
        }
        let nine = Some(Duration::from_secs(8));
        let expected =
            [(false, false, None), (true, false, None), (false, true, None), (false, true, None), (false, false, nine)];
        assert_eq!(found, expected);
    }
}

/// Each cause of a mark, and whether the provider's refusing everybody undoes it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn marks_are_undone_by_their_cause() {
    let start = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    let provider = ProviderId::parse("box", "box_1").unwrap();
    for (cause, verdict, is_by_word, is_abandoned, undone) in [
        ("believed", Health::NeedsConsent, false, false, 1),
        ("believed, of a token that may have been lost", Health::LostInFlight, false, false, 1),
        ("believed, where nothing can be lost", Health::NeedsConsent, false, true, 1),
        ("a process of ours died with it", Health::LostInFlight, false, true, 0),
        ("the same word for days", Health::NeedsConsent, true, false, 0),
    ] {
        for (store, _folder) in stores().await {
            let mut conn = store.write().await.unwrap();
            new_set(&mut conn).await;
            set_clock(&mut conn, start).await;
            let [first, second] =
                [1, 2].map(|id| Attempt { link: walked(), version: 7, id: uuid::Uuid::from_u128(id) });
            let way = LAPSED;
            assert!(take(&mut conn, &first, now(start), Errand::Renew, way).await.unwrap().is_some(), "{cause}");
            let failure = Failure { ending: Ending::Closed, wait: Duration::ZERO, word: Some("invalid_request") };
            assert!(fail(&mut conn, &first, now(start), failure).await.unwrap(), "{cause}");
            assert!(take(&mut conn, &second, now(start), Errand::Renew, way).await.unwrap().is_some(), "{cause}");
            if is_abandoned {
                let row = schema::token_sets::table.find(Uuid(walked().0));
                let written =
                    on!(&mut conn, |c| diesel::update(row).set(schema::token_sets::abandoned.eq(true)).execute(c));
                assert_eq!(written.unwrap(), 1);
            }
            let what = Mark { verdict, notice_in: Duration::from_mins(1), second_look: false, is_by_word };
            assert!(mark(&mut conn, &second, now(start), what).await.unwrap(), "{cause}");
            let span_back = Duration::from_mins(1);
            assert_eq!(undo_marks(&mut conn, &provider, now(start), span_back).await.unwrap(), undone, "{cause}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn marks_are_undone_for_a_minute_and_retried_by_hand_ever_after() {
    for (store, _folder) in stores().await {
        let mut conn = store.write().await.unwrap();
        new_set(&mut conn).await;
        let start = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let provider = ProviderId::parse("box", "box_1").unwrap();
        let attempt = Attempt { link: walked(), version: 7, id: uuid::Uuid::from_u128(1) };
        for (later, undone) in [(60, 1), (61, 0)] {
            set_clock(&mut conn, start).await;
            assert!(take(&mut conn, &attempt, now(start), Errand::Renew, LAPSED).await.unwrap().is_some());
            let what = Mark {
                verdict: Health::NeedsConsent,
                notice_in: Duration::from_mins(1),
                second_look: false,
                is_by_word: false,
            };
            assert!(mark(&mut conn, &attempt, now(start), what).await.unwrap());
            let then = start + TimeDelta::seconds(later);
            set_clock(&mut conn, then).await;
            let elsewhere = ProviderId::parse("box", "box_2").unwrap();
            assert_eq!(undo_marks(&mut conn, &elsewhere, now(then), Duration::from_mins(1)).await.unwrap(), 0);
            assert_eq!(undo_marks(&mut conn, &provider, now(then), Duration::from_mins(1)).await.unwrap(), undone);
        }
        let nobody = Subject::parse("nobody".to_owned()).unwrap();
        let which = Which { provider: &provider, subject: Some(&nobody), sid: None };
        assert!(list_dead(&mut conn, which, None, 10).await.unwrap().is_empty());
        let dead = list_dead(&mut conn, Which { subject: None, ..which }, None, 10).await.unwrap();
        assert_eq!(dead.len(), 1);
        assert!(revive(&mut conn, &dead[0]).await.unwrap());
        assert!(!revive(&mut conn, &dead[0]).await.unwrap());
        assert_eq!(stored(&mut conn).await.0.health, Health::Degraded);
        assert!(take(&mut conn, &attempt, now(start), Errand::Renew, LAPSED).await.unwrap().is_some());
        assert_eq!(release_all(&mut conn).await.unwrap(), 1);
        assert_eq!(stored(&mut conn).await.0.unclosed_by, Some(attempt.id));
    }
}
