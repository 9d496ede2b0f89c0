//! Two entries of the settings that are one client of one provider share their grants: none is revoked that the other needs.

use sandbox::{IdTokenForm, IssuedTokens};
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::support::browser::{Browser, instruct};
use crate::support::revocations::{REVOKED, SPARED, alive, ends, unlink, waiting, work};
use crate::support::site::{Site, provider};
use crate::support::world::{As, Body, CONSOLE, CONSOLE_PASSWORD, Engine, World, both_engines};

const BASIC: As = As::Basic(CONSOLE, CONSOLE_PASSWORD);
const AT_ODDS: &str = "FEDERATION_REVOCATION_GIVEN_UP accounts_differ";
const TURNED_OFF: &str = "FEDERATION_REVOCATION_GIVEN_UP turned_off";

/// One more entry beside `box:box_1`, of that name; `change` makes of the first one's lines what differs.
fn with_twin(settings: &str, name: &str, change: impl Fn(String) -> String) -> String {
    let (_, entry) = settings.rsplit_once("[[providers]]").expect("an entry");
    let twin = change(entry.replace("\"box_1\"", &format!("\"{name}\"")));
    format!("{settings}[[providers]]{twin}")
}

/// The lines of an entry that is set by hand, without its issuer.
fn by_hand(entry: &str) -> String {
    let issuer = entry.lines().find_map(|line| line.strip_prefix("issuer = ")).expect("an issuer").trim_matches('"');
    let kept = entry.lines().filter(|line| !line.starts_with("issuer") && !line.starts_with("preset"));
    let endpoints = format!(
        "preset = \"oauth2\"\nauthorization_endpoint = \"{issuer}/authorize\"\ntoken_endpoint = \"{issuer}/token\"\n\
         userinfo_endpoint = \"{issuer}/userinfo\"\nrevocation_endpoint = \"{issuer}/revoke\"\n"
    );
    kept.collect::<Vec<_>>().join("\n") + "\n" + &endpoints
}

/// A world with a twin `box:files`, whose provider revokes all that an account granted at once.
async fn world_with(engine: Engine, change: impl Fn(String) -> String) -> (World, As) {
    let world = World::frozen_with(engine, |settings| with_twin(&settings, "files", change)).await;
    for subject in ["alice", "bob"] {
        world.account(subject).await;
    }
    world.sandbox.script().set(|settings| settings.revokes_all_grants = true);
    let console = world.console().await;
    (world, console)
}

/// Links an account by an entry, with tokens of its own.
async fn link(world: &World, subject: &str, name: &str, sid: &str) -> IssuedTokens {
    let tokens = world.sandbox.issue(sid, "fedlink", "openid");
    let line = json!({
        "subject": subject, "fpType": "box", "fpName": name, "sid": sid, "expiresOn": world.now().timestamp() + 3600,
        "accessToken": tokens.access_token.expose_secret(), "refreshToken": tokens.refresh_token.expose_secret(),
    });
    world.import(line).await;
    tokens
}

async fn unlink_at(world: &World, console: &As, (subject, name): (&str, &str), sid: &str) {
    let target = format!("/api/v3/users/{subject}/fa/box/{name}/{sid}");
    assert_eq!(world.call("DELETE", &target, console, Body::None).await.status, 204, "{target}");
}

/// What became of the revocation of one more unlinking at `box:box_1`.
async fn end_of_unlinking(world: &World, console: &As, sid: &str) -> String {
    unlink(world, console, sid).await;
    work(world).await;
    assert_eq!(waiting(world).await, 0);
    ends(world).await.pop().expect("it is on record")
}

