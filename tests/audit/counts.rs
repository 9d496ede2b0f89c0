//! What is counted: tokens handed out, calls refused, callers who fail to show who they are.

use domain::ids::LinkId;
use domain::served::{Counter, Door, Due, Head, Taker, Whom};
use serde_json::json;
use service::{counting::write, folding::fold};
use uuid::Uuid;

use super::lines;
use crate::batch::{fed_tokens, of};
use crate::exchange::{account_of, exchange, sent_to_api, trusting, with};
use crate::support::database::{Sql, count, execute, texts};
use crate::support::fed::{fed_token, lasting};
use crate::support::user_mode::te;
use crate::support::world::{As, Body, CONSOLE, CONSOLE_PASSWORD, CONSOLE_SECRET, World, both_engines};

const SERVED: &str = "FEDERATION_TOKENS_SERVED";
const REFUSED: &str = "CALLS_REFUSED";
const UNKNOWN: &str = "CLIENT_AUTHENTICATION_FAILED";

/// Has all that is counted in the record.
async fn settle(world: &World) {
    write(&world.app.parts).await.unwrap();
    fold(&world.app.parts, Due::Now).await.unwrap();
}

async fn served(world: &World) -> Vec<String> {
    lines(world, SERVED, &["client", "actor", "subject", "fp_type", "fp_name", "sid", "detail", "count"]).await
}

