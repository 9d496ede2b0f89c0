//! Codes and refresh tokens of ours: each is used once, by its own client, in its time.

use super::super::Claim;
use super::super::oauth_codes;
use super::super::oauth_refresh_tokens;
use super::*;
use domain::issued::{AccessToken, AuthorizationCode, RefreshToken};
use domain::presented::Standing;

fn access(number: u8, family: Option<Uuid>) -> AccessToken {
    AccessToken {
        token_hash: vec![number; 32],
        id: id(u128::from(number)).0,
        client: client_id(),
        subject: Some(subject_id()),
        scope: text(),
        issued: moments()[0].0,
        expires: moments()[2].0,
        family: family.map(|id| id.0),
    }
}

async fn code(conn: &mut Conn, number: u8) -> Option<AuthorizationCode> {
    let found = oauth_codes::find_presented(conn, &[number; 32], crate::now(moments()[1].0)).await.unwrap();
    found.map(|(row, _)| row)
}

/// Claims a row as calls do, one after the other: whoever names the claim that it found gets it, once.
macro_rules! claims_one_of {
    ($conn:ident, $table:ident, $hash:expr, $now:ident) => {
        let [first, second, third] = [101, 102, 103].map(uuid::Uuid::from_u128);
        let now = crate::now($now.0);
        let standing = async |conn: &mut Conn| {
            let (_, seen) = $table::find_presented(conn, $hash, now).await.unwrap().unwrap();
            (seen.id(), seen.standing())
        };
        let claim =
            async |conn: &mut Conn, id, void| $table::claim(conn, $hash, Claim { id, void }, now).await.unwrap();
        assert_eq!(standing($conn).await, (None, Standing::Fresh));
        assert!(!claim($conn, first, Some(third)).await, "nobody has claimed it");
        assert!(claim($conn, first, None).await);
        assert!(!claim($conn, second, None).await, "claimed");
        assert_eq!(standing($conn).await, (Some(first), Standing::AtWork));
        $table::give_back($conn, $hash, second, now).await.unwrap();
        assert_eq!(standing($conn).await.1, Standing::AtWork, "another's");
        $table::give_back($conn, $hash, first, now).await.unwrap();
        assert_eq!(standing($conn).await.1, Standing::Void);
        assert!(claim($conn, second, Some(first)).await);
        assert!(!claim($conn, third, Some(first)).await, "it is the second's by now");
        $table::go_out($conn, $hash, first).await.unwrap();
        assert_eq!(standing($conn).await, (Some(second), Standing::AtWork), "the first has nothing to hand out");
        $table::go_out($conn, $hash, second).await.unwrap();
        $table::give_back($conn, $hash, second, now).await.unwrap();
        assert_eq!(standing($conn).await, (Some(second), Standing::Out));
        assert!(!claim($conn, third, Some(second)).await, "its tokens went out");
    };
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_go_there_and_back() {
    let [early, now, late] = moments();
    for (store, _folder) in stores().await {
        let mut conn = store.write().await.unwrap();
        let conn = &mut conn;
        let row = |number: u8, expires| AuthorizationCode {
            code_hash: vec![number; 32],
            client: client_id(),
            subject: subject_id(),
            redirect_uri: text(),
            scope: text(),
            code_challenge: text(),
            family: id(u128::MAX).0,
            is_used: false,
            expires,
        };
        for (number, expires) in [(1, early), (2, late)] {
            oauth_codes::insert(conn, &row(number, expires.0)).await.unwrap();
        }
        same(code(conn, 2).await.unwrap(), row(2, late.0));
        claims_one_of!(conn, oauth_codes, &[2; 32], now);
        oauth_codes::sweep(conn, now).await.unwrap();
        assert!(code(conn, 1).await.is_none());
        assert!(code(conn, 2).await.unwrap().is_used);
        oauth_codes::delete(conn, &[2; 32]).await.unwrap();
        assert!(code(conn, 2).await.is_none());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refresh_tokens_go_there_and_back_and_end_with_their_family() {
    let [early, now, late] = moments();
    for (store, _folder) in stores().await {
        let mut conn = store.write().await.unwrap();
        let conn = &mut conn;
        let row = |number: u8, (family, expires): (u128, At)| RefreshToken {
            token_hash: vec![number; 32],
            client: client_id(),
            subject: subject_id(),
            scope: text(),
            family: id(family).0,
            is_used: false,
            expires: expires.0,
            born_of: Some(id(u128::from(number)).0),
        };
        for (number, of) in [(1, (7, early)), (2, (7, late)), (3, (8, late)), (4, (7, late))] {
            oauth_refresh_tokens::insert(conn, &row(number, of)).await.unwrap();
        }
        same(oauth_refresh_tokens::find(conn, &[2; 32]).await.unwrap().unwrap(), row(2, (7, late)));
        claims_one_of!(conn, oauth_refresh_tokens, &[2; 32], now);
        oauth_refresh_tokens::sweep(conn, now).await.unwrap();
        assert!(oauth_refresh_tokens::find(conn, &[1; 32]).await.unwrap().is_none());

        for (number, family) in [(1, Some(id(7))), (2, Some(id(8))), (3, None), (4, Some(id(7)))] {
            oauth_tokens::insert(conn, &access(number, family)).await.unwrap();
        }
        for (family, there) in [(8, true), (7, false)] {
            // What a claim brought goes with its claim, in its family alone.
            oauth_refresh_tokens::delete_of_claim(conn, id(family).0, uuid::Uuid::from_u128(4)).await.unwrap();
            assert_eq!(oauth_refresh_tokens::find(conn, &[4; 32]).await.unwrap().is_some(), there);
            oauth_tokens::delete_of_claim(conn, id(family).0, uuid::Uuid::from_u128(4)).await.unwrap();
            assert_eq!(oauth_tokens::find(conn, &[4; 32]).await.unwrap().is_some(), there);
        }
        oauth_refresh_tokens::delete_family(conn, id(7).0).await.unwrap();
        let gone = oauth_tokens::delete_family(conn, id(7).0).await.unwrap();
        assert_eq!(gone, [vec![1; 32]]);
        for (number, there) in [(2_u8, false), (3, true), (4, false)] {
            assert_eq!(oauth_refresh_tokens::find(conn, &[number; 32]).await.unwrap().is_some(), there, "{number}");
        }
        for (number, there) in [(1_u8, false), (2, true), (3, true), (4, false)] {
            assert_eq!(oauth_tokens::find(conn, &[number; 32]).await.unwrap().is_some(), there, "{number}");
        }
    }
}
