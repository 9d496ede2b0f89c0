//! The outbox, on both engines: the order of a lane is the order of its commits, nothing that waits loses its lane, and nobody waits
//! in a circle.

use std::sync::Arc;

use chrono::TimeDelta;
use tokio::sync::Notify;

use super::*;
use crate::outbox::{
    DueLane, Failure, Gone, Head, Letter, done, find_head, forget_person, give_up, list_dead, list_due, put_off,
    revive, sweep, take, tidy, write,
};
use crate::schema::{outbox, outbox_lanes};
use domain::outbox::Told;

const NOON: &str = "2026-11-27T12:00:00Z";

fn noon() -> chrono::DateTime<chrono::Utc> {
    DateTime::parse_from_rfc3339(NOON).unwrap().to_utc()
}

/// What a test writes with: by the database's clock on Postgres.
fn now_of_tests() -> Now {
    crate::now(noon())
}

/// An event of an account, or of none.
fn told(number: u128, subject: Option<&str>, sid: Option<&str>) -> Told {
    Told {
        id: id(number).0,
        at: noon(),
        event: "FEDERATION_POINT_BOUND".to_owned(),
        subject: subject.map(str::to_owned),
        provider: sid.map(|_| ("box".to_owned(), "box_1".to_owned())),
        sid: sid.map(str::to_owned),
        reason: Some("proven".to_owned()),
        replayed: false,
    }
}

fn letter(number: u128, sid: &str) -> Letter {
    Letter { endpoint: "crm".to_owned(), told: told(number, Some("alice"), Some(sid)), now: now_of_tests() }
}

async fn queue(store: &Store, letters: Vec<Letter>) {
    let mut tx = store.begin().await.unwrap();
    tx.post(letters);
    tx.commit().await.unwrap();
}

async fn head(store: &Store, sid: &str) -> Option<Head> {
    let lane = letter(0, sid).told.lane();
    find_head(&mut store.read().await.unwrap(), "crm", lane, now_of_tests()).await.unwrap()
}

/// The ids of what waits in a lane, in order.
async fn order(store: &Store, sid: &str) -> Vec<u128> {
    let lane = Uuid(letter(0, sid).told.lane());
    let mut conn = store.read().await.unwrap();
    let waiting = outbox::table.filter(outbox::lane.eq(lane)).filter(outbox::dead_at.is_null());
    let ids: Vec<Uuid> = conn::on!(&mut conn, |c| waiting.order(outbox::seq.asc()).select(outbox::id).load(c)).unwrap();
    ids.iter().map(|id| id.0.as_u128()).collect()
}

async fn lanes(store: &Store) -> i64 {
    let mut conn = store.read().await.unwrap();
    conn::on!(&mut conn, |c| outbox_lanes::table.count().get_result(c)).unwrap()
}

async fn due(store: &Store) -> Vec<DueLane> {
    list_due(&mut store.read().await.unwrap(), "crm", now_of_tests(), 100).await.unwrap()
}

fn is_sqlite(folder: Option<&TempDir>) -> bool {
    folder.is_some()
}

