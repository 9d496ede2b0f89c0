//! Confirmations: what many do at once to one of them.

use chrono::TimeDelta;

use super::super::confirm_phone_actions::{
    NewCode, delete_all, end, find, insert, list_live, look, renew, spend, sweep, verify,
};
use super::*;
use domain::account::{Address, Phone};
use domain::confirmation::{Confirmation, Purpose};

fn noon() -> At {
    moments()[1]
}

fn later(seconds: i64) -> At {
    At(noon().0 + TimeDelta::seconds(seconds))
}

fn action(token: u8, phone: &str) -> Confirmation {
    Confirmation {
        token_hash: vec![token; 32],
        purpose: Purpose::ConfirmPhone,
        address: Address::Phone(Phone::parse(phone).unwrap()),
        subject: None,
        code_mac: vec![token; 32],
        code_expires: later(60).0,
        looks: 0,
        is_verified: false,
        completed: None,
        expires: later(3600).0,
        created: noon().0,
        after_password: false,
    }
}

fn new_code(expires: At) -> NewCode {
    NewCode { mac: vec![9; 32], expires, after_password: true }
}

/// So many at once, each on a connection of its own; how many of them it was.
async fn at_once(store: &Store, count: usize, work: impl AsyncFn(&mut Conn) -> bool) -> usize {
    let tries = (0..count).map(async |_| work(&mut store.write().await.unwrap()).await);
    futures_util::future::join_all(tries).await.into_iter().filter(|did| *did).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_at_once_get_ten_looks() {
    for (store, _folder) in stores().await {
        let row = action(1, "+79990001234");
        insert(&mut store.write().await.unwrap(), &row).await.unwrap();
        let looked = async |conn: &mut Conn| {
            let given = look(conn, &row.token_hash, noon()).await.unwrap();
            assert!(given.is_none() || given.as_ref() == Some(&row.code_mac));
            given.is_some()
        };
        assert_eq!(at_once(&store, 100, looked).await, 10);
        let found = find(&mut store.write().await.unwrap(), &row.token_hash).await.unwrap().unwrap();
        assert_eq!((found.looks, found.is_verified), (10, false));
        // Another code leaves them counted; the right one gives its look back.
        let mut conn = store.write().await.unwrap();
        assert!(renew(&mut conn, &row.token_hash, new_code(later(90)), noon()).await.unwrap());
        assert_eq!(look(&mut conn, &row.token_hash, noon()).await.unwrap(), None);
        assert!(find(&mut conn, &row.token_hash).await.unwrap().unwrap().after_password);
        assert!(!verify(&mut conn, &row.token_hash, &row.code_mac, noon()).await.unwrap(), "that code is void");
        assert!(verify(&mut conn, &row.token_hash, &[9; 32], noon()).await.unwrap());
        assert_eq!(look(&mut conn, &row.token_hash, noon()).await.unwrap(), Some(vec![9; 32]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_confirmation_is_spent_once() {
    for (store, _folder) in stores().await {
        let row = action(1, "+79990001234");
        let mut conn = store.write().await.unwrap();
        insert(&mut conn, &row).await.unwrap();
        assert!(!spend(&mut conn, &row.token_hash, noon()).await.unwrap(), "not confirmed yet");
        assert!(verify(&mut conn, &row.token_hash, &row.code_mac, noon()).await.unwrap());
        assert!(!spend(&mut conn, &row.token_hash, later(3601)).await.unwrap(), "over");
        drop(conn);
        let spent = async |conn: &mut Conn| spend(conn, &row.token_hash, later(3600)).await.unwrap();
        assert_eq!(at_once(&store, 20, spent).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_over_is_not_used() {
    for (store, _folder) in stores().await {
        let row = action(1, "+79990001234");
        let mut conn = store.write().await.unwrap();
        insert(&mut conn, &row).await.unwrap();
        let hash = &row.token_hash;
        assert_eq!(look(&mut conn, hash, later(61)).await.unwrap(), None, "the code is over");
        assert!(look(&mut conn, hash, later(60)).await.unwrap().is_some());
        assert!(!renew(&mut conn, hash, new_code(later(4000)), later(3601)).await.unwrap());
        assert!(!verify(&mut conn, hash, &row.code_mac, later(3601)).await.unwrap());
        end(&mut conn, hash, later(1)).await.unwrap();
        assert_eq!(look(&mut conn, hash, later(2)).await.unwrap(), None);
        assert!(!renew(&mut conn, hash, new_code(later(90)), later(2)).await.unwrap());
        assert!(!verify(&mut conn, hash, &row.code_mac, later(2)).await.unwrap());
        assert_eq!(find(&mut conn, hash).await.unwrap().unwrap().completed, Some(later(1).0));
        sweep(&mut conn, later(3600)).await.unwrap();
        assert!(find(&mut conn, hash).await.unwrap().is_some(), "to the last moment");
        sweep(&mut conn, later(3601)).await.unwrap();
        assert!(find(&mut conn, hash).await.unwrap().is_none());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn live_codes_of_a_phone_are_listed_the_latest_first() {
    for (store, _folder) in stores().await {
        let mut conn = store.write().await.unwrap();
        let (ours, phone) = (account("elle"), "+79990001234");
        accounts::insert_if_absent(&mut conn, &ours).await.unwrap();
        let first = Confirmation { subject: Some(Subject::parse("elle").unwrap()), ..action(1, phone) };
        let second = Confirmation { code_expires: later(90).0, ..action(2, phone) };
        let others = Confirmation { code_expires: later(120).0, ..action(3, "+79990000002") };
        for row in [&first, &second, &others] {
            insert(&mut conn, row).await.unwrap();
        }
        let live = async |conn: &mut Conn, now: At| {
            let live = list_live(conn, &first.address, Purpose::ConfirmPhone, now).await.unwrap();
            live.iter().map(|row| row.token_hash[0]).collect::<Vec<_>>()
        };
        assert_eq!(live(&mut conn, later(60)).await, [2, 1]);
        assert_eq!(live(&mut conn, later(90)).await, [2]);
        assert_eq!(live(&mut conn, later(91)).await, [0_u8; 0]);
        assert!(verify(&mut conn, &second.token_hash, &second.code_mac, noon()).await.unwrap());
        assert_eq!(live(&mut conn, noon()).await, [1], "one that was typed is typed no more");
        delete_all(&mut conn, "elle").await.unwrap();
        assert_eq!(live(&mut conn, noon()).await, [0_u8; 0]);
        assert!(find(&mut conn, &second.token_hash).await.unwrap().is_some());
    }
}
