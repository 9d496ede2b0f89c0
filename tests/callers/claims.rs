//! Claims whose outcome is not heard of, or that bring nobody anything: what was done counts, and what was not may be tried
//! again.

use std::time::Duration;

use domain::ids::ClientId;
use futures_util::future::join_all;
use serde_json::json;
use service::grants;

use crate::support::browser::{Browser, complete, field, instruct};
use crate::support::confirm::{PHONE, of_webhook};
use crate::support::database::{Sql, count, execute, texts};
use crate::support::hosts::Way;
use crate::support::postgres::fresh_database;
use crate::support::revocations::{REVOKED, ends, waiting, work};
use crate::support::sms::SmsWebhook;
use crate::support::user_mode::{
    AS_CONSOLE, REDIRECT_URI, code, list, redeem, redeem_with, refresh, signed_in, tokens,
};
use crate::support::world::{Answer, As, Body, CONSOLE, CONSOLE_PASSWORD, Engine, VERIFIER, World, both_engines};

const BASIC: As = As::Basic(CONSOLE, CONSOLE_PASSWORD);

/// A world that reaches its Postgres by a way that loses what it is told to, and alice in it.
async fn on_a_way() -> (World, Way) {
    on_a_way_with(|settings| settings).await
}

/// As [`on_a_way`], its settings file changed first.
async fn on_a_way_with(change: impl FnOnce(String) -> String) -> (World, Way) {
    let url = fresh_database();
    let (_, rest) = url.rsplit_once(':').expect("a port");
    let port = rest.split_once('/').expect("a database").0.to_owned();
    let way = Way::to(port.parse().expect("a number")).await;
    let world = World::start_with(Engine::Postgres, |settings| {
        change(settings).replace(&format!("127.0.0.1:{port}/"), &format!("127.0.0.1:{}/", way.port))
    })
    .await;
    world.account("alice").await;
    (world, way)
}

/// The answer to a call whose commit is done, and whose word of it is lost.
async fn unheard<T>(way: &Way, what: &str, call: impl Future<Output = T>) -> T {
    way.lose_commits(1);
    let answer = call.await;
    assert_eq!(way.to_lose(), 0, "{what}: nothing was committed");
    answer
}

/// Wrong proofs and reuse, as the audit record has them.
async fn suspicions(world: &World) -> Vec<String> {
    let query = "SELECT event || ' ' || detail AS value FROM audit WHERE event LIKE 'OAUTH%' ORDER BY at";
    texts(&world.database_url, query).await
}

/// How many access and refresh tokens of ours there are that alice got.
async fn live(world: &World) -> (usize, usize) {
    let query = "SELECT CAST(count(*) AS TEXT) AS value FROM oauth_tokens WHERE subject = 'alice'";
    let access = texts(&world.database_url, query).await.concat().parse().expect("a number");
    (access, count(world, "oauth_refresh_tokens").await)
}

#[track_caller]
fn is_refused(answer: &Answer) {
    assert_eq!(answer.refusal(), (400, "invalid_grant".to_owned()));
}

/// Every way in which one of ours is claimed: the wire breaks when the database has done it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_whose_acknowledgement_is_lost_has_happened() {
    let (world, way) = on_a_way().await;
    let code = code(&world, "alice").await;
    let (access, newest) = tokens(&unheard(&way, "a code", redeem(&world, &AS_CONSOLE, &code)).await);
    let (next, _) = tokens(&unheard(&way, "a refresh token", refresh(&world, &AS_CONSOLE, &newest)).await);
    for token in [&access, &next] {
        assert_eq!(list(&world, token, "alice").await, 200);
    }
    assert_eq!(suspicions(&world).await, [""; 0]);

    let mut browser = Browser::default();
    let redirect_to = instruct(&world, &BASIC).await;
    let to_provider = unheard(&way, "an opening", browser.open(&world, &redirect_to)).await;
    let back = browser.consent(&world, &to_provider, "oleg").await;
    let to_confirm = unheard(&way, "the provider's answer", browser.go(&world, "GET", &back, Body::None)).await;
    assert_eq!(to_confirm.status, 303, "{}", to_confirm.text());
    let page = browser.go(&world, "GET", &to_confirm.location(), Body::None).await;
    let form = Body::Form(vec![("csrf", field(&page.text(), "csrf")), ("decision", "yes".to_owned())]);
    let yes = unheard(&way, "a yes", browser.go(&world, "POST", &to_confirm.location(), form)).await;
    assert_eq!(yes.status, 303, "{}", yes.text());
    let told = crate::support::browser::query(&yes.location());
    assert_eq!(told["status"], "pending", "{told:?}");
    let done = unheard(&way, "a bind code", complete(&world, &BASIC, &told["bind_code"], (VERIFIER, "alice"))).await;
    assert_eq!(done.status, 204, "{}", done.text());
    assert_eq!((count(&world, "links").await, count(&world, "flows").await), (1, 0));

    let console = world.console().await;
    let gone = world.call("DELETE", "/api/v3/users/alice/fa/box/box_1/oleg", &console, Body::None);
    assert_eq!(unheard(&way, "an unlinking", gone).await.status, 204);
    unheard(&way, "a revocation", work(&world)).await;
    assert_eq!((ends(&world).await, waiting(&world).await), (vec![REVOKED.to_owned()], 0));
}

