//! What is counted of tries, at the edges of its window.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_that_is_over_starts_anew() {
    for (store, _folder) in stores().await {
        let [early, now, late] = moments();
        let mut conn = store.write().await.unwrap();
        let key = text();
        assert_eq!(attempts::count(&mut conn, &key, early, now).await.unwrap(), (1, now));
        assert_eq!(attempts::count(&mut conn, &key, early, late).await.unwrap(), (2, now), "a later try moves no end");
        assert_eq!(attempts::count(&mut conn, "another", early, late).await.unwrap(), (1, late));
        // It is over at its end, not after it.
        assert_eq!(attempts::count(&mut conn, &key, now, late).await.unwrap(), (1, late));
        attempts::delete(&mut conn, "another").await.unwrap();
        assert_eq!(attempts::count(&mut conn, "another", early, now).await.unwrap(), (1, now));
        attempts::sweep(&mut conn, late).await.unwrap();
        assert_eq!(attempts::count(&mut conn, "another", early, late).await.unwrap(), (1, late), "swept");
        assert_eq!(attempts::count(&mut conn, &key, early, late).await.unwrap(), (2, late), "still to run");
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_the_limit_tries_are_let_through_one_by_one() {
    for (store, _folder) in stores().await {
        let start = moments()[0].0;
        let after = |minutes: i64| At(start + chrono::TimeDelta::minutes(minutes));
        let mut conn = store.write().await.unwrap();
        let key = text();
        let mut counted = async |now: i64| {
            let openings = [1, 2, 4, 8, 15].map(|wait| after(now + wait));
            let found = attempts::count_spaced(&mut conn, &key, after(now)..after(now + 60), 2, openings).await;
            (found.unwrap(), attempts::find_opening(&mut conn, &key, after(now)).await.unwrap())
        };
        let rows = [
            (0, true, 1),
            (0, true, 1),
            (0, false, 1),
            (1, true, 3),
            (1, false, 3),
            (2, false, 3),
            (3, true, 7),
            (7, true, 15),
            (15, true, 30),
            (31, true, 46),
            (46, true, 60),
            (59, false, 60),
            (60, true, 61),
            (60, true, 61),
            (60, false, 61),
        ];
        for (now, let_through, opens) in rows {
            assert_eq!(counted(now).await, (let_through, Some(after(opens))), "{now}");
        }
    }
}
