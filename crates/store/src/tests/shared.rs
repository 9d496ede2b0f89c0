//! Connections that many reads share.

use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use diesel_async::RunQueryDsl as _;

use super::super::conn::{Conn, Hold, PostgresHold, on};
use super::super::{Engine, Store};
use super::stores;

/// The first place for reads of threads that have no home: homes come before.
const FIRST: usize = 4;
/// How many share those places.
const SHARED: usize = 4;

/// The place of the connection that a read gets, and the read.
async fn read(store: &Store) -> (usize, Conn) {
    let conn = store.read().await.unwrap();
    let Hold::Postgres(PostgresHold::Shared { slot, .. }) = &conn.0 else { panic!("it is alone") };
    (*slot, conn)
}

#[tokio::test]
async fn reads_go_together_until_a_connection_carries_many() {
    for (store, _folder) in stores().await {
        if !matches!(store.engine, Engine::Postgres(_)) {
            continue;
        }
        let mut reads = Vec::new();
        for carried in 0..100 {
            let (slot, conn) = read(&store).await;
            let expected = if carried < 64 { carried / 16 } else { carried % 4 };
            assert_eq!(slot, FIRST + expected, "beside {carried}");
            reads.push(conn);
        }
        // Who comes when there is room again, has it where the most go together.
        drop(reads.split_off(20));
        assert_eq!(read(&store).await.0, FIRST + 1);
        drop(reads.remove(0));
        assert_eq!(read(&store).await.0, FIRST);
        // A lost one is not waited for while another has room.
        let (slot, mut lost) = read(&store).await;
        assert_eq!(slot, FIRST);
        lost.close();
        assert_eq!(read(&store).await.0, FIRST + 1);
    }
}

/// How long anything here may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Runs `reads` on a thread that serves.
fn serve<R: Send + 'static>(
    store: &Arc<Store>,
    reads: impl AsyncFnOnce(&Store) -> R + Send + 'static,
) -> JoinHandle<R> {
    let store = Arc::clone(store);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        store.read_on_this_thread();
        runtime.block_on(async { tokio::time::timeout(LIMIT, reads(&store)).await }).unwrap()
    })
}

/// Waits for a thread, while the calling one drives what is shared.
async fn end<R: Send + 'static>(serving: JoinHandle<R>) -> R {
    tokio::task::spawn_blocking(move || serving.join().unwrap()).await.unwrap()
}

/// Reads until the calling thread's home is open; gives its place.
async fn move_in(store: &Store) -> usize {
    loop {
        let (place, _read) = read(store).await;
        if place < FIRST {
            return place;
        }
        tokio::task::yield_now().await;
    }
}

/// The Postgres of both engines.
async fn postgres() -> Arc<Store> {
    let [_, (store, _)] = stores().await;
    Arc::new(store)
}

/// As many connections for reads as are open, and as there may be.
fn reads_of(store: &Store) -> (usize, usize) {
    let pools = store.pools();
    let reads = pools.iter().find(|pool| pool.name == "reads").unwrap();
    (reads.in_use, reads.most)
}

#[tokio::test]
async fn on_sqlite_a_thread_that_serves_has_a_connection_at_hand() {
    let [(store, _folder), _] = stores().await;
    let store = Arc::new(store);
    let serving = serve(&store, async |store| {
        let mut at_hand = store.read().await.unwrap();
        let alone = reads_of(store).0;
        let _another = store.read().await.unwrap();
        (alone, reads_of(store).0, at_hand.begin().await.is_err())
    });
    assert_eq!(end(serving).await, (0, 1, true));
}

#[tokio::test]
async fn who_waits_for_no_home_reads_over_what_is_shared_meanwhile() {
    let store = postgres().await;
    let serving = serve(&store, async |store| {
        // Nothing is driven in between: nobody has opened it yet.
        let first = read(store).await.0;
        (first, move_in(store).await)
    });
    let (first, home) = end(serving).await;
    assert_eq!(first, FIRST);
    assert!(home < FIRST);
}

#[tokio::test]
async fn at_home_a_thread_needs_no_other_to_read() {
    let store = postgres().await;
    let (came, coming) = mpsc::channel();
    let (stood, standing) = mpsc::channel::<()>();
    let serving = serve(&store, async move |store| {
        move_in(store).await;
        came.send(()).unwrap();
        standing.recv_timeout(LIMIT).unwrap();
        tokio::time::timeout(LIMIT / 3, store.ping()).await.unwrap().unwrap();
        // A lost one is opened anew where it was.
        let (place, lost) = read(store).await;
        let Conn(Hold::Postgres(PostgresHold::Shared { slot, .. })) = store.read_instead(lost).await.unwrap() else {
            panic!("it is alone")
        };
        assert_eq!(slot, place);
        place
    });
    tokio::task::spawn_blocking(move || coming.recv_timeout(LIMIT).unwrap()).await.unwrap();
    // The store's own runtime stands still from here: it is this thread's.
    stood.send(()).unwrap();
    let place = serving.join().unwrap();
    assert_eq!(reads_of(&store), (1, SHARED), "its connection, which nobody drives any more, is nobody's");
    // Its home is free again.
    assert_eq!(end(serve(&store, async |store| (move_in(store).await, store.ping().await))).await.0, place);
}

#[tokio::test]
async fn a_home_that_cannot_be_opened_fails_no_read() {
    let store = postgres().await;
    // What is shared is open, and nothing else can be.
    store.ping().await.unwrap();
    let mut tx = store.begin().await.unwrap();
    let full = diesel::sql_query("UPDATE pg_database SET datallowconn = FALSE WHERE datname = current_database()");
    on!(tx.conn(), |c| full.execute(c)).unwrap();
    tx.commit().await.unwrap();
    let reads = async |store: &Store| {
        for _ in 0..100 {
            assert_eq!(read(store).await.0, FIRST);
            store.ping().await.unwrap();
        }
    };
    end(serve(&store, reads)).await;
    assert_eq!(reads_of(&store).0, 1);
}

#[tokio::test]
async fn who_carries_much_at_home_shares_the_rest() {
    let store = postgres().await;
    let serving = serve(&store, async |store| {
        let home = move_in(store).await;
        let mut reads = Vec::new();
        for _ in 0..32 {
            reads.push(read(store).await);
        }
        assert!(reads.iter().all(|(place, _)| *place == home));
        let beyond = read(store).await.0;
        drop(reads);
        (beyond, read(store).await.0 == home)
    });
    assert_eq!(end(serving).await, (FIRST, true));
}

#[tokio::test]
async fn there_are_homes_for_four_threads() {
    let store = postgres().await;
    let all = Arc::new(tokio::sync::Barrier::new(6));
    let threads: Vec<_> = (0..6)
        .map(|_| {
            let all = Arc::clone(&all);
            serve(&store, async move |store| {
                all.wait().await;
                let settled = reads_of(store).1 - SHARED;
                all.wait().await;
                settled
            })
        })
        .collect();
    for thread in threads {
        assert_eq!(end(thread).await, 4);
    }
    assert_eq!(reads_of(&store).1, SHARED);
}
