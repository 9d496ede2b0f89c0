//! A person who is erased is found nowhere, and the record keeps its shape.

use domain::ids::Subject;
use domain::served::Due;
use domain::{Error, erasure};
use serde_json::json;
use service::erasure::erase;
use service::export::kept;
use service::folding::fold;
use service::{accounts, revoke, sweep};

use super::planted::{PLANTED, SHARED, WORDS, line, office, plant, whole_lines};
use crate::sealed::keys_rows::{keeper, turn};
use crate::support::database::{Sql, count, texts};
use crate::support::dump::Dump;
use crate::support::receiver::{Manner, Receiver, deliver};
use crate::support::site::Site;
use crate::support::world::{Body, Engine, World, both_engines};

/// The tables that can name a person.
const NAMING: [&str; 15] = [
    "accounts",
    "audit",
    "condo_sessions",
    "confirm_phone_actions",
    "employees",
    "flows",
    "gone_links",
    "known_places",
    "links",
    "oauth_codes",
    "oauth_refresh_tokens",
    "oauth_tokens",
    "outbox",
    "revocations",
    "sessions",
];

/// Those that name nobody, and why. A table that is new has to be put in one of the two.
const NAMELESS: [(&str, &str); 18] = [
    ("attempts", "hashes of who tried what, until the hour or the day is over"),
    ("client_assertions", "of applications"),
    ("dropped_keys", "of the keyring"),
    ("employee_roles", "of organizations"),
    ("imports", "of files"),
    ("instances", "of who serves"),
    ("issuer_rules", "of the settings"),
    ("link_uses", "by link, and gone with it"),
    ("organizations", "of who works there, nobody is in it"),
    ("outbox_lanes", "a hash, until what waits in it is told"),
    ("outbox_leases", "of who serves"),
    ("provider_minutes", "of providers, all users together"),
    ("provider_rules", "of the settings"),
    ("rights_sets", "whoever has one names it"),
    ("served_pages", "by link, and in the record before anybody is erased"),
    ("served_writers", "of who serves"),
    ("token_sets", "by link, sealed, and gone with it"),
    ("vault_keys", "of the keyring"),
];

fn subject(id: &str) -> Subject {
    Subject::parse(id).expect("a subject")
}

/// Lets all that waits be done or be past its time.
async fn let_pass(world: &World, receiver: &Receiver) {
    receiver.behave(Manner::Status(204));
    for _ in 0..3 {
        world.advance(3600);
        deliver(world).await;
        revoke::run_due(&world.app.parts).await.expect("the provider answers");
    }
    fold(&world.app.parts, Due::Now).await.expect("it is added to the record");
    world.advance(2 * 86_400);
    sweep::delete(&world.app.parts).await.expect("it sweeps");
}

/// What the lines say beside whom they name: nothing of it may change.
const SHAPE: &str = "SELECT CAST(id AS text) || ' ' || CAST(at AS text) || ' ' || event || ' ' || coalesce(client, '-') || ' ' || \
     coalesce(fp_name, '-') || ' ' || CAST(count AS text) AS value FROM audit ORDER BY 1";