/// Whether `waits` is still waiting after everything that does not wait has had its turn.
async fn is_held<F: Future + Unpin>(waits: &mut F) -> bool {
    for _ in 0..50 {
        if futures_util::poll!(&mut *waits).is_ready() {
            return false;
        }
        tokio::task::yield_now().await;
    }
    tokio::time::timeout(Duration::from_millis(50), waits).await.is_err()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_order_of_a_lane_is_the_order_of_its_commits() {
    for (store, folder) in stores().await {
        if is_sqlite(folder.as_ref()) {
            // A transaction there holds off every other.
            queue(&store, vec![letter(1, "a")]).await;
            queue(&store, vec![letter(2, "a")]).await;
        } else {
            let mut first = store.begin().await.unwrap();
            write(first.conn(), vec![letter(1, "a")]).await.unwrap();
            let mut second = store.begin().await.unwrap();
            {
                let mut waits = Box::pin(write(second.conn(), vec![letter(2, "a")]));
                assert!(is_held(&mut waits).await, "it takes no number before the first is there");
                // Another lane's do not wait.
                queue(&store, vec![letter(3, "b")]).await;
                first.commit().await.unwrap();
                waits.await.unwrap();
            }
            second.commit().await.unwrap();
        }
        assert_eq!(order(&store, "a").await, [1, 2]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_touches_the_same_lanes_in_other_orders_waits_in_no_circle() {
    for (store, _folder) in stores().await {
        let store = &store;
        let change = async |number: u128, sids: [&str; 3]| {
            for round in 0..20 {
                let mut tx = store.begin().await.unwrap();
                tx.post(sids.iter().zip(0_u128..).map(|(sid, place)| letter(number + round * 10 + place, sid)));
                tx.commit().await.expect("nobody is shot");
            }
        };
        tokio::join!(change(1_000, ["a", "b", "c"]), change(2_000, ["c", "b", "a"]), change(3_000, ["b", "a", "c"]));
        let [a, b, c] = [order(store, "a").await, order(store, "b").await, order(store, "c").await];
        assert_eq!((a.len(), b.len(), c.len()), (60, 60, 60));
        // Those that both wrote are in one order in every lane.
        let rounds = |lane: &[u128]| lane.iter().map(|id| id / 10).collect::<Vec<_>>();
        assert_eq!((rounds(&a), rounds(&b)), (rounds(&b), rounds(&c)));
    }
}

/// Somebody adds to a lane while the last letter in it is taken: its row must stay, or nobody would ever look again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_to_which_somebody_adds_stays_though_all_that_is_seen_of_it_was_taken() {
    for (store, folder) in stores().await {
        queue(&store, vec![letter(1, "a")]).await;
        let (last, lane) = (head(&store, "a").await.unwrap(), letter(1, "a").told.lane());
        if is_sqlite(folder.as_ref()) {
            queue(&store, vec![letter(2, "a")]).await;
            let mut tx = store.begin().await.unwrap();
            assert_eq!(done(tx.conn(), "crm", lane, &last, now_of_tests()).await.unwrap(), Gone::AndMoreWait);
            tx.commit().await.unwrap();
        } else {
            let mut adds = store.begin().await.unwrap();
            write(adds.conn(), vec![letter(2, "a")]).await.unwrap();
            let mut takes = store.begin().await.unwrap();
            {
                let mut waits = Box::pin(done(takes.conn(), "crm", lane, &last, now_of_tests()));
                assert!(is_held(&mut waits).await);
                adds.commit().await.unwrap();
                assert_eq!(waits.await.unwrap(), Gone::AndMoreWait);
            }
            takes.commit().await.unwrap();
        }
        assert_eq!((order(&store, "a").await, lanes(&store).await, due(&store).await.len()), (vec![2], 1, 1));
        // And the other way round: who adds waits for who takes, and makes the lane anew.
        let last = head(&store, "a").await.unwrap();
        let mut takes = store.begin().await.unwrap();
        assert_eq!(done(takes.conn(), "crm", lane, &last, now_of_tests()).await.unwrap(), Gone::WithItsLane);
        {
            let mut waits = Box::pin(queue(&store, vec![letter(3, "a")]));
            assert!(is_held(&mut waits).await);
            takes.commit().await.unwrap();
            waits.await;
        }
        assert_eq!((order(&store, "a").await, lanes(&store).await, due(&store).await.len()), (vec![3], 1, 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_taken_twice_is_gone_once() {
    for (store, _folder) in stores().await {
        queue(&store, vec![letter(1, "a"), letter(2, "a")]).await;
        let (first, lane) = (head(&store, "a").await.unwrap(), letter(1, "a").told.lane());
        for expected in [Gone::AndMoreWait, Gone::Before] {
            let mut tx = store.begin().await.unwrap();
            assert_eq!(done(tx.conn(), "crm", lane, &first, now_of_tests()).await.unwrap(), expected);
            tx.commit().await.unwrap();
        }
        assert_eq!(order(&store, "a").await, [2]);
        // Who read before it was put off says nothing any more.
        let stale = due(&store).await[0];
        for _ in 0..2 {
            put_off(&mut store.write().await.unwrap(), "crm", &stale, Duration::from_mins(1), now_of_tests())
                .await
                .unwrap();
        }
        let mut conn = store.read().await.unwrap();
        let attempts: i32 =
            conn::on!(&mut conn, |c| outbox_lanes::table.select(outbox_lanes::attempts).first(c)).unwrap();
        assert_eq!((attempts, due(&store).await.len()), (1, 0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_is_one_holders_until_its_lease_is_over() {
    for (store, folder) in stores().await {
        let (one, other) = (id(1).0, id(2).0);
        let later = |seconds: i64| crate::now(noon() + TimeDelta::seconds(seconds));
        let take = async |endpoint: &str, holder, now| {
            take(&mut store.write().await.unwrap(), endpoint, holder, now).await.unwrap()
        };
        assert!(take("crm", one, later(0)).await);
        assert!(!take("crm", other, later(0)).await && take("other", other, later(0)).await);
        assert!(take("crm", one, later(20)).await, "it makes it longer");
        if is_sqlite(folder.as_ref()) {
            // By the clock of the process; Postgres has one of its own.
            assert!(!take("crm", other, later(49)).await);
            assert!(take("crm", other, later(50)).await && !take("crm", one, later(51)).await);
            crate::outbox::release(&mut store.write().await.unwrap(), other, later(51)).await.unwrap();
            assert!(take("crm", one, later(51)).await);
        } else {
            crate::outbox::release(&mut store.write().await.unwrap(), one, later(0)).await.unwrap();
            assert!(take("crm", other, later(0)).await);
        }
    }
}

/// Makes a dead letter of the next of a lane.
async fn bury(store: &Store, sid: &str) {
    let (next, lane) = (head(store, sid).await.unwrap(), letter(0, sid).told.lane());
    let lane = due(store).await.into_iter().find(|due| due.lane == lane).expect("it is due");
    let mut tx = store.begin().await.unwrap();
    let failure = Failure { code: "status_500", now: now_of_tests() };
    assert!(give_up(tx.conn(), "crm", &lane, &next, failure).await.unwrap());
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_leaves_its_lane_and_comes_back_in_its_old_place() {
    for (store, _folder) in stores().await {
        queue(&store, vec![letter(1, "a"), letter(2, "a"), letter(3, "b")]).await;
        bury(&store, "a").await;
        bury(&store, "b").await;
        assert_eq!((order(&store, "a").await, order(&store, "b").await, lanes(&store).await), (vec![2], vec![], 1));
        let dead = list_dead(&mut store.read().await.unwrap(), "crm", 0, 10).await.unwrap();
        assert_eq!(dead.len(), 2);
        for revived in [2, 0] {
            let mut tx = store.begin().await.unwrap();
            assert_eq!(revive(tx.conn(), &dead, now_of_tests()).await.unwrap(), revived);
            tx.commit().await.unwrap();
        }
        assert_eq!((order(&store, "a").await, order(&store, "b").await, lanes(&store).await), (vec![1, 2], vec![3], 2));
        assert!(head(&store, "b").await.unwrap().told.replayed);
        // What waits is not queued twice; what is dead is queued by its line as well.
        queue(&store, vec![letter(1, "a")]).await;
        bury(&store, "b").await;
        queue(&store, vec![letter(3, "b")]).await;
        assert_eq!((order(&store, "a").await, order(&store, "b").await), (vec![1, 2], vec![3]));
        // A lane that somebody made in vain.
        let lane = letter(0, "c").told.lane();
        let mut tx = store.begin().await.unwrap();
        for lane in [lane, letter(0, "a").told.lane()] {
            tidy(tx.conn(), "crm", lane, now_of_tests()).await.unwrap();
        }
        tx.commit().await.unwrap();
        assert_eq!(lanes(&store).await, 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_forgotten_person_no_dead_letter_stays_or_comes_to_be_and_what_waits_is_told() {
    for (store, _folder) in stores().await {
        let of = |number, subject, sid| Letter { told: told(number, subject, Some(sid)), ..letter(0, "a") };
        queue(
            &store,
            vec![
                of(1, Some("alice"), "a"),
                of(2, Some("alice"), "a"),
                // Of her account, and naming nobody; of another who has it now; of somebody else.
                of(3, None, "b"),
                of(4, None, "b"),
                of(5, Some("bob"), "b"),
                of(6, Some("bob"), "c"),
            ],
        )
        .await;
        for sid in ["a", "b", "c"] {
            bury(&store, sid).await;
        }
        let mut tx = store.begin().await.unwrap();
        let accounts = [(provider(), Sid::parse("b").unwrap())];
        forget_person(tx.conn(), &Subject::parse("alice").unwrap(), &accounts).await.unwrap();
        tx.commit().await.unwrap();
        let dead = async || list_dead(&mut store.read().await.unwrap(), "crm", 0, 10).await.unwrap().len();
        assert_eq!((order(&store, "a").await, order(&store, "b").await, dead().await), (vec![2], vec![4, 5], 1));
        assert_eq!(head(&store, "a").await.unwrap().told.subject.as_deref(), Some("alice"));
        for sid in ["a", "b", "b"] {
            bury(&store, sid).await;
        }
        assert_eq!((lanes(&store).await, dead().await), (0, 2), "bob's alone");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_dead_letters_go_and_young_ones_stay() {
    for (store, _folder) in stores().await {
        queue(&store, vec![letter(1, "a"), letter(2, "b")]).await;
        bury(&store, "a").await;
        let mut conn = store.write().await.unwrap();
        assert!(!sweep(&mut conn, At(noon() - TimeDelta::days(3_000))).await.unwrap());
        assert_eq!(list_dead(&mut store.read().await.unwrap(), "crm", 0, 10).await.unwrap().len(), 1);
        assert!(!sweep(&mut conn, moments()[2]).await.unwrap());
        assert_eq!(list_dead(&mut store.read().await.unwrap(), "crm", 0, 10).await.unwrap().len(), 0);
        assert_eq!(order(&store, "b").await, [2], "what waits is no dead letter");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bell_is_rung_once_letters_can_be_read() {
    for (store, _folder) in stores().await {
        let bell = Arc::new(Notify::new());
        let mut undone = store.begin().await.unwrap();
        undone.post([letter(1, "a")]);
        undone.ring(&bell);
        drop(undone);
        let mut tx = store.begin().await.unwrap();
        tx.post([letter(2, "a")]);
        tx.ring(&bell);
        assert!(bell.notified().now_or_never().is_none());
        tx.commit().await.unwrap();
        assert!(bell.notified().now_or_never().is_some());
        assert_eq!(order(&store, "a").await, [2], "what is undone is told to nobody");
    }
}

/// Many letters of many endpoints, half of them dead, and as many lines of the record.
async fn crowd(store: &Store) {
    let is_sqlite = store.sqlite_path().is_some();
    let numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)";
    let id = "'00000000-0000-4000-8000-' || substr(CAST(100000000000 + i AS TEXT), 1, 12)";
    let (id, at, no, dead) = if is_sqlite {
        (format!("({id})"), "i", "0", "CASE WHEN i % 2 = 0 THEN i END")
    } else {
        (format!("CAST({id} AS uuid)"), "to_timestamp(i)", "false", "CASE WHEN i % 2 = 0 THEN to_timestamp(i) END")
    };
    let analyze = if is_sqlite { "" } else { "ANALYZE" };
    let statements = format!(
        "INSERT INTO outbox (seq, endpoint, lane, id, at, event, replayed, queued_at, forgotten, dead_at) {numbers} SELECT i, 'e' || (i % 50), \
         {id}, {id}, {at}, 'SIGNED_IN', {no}, {at}, {no}, {dead} FROM n; \
         INSERT INTO audit (id, at, event) {numbers} SELECT {id}, {at}, 'SIGNED_IN' FROM n; {analyze}"
    );
    let mut tx = store.begin().await.unwrap();
    tx.conn().batch(&statements).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_and_lines_are_read_from_an_index_in_their_order() {
    use super::across::{assert_searches, plan};
    use crate::outbox::{Page, Recorded, Which, letters_statement, record_statement};
    for (store, _folder) in stores().await {
        crowd(&store).await;
        let mut lists = store.lists(Until::within(Duration::from_mins(1))).await.unwrap();
        for (dead, endpoint, index, first) in [
            (false, None, "outbox_waiting", ("e1", 51)),
            (true, None, "outbox_dead", ("e10", 10)),
            (false, Some("e7"), "outbox_waiting", ("e7", 7)),
            (true, Some("e8"), "outbox_dead", ("e8", 8)),
        ] {
            let which = Which { dead, endpoint: endpoint.map(str::to_owned) };
            let page = |after: (&str, i64)| Page { after: (after.0.to_owned(), after.1), limit: 2 };
            let plan = plan(&store, |how| letters_statement(&which, &page(("e0", 50)), how)).await;
            let searched: Vec<String> = plan.iter().filter(|step| !step.contains("outbox_lanes")).cloned().collect();
            assert_searches(&searched, Some(index));
            let after = match (endpoint, dead) {
                (Some(_), _) => ("", 0),
                (None, true) => ("e0", 20_000),
                (None, false) => ("e1", 1),
            };
            let found = lists.list_letters(&which, &page(after)).await.unwrap();
            assert_eq!((found[0].endpoint.as_str(), found[0].seq), first);
            let rest = lists.list_letters(&which, &page((&found[0].endpoint, found[0].seq))).await.unwrap();
            assert_eq!((&rest[0].endpoint, rest[0].seq), (&found[1].endpoint, found[1].seq));
        }
        let moment = |number: i64| {
            let is_sqlite = store.sqlite_path().is_some();
            DateTime::from_timestamp_micros(if is_sqlite { number } else { number * 1_000_000 }).unwrap()
        };
        let after = Recorded::before(moment(10));
        let plan = plan(&store, |how| record_statement(&after, moment(15), 500, how)).await;
        assert_searches(&plan, Some("audit_at"));
        let found = lists.list_recorded(&after, moment(15), 500).await.unwrap();
        assert_eq!(found.iter().map(|line| line.at).collect::<Vec<_>>(), (10..15).map(moment).collect::<Vec<_>>());
        let rest = lists.list_recorded(&found[3], moment(15), 500).await.unwrap();
        assert_eq!(rest.len(), 1);
    }
}
