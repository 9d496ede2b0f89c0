//! Unlinking a partner's user: their last way in is kept, unless whoever asks insists.

use std::sync::Arc;

use domain::ids::Subject;
use serde_json::json;
use service::accounts;

use crate::support::database::{Sql, execute, texts};
use crate::support::partner::{SDK, with_partner};
use crate::support::sms::SECRET;
use crate::support::world::{ALL_SCOPES, Answer, As, Body, CONSOLE, CONSOLE_PASSWORD, Engine, World, both_engines};

/// A partner, an issuer, and, if asked for, somebody who sends codes. Nobody is asked anything but the partner.
async fn world(engine: Engine, sms: bool) -> World {
    World::start_with(engine, |settings| {
        let webhook = ["sms", "email"]
            .map(|kind| format!("[{kind}]\nurl = \"http://127.0.0.1:9/send\"\nsecret = \"{SECRET}\"\n"))
            .concat();
        let issuer = "[[issuers]]\nissuer = \"https://id.example\"\naudience = \"fedlink\"\n\
                      jwks_url = \"https://id.example/jwks\"\n";
        format!("{}{}{issuer}", with_partner(&settings, ""), if sms { &webhook } else { "" })
    })
    .await
}

/// Signs a new user in with the partner's token for `sid`; gives their id here.
async fn arrive(world: &World, sid: &str) -> String {
    world.userinfo(&json!({ "sub": sid, "name": "Oleg" }));
    let answer = world.arrive().await;
    assert_eq!(answer.status, 302, "{}", answer.text());
    texts(&world.database_url, &format!("SELECT subject AS value FROM links WHERE sid = '{sid}'")).await.concat()
}

/// Another link of the user's, as the one to `sid`, with these facts of its own.
async fn link_more(world: &World, sid: &str, (fp_type, fp_name, proof): (&str, &str, &str)) {
    let id = uuid::Uuid::from_u128(sid.parse().expect("a number"));
    execute(
        &world.database_url,
        &format!(
            "INSERT INTO links (id, subject, fp_type, fp_name, sid, proof, created) \
             SELECT '{id}', subject, '{fp_type}', '{fp_name}', 'more-{sid}', '{proof}', created FROM links WHERE sid = '{sid}'"
        ),
    )
    .await;
}

fn target(version: &str, subject: &str, sid: &str) -> String {
    format!("/api/{version}/users/{subject}/fa/partner/{SDK}/{sid}")
}

async fn unlink(world: &World, who: &As, subject: &str, rest: &str) -> Answer {
    world.call("DELETE", &target("v3", subject, rest), who, Body::None).await
}

fn is_kept(answer: &Answer, what: &str) {
    assert_eq!(answer.refusal(), (409, "last_sign_in_method".to_owned()), "{what}: {}", answer.text());
    assert_eq!(answer.json()["type"], "input_error", "{what}");
}

/// What the record says of unlinking.
async fn unlinked(world: &World) -> Vec<String> {
    let query = "SELECT sid || ' ' || COALESCE(detail, '-') AS value FROM audit \
                 WHERE event = 'FEDERATION_POINT_UNBOUND' ORDER BY at, sid";
    texts(&world.database_url, query).await
}

