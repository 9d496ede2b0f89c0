//! A rotation of keys from end to end: the built program, real signals, callers who notice nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::{Value, json};
use tokio::task::{JoinHandle, block_in_place};

use crate::support::console::{caller, http};
use crate::support::database::Sql;
use crate::support::program::Running;
use crate::support::site::{Site, provider};
use crate::support::world::{Engine, both_engines};
use sandbox::Sandbox;
use secrecy::ExposeSecret as _;

const SCOPES: &str = "openid offline_access profile";
/// Whose tokens are read all the time.
const READ: [&str; 3] = ["r1", "r2", "r3"];
/// Whose tokens run out again and again.
const REFRESHED: [&str; 3] = ["f1", "f2", "f3"];

fn import(site: &Site, sandbox: &Sandbox, subject: &str) {
    let tokens = sandbox.issue(subject, "fedlink", SCOPES);
    let line = json!({
        "subject": subject, "fpType": "tcs", "fpName": "tcs_1", "sid": subject,
        "accessToken": tokens.access_token.expose_secret(), "refreshToken": tokens.refresh_token.expose_secret(),
        "expiresOn": tokens.expires_at.timestamp(),
    });
    site.feed(&["import", "--register", "-"], &line.to_string()).good();
}

/// Calls that go on until they are told to stop, and count what they did.
struct Load {
    stop: Arc<AtomicBool>,
    done: [Arc<AtomicU64>; 3],
    tasks: Vec<JoinHandle<()>>,
}

struct Caller {
    http: reqwest::Client,
    bases: Vec<String>,
    token: String,
}

impl Caller {
    async fn new(serving: &[Running]) -> Self {
        let bases = serving.iter().map(|running| running.base_url.clone()).collect();
        Self { http: http(), bases, token: caller(&serving[0]).await }
    }

    async fn fed_token(&self, turn: usize, subject: &str) -> String {
        let base = &self.bases[turn % self.bases.len()];
        let url = format!("{base}/blitz/api/v3/users/{subject}/fedToken/tcs/tcs_1");
        let answer = self.http.get(url).bearer_auth(&self.token).send().await.expect("an answer");
        let status = answer.status();
        let answer: Value = answer.json().await.expect("JSON");
        assert_eq!(status, 200, "{subject}: {answer}");
        answer[subject]["token"].as_str().expect("a token").to_owned()
    }

