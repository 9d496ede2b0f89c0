//! The statements that change a flow do in the database what the moves of the domain say: every one of them, at every stage,
//! by whoever read the flow at any other, in time and too late.

use chrono::TimeDelta;

use super::*;
use domain::flow::{Arrival, Leg};

/// A change of the flow; what it gives is the flow after it, none if nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Move {
    AwaitSignIn,
    Open,
    OpenFor,
    Reopen,
    ReopenFor,
    ReopenAnothers,
    Claim,
    ClaimAnother,
    Arrive,
    ArriveAtTheApp,
    Confirm,
    Take,
    TakeAnothers,
    TakeAnother,
    Delete,
}

impl Move {
    /// Whether it matters to it how the flow was read.
    fn is_of_what_was_read(self) -> bool {
        matches!(
            self,
            Self::Reopen
                | Self::ReopenFor
                | Self::ReopenAnothers
                | Self::Arrive
                | Self::ArriveAtTheApp
                | Self::Confirm
                | Self::Delete
        )
    }

    /// Whether somebody makes it who may not, at no stage.
    fn is_refused(self) -> bool {
        matches!(self, Self::ReopenAnothers | Self::ClaimAnother | Self::TakeAnothers | Self::TakeAnother)
    }
}

const MOVES: [Move; 15] = [
    Move::AwaitSignIn,
    Move::Open,
    Move::OpenFor,
    Move::Reopen,
    Move::ReopenFor,
    Move::ReopenAnothers,
    Move::Claim,
    Move::ClaimAnother,
    Move::Arrive,
    Move::ArriveAtTheApp,
    Move::Confirm,
    Move::Take,
    Move::TakeAnothers,
    Move::TakeAnother,
    Move::Delete,
];

/// What a change is made with.
struct With {
    cookie_hash: Vec<u8>,
    subject: Subject,
    client: ClientId,
    now: chrono::DateTime<chrono::Utc>,
}

impl With {
    fn expires(&self) -> chrono::DateTime<chrono::Utc> {
        self.now + TimeDelta::minutes(1)
    }

    fn leg(&self, is_for: bool) -> Leg<'_> {
        let subject = is_for.then_some(&self.subject);
        Leg { subject, state_hash: b"newer", sealed: b"trip", now: self.now, expires: self.expires() }
    }

    fn arrival(&self, code_hash: Option<Vec<u8>>) -> Arrival {
        let sid = Sid::parse("elle").unwrap();
        Arrival {
            sid,
            user_name: Some("Elle".to_owned()),
            sealed: b"grant".to_vec(),
            code_hash,
            expires: self.expires(),
        }
    }

    /// What the domain says: whether there is a change, and the flow after it, if it is still there.
    fn decide(&self, one: Move, there: &Flow, read: &Flow) -> (bool, Option<Flow>) {
        let gone = |is_gone: bool| (is_gone, (!is_gone).then(|| there.clone()));
        let moved = |moved: Option<Flow>| (moved.is_some(), moved.or_else(|| Some(there.clone())));
        let another = ClientId::parse("another").unwrap();
        match one {
            Move::AwaitSignIn => moved(there.await_sign_in(&self.cookie_hash, self.now, self.expires())),
            Move::Open => moved(there.open(&self.cookie_hash, &self.leg(false))),
            Move::OpenFor => moved(there.open(&self.cookie_hash, &self.leg(true))),
            Move::Reopen => moved(there.reopen(read, &self.cookie_hash, &self.leg(false))),
            Move::ReopenFor => moved(there.reopen(read, &self.cookie_hash, &self.leg(true))),
            Move::ReopenAnothers => moved(there.reopen(read, b"another", &self.leg(false))),
            Move::Claim => moved(there.claim_answer(b"state", self.now)),
            Move::ClaimAnother => moved(there.claim_answer(b"another", self.now)),
            Move::Arrive => moved(there.arrive(read, &self.arrival(None))),
            Move::ArriveAtTheApp => moved(there.arrive(read, &self.arrival(Some(b"code".to_vec())))),
            Move::Confirm => moved(there.confirm(read, b"code", self.now, self.expires())),
            Move::Take => gone(there.is_taken_by(b"code", &self.client, self.now)),
            Move::TakeAnothers => gone(there.is_taken_by(b"code", &another, self.now)),
            Move::TakeAnother => gone(there.is_taken_by(b"another", &self.client, self.now)),
            Move::Delete => gone(there.is_still(read)),
        }
    }

    /// Makes the change in the database; says whether there was one.
    async fn make(&self, one: Move, conn: &mut Conn, read: &Flow) -> bool {
        let another = ClientId::parse("another").unwrap();
        let (now, expires) = (self.now, self.expires());
        let done = match one {
            Move::AwaitSignIn => flows::await_sign_in(conn, read.id, &self.cookie_hash, now, expires).await,
            Move::Open => flows::open(conn, read.id, &self.cookie_hash, &self.leg(false)).await,
            Move::OpenFor => flows::open(conn, read.id, &self.cookie_hash, &self.leg(true)).await,
            Move::Reopen => flows::reopen(conn, read, &self.cookie_hash, &self.leg(false)).await,
            Move::ReopenFor => flows::reopen(conn, read, &self.cookie_hash, &self.leg(true)).await,
            Move::ReopenAnothers => flows::reopen(conn, read, b"another", &self.leg(false)).await,
            Move::Claim => flows::claim_answer(conn, read.id, b"state", self.now).await,
            Move::ClaimAnother => flows::claim_answer(conn, read.id, b"another", self.now).await,
            Move::Arrive => flows::arrive(conn, read, &self.arrival(None)).await,
            Move::ArriveAtTheApp => flows::arrive(conn, read, &self.arrival(Some(b"code".to_vec()))).await,
            Move::Confirm => flows::confirm(conn, read, b"code", now, expires).await,
            Move::Take => flows::take_pending(conn, b"code", &self.client, self.now).await.map(|it| it.is_some()),
            Move::TakeAnothers => flows::take_pending(conn, b"code", &another, self.now).await.map(|it| it.is_some()),
            Move::TakeAnother => {
                flows::take_pending(conn, b"another", &self.client, self.now).await.map(|it| it.is_some())
            }
            Move::Delete => flows::delete(conn, read).await,
        };
        done.unwrap()
    }
}

