//! Connections that many reads share.

use super::super::conn::{Conn, Hold, PostgresHold};
use super::super::{Engine, Store};
use super::stores;

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
            assert_eq!(slot, expected, "beside {carried}");
            reads.push(conn);
        }
        // Who comes when there is room again, has it where the most go together.
        drop(reads.split_off(20));
        assert_eq!(read(&store).await.0, 1);
        drop(reads.remove(0));
        assert_eq!(read(&store).await.0, 0);
        // A lost one is not waited for while another has room.
        let (slot, mut lost) = read(&store).await;
        assert_eq!(slot, 0);
        lost.close();
        assert_eq!(read(&store).await.0, 1);
    }
}