both_engines! {
    async fn an_erased_person_is_found_nowhere_and_the_record_keeps_its_shape(engine: Engine) {
        let (office, receiver) = office(engine).await;
        let world = &office.world;
        let employee = plant(&office).await;
        let words: Vec<&str> = WORDS.into_iter().chain([employee.as_str()]).collect();
        let before = Dump::of(&world.database_url).await;
        for word in &words {
            assert!(!before.find(&[word]).is_empty(), "the search doesn't find {word}");
        }
        let found = before.find(&words);
        for table in before.tables() {
            let names = found.iter().any(|found| found.starts_with(&format!("{table}: ")));
            assert_eq!(NAMING.contains(&table), names, "{table}");
            assert!(names || NAMELESS.iter().any(|(name, _)| *name == table), "{table}: decide whether it names a person");
        }
        let bobs = whole_lines(world, "subject = 'bob' AND actor IS NULL").await;
        assert!(bobs.iter().any(|line| line.contains(SHARED)) && bobs.len() >= 4);
        let shape = texts(&world.database_url, SHAPE).await;
        world.advance(1);
        let since = world.now().to_rfc3339();

        erase(&world.app.parts, &subject(PLANTED)).await.expect("it is erased");
        let_pass(world, &receiver).await;
        assert_eq!(Dump::of(&world.database_url).await.find(&words), Vec::<String>::new());

        assert_eq!(whole_lines(world, "subject = 'bob' AND actor IS NULL").await, bobs);
        let after = texts(&world.database_url, SHAPE).await;
        assert!(shape.iter().all(|line| after.contains(line)), "{shape:#?}\n{after:#?}");
        let told: Vec<String> = receiver.taken().iter().map(|told| told.body["type"].as_str().expect("a type").to_owned()).collect();
        for event in ["ACCOUNT_DELETED", "FEDERATION_POINT_UNBOUND"] {
            assert!(told.iter().any(|told| told == event), "{told:?}");
        }
        assert!(!told.iter().any(|told| told.contains("REVOKED")), "{told:?}");
        assert_eq!((count(world, "outbox").await, count(world, "revocations").await), (0, 0));

        // What was told before is not told again.
        let (taken, body) = (receiver.taken().len(), Body::Json(json!({"since": "2026-01-01T00:00:00Z", "until": since})));
        let again = world.call("POST", "/api/v3/events/replay", &world.console().await, body).await;
        assert_eq!(again.status, 200, "{}", again.text());
        deliver(world).await;
        let again = receiver.taken().split_off(taken);
        assert!(!again.is_empty() && again.iter().all(|told| !words.iter().any(|word| told.text.contains(word))));
        assert!(again.iter().all(|told| !told.text.contains("erased:")));
    }

    async fn whoever_is_named_has_one_hash_and_others_keep_what_is_theirs(engine: Engine) {
        let (office, receiver) = office(engine).await;
        let world = &office.world;
        plant(&office).await;
        let of = async |column: &str, condition: &str| {
            texts(&world.database_url, &format!("SELECT DISTINCT {column} AS value FROM audit WHERE {condition} ORDER BY 1")).await
        };
        let ids = async |condition: &str| {
            let ids = of("CAST(id AS text)", condition).await;
            format!("id IN ('{}')", ids.join("', '"))
        };
        let theirs = ids(&format!("subject = '{PLANTED}'")).await;
        let by_them = ids(&format!("actor = '{PLANTED}'")).await;
        let of_account = ids("sid = 'planted-sid-1'").await;
        let by_bob = ids(&format!("subject = '{PLANTED}' AND actor = 'bob'")).await;
        erase(&world.app.parts, &subject(PLANTED)).await.expect("it is erased");
        // What others are still to be told is shown on request, and brings no id back into the record.
        let kept = kept(&world.app.parts, &subject(PLANTED)).await.expect("events wait");
        assert!(kept.iter().any(|(part, value)| *part == "events" && value.to_string().contains(PLANTED)), "{kept:?}");
        assert_eq!(count_of(world, "ACCOUNT_EXPORTED").await, 0);
        let_pass(world, &receiver).await;

        let [mark] = of("subject", &theirs).await.try_into().expect("one hash");
        assert!(erasure::is_mark(&mark), "{mark}");
        assert_eq!(of("actor", &by_them).await, std::slice::from_ref(&mark));
        assert_eq!(of("detail", "event = 'PERSON_ERASED'").await, std::slice::from_ref(&mark));
        let [account] = of("sid", &of_account).await.try_into().expect("one hash");
        assert!(erasure::is_mark(&account) && account != mark);
        // What became of the tokens came later.
        let revoked = of("subject || ' ' || sid", "event = 'FEDERATION_TOKENS_REVOKED' AND subject IS NOT NULL").await;
        assert!(!revoked.is_empty() && revoked.iter().all(|line| line.starts_with(&format!("{mark} erased:"))), "{revoked:?}");
        assert_eq!(of("coalesce(claimed_ip, '-')", &by_them).await, ["-"]);
        assert_eq!(of("coalesce(claimed_ip, '-')", &by_bob).await, ["198.51.100.7"], "where somebody else was");
        assert_eq!(of("detail", &format!("event = 'FEDERATION_CONSENT_NEEDED' AND subject = '{mark}'")).await, ["needs_consent"]);
        assert_eq!(of("subject || ' ' || claimed_ip || ' ' || sid", "subject = 'mallory'").await, [format!("mallory 198.51.100.66 {account}")]);
        assert_eq!(of("sid", "event = 'FEDERATION_POINTS_SEARCHED'").await, [account]);
        assert!(of("sid", &format!("subject = '{mark}' AND sid IS NOT NULL")).await.iter().all(|sid| erasure::is_mark(sid)), "the shared one too");
    }

    async fn whoever_is_interrupted_goes_on_under_the_same_hash_though_keys_turn(engine: Engine) {
        let (office, receiver) = office(engine).await;
        let world = &office.world;
        let employee = plant(&office).await;
        service::keys::join(&world.app.parts).await.expect("it serves");
        for _ in 0..450 {
            line(world, "SIGNED_OUT", &[("subject", PLANTED)]).await;
        }
        // Of many of them one line refuses, late.
        world.advance(1);
        line(world, "SIGN_IN_REFUSED", &[("subject", PLANTED), ("detail", "last")]).await;
        let mut sql = Sql::open(&world.database_url).await;
        sql.run(&refusing(engine)).await;
        let failed = erase(&world.app.parts, &subject(PLANTED)).await;
        assert!(!matches!(failed, Ok(_) | Err(Error::UserNotFound { .. })), "{failed:?}");
        let left = "SELECT CAST(count(*) AS text) AS value FROM audit WHERE";
        let [own, marked] = [format!("{left} subject = '{PLANTED}'"), format!("{left} subject LIKE 'erased:%'")];
        let numbers = (texts(&world.database_url, &own).await, texts(&world.database_url, &marked).await);
        assert!(numbers.0 != ["0"] && numbers.1 != ["0"], "it is cut off in its middle: {numbers:?}");
        sql.run(if engine == Engine::Sqlite { "DROP TRIGGER refused" } else { "DROP TRIGGER refused ON audit" }).await;
        turn(world, &keeper(world)).await;

        erase(&world.app.parts, &subject(PLANTED)).await.expect("it goes on");
        let_pass(world, &receiver).await;
        let words: Vec<&str> = WORDS.into_iter().chain([employee.as_str()]).collect();
        assert_eq!(Dump::of(&world.database_url).await.find(&words), Vec::<String>::new());
        let marks = texts(&world.database_url, "SELECT DISTINCT subject AS value FROM audit WHERE subject LIKE 'erased:%'").await;
        assert_eq!(marks.len(), 1, "{marks:?}");
        // A third time there is nothing left to do.
        let again = erase(&world.app.parts, &subject(PLANTED)).await.expect("it is done");
        assert_eq!((again.lines, count_of(world, "PERSON_ERASED").await), (0, 1));
    }

    async fn who_was_deleted_before_can_be_erased(engine: Engine) {
        let (office, receiver) = office(engine).await;
        let world = &office.world;
        plant(&office).await;
        accounts::remove(&world.app.parts, subject(PLANTED)).await.expect("it goes");
        assert!(Dump::of(&world.database_url).await.find(&[PLANTED]).len() > 1);
        erase(&world.app.parts, &subject(PLANTED)).await.expect("it is erased");
        let_pass(world, &receiver).await;
        assert_eq!(Dump::of(&world.database_url).await.find(&WORDS), Vec::<String>::new());
    }

    async fn a_person_who_lives_elsewhere_can_be_erased_and_one_of_whom_nothing_is_known_can_not(engine: Engine) {
        let world = World::frozen_with(engine, |settings| settings.replace("\"registered\"", "\"any\"")).await;
        world.linked(PLANTED, "planted-sid-1").await;
        world.linked("bob", "bobs-sid").await;
        let erased = erase(&world.app.parts, &subject(PLANTED)).await.expect("it is erased");
        assert!(erased.lines >= 2, "{erased:?}");
        revoke::run_due(&world.app.parts).await.expect("the provider answers");
        assert_eq!(Dump::of(&world.database_url).await.find(&[PLANTED, "planted-sid-1"]), Vec::<String>::new());
        assert_eq!((count(&world, "links").await, count_of(&world, "ACCOUNT_DELETED").await), (1, 0));
        let unknown = erase(&world.app.parts, &subject("nobody")).await;
        assert!(matches!(unknown, Err(Error::UserNotFound { .. })), "{unknown:?}");
        assert_eq!(count_of(&world, "PERSON_ERASED").await, 1);
    }

    async fn a_revocation_under_way_names_nobody_when_it_ends(engine: Engine) {
        let world = World::frozen(engine).await;
        world.account(PLANTED).await;
        world.linked(PLANTED, "planted-sid-1").await;
        let console = world.console().await;
        let target = format!("/api/v3/users/{PLANTED}/fa/box/box_1/planted-sid-1?forceUnlink=true");
        assert_eq!(world.call("DELETE", &target, &console, Body::None).await.status, 204);
        let hold = world.sandbox.script().hold_revocations();
        let parts = std::sync::Arc::clone(&world.app.parts);
        let under_way = tokio::spawn(async move { revoke::run_due(&parts).await });
        hold.wait_for_arrivals(1).await;
        erase(&world.app.parts, &subject(PLANTED)).await.expect("it is erased");
        hold.release();
        under_way.await.expect("no panic").expect("the provider answers");
        assert_eq!(count_of(&world, "FEDERATION_TOKENS_REVOKED").await, 1);
        assert_eq!(Dump::of(&world.database_url).await.find(&[PLANTED, "planted-sid-1"]), Vec::<String>::new());
    }

    async fn the_command_erases_and_says_so(engine: Engine) {
        let site = Site::ready(engine, "http://127.0.0.1:9");
        site.run(&["account", "create", "--id", PLANTED, "--name", "Planted Name"]).good();
        assert_eq!(site.run(&["account", "delete", PLANTED, "--erase"]).good().trim(), "erased planted-subject: rewrote 2 lines");
        let again = site.run(&["account", "delete", PLANTED, "--erase", "--json"]);
        assert_eq!(again.good().trim(), r#"{"erased":"planted-subject","lines":0}"#);
        let record = "SELECT event || ' ' || coalesce(subject, '-') AS value FROM audit ORDER BY at, event";
        let lines = texts(&site.database_url(), record).await;
        assert_eq!(lines.len(), 3);
        assert!(!lines.concat().contains(PLANTED), "{lines:?}");
        assert!(site.run(&["account", "delete", "nobody", "--erase"]).complaint().contains("no such user"));
        assert!(site.run(&["account", "delete", PLANTED]).complaint().contains("no such user"));
    }
}

async fn count_of(world: &World, event: &str) -> usize {
    texts(&world.database_url, &format!("SELECT event AS value FROM audit WHERE event = '{event}'")).await.len()
}

/// Has one line refuse to be rewritten.
fn refusing(engine: Engine) -> String {
    let when = "OLD.event = 'SIGN_IN_REFUSED' AND OLD.detail = 'last'";
    match engine {
        Engine::Sqlite => {
            format!("CREATE TRIGGER refused BEFORE UPDATE ON audit WHEN {when} BEGIN SELECT RAISE(ABORT, 'no'); END")
        }
        Engine::Postgres => format!(
            "CREATE FUNCTION refused() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no''; END';
             CREATE TRIGGER refused BEFORE UPDATE ON audit FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION refused()"
        ),
    }
}
