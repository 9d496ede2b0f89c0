//! Answers that carry the only refresh token there is, in every shape that careless servers and networks give them: the link
//! goes on working.

use std::time::Duration;

use sandbox::{Answer as Shape, Break, Coding, Odd, Rotation};
use serde_json::json;
use service::import;

use crate::support::browser::{Browser, Callback, complete, instruct};
use crate::support::database::{Sql, assert_nothing_stored, texts};
use crate::support::fed::{asked, expired, fed_token, health, token};
use crate::support::revocations::{waiting, work};
use crate::support::taken_in::take_in;
use crate::support::world::{As, Body, CONSOLE, CONSOLE_PASSWORD, Engine, VERIFIER, World, both_engines};

const BASIC: As = As::Basic(CONSOLE, CONSOLE_PASSWORD);
/// Longer than the life of the sandbox's access tokens, in seconds.
const LIFE: u64 = 3601;

async fn world(engine: Engine) -> World {
    let world = World::frozen(engine).await;
    world.account("alice").await;
    world
}

fn odd(change: impl FnOnce(&mut Odd)) -> Shape {
    let mut odd = Odd::default();
    change(&mut odd);
    Shape::Odd(odd)
}

/// An access token that is written so.
fn access(written: &'static str) -> Shape {
    odd(|odd| odd.written.push(("access_token", written)))
}

/// For each answer: an account whose token has run out gets a new one by it, after so many calls; and an hour later the next.
async fn survive(engine: Engine, calls: u64, answers: &[Shape]) {
    let world = world(engine).await;
    let console = world.console().await;
    for (number, answer) in answers.iter().enumerate() {
        let (sid, before) = (format!("sid-{number}"), asked(&world));
        expired(&world, &sid).await;
        world.sandbox.script().next_answers(1, answer);
        let served = fed_token(&world, &console, &format!("?sid={sid}")).await;
        assert_eq!(served.status, 200, "{answer:?}: {}", served.text());
        assert!(world.sandbox.is_active(&token(&served, &sid)), "{answer:?}");
        assert_eq!(
            (asked(&world), health(&world, &console, &sid).await),
            (before + calls, "ok".to_owned()),
            "{answer:?}"
        );
    }
    world.advance(LIFE);
    let served = fed_token(&world, &world.console().await, "").await;
    for (number, answer) in answers.iter().enumerate() {
        assert!(world.sandbox.is_active(&token(&served, &format!("sid-{number}"))), "{answer:?}");
    }
    assert_eq!(world.sandbox.revoked_families(), 0);
}

/// A whole bind, completed by the app.
async fn bind(world: &World) {
    let redirect_to = instruct(world, &BASIC).await;
    let back = Browser::default().walk(world, &redirect_to, "oleg").await;
    assert_eq!(back.get("status"), "pending", "{}", back.url);
    let done = complete(world, &BASIC, back.get("bind_code"), (VERIFIER, "alice")).await;
    assert_eq!(done.status, 204, "{}", done.text());
}

/// A bind that the provider's answer ends: where fedlink sends the browser.
async fn ended(world: &World) -> Callback {
    let redirect_to = instruct(world, &BASIC).await;
    let mut browser = Browser::default();
    let back = browser.arrive(world, &redirect_to, "oleg").await;
    Callback::of(&browser.go(world, "GET", &back, Body::None).await)
}

/// Takes in alice's account with an access token; gives the problem with it.
async fn import(world: &World, access_token: &str) -> Result<import::Taken, String> {
    let line =
        json!({"subject": "alice", "fpType": "box", "fpName": "box_1", "sid": "oleg", "accessToken": access_token});
    let (unknown, newer) = (import::UnknownSubject::Refuse, import::Newer::Replace);
    take_in(&world.app.parts, &line.to_string(), unknown, newer).await.map_err(|error| error.to_string())
}

