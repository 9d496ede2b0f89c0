//! How long the answer to a refresh is waited for. Where refresh tokens rotate, the answer carries the only one that works:
//! whoever hangs up on a slow provider loses the link. Callers wait no longer for that; they leave when their time is over.

use std::time::Duration;

/// A provider that has said nothing for so long is slow: that counts as one failure, and those who are asked for meanwhile wait
/// no longer behind it. Every other call to a provider ends here.
pub const SLOW: Duration = Duration::from_secs(10);
/// How long the only answer there will be is waited for.
const PATIENT: Duration = Duration::from_mins(1);
/// How long where asking again costs nothing.
const IMPATIENT: Duration = Duration::from_secs(15);
/// A spent token that works for less than this is not worth hanging up for.
const WORTHWHILE: Duration = Duration::from_secs(20);

/// How long each try of one refresh is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// The first.
    pub first: Duration,
    /// The second, where the spent token still works then.
    pub second: Duration,
}

/// How long to wait at a provider whose refresh tokens rotate or not, where a spent one works for `reuse_window`; `by_hand` is
/// what the operator says of it.
pub fn patience(rotates: bool, reuse_window: Option<Duration>, by_hand: Option<Duration>) -> Patience {
    let first = match (by_hand, reuse_window) {
        (Some(by_hand), _) => by_hand,
        (None, _) if !rotates => IMPATIENT,
        // Half of it, so that the second try goes out while the first one's answer is still given once more.
        (None, Some(window)) if window >= WORTHWHILE => (window / 2).clamp(SLOW, PATIENT),
        (None, _) => PATIENT,
    };
    Patience { first, second: by_hand.unwrap_or(if rotates { PATIENT } else { IMPATIENT }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_only_answer_is_waited_for_longer_than_one_that_can_be_had_again() {
        let seconds = Duration::from_secs;
        for (rotates, window, by_hand, first, second) in [
            (true, None, None, 60, 60),
            (true, Some(5), None, 60, 60),
            (true, Some(19), None, 60, 60),
            (true, Some(20), None, 10, 60),
            (true, Some(60), None, 30, 60),
            (true, Some(90 * 24 * 3600), None, 60, 60),
            (false, None, None, 15, 15),
            (false, Some(60), None, 15, 15),
            (true, None, Some(120), 120, 120),
            (true, Some(60), Some(20), 20, 20),
            (false, None, Some(30), 30, 30),
        ] {
            let expected = Patience { first: seconds(first), second: seconds(second) };
            let case = (rotates, window, by_hand);
            assert_eq!(patience(rotates, window.map(seconds), by_hand.map(seconds)), expected, "{case:?}");
        }
    }
}
