//! What moves is all there, and serves.

use serde_json::{Value, json};

use super::{all, another, passphrase, sealed, text};
use crate::database::released::{SERVED, console, left};
use crate::support::console::http;
use crate::support::database::{execute, texts};
use crate::support::site::Site;
use crate::support::world::{Engine, both_engines};

/// What the release's users lack.
const MORE: &str = "
    INSERT INTO rights_sets (id, name, granted, created, updated) VALUES
        ('00000000-0000-4000-8000-000000000001', 'Readers', 'canReadUsers', EPOCH, EPOCH);
    INSERT INTO organizations (id, name, created, updated, deleted_at) VALUES
        ('00000000-0000-4000-8000-000000000002', 'A bank', EPOCH, EPOCH, NULL),
        ('00000000-0000-4000-8000-000000000003', 'Gone', EPOCH, EPOCH, EPOCH);
    INSERT INTO employee_roles (id, organization, name, granted, created, updated) VALUES
        ('00000000-0000-4000-8000-000000000004', '00000000-0000-4000-8000-000000000002', 'Clerk', '', EPOCH, EPOCH);
    INSERT INTO accounts (subject, account_type, name, created, email, email_verified, phone, phone_verified, password_hash,
            disabled_at, is_admin, is_support, two_factor, rights_set, meta, external_system, external_email,
            external_email_verified, external_phone, external_phone_verified, updated) VALUES
        ('erin', 'staff', 'Erin \"the\" Émigrée', EPOCH, 'erin@example.com', TRUE, '+79990000001', FALSE, HASH,
            EPOCH, TRUE, TRUE, TRUE, '00000000-0000-4000-8000-000000000001', '{\"a\":  [1]}', 'crm', 'e@crm.example',
            TRUE, '+79990000002', TRUE, EPOCH);
    INSERT INTO employees (id, organization, subject, role, name, email, phone, is_accepted, is_rejected, is_blocked, created,
            updated, deleted_at) VALUES
        ('00000000-0000-4000-8000-000000000005', '00000000-0000-4000-8000-000000000002', 'erin',
            '00000000-0000-4000-8000-000000000004', 'Erin', 'erin@bank.example', NULL, TRUE, FALSE, TRUE, EPOCH, EPOCH, NULL);
    UPDATE token_sets SET health = 'needs_consent', health_since = EPOCH, obtained_at = EPOCH, imported_at = NULL, stated_life = 3600, refresh_expires_at = EPOCH,
        scope = 'openid offline_access'
        WHERE link_id IN (SELECT id FROM links WHERE subject = 'carol');
    INSERT INTO link_uses SELECT id, EPOCH FROM links WHERE subject = 'bob' ON CONFLICT DO NOTHING;
    UPDATE links SET proof = 'proven', origin_client = 'console', user_name = 'Bob, as the box has him'
        WHERE subject = 'bob';
";
const HASH: &str =
    "'$argon2id$v=19$m=19456,t=2,p=1$8dQ5mnmRr0eVj0H4tTqK3w$b6N0dWm3xk1aVq0tJm9kq4rYgC7hE2sUoPzLwXfI5nA'";

/// The site of the last release, with a bit of everything.
pub(super) async fn whole(engine: Engine) -> Site {
    let site = left(engine).await;
    site.run(&["migrate"]).good();
    let epoch = match engine {
        Engine::Sqlite => "1700000000123456",
        Engine::Postgres => "timestamptz '2023-11-14 22:13:20.123456+00'",
    };
    execute(&site.database_url(), &MORE.replace("EPOCH", epoch).replace("HASH", HASH)).await;
    site
}

fn other(engine: Engine) -> Engine {
    match engine {
        Engine::Sqlite => Engine::Postgres,
        Engine::Postgres => Engine::Sqlite,
    }
}

