//! A person of whom there is something everywhere, in words that can be looked for; and others beside them.

use domain::account::AccountType;
use domain::entropy::SystemEntropy;
use serde_json::json;
use service::accounts::New;
use service::{counting, sweep};

use crate::support::browser::{Browser, instruct};
use crate::support::confirm::of_webhook;
use crate::support::database::{execute, texts};
use crate::support::fed::fed_token_of;
use crate::support::office::Office;
use crate::support::person::{PASSWORD, email, person, phone};
use crate::support::receiver::{Manner, Receiver, deliver};
use crate::support::sms::SmsWebhook;
use crate::support::world::{ALL_SCOPES, Body, CONSOLE, Engine, World};

/// Their id.
pub(super) const PLANTED: &str = "planted-subject";
const PHONE: &str = "+79990001122";
/// Where they signed in, and with what.
const IP: &str = "203.0.113.77";
const AGENT: &str = "PlantedBrowser/7.0";

/// What nobody may find of them.
pub(super) const WORDS: [&str; 22] = [
    PLANTED,
    PHONE,
    IP,
    AGENT,
    "Planted Name",
    "planted@example.com",
    "planted-meta",
    "external@example.com",
    "+79990003344",
    "Planted Employee",
    "employee@example.com",
    "+79990005566",
    "planted-code",
    "planted-sid-1",
    "planted-sid-2",
    "planted-partner",
    "Planted There",
    "oleg",
    "Oleg Sandbox",
    "irina",
    "Irina Sandbox",
    "word@example.com",
];

/// An account that bob has by now.
pub(super) const SHARED: &str = "shared-sid";

/// A world in which a receiver that takes nothing is told of everything.
pub(super) async fn office(engine: Engine) -> (Office, Receiver) {
    let (receiver, webhook) = (Receiver::start().await, SmsWebhook::start().await);
    receiver.behave(Manner::Status(500));
    let settings = |settings: String| {
        let limits = "[limits]\nsign_in_per_hour = 1000\n";
        format!("{}{limits}{}", of_webhook(&webhook, &settings), receiver.settings("crm"))
    };
    (Office::open_in(World::frozen_with(engine, settings).await).await, receiver)
}

/// A moment and bytes, as a statement has them.
fn values(world: &World) -> (String, &'static str) {
    let now = world.now();
    if world.database_url.starts_with("sqlite:") {
        ((now.timestamp_micros() + 3_600_000_000).to_string(), "x'00'")
    } else {
        (format!("to_timestamp({})", now.timestamp() + 3600), "'\\x00'")
    }
}

/// A line of the record, of now.
pub(super) async fn line(world: &World, event: &str, columns: &[(&str, &str)]) {
    let id = SystemEntropy::shared().uuid();
    let (names, texts): (Vec<_>, Vec<_>) =
        columns.iter().map(|(name, text)| (format!(", {name}"), format!(", '{text}'"))).unzip();
    let (names, texts, at) = (names.concat(), texts.concat(), values(world).0);
    let insert = format!("INSERT INTO audit (id, at, event{names}) VALUES ('{id}', {at}, '{event}'{texts})");
    execute(&world.database_url, &insert).await;
}

/// A line about an account at the sandbox.
async fn line_of(world: &World, event: &str, sid: &str, columns: &[(&str, &str)]) {
    let account = [("fp_type", "box"), ("fp_name", "box_1"), ("sid", sid)];
    line(world, event, &[&account, columns].concat()).await;
}

/// Plants the person; gives the id of what they are in an organization, which is one more word.
pub(super) async fn plant(office: &Office) -> String {
    let world = &office.world;
    let new = New {
        account_type: AccountType::Staff,
        name: Some("Planted Name".to_owned()),
        email: Some(email("planted@example.com", true)),
        phone: Some(phone(PHONE, true)),
        ..person(PLANTED)
    };
    world.person(new).await;
    let organization = office.organization("An organization").await;
    let role = office.role(&organization, "A role", json!({})).await;
    let contacts = json!({"name": "Planted Employee", "email": "employee@example.com", "phone": "+79990005566"});
    let employee = office.employee(&organization, (PLANTED, &role), contacts).await;
    office.changed("OrganizationEmployee", &employee, json!({"isBlocked": true})).await;
    tokens_and_binds(world).await;
    doors(office).await;
    rows(world).await;
    recorded(world).await;
    employee
}

