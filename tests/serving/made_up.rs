//! Requests that a program makes up of openapi.yaml, and answers that it finds there.

use crate::support::schemathesis::{Paths, ask};
use crate::support::world::{As, World, both_engines};

/// What the operator's port has; a world has no hands to reload with.
const OPS: &str = "^/(healthz|readyz|metrics)$";
/// What is served there, or at the root alone.
const ELSEWHERE: &str = "^/(healthz|readyz|metrics|reload|\\.well-known/.*)$";

both_engines! {
    async fn no_answer_is_undocumented(engine: Engine) {
        let world = World::condo(engine).await;
        world.account("alice").await;
        world.linked("alice", "oleg").await;
        let As::Bearer(token) = world.console().await else { panic!("a token") };
        ask(format!("{}/blitz", world.base), Paths::Unlike(ELSEWHERE), Some(token)).await;
        ask(world.ops.clone(), Paths::Like(OPS), None).await;
        ask(world.base.clone(), Paths::Like("^/\\.well-known/"), None).await;
    }
}
