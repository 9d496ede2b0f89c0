mod callers;

use uuid::Uuid;

use super::*;

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn link(number: u64) -> LinkId {
    LinkId(Uuid::from_u128(u128::from(number)))
}

fn may_ask(guard: &mut Guard, now: Duration, number: u64) -> Result<(), Duration> {
    guard.may_ask(now, link(number), Errand::Renew)
}

/// A guard that ten links have just shut.
fn shut(now: Duration) -> Guard {
    let mut guard = Guard::default();
    for number in 0..10 {
        assert_eq!(may_ask(&mut guard, now, number), Ok(()));
        guard.failed(now, link(number), None);
    }
    guard
}

#[test]
fn a_few_refusals_are_believed_and_looked_at_twice() {
    let mut guard = Guard::default();
    for second in 0..19 {
        assert_eq!(guard.refused(at(second), link(second)), Belief::Believed { is_sure: false });
    }
    // An hour later they count no more.
    assert_eq!(guard.refused(at(3600), link(20)), Belief::Believed { is_sure: false });
}

#[test]
fn more_than_one_refusal_in_five_is_an_outage() {
    let mut guard = Guard::default();
    for number in 0..80 {
        guard.granted(at(0), link(number));
    }
    for number in 100..120 {
        assert_eq!(guard.refused(at(1), link(number)), Belief::Believed { is_sure: true });
    }
    assert_eq!(guard.refused(at(1), link(120)), Belief::LosesBelief);
    assert_eq!(guard.refused(at(1), link(121)), Belief::Doubted);
    assert_eq!(may_ask(&mut guard, at(1), 1), Err(at(60)));
    // Tried out one by one, and still doubted, until one is granted.
    assert_eq!(may_ask(&mut guard, at(61), 1), Ok(()));
    assert_eq!(may_ask(&mut guard, at(61), 2), Err(at(1)));
    assert_eq!(guard.refused(at(61), link(1)), Belief::Doubted);
    assert_eq!(may_ask(&mut guard, at(120), 2), Err(at(1)));
    assert_eq!(may_ask(&mut guard, at(121), 2), Ok(()));
    guard.granted(at(121), link(2));
    assert_eq!((may_ask(&mut guard, at(121), 1), may_ask(&mut guard, at(121), 3)), (Ok(()), Ok(())));
    assert_eq!(guard.refused(at(121), link(3)), Belief::Believed { is_sure: false });
}

#[test]
fn a_second_refusal_is_doubted_as_long_as_all_others_are() {
    let mut guard = Guard::default();
    assert_eq!(guard.refused_again(at(0), link(0)), Belief::Believed { is_sure: true });
    for number in 0..19 {
        guard.refused(at(0), link(number));
    }
    assert_eq!((guard.refused(at(0), link(19)), guard.lost_belief()), (Belief::LosesBelief, 1));
    assert_eq!(may_ask(&mut guard, at(60), 30), Ok(()));
    assert_eq!(guard.refused_again(at(60), link(30)), Belief::Doubted);
    assert_eq!(may_ask(&mut guard, at(119), 30), Err(at(1)));
    guard.granted(at(120), link(31));
    assert_eq!((guard.refused_again(at(120), link(30)), guard.lost_belief()), (Belief::Believed { is_sure: true }, 1));
}

#[test]
fn what_our_own_crash_explains_is_no_evidence() {
    let mut guard = Guard::default();
    for number in 0..64 {
        guard.answered(at(0), link(number));
    }
    assert_eq!(guard.lost_belief(), 0);
    for number in 100..119 {
        assert_eq!(guard.refused(at(1), link(number)), Belief::Believed { is_sure: false });
    }
    // What follows the provider's own silence is.
    assert_eq!(guard.refused(at(1), link(119)), Belief::LosesBelief);
    // And while it is disbelieved, such an answer neither opens the door nor keeps it shut.
    assert_eq!(may_ask(&mut guard, at(61), 1), Ok(()));
    guard.answered(at(61), link(1));
    assert_eq!(may_ask(&mut guard, at(61), 200), Err(at(1)));
    assert_eq!(may_ask(&mut guard, at(62), 200), Ok(()));
}

