//! Keyrings that differ between hosts, commands that are cut off, and keys that somebody still needs: what is refused.

use std::fs::OpenOptions;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::support::program::Running;
use crate::support::site::Site;
use crate::support::world::Engine;

/// Two hosts with a keyring each, on one Postgres.
struct Hosts {
    site: Site,
    old: String,
}

impl Hosts {
    fn new() -> Self {
        let site = Site::new(Engine::Postgres, "http://127.0.0.1:9");
        let old = id(&site.keys(&["add"])[0]);
        let hosts = Self { site, old };
        hosts.copy();
        hosts
    }

    fn path(&self, host: &str) -> std::path::PathBuf {
        self.site.path(if host == "a" { "fedlink.keys" } else { "b.keys" })
    }

    /// The keyring of host a, on host b.
    fn copy(&self) {
        std::fs::copy(self.path("a"), self.path("b")).expect("a copy");
    }

    /// Runs something on host b.
    fn on_b<T>(&mut self, run: impl FnOnce(&Site) -> T) -> T {
        let path = self.path("b").display().to_string();
        self.site.env.push(("FEDLINK_VAULT_KEYRING_FILE", path));
        let done = run(&self.site);
        self.site.env.pop();
        done
    }
}

fn id(line: &serde_json::Value) -> String {
    line["id"].as_str().expect("an id").to_owned()
}

#[track_caller]
fn refuses(site: &Site, args: &[&str], words: &str) -> String {
    let output = site.run(args);
    assert!(output.complaint().contains(words), "{words} is not in {output:?}");
    output.stderr
}

#[track_caller]
fn reloads(running: &Running) {
    let said = running.reload();
    assert!(said.contains("reloaded the keyring"), "{said}");
}

/// The keyring goes with the database.
#[track_caller]
fn opens(site: &Site) {
    let output = site.run(&["check"]);
    assert!(output.stdout.contains("ok      keyring: opens"), "{output:?}");
}

/// Changes the first key's state from one word to another, as an editor would.
fn edit(path: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).expect("a keyring");
    assert!(text.contains(from), "{from}");
    std::fs::write(path, text.replace(from, to)).expect("it is written");
}

#[test]
fn a_key_is_activated_when_every_instance_has_it_and_dropped_when_none_seals_with_it() {
    let mut hosts = Hosts::new();
    let a = hosts.site.serve();
    let b = hosts.on_b(Site::serve);
    let old = hosts.old.clone();
    let new = id(&hosts.site.keys(&["add"])[0]);
    reloads(&a);
    reloads(&b);
    let said = refuses(&hosts.site, &["keys", "activate", &new], "not every serving instance has it");
    assert!(said.contains(&format!("/{}", b.pid())), "{said}");
    assert!(!said.contains(&format!("/{}", a.pid())), "{said}");
    // Nor by hand: not by a reload, and not by a start.
    edit(&hosts.path("a"), &format!("{old} active"), &format!("{old} open"));
    edit(&hosts.path("a"), &format!("{new} open"), &format!("{new} active"));
    let said = a.reload();
    assert!(said.contains("nothing was reloaded") && said.contains(&format!("/{}", b.pid())), "{said}");
    refuses(&hosts.site, &["check"], "not every serving instance has it");
    edit(&hosts.path("a"), &format!("{old} open"), &format!("{old} active"));
    edit(&hosts.path("a"), &format!("{new} active"), &format!("{new} open"));

    hosts.copy();
    reloads(&b);
    hosts.site.keys(&["activate", &new]);
    hosts.site.keys(&["activate", &new]);
    reloads(&a);
    // The keyring of b has both keys, and the old one seals.
    let said = refuses(&hosts.site, &["keys", "drop", &old], "still sealing");
    assert!(said.contains(&format!("/{}", b.pid())) && !said.contains(&format!("/{}", a.pid())), "{said}");
    let rewrapped = hosts.site.keys(&["rewrap"]).pop().expect("a line");
    assert!(rewrapped["sealing_otherwise"].as_str().is_some_and(|names| names.contains(&b.pid().to_string())));
    // On b the same by the command instead of a copy.
    hosts.on_b(|site| site.keys(&["activate", &new]));
    reloads(&b);
    hosts.site.keys(&["drop", &old]);

    // A keyring of before: it would seal with what nobody has any more.
    let stale = std::fs::read_to_string(hosts.path("b")).expect("a keyring");
    edit(&hosts.path("b"), &format!("{old} open"), &format!("{old} active"));
    edit(&hosts.path("b"), &format!("{new} active"), &format!("{new} open"));
    let said = b.reload();
    assert!(said.contains("nothing was reloaded") && said.contains("was dropped"), "{said}");
    hosts.on_b(|site| refuses(site, &["serve"], "was dropped"));
    hosts.on_b(|site| refuses(site, &["keys", "activate", &old], "was dropped"));
    // That the old key is still there to open with hurts nobody, and the command takes it out of this file, too.
    std::fs::write(hosts.path("b"), stale).expect("it is written");
    reloads(&b);
    let listed = hosts.on_b(|site| site.keys(&["list"]));
    assert!(listed.iter().any(|key| key["id"] == json!(old) && key["state"] == "dropped"), "{listed:?}");
    hosts.on_b(|site| site.keys(&["drop", &old]));
    reloads(&b);
    let listed = hosts.site.keys(&["list"]);
    let left = listed.iter().find(|key| key["id"] == json!(old)).expect("host a has not read its file again");
    assert_eq!((&left["state"], left["instances"].as_array().map(Vec::len)), (&json!("dropped"), Some(1)));
    reloads(&a);
    let listed = hosts.on_b(|site| site.keys(&["list"]));
    assert_eq!(listed.iter().map(|key| &key["id"]).collect::<Vec<_>>(), [&json!(new)]);
    assert_eq!(listed[0]["instances"].as_array().map(Vec::len), Some(2));
}