both_engines! {
    async fn an_unlink_spares_the_same_account_elsewhere(engine: Engine) {
        type Change = fn(String) -> String;
        let twins: [(&str, Change); 3] = [
            ("as the first", |entry| entry),
            ("with an endpoint by hand", |entry| {
                let issuer = entry.lines().find_map(|line| line.strip_prefix("issuer = ")).expect("an issuer").to_owned();
                entry + &format!("token_endpoint = \"{}/token\"\n", issuer.trim_matches('"'))
            }),
            ("by hand", |entry| by_hand(&entry)),
        ];
        for (what, change) in twins {
            let (world, console) = world_with(engine, change).await;
            link(&world, "alice", "box_1", "oleg").await;
            // Whoever's link it is.
            let kept = link(&world, "bob", "files", "oleg").await;
            assert_eq!(end_of_unlinking(&world, &console, "oleg").await, SPARED, "{what}");
            assert_eq!((alive(&world, &kept), world.sandbox.counts().revoke), ((true, true), 0), "{what}");
            // Another account there is no reason.
            let gone = link(&world, "alice", "box_1", "elle").await;
            assert_eq!(end_of_unlinking(&world, &console, "elle").await, REVOKED, "{what}");
            assert_eq!((alive(&world, &gone), alive(&world, &kept)), ((false, false), (true, true)), "{what}");
            // The last one ends it.
            unlink_at(&world, &console, ("bob", "files"), "oleg").await;
            work(&world).await;
            assert_eq!((alive(&world, &kept), waiting(&world).await), ((false, false), 0), "{what}");
        }
    }

    async fn another_client_or_issuer_is_no_reason_to_spare(engine: Engine) {
        let strangers: [fn(String) -> String; 2] = [
            |entry| entry.replace("client_id = \"fedlink\"", "client_id = \"other\""),
            |entry| by_hand(&entry).replace("/token\"", "/token-of-another\""),
        ];
        for change in strangers {
            let (world, console) = world_with(engine, change).await;
            link(&world, "alice", "box_1", "oleg").await;
            link(&world, "alice", "files", "oleg").await;
            assert_eq!(end_of_unlinking(&world, &console, "oleg").await, REVOKED);
        }
    }

    async fn a_bind_under_way_elsewhere_is_waited_for(engine: Engine) {
        let (world, console) = world_with(engine, |entry| entry).await;
        link(&world, "alice", "files", "oleg").await;
        let mut browser = Browser::default();
        let url = browser.identify(&world, &instruct(&world, &BASIC).await, "oleg").await;
        unlink_at(&world, &console, ("alice", "files"), "oleg").await;
        work(&world).await;
        assert_eq!((waiting(&world).await, world.sandbox.counts().revoke), (1, 0));
        browser.decide(&world, &url, "no").await;
        world.advance(60);
        work(&world).await;
        assert_eq!((waiting(&world).await, ends(&world).await), (0, vec![REVOKED.to_owned(); 2]));
    }

    async fn a_grant_of_nobody_knows_whom_spares_the_links_of_both(engine: Engine) {
        let (world, console) = world_with(engine, |entry| entry).await;
        let kept = link(&world, "alice", "files", "elle").await;
        world.sandbox.script().set(|settings| settings.id_token = IdTokenForm::BadSignature);
        for end in [SPARED, REVOKED] {
            let mut browser = Browser::default();
            let back = browser.arrive(&world, &instruct(&world, &BASIC).await, "elle").await;
            browser.go(&world, "GET", &back, Body::None).await;
            work(&world).await;
            assert_eq!(ends(&world).await.last().map(String::as_str), Some(end));
            assert_eq!(alive(&world, &kept).1, end == SPARED);
            if end == SPARED {
                unlink_at(&world, &console, ("alice", "files"), "elle").await;
                world.advance(60);
            }
        }
    }

    async fn entries_that_call_an_account_by_different_ids_revoke_nothing(engine: Engine) {
        let (world, console) = world_with(engine, |entry| entry + "sid = \"{email}\"\n").await;
        let first = link(&world, "alice", "box_1", "oleg").await;
        let kept = link(&world, "alice", "files", "oleg@sandbox.example").await;
        assert_eq!(end_of_unlinking(&world, &console, "oleg").await, AT_ODDS);
        unlink_at(&world, &console, ("alice", "files"), "oleg@sandbox.example").await;
        work(&world).await;
        assert_eq!((waiting(&world).await, ends(&world).await), (0, vec![AT_ODDS.to_owned(); 2]));
        assert_eq!((alive(&world, &first), alive(&world, &kept)), ((true, true), (true, true)));
        assert_eq!(world.sandbox.counts().revoke, 0);
    }

    async fn revoke_can_be_turned_off(engine: Engine) {
        let world = World::frozen_with(engine, |settings| settings + "revoke = false\n").await;
        world.account("alice").await;
        let kept = link(&world, "alice", "box_1", "oleg").await;
        assert_eq!(end_of_unlinking(&world, &world.console().await, "oleg").await, TURNED_OFF);
        assert_eq!((alive(&world, &kept), world.sandbox.counts().revoke), ((true, true), 0));
    }

    /// It may come back, or have been given another name.
    async fn an_entry_that_is_gone_keeps_what_it_linked(engine: Engine) {
        let (world, _) = world_with(engine, |entry| entry).await;
        for sid in ["oleg", "elle"] {
            link(&world, "alice", "box_1", sid).await;
        }
        let kept = link(&world, "alice", "files", "oleg").await;
        let without = World::start_beside(&world, |settings| settings).await;
        let console = without.console().await;
        assert_eq!(end_of_unlinking(&without, &console, "oleg").await, SPARED);
        assert_eq!(end_of_unlinking(&without, &console, "elle").await, REVOKED);
        world.advance(1);
        let renamed = World::start_beside(&world, |settings| with_twin(&settings, "docs", |entry| entry)).await;
        link(&renamed, "alice", "docs", "oleg").await;
        unlink_at(&renamed, &console, ("alice", "docs"), "oleg").await;
        work(&renamed).await;
        assert_eq!(ends(&world).await, [SPARED, REVOKED, SPARED]);
        assert_eq!(alive(&world, &kept), (true, true));
    }

    /// Whether an issuer and a token endpoint are one provider is its metadata's word.
    async fn what_nobody_can_tell_yet_is_put_off(engine: Engine) {
        let (world, console) = world_with(engine, |entry| by_hand(&entry)).await;
        let gone = link(&world, "alice", "files", "oleg").await;
        world.sandbox.script().set(|settings| settings.discovery_issuer = Some("https://another.example".to_owned()));
        unlink_at(&world, &console, ("alice", "files"), "oleg").await;
        work(&world).await;
        assert_eq!((waiting(&world).await, world.sandbox.counts().revoke), (1, 0));
        world.sandbox.script().set(|settings| settings.discovery_issuer = None);
        world.advance(120);
        work(&world).await;
        assert_eq!((waiting(&world).await, alive(&world, &gone)), (0, (false, false)));
    }
}

