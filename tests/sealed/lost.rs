//! A keyring that is gone, and of which there is no copy: what it sealed is given up, and all else goes on.

use serde_json::json;

use crate::support::console::get;
use crate::support::database::{Sql, texts};
use crate::support::site::{Site, provider};
use crate::support::world::both_engines;
use sandbox::Sandbox;
use secrecy::ExposeSecret as _;

const USERS: [&str; 2] = ["alice", "bob"];

/// A link of each user's, with tokens.
fn import(site: &Site, sandbox: &Sandbox) {
    for user in USERS {
        let tokens = sandbox.issue(user, "fedlink", "openid offline_access profile");
        let line = json!({
            "subject": user, "fpType": "tcs", "fpName": "tcs_1", "sid": user, "expiresOn": tokens.expires_at.timestamp(),
            "accessToken": tokens.access_token.expose_secret(), "refreshToken": tokens.refresh_token.expose_secret(),
        });
        site.feed(&["import", "--register", "-"], &line.to_string()).good();
    }
}

/// The installation's one key.
fn key(site: &Site) -> String {
    let [key] = &*site.keys(&["list"]) else { panic!("one key") };
    key["id"].as_str().expect("an id").to_owned()
}

both_engines! {
    async fn a_key_that_is_lost_is_given_up_and_links_stay(engine: Engine) {
        let sandbox = provider();
        let site = Site::ready(engine, &sandbox.issuer());
        import(&site, &sandbox);
        let (lost, keyring) = (key(&site), site.path("fedlink.keys"));
        // As long as somebody has it, it is not.
        let said = site.run(&["keys", "give-up", &lost, "--delete"]).complaint().to_owned();
        assert!(said.contains("is not lost: the keyring has it"), "{said}");
        let mut serving = site.serve();
        let before = std::fs::read_to_string(&keyring).expect("it is there");
        std::fs::remove_file(&keyring).expect("it is there");
        let said = site.run(&["keys", "give-up", &lost, "--delete"]).complaint().to_owned();
        assert!(said.contains("make a new one with `fedlink keys add`"), "{said}");
        site.run(&["keys", "add"]).good();
        let said = site.run(&["keys", "give-up", &lost, "--delete"]).complaint().to_owned();
        assert!(said.contains("is not lost") && !said.contains("the keyring"), "{said}");
        assert!(serving.terminate().success(), "{}", serving.logs());

        // With another keyring nothing starts, and nobody guesses what to do.
        let said = site.run(&["account", "show", "alice"]).complaint().to_owned();
        assert!(said.contains(&format!("sealed with key {lost}")) && said.contains("give-up"), "{said}");
        let told = site.run(&["keys", "give-up", &lost]);
        assert_eq!(told.status.code(), Some(1), "{told:?}");
        assert!(told.stdout.contains("token_sets 2") && told.stdout.contains("--delete"), "{told:?}");
        // Cut off behind the last of the links: what is done is done, and told once.
        let mut sql = Sql::open(&site.database_url()).await;
        sql.refuse_deletes("vault_keys").await;
        site.run(&["keys", "give-up", &lost, "--delete"]).complaint();
        sql.accept_deletes().await;
        let [given_up] = &*site.keys(&["give-up", &lost, "--delete"]) else { panic!("a line") };
        assert_eq!(given_up["rows"], json!({"token_sets": 0, "flows": 0, "revocations": 0}));
        let said = site.run(&["keys", "give-up", &lost, "--delete"]).complaint().to_owned();
        assert!(said.contains("neither the keyring nor the database has a key"), "{said}");

        // An old keyring that turns up now is no reason to give up the new one's key.
        let (id, new) = (key(&site), std::fs::read_to_string(&keyring).expect("it is there"));
        std::fs::write(&keyring, before).expect("room");
        let said = site.run(&["keys", "give-up", &id, "--delete"]).complaint().to_owned();
        assert!(said.contains("was dropped"), "{said}");
        std::fs::write(&keyring, new).expect("room");

        let serving = site.serve();
        for user in USERS {
            let (_, links) = get(&serving, &format!("{user}/fa?detail=true")).await;
            assert_eq!((&links[0]["sid"], &links[0]["health"]), (&json!(user), &json!("needs_consent")), "{links}");
            let (status, refused) = get(&serving, &format!("{user}/fedToken/tcs/tcs_1")).await;
            assert_eq!((status, &refused["error"], &refused["reason"]), (404, &json!("token_not_found"), &json!("needs_consent")));
        }
        import(&site, &sandbox);
        for user in USERS {
            let (status, served) = get(&serving, &format!("{user}/fedToken/tcs/tcs_1")).await;
            assert!(status == 200 && sandbox.is_active(served[user]["token"].as_str().expect("a token")), "{served}");
        }
        let told = "SELECT event || ' ' || coalesce(subject, '') || ' ' || detail AS value FROM audit
                    WHERE event IN ('FEDERATION_CONSENT_NEEDED', 'VAULT_KEY_DROPPED') ORDER BY event, subject";
        let lines = USERS.map(|user| format!("FEDERATION_CONSENT_NEEDED {user} key_lost")).into_iter();
        let lines: Vec<_> = lines.chain([format!("VAULT_KEY_DROPPED  {lost}")]).collect();
        assert_eq!(texts(&site.database_url(), told).await, lines);
    }
}
