//! Counted lines: a batch is added once, however often it is tried.

use super::*;
use domain::event::About;

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