    /// Starts a bind, whose row is sealed with the active key.
    async fn instruct(&self, turn: usize) {
        let url = format!("{}/blitz/api/v2/users/current/fa/bind", self.bases[turn % self.bases.len()]);
        let body = json!({
            "fp": "tcs:tcs_1", "callback": "https://app.company.com/callback",
            "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        });
        let call = self.http.post(url).basic_auth("console", Some("rest-password-of-the-site")).json(&body);
        let answer = call.send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
    }
}

impl Load {
    async fn begin(serving: &[Running], sandbox: &Sandbox, database_url: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let done: [Arc<AtomicU64>; 3] = Default::default();
        let caller = Arc::new(Caller::new(serving).await);
        let go = |what: usize| (Arc::clone(&stop), Arc::clone(&done[what]), Arc::clone(&caller));
        let (stopped, count, by) = go(0);
        let reads = tokio::spawn(async move {
            for turn in 0.. {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                by.fed_token(turn, READ[turn % READ.len()]).await;
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        let (stopped, count, by) = go(1);
        let (sandbox, mut sql) = (sandbox.clone(), Sql::open(database_url).await);
        let long_ago = if matches!(sql, Sql::Sqlite(_)) { "0" } else { "'epoch'" };
        let refreshes = tokio::spawn(async move {
            for turn in 0.. {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                let subject = REFRESHED[turn % REFRESHED.len()];
                let before = by.fed_token(turn, subject).await;
                // The moment it runs out is not sealed.
                sql.run(&format!(
                    "UPDATE token_sets SET expires_at = {long_ago}, obtained_at = {long_ago} \
                     WHERE link_id IN (SELECT id FROM links WHERE subject = '{subject}')"
                ))
                .await;
                let after = by.fed_token(turn, subject).await;
                assert!(after != before && sandbox.is_active(&after), "{subject} was not refreshed");
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        let (stopped, count, by) = go(2);
        let binds = tokio::spawn(async move {
            for turn in 0.. {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                by.instruct(turn).await;
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { stop, done, tasks: vec![reads, refreshes, binds] }
    }

    /// Waits until each kind of call has succeeded a few times more; fails with the first that did not.
    async fn goes_on(&mut self) {
        let before = self.done.each_ref().map(|done| done.load(Ordering::SeqCst));
        while self.done.iter().zip(before).any(|(done, before)| done.load(Ordering::SeqCst) < before + 3) {
            if self.tasks.iter().any(JoinHandle::is_finished) {
                self.end().await;
                panic!("a call ended by itself");
            }
            tokio::task::yield_now().await;
        }
    }

    async fn end(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        for task in self.tasks.drain(..) {
            task.await.expect("every call succeeded");
        }
    }
}

both_engines! {
    async fn keys_rotate_under_load(engine: Engine) {
        let sandbox = provider();
        let site = Site::ready(engine, &sandbox.issuer());
        for subject in READ.iter().chain(&REFRESHED) {
            import(&site, &sandbox, subject);
        }
        // A SQLite file has one server; a Postgres database any number.
        let instances = if engine == Engine::Postgres { 2 } else { 1 };
        let serving: Vec<Running> = (0..instances).map(|_| site.serve()).collect();
        let listed = site.keys(&["list"]);
        assert_eq!((listed.len(), &listed[0]["state"]), (1, &json!("active")));
        assert_eq!(listed[0]["instances"].as_array().expect("a list").len(), instances);
        let old = listed[0]["id"].as_str().expect("an id").to_owned();
        let reload = || block_in_place(|| {
            for running in &serving {
                let said = running.reload();
                assert!(said.contains("reloaded the keyring"), "{said}\n{}", running.logs());
            }
        });
        let refused = |args: &[&str], words: &str| block_in_place(|| {
            let output = site.run(args);
            assert!(output.complaint().contains(words), "{output:?}");
        });
        let mut load = Load::begin(&serving, &sandbox, &site.database_url()).await;
        load.goes_on().await;

        let added = block_in_place(|| site.keys(&["add"]));
        let new = added[0]["id"].as_str().expect("an id").to_owned();
        refused(&["keys", "activate", &new], "not every serving instance has it");
        load.goes_on().await;
        reload();
        block_in_place(|| site.keys(&["activate", &new]));
        load.goes_on().await;
        refused(&["keys", "drop", &old], "still sealing");
        // One instance seals with the new key, the other still with the old, and each opens what the other seals.
        block_in_place(|| serving[0].reload());
        load.goes_on().await;
        reload();
        load.goes_on().await;
        refused(&["keys", "drop", &old], "rows still name");
        block_in_place(|| import(&site, &sandbox, "late"));
        let rewrapped = block_in_place(|| site.keys(&["rewrap"])).pop().expect("a last line");
        assert_eq!((&rewrapped["left"], &rewrapped["stuck"]), (&json!(0), &json!(0)), "{rewrapped}");
        assert!(rewrapped["rewrapped"].as_u64() > Some(6), "{rewrapped}");
        load.goes_on().await;
        refused(&["keys", "drop", &new], "is active");
        block_in_place(|| site.keys(&["drop", &old]));
        load.goes_on().await;
        reload();
        load.goes_on().await;
        load.end().await;

        let keyring = std::fs::read_to_string(site.path("fedlink.keys")).expect("the keyring");
        assert!(!keyring.contains(&old) && keyring.contains(&new), "the old key is in the file");
        let listed = block_in_place(|| site.keys(&["list"]));
        assert_eq!(listed.iter().map(|key| &key["id"]).collect::<Vec<_>>(), [&json!(new)]);
        for mut running in serving {
            assert!(block_in_place(|| running.terminate()).success(), "{}", running.logs());
            for line in keyring.lines().filter(|line| !line.starts_with('#')) {
                let key = line.rsplit(' ').next().expect("a key");
                assert!(!running.logs().contains(key), "a key in the log");
            }
        }
        assert!(block_in_place(|| site.keys(&["list"]))[0]["instances"] == json!([]), "who stops says so");
        let afresh = [block_in_place(|| site.serve())];
        let caller = Caller::new(&afresh).await;
        for subject in READ.iter().chain(&REFRESHED).chain(&["late"]) {
            assert!(sandbox.is_active(&caller.fed_token(0, subject).await), "{subject}");
        }
    }

    async fn a_keyring_that_is_not_fit_is_refused_and_the_old_stays(engine: Engine) {
        use std::os::unix::fs::PermissionsExt as _;
        let sandbox = provider();
        let site = Site::ready(engine, &sandbox.issuer());
        import(&site, &sandbox, "alice");
        let serving = [site.serve()];
        let caller = Caller::new(&serving).await;
        let path = site.path("fedlink.keys");
        let good = std::fs::read_to_string(&path).expect("the keyring");
        let (id, key) = good.lines().last().and_then(|line| line.split_once(" active ")).expect("a key");
        let other = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        for (text, mode, why) in [
            ("nonsense\n".to_owned(), 0o600, "the keyring's line 1 is wrong"),
            (String::new(), 0o600, "0 active keys"),
            (format!("{id} active {other}\n"), 0o600, "is not the key of that id"),
            (format!("another active {other}\n"), 0o600, "which the keyring does not have"),
            (good.clone(), 0o640, "chmod 600"),
        ] {
            std::fs::write(&path, &text).expect("it is written");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("a mode");
            let said = block_in_place(|| serving[0].reload());
            assert!(said.contains("nothing was reloaded") && said.contains(why), "{said}");
            caller.instruct(0).await;
            assert!(sandbox.is_active(&caller.fed_token(0, "alice").await));
        }
        std::fs::remove_file(&path).expect("it is there");
        let said = block_in_place(|| serving[0].reload());
        assert!(said.contains("there is no keyring at"), "{said}");
        caller.instruct(0).await;
        assert!(!serving[0].logs().contains(key) && !serving[0].logs().contains(other), "a key in the log");
        let held = block_in_place(|| site.keys(&["list"]));
        assert_eq!(held[0]["state"], "missing");
        assert_eq!(held[0]["instances"].as_array().map(Vec::len), Some(1), "it serves with it all the same");
    }
}