both_engines! {
    async fn a_grant_survives_its_neighbours(engine: Engine) {
        let beside = |members: &str| {
            let members = members.to_owned();
            odd(|odd| odd.members = members)
        };
        survive(engine, 1, &[
            beside(r#""name":"Oleg \ud83d""#),
            beside("\"name\":\"Oleg\nthe Fox\""),
            beside(r#""name":"C:\Oleg""#),
            beside(r#""x":1e999"#),
            beside(&format!("\"x\":{}{}", "[".repeat(500), "]".repeat(500))),
            odd(|odd| odd.before = ")]}',\n".to_owned()),
            odd(|odd| odd.before = "<br />\n<b>Warning</b>: Undefined {closure} in x.php<br />\n".to_owned()),
            odd(|odd| odd.is_utf16 = true),
            odd(|odd| odd.overstated = 10),
            odd(|odd| odd.breaks = Some(Break::Behind("refresh_token"))),
            odd(|odd| odd.breaks = Some(Break::In("scope"))),
            odd(|odd| odd.written.push(("scope", r#""openid\u0000 \ud83d""#))),
            odd(|odd| odd.written.push(("scope", "\"openid\u{0}\u{7F}\""))),
        ])
        .await;
    }

    async fn a_compressed_grant_is_kept(engine: Engine) {
        let coded = |codings: &[Coding]| {
            let codings = codings.to_vec();
            odd(|odd| odd.codings = codings)
        };
        survive(engine, 1, &[
            coded(&[Coding::Gzip("gzip")]),
            coded(&[Coding::Gzip("X-GZip")]),
            coded(&[Coding::Deflate]),
            coded(&[Coding::BareDeflate]),
            coded(&[Coding::Deflate, Coding::Gzip("gzip")]),
            odd(|odd| {
                odd.codings = vec![Coding::Gzip("gzip")];
                odd.overstated = 10;
            }),
            odd(|odd| {
                odd.codings = vec![Coding::Gzip("gzip")];
                odd.breaks = Some(Break::Behind("refresh_token"));
            }),
        ])
        .await;
    }

    /// What it says can't be read; a provider that takes the token once more is asked once more.
    async fn an_answer_in_an_unknown_coding_passes(engine: Engine) {
        let world = world(engine).await;
        let console = world.console().await;
        world.sandbox.script().set(|settings| settings.rotation = Rotation::Grace(Duration::from_mins(1)));
        expired(&world, "oleg").await;
        world.sandbox.script().next_answers(1, &odd(|odd| odd.codings = vec![Coding::Named("br")]));
        let failed = fed_token(&world, &console, "").await;
        assert_eq!(failed.refusal(), (503, "provider_unavailable".to_owned()));
        world.advance(2);
        assert!(world.sandbox.is_active(&token(&fed_token(&world, &console, "").await, "oleg")));
    }

    /// The refresh token is stored, and asked with at once.
    async fn a_refresh_token_without_a_usable_access_token_is_kept(engine: Engine) {
        survive(engine, 2, &[
            access(r#""""#),
            access("17"),
            access("null"),
            access(r#""abc\u0000""#),
            access(r#""abc\r\nX-Evil: 1""#),
            access("\"abc\n\""),
            access(r#""abc\ud83d""#),
        ])
        .await;
    }

    /// A provider that gives none that can be used is asked twice for one call, not for ever.
    async fn a_provider_without_usable_access_tokens_is_not_asked_for_ever(engine: Engine) {
        let world = world(engine).await;
        let console = world.console().await;
        expired(&world, "oleg").await;
        world.sandbox.script().next_answers(4, &access("null"));
        for asked_by_then in [2, 4] {
            let none = fed_token(&world, &console, "").await;
            assert_eq!((none.refusal(), asked(&world)), ((503, "provider_unavailable".to_owned()), asked_by_then));
            world.advance(1);
        }
        assert!(world.sandbox.is_active(&token(&fed_token(&world, &console, "").await, "oleg")));
        assert_eq!(world.sandbox.revoked_families(), 0);
    }

    /// Half of it is gone for good, and the link says so; what was cut is no token.
    async fn a_token_cut_in_its_middle_never_counts(engine: Engine) {
        let world = world(engine).await;
        let console = world.console().await;
        for (number, field) in ["access_token", "refresh_token"].into_iter().enumerate() {
            let sid = format!("sid-{number}");
            expired(&world, &sid).await;
            world.sandbox.script().next_answers(1, &odd(|odd| odd.breaks = Some(Break::In(field))));
            let failed = fed_token(&world, &console, &format!("?sid={sid}")).await;
            assert_eq!(failed.refusal(), (503, "provider_unavailable".to_owned()), "{field}");
            world.advance(2);
            let lost = fed_token(&world, &console, &format!("?sid={sid}")).await;
            assert_eq!(lost.refusal(), (404, "token_not_found".to_owned()), "{field}");
            assert_eq!(health(&world, &console, &sid).await, "lost_in_flight", "{field}");
        }
    }

    async fn a_scope_is_stored_as_far_as_it_is_one(engine: Engine) {
        let world = world(engine).await;
        let console = world.console().await;
        expired(&world, "oleg").await;
        let scope = r#""openid\u0000email \u001f \"prof\u202eile\"\n""#;
        world.sandbox.script().next_answers(1, &odd(|odd| odd.written.push(("scope", scope))));
        assert_eq!(fed_token(&world, &console, "").await.status, 200);
        let stored = texts(&world.database_url, "SELECT scope AS value FROM token_sets").await;
        assert_eq!(stored, ["openid email profile"]);
    }

    /// Whatever it is that it refuses: it is there, so nobody waits for it to come back.
    async fn what_the_database_refuses_is_left_out_and_the_tokens_are_stored(engine: Engine) {
        let world = world(engine).await;
        let console = world.console().await;
        expired(&world, "oleg").await;
        let refuses = match engine {
            Engine::Sqlite => {
                "CREATE TRIGGER refuses BEFORE UPDATE ON token_sets WHEN NEW.scope IS NOT NULL \
                 BEGIN SELECT RAISE(ABORT, 'a value of no use'); END"
            }
            Engine::Postgres => {
                "CREATE FUNCTION refuses() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                 RAISE EXCEPTION 'invalid byte sequence' USING ERRCODE = '22021'; END $$; \
                 CREATE TRIGGER refuses BEFORE UPDATE ON token_sets FOR EACH ROW \
                 WHEN (NEW.scope IS NOT NULL) EXECUTE FUNCTION refuses()"
            }
        };
        Sql::open(&world.database_url).await.run(refuses).await;
        let served = token(&fed_token(&world, &console, "").await, "oleg");
        assert!(world.sandbox.is_active(&served));
        world.advance(LIFE);
        let next = token(&fed_token(&world, &world.console().await, "").await, "oleg");
        assert!(world.sandbox.is_active(&next) && next != served);
        assert_eq!((asked(&world), world.sandbox.revoked_families()), (2, 0));
    }

    /// The `id_token` proves the account by itself; the next call gets an access token by the refresh token.
    async fn a_bind_needs_no_access_token_where_the_id_token_says_all(engine: Engine) {
        for written in [r#""""#, "null", r#""abc\n""#] {
            let world = world(engine).await;
            world.sandbox.script().next_answers(1, &access(written));
            bind(&world).await;
            let served = fed_token(&world, &world.console().await, "").await;
            assert!(world.sandbox.is_active(&token(&served, "oleg")), "{written}");
            assert_eq!((asked(&world), world.sandbox.revoked_families()), (1, 0), "{written}");
        }
    }

    /// Who the account is only userinfo could tell: it is nobody's, and the grant is revoked.
    async fn a_bind_without_an_access_token_to_ask_userinfo_with_ends(engine: Engine) {
        let world = World::frozen_with(engine, |settings| settings + "sid = \"{department}\"\n").await;
        world.account("alice").await;
        world.sandbox.script().set(|settings| {
            settings.userinfo_claims.insert("department".to_owned(), json!("d-1"));
        });
        world.sandbox.script().next_answers(1, &access("null"));
        let back = ended(&world).await;
        assert_eq!((back.get("status"), back.get("error")), ("error", "provider_error"));
        assert_nothing_stored(&world, "nobody's").await;
        assert_eq!(waiting(&world).await, 1);
        work(&world).await;
        assert_eq!((waiting(&world).await, world.sandbox.revoked_families()), (0, 1));
    }

    /// Two ids that can't be read might become one, and be somebody else's.
    async fn an_account_id_that_cannot_be_read_is_nobodys(engine: Engine) {
        let world = World::frozen_with(engine, |settings| settings + "sid = \"{user_id}\"\n").await;
        world.account("alice").await;
        world.sandbox.script().next_answers(1, &odd(|odd| odd.members = r#""user_id":"oleg\ud83d""#.to_owned()));
        let back = ended(&world).await;
        assert_eq!((back.get("status"), back.get("error")), ("error", "provider_error"));
        assert_nothing_stored(&world, "nobody's").await;
    }

    async fn an_imported_token_fits_into_a_header_or_is_refused(engine: Engine) {
        let world = world(engine).await;
        for (written, is_taken) in [("a\nb", false), ("a\r\nX: 1", false), ("", false), ("a\u{7F}", false), ("é漢🔑", true)] {
            match import(&world, written).await {
                Ok(_) => assert!(is_taken, "{written:?}"),
                Err(told) => {
                    assert!(!is_taken, "{written:?}");
                    assert_eq!(told, "accessToken is empty or has a control character: it fits into no header");
                }
            }
        }
    }
}