/// A line of the README, which sets its values in a column.
fn single_spaced(line: &str) -> String {
    line.split_once('=').map_or_else(String::new, |(key, value)| format!("{} = {}", key.trim(), value.trim()))
}

/// An entry of the site, twin to the README's: its name, what differs, and who is told of it.
const TWINS: [(&str, &str, &str); 5] = [
    ("another_id", "sid = \"{email}\"", "both"),
    ("one_id", "sid = \"{sub}\"", "nobody"),
    ("turned_off", "sid = \"{email}\"\nrevoke = false", "nobody"),
    ("another_client", "sid = \"{email}\"\nclient_id = \"other\"", "nobody"),
    ("by_hand", "sid = \"{email}\"", "check"),
];

#[test]
fn the_operator_is_told_what_is_not_revoked() {
    let sandbox = provider();
    for (name, differs, who) in TWINS {
        let mut site = Site::new(Engine::Sqlite, &sandbox.issuer());
        if name == "turned_off" {
            site.settings += "revoke = false\n";
        }
        let (_, entry) = site.settings.rsplit_once("[[providers]]\n").expect("an entry");
        let unlike = |line: &&str| {
            let key = line.split('=').next().unwrap_or_default().trim();
            key != "revoke" && !differs.lines().any(|differs| differs.split(" = ").next() == Some(key))
        };
        let lines: Vec<String> = entry.lines().filter(unlike).map(single_spaced).collect();
        let twin = lines.join("\n").replace("\"tcs_1\"", &format!("\"{name}\""));
        let twin = if name == "by_hand" { by_hand(&twin) } else { twin };
        site.settings = format!("{}[[providers]]\n{twin}\n{differs}\n", site.settings);
        let check = site.run(&["check"]);
        let warnings = check.good().lines().filter(|line| line.starts_with("WARNING"));
        // Who agree are told of otherwise: their grants are revoked.
        let (agreed, in_check): (Vec<&str>, Vec<&str>) = warnings.partition(|line| line.contains("share a grant"));
        assert!(agreed.is_empty() || in_check.is_empty(), "{check:?}");
        assert_eq!(in_check.len(), usize::from(who != "nobody"), "{name}: {check:?}");
        for line in &in_check {
            assert!(line.contains(&format!("tcs:{name}")) && line.contains("tcs:tcs_1"), "{line}");
            assert!(line.contains("revoke = false"), "{line}");
        }
        let running = site.serve();
        let logs = running.logs();
        let in_logs: Vec<&str> = logs.lines().filter(|line| line.contains("revoke = false")).collect();
        assert_eq!(in_logs.len(), usize::from(who == "both"), "{name}: {logs}");
        assert!(in_logs.iter().all(|line| line.contains("WARN") && line.contains(name)), "{logs}");
    }
}