#[test]
fn an_instance_without_the_active_key_does_not_start() {
    let mut hosts = Hosts::new();
    let a = hosts.site.serve();
    let new = id(&hosts.site.keys(&["add"])[0]);
    reloads(&a);
    // Between add and activate a host that has not got the keyring yet may start: nothing is sealed with the key.
    hosts.on_b(|site| assert!(site.serve().terminate().success()));
    hosts.site.keys(&["activate", &new]);
    hosts.on_b(|site| refuses(site, &["serve"], &format!("sealed with key {new}, which the keyring does not have")));
}

#[test]
fn an_instance_that_was_killed_counts_for_a_while() {
    let hosts = Hosts::new();
    let mut a = hosts.site.serve();
    let pid = a.pid();
    let new = id(&hosts.site.keys(&["add"])[0]);
    a.kill();
    // It may be alive and out of reach; nobody can tell yet.
    let said = refuses(&hosts.site, &["keys", "activate", &new], "not every serving instance has it");
    assert!(said.contains(&pid.to_string()), "{said}");
    // On SQLite there is one server, and when it is back the dead one is forgotten.
    let site = Site::alone();
    site.serve().kill();
    let serving = site.serve();
    let listed = site.keys(&["list"]);
    assert_eq!(listed[0]["instances"].as_array().map(Vec::len), Some(1), "{listed:?}");
    assert!(listed[0]["instances"][0]["name"].as_str().is_some_and(|name| name.ends_with(&serving.pid().to_string())));
}

#[test]
fn an_import_that_is_under_way_counts_as_an_instance() {
    let site = Site::alone();
    opens(&site);
    let old = id(&site.keys(&["list"])[0]);
    let new = id(&site.keys(&["add"])[0]);
    let pipe = site.path("lines");
    let made = Command::new("mkfifo").arg(&pipe).status().expect("there is mkfifo");
    assert!(made.success());
    std::thread::scope(|scope| {
        let importing = scope.spawn(|| site.run(&["import", pipe.to_str().expect("a plain name")]));
        // It waits for whoever writes; its keyring it has read, with both keys.
        let writer = OpenOptions::new().write(true).open(&pipe).expect("a pipe");
        let listed = site.keys(&["list"]);
        assert!(listed.iter().all(|key| key["instances"].as_array().map(Vec::len) == Some(1)), "{listed:?}");
        site.keys(&["activate", &new]);
        refuses(&site, &["keys", "drop", &old], "still sealing");
        let third = id(&site.keys(&["add"])[0]);
        refuses(&site, &["keys", "activate", &third], "not every serving instance has it");
        drop(writer);
        importing.join().expect("no panic").good();
    });
    site.keys(&["drop", &old]);
}

