//! Signing in with a partner's access token: the way through, what it leaves, whom it signs in (`docs/condo-contract.md` 1).

use domain::ids::Subject;
use serde_json::{Value, json};
use service::accounts;

use crate::support::database::{Sql, count, execute, texts};
use crate::support::partner::{COOKIE_SECRET, LENIENT, SDK, bearer, cookie, encoded, refused, trusting, with_partner};
use crate::support::world::{As, Body, PUBLIC, World, both_engines};

const PAGE: &str = include_str!("../../docs/partners.md");

fn oleg() -> Value {
    json!({ "sub": "cmd30383l", "phone_number": "+79990001234", "name": "Oleg", "email": "oleg@example.com" })
}

/// The audit record, oldest first.
async fn audit(world: &World) -> Vec<String> {
    let columns = ["client", "fp_type", "fp_name", "sid", "detail", "claimed_ip"];
    let columns = columns.map(|column| format!("coalesce({column}, '-')")).join(" || ' ' || ");
    texts(&world.database_url, &format!("SELECT event || ' ' || {columns} AS value FROM audit ORDER BY at, id")).await
}

/// The subjects that have a partner's link, with its sid.
async fn owners(world: &World) -> Vec<String> {
    texts(&world.database_url, "SELECT subject AS value FROM links WHERE fp_type = 'partner' ORDER BY created, id")
        .await
}

/// How the sessions came to be, oldest first.
async fn sessions(world: &World) -> Vec<String> {
    let columns = ["source", "provider", "client_id", "user_type"];
    let columns = columns.map(|column| format!("coalesce({column}, '-')")).join(" || ' ' || ");
    texts(&world.database_url, &format!("SELECT {columns} AS value FROM condo_sessions ORDER BY created")).await
}

