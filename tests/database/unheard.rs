//! The database does what it is told, and its word of that is lost: what was done counts as done.

use crate::support::fed::{asked, expired, fed_token, health, token};
use crate::support::hosts::Way;
use crate::support::postgres::fresh_database;
use crate::support::world::{As, Engine, World};

/// The statement that takes the lease of a refresh.
const TAKES_A_LEASE: &str = "UPDATE \"token_sets\" SET \"attempt\"";

/// A world whose way to its database can lose answers; alice has an account there.
async fn world() -> (World, As, Way) {
    let url = fresh_database();
    let (_, rest) = url.rsplit_once(':').expect("a port");
    let (port, name) = rest.split_once('/').expect("a database");
    let way = Way::to(port.parse().expect("a number")).await;
    let through = format!("postgres://postgres@127.0.0.1:{}/{name}", way.port);
    let world = World::start_with(Engine::Postgres, |settings| {
        let (before, rest) = settings.split_once("database_url").expect("settings");
        let (_, after) = rest.split_once('\n').expect("more settings");
        format!("{before}database_url = \"{through}\"\n{after}")
    })
    .await;
    world.account("alice").await;
    let console = world.console().await;
    (world, console, way)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_was_taken_unheard_is_used_at_once() {
    for times in 1..=4 {
        let (world, console, way) = world().await;
        expired(&world, "oleg").await;
        way.lose_answer_to(TAKES_A_LEASE);
        let answer = fed_token(&world, &console, "").await;
        assert!(way.has_lost_it(), "{times}");
        assert!(world.sandbox.is_active(&token(&answer, "oleg")), "{times}");
        assert_eq!((health(&world, &console, "oleg").await.as_str(), asked(&world)), ("ok", 1));
    }
}