both_engines! {
    async fn what_one_installation_exports_another_on_the_other_engine_has_and_exports(engine: Engine) {
        let from = whole(engine).await;
        let lines = sealed(&from, "moved.jsonl");
        let told = lines.concat();
        for secret in ["access-of-alice", "access-of-carol", "argon2id$", "refresh-of"] {
            assert!(!told.contains(secret), "{secret} is in the clear");
        }
        let to = another(&from, other(engine));
        let moved = text(&from.path("moved.jsonl"));
        let args = ["import", &moved, "--passphrase-file", &passphrase(&to), "--json"];
        let taken: Value = serde_json::from_str(to.run(&args).good()).expect("JSON");
        let records = lines.len() - 2;
        assert_eq!((&taken["taken_in"], &taken["there_already"]), (&json!(records), &json!(0)), "{taken}");
        let (before, after) = (all(&from), all(&to));
        assert!(before.len() > 12 && before.iter().any(|line| line.to_string().contains("access-of-alice")));
        for kind in ["rightsSet", "organization", "role", "account", "employee", "link", "end"] {
            assert!(before.iter().any(|line| line.get(kind).is_some()), "{kind} is not tried");
        }
        assert_eq!(before, after);
        // Who takes all there is has left a line.
        let exports = "SELECT detail AS value FROM audit WHERE event = 'DATA_EXPORTED' ORDER BY detail DESC";
        assert_eq!(texts(&from.database_url(), exports).await, ["sealed", "plain"]);
        // All of it is in order in the database as well, and is told of as if it had been made here.
        let lines = texts(&to.database_url(), "SELECT event AS value FROM audit WHERE event = 'FEDERATION_POINT_BOUND'").await;
        let linked = before.iter().filter(|line| line.get("link").is_some()).count();
        assert_eq!(lines.len(), linked);

        let again: Value = serde_json::from_str(to.run(&args).good()).expect("JSON");
        assert_eq!(again["taken_in"], json!(records), "{again}");
        assert_eq!(all(&to), after, "taken in again, it changes nothing");
    }
    async fn what_was_moved_in_serves(engine: Engine) {
        let from = left(other(engine)).await;
        let to = another(&from, engine);
        // Through a pipe, which nobody can read twice.
        let exported = from.run(&["export", "-", "--passphrase-file", &passphrase(&from)]);
        to.feed(&["import", "-", "--passphrase-file", &passphrase(&to)], exported.good()).good();
        let serving = to.serve();
        let http = http();
        let console = console(&serving).await;
        for (user, sid, token) in SERVED {
            let path = format!("{}/blitz/api/v3/users/{user}/fedToken/box/box_1", serving.base_url);
            let served = http.get(path).bearer_auth(&console).send().await.expect("an answer");
            let served: Value = served.json().await.expect("JSON");
            assert_eq!(served[sid]["token"], json!(token), "{user}: {served}");
        }
    }
    async fn tokens_as_large_as_a_provider_answers_move(engine: Engine) {
        let from = left(engine).await;
        let (access, refresh) = ("a".repeat(500_000), "\"\\\u{1}".repeat(160_000));
        let line = json!({
            "subject": "alice", "fpType": "box", "fpName": "box_1", "sid": "large", "accessToken": access,
            "refreshToken": refresh,
        });
        from.feed(&["import", "-"], &line.to_string()).good();
        let lines = sealed(&from, "moved.jsonl");
        assert!(lines.iter().any(|line| line.len() > 1 << 20));
        let to = another(&from, other(engine));
        to.run(&["import", &text(&from.path("moved.jsonl")), "--passphrase-file", &passphrase(&to)]).good();
        assert_eq!(all(&to), all(&from));
    }
    async fn newer_tokens_stay_and_older_ones_go(engine: Engine) {
        let from = whole(engine).await;
        sealed(&from, "moved.jsonl");
        let to = another(&from, engine);
        let moved = text(&from.path("moved.jsonl"));
        let import = |more: &[&str]| {
            let given = ["import", &moved, "--passphrase-file", &passphrase(&to), "--json"];
            serde_json::from_str::<Value>(to.run(&[&given, more].concat()).good()).expect("JSON")
        };
        import(&[]);
        let expected = all(&to);
        let later = match engine {
            Engine::Sqlite => "obtained_at + 1",
            Engine::Postgres => "obtained_at + interval '1 microsecond'",
        };
        let sets = texts(&to.database_url(), "SELECT CAST(link_id AS text) AS value FROM token_sets WHERE obtained_at IS NOT NULL").await;
        execute(&to.database_url(), &format!("UPDATE token_sets SET scope = 'another', obtained_at = {later}")).await;
        let stays = import(&[]);
        assert!(!sets.is_empty());
        assert_eq!(stays["newer_kept"], json!(sets.len()), "{stays}");
        assert_ne!(all(&to), expected);
        assert_eq!(import(&["--overwrite"])["newer_kept"], json!(0));
        assert_eq!(all(&to), expected);
        // What stands is older than what comes.
        let earlier = later.replace('+', "-");
        execute(&to.database_url(), &format!("UPDATE token_sets SET scope = 'another', obtained_at = {earlier}")).await;
        assert_eq!(import(&[])["newer_kept"], json!(0));
        assert!(!all(&to).iter().any(|line| {
            let tokens = &line["link"]["tokens"];
            tokens["obtained"].is_string() && tokens["scope"] == "another"
        }));
    }
}
