//! The record read: each question is answered by an index, a page at a time, and pages follow each other whatever is added.

use super::across::{assert_searches, plan};
use super::*;
use crate::audit::{Page, Written, reading};
use domain::audit::{Order, Place, Search, Span};
use domain::event::About;

/// How many lines there are, ten of each second: of ten people, of two kinds, at three providers, of ten accounts each.
const MANY: u32 = 20_000;
const ORDERS: [Order; 2] = [Order::NewestFirst, Order::OldestFirst];

async fn crowd(store: &Store) {
    let mut conn = store.write().await.unwrap();
    let is_sqlite = conn.is_sqlite();
    let numbers = format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY})");
    let id = "('10000000-0000-4000-8000-' || (100000000000 + i))";
    let (id, at) = if is_sqlite {
        (id.to_owned(), "1790000000000000 + (i / 10) * 1000000")
    } else {
        (format!("CAST({id} AS uuid)"), "to_timestamp(1790000000 + i / 10)")
    };
    let fill = format!(
        "{numbers} INSERT INTO audit (id, at, event, subject, fp_type, fp_name, sid) SELECT {id}, {at}, \
         CASE WHEN i % 2 = 0 THEN 'SIGNED_IN' ELSE 'SIGNED_OUT' END, 'u' || (i % 10), 'box', 'box_' || (i % 3), 's' || (i % 10) FROM n"
    );
    conn.batch(&fill).await.unwrap();
    if !is_sqlite {
        conn.batch("ANALYZE").await.unwrap();
    }
}

fn second(number: i64) -> DateTime<chrono::Utc> {
    DateTime::from_timestamp(1_790_000_000 + number, 0).unwrap()
}

fn search(subject: Option<&str>, events: &[Event], name: Option<&str>, sid: Option<&str>) -> Search {
    let provider = name.map(|name| ProviderId::parse("box", name).unwrap());
    let sid = sid.map(|sid| Sid::parse(sid).unwrap());
    Search::new(subject.map(|id| Subject::parse(id).unwrap()), events.to_vec(), provider, sid).unwrap()
}

async fn read(store: &Store, search: &Search, page: Page) -> Vec<Written> {
    let mut lists = store.lists(Until::within(Duration::from_mins(1))).await.unwrap();
    lists.list_written(search, &page).await.unwrap()
}

/// The numbers of lines, by their ids.
fn numbers(written: &[Written]) -> Vec<u64> {
    written.iter().map(|written| u64::try_from(written.place.id.as_u128() & 0xFFFF_FFFF_FFFF).unwrap()).collect()
}

/// What the id of a line of this number ends with: its digits, read as hexadecimal.
fn number(i: u32) -> u64 {
    u64::from_str_radix(&(100_000_000_000 + u64::from(i)).to_string(), 16).unwrap()
}

/// Of which lines it holds.
type Fits = fn(u32) -> bool;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_question_is_answered_by_an_index() {
    let both = [Event::SignedIn, Event::SignedOut];
    let all: Fits = |_| true;
    for (store, _folder) in stores().await {
        crowd(&store).await;
        for (search, index, fits) in [
            (search(None, &[], None, None), "audit_at", all),
            (search(Some("u7"), &[], None, None), "audit_subject", |i| i % 10 == 7),
            (search(None, &[Event::SignedIn], None, None), "audit_event", |i| i % 2 == 0),
            (search(None, &[Event::SignedIn], Some("box_1"), None), "audit_event", |i| i % 2 == 0),
            (search(None, &both, None, None), "audit_event", all),
            (search(None, &[], Some("box_1"), Some("s4")), "audit_sid", |i| i % 3 == 1 && i % 10 == 4),
            (search(Some("u4"), &both, Some("box_1"), Some("s4")), "audit_sid", |i| i % 3 == 1 && i % 10 == 4),
            (search(None, &[], Some("box_1"), None), "audit_at", all),
        ] {
            // From the hundredth second on and up to before the thousandth.
            let span = Span::new(Some(second(100)), Some(second(1000)));
            let mut expected: Vec<u64> = (1000..10_000).filter(|i| fits(*i)).map(number).collect();
            for order in ORDERS {
                let page = Page { span, order, limit: 100 };
                let plan = plan(&store, |how| reading(&search, &page, how)).await;
                assert!(plan.iter().any(|step| step.contains(index)), "no {index} in {plan:#?}");
                assert!(!plan.iter().any(|step| step.contains("Filter")), "what is read fits: {plan:#?}");
                // A page of each of several kinds is read from end to end, and merged.
                let is_one = search.events().len() < 2 || index != "audit_event";
                let steps: Vec<String> = plan.into_iter().filter(|step| is_one || step != "SCAN page").collect();
                assert_searches(&steps, is_one.then_some(index));
                expected.sort_unstable();
                if order == Order::NewestFirst {
                    expected.reverse();
                }
                assert_eq!(numbers(&read(&store, &search, page).await), expected[..100], "{search:?} {order:?}");
            }
        }
        assert!(
            read(
                &store,
                &Search::default(),
                Page { span: Span::new(Some(second(2)), Some(second(1))), order: ORDERS[0], limit: 9 }
            )
            .await
            .is_empty()
        );
    }
}