#[test]
fn ten_links_that_fail_in_a_row_open_the_breaker_and_one_success_closes_it() {
    let mut guard = Guard::default();
    for number in 0..9 {
        guard.failed(at(0), link(number), None);
    }
    guard.granted(at(0), link(50));
    for number in 10..19 {
        guard.failed(at(0), link(number), None);
    }
    assert_eq!(may_ask(&mut guard, at(0), 20), Ok(()));
    guard.failed(at(0), link(20), None);
    assert_eq!(may_ask(&mut guard, at(0), 50), Err(at(5)));
    // Those that were under way when it opened don't prolong it.
    guard.failed(at(0), link(21), None);
    assert_eq!(may_ask(&mut guard, at(5), 50), Ok(()));
    guard.failed(at(5), link(50), None);
    assert_eq!(may_ask(&mut guard, at(5), 51), Err(at(10)));
    assert_eq!(may_ask(&mut guard, at(15), 51), Ok(()));
    guard.granted(at(15), link(51));
    assert_eq!(may_ask(&mut guard, at(15), 52), Ok(()));
}

#[test]
fn failures_that_are_far_apart_open_nothing() {
    let mut guard = Guard::default();
    for minute in 0..100 {
        guard.failed(at(minute * 61), link(minute), None);
        assert_eq!(may_ask(&mut guard, at(minute * 61), 1000), Ok(()));
    }
}

#[test]
fn one_odd_link_is_no_outage_however_often_it_fails() {
    let mut guard = Guard::default();
    for second in 0..30 {
        guard.failed(at(second), link(1), None);
    }
    assert_eq!(may_ask(&mut guard, at(30), 2), Ok(()));
    // Nor are a dozen, once the provider has granted to others: they fail, and it works.
    for number in 0..12 {
        guard.failed(at(31), link(number), None);
    }
    assert_eq!(may_ask(&mut guard, at(36), 100), Ok(()));
    guard.granted(at(36), link(100));
    for number in 0..12 {
        guard.failed(at(37), link(number), Some(at(300)));
    }
    assert_eq!(may_ask(&mut guard, at(37), 100), Ok(()));
    // In an outage they count like all others: nobody has been granted for long.
    for number in 0..12 {
        guard.failed(at(36 + 301), link(number), None);
    }
    assert_eq!(may_ask(&mut guard, at(36 + 301), 100), Err(at(5)));
}

#[test]
fn a_provider_that_could_not_be_asked_is_left_alone_whoever_wanted_it() {
    let mut guard = Guard::default();
    for second in 0..10 {
        guard.unprepared(at(second), None);
    }
    assert_eq!(may_ask(&mut guard, at(9), 1), Err(at(5)));
}

#[test]
fn a_refusal_is_an_answer_and_so_is_a_word_about_one_token() {
    for is_refusal in [true, false] {
        let mut guard = shut(at(0));
        assert_eq!(may_ask(&mut guard, at(1), 20), Err(at(4)));
        assert_eq!(may_ask(&mut guard, at(5), 20), Ok(()));
        if is_refusal {
            assert_eq!(guard.refused(at(5), link(20)), Belief::Believed { is_sure: false });
        } else {
            guard.answered(at(5), link(20));
        }
        assert_eq!(may_ask(&mut guard, at(5), 21), Ok(()));
    }
}

#[test]
fn what_the_provider_asks_for_holds_for_all_its_links() {
    let mut guard = Guard::default();
    guard.failed(at(0), link(1), Some(at(90)));
    assert_eq!(may_ask(&mut guard, at(0), 2), Err(at(90)));
    // What was under way comes back, and ends nothing.
    guard.granted(at(1), link(3));
    guard.answered(at(1), link(4));
    assert_eq!(may_ask(&mut guard, at(89), 2), Err(at(1)));
    assert_eq!(may_ask(&mut guard, at(90), 2), Ok(()));
    assert_eq!(may_ask(&mut guard, at(90), 5), Err(at(1)));
    guard.granted(at(90), link(2));
    assert_eq!(may_ask(&mut guard, at(90), 5), Ok(()));
    // It says so again when it is tried out: that is how long, neither less nor more.
    let mut guard = Guard::default();
    for second in [0, 7, 14] {
        assert_eq!(may_ask(&mut guard, at(second), 7), Ok(()));
        guard.failed(at(second), link(7), Some(at(7)));
        assert_eq!(may_ask(&mut guard, at(second), 7), Err(at(7)));
    }
    let mut guard = Guard::default();
    // For a day, to one that may have meant that link alone: the others try it one by one, after five minutes.
    guard.failed(at(100), link(7), Some(at(86_400)));
    assert_eq!(may_ask(&mut guard, at(399), 2), Err(at(1)));
    assert_eq!(may_ask(&mut guard, at(400), 2), Ok(()));
}

