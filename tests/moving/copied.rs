//! `fedlink copy`: a SQLite database, whole, into Postgres.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::there_and_back::whole;
use super::{all, another, text};
use crate::support::database::{execute, texts};
use crate::support::program::Output;
use crate::support::site::Site;
use crate::support::world::Engine;

/// How many rows each table has.
async fn counts(site: &Site) -> BTreeMap<String, String> {
    let engine = if site.database_url().starts_with("sqlite:") { Engine::Sqlite } else { Engine::Postgres };
    let tables = match engine {
        Engine::Sqlite => {
            "SELECT name AS value FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '%\\_\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite%'"
        }
        Engine::Postgres => {
            "SELECT CAST(table_name AS text) AS value FROM information_schema.tables WHERE table_schema = 'public' AND table_name NOT LIKE '%\\_\\_%' AND table_name <> 'test_clock'"
        }
    };
    let mut counts = BTreeMap::new();
    for table in texts(&site.database_url(), tables).await {
        if ["instances", "outbox_leases"].contains(&table.as_str()) {
            continue;
        }
        let many = texts(&site.database_url(), &format!("SELECT CAST(count(*) AS text) AS value FROM {table}")).await;
        counts.insert(table, many.concat());
    }
    counts
}

/// A site on Postgres with the settings and the keyring of one on SQLite.
fn on_postgres(from: &Site) -> Site {
    let to = another(from, Engine::Postgres);
    std::fs::copy(from.path("fedlink.keys"), to.path("fedlink.keys")).expect("room");
    to
}

fn copy(from: &Site, to: &Site) -> Output {
    to.run(&["copy", &text(&from.database()), "--json"])
}

#[tokio::test]
async fn all_of_a_sqlite_database_is_in_postgres_afterwards() {
    let from = whole(Engine::Sqlite).await;
    let url = from.database_url();
    // What the release's users lack: bytes, counts and moments of every table that is copied with a type of its own.
    execute(&url, "INSERT INTO served_pages VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-00000000000b', 472222, 0, 1, 0, 1700000000123457, x'00ff10')").await;
    execute(&url, "INSERT INTO attempts VALUES ('a key', 3, 1700000000123459, NULL)").await;
    let to = on_postgres(&from);
    let copied: Value = serde_json::from_str(copy(&from, &to).good()).expect("JSON");
    let (before, after) = (counts(&from).await, counts(&to).await);
    assert_eq!(before, after, "but for who serves");
    let rows: u64 = before.values().map(|many| many.parse::<u64>().expect("a number")).sum();
    assert_eq!(copied, json!({"rows": rows}));
    for table in
        ["accounts", "links", "token_sets", "audit", "outbox", "employees", "served_pages", "attempts", "vault_keys"]
    {
        assert_ne!(before[table], "0", "{table} is not tried");
    }
    assert_eq!(all(&from), all(&to), "and it opens by the same keyring");
    let page =
        "SELECT encode(page, 'hex') || ' ' || CAST(extract(epoch FROM written) AS text) AS value FROM served_pages";
    assert_eq!(texts(&to.database_url(), page).await, ["00ff10 1700000000.123457"]);

    // What comes next stands after what was there.
    let last = async || {
        texts(&to.database_url(), "SELECT CAST(max(seq) AS text) AS value FROM outbox")
            .await
            .concat()
            .parse::<u64>()
            .expect("a number")
    };
    let before = last().await;
    to.feed(
        &["import", "-"],
        &json!({"subject": "alice", "fpType": "box", "fpName": "box_1", "sid": "new"}).to_string(),
    )
    .good();
    assert_eq!(last().await, before + 1);
    // It is served, and the file is what it was.
    drop(to.serve());
    from.run(&["account", "show", "alice"]).good();
}

#[tokio::test]
async fn a_copy_is_made_of_databases_at_rest_into_an_empty_one_and_whole_or_not_at_all() {
    let from = whole(Engine::Sqlite).await;
    let to = on_postgres(&from);
    let refused = |words: &str| {
        let output = copy(&from, &to);
        assert!(output.complaint().contains(words), "{words}: {output:?}");
    };
    {
        let _serving = from.serve();
        refused("the SQLite database is served by");
    }
    execute(&from.database_url(), "DELETE FROM instances").await;
    {
        let _serving = to.serve();
        refused("the PostgreSQL database is served by");
    }
    execute(&to.database_url(), "DELETE FROM instances").await;
    // A row that can't stand there: nothing is.
    execute(
        &from.database_url(),
        "UPDATE outbox SET reason = 'a' || char(0) WHERE seq = (SELECT max(seq) FROM outbox)",
    )
    .await;
    assert!(!copy(&from, &to).status.success());
    assert!(texts(&to.database_url(), "SELECT subject AS value FROM accounts").await.is_empty());
    execute(&from.database_url(), "UPDATE outbox SET reason = NULL WHERE reason LIKE 'a%'").await;

    let mut strange = on_postgres(&from);
    std::fs::remove_file(strange.path("fedlink.keys")).expect("it is there");
    strange.run(&["keys", "add"]).good();
    let other = copy(&from, &strange);
    assert!(other.complaint().contains("key"), "{other:?}");
    strange.settings = from.settings.clone();
    let into_sqlite = copy(&from, &strange);
    assert!(into_sqlite.complaint().contains("must name the PostgreSQL database"), "{into_sqlite:?}");
    let nothing = to.run(&["copy", "/nonexistent/fedlink.db"]);
    assert!(nothing.complaint().contains("is no file"), "{nothing:?}");

    copy(&from, &to).good();
    refused("must name an empty database");
    execute(
        &from.database_url(),
        "DELETE FROM __diesel_schema_migrations WHERE version = (SELECT max(version) FROM __diesel_schema_migrations)",
    )
    .await;
    refused("is of another schema");
}
