//! Codes and refresh tokens of ours: each is used once, by its own client, in its time.

use super::super::oauth_codes::{self, CodeRow};
use super::super::oauth_refresh_tokens::{self, RefreshTokenRow};
use super::*;

fn access(number: u8, family: Option<Uuid>) -> OauthTokenRow {
    OauthTokenRow {
        token_hash: vec![number; 32],
        id: id(u128::from(number)),
        client: text(),
        subject: Some(text()),
        scope: text(),
        issued: moments()[0],
        expires: moments()[2],
        family,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_go_there_and_back() {
    let [early, now, late] = moments();
    for (store, _folder) in stores().await {
        let mut conn = store.write().await.unwrap();
        let conn = &mut conn;
        let row = |number: u8, expires| CodeRow {
            code_hash: vec![number; 32],
            client: text(),
            subject: text(),
            redirect_uri: text(),
            scope: text(),
            code_challenge: text(),
            family: id(u128::MAX),
            used: false,
            expires,
        };
        for (number, expires) in [(1, early), (2, late)] {
            oauth_codes::insert(conn, &row(number, expires)).await.unwrap();
        }
        same(oauth_codes::find(conn, &[2; 32]).await.unwrap().unwrap(), row(2, late));
        let claim = async |conn: &mut Conn, number: u8, client: &str, now| {
            oauth_codes::claim(conn, &[number; 32], client, now).await.unwrap()
        };
        assert!(claim(conn, 2, "another's", now).await.is_none());
        assert!(claim(conn, 1, &text(), now).await.is_none(), "late");
        assert!(claim(conn, 2, &text(), late).await.is_none(), "late to the microsecond");
        same(claim(conn, 2, &text(), now).await.unwrap(), CodeRow { used: true, ..row(2, late) });
        assert!(claim(conn, 2, &text(), now).await.is_none(), "used");
        oauth_codes::sweep(conn, now).await.unwrap();
        assert!(oauth_codes::find(conn, &[1; 32]).await.unwrap().is_none());
        assert!(oauth_codes::find(conn, &[2; 32]).await.unwrap().unwrap().used);
        oauth_codes::delete(conn, &[2; 32]).await.unwrap();
        assert!(oauth_codes::find(conn, &[2; 32]).await.unwrap().is_none());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refresh_tokens_go_there_and_back_and_end_with_their_family() {
    let [early, now, late] = moments();
    for (store, _folder) in stores().await {
        let mut conn = store.write().await.unwrap();
        let conn = &mut conn;
        let row = |number: u8, (family, expires)| RefreshTokenRow {
            token_hash: vec![number; 32],
            client: text(),
            subject: text(),
            scope: text(),
            family: id(family),
            used: false,
            expires,
        };
        for (number, of) in [(1, (7, early)), (2, (7, late)), (3, (8, late)), (4, (7, late))] {
            oauth_refresh_tokens::insert(conn, &row(number, of)).await.unwrap();
        }
        same(oauth_refresh_tokens::find(conn, &[2; 32]).await.unwrap().unwrap(), row(2, (7, late)));
        let claim = async |conn: &mut Conn, number: u8, client: &str, now| {
            oauth_refresh_tokens::claim(conn, &[number; 32], client, now).await.unwrap()
        };
        assert!(!claim(conn, 2, "another's", now).await);
        assert!(!claim(conn, 1, &text(), now).await, "late");
        assert!(claim(conn, 2, &text(), now).await);
        assert!(!claim(conn, 2, &text(), now).await, "used");
        assert!(oauth_refresh_tokens::find(conn, &[2; 32]).await.unwrap().unwrap().used);
        oauth_refresh_tokens::sweep(conn, now).await.unwrap();
        assert!(oauth_refresh_tokens::find(conn, &[1; 32]).await.unwrap().is_none());

        for (number, family) in [(1, Some(id(7))), (2, Some(id(8))), (3, None), (4, Some(id(7)))] {
            oauth_tokens::insert(conn, &access(number, family)).await.unwrap();
        }
        oauth_refresh_tokens::delete_family(conn, id(7)).await.unwrap();
        let mut gone = oauth_tokens::delete_family(conn, id(7)).await.unwrap();
        gone.sort();
        assert_eq!(gone, [vec![1; 32], vec![4; 32]]);
        for (number, there) in [(2_u8, false), (3, true), (4, false)] {
            assert_eq!(oauth_refresh_tokens::find(conn, &[number; 32]).await.unwrap().is_some(), there, "{number}");
        }
        for (number, there) in [(1_u8, false), (2, true), (3, true), (4, false)] {
            assert_eq!(oauth_tokens::find(conn, &[number; 32]).await.unwrap().is_some(), there, "{number}");
        }
    }
}