both_engines! {
    async fn tokens_handed_out_are_counted_by_the_hour(engine: Engine) {
        let world = World::frozen(engine).await;
        lasting(&world, "oleg", 30_000).await;
        let console = world.console().await;
        let alice = world.user(CONSOLE, "alice", &["fed_tkn_any"]).await;
        for _ in 0..3 {
            assert_eq!(fed_token(&world, &console, "").await.status, 200);
        }
        assert_eq!(fed_token(&world, &alice, "").await.status, 200);
        assert_eq!(served(&world).await, Vec::<String>::new(), "it waits");
        settle(&world).await;
        let expected = ["console - alice box box_1 oleg fed_token 3", "console alice alice box box_1 oleg fed_token 1"];
        assert_eq!(served(&world).await, expected);

        // Later in the hour it is the same line, and in the next another.
        world.advance(60);
        assert_eq!(fed_token(&world, &console, "").await.status, 200);
        settle(&world).await;
        assert_eq!(served(&world).await[0], "console - alice box box_1 oleg fed_token 4");
        world.advance(3600);
        assert_eq!(fed_token(&world, &world.console().await, "").await.status, 200);
        settle(&world).await;
        assert_eq!(served(&world).await[0], "console - alice box box_1 oleg fed_token 1");
        assert_eq!(served(&world).await.len(), 3);
        settle(&world).await;
        assert_eq!(served(&world).await.len(), 3, "nothing is counted twice");
    }

    async fn what_comes_while_counts_are_written_is_left_to_the_next_time(engine: Engine) {
        let world = World::frozen(engine).await;
        lasting(&world, "oleg", 30_000).await;
        let console = world.console().await;
        let pages = async || count(&world, "served_pages").await;
        assert_eq!(fed_token(&world, &console, "").await.status, 200);
        let mut holder = Sql::open(&world.database_url).await;
        holder.lock("served_writers").await;
        let mut writing = Box::pin(write(&world.app.parts));
        assert!(futures_util::poll!(&mut writing).is_pending(), "it is taken and not written yet");
        assert_eq!(fed_token(&world, &console, "").await.status, 200);
        holder.run("COMMIT").await;
        writing.await.unwrap();
        assert_eq!(pages().await, 1, "one commit, which costs every reader its cache");
        write(&world.app.parts).await.unwrap();
        assert_eq!(pages().await, 2);
        settle(&world).await;
        assert_eq!(served(&world).await, ["console - alice box box_1 oleg fed_token 2"]);
    }

    async fn many_at_once_are_counted_one_by_one(engine: Engine) {
        let world = World::frozen(engine).await;
        world.linked("alice", "oleg").await;
        world.linked("bob", "elle").await;
        let entries = [of("alice"), of("bob"), of("nobody")];
        assert_eq!(fed_tokens(&world, &world.console().await, &entries).await.status, 200);
        settle(&world).await;
        let expected = ["console - alice box box_1 oleg batch 1", "console - bob box box_1 elle batch 1"];
        assert_eq!(served(&world).await, expected);
    }

    async fn who_acts_for_a_user_is_named(engine: Engine) {
        let (world, issuer, key) = trusting(engine).await;
        account_of(&world, &issuer, "alice").await;
        lasting(&world, "1", 600).await;
        let own = sent_to_api(&issuer, &world, "alice");
        let acting = with(&with(&own, "may_act", json!({"sub": CONSOLE})), "act", json!({"sub": "gateway"}));
        for claims in [&own, &acting, &acting] {
            assert_eq!(exchange(&world, &key.sign(claims)).await.status, 200);
        }
        settle(&world).await;
        let expected = ["console alice alice box box_1 1 exchange 1", "console gateway alice box box_1 1 exchange 2"];
        assert_eq!(served(&world).await, expected);
    }

    async fn refusals_are_counted_by_client_and_minute(engine: Engine) {
        let world = World::frozen(engine).await;
        world.account("alice").await;
        let listing = world.system(CONSOLE, &["blitz_api_sys_ufa"]).await;
        for _ in 0..2 {
            assert_eq!(fed_token(&world, &listing, "").await.status, 401);
        }
        assert_eq!(fed_token(&world, &world.console().await, "").await.status, 404);
        assert_eq!(fed_token(&world, &As::Bearer("wrong".into()), "").await.status, 401);
        let basic = As::Basic(CONSOLE, CONSOLE_PASSWORD);
        let unlink = "/api/v2/users/alice/fa/box/box_1/oleg";
        assert_eq!(world.call("DELETE", unlink, &basic, Body::None).await.status, 404);
        let scope = [("grant_type", "client_credentials"), ("scope", "no_such_scope")];
        assert_eq!(te(&world, &As::Basic(CONSOLE, CONSOLE_SECRET), &scope).await.status, 400);
        assert_eq!(fed_token(&world, &world.console().await, "?min_ttl=x").await.status, 400);
        settle(&world).await;
        let refused = async || lines(&world, REFUSED, &["client", "detail", "count"]).await;
        let expected = [
            "- bad_access_token 1",
            "console bad_access_token 2",
            "console invalid_scope 1",
            "console link_not_found 1",
            "console token_not_found 1",
            "console wrong_values 1",
        ];
        assert_eq!(refused().await, expected);
        world.advance(60);
        assert_eq!(fed_token(&world, &listing, "").await.status, 401);
        settle(&world).await;
        assert_eq!(refused().await.len(), expected.len() + 1);
    }

    async fn who_fails_to_show_who_they_are_is_counted_by_network_and_minute(engine: Engine) {
        let behind = |settings| format!("trusted_proxies = [\"127.0.0.1\"]\n{settings}");
        let world = World::frozen_with(engine, behind).await;
        let ask = async |from: &str, who: As| {
            let form = Body::Form(vec![("grant_type", "client_credentials".to_owned())]);
            world.call_with("POST", "/oauth/te", &who, form, &[("x-forwarded-for", from)]).await.status
        };
        for from in ["203.0.113.7", "203.0.113.8", "198.51.100.1"] {
            assert_eq!(ask(from, As::Basic(CONSOLE, "wrong")).await, 401);
        }
        assert_eq!(ask("203.0.113.7", As::Basic("stranger", "wrong")).await, 401);
        settle(&world).await;
        assert_eq!(
            lines(&world, UNKNOWN, &["client", "claimed_ip", "detail", "count"]).await,
            [
                "- 203.0.113.0/24 client secret 1",
                "console 198.51.100.0/24 client secret 1",
                "console 203.0.113.0/24 client secret 2",
            ]
        );
    }

    async fn what_can_not_be_written_is_neither_lost_nor_counted_twice(engine: Engine) {
        let world = World::frozen(engine).await;
        lasting(&world, "oleg", 30_000).await;
        let console = world.console().await;
        let rename = async |from: &str, to: &str| {
            execute(&world.database_url, &format!("ALTER TABLE {from} RENAME TO {to}")).await;
        };
        assert_eq!(fed_token(&world, &console, "").await.status, 200);
        rename("served_pages", "away").await;
        assert!(write(&world.app.parts).await.is_err());
        assert_eq!(fed_token(&world, &console, "").await.status, 200, "tokens are handed out all the same");
        assert!(write(&world.app.parts).await.is_err());
        rename("away", "served_pages").await;
        write(&world.app.parts).await.unwrap();
        rename("audit", "away").await;
        assert!(fold(&world.app.parts, Due::Now).await.is_err());
        rename("away", "audit").await;
        settle(&world).await;
        settle(&world).await;
        assert_eq!(served(&world).await, ["console - alice box box_1 oleg fed_token 2"]);
        assert_eq!(count(&world, "audit").await, 3, "and two of the import");
        assert_eq!(count(&world, "served_pages").await, 0);
    }

    async fn tokens_of_a_link_that_is_gone_are_still_its_owners(engine: Engine) {
        let world = World::frozen(engine).await;
        lasting(&world, "oleg", 30_000).await;
        let console = world.console().await;
        assert_eq!(fed_token(&world, &console, "").await.status, 200);
        write(&world.app.parts).await.unwrap();
        let unlink = "/api/v2/users/alice/fa/box/box_1/oleg";
        assert_eq!(world.call("DELETE", unlink, &world.system(CONSOLE, &["blitz_api_sys_ufa_chg"]).await, Body::None).await.status, 204);
        settle(&world).await;
        assert_eq!(served(&world).await, ["console - alice box box_1 oleg fed_token 1"]);
        assert_eq!(count(&world, "gone_links").await, 1);
        world.advance(2 * 86_400);
        service::sweep::delete(&world.app.parts).await.unwrap();
        assert_eq!(count(&world, "gone_links").await, 0);
    }

    async fn many_entries_are_added_once_whoever_else_adds_them(engine: Engine) {
        let world = World::frozen(engine).await;
        let now = world.app.parts.clock.now();
        for batch in 0..2 {
            let mut counter = Counter::default();
            for link in 0..450_u128 {
                let taker = Taker { client: CONSOLE, whom: Whom::Another("gateway"), door: Door::Exchange };
                assert!(counter.add(taker, LinkId(Uuid::from_u128(link)), now, usize::MAX));
            }
            let page = counter.into_pages().remove(0);
            let (id, entries) = (Uuid::from_u128(batch), page.entries().len());
            let head = Head { id, writer: Uuid::nil(), hour: page.hour(), level: 0, entries, folded: 0, written: now };
            let mut conn = world.app.parts.store.write().await.unwrap();
            store::served::insert(&mut conn, &head, page.pack()).await.unwrap();
        }
        let all = || fold(&world.app.parts, Due::Now);
        let (one, two, three) = tokio::join!(all(), all(), all());
        for folded in [one, two, three] {
            folded.unwrap();
        }
        assert_eq!(count(&world, "audit").await, 450);
        let of_gateway = "SELECT CAST(sum(count) AS text) AS value FROM audit WHERE actor = 'gateway' AND subject IS NULL";
        assert_eq!(texts(&world.database_url, of_gateway).await, ["900"]);
        assert_eq!(count(&world, "served_pages").await, 0);
    }

    async fn a_page_that_can_not_be_read_is_in_nobodys_way(engine: Engine) {
        let world = World::frozen(engine).await;
        lasting(&world, "oleg", 30_000).await;
        let console = world.console().await;
        assert_eq!(fed_token(&world, &console, "").await.status, 200);
        write(&world.app.parts).await.unwrap();
        execute(&world.database_url, "UPDATE served_pages SET entries = entries + 1").await;
        assert_eq!(fed_token(&world, &console, "").await.status, 200);
        settle(&world).await;
        settle(&world).await;
        assert_eq!(served(&world).await, ["console - alice box box_1 oleg fed_token 1"]);
        assert_eq!(count(&world, "served_pages").await, 1, "the spoilt one is kept");
    }
}
