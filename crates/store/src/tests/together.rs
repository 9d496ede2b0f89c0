//! Writes that wait for SQLite's writer at the same time are one commit, and yet each is a transaction by itself.

use futures_util::future::join_all;
use tokio::task::yield_now;

use super::super::conn::SqliteHold;
use super::*;

async fn sqlite() -> (Store, TempDir) {
    let [(store, folder), _] = stores().await;
    (store, folder.unwrap())
}

/// Has all of `tasks` wait for the writer at the same time; gives what each was told.
async fn together<T>(store: &Store, tasks: Vec<T>) -> Vec<diesel::QueryResult<usize>>
where
    T: FnMut(&mut SqliteConnection) -> diesel::QueryResult<usize> + Send + 'static,
{
    let held = store.begin().await.unwrap();
    let told = tasks.into_iter().map(|task| {
        let Ok(Conn(Hold::Sqlite(SqliteHold::Together(writer)))) = store.write().now_or_never().unwrap() else {
            panic!("it is shared")
        };
        writer.submit(task).boxed()
    });
    let told: Vec<_> = told.collect();
    held.commit().await.unwrap();
    join_all(told).await
}

fn insert(subject: &str) -> String {
    format!("INSERT INTO accounts (subject, account_type, created) VALUES ('{subject}', 'resident', 0)")
}

fn run(conn: &mut SqliteConnection, sql: &str) -> diesel::QueryResult<usize> {
    diesel::RunQueryDsl::execute(diesel::sql_query(sql), conn)
}

async fn are_there(store: &Store, subjects: &[&str]) -> Vec<bool> {
    let mut conn = store.read().await.unwrap();
    let mut found = Vec::new();
    for subject in subjects {
        found.push(accounts::find(&mut conn, &Subject::parse(*subject).unwrap()).await.unwrap().is_some());
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_that_wait_at_the_same_time_are_one_commit() {
    let (store, _folder) = sqlite().await;
    let path = store.sqlite_path().unwrap().to_str().unwrap().to_owned();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let tasks = (0..5).map(|number| {
        let (path, seen) = (path.clone(), Arc::clone(&seen));
        move |conn: &mut SqliteConnection| {
            let written = run(conn, &insert(&number.to_string()));
            // Another connection sees what is committed.
            let mut other = SqliteConnection::establish(&path).unwrap();
            let count = super::super::schema::accounts::table.count();
            seen.lock().unwrap().push(diesel::RunQueryDsl::get_result::<i64>(count, &mut other).unwrap());
            written
        }
    });
    let told = together(&store, tasks.collect()).await;
    assert!(told.iter().all(|told| *told == Ok(1)), "{told:?}");
    assert_eq!(*seen.lock().unwrap(), [0; 5], "nothing is committed before the last has run");
    assert_eq!(are_there(&store, &["0", "1", "2", "3", "4"]).await, [true; 5]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_fails_takes_nobody_along() {
    let (store, _folder) = sqlite().await;
    // The second is undone by its constraint alone; ROLLBACK is what SQLite does by itself where a disk is full.
    for (round, verb) in ["INSERT", "INSERT OR ROLLBACK"].into_iter().enumerate() {
        let first = insert(&format!("{round}-1"));
        let statements = [first.clone(), first.replace("INSERT", verb), insert(&format!("{round}-2"))];
        let tasks = statements.map(|sql| move |conn: &mut SqliteConnection| run(conn, &sql));
        let told = together(&store, tasks.into()).await;
        assert!(matches!(told[..], [Ok(1), Err(_), Ok(1)]), "{told:?}");
        assert_eq!(are_there(&store, &[&format!("{round}-1"), &format!("{round}-2")]).await, [true; 2]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_told_of_a_write_whose_commit_failed() {
    let (store, _folder) = sqlite().await;
    // Foreign keys that are looked at when the transaction ends: its commit fails.
    let orphan = "INSERT INTO link_uses (link_id, last_used) VALUES ('nobody', 0)";
    let statements = [insert("1"), "PRAGMA defer_foreign_keys = ON".to_owned(), orphan.to_owned(), insert("2")];
    let tasks = statements.map(|sql| move |conn: &mut SqliteConnection| run(conn, &sql));
    let told = together(&store, tasks.into()).await;
    assert!(told.iter().all(std::result::Result::is_err), "{told:?}");
    assert_eq!(are_there(&store, &["1", "2"]).await, [false; 2]);

    // The writer goes on, and what failed is no part of what comes.
    let told = together(&store, vec![|conn: &mut SqliteConnection| run(conn, &insert("3"))]).await;
    assert_eq!(told, [Ok(1)]);
    assert_eq!(are_there(&store, &["1", "2", "3"]).await, [false, false, true]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_panics_is_told_of_and_the_writer_goes_on() {
    let (store, _folder) = sqlite().await;
    let statements = ["1", "panic", "2"];
    let tasks = statements.map(|subject| {
        move |conn: &mut SqliteConnection| {
            assert!(subject != "panic", "on purpose");
            run(conn, &insert(subject))
        }
    });
    let told = together(&store, tasks.into()).await;
    assert!(told.iter().all(std::result::Result::is_err), "{told:?}");
    let told = together(&store, vec![|conn: &mut SqliteConnection| run(conn, &insert("3"))]).await;
    assert_eq!(told, [Ok(1)]);
    assert_eq!(are_there(&store, &["1", "2", "3"]).await, [false, false, true]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_hangs_up_cancels_no_write() {
    let (store, _folder) = sqlite().await;
    let held = store.begin().await.unwrap();
    for subject in ["1", "2"] {
        let mut conn = store.write().await.unwrap();
        let row = account(subject);
        assert!(accounts::insert_if_absent(&mut conn, &row).now_or_never().is_none(), "it waits");
    }
    held.commit().await.unwrap();
    while are_there(&store, &["1", "2"]).await != [true; 2] {
        yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shared_writer_is_never_taken_for_ones_own() {
    let (store, _folder) = sqlite().await;
    let mut conn = store.write().await.unwrap();
    assert!(matches!(conn.0, Hold::Sqlite(SqliteHold::Together(_))) && conn.begin().await.is_err());
}