/// One flow at each stage and on several trips, with something sealed and without.
fn flows_of_one(with: &With) -> Vec<Flow> {
    let visit = || Visit { cookie_hash: with.cookie_hash.clone(), opened: with.now };
    let account = |sid: &str| ProviderAccount { sid: Sid::parse(sid).unwrap(), user_name: None };
    let stages = [
        (Stage::Instructed, 1),
        (Stage::SigningIn(visit()), 1),
        (Stage::AtProvider { visit: visit(), state_hash: Some(b"state".to_vec()) }, 1),
        (Stage::AtProvider { visit: visit(), state_hash: None }, 1),
        (Stage::AtProvider { visit: visit(), state_hash: None }, 2),
        (Stage::Confirming { visit: visit(), account: account("oleg") }, 1),
        (Stage::Confirming { visit: visit(), account: account("nina") }, 2),
        (Stage::Pending { visit: visit(), account: account("oleg"), code_hash: b"code".to_vec() }, 1),
    ];
    let [bare, ..] = flow_at_each_stage();
    let flow = |stage, sealed| Flow {
        client: with.client.clone(),
        callback: "https://app.example/".to_owned(),
        wrapped_key: Vec::new(),
        created: with.now,
        expires: with.expires(),
        sealed,
        stage,
        ..bare.clone()
    };
    stages
        .into_iter()
        .flat_map(|(stage, trip)| [Some(vec![trip]), None].map(|sealed| flow(stage.clone(), sealed)))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_statement_does_what_the_move_says() {
    let opened = moments()[1].0;
    let with = |now| With {
        cookie_hash: b"cookie".to_vec(),
        subject: Subject::parse("alice").unwrap(),
        client: ClientId::parse("console").unwrap(),
        now,
    };
    let flows = flows_of_one(&with(opened));
    for (store, _folder) in stores().await {
        let mut tx = store.begin().await.unwrap();
        let conn = tx.conn();
        vault_keys::insert_if_absent(conn, "k", b"check value", moments()[1]).await.unwrap();
        let mut made = Vec::new();
        for (there, read) in flows.iter().flat_map(|there| flows.iter().map(move |read| (there, read))) {
            for (one, late) in MOVES.into_iter().flat_map(|one| [(one, 0), (one, 60)]) {
                if there != read && (late > 0 || !one.is_of_what_was_read()) {
                    continue;
                }
                let with = with(opened + TimeDelta::seconds(late));
                flows::insert(conn, there).await.unwrap();
                let (changes, expected) = with.decide(one, there, read);
                let about = format!("{one:?} {late} s later: {there:?}, read as {read:?}");
                assert_eq!(with.make(one, conn, read).await, changes, "{about}");
                if changes && !made.contains(&one) {
                    made.push(one);
                }
                assert_eq!(flows::find(conn, there.id).await.unwrap(), expected, "{about}");
                if let Some(left) = expected {
                    assert!(flows::delete(conn, &left).await.unwrap());
                }
            }
        }
        for one in MOVES {
            assert_eq!(made.contains(&one), !one.is_refused(), "{one:?}");
        }
    }
}