both_engines! {
    async fn a_last_way_in_is_kept(engine: Engine) {
        // What is done to the account, or else which link it has beside; and whether it may lose the partner's then, where
        // nobody sends codes and where somebody does.
        let rows = [
            ("", (false, false)),
            ("name = 'Nobody'", (false, false)),
            ("email = 'a@example.com', email_verified = true", (false, false)),
            ("phone = '+79990001234', phone_verified = false", (false, false)),
            ("phone = '+79990001234', phone_verified = true", (false, true)),
            ("phone = '+79990001234', phone_verified = true, two_factor = true", (false, false)),
            // No code is sent there.
            ("phone = '+78091234567', phone_verified = true", (false, false)),
            ("password_hash = 'x', phone = '+78091234567', phone_verified = true, two_factor = true", (false, false)),
            ("password_hash = 'x', email = 'a@example.com', email_verified = true", (true, true)),
            ("password_hash = 'x', email = 'a@example.com', email_verified = true, two_factor = true", (false, true)),
            ("password_hash = 'x', email = 'a@example.com', email_verified = false, two_factor = true", (false, false)),
            ("email = 'a@example.com', email_verified = true, two_factor = true", (false, false)),
            ("password_hash = 'x', email = 'a@example.com', email_verified = false", (true, true)),
            ("password_hash = 'x', phone = '+79990001234', phone_verified = false", (true, true)),
            // By the id, at our own page.
            ("password_hash = 'x'", (true, true)),
            ("password_hash = 'x', two_factor = true", (false, false)),
            ("password_hash = 'x', two_factor = true, phone = '+79990001234', phone_verified = false", (false, false)),
            ("password_hash = 'x', two_factor = true, phone = '+79990001234', phone_verified = true", (false, true)),
            ("issuer = 'https://id.example'", (true, true)),
            ("issuer = 'https://gone.example'", (false, false)),
            ("is_admin = true", (false, false)),
            ("link partner test-sdk proven", (true, true)),
            ("link partner test-sdk asserted", (false, false)),
            ("link partner gone-sdk proven", (false, false)),
            ("link box box_1 proven", (false, false)),
        ];
        for sms in [false, true] {
            let world = world(engine, sms).await;
            let console = world.console().await;
            for (number, (change, (without, with))) in rows.into_iter().enumerate() {
                let sid = (number + 1).to_string();
                let subject = arrive(&world, &sid).await;
                if let Some(link) = change.strip_prefix("link ") {
                    let [fp_type, fp_name, proof] = *link.split(' ').collect::<Vec<_>>() else { panic!("{link}") };
                    link_more(&world, &sid, (fp_type, fp_name, proof)).await;
                } else if !change.is_empty() {
                    execute(&world.database_url, &format!("UPDATE accounts SET {change} WHERE subject = '{subject}'")).await;
                }
                let answer = unlink(&world, &console, &subject, &sid).await;
                let what = format!("{change:?}, codes: {sms}");
                if if sms { with } else { without } {
                    assert_eq!(answer.status, 204, "{what}: {}", answer.text());
                } else {
                    is_kept(&answer, &what);
                    let left = format!("SELECT subject AS value FROM links WHERE sid = '{sid}'");
                    assert_eq!(texts(&world.database_url, &left).await.concat(), subject, "{what}");
                }
                // Nobody else's address stands in the way.
                execute(&world.database_url, &format!("UPDATE accounts SET email = NULL, phone = NULL WHERE subject = '{subject}'")).await;
            }
        }
    }

    async fn everybody_is_told_of_a_last_way_in_and_may_insist(engine: Engine) {
        let world = world(engine, false).await;
        let basic = As::Basic(CONSOLE, CONSOLE_PASSWORD);
        for (version, sid) in [("v3", "1"), ("v2", "2"), ("v3", "3"), ("v2", "4")] {
            let subject = arrive(&world, sid).await;
            let own = world.user(CONSOLE, &subject, &ALL_SCOPES).await;
            let who = match sid {
                "1" => &world.console().await,
                "2" => &basic,
                _ => &own,
            };
            for (query, expected) in [("", 409), ("?force=false", 409), ("?force=yes", 400), ("?force=", 400), ("?force=true", 204)] {
                let path = target(version, &subject, sid) + query;
                let answer = world.call("DELETE", &path, who, Body::None).await;
                assert_eq!(answer.status, expected, "{version} {sid} {query}: {}", answer.text());
            }
        }
        // Where nothing has to be overruled, nothing was.
        let subject = arrive(&world, "5").await;
        execute(&world.database_url, "UPDATE accounts SET password_hash = 'x'").await;
        assert_eq!(unlink(&world, &world.console().await, &subject, "5?force=true").await.status, 204);
        assert_eq!(unlinked(&world).await, ["1 forced", "2 forced", "3 forced", "4 forced", "5 -"]);
    }

    async fn what_signs_nobody_in_can_always_go(engine: Engine) {
        let world = world(engine, false).await;
        let console = world.console().await;
        // A provider's link, of somebody who has nothing else.
        world.linked("alice", "oleg").await;
        let gone = world.call("DELETE", "/api/v3/users/alice/fa/box/box_1/oleg", &console, Body::None).await;
        assert_eq!(gone.status, 204, "{}", gone.text());
        for (sid, change) in [("1", "proof = 'asserted'"), ("2", "fp_name = 'gone-sdk'")] {
            let subject = arrive(&world, sid).await;
            execute(&world.database_url, &format!("UPDATE links SET {change} WHERE sid = '{sid}'")).await;
            let name = if sid == "2" { "gone-sdk" } else { SDK };
            let path = format!("/api/v3/users/{subject}/fa/partner/{name}/{sid}");
            let gone = world.call("DELETE", &path, &console, Body::None).await;
            assert_eq!(gone.status, 204, "{change}: {}", gone.text());
        }
        // What is not there is not there, be it the last or not.
        let subject = arrive(&world, "3").await;
        assert_eq!(unlink(&world, &console, &subject, "4").await.refusal(), (404, "link_not_found".to_owned()));
    }

    async fn a_disabled_users_way_back_is_kept(engine: Engine) {
        let world = world(engine, false).await;
        let console = world.console().await;
        let subject = arrive(&world, "1").await;
        let disabled = Subject::parse(subject.clone()).expect("a subject");
        accounts::disable(&world.app.parts, disabled.clone()).await.expect("it is there");
        is_kept(&unlink(&world, &console, &subject, "1").await, "disabled");
        // Nor do they come back as somebody else meanwhile.
        assert_eq!(world.arrive().await.status, 400);
        accounts::enable(&world.app.parts, disabled).await.expect("it is there");
        assert_eq!(arrive(&world, "1").await, subject);
    }

    async fn of_two_unlinks_at_once_one_is_the_last(engine: Engine) {
        let world = Arc::new(world(engine, false).await);
        for round in 0..3 {
            let sid = (round + 1).to_string();
            let subject = arrive(&world, &sid).await;
            link_more(&world, &sid, ("partner", SDK, "proven")).await;
            let mut sql = Sql::open(&world.database_url).await;
            sql.hold_subject(&subject).await;
            let calls: Vec<_> = [sid.clone(), format!("more-{sid}")]
                .into_iter()
                .map(|sid| {
                    let (world, subject) = (Arc::clone(&world), subject.clone());
                    tokio::spawn(async move { unlink(&world, &world.console().await, &subject, &sid).await })
                })
                .collect();
            if let Sql::Postgres(_) = sql {
                let waiting = "SELECT CAST(count(*) AS TEXT) AS value FROM pg_locks WHERE locktype = 'advisory' AND NOT granted \
                               AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
                while sql.texts(waiting).await != ["2"] {
                    tokio::task::yield_now().await;
                }
            }
            sql.run("COMMIT").await;
            let mut statuses = Vec::new();
            for call in calls {
                statuses.push(call.await.expect("it ends").status);
            }
            statuses.sort_unstable();
            assert_eq!(statuses, [204, 409], "round {round}");
            let left = format!("SELECT CAST(count(*) AS TEXT) AS value FROM links WHERE subject = '{subject}'");
            assert_eq!(texts(&world.database_url, &left).await, ["1"]);
        }
    }
}
