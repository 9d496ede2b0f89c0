//! Tokens that no link needs any more die at their provider, too, whatever ended the link; and no others die with them.

use std::net::TcpListener;

use domain::entropy::SystemEntropy;
use domain::ids::Subject;
use sandbox::{Answer as Shape, ClientAuth, Options, Refusal, Rotation, Sandbox, SandboxClient};
use secrecy::ExposeSecret as _;
use service::{accounts, revoke};

use crate::support::database::{Sql, assert_nothing_stored, execute, texts};
use crate::support::fed::{expired, fed_token, give, lasting, token};
use crate::support::revocations::{REVOKED, SPARED, alive, ends, unlink, waiting, work};
use crate::support::world::{As, Engine, World, both_engines};

/// A world where alice has an account, and nothing moves but what the test moves.
async fn world(engine: Engine) -> (World, As) {
    let world = World::frozen(engine).await;
    world.account("alice").await;
    let console = world.console().await;
    (world, console)
}

fn calls(world: &World) -> u64 {
    world.sandbox.counts().revoke
}

both_engines! {
    async fn unlinking_revokes_the_refresh_token_and_then_the_access_token(engine: Engine) {
        let (world, console) = world(engine).await;
        let (gone, stays) = (lasting(&world, "oleg", 3600).await, lasting(&world, "elle", 3600).await);
        unlink(&world, &console, "oleg").await;
        // Nobody waits for the provider.
        assert_eq!((calls(&world), alive(&world, &gone)), (0, (true, true)));
        world.sandbox.script().next_revocations(&[Shape::Json, Shape::Status(503, None)]);
        work(&world).await;
        assert_eq!((calls(&world), alive(&world, &gone).1), (2, false), "the refresh token was not the first");
        assert_eq!((waiting(&world).await, ends(&world).await), (1, vec![]));
        world.advance(60);
        work(&world).await;
        assert_eq!((calls(&world), waiting(&world).await), (4, 0));
        assert_eq!((alive(&world, &gone), alive(&world, &stays)), ((false, false), (true, true)));
        assert_eq!(ends(&world).await, [REVOKED]);
        let line = "SELECT subject || ' ' || fp_type || ':' || fp_name || ' ' || sid AS value FROM audit \
                    WHERE event = 'FEDERATION_TOKENS_REVOKED'";
        assert_eq!(texts(&world.database_url, line).await, ["alice box:box_1 oleg"]);
        work(&world).await;
        assert_eq!(calls(&world), 4, "it was over");
    }

    async fn an_access_token_alone_is_revoked(engine: Engine) {
        let (world, console) = world(engine).await;
        let tokens = world.sandbox.issue("oleg", "fedlink", "openid");
        give(&world, "oleg", (Some(&tokens.access_token), None), Some(3600)).await;
        unlink(&world, &console, "oleg").await;
        work(&world).await;
        assert_eq!((calls(&world), alive(&world, &tokens)), (1, (false, true)));
    }

    async fn a_link_without_tokens_leaves_nothing_to_revoke(engine: Engine) {
        let (world, console) = world(engine).await;
        give(&world, "oleg", (None, None), None).await;
        unlink(&world, &console, "oleg").await;
        assert_eq!(waiting(&world).await, 0);
    }

    async fn a_revocation_is_tried_again_until_the_provider_has_time(engine: Engine) {
        let (world, console) = world(engine).await;
        let tokens = lasting(&world, "oleg", 3600).await;
        unlink(&world, &console, "oleg").await;
        // Each failure, and the longest it keeps the queue waiting: what the provider asks for, or a pause that doubles.
        let failures = [
            (Shape::Status(503, Some(900)), 900),
            (Shape::EmptyStatus(500), 120),
            (Shape::Html502, 240),
            (Shape::Status(429, Some(3600)), 3600),
            (Shape::Redirect, 960),
            (Shape::EmptyStatus(401), 1920),
        ];
        for (round, (failure, pause)) in (1..).zip(failures) {
            world.sandbox.script().next_revocations(&[failure]);
            work(&world).await;
            assert_eq!((calls(&world), waiting(&world).await), (round, 1));
            world.advance(pause / 2 - 1);
            work(&world).await;
            assert_eq!(calls(&world), round, "too early");
            world.advance(pause / 2 + 1);
        }
        work(&world).await;
        assert_eq!((calls(&world), alive(&world, &tokens)), (8, (false, false)));
        assert_eq!((waiting(&world).await, ends(&world).await), (0, vec![REVOKED.to_owned()]));
        assert_eq!(world.sandbox.counts().followed_redirect, 0);
    }

    async fn a_provider_that_is_away_is_asked_again(engine: Engine) {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("an address");
        drop(free);
        let world = World::frozen_with(engine, |settings| {
            settings.replace("issuer =", &format!("revocation_endpoint = \"http://{address}/revoke\"\nissuer ="))
        })
        .await;
        world.account("alice").await;
        lasting(&world, "oleg", 3600).await;
        unlink(&world, &world.console().await, "oleg").await;
        work(&world).await;
        assert_eq!((waiting(&world).await, ends(&world).await), (1, vec![]));
        let listener = TcpListener::bind(address).expect("the port is still free");
        let mut options = Options::new(listener, world.clock.clone(), SystemEntropy::shared());
        options.clients = vec![SandboxClient {
            id: "fedlink".to_owned(),
            secret: Some("sandbox-secret".to_owned()),
            redirect_uris: vec![],
            auth: ClientAuth::Basic,
        }];
        let back = Sandbox::start(options).expect("it starts");
        world.advance(60);
        work(&world).await;
        assert_eq!((back.counts().revoke, calls(&world)), (2, 0));
        assert_eq!((waiting(&world).await, ends(&world).await), (0, vec![REVOKED.to_owned()]));
    }

    async fn a_provider_that_never_has_time_is_given_up_after_a_week(engine: Engine) {
        let (world, console) = world(engine).await;
        lasting(&world, "oleg", 3600).await;
        unlink(&world, &console, "oleg").await;
        world.sandbox.script().next_revocations(&vec![Shape::EmptyStatus(503); 100]);
        for hour in 0..7 * 24 {
            assert_eq!(waiting(&world).await, 1, "hour {hour}");
            work(&world).await;
            world.advance(3600);
        }
        let asked = calls(&world);
        assert!((28..=64).contains(&asked), "{asked} calls in a week");
        world.advance(6 * 3600);
        work(&world).await;
        assert_eq!(calls(&world), asked + 1);
        assert_eq!((waiting(&world).await, ends(&world).await), (0, vec!["FEDERATION_REVOCATION_GIVEN_UP out_of_time".to_owned()]));
    }

    async fn what_the_provider_refuses_or_cannot_do_is_not_asked_again(engine: Engine) {
        let (world, console) = world(engine).await;
        lasting(&world, "oleg", 3600).await;
        unlink(&world, &console, "oleg").await;
        world.sandbox.script().next_revocations(&[Shape::EmptyStatus(400), Shape::EmptyStatus(403)]);
        work(&world).await;
        assert_eq!((calls(&world), ends(&world).await), (2, vec!["FEDERATION_REVOCATION_GIVEN_UP refused".to_owned()]));
        assert_eq!(waiting(&world).await, 0);

        // No revocation endpoint: all is set by hand, and that is not.
        let world = World::frozen_with(engine, |settings| {
            let (_, rest) = settings.split_once("issuer = \"").expect("an issuer");
            let (issuer, _) = rest.split_once('"').expect("an issuer");
            let by_hand = format!(
                "authorization_endpoint = \"{issuer}/authorize\"\ntoken_endpoint = \"{issuer}/token\"\njwks_uri = \"{issuer}/jwks\"\nissuer ="
            );
            settings.replace("issuer =", &by_hand)
        })
        .await;
        world.account("alice").await;
        lasting(&world, "oleg", 3600).await;
        unlink(&world, &world.console().await, "oleg").await;
        work(&world).await;
        assert_eq!((calls(&world), waiting(&world).await), (0, 0));
        assert_eq!(ends(&world).await, ["FEDERATION_REVOCATION_GIVEN_UP not_supported"]);

        // A provider that is configured no more.
        lasting(&world, "oleg", 3600).await;
        unlink(&world, &world.console().await, "oleg").await;
        let later = World::start_beside(&world, |settings| settings.replace("box_1", "box_2")).await;
        work(&later).await;
        assert_eq!((waiting(&world).await, ends(&world).await.len()), (0, 2));
    }

    async fn a_revocation_spares_the_relinked(engine: Engine) {
        let (world, console) = world(engine).await;
        world.sandbox.script().set(|settings| settings.revokes_all_grants = true);
        lasting(&world, "oleg", 3600).await;
        unlink(&world, &console, "oleg").await;
        let newer = lasting(&world, "oleg", 3600).await;
        work(&world).await;
        assert_eq!((calls(&world), alive(&world, &newer)), (0, (true, true)));
        assert_eq!((waiting(&world).await, ends(&world).await), (0, vec![SPARED.to_owned()]));
        assert_eq!(token(&fed_token(&world, &console, "").await, "oleg"), newer.access_token.expose_secret());

        // The same before each further attempt.
        unlink(&world, &console, "oleg").await;
        world.sandbox.script().next_revocations(&[Shape::EmptyStatus(503)]);
        work(&world).await;
        let newest = lasting(&world, "oleg", 3600).await;
        world.advance(60);
        work(&world).await;
        assert_eq!((calls(&world), alive(&world, &newest)), (1, (true, true)));
        assert_eq!(ends(&world).await, [SPARED, SPARED]);
        // A link that holds no tokens is no reason to spare any.
        unlink(&world, &console, "oleg").await;
        give(&world, "oleg", (None, None), None).await;
        work(&world).await;
        assert_eq!(alive(&world, &newest), (false, false));
        assert_eq!(ends(&world).await, [SPARED, SPARED, REVOKED]);
    }

    async fn another_subjects_tokens_of_the_same_account_are_spared(engine: Engine) {
        let world = World::frozen_with(engine, |settings| settings.replace("issuer =", "exclusive = false\nissuer =")).await;
        world.sandbox.script().set(|settings| settings.revokes_all_grants = true);
        world.account("alice").await;
        lasting(&world, "oleg", 3600).await;
        let others = world.linked("bob", "oleg").await;
        unlink(&world, &world.console().await, "oleg").await;
        work(&world).await;
        assert_eq!((calls(&world), alive(&world, &others)), (0, (true, true)));
        assert_eq!(ends(&world).await, [SPARED]);
    }

    async fn what_a_refresh_brings_after_the_unlinking_is_revoked_too(engine: Engine) {
        for rotation in [Rotation::Strict, Rotation::OmitOnRefresh] {
            let (world, console) = world(engine).await;
            // So that no token dies with another: each has to be revoked itself.
            world.sandbox.script().set(|settings| settings.rotation = rotation);
            let old = expired(&world, "oleg").await;
            let hold = world.sandbox.script().hold_token_answers();
            let aside = async {
                hold.wait_for_arrivals(1).await;
                unlink(&world, &console, "oleg").await;
                work(&world).await;
                hold.release();
            };
            let (answer, ()) = tokio::join!(fed_token(&world, &console, ""), aside);
            assert_eq!(answer.refusal(), (404, "token_not_found".to_owned()));
            assert_nothing_stored(&world, "unlinked").await;
            assert_eq!((alive(&world, &old), waiting(&world).await), ((false, false), 1));
            work(&world).await;
            // The new refresh token, if there is one, and the new access token.
            assert_eq!(calls(&world), if rotation == Rotation::Strict { 4 } else { 3 });
            assert_eq!(ends(&world).await, [REVOKED, REVOKED]);
        }
    }

    async fn a_link_made_anew_during_a_refresh_keeps_its_tokens(engine: Engine) {
        let (world, console) = world(engine).await;
        world.sandbox.script().set(|settings| settings.revokes_all_grants = true);
        expired(&world, "oleg").await;
        let hold = world.sandbox.script().hold_token_answers();
        let aside = async {
            hold.wait_for_arrivals(1).await;
            unlink(&world, &console, "oleg").await;
            let newer = lasting(&world, "oleg", 3600).await;
            hold.release();
            newer
        };
        let (_, newer) = tokio::join!(fed_token(&world, &console, ""), aside);
        assert_eq!(waiting(&world).await, 2, "the old tokens and those of the refresh");
        work(&world).await;
        assert_eq!((calls(&world), alive(&world, &newer)), (0, (true, true)));
        assert_eq!(ends(&world).await, [SPARED, SPARED]);
        assert_eq!(token(&fed_token(&world, &console, "").await, "oleg"), newer.access_token.expose_secret());
    }

    async fn the_tokens_of_a_deleted_account_are_revoked(engine: Engine) {
        let (world, _) = world(engine).await;
        let issued = [lasting(&world, "oleg", 3600).await, lasting(&world, "elle", 3600).await];
        accounts::remove(&world.app.parts, Subject::parse("alice").expect("a subject")).await.expect("it goes");
        assert_nothing_stored(&world, "the account is gone").await;
        work(&world).await;
        assert!(issued.iter().all(|tokens| alive(&world, tokens) == (false, false)));
        assert_eq!(ends(&world).await, [REVOKED, REVOKED]);
    }

    async fn of_two_workers_one_makes_the_call(engine: Engine) {
        let (world, console) = world(engine).await;
        let second = World::start_beside(&world, |settings| settings).await;
        lasting(&world, "oleg", 3600).await;
        unlink(&world, &console, "oleg").await;
        let hold = world.sandbox.script().hold_revocations();
        let aside = async {
            hold.wait_for_arrivals(1).await;
            // While the first waits for the provider.
            work(&second).await;
            hold.release();
        };
        tokio::join!(work(&world), aside);
        assert_eq!((calls(&world), ends(&world).await), (2, vec![REVOKED.to_owned()]));

        // And when they look at the same time.
        for round in 1..=10 {
            lasting(&world, "oleg", 3600).await;
            unlink(&world, &console, "oleg").await;
            tokio::join!(work(&world), work(&second));
            assert_eq!((calls(&world), ends(&world).await.len()), (2 + 2 * round, 1 + usize::try_from(round).unwrap()));
        }
    }

    async fn a_worker_that_died_is_followed_by_another(engine: Engine) {
        let (world, console) = world(engine).await;
        let tokens = lasting(&world, "oleg", 3600).await;
        unlink(&world, &console, "oleg").await;
        let hold = world.sandbox.script().hold_revocations();
        let parts = world.app.parts.clone();
        let worker = tokio::spawn(async move { revoke::run_due(&parts).await });
        hold.wait_for_arrivals(1).await;
        worker.abort();
        assert!(worker.await.is_err_and(|ended| ended.is_cancelled()));
        hold.release();
        work(&world).await;
        assert_eq!(waiting(&world).await, 1, "it is left alone as long as the call may take");
        world.advance(120);
        work(&world).await;
        assert_eq!((waiting(&world).await, alive(&world, &tokens)), (0, (false, false)));
    }

    async fn a_queued_revocation_is_sealed_for_its_own_row(engine: Engine) {
        let (world, console) = world(engine).await;
        let (one, other) = (lasting(&world, "oleg", 3600).await, lasting(&world, "elle", 3600).await);
        unlink(&world, &console, "oleg").await;
        unlink(&world, &console, "elle").await;
        let query = if engine == Engine::Sqlite { "lower(hex(sealed))" } else { "encode(sealed, 'hex')" };
        let sealed = texts(&world.database_url, &format!("SELECT {query} AS value FROM revocations")).await.concat();
        assert!(sealed.len() > 2 * 2 * 2 * 43, "two tokens of 43 bytes in each of two rows: {sealed}");
        for secret in [&one, &other].into_iter().flat_map(|tokens| [&tokens.access_token, &tokens.refresh_token]) {
            let bytes = secret.expose_secret().bytes().map(|byte| format!("{byte:02x}"));
            let secret = bytes.collect::<Vec<_>>().concat();
            assert!(!sealed.contains(&secret));
        }
        // Moved to another row, key and all; and a row whose owner was rewritten.
        for change in [
            "UPDATE revocations SET sealed = (SELECT o.sealed FROM revocations o WHERE o.sid = 'elle'), \
             wrapped_key = (SELECT o.wrapped_key FROM revocations o WHERE o.sid = 'elle') WHERE sid = 'oleg'",
            "UPDATE revocations SET sid = 'anna' WHERE sid = 'elle'",
        ] {
            execute(&world.database_url, change).await;
        }
        work(&world).await;
        let unread = "FEDERATION_REVOCATION_GIVEN_UP unreadable";
        assert_eq!((calls(&world), ends(&world).await), (0, vec![unread.to_owned(), unread.to_owned()]));
        assert_eq!((alive(&world, &one), alive(&world, &other)), ((true, true), (true, true)));
    }

    async fn tokens_that_do_not_open_keep_no_link(engine: Engine) {
        let (world, console) = world(engine).await;
        lasting(&world, "oleg", 3600).await;
        let mut sql = Sql::open(&world.database_url).await;
        sql.run("UPDATE token_sets SET sealed_refresh = sealed_access").await;
        unlink(&world, &console, "oleg").await;
        assert_nothing_stored(&world, "unlinked").await;
        assert_eq!((waiting(&world).await, ends(&world).await), (0, vec!["FEDERATION_REVOCATION_GIVEN_UP unreadable".to_owned()]));
        lasting(&world, "oleg", 3600).await;
        sql.run("UPDATE token_sets SET wrapped_key = sealed_access").await;
        unlink(&world, &console, "oleg").await;
        assert_nothing_stored(&world, "unlinked").await;
        assert_eq!(ends(&world).await.len(), 2);
    }

    async fn a_refused_refresh_token_is_no_reason_not_to_revoke(engine: Engine) {
        let (world, console) = world(engine).await;
        let tokens = expired(&world, "oleg").await;
        world.sandbox.script().set(|settings| settings.refuse_refresh = Some(Refusal::new(400, "invalid_grant")));
        assert_eq!(fed_token(&world, &console, "").await.status, 404);
        unlink(&world, &console, "oleg").await;
        work(&world).await;
        assert_eq!((calls(&world), alive(&world, &tokens)), (2, (false, false)));
    }
}
