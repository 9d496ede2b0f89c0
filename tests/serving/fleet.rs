//! Several instances on one Postgres, as processes of their own: what one knows all know, and one that dies is missed by nobody.

use crate::support::fed::token;
use crate::support::fleet::Fleet;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_stand_in_for_each_other() {
    let mut fleet = Fleet::start(3).await;
    fleet.expired([("alice", "1")]);
    let fresh = token(&fleet.fed_token(0, "alice", "").await.expect("an answer"), "1");
    assert!(fleet.sandbox.is_active(&fresh));
    fleet.kill(0);
    fleet.fed_token(0, "alice", "").await.expect_err("it is dead");
    for index in [1, 2] {
        assert!(fleet.instance(index).is_ready());
        assert_eq!(token(&fleet.fed_token(index, "alice", "").await.expect("an answer"), "1"), fresh);
    }
    fleet.restart(0);
    assert_eq!(token(&fleet.fed_token(0, "alice", "").await.expect("an answer"), "1"), fresh);
    assert_eq!(fleet.sandbox.counts().token_refresh, 1);
}
