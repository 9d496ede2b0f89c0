//! What is counted of tries, at the edges of its window.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_that_is_over_starts_anew() {
    for (store, _folder) in stores().await {
        let [early, now, late] = moments();
        let mut conn = store.write().await.unwrap();
        let key = text();
        assert_eq!(attempts::count(&mut conn, &key, (early, now)).await.unwrap(), (1, now));
        assert_eq!(
            attempts::count(&mut conn, &key, (early, late)).await.unwrap(),
            (2, now),
            "a later try moves no end"
        );
        assert_eq!(attempts::count(&mut conn, "another", (early, late)).await.unwrap(), (1, late));
        // It is over at its end, not after it.
        assert_eq!(attempts::count(&mut conn, &key, (now, late)).await.unwrap(), (1, late));
        attempts::delete(&mut conn, "another").await.unwrap();
        assert_eq!(attempts::count(&mut conn, "another", (early, now)).await.unwrap(), (1, now));
        attempts::sweep(&mut conn, late).await.unwrap();
        assert_eq!(attempts::count(&mut conn, "another", (early, late)).await.unwrap(), (1, late), "swept");
        assert_eq!(attempts::count(&mut conn, &key, (early, late)).await.unwrap(), (2, late), "still to run");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mark_stands_from_when_it_was_made_last() {
    for (store, _folder) in stores().await {
        let [early, now, late] = moments();
        let mut conn = store.write().await.unwrap();
        let key = text();
        assert_eq!(attempts::find(&mut conn, &key, early).await.unwrap(), None);
        for expires in [now, late] {
            attempts::mark(&mut conn, &key, expires).await.unwrap();
            assert_eq!(attempts::find(&mut conn, &key, early).await.unwrap(), Some((1, expires)));
        }
        assert_eq!(attempts::find(&mut conn, &key, late).await.unwrap(), None, "over at its end");
    }
}
