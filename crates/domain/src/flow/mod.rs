//! A bind in progress: what is known at each stage, what ends it, and which change follows which. All of it is pure, so that
//! a model checker can walk it; `service::bind` looks up what the rules ask for and acts on what they say.

mod ended;
mod moves;
mod record;
mod rules;
mod state;
#[cfg(test)]
mod tests;

pub use ended::Ended;
pub use moves::{Arrival, Leg};
pub use record::{Completer, Flow, ProviderAccount, Stage, Visit};
pub use rules::{Answer, Fact, Facts, Issuer, Next, Opening, Standing, Stop, hash};
pub use state::{FLOW_LIMIT, FlowState};
