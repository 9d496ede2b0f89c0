//! A code or a refresh token of ours that is presented, perhaps again: it is worth tokens once, and only one whose tokens went
//! out counts as stolen when it comes again (RFC 6749 §10.5, RFC 9700 §4.14).

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// How long the call that claims one may take. It hands nothing out later than this after it began; so a claim older than this
/// whose tokens are not known to have gone out has brought nobody any.
pub const CLAIM: Duration = Duration::from_secs(15);

/// What has become of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Nobody has claimed it.
    Fresh,
    /// A call has claimed it, and may be about to hand out its tokens.
    AtWork,
    /// A call has claimed it, and handed nothing out: it died, or gave up.
    Void,
    /// Its tokens went out.
    Out,
}

impl Standing {
    /// What has become of one whose claim is its call's until `claim_until`. A claim that lasts longer than any can was
    /// written by another clock than the one that it is held against: it says nothing.
    pub fn of(is_out: bool, claim_until: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Self {
        let longest = now + TimeDelta::from_std(CLAIM).unwrap_or_default();
        match claim_until {
            _ if is_out => Self::Out,
            None => Self::Fresh,
            Some(until) if until > now && until <= longest => Self::AtWork,
            Some(_) => Self::Void,
        }
    }
}

/// What is known of one that its own application presents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Presented {
    /// What has become of it.
    pub standing: Standing,
    /// Whether its time is over.
    pub is_late: bool,
    /// Whether all came with it that it was made for: the same redirect URI, and the verifier of its challenge.
    pub is_proved: bool,
}

/// What to do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Claim it, and make what an earlier claim brought void.
    Claim,
    /// Look again: another call may be about to hand out its tokens, or has died.
    Wait,
    /// Refuse it; it is over.
    Refuse,
    /// Refuse it and end it: somebody put a stolen one into the right application's hands.
    Burn,
    /// Refuse it and end all that came of it: two have it, and nobody can tell whose is whose.
    Reused,
}

/// What to do with one that its own application presents.
pub fn judge(presented: Presented) -> Verdict {
    match (presented.standing, presented.is_late, presented.is_proved) {
        (Standing::Out, _, _) => Verdict::Reused,
        (Standing::AtWork, _, _) => Verdict::Wait,
        (Standing::Fresh | Standing::Void, true, _) => Verdict::Refuse,
        (Standing::Fresh | Standing::Void, false, false) => Verdict::Burn,
        (Standing::Fresh | Standing::Void, false, true) => Verdict::Claim,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_whose_tokens_went_out_counts_as_stolen() {
        use Standing::{AtWork, Fresh, Out, Void};
        use Verdict::{Burn, Claim, Refuse, Reused, Wait};
        let rows = [
            // Standing; then in time and proved, in time and not proved, late and proved, late and not proved.
            (Fresh, [Claim, Burn, Refuse, Refuse]),
            (AtWork, [Wait, Wait, Wait, Wait]),
            (Void, [Claim, Burn, Refuse, Refuse]),
            (Out, [Reused, Reused, Reused, Reused]),
        ];
        for (standing, expected) in rows {
            let circumstances = [(false, true), (false, false), (true, true), (true, false)];
            let found = circumstances.map(|(is_late, is_proved)| judge(Presented { standing, is_late, is_proved }));
            assert_eq!(found, expected, "{standing:?}");
        }
    }

    #[test]
    fn a_claim_that_brought_no_tokens_is_void_when_its_call_is_over() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let claimed = |seconds: i64| Some(now + TimeDelta::seconds(seconds));
        let rows = [
            (false, None, Standing::Fresh),
            (false, claimed(15), Standing::AtWork),
            (false, claimed(1), Standing::AtWork),
            (false, claimed(0), Standing::Void),
            (false, claimed(-86_400), Standing::Void),
            // By a clock that was ahead, and has been put right.
            (false, claimed(16), Standing::Void),
            (false, claimed(3_600), Standing::Void),
            (true, None, Standing::Out),
            (true, claimed(15), Standing::Out),
            (true, claimed(-1), Standing::Out),
        ];
        for (is_out, claim_until, expected) in rows {
            assert_eq!(Standing::of(is_out, claim_until, now), expected, "{is_out} {claim_until:?}");
        }
    }
}
