//! A Postgres that fails over, hangs or turns read-only under a running fedlink: it goes on by itself, and loses nothing.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::support::database::{Sql, execute};
use crate::support::fed::{asked, expired, fed_token, held, token};
use crate::support::hosts::Way;
use crate::support::postgres::{Server, fresh_database};
use crate::support::world::{Answer, As, Body, CONSOLE, CONSOLE_SECRET, Engine, World};

const LIST: &str = "/api/v3/users/alice/fa";
const LINK: &str = "/api/v3/users/alice/fa/box/box_1/1";

/// A world on the database at `url`, where alice has an account.
async fn world(url: &str) -> (World, As) {
    let world = World::start_with(Engine::Postgres, |settings| {
        let (before, rest) = settings.split_once("database_url").expect("settings");
        let (_, after) = rest.split_once('\n').expect("more settings");
        format!("{before}database_url = \"{url}\"\n{after}")
    })
    .await;
    world.account("alice").await;
    let console = world.console().await;
    (world, console)
}

fn port_of(url: &str) -> u16 {
    let (_, rest) = url.rsplit_once(':').expect("a port");
    rest.split_once('/').expect("a database").0.parse().expect("a number")
}

/// Asks until the database is back; gives how often it was not. Whatever else is answered fails.
async fn until_good(world: &World, (method, path): (&str, &str), console: &As, good: u16) -> usize {
    let started = Instant::now();
    let mut away = 0;
    loop {
        let answer = world.call(method, path, console, Body::None).await;
        if answer.status == good {
            return away;
        }
        assert_away(&answer);
        away += 1;
        assert!(started.elapsed() < Duration::from_secs(20), "{method} {path} does not recover: {}", answer.text());
    }
}

/// Asks for an access token of ours.
async fn issue(world: &World) -> u16 {
    let form = Body::Form(vec![("grant_type", "client_credentials".to_owned())]);
    world.call("POST", "/oauth/te", &As::Basic(CONSOLE, CONSOLE_SECRET), form).await.status
}

#[track_caller]
fn assert_away(answer: &Answer) {
    assert_eq!(answer.refusal(), (503, "storage_unavailable".to_owned()), "{}", answer.text());
}

/// The primary dies between the provider's answer and its commit, and the standby is promoted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promoted_standby_is_found_and_no_token_is_lost() {
    // No commit is reported done before the standby has it: else a failover may lose the last ones, and their tokens.
    let primary = Server::start(&[("CONF", "synchronous_standby_names = 'standby'")]);
    let standby = Server::start(&[
        ("PRIMARY", &primary.port.to_string()),
        ("CONF", "cluster_name = 'standby'\nsynchronous_standby_names = ''"),
    ]);
    let hosts = format!("127.0.0.1:{},127.0.0.1:{}", standby.port, primary.port);
    let (world, console) =
        world(&format!("postgres://postgres@{hosts}/postgres?target_session_attrs=read-write")).await;
    expired(&world, "before").await;
    expired(&world, "during").await;
    let before = token(&fed_token(&world, &console, "?sid=before").await, "before");
    // Connections for reads are open, and more than one for transactions.
    let (lists, links) = tokio::join!(
        join_all((0..8).map(|_| world.call("GET", LIST, &console, Body::None))),
        join_all((0..8).map(|_| world.call("POST", LINK, &console, Body::None))),
    );
    assert!(lists.iter().all(|list| list.status == 200) && links.iter().all(|link| link.status == 204));

    let hold = world.sandbox.script().hold_token_answers();
    let mut call = held(fed_token(&world, &console, "?sid=during"), &hold).await;
    tokio::task::block_in_place(|| primary.crash());
    hold.release();
    let early = tokio::time::timeout(Duration::from_secs(1), &mut call).await;
    assert!(early.is_err(), "answered before it was stored: {early:?}");
    assert_away(&world.call("GET", LIST, &console, Body::None).await);
    assert_away(&world.call("DELETE", LINK, &console, Body::None).await);

    tokio::task::block_in_place(|| standby.promote());
    let during = token(&call.await, "during");
    assert!(world.sandbox.is_active(&during));
    for (call, good) in [(("GET", LIST), 200), (("DELETE", LINK), 204), (("POST", LINK), 204)] {
        for round in 0..6 {
            // A connection that died with the primary, unnoticed yet, costs one answer at most.
            let away =
                until_good(&world, call, &console, if call.0 == "DELETE" && round > 0 { 404 } else { good }).await;
            assert!(away <= 1, "{call:?}: {away} answers of 503");
        }
    }
    assert_eq!(token(&fed_token(&world, &console, "?sid=before").await, "before"), before);
    assert_eq!(token(&fed_token(&world, &console, "?sid=during").await, "during"), during);
    assert_eq!((asked(&world), world.sandbox.counts().refused), (2, 0));
}