#[test]
fn a_command_that_was_cut_off_is_run_again() {
    let site = Site::alone();
    let serving = site.serve();
    let old = id(&site.keys(&["list"])[0]);
    let new = id(&site.keys(&["add"])[0]);
    reloads(&serving);
    // Between the record and the file: what it would write first is a folder.
    let obstacle = site.path("fedlink.keys.new");
    std::fs::create_dir(&obstacle).expect("a folder");
    refuses(&site, &["keys", "activate", &new], "can't use the keyring");
    let listed = site.keys(&["list"]);
    assert!(listed.iter().any(|key| key["id"] == json!(old) && key["state"] == "active"), "{listed:?}");
    reloads(&serving);
    opens(&site);
    std::fs::remove_dir(&obstacle).expect("it is empty");
    site.keys(&["activate", &new]);
    reloads(&serving);
    site.keys(&["rewrap"]);

    std::fs::create_dir(&obstacle).expect("a folder");
    refuses(&site, &["keys", "drop", &old], "can't use the keyring");
    reloads(&serving);
    opens(&site);
    std::fs::remove_dir(&obstacle).expect("it is empty");
    site.keys(&["drop", &old]);
    reloads(&serving);
    assert_eq!(site.keys(&["list"]).iter().map(id).collect::<Vec<_>>(), [new]);
}

#[test]
fn a_keyring_is_not_judged_by_another_database() {
    let mut site = Site::alone();
    opens(&site);
    let key = id(&site.keys(&["add"])[0]);
    site.edit("sqlite:fedlink.db", "sqlite:empty.db");
    // There nothing is sealed with any key, and so nothing speaks against dropping one.
    refuses(&site, &["keys", "drop", &key], "is it the keyring's database?");
    assert!(std::fs::read_to_string(site.path("fedlink.keys")).expect("a keyring").contains(&key));
    refuses(&site, &["keys", "drop", "unheard-of"], "neither the keyring nor the database has a key unheard-of");
    refuses(&site, &["keys", "activate", "unheard-of"], "neither the keyring nor the database has a key unheard-of");
}

#[test]
fn a_restored_database_asks_for_the_key_it_was_sealed_with() {
    let site = Site::alone();
    opens(&site);
    std::fs::copy(site.database(), site.path("backup.db")).expect("a copy");
    let before = std::fs::read_to_string(site.path("fedlink.keys")).expect("a keyring");
    let old = id(&site.keys(&["list"])[0]);
    let new = id(&site.keys(&["add"])[0]);
    site.keys(&["activate", &new]);
    site.keys(&["drop", &old]);
    opens(&site);

    std::fs::copy(site.path("backup.db"), site.database()).expect("a copy");
    for leftover in ["fedlink.db-wal", "fedlink.db-shm"] {
        drop(std::fs::remove_file(site.path(leftover)));
    }
    refuses(&site, &["serve"], &format!("sealed with key {old}, which the keyring does not have"));
    // Its line out of the copy that was kept, as one that opens, beside the key of today.
    let line = before.lines().last().expect("a key").replace(" active ", " open ");
    let text = std::fs::read_to_string(site.path("fedlink.keys")).expect("a keyring");
    std::fs::write(site.path("fedlink.keys"), format!("{text}{line}\n")).expect("it is written");
    opens(&site);
    site.keys(&["rewrap"]);
    site.keys(&["drop", &old]);
    opens(&site);
}

#[test]
fn a_keyring_in_the_environment_is_changed_by_its_owner() {
    let mut site = Site::alone();
    let file = site.path("elsewhere.keys");
    site.env.push(("FEDLINK_VAULT_KEYRING_FILE", file.display().to_string()));
    let ids = [id(&site.keys(&["add"])[0]), id(&site.keys(&["add"])[0])];
    site.env.pop();
    let text = std::fs::read_to_string(&file).expect("a keyring");
    site.settings.push_str("[vault]\nkeyring = { env = \"KEYRING\" }\n");
    site.env.push(("KEYRING", text.clone()));
    opens(&site);
    for args in [&["keys", "add"][..], &["keys", "activate", &ids[1]]] {
        let said = refuses(&site, args, "the keyring is in the environment, which only you can change");
        assert!(!said.contains(text.lines().last().and_then(|line| line.rsplit(' ').next()).expect("a key")));
    }
    // By hand, then: the states in the variable, and a restart.
    site.env.pop();
    let turned = text.replace(" active ", " was ").replace(" open ", " active ").replace(" was ", " open ");
    site.env.push(("KEYRING", turned));
    let serving = site.serve();
    let said = serving.reload();
    assert!(said.contains("reloaded the settings, not the keyring, which is in the environment"), "{said}");
    let output = site.run(&["keys", "drop", &ids[0]]);
    assert!(output.good().contains("take it out of the environment"), "{output:?}");
    let listed = site.keys(&["list"]);
    let states: Vec<_> =
        ids.iter().map(|id| &listed.iter().find(|key| key["id"] == **id).expect("it is there")["state"]).collect();
    assert_eq!(states, [&json!("dropped"), &json!("active")]);
}