/// A look at a code, and the code that was right: neither is used up for nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_confirmation_whose_acknowledgement_is_lost_has_happened() {
    let sms = SmsWebhook::start().await;
    let (world, way) = on_a_way_with(|settings| of_webhook(&sms, &settings)).await;
    let token = world.code_to(PHONE).await;
    // The look, and what it showed.
    way.lose_commits(2);
    let done = world.complete(&token, sms.code()).await;
    assert_eq!((done.data(), way.to_lose()), (json!({"result": {"status": "ok"}}), 0));
    assert_eq!(world.phone_of(&token).await.data()["result"]["isPhoneVerified"], true);
    let looks = "SELECT CAST(retries AS TEXT) AS value FROM confirm_phone_actions";
    assert_eq!(texts(&world.database_url, looks).await, ["0"]);
}

/// The instance that claimed it is gone with what it got: nobody else does until its time is over, and then somebody may.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_process_claimed_may_be_presented_again() {
    for presented in ["code", "refresh token"] {
        let (first, way) = on_a_way().await;
        let survivor = World::start_beside(&first, |settings| settings).await;
        let code = code(&first, "alice").await;
        let held = if presented == "code" { code.clone() } else { tokens(&redeem(&first, &AS_CONSOLE, &code).await).1 };
        let present = async |world: &World| match presented {
            "code" => redeem(world, &AS_CONSOLE, &held).await,
            _ => refresh(world, &AS_CONSOLE, &held).await,
        };
        let (_, before) = live(&first).await;
        tokio::select! {
            biased;
            () = way.die_of_a_commit() => {}
            answer = present(&first) => panic!("{presented}: it was to die: {answer:?}"),
        }
        assert_eq!(live(&first).await.1, before + 1, "{presented}: it died too early");
        let mut again = Box::pin(present(&survivor));
        let early = tokio::time::timeout(Duration::from_millis(300), &mut again).await;
        assert!(early.is_err(), "{presented}: another call may be about to hand its tokens out: {early:?}");
        first.advance_database(16);
        let (access, newest) = tokens(&again.await);
        assert_eq!(list(&survivor, &access, "alice").await, 200);
        // What the dead one made is no more.
        assert_eq!(live(&first).await.1, before + 1, "{presented}");
        assert_eq!(suspicions(&first).await, [""; 0], "{presented}");
        assert_eq!(refresh(&survivor, &AS_CONSOLE, &newest).await.status, 200);
        // These went out, so whoever comes with it now has it from somewhere.
        is_refused(&present(&survivor).await);
        assert_eq!(live(&first).await, (0, 0), "{presented}");
    }
}

/// As a process leaves it that dies between its commit and its answer.
async fn die(world: &World, engine: Engine, table: &str) {
    let (no, long_ago) = match engine {
        Engine::Sqlite => ("0", "1"),
        Engine::Postgres => ("FALSE", "to_timestamp(1)"),
    };
    execute(&world.database_url, &format!("UPDATE {table} SET used = {no}, claim_until = {long_ago}")).await;
}

/// Waits until the claims of a table are known to have ended.
async fn settled(world: &World, table: &str) {
    let open = format!("SELECT CAST(count(*) AS TEXT) AS value FROM {table} WHERE claim IS NOT NULL AND NOT used");
    while texts(&world.database_url, &open).await != ["0"] {
        tokio::task::yield_now().await;
    }
}

