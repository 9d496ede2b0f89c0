//! The database of the last release, as `scripts/release-dump` has made it: opened, brought to the newest schema, served.

use serde_json::{Value, json};

use crate::support::console::{caller_by, http};
use crate::support::database::execute;
use crate::support::program::Running;
use crate::support::site::Site;
use crate::support::world::{Engine, both_engines};

const SETTINGS: &str = include_str!("released/fedlink.toml");
const KEYRING: &str = include_str!("released/fedlink.keys");

/// A site as the release left it.
pub(crate) async fn left(engine: Engine) -> Site {
    let mut site = Site::new(engine, "http://127.0.0.1:9");
    let (address, dump) = match engine {
        Engine::Sqlite => ("\"sqlite:fedlink.db\"", include_str!("released/sqlite.sql")),
        Engine::Postgres => ("{ env = \"DATABASE_URL\" }", include_str!("released/postgres.sql")),
    };
    // However long ago it was.
    site.settings = format!("database_url = {address}\n{SETTINGS}\n[audit]\nkeep = \"36500d\"\n");
    site.env.retain(|(name, _)| *name == "DATABASE_URL");
    for (name, value) in [
        ("CONSOLE_SECRET", "secret-of-the-release"),
        ("REST_PASSWORD", "password-of-the-release"),
        ("PROVIDER_SECRET", "provider-of-the-release"),
        ("WEBHOOK_SECRET", "whsec_c2VjcmV0IG9mIHRoZSByZWxlYXNlLCBhIHRlc3Q="),
    ] {
        site.env.push((name, value.to_owned()));
    }
    site.write_private("fedlink.keys", KEYRING);
    execute(&site.database_url(), dump).await;
    site
}

/// A system-mode token of the release's application.
pub(crate) async fn console(serving: &Running) -> String {
    caller_by(serving, "secret-of-the-release").await
}

/// Users whose token is good for long, their account, and the token.
pub(crate) const SERVED: [(&str, &str, &str); 2] =
    [("alice", "of-alice", "access-of-alice"), ("carol", "stays", "access-of-carol")];

both_engines! {
    async fn the_database_of_the_last_release_is_opened_and_served(engine: Engine) {
        let site = left(engine).await;
        site.run(&["migrate"]).good();
        let serving = site.serve();
        let http = http();
        let console = &*console(&serving).await;
        let at = |path: &str| format!("{}/blitz{path}", serving.base_url);
        let get = async |path: &str| {
            let answer = http.get(at(path)).bearer_auth(console).send().await.expect("an answer");
            (answer.status().as_u16(), answer.json::<Value>().await.expect("JSON"))
        };
        for (user, sid, token) in SERVED {
            let (status, served) = get(&format!("/api/v3/users/{user}/fedToken/box/box_1")).await;
            assert_eq!((status, &served[sid]["token"]), (200, &json!(token)), "{user}");
        }
        // Its provider isn't there.
        assert_eq!(get("/api/v3/users/dave/fedToken/box/box_1").await.0, 503);
        for (user, sid) in [("bob", "of-bob"), ("carol", "stays")] {
            let (_, links) = get(&format!("/api/v3/users/{user}/fa")).await;
            let sids: Vec<_> = links.as_array().expect("a list").iter().map(|link| &link["sid"]).collect();
            assert_eq!(sids, [sid], "{user}");
        }
        let (_, record) = get("/api/v3/users/bob/audit?rql=limit(10)").await;
        assert_eq!(record[0]["type"], "FEDERATION_POINT_BOUND", "{record}");
        let gone = http.delete(at("/api/v3/users/alice/fa/box/box_1/of-alice")).bearer_auth(console).send();
        assert_eq!(gone.await.expect("an answer").status(), 204);
        // Six events from before, and one from now.
        let waiting = site.run(&["events", "list", "--json"]);
        assert_eq!(waiting.good().lines().count(), 7, "{waiting:?}");
        assert!(site.run(&["account", "show", "alice"]).good().contains("Alice of the release"));
    }
}
