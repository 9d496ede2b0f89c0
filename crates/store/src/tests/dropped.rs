//! A transaction that is dropped leaves nothing, and blocks nobody.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_is_dropped_leaves_nothing_and_blocks_nobody() {
    for (store, _folder) in stores().await {
        let mut tx = store.begin().await.unwrap();
        accounts::insert_if_absent(tx.conn(), &account("dropped")).await.unwrap();
        drop(tx);
        // A caller who hangs up in the middle of a query, or before the transaction has begun. SQLite may be quicker than
        // the first look at it, though not every time.
        let mut cut_off = 0;
        for _ in 0..20 {
            let mut tx = store.begin().await.unwrap();
            let row = account("cut off");
            cut_off += u32::from(accounts::insert_if_absent(tx.conn(), &row).now_or_never().is_none());
            drop(tx);
            cut_off += u32::from(Box::pin(store.begin()).now_or_never().is_none());
        }
        assert!(cut_off > 0, "none was under way");

        let mut tx = store.begin().await.unwrap();
        assert!(accounts::insert_if_absent(tx.conn(), &account("kept")).await.unwrap());
        tx.commit().await.unwrap();
        let mut conn = store.read().await.unwrap();
        for (subject, there) in [("dropped", false), ("cut off", false), ("kept", true)] {
            let found = accounts::find(&mut conn, &Subject::parse(subject).unwrap()).await.unwrap();
            assert_eq!(found.is_some(), there, "{subject}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_of_a_transaction_is_done_once_it_is_true_and_never_if_it_is_not() {
    for (store, _folder) in stores().await {
        let done = Arc::new(Mutex::new(Vec::new()));
        let note = |what: &'static str| {
            let done = Arc::clone(&done);
            move || done.lock().unwrap().push(what)
        };
        let mut tx = store.begin().await.unwrap();
        accounts::insert_if_absent(tx.conn(), &account("dropped")).await.unwrap();
        tx.then(note("dropped"));
        drop(tx);
        let mut tx = store.begin().await.unwrap();
        tx.then(note("first"));
        tx.then(note("second"));
        assert!(done.lock().unwrap().is_empty(), "not before");
        tx.commit().await.unwrap();
        assert_eq!(*done.lock().unwrap(), ["first", "second"]);
    }
}