both_engines! {
    async fn a_partners_token_signs_its_owner_in(engine: Engine) {
        let world = World::start_with(engine, |settings| trusting(&settings)).await;
        world.userinfo(&oleg());
        let token = encoded(&world.partner_token());
        let start = format!("/api/auth/{SDK}?user_type=resident&client_id={LENIENT}&access_token={token}&x=%2F&x=2");
        let begun = world.visit(&start, &[]).await;
        assert_eq!(begun.status, 302);
        let onward = format!("/api/auth/{SDK}/callback?user_type=resident&client_id={LENIENT}&access_token={token}&x=%2F&x=2");
        assert_eq!(begun.location(), onward, "the query goes on as it came");
        assert_eq!(begun.text(), format!("Found. Redirecting to {onward}"));
        let anonymous = cookie(&begun);
        assert_eq!(world.at_home(&anonymous).await, None);
        assert_eq!(world.sandbox.counts().userinfo, 0, "nobody is asked yet");

        let signed_in = world.visit(&onward, &[("cookie", &anonymous)]).await;
        assert_eq!((signed_in.status, signed_in.location().as_str()), (302, "/"));
        assert_eq!(signed_in.text(), "Found. Redirecting to /");
        assert_eq!(world.sandbox.counts().userinfo, 1, "it is asked once");
        let session = cookie(&signed_in);
        assert_ne!(session, anonymous, "the session's id is renewed");
        assert_eq!(world.at_home(&session).await.as_deref(), Some("Oleg"));
        assert_eq!(world.at_home(&anonymous).await, None, "the old one is no more");
        assert_eq!(count(&world, "condo_sessions").await, 1);
        // The recipe that partners have.
        let bearer = format!("Bearer {}", bearer(&session));
        assert_eq!(world.whoever(&[("authorization", &bearer)]).await.as_deref(), Some("Oleg"));
        assert_eq!(count(&world, "token_sets").await, 0, "the token is forgotten");
    }

    async fn a_slash_may_end_the_addresses(engine: Engine) {
        let world = World::start_with(engine, |settings| trusting(&settings)).await;
        world.userinfo(&oleg());
        let token = encoded(&world.partner_token());
        let query = format!("user_type=resident&client_id={LENIENT}&access_token={token}");
        let get = async |target: String| world.send("GET", &format!("{}{target}", world.base), &As::Nobody, Body::None, &[]).await;
        let begun = get(format!("/api/auth/{SDK}/?{query}")).await;
        assert_eq!((begun.status, begun.location()), (302, format!("/api/auth/{SDK}/callback?{query}")));
        let signed_in = get(format!("/blitz/api/auth/{SDK}/callback/?{query}")).await;
        assert_eq!((signed_in.status, signed_in.location().as_str()), (302, "/blitz/"));
        assert_eq!(world.at_home(&cookie(&signed_in)).await.as_deref(), Some("Oleg"));
    }

    async fn somebody_known_comes_in_and_nothing_of_them_changes(engine: Engine) {
        let world = World::start_with(engine, |settings| trusting(&settings)).await;
        world.userinfo(&oleg());
        assert_eq!(world.arrive().await.status, 302);
        let account = "SELECT coalesce(name, '-') || ' ' || coalesce(phone, '-') || ' ' || coalesce(email, '-') || ' ' || meta AS value FROM accounts";
        let before = texts(&world.database_url, account).await;
        world.userinfo(&json!({ "sub": "cmd30383l", "phone_number": "+79995550000", "name": "Igor", "email": "i@example.com" }));
        assert_eq!(world.arrive().await.status, 302);
        assert_eq!(texts(&world.database_url, account).await, before);
        // Through the client that wants a confirmed phone as well: that is for a first sign-in.
        let strict = world.visit(&world.callback("resident", "test-client-id"), &[]).await;
        assert_eq!(strict.status, 302);
        assert_eq!(world.at_home(&cookie(&strict)).await.as_deref(), Some("Oleg"));
        assert_eq!(sessions(&world).await, ["passport test-sdk lenient -", "passport test-sdk - -", "passport test-sdk - -"]);
        let line = |event: &str, detail: &str| format!("{event} lenient partner {SDK} cmd30383l {detail} 127.0.0.1");
        let expected = [
            "ACCOUNT_CREATED lenient - - - partner 127.0.0.1".to_owned(),
            line("FEDERATION_POINT_BOUND", "proven"),
            line("SIGNED_IN", "partner"),
            line("SIGNED_IN", "partner"),
            line("SIGNED_IN", "partner").replace("lenient", "test-client-id"),
        ];
        assert_eq!(audit(&world).await, expected);
    }

    async fn a_staff_member_and_a_resident_of_one_id_are_two(engine: Engine) {
        let world = World::start_with(engine, |settings| trusting(&settings)).await;
        world.userinfo(&oleg());
        for user_type in ["resident", "staff", "resident", "staff"] {
            assert_eq!(world.arrive_as(user_type).await.status, 302);
        }
        let accounts = "SELECT account_type || ' ' || phone || ' ' || email AS value FROM accounts ORDER BY account_type";
        let expected = ["resident +79990001234 oleg@example.com", "staff +79990001234 oleg@example.com"];
        assert_eq!(texts(&world.database_url, accounts).await, expected);
        let keys = "SELECT exclusive_key AS value FROM links ORDER BY exclusive_key";
        let expected = ["resident/partner/test-sdk/cmd30383l", "staff/partner/test-sdk/cmd30383l"];
        assert_eq!(texts(&world.database_url, keys).await, expected);
    }

    async fn the_callback_needs_no_beginning(engine: Engine) {
        let world = World::start_with(engine, |settings| trusting(&settings)).await;
        world.userinfo(&oleg());
        let begun = world.visit(&format!("/api/auth/{SDK}?user_type=staff"), &[]).await;
        let session = cookie(&begun);
        // What the session says is used where the query says nothing.
        let bare = world.callback("staff", LENIENT).replace("user_type=staff&", "");
        assert_eq!(refused(&world.visit(&bare, &[]).await), (400, "NO_USER_TYPE_IN_CALLBACK".to_owned()));
        assert_eq!(world.visit(&bare, &[("cookie", &session)]).await.status, 302);
        let types = "SELECT account_type AS value FROM accounts";
        assert_eq!(texts(&world.database_url, types).await, ["staff"]);
        // Where both say something it is the query, and the session notes it.
        let begun = world.visit(&format!("/api/auth/{SDK}?user_type=staff"), &[]).await;
        let session = cookie(&begun);
        let again = world.visit(&format!("/api/auth/{SDK}?user_type=staff"), &[("cookie", &session)]).await;
        assert_eq!(again.header("set-cookie"), None, "it has nothing new to say");
        let failed = world.visit(&world.callback("resident", "nobody"), &[("cookie", &session)]).await;
        assert_eq!(refused(&failed), (400, "INVALID_PARAMETER".to_owned()));
        let session = cookie(&failed);
        assert_eq!(world.visit(&bare, &[("cookie", &session)]).await.status, 302);
        assert_eq!(texts(&world.database_url, &format!("{types} ORDER BY created")).await, ["staff", "resident"]);
    }

    async fn who_has_not_signed_in_leaves_no_row(engine: Engine) {
        let world = World::start_with(engine, |settings| trusting(&settings)).await;
        for user_type in ["resident", "staff"].repeat(50) {
            let begun = world.visit(&format!("/api/auth/{SDK}?user_type={user_type}"), &[]).await;
            let cookie = cookie(&begun);
            let (sid, _signature) = cookie.strip_prefix("keystone.sid=s%3A").expect("its name").split_once('.').expect("signed");
            assert_eq!(sid.len(), 32, "its form is the source's");
        }
        assert_eq!(count(&world, "condo_sessions").await, 0);
    }

    async fn the_way_stays_under_the_base_path(engine: Engine) {
        let world = World::start_with(engine, |settings| trusting(&settings)).await;
        world.userinfo(&oleg());
        let target = world.callback("resident", LENIENT).replace("/callback", "");
        let begun = world.call("GET", &target, &As::Nobody, Body::None).await;
        let onward = begun.location();
        assert_eq!(onward, format!("/blitz{}", target.replace('?', "/callback?")));
        let signed_in = world.call("GET", onward.strip_prefix("/blitz").unwrap(), &As::Nobody, Body::None).await;
        assert_eq!(signed_in.location(), "/blitz/");
        let cookie = cookie(&signed_in);
        let home = world.call_with("GET", "/", &As::Nobody, Body::None, &[("cookie", &cookie)]).await;
        assert!(home.text().contains("<bdi>Oleg</bdi>"));
    }

    async fn the_cookie_is_the_sources(engine: Engine) {
        let world = World::start_with(engine, |settings| trusting(&settings)).await;
        world.userinfo(&oleg());
        let set = world.arrive().await.header("set-cookie").unwrap().to_owned();
        assert!(set.ends_with(" GMT; HttpOnly; SameSite=Lax"), "{set}");
        let secure = World::start_with(engine, |settings| trusting(&settings.replace(&base(&settings), PUBLIC))).await;
        secure.userinfo(&oleg());
        let set = secure.arrive().await.header("set-cookie").unwrap().to_owned();
        assert!(set.ends_with(" GMT; HttpOnly; Secure; SameSite=Lax"), "{set}");
    }

    async fn a_session_is_put_off_while_it_is_used(engine: Engine) {
        let world = World::frozen_with(engine, |settings| trusting(&settings)).await;
        world.userinfo(&oleg());
        let session = cookie(&world.arrive().await);
        world.advance(29 * 86_400);
        let home = world.visit("/", &[("cookie", &session)]).await;
        assert_eq!(cookie(&home), session, "the same id, told to the browser anew");
        assert!(world.visit("/", &[("cookie", &session)]).await.header("set-cookie").is_none());
        world.advance(29 * 86_400);
        assert_eq!(world.at_home(&session).await.as_deref(), Some("Oleg"));
        world.advance(31 * 86_400);
        assert_eq!(world.at_home(&session).await, None);
    }

    async fn the_link_is_listed_and_can_be_unlinked(engine: Engine) {
        let world = World::start_with(engine, |settings| trusting(&settings)).await;
        world.userinfo(&oleg());
        let session = cookie(&world.arrive().await);
        let subject = owners(&world).await.concat();
        let console = world.console().await;
        let listed = world.call("GET", &format!("/api/v3/users/{subject}/fa?detail=true"), &console, Body::None).await.json();
        let link = &listed[0];
        let seen = ["fpType", "fpName", "sid", "userName", "proof", "origin"].map(|field| link[field].as_str().unwrap());
        assert_eq!(seen, ["partner", SDK, "cmd30383l", "Oleg", "proven", LENIENT]);
        let target = format!("/api/v3/users/{subject}/fa/partner/{SDK}/cmd30383l?force=true");
        assert_eq!(world.at_home(&session).await.as_deref(), Some("Oleg"));
        assert_eq!(world.call("DELETE", &target, &console, Body::None).await.status, 204);
        assert_eq!(world.at_home(&session).await, None, "whom it let in is out");
        // The next sign-in is a first one again: its verified phone finds the account.
        world.arrive().await;
        assert_eq!(owners(&world).await, [subject]);
        assert_eq!(count(&world, "accounts").await, 1);
    }

    async fn an_asserted_link_signs_nobody_in(engine: Engine) {
        let world = World::start_with(engine, |settings| with_partner(&settings, "")).await;
        world.account("mallory").await;
        world.userinfo(&oleg());
        // Nobody can say so from outside.
        let console = world.console().await;
        let target = format!("/api/v3/users/mallory/fa/partner/{SDK}/cmd30383l");
        assert_eq!(world.call("POST", &target, &console, Body::None).await.status, 400);
        // And if such a row is there all the same, it signs nobody in, and yields.
        let row = format!(
            "INSERT INTO links (id, subject, fp_type, fp_name, sid, proof, exclusive_key, created) VALUES \
             ('00000000-0000-4000-8000-000000000001', 'mallory', 'partner', '{SDK}', 'cmd30383l', 'asserted', \
             'resident/partner/{SDK}/cmd30383l', {})",
            if world.database_url.starts_with("sqlite") { "0" } else { "now()" }
        );
        execute(&world.database_url, &row).await;
        let session = cookie(&world.arrive().await);
        assert_eq!(world.at_home(&session).await.as_deref(), Some("Oleg"));
        let owners = owners(&world).await;
        assert!(owners.len() == 1 && owners[0] != "mallory", "{owners:?}");
        assert!(audit(&world).await.iter().any(|line| line.starts_with("FEDERATION_POINT_TAKEN_OVER")));
    }

    async fn a_link_of_somebody_deleted_is_blocked(engine: Engine) {
        let world = World::start_with(engine, |settings| trusting(&settings)).await;
        world.userinfo(&oleg());
        let session = cookie(&world.arrive().await);
        let subject = Subject::parse(owners(&world).await.concat()).unwrap();
        accounts::disable(&world.app.parts, subject.clone()).await.unwrap();
        assert_eq!(refused(&world.arrive().await), (400, "EXTERNAL_IDENTITY_BLOCKED".to_owned()));
        assert_eq!(world.at_home(&session).await, None);
        let last = audit(&world).await.pop().unwrap();
        assert_eq!(last, format!("SIGN_IN_REFUSED lenient partner {SDK} cmd30383l account_disabled 127.0.0.1"));
        accounts::enable(&world.app.parts, subject).await.unwrap();
        assert_eq!(world.arrive().await.status, 302);
    }

    async fn an_account_that_is_gone_takes_its_identity_along(engine: Engine) {
        let world = World::start_with(engine, |settings| trusting(&settings)).await;
        world.userinfo(&oleg());
        let session = cookie(&world.arrive().await);
        let first = owners(&world).await.concat();
        accounts::remove(&world.app.parts, Subject::parse(first.clone()).unwrap()).await.unwrap();
        assert_eq!(world.at_home(&session).await, None);
        assert_eq!(world.arrive().await.status, 302);
        assert_ne!(owners(&world).await.concat(), first);
    }

    async fn two_instances_share_sessions_and_identities(engine: Engine) {
        let first = World::start_with(engine, |settings| trusting(&settings)).await;
        let second = World::start_beside(&first, |settings| trusting(&settings)).await;
        first.userinfo(&oleg());
        let session = cookie(&first.arrive().await);
        assert_eq!(second.at_home(&session).await.as_deref(), Some("Oleg"));
        assert_eq!(second.arrive().await.status, 302);
        assert_eq!(owners(&first).await.len(), 1);
        // Another secret signs other sessions.
        let stranger = World::start_beside(&first, |settings| {
            trusting(&settings).replace(COOKIE_SECRET, "another secret that signs sessions")
        })
        .await;
        assert_eq!(stranger.at_home(&session).await, None);
    }

    async fn the_documented_partner_is_served(engine: Engine) {
        let (_, block) = PAGE.split_once("## Signing in with a partner's access token").unwrap();
        let block = block.split_once("```toml").and_then(|(_, rest)| rest.split_once("```")).unwrap().0;
        let world = World::start_with(engine, |settings| {
            let issuer = settings.split_once("issuer = \"").and_then(|(_, rest)| rest.split('"').next()).unwrap();
            let block = block
                .replace("{ env = \"COOKIE_SECRET\" }", &format!("\"{COOKIE_SECRET}\""))
                .replace("https://my-app.example.com/api/oidc/me", &format!("{issuer}/userinfo"));
            format!("{settings}\n{block}")
        })
        .await;
        world.userinfo(&json!({ "sub": "1", "contact": { "phone": "+79990001234" } }));
        let answer = world.visit(&world.callback("resident", "test-client-id"), &[]).await;
        assert_eq!(refused(&answer), (400, "PHONE_CONFIRMATION_REQUIRED".to_owned()));
        let told = &answer.json()["errors"][0]["extensions"]["messageInterpolation"];
        assert_eq!(told["phone"], "+79990001234", "its fields are read");
    }

    async fn without_sessions_there_is_no_such_dialect(engine: Engine) {
        let world = World::start(engine).await;
        for target in [&format!("/api/auth/{SDK}?user_type=staff"), &format!("/api/auth/{SDK}/callback"), "/"] {
            let answer = world.visit(target, &[]).await;
            assert_eq!(answer.refusal(), (404, "not_found".to_owned()), "{target}");
        }
    }

    async fn what_a_partner_tells_is_kept_within_bounds(engine: Engine) {
        let world = World::start_with(engine, |settings| trusting(&settings)).await;
        let mut userinfo = oleg();
        userinfo["department"] = json!({ "id": 7 });
        world.userinfo(&userinfo);
        world.arrive().await;
        let meta = "SELECT meta AS value FROM accounts ORDER BY created";
        let kept: Value = serde_json::from_str(&texts(&world.database_url, meta).await[0]).unwrap();
        assert_eq!(kept, json!({ SDK: userinfo }));
        let big = json!({ "sub": "big", "name": "Big", "department": "x".repeat(20_000) });
        world.userinfo(&big);
        world.arrive().await;
        let kept: Value = serde_json::from_str(&texts(&world.database_url, meta).await[1]).unwrap();
        let expected = json!({ "sub": "big", "name": "Big", "phone_number": null, "phone_number_verified": true, "email": null, "email_verified": true });
        assert_eq!(kept, json!({ SDK: expected }));
    }

    async fn an_email_address_is_one_however_it_is_written(engine: Engine) {
        let world = World::start_with(engine, |settings| trusting(&settings)).await;
        world.userinfo(&json!({ "sub": "1", "email": "Oleg@Example.COM" }));
        world.arrive().await;
        world.userinfo(&json!({ "sub": "2", "email": "oleg@example.com" }));
        world.arrive().await;
        assert_eq!(count(&world, "accounts").await, 1);
        assert_eq!(owners(&world).await.len(), 2, "two identities of one user");
    }

    async fn a_database_that_is_away_looks_like_a_partner_that_is(engine: Engine) {
        let world = World::start_with(engine, |settings| trusting(&settings)).await;
        world.userinfo(&oleg());
        world.arrive().await;
        let mut sql = Sql::open(&world.database_url).await;
        sql.run("ALTER TABLE condo_sessions RENAME TO elsewhere").await;
        let answer = world.arrive().await;
        assert_eq!(refused(&answer), (500, "AUTHORIZATION_FAILED".to_owned()));
        assert!(!answer.text().contains("condo_sessions") && !answer.text().contains("elsewhere"));
        sql.run("ALTER TABLE elsewhere RENAME TO condo_sessions").await;
        assert_eq!(world.arrive().await.status, 302);
    }
}

/// The `public_url` in a settings file.
fn base(settings: &str) -> String {
    let (_, rest) = settings.split_once("public_url = \"").expect("it has one");
    rest.split('"').next().unwrap_or_default().to_owned()
}
