//! The steps there are.

use domain::flow::Stage;

use super::state::{Person, State};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A browser opens the instruction.
    Open(usize),
    /// Whoever sits there consents at the provider, with this account of theirs.
    Consent(usize, u8),
    /// A browser brings this one of the provider's answers.
    Bring(usize, usize),
    /// A browser shows the confirm page.
    Show(usize),
    /// Whoever sits there says yes to what it shows.
    Yes(usize),
    /// The app in which a person is completes with the code that came back to it in this browser.
    Complete {
        from: usize,
        by: usize,
    },
    /// A request takes its next step.
    Go(usize),
    /// The provider has no tokens for its code.
    Fail(usize),
    /// Its process dies.
    Crash(usize),
    /// Somebody sits down at a browser and signs in.
    SignIn(usize, Person),
    SignOut(usize),
    /// Nine minutes pass.
    Wait,
    /// The flow's time runs out.
    RunOut,
    /// What ran out is swept away.
    Sweep,
}

impl Step {
    /// Every step that may be possible. Time comes first, being so as long as there is a flow.
    pub(super) fn all(state: &State) -> Vec<Self> {
        let mut steps = Vec::new();
        if let Some(row) = &state.row {
            steps.extend([Self::Sweep, Self::RunOut, Self::Wait]);
            for b in 0..2 {
                steps.extend([Self::Open(b), Self::Consent(b, 0), Self::Consent(b, 1)]);
                steps.extend((0..state.answers.len()).map(|nth| Self::Bring(b, nth)));
                if matches!(row.stage, Stage::Confirming { .. }) {
                    steps.extend([Self::Show(b), Self::Yes(b)]);
                }
            }
            if matches!(row.stage, Stage::Pending { .. }) {
                steps.extend([(0, 0), (0, 1), (1, 1)].map(|(from, by)| Self::Complete { from, by }));
            }
        }
        for i in 0..state.tasks.len() {
            steps.extend([Self::Go(i), Self::Fail(i), Self::Crash(i)]);
        }
        if !steps.is_empty() {
            steps.extend([Self::SignIn(0, Person::Alice), Self::SignIn(0, Person::Bob), Self::SignOut(0)]);
        }
        steps.retain(|step| step.is_left(state));
        steps
    }

    /// Whether it may be taken once more, where that is counted.
    fn is_left(self, state: &State) -> bool {
        match self {
            Self::Consent(_, 1) => state.left.others > 0,
            Self::Fail(_) => state.left.failures > 0,
            Self::Crash(_) => state.left.crashes > 0,
            Self::SignIn(..) | Self::SignOut(_) => state.left.sign_ins > 0,
            Self::Wait => state.left.waits > 0,
            _ => true,
        }
    }
}
