//! Connections that many reads share.

use std::sync::Arc;

use super::super::conn::{Conn, Hold, PostgresHold};
use super::super::{Engine, Store};
use super::stores;

/// The first place for reads of threads that have no home.
const FIRST: usize = 4;

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
            let expected = if carried < 32 { carried / 16 } else { carried % 2 };
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

/// Runs `reads` on a thread that serves, to its end, while the calling thread drives nothing.
fn serve<R: Send + 'static>(store: &Arc<Store>, reads: impl AsyncFnOnce(&Store) -> R + Send + 'static) -> R {
    let store = Arc::clone(store);
    let serving = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        store.read_on_this_thread();
        runtime.block_on(reads(&store))
    });
    serving.join().unwrap()
}

#[tokio::test]
async fn a_thread_that_serves_needs_no_other_to_read() {
    for (store, _folder) in stores().await {
        let shares = matches!(store.engine, Engine::Postgres(_));
        let store = Arc::new(store);
        // The store's own runtime stands still meanwhile: it is this thread's.
        serve(&store, async |store| store.ping().await.unwrap());
        if !shares {
            continue;
        }
        let place = serve(&store, async |store| {
            let mut reads = Vec::new();
            for _ in 0..64 {
                reads.push(read(store).await);
            }
            assert!(reads.iter().all(|(slot, _)| *slot == reads[0].0));
            // A lost one is opened anew where it was.
            let (place, lost) = reads.pop().unwrap();
            let Conn(Hold::Postgres(PostgresHold::Shared { slot, .. })) = store.read_instead(lost).await.unwrap()
            else {
                panic!("it is alone")
            };
            assert_eq!(slot, place);
            place
        });
        assert!(place < FIRST);
        // Its place is free again, and its connection, which nobody drives any more, is nobody's.
        assert!(store.pools().iter().all(|pool| pool.name != "reads" || pool.in_use == 0));
        assert_eq!(serve(&store, async |store| (read(store).await.0, store.ping().await)).0, place);
    }
}

#[tokio::test]
async fn who_carries_much_at_home_shares_the_rest() {
    for (store, _folder) in stores().await {
        if !matches!(store.engine, Engine::Postgres(_)) {
            continue;
        }
        let store = Arc::new(store);
        let serving = Arc::clone(&store);
        // The shared ones are driven by this thread, which therefore waits elsewhere.
        let beyond = tokio::task::spawn_blocking(move || {
            serve(&serving, async |store| {
                let mut reads = Vec::new();
                for _ in 0..64 {
                    reads.push(read(store).await);
                }
                read(store).await.0
            })
        });
        assert_eq!(beyond.await.unwrap(), FIRST);
    }
}

#[tokio::test]
async fn there_are_homes_for_four_threads() {
    for (store, _folder) in stores().await {
        if !matches!(store.engine, Engine::Postgres(_)) {
            continue;
        }
        let (store, all) = (Arc::new(store), Arc::new(std::sync::Barrier::new(6)));
        let threads = (0..6).map(|_| {
            let (store, all) = (Arc::clone(&store), Arc::clone(&all));
            tokio::task::spawn_blocking(move || {
                serve(&store, async move |store| {
                    let place = read(store).await.0;
                    // Nobody goes before all have come.
                    all.wait();
                    place
                })
            })
        });
        let mut places = Vec::new();
        for thread in threads.collect::<Vec<_>>() {
            places.push(thread.await.unwrap());
        }
        places.sort_unstable();
        assert_eq!(places, [0, 1, 2, 3, FIRST, FIRST]);
    }
}
