//! Who is told of what happens: at least once, in order, whatever becomes of the receiver or of us.

mod cli;
mod dead_letters;
mod fleet;
mod libraries;
mod order;
mod page;
mod replay;
mod told;
mod trouble;

use crate::support::receiver::{Delivered, Receiver};
use crate::support::world::{As, Body, Engine, World};

/// A world with alice, in which a receiver is told of everything under the name `crm`.
async fn world(engine: Engine) -> (World, Receiver, As) {
    let receiver = Receiver::start().await;
    let settings = receiver.settings("crm");
    let world = World::frozen_with(engine, |text| text + &settings).await;
    world.account("alice").await;
    let console = world.console().await;
    (world, receiver, console)
}

/// Links an account of alice's by its id.
async fn link(world: &World, console: &As, sid: &str) {
    let made = world.call("POST", &format!("/api/v3/users/alice/fa/box/box_1/{sid}"), console, Body::None).await;
    assert_eq!(made.status, 204, "{}", made.text());
}

/// And removes it.
async fn unlink(world: &World, console: &As, sid: &str) {
    let target = format!("/api/v3/users/alice/fa/box/box_1/{sid}?forceUnlink=true");
    let gone = world.call("DELETE", &target, console, Body::None).await;
    assert_eq!(gone.status, 204, "{}", gone.text());
}

/// So many times both, of each account.
async fn come_and_go(world: &World, console: &As, sids: &[&str], times: usize) -> Vec<String> {
    let mut happened = Vec::new();
    for _ in 0..times {
        for sid in sids {
            link(world, console, sid).await;
            unlink(world, console, sid).await;
            happened.extend([format!("FEDERATION_POINT_BOUND {sid}"), format!("FEDERATION_POINT_UNBOUND {sid}")]);
        }
    }
    happened
}

/// What a receiver took of one account, each delivery of an event but the first left out.
fn of_account(receiver: &Receiver, sid: &str) -> Vec<String> {
    let mut seen = std::collections::BTreeSet::new();
    let firsts = receiver.taken().into_iter().filter(|delivered| seen.insert(delivered.id.clone()));
    firsts.map(|delivered| delivered.what()).filter(|what| what.ends_with(&format!(" {sid}"))).collect()
}

/// Those of `happened` that are of one account.
fn about(happened: &[String], sid: &str) -> Vec<String> {
    happened.iter().filter(|what| what.ends_with(&format!(" {sid}"))).cloned().collect()
}