both_engines! {
    async fn a_code_that_brought_no_tokens_may_be_redeemed_again(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let code = code(&world, "alice").await;
        let (lost, lost_refresh) = tokens(&redeem(&world, &AS_CONSOLE, &code).await);
        settled(&world, "oauth_codes").await;
        die(&world, engine, "oauth_codes").await;
        let (access, newest) = tokens(&redeem(&world, &AS_CONSOLE, &code).await);
        assert_eq!((list(&world, &lost, "alice").await, list(&world, &access, "alice").await), (401, 200));
        assert_eq!(live(&world).await, (1, 1));
        is_refused(&refresh(&world, &AS_CONSOLE, &lost_refresh).await);
        assert_eq!(refresh(&world, &AS_CONSOLE, &newest).await.status, 200);
        assert_eq!(suspicions(&world).await, [""; 0]);
        is_refused(&redeem(&world, &AS_CONSOLE, &code).await);
        assert_eq!((live(&world).await, suspicions(&world).await), ((0, 0), vec!["OAUTH_TOKEN_REUSED code".to_owned()]));
    }

    async fn a_code_that_brought_no_tokens_still_needs_its_proof(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let stranger = "a-verifier-of-somebody-else-that-is-long-enough-x";
        for (uri, verifier) in [(REDIRECT_URI, stranger), ("https://app.example/elsewhere", VERIFIER)] {
            let code = code(&world, "alice").await;
            tokens(&redeem(&world, &AS_CONSOLE, &code).await);
            settled(&world, "oauth_codes").await;
            die(&world, engine, "oauth_codes").await;
            is_refused(&redeem_with(&world, &AS_CONSOLE, (&code, uri, verifier)).await);
            is_refused(&redeem(&world, &AS_CONSOLE, &code).await);
            assert_eq!(live(&world).await, (0, 0));
        }
    }

    async fn a_refresh_token_that_brought_no_tokens_may_be_sent_again(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let (first, held) = signed_in(&world, "alice").await;
        let (lost, lost_refresh) = tokens(&refresh(&world, &AS_CONSOLE, &held).await);
        settled(&world, "oauth_refresh_tokens").await;
        die(&world, engine, "oauth_refresh_tokens").await;
        let (access, newest) = tokens(&refresh(&world, &AS_CONSOLE, &held).await);
        for (token, expected) in [(&first, 200), (&lost, 401), (&access, 200)] {
            assert_eq!(list(&world, token, "alice").await, expected);
        }
        is_refused(&refresh(&world, &AS_CONSOLE, &lost_refresh).await);
        let (_, newest) = tokens(&refresh(&world, &AS_CONSOLE, &newest).await);
        assert_eq!(suspicions(&world).await, [""; 0]);
        is_refused(&refresh(&world, &AS_CONSOLE, &held).await);
        is_refused(&refresh(&world, &AS_CONSOLE, &newest).await);
        assert_eq!(live(&world).await, (0, 0));
    }

    async fn of_many_that_present_again_what_brought_no_tokens_one_gets_them(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        for _ in 0..3 {
            let code = code(&world, "alice").await;
            tokens(&redeem(&world, &AS_CONSOLE, &code).await);
            settled(&world, "oauth_codes").await;
            die(&world, engine, "oauth_codes").await;
            let answers = join_all((0..8).map(|_| redeem(&world, &AS_CONSOLE, &code))).await;
            assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
            answers.iter().filter(|answer| answer.status != 200).for_each(is_refused);
            assert_eq!(live(&world).await, (0, 0), "they went out, and it came again");
        }
    }

    /// It hung up before there was anything to hand out.
    async fn tokens_whose_caller_has_left_never_went_out(engine: Engine) {
        let world = World::start(engine).await;
        world.account("alice").await;
        let code = code(&world, "alice").await;
        let parts = &world.app.parts;
        let client = parts.settings.clients.get(&ClientId::parse(CONSOLE).expect("an id")).expect("a client");
        let mut holder = Sql::open(&world.database_url).await;
        holder.hold_subject("alice").await;
        let redemption = grants::Redemption {
            code: code.clone().into(),
            redirect_uri: REDIRECT_URI.to_owned(),
            code_verifier: VERIFIER.to_owned().into(),
        };
        {
            let mut leaving = Box::pin(grants::redeem(parts, client, redemption));
            assert!(futures_util::poll!(&mut leaving).is_pending());
            holder.wait_for_a_rival().await;
        }
        holder.run("COMMIT").await;
        while live(&world).await != (1, 1) {
            tokio::task::yield_now().await;
        }
        let (access, newest) = tokens(&redeem(&world, &AS_CONSOLE, &code).await);
        assert_eq!((list(&world, &access, "alice").await, live(&world).await), (200, (1, 1)));
        assert_eq!(refresh(&world, &AS_CONSOLE, &newest).await.status, 200);
        assert_eq!(suspicions(&world).await, [""; 0]);
    }
}
