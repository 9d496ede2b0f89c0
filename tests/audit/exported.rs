//! What a person gets who asks for all that is kept of them.

use domain::Error;
use domain::ids::Subject;
use serde_json::{Map, Value, json};
use service::export::{kept, recorded};

use super::planted::{PLANTED, line, office, plant};
use crate::support::database::{execute, texts};
use crate::support::dump::Dump;
use crate::support::site::Site;
use crate::support::world::{Engine, World, both_engines};

/// The tables of which something is told, and in which part of the document.
const TOLD: [(&str, &str); 15] = [
    ("accounts", "account"),
    ("audit", "record"),
    ("condo_sessions", "sessions"),
    ("confirm_phone_actions", "phoneConfirmations"),
    ("employees", "organizations"),
    ("flows", "binds"),
    ("known_places", "knownPlaces"),
    ("link_uses", "links"),
    ("links", "links"),
    ("oauth_codes", "applications"),
    ("oauth_refresh_tokens", "applications"),
    ("oauth_tokens", "applications"),
    ("outbox", "events"),
    ("revocations", "revocations"),
    ("sessions", "sessions"),
];

/// Those that are looked at on the way: what they call something of the person's is told.
const LOOKED_AT: [(&str, &str); 4] = [
    ("employee_roles", "what the role is called"),
    ("organizations", "what the organization is called"),
    ("rights_sets", "what the rights set is called"),
    ("token_sets", "scopes, moments and health; the tokens are secret"),
];

/// Those of which nothing is told. A table that is new has to be put in one of the three.
const UNTOLD: [(&str, &str); 14] = [
    ("attempts", "hashes: which are of whom nobody can say"),
    ("client_assertions", "of applications"),
    ("dropped_keys", "of the keyring"),
    ("gone_links", "what the record is to call links that are gone; the record is told"),
    ("imports", "of files"),
    ("instances", "of who serves"),
    ("issuer_rules", "of the settings"),
    ("outbox_lanes", "the order of what outbox holds"),
    ("outbox_leases", "of who serves"),
    ("provider_minutes", "of providers, all users together"),
    ("provider_rules", "of the settings"),
    ("served_pages", "counts that are not in the record yet, by link"),
    ("served_writers", "of who serves"),
    ("vault_keys", "of the keyring"),
];

/// The document.
async fn document(world: &World, id: &str) -> Value {
    let subject = Subject::parse(id).expect("a subject");
    let kept = kept(&world.app.parts, &subject).await.expect("there is something");
    let mut document: Map<String, Value> = kept.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let (lines, next) = recorded(&world.app.parts, &subject, None).await.expect("it is read");
    assert!(next.is_none());
    document.insert("record".to_owned(), lines.into());
    document.into()
}

fn strings<'a>(of: &'a Value, member: &str) -> Vec<&'a str> {
    of.as_array().expect("a list").iter().filter_map(|one| one[member].as_str()).collect()
}

