//! Everybody wants the tokens of every link the moment they expire, through several instances, and the provider forgives no
//! refresh token that is used twice: each link is refreshed once, and every caller gets the new token.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};
use serde_json::json;

use crate::support::oidc_provider::{Counts, OidcProvider};
use crate::support::raw::unchecked;
use crate::support::world::{Engine, World};

/// Callers of one link at a time, spread over the instances.
const CALLERS: usize = 16;
/// Calls in the air at a time: each has two open sockets in this process, and many machines allow a thousand.
const AT_ONCE: usize = 400;

/// A world, and more beside it.
async fn fleet(engine: Engine, count: usize, change: impl Fn(String) -> String) -> Vec<World> {
    let mut worlds = vec![World::start_with(engine, &change).await];
    while worlds.len() < count {
        worlds.push(World::start_beside(&worlds[0], &change).await);
    }
    worlds
}

fn subject(link: usize) -> String {
    format!("subject-{link}")
}

/// Lets every access token expire, and has each link asked for by all its callers at once; gives the links' new tokens.
async fn race(worlds: &[World], links: usize) -> Vec<String> {
    worlds[0].advance(3600);
    let console = &worlds[0].console().await;
    let calls = (0..links * CALLERS).map(async |call| {
        let (link, caller) = (call / CALLERS, call % CALLERS);
        let world = &worlds[(link + caller) % worlds.len()];
        let path = format!("/blitz/api/v3/users/{}/fedToken/box/box_1", subject(link));
        let began = Instant::now();
        let answer = unchecked(world, ("GET", &path), console, &[]).await;
        assert_eq!(answer.status, 200, "link {link}, after {:?}: {}", began.elapsed(), answer.text());
        let token = answer.json()[format!("sid-{link}")]["token"].as_str().expect("a token").to_owned();
        (link, token)
    });
    let served: BTreeSet<(usize, String)> = stream::iter(calls).buffer_unordered(AT_ONCE).collect().await;
    let (served_links, tokens): (Vec<usize>, Vec<String>) = served.into_iter().unzip();
    assert_eq!(served_links, (0..links).collect::<Vec<usize>>(), "a link's callers got different tokens");
    tokens
}

/// The rounds of one race at the sandbox.
async fn at_the_sandbox(engine: Engine, instances: usize, (links, rounds): (usize, u64)) {
    let worlds = fleet(engine, instances, |settings| settings).await;
    let sandbox = &worlds[0].sandbox;
    for link in 0..links {
        worlds[0].linked(&subject(link), &format!("sid-{link}")).await;
    }
    let span = (Duration::from_millis(50), Duration::from_millis(500));
    sandbox.script().set(|settings| settings.answer_delay = Some(span));
    let mut seen = BTreeSet::new();
    for round in 1..=rounds {
        let tokens = race(&worlds, links).await;
        assert!(tokens.iter().all(|token| sandbox.is_active(token)), "a token that is served is dead");
        seen.extend(tokens);
        let counts = sandbox.counts();
        let asked = round * u64::try_from(links).expect("few");
        assert_eq!((counts.token_refresh, counts.refused, sandbox.revoked_families()), (asked, 0, 0), "round {round}");
        assert_eq!(u64::try_from(seen.len()).expect("few"), asked, "a link was served what it had before");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_instances_refresh_each_link_once_for_all_its_callers() {
    at_the_sandbox(Engine::Postgres, 3, (200, 10)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_process_refreshes_each_link_once_for_all_its_callers() {
    at_the_sandbox(Engine::Sqlite, 1, (200, 1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_instances_lose_nothing_at_a_certified_provider() {
    const LINKS: usize = 50;
    let provider = OidcProvider::start_slow("http://127.0.0.1:9/callback", 3600, [50, 500]);
    let worlds = fleet(Engine::Postgres, 3, |settings| {
        let (_, rest) = settings.split_once("issuer = \"").expect("it has one");
        let (sandbox, _) = rest.split_once('"').expect("in quotes");
        settings
            .replace(sandbox, &provider.issuer)
            .replace("client_id = \"fedlink\"", &format!("client_id = {:?}", provider.client_id))
            .replace("\"sandbox-secret\"", &format!("{:?}", provider.client_secret))
    })
    .await;
    let obtained = join_all((0..LINKS).map(async |link| provider.obtain_tokens(&format!("sid-{link}")).await)).await;
    for (link, tokens) in obtained.iter().enumerate() {
        worlds[0]
            .import(json!({
                "subject": subject(link), "fpType": "box", "fpName": "box_1", "sid": format!("sid-{link}"),
                "accessToken": tokens.access_token, "refreshToken": tokens.refresh_token, "scope": tokens.scope,
                "expiresOn": worlds[0].now().timestamp() + tokens.expires_in,
            }))
            .await;
    }
    let exchanges = u32::try_from(LINKS).expect("few");
    for round in 1..=2 {
        for token in race(&worlds, LINKS).await {
            assert!(provider.introspect(&token).await, "a token that is served is dead");
        }
        let wanted = Counts { exchanges, refreshes: round * exchanges, refusals: 0, revocations: 0 };
        assert_eq!(provider.counts(), wanted, "round {round}");
    }
}