/// Sessions keep what the database said when they began: those of the read-only time would stay read-only for good.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_takes_no_writes_is_not_kept() {
    let url = fresh_database();
    let (world, console) = world(&url).await;
    let (server, name) = url.rsplit_once('/').expect("a name");
    let drop = format!("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{name}'");
    let read_only = format!("ALTER DATABASE {name} SET default_transaction_read_only = on; {drop}");
    execute(&format!("{server}/postgres"), &read_only).await;
    // Connections of both kinds are opened, and each is found to be read-only. A link is written in a transaction, a token of
    // ours by one statement on a shared connection.
    for _ in 0..8 {
        assert_away(&world.call("POST", LINK, &console, Body::None).await);
        assert_eq!(issue(&world).await, 503);
        assert_eq!(world.call("GET", LIST, &console, Body::None).await.status, 200);
    }
    execute(&format!("{server}/postgres"), &format!("ALTER DATABASE {name} RESET default_transaction_read_only")).await;
    until_good(&world, ("POST", LINK), &console, 204).await;
    let started = Instant::now();
    let mut in_a_row = 0;
    while in_a_row < 8 {
        in_a_row = if issue(&world).await == 200 { in_a_row + 1 } else { 0 };
        assert!(started.elapsed() < Duration::from_secs(20), "a shared connection stays read-only");
    }
}

/// A machine that takes connections and says nothing, first in the list: each step of reaching it has an end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mute_host_does_not_keep_fedlink_from_the_next() {
    let url = fresh_database();
    let port = port_of(&url);
    let mute = Way::to(port).await;
    mute.hang(true);
    let started = Instant::now();
    let (world, console) = world(&url.replace(&port.to_string(), &format!("{},127.0.0.1:{port}", mute.port))).await;
    assert_eq!(world.call("POST", LINK, &console, Body::None).await.status, 204);
    let lists = join_all((0..8).map(|_| world.call("GET", LIST, &console, Body::None))).await;
    assert!(lists.iter().all(|list| list.status == 200));
    // Its time is spent once, not for each connection.
    assert!(started.elapsed() < Duration::from_secs(15), "it took {:?}", started.elapsed());
}

/// The server hangs while its machine acknowledges every packet, so that TCP finds nothing wrong.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_holds_nobody_for_long() {
    let url = fresh_database();
    let port = port_of(&url);
    let way = Way::to(port).await;
    let (world, console) = world(&url.replace(&port.to_string(), &way.port.to_string())).await;
    let ask = || join_all((0..12).map(|_| world.call("GET", LIST, &console, Body::None)));
    assert!(ask().await.iter().all(|list| list.status == 200));
    // One for transactions stands, too, and one for writes of one statement.
    let (link, issued) = tokio::join!(world.call("POST", LINK, &console, Body::None), issue(&world));
    assert_eq!((link.status, issued), (204, 200));
    way.hang(true);
    // On connections that stand: until they are given up.
    let given_up = tokio::time::timeout(Duration::from_secs(30), ask()).await.expect("in time");
    given_up.iter().for_each(assert_away);
    // On new ones: all who wait share one attempt, rather than make one each, one after the other.
    let all = async { tokio::join!(ask(), world.call("DELETE", LINK, &console, Body::None), issue(&world)) };
    let (refused, unlink, issued) = tokio::time::timeout(Duration::from_secs(9), all).await.expect("in time");
    refused.iter().for_each(assert_away);
    assert_away(&unlink);
    assert_eq!(issued, 503);
    way.hang(false);
    until_good(&world, ("GET", LIST), &console, 200).await;
    until_good(&world, ("POST", LINK), &console, 204).await;
}

/// A site may have turned durability off for all its databases; a token is written to disk before anybody gets it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_is_on_disk_whatever_the_site_has_set() {
    let url = fresh_database();
    let (world, console) = world(&url).await;
    let mut sql = Sql::open(&url).await;
    assert_eq!(sql.text("SELECT current_setting('synchronous_commit')").await, "off", "the tests' server");
    // What fedlink's own session has is seen where it writes.
    sql.run(
        "CREATE TABLE seen (value text);
         CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN INSERT INTO seen VALUES (current_setting(''synchronous_commit'')); RETURN NEW; END';
         CREATE TRIGGER look BEFORE INSERT OR UPDATE ON links FOR EACH ROW EXECUTE FUNCTION look();
         CREATE TRIGGER look BEFORE INSERT OR UPDATE ON token_sets FOR EACH ROW EXECUTE FUNCTION look()",
    )
    .await;
    expired(&world, "oleg").await;
    token(&fed_token(&world, &console, "").await, "oleg");
    let seen = sql.texts("SELECT DISTINCT value FROM seen").await;
    assert_eq!(seen, ["on"]);
    // A site that demands more keeps it.
    let (server, name) = url.rsplit_once('/').expect("a name");
    let drop = format!(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{name}' AND application_name = 'fedlink'"
    );
    let more = format!("ALTER DATABASE {name} SET synchronous_commit = remote_apply; {drop}");
    execute(&format!("{server}/postgres"), &more).await;
    until_good(&world, ("POST", LINK), &console, 204).await;
    assert_eq!(sql.texts("SELECT DISTINCT value FROM seen ORDER BY value").await, ["on", "remote_apply"]);
}
