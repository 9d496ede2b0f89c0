//! Revocations that wait go there and back.

use super::*;

pub(super) async fn go_there_and_back(conn: &mut Conn) {
    let [early, now, late] = moments();
    vault_keys::insert_if_absent(conn, &text(), b"check value", now).await.unwrap();
    for (number, full) in [(5, false), (6, true)] {
        let row = Revocation {
            id: id(number).0,
            subject: full.then(subject_id),
            sid: full.then(|| Sid::parse("я".repeat(127)).unwrap()),
            erased_sid: full.then(text),
            key_id: text(),
            attempts: if full { i32::MAX - 1 } else { i32::MIN },
            retry_at: early.0,
            created: late.0,
            ..revocation(None, None)
        };
        revocations::insert(conn, &row).await.unwrap();
        let [due] = revocations::list_due(conn, "box", "box_1", early, 2).await.unwrap()[..] else { panic!("not one") };
        assert!(revocations::list_due(conn, "box", "box_2", early, 2).await.unwrap().is_empty());
        assert_eq!(revocations::list_providers(conn, early).await.unwrap(), [("box".to_owned(), "box_1".to_owned())]);
        let claimed = revocations::claim(conn, due, now).await.unwrap().unwrap();
        same(&claimed, Revocation { attempts: row.attempts + 1, retry_at: now.0, ..row.clone() });
        assert!(revocations::claim(conn, due, late).await.unwrap().is_none(), "it is taken");
        // Who took it before has no say any more.
        revocations::put_off(conn, &row, late).await.unwrap();
        assert_eq!(revocations::delete(conn, &row).await.unwrap(), None);
        revocations::put_off(conn, &claimed, late).await.unwrap();
        revocations::put_off_due(conn, &claimed, now, early).await.unwrap();
        assert!(revocations::list_due(conn, "box", "box_1", now, 2).await.unwrap().is_empty());
        assert!(revocations::list_providers(conn, now).await.unwrap().is_empty());
        let last = Revocation { retry_at: late.0, ..claimed };
        same(revocations::delete(conn, &last).await.unwrap().unwrap(), last);
    }
}

pub(super) fn revocation(sid: Option<&str>, subject: Option<&str>) -> Revocation {
    Revocation {
        id: id(1).0,
        subject: subject.map(|subject| Subject::parse(subject).unwrap()),
        provider: provider(),
        sid: sid.map(|sid| Sid::parse(sid).unwrap()),
        key_id: "k".to_owned(),
        wrapped_key: blob(),
        sealed: blob(),
        attempts: 0,
        retry_at: moments()[0].0,
        created: moments()[0].0,
        erased_sid: None,
    }
}