#[test]
fn a_second_look_tries_nothing_out_while_others_wait() {
    let mut guard = shut(at(0));
    assert_eq!(may_ask(&mut guard, at(1), 30), Err(at(4)));
    assert_eq!(guard.may_ask(at(5), link(31), Errand::SecondLook), Err(at(1)));
    assert_eq!(may_ask(&mut guard, at(5), 30), Ok(()));
    // Nobody else waits.
    assert_eq!(guard.may_ask(at(6), link(31), Errand::SecondLook), Ok(()));
}

#[test]
fn whoever_does_not_come_back_keeps_nobody_waiting() {
    let mut guard = shut(at(0));
    assert_eq!(may_ask(&mut guard, at(1), 30), Err(at(4)));
    assert_eq!(may_ask(&mut guard, at(5), 1), Err(at(1)), "30 has not failed, and is expected at 5");
    assert_eq!(may_ask(&mut guard, at(7), 1), Err(at(1)));
    assert_eq!(may_ask(&mut guard, at(8), 1), Ok(()), "30 has not come");
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut guard = shut(at(0));
    for number in 0..25_000 {
        assert!(may_ask(&mut guard, at(1), 100 + number).is_err());
    }
    let (known, waiting) = guard.links.remembered();
    assert!(known <= 10_000 && waiting <= known, "{known}, {waiting}");
    // Those who were too many may ask all the same, and what is over is forgotten.
    let later = at(3 * 3600);
    assert_eq!(may_ask(&mut guard, later, 90_000), Ok(()));
    for number in 0..20 {
        guard.failed(later, link(90_000 + number), None);
    }
    assert!(guard.links.remembered().0 <= 30, "{:?}", guard.links.remembered());
}

/// What became of the refreshes that were in the air when it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mishap {
    /// Our process was killed: what was in the air is refused from then on, if the provider rotates.
    Crash,
    /// The provider said nothing in time.
    Silence,
}

/// What follows where so many links were in the air and all of them are refused then: whether belief is lost, and how many of
/// forty others are granted at their first call.
fn after(mishap: Mishap, in_the_air: u64, lies: bool) -> (bool, usize) {
    let mut guard = Guard::default();
    let began = at(1000);
    for number in 0..in_the_air {
        let link = link(number);
        if mishap == Mishap::Silence {
            guard.failed(at(0), link, None);
        }
        if may_ask(&mut guard, began, number).is_ok() {
            match mishap {
                Mishap::Crash => drop(guard.explained(began, link)),
                Mishap::Silence => drop(guard.refused(began, link)),
            }
        }
    }
    let others = (1000..1040).filter(|number| {
        let may = may_ask(&mut guard, began, *number).is_ok();
        if may && lies {
            guard.refused(began, link(*number));
        } else if may {
            guard.granted(began, link(*number));
        }
        may && !lies
    });
    let served = others.count();
    (guard.lost_belief() > 0, served)
}

/// Crash and silence, of one and of 64, at a provider that is honest or lies.
#[test]
fn our_own_crash_is_told_from_a_provider_that_refuses_everybody() {
    for (mishap, in_the_air, lies, lost_belief, served) in [
        (Mishap::Crash, 1, false, false, 40),
        (Mishap::Crash, 64, false, false, 40),
        (Mishap::Crash, 1, true, true, 0),
        (Mishap::Crash, 64, true, true, 0),
        (Mishap::Silence, 1, false, false, 40),
        // It may have been an outage: nobody is declared dead, and the others wait for a minute at most.
        (Mishap::Silence, 64, false, true, 0),
        (Mishap::Silence, 1, true, true, 0),
        (Mishap::Silence, 64, true, true, 0),
    ] {
        assert_eq!(after(mishap, in_the_air, lies), (lost_belief, served), "{mishap:?}, {in_the_air}, lies: {lies}");
    }
}
