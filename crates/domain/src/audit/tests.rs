use super::*;
use crate::event::{About, Actor};

fn subject(id: &str) -> Subject {
    Subject::parse(id).unwrap()
}

fn provider(name: &str) -> ProviderId {
    ProviderId::parse("box", name).unwrap()
}

fn sid(id: &str) -> Sid {
    Sid::parse(id).unwrap()
}

fn moment(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(second, 0).unwrap()
}

#[test]
fn a_search_goes_by_what_the_fewest_lines_have() {
    let (alice, of, account) = (subject("alice"), provider("a"), sid("1"));
    let events = [Event::SignedIn, Event::SignedOut];
    for (who, what, at, which, by, is_all) in [
        (false, false, false, false, By::Moment, true),
        (false, false, true, false, By::Moment, false),
        (false, true, false, false, By::Events(&events), true),
        (false, true, true, false, By::Events(&events), false),
        (true, false, false, false, By::Subject(&alice), true),
        (true, true, false, false, By::Subject(&alice), false),
        (true, false, true, false, By::Subject(&alice), false),
        (false, false, true, true, By::Account(&of, &account), true),
        (false, true, true, true, By::Account(&of, &account), false),
        (true, false, true, true, By::Account(&of, &account), false),
    ] {
        let events = if what { events.to_vec() } else { Vec::new() };
        let (who, at, which) = (who.then(|| alice.clone()), at.then(|| of.clone()), which.then(|| account.clone()));
        let search = Search::new(who, events, at, which).unwrap();
        assert_eq!((search.by(), search.is_all_it_goes_by()), (by, is_all), "{search:?}");
    }
    assert_eq!(Search::of(alice.clone()).by(), By::Subject(&alice));
    let wrong = Search::new(Some(alice), Vec::new(), None, Some(account)).unwrap_err().to_string();
    assert!(wrong.starts_with("sid goes with fp"), "{wrong}");
}

#[test]
fn a_line_fits_if_all_that_is_said_holds_of_it() {
    let (of, other) = (provider("a"), provider("b"));
    let about = About { subject: Some("alice"), provider: Some(&of), sid: Some("1"), detail: None };
    let line = AuditLine::new(Uuid::nil(), moment(0), Event::Linked, &Actor::default(), about);
    let nothing = AuditLine::new(Uuid::nil(), moment(0), Event::KeyActivated, &Actor::default(), About::default());
    for (who, what, at, which, fits) in [
        (None, vec![], None, None, true),
        (Some("alice"), vec![Event::Linked, Event::Unlinked], Some(&of), Some("1"), true),
        (Some("bob"), vec![], None, None, false),
        (None, vec![Event::Unlinked], None, None, false),
        (None, vec![], Some(&other), None, false),
        (None, vec![], Some(&of), Some("2"), false),
    ] {
        let search = Search::new(who.map(subject), what, at.cloned(), which.map(sid)).unwrap();
        assert_eq!(search.fits(&line), fits, "{search:?}");
        assert_eq!(search.fits(&nothing), search == Search::default(), "{search:?}");
    }
}

#[test]
fn what_comes_behind_a_place_is_less_and_never_more() {
    let span = Span::new(Some(moment(10)), Some(moment(20)));
    assert_eq!((span.after(), span.before()), (Place::before(moment(10)), Place::before(moment(20))));
    let place = Place { at: moment(15), id: Uuid::from_u128(7) };
    let newest = span.behind(place, Order::NewestFirst);
    assert_eq!((newest.after(), newest.before()), (span.after(), place));
    let oldest = span.behind(place, Order::OldestFirst);
    assert_eq!((oldest.after(), oldest.before()), (place, span.before()));
    let outside = [Place::before(moment(30)), Place::before(moment(5))];
    assert_eq!(span.behind(outside[0], Order::NewestFirst), span);
    assert_eq!(span.behind(outside[1], Order::OldestFirst), span);
    let all = Span::new(None, None);
    assert!(all.after() < place && place < all.before());
}

#[test]
fn events_are_read_by_their_names_each_once() {
    assert_eq!(events("SIGNED_IN").unwrap(), [Event::SignedIn]);
    let twice = "SIGNED_OUT,SIGNED_IN,SIGNED_OUT";
    assert_eq!(events(twice).unwrap(), [Event::SignedOut, Event::SignedIn]);
    for wrong in ["", "signed_in", "SIGNED_IN,", "SIGNED_IN, SIGNED_OUT", "SIGNED_IN SIGNED_OUT"] {
        let words = events(wrong).unwrap_err().to_string();
        assert!(words.starts_with("type must be names of events"), "{wrong}: {words}");
    }
}