/// A line of the tenth second, whose id is the number.
fn line(number: u128) -> AuditLine {
    let about = About { subject: Some("u7"), ..About::default() };
    AuditLine::new(id(number).0, second(10), Event::SignedIn, &Actor::default(), about)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_miss_nothing_and_repeat_nothing_while_lines_of_the_same_moment_are_added() {
    for (store, _folder) in stores().await {
        let mut conn = store.write().await.unwrap();
        for number in (100..200).step_by(2) {
            audit::insert(&mut conn, &line(number)).await.unwrap();
        }
        for (round, order) in ORDERS.into_iter().enumerate() {
            let (mut seen, mut span) = (Vec::new(), Span::new(None, None));
            let mut added = 101 + 2 * u128::try_from(round).unwrap();
            loop {
                let page = Page { span, order, limit: 7 };
                let found = read(&store, &search(Some("u7"), &[], None, None), page).await;
                let Some(last) = found.last() else { break };
                span = span.behind(last.place, order);
                seen.extend(numbers(&found));
                // Before, among and behind what was read.
                audit::insert(&mut conn, &line(added)).await.unwrap();
                added += 4;
            }
            let once: std::collections::BTreeSet<u64> = seen.iter().copied().collect();
            assert_eq!(once.len(), seen.len(), "{order:?}: {seen:?}");
            let missed: Vec<u64> = (100..200).step_by(2).filter(|number| !once.contains(number)).collect();
            assert_eq!(missed, Vec::<u64>::new(), "{order:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_comes_back_as_it_was_written_and_what_nobody_knows_keeps_no_others_from_being_read() {
    for (store, _folder) in stores().await {
        let mut conn = store.write().await.unwrap();
        let subject = subject_id();
        let sid = "я".repeat(127);
        let provider = provider();
        let about = About {
            subject: Some(subject.as_str()),
            provider: Some(&provider),
            sid: Some(&sid),
            detail: Some("wrong_user"),
        };
        let actor = Actor {
            client: Some("aя\u{2011}𝄞".to_owned()),
            subject: Some("eve".to_owned()),
            claimed_ip: Some("2001:db8::1".to_owned()),
            claimed_agent: Some("\u{1F98A} %_'\"\\".to_owned()),
        };
        for (number, at) in [(1, moments()[1]), (2, moments()[2])] {
            let full = AuditLine::new(id(number).0, at.0, Event::BindRefused, &actor, about);
            audit::insert(&mut conn, &full).await.unwrap();
            let page = Page { span: Span::new(Some(at.0), None), order: Order::OldestFirst, limit: 9 };
            let found = read(&store, &Search::of(subject.clone()), page).await;
            same(found[0].line.as_ref().unwrap(), &full);
            assert_eq!(found[0].place, Place { at: at.0, id: full.id });
        }
        conn.batch("UPDATE audit SET event = 'NEWS_OF_TOMORROW', count = 5000000000").await.unwrap();
        let odd = AuditLine { count: 7, ..line(9) };
        audit::insert(&mut conn, &odd).await.unwrap();
        let page = Page { span: Span::new(None, None), order: Order::OldestFirst, limit: 9 };
        let found = read(&store, &Search::default(), page).await;
        assert_eq!(found.iter().map(|found| found.line.is_some()).collect::<Vec<_>>(), [true, false, false]);
        assert_eq!(found[0].line.as_ref(), Some(&odd));
    }
}
