//! What the database itself holds of keys: constraints, whatever the code above believes.

use super::*;
use domain::row_key::WrappedKeyOf;

/// Of every table whose rows have keys: a row names a key on record, made or rewrapped, and its key stays on record.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_name_keys_on_record_alone() {
    for (store, _folder) in stores().await {
        let [_, now, _] = moments();
        let mut tx = store.begin().await.unwrap();
        let conn = tx.conn();
        vault_keys::insert_if_absent(conn, "k", b"check value", now).await.unwrap();
        links_and_tokens_go_there_and_back(conn).await;
        flows_go_there_and_back(conn).await;
        assert!(revocations::insert(conn, &revoked::revocation(Some("1"), None)).await.is_ok());
        tx.commit().await.unwrap();
        for table in row_keys::Sealed::ALL {
            let first = async |store: &Store| {
                let mut conn = store.read().await.unwrap();
                let nil = uuid::Uuid::nil();
                row_keys::list_of_key(&mut conn, *table, "k", nil, 1).await.unwrap().remove(0)
            };
            let row = first(&store).await;
            let mut conn = store.write().await.unwrap();
            assert!(row_keys::replace(&mut conn, *table, &row, "unheard of", b"wrapped").await.is_err(), "{table:?}");
            assert!(!vault_keys::delete(&mut conn, "k").await.unwrap(), "{table:?} names it");
            vault_keys::insert_if_absent(&mut conn, "next", b"another", now).await.unwrap();
            let stale = WrappedKeyOf { row: row.row, wrapped_key: b"not what is there".to_vec() };
            assert!(!row_keys::replace(&mut conn, *table, &stale, "next", b"wrapped").await.unwrap());
            let name = table.name();
            let insert = format!("CREATE TABLE copied AS SELECT * FROM {name}");
            conn::on!(&mut conn, |c| c.batch_execute(&insert)).unwrap();
            let change = format!("DELETE FROM {name}; UPDATE copied SET key_id = 'unheard of'");
            conn::on!(&mut conn, |c| c.batch_execute(&change)).unwrap();
            // As the copy came out of the table, it goes in again; but for its key.
            let refused = format!("INSERT INTO {name} SELECT * FROM copied");
            let error = conn::on!(&mut conn, |c| c.batch_execute(&refused)).unwrap_err();
            assert!(error::is_foreign_key(&error), "{table:?}: {error:?}");
            let accepted = format!("UPDATE copied SET key_id = 'k'; {refused}; DROP TABLE copied");
            conn::on!(&mut conn, |c| c.batch_execute(&accepted)).unwrap();

            let mut moved = 0;
            while let Some(row) = {
                let nil = uuid::Uuid::nil();
                row_keys::list_of_key(&mut conn, *table, "k", nil, 1).await.unwrap().pop()
            } {
                assert!(row_keys::replace(&mut conn, *table, &row, "next", b"wrapped").await.unwrap());
                moved += 1;
            }
            assert_eq!(row_keys::count(&mut conn, *table).await.unwrap(), [("next".to_owned(), moved)]);
        }
        let mut conn = store.write().await.unwrap();
        assert!(vault_keys::delete(&mut conn, "k").await.unwrap(), "no row names it any more");
        assert!(!vault_keys::delete(&mut conn, "next").await.unwrap());
    }
}