both_engines! {
    async fn a_person_gets_what_is_kept_of_them_and_nothing_secret(engine: Engine) {
        let (office, _receiver) = office(engine).await;
        let world = &office.world;
        let employee = plant(&office).await;
        let (hash, at) = match engine {
            Engine::Sqlite => ("x'0102030405060708'", world.now().timestamp_micros().to_string()),
            Engine::Postgres => ("'\\x0102030405060708'", format!("to_timestamp({})", world.now().timestamp())),
        };
        let asked = format!(
            "INSERT INTO confirm_phone_actions (token_hash, purpose, phone, subject, code_mac, code_expires, retries, verified, completed, \
             expires, created) VALUES ({hash}, 'sf:', '+79990001122', '{PLANTED}', {hash}, {at}, 0, false, NULL, {at}, {at})"
        );
        execute(&world.database_url, &asked).await;
        let document = document(world, PLANTED).await;
        for table in Dump::of(&world.database_url).await.tables() {
            let decided = [&TOLD[..], &LOOKED_AT, &UNTOLD].concat();
            assert_eq!(decided.iter().filter(|(name, _)| *name == table).count(), 1, "{table}: decide what a person is told of it");
        }
        for (table, part) in TOLD {
            let is_there = document[part].is_object() || document[part].as_array().is_some_and(|list| !list.is_empty());
            assert!(is_there, "{table}: no {part}");
        }
        assert_eq!(document.as_object().expect("an object").len(), 12);
        let account = &document["account"];
        for (member, value) in [
            ("id", json!(PLANTED)),
            ("name", json!("Planted Name")),
            ("email", json!("planted@example.com")),
            ("phone", json!("+79990001122")),
            ("hasPassword", json!(true)),
            ("meta", json!({"note": "planted-meta"})),
            ("externalEmail", json!("external@example.com")),
        ] {
            assert_eq!(account[member], value, "{member}");
        }
        let mut sids = strings(&document["links"], "sid");
        sids.sort_unstable();
        assert_eq!(sids, ["oleg", "planted-partner", "planted-sid-1"]);
        let link = document["links"].as_array().expect("links").iter().find(|link| link["sid"] == "planted-sid-1").expect("it");
        assert!(link["lastUsed"].is_string() && link["accessTokenExpires"].is_string(), "{link}");
        let place = &document["organizations"][0];
        assert_eq!((&place["id"], &place["organizationName"], &place["email"]), (&json!(employee), &json!("An organization"), &json!("employee@example.com")));
        let mut has = strings(&document["applications"], "has");
        has.dedup();
        assert_eq!(has, ["access token", "refresh token", "authorization code"]);
        let mut kinds = strings(&document["sessions"], "kind");
        kinds.dedup();
        assert_eq!(kinds, ["browser", "condo"]);
        assert_eq!(strings(&document["revocations"], "sid"), ["planted-sid-2"]);
        assert_eq!(strings(&document["binds"], "sid"), ["irina"]);
        assert!(document["events"].as_array().expect("events").iter().any(|event| event["givenUp"].is_string()));

        // Their lines, as they may read them.
        let theirs = format!("SELECT CAST(id AS text) AS value FROM audit WHERE subject = '{PLANTED}' ORDER BY 1");
        let mut ids = strings(&document["record"], "id");
        ids.sort_unstable();
        assert_eq!(ids, texts(&world.database_url, &theirs).await);
        let text = document.to_string();
        for somebody_elses in ["198.51.100.7", "198.51.100.66", "bob", "mallory", "shared-secret", "argon2", "0102030405060708"] {
            assert!(!text.contains(somebody_elses), "{somebody_elses}");
        }
        assert!(text.contains("203.0.113.77"), "their own address");
    }

    async fn of_whom_nothing_is_kept_there_is_no_document(engine: Engine) {
        let world = World::frozen_with(engine, |settings| settings.replace("\"registered\"", "\"any\"")).await;
        let nobody = kept(&world.app.parts, &Subject::parse("nobody").unwrap()).await;
        assert!(matches!(nobody, Err(Error::UserNotFound { .. })), "{nobody:?}");
        world.linked("elsewhere", "oleg").await;
        assert_eq!(document(&world, "elsewhere").await["account"], Value::Null);
        // Of whom the record alone speaks.
        line(&world, "SIGNED_OUT", &[("subject", "gone")]).await;
        assert_eq!(document(&world, "gone").await["record"].as_array().map(Vec::len), Some(2));
    }

    async fn the_command_writes_one_document_however_long_the_record(engine: Engine) {
        let site = Site::ready(engine, "http://127.0.0.1:9");
        site.run(&["account", "create", "--id", "42", "--name", "Elle \"E\" Woods"]).good();
        let is_sqlite = engine == Engine::Sqlite;
        let id = "'00000000-0000-4000-8000-' || substr(CAST(100000000000 + i AS text), 1, 12)";
        let (id, at) = if is_sqlite { (id.to_owned(), "i * 1000000") } else { (format!("CAST({id} AS uuid)"), "to_timestamp(i)") };
        let many = format!(
            "INSERT INTO audit (id, at, event, subject) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200) \
             SELECT {id}, {at}, 'SIGNED_OUT', '42' FROM n"
        );
        execute(&site.database_url(), &many).await;
        let document: Value = serde_json::from_str(site.run(&["account", "export", "42"]).good()).expect("one document");
        assert_eq!(document["account"]["name"], "Elle \"E\" Woods");
        let moments: Vec<_> = document["record"].as_array().expect("lines").iter().map(|line| line["ts"].as_u64()).collect();
        assert!(moments.len() == 1202 && moments.is_sorted());
        assert!(site.run(&["account", "export", "nobody"]).complaint().contains("no such user"));
    }
}
