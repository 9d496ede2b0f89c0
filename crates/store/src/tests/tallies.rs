//! What is counted: a batch of lines, or of pages, is added once, however often it is tried.

use super::*;
use domain::event::About;
use domain::served::Head;

fn line(number: u128, count: u32) -> AuditLine {
    let actor = Actor { client: Some("console".to_owned()), ..Actor::default() };
    let about = About { subject: Some("alice"), detail: Some("fed_token"), ..About::default() };
    AuditLine { count, ..AuditLine::new(id(number).0, moments()[1].0, Event::TokensServed, &actor, about) }
}

async fn counted(store: &Store) -> Vec<i64> {
    let mut conn = store.read().await.unwrap();
    conn::on!(&mut conn, |c| audit_lines::table.order(audit_lines::id).select(audit_lines::count).load(c)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_counts_once() {
    for (store, _folder) in stores().await {
        let add = async |lines: &[AuditLine], batch: u128| {
            audit::add(&mut store.write().await.unwrap(), lines, id(batch).0).await.unwrap();
        };
        for _ in 0..2 {
            add(&[line(1, 3), line(2, 1)], 1).await;
            assert_eq!(counted(&store).await, [3, 1]);
        }
        for _ in 0..2 {
            add(&[line(1, 4), line(3, u32::MAX)], 2).await;
            assert_eq!(counted(&store).await, [7, 1, i64::from(u32::MAX)]);
        }
        let many: Vec<_> = (10..510).map(|number| line(number, 1)).collect();
        add(&many, 3).await;
        assert_eq!(counted(&store).await.len(), 503);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_of_pages_is_written_once() {
    for (store, _folder) in stores().await {
        let now = moments()[1];
        let begin = async |writer: u128, batch: u128| {
            served::begin(&mut store.write().await.unwrap(), id(writer).0, id(batch).0, now).await.unwrap()
        };
        assert!(begin(1, 1).await);
        assert!(!begin(1, 1).await, "it is tried again");
        assert!(begin(2, 1).await, "another writer's");
        assert!(begin(1, 2).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_is_folded_by_one_and_merged_by_one() {
    for (store, _folder) in stores().await {
        let head = |number: u128| {
            let (id, written) = (id(number).0, moments()[1].0);
            Head { id, writer: id, hour: 7, level: 0, entries: 500, folded: 0, written }
        };
        let mut conn = store.write().await.unwrap();
        for number in 1..=3 {
            served::insert(&mut conn, &head(number), vec![1, 2, 3]).await.unwrap();
        }
        assert_eq!(served::list(&mut conn).await.unwrap(), [head(1), head(2), head(3)]);
        assert!(served::fold(&mut conn, &head(1), 200).await.unwrap());
        assert!(!served::fold(&mut conn, &head(1), 200).await.unwrap(), "somebody else did");
        let begun = Head { folded: 200, ..head(1) };
        assert_eq!(served::list(&mut conn).await.unwrap().as_slice().first(), Some(&begun));
        assert!(!served::delete(&mut conn, &[head(1).id]).await.unwrap(), "some of it is in the record");
        assert!(served::fold(&mut conn, &begun, 500).await.unwrap());
        assert_eq!(served::find(&mut conn, head(1).id).await.unwrap(), None);
        assert!(served::delete(&mut conn, &[head(2).id]).await.unwrap());
        assert!(!served::delete(&mut conn, &[head(2).id, head(3).id]).await.unwrap(), "one of them is gone");
    }
}