/// Links with tokens, one that is gone by now and whose tokens wait, and binds on their way.
async fn tokens_and_binds(world: &World) {
    let console = world.console().await;
    for sid in ["planted-sid-1", "planted-sid-2", "oleg"] {
        world.linked(PLANTED, sid).await;
    }
    let target = format!("/api/v3/users/{PLANTED}/fa/box/box_1/planted-sid-2?forceUnlink=true");
    assert_eq!(world.call("DELETE", &target, &console, Body::None).await.status, 204);
    assert_eq!(fed_token_of(world, &console, PLANTED, "").await.status, 200);
    counting::write(&world.app.parts).await.expect("it is counted");
    sweep::finish(&world.app.parts).await.expect("uses are written");
    let user = world.user(CONSOLE, PLANTED, &ALL_SCOPES).await;
    for (who, account) in [(&user, "irina"), (&console, "oleg")] {
        let redirect_to = instruct(world, who).await;
        let mut browser = Browser::default();
        let back = browser.arrive(world, &redirect_to, account).await;
        assert_eq!(browser.go(world, "GET", &back, Body::None).await.status, 303);
    }
}

/// Everything by which somebody comes in.
async fn doors(office: &Office) {
    let world = &office.world;
    let mut browser = Browser::at(IP, AGENT);
    assert_eq!(browser.try_sign_in(world, ("planted@example.com", PASSWORD), &[]).await.status, 303);
    assert_eq!(Browser::at(IP, AGENT).try_sign_in(world, (PLANTED, "wrong password"), &[]).await.status, 422);
    office.sign_in("planted", PASSWORD).await;
    world.code_to(PHONE).await;
}

/// What no call makes by itself.
async fn rows(world: &World) {
    let (at, bytes) = values(world);
    let family = SystemEntropy::shared().uuid();
    let link = SystemEntropy::shared().uuid();
    execute(
        &world.database_url,
        &format!(
            "UPDATE accounts SET meta = '{{\"note\": \"planted-meta\"}}', external_email = 'external@example.com',
                external_phone = '+79990003344' WHERE subject = '{PLANTED}';
             UPDATE links SET user_name = 'Planted There' WHERE sid = 'planted-sid-1';
             INSERT INTO links (id, subject, fp_type, fp_name, sid, proof, created)
             VALUES ('{link}', '{PLANTED}', 'partner', 'test-sdk', 'planted-partner', 'proven', {at});
             INSERT INTO oauth_codes (code_hash, client, subject, redirect_uri, scope, code_challenge, family, used, expires)
             VALUES ({bytes}, 'console', '{PLANTED}', 'https://planted-code.example/', '', '', '{family}', false, {at});
             INSERT INTO oauth_refresh_tokens (token_hash, client, subject, scope, family, used, expires)
             VALUES ({bytes}, 'console', '{PLANTED}', '', '{family}', false, {at});"
        ),
    )
    .await;
}

/// What the record has of them beside that, and of others; and a dead letter.
async fn recorded(world: &World) {
    let theirs = [("subject", PLANTED), ("claimed_ip", IP), ("claimed_agent", AGENT)];
    line_of(world, "FEDERATION_POINT_BOUND", "planted-sid-1", &theirs).await;
    line_of(world, "FEDERATION_POINT_BOUND", SHARED, &theirs).await;
    let refused = [("subject", PLANTED), ("detail", "needs_consent: token of word@example.com expired")];
    line_of(world, "FEDERATION_CONSENT_NEEDED", "planted-sid-1", &refused).await;
    // They did it to somebody, somebody did it to them, and somebody looked for their account.
    line(world, "ACCOUNT_CHANGED", &[("subject", "bob"), ("actor", PLANTED), ("claimed_ip", IP)]).await;
    line(world, "ACCOUNT_CHANGED", &[("subject", PLANTED), ("actor", "bob"), ("claimed_ip", "198.51.100.7")]).await;
    line_of(world, "FEDERATION_POINTS_SEARCHED", "planted-sid-1", &[("client", CONSOLE)]).await;
    let mallory = [("subject", "mallory"), ("actor", "mallory"), ("claimed_ip", "198.51.100.66")];
    line_of(world, "FEDERATION_BIND_REFUSED", "planted-sid-1", &mallory).await;

    world.account("bob").await;
    world.linked("bob", "bobs-sid").await;
    world.linked("bob", SHARED).await;
    line_of(world, "FEDERATION_CONSENT_NEEDED", SHARED, &[("subject", "bob"), ("detail", "needs_consent: word")]).await;
    deliver(world).await;
    let (at, _) = values(world);
    let bury = format!(
        "UPDATE outbox SET dead_at = {at}, failure = 'status_500' WHERE seq =
            (SELECT min(seq) FROM outbox WHERE subject = '{PLANTED}')"
    );
    execute(&world.database_url, &bury).await;
}

/// The lines that a condition chooses, whole, in order.
pub(super) async fn whole_lines(world: &World, condition: &str) -> Vec<String> {
    let columns = [
        "id",
        "at",
        "event",
        "client",
        "subject",
        "fp_type",
        "fp_name",
        "sid",
        "detail",
        "claimed_ip",
        "claimed_agent",
        "actor",
        "count",
    ];
    let columns = columns.map(|column| format!("coalesce(CAST({column} AS text), '-')")).join(" || ' ' || ");
    texts(&world.database_url, &format!("SELECT {columns} AS value FROM audit WHERE {condition} ORDER BY 1")).await
}
