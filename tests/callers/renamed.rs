//! By which claim an issuer's users are known may not change under their accounts: they would be strangers, or others.

use crate::support::site::{Site, provider};
use crate::support::world::Engine;

fn check(engine: Engine) {
    let sandbox = provider();
    let issuer = sandbox.issuer();
    let mut site = Site::ready(engine, &issuer);
    let plain = site.settings.clone();
    let known_by = |claim: &str| {
        let section = format!("\n[[issuers]]\nissuer = \"{issuer}\"\naudience = \"us\"\nsubject_prefix = \"sso:\"\n");
        format!("{plain}{section}subject_claim = \"{claim}\"\n")
    };
    for claim in ["sub", "uid", "sub"] {
        site.settings = known_by(claim);
        site.run(&["check"]).good();
    }
    site.run(&["account", "create", "--id", "sso:alice", "--issuer", &issuer]).good();
    site.run(&["check"]).good();
    site.settings = known_by("oid");
    let told = site.run(&["check"]);
    assert!(
        told.complaint().contains("have accounts here by the claim \"sub\"; with subject_claim = \"oid\""),
        "{told:?}"
    );
    site.settings = known_by("sub");
    site.run(&["check"]).good();
}

#[test]
fn an_issuer_with_accounts_keeps_its_claim_on_sqlite() {
    check(Engine::Sqlite);
}

#[test]
fn an_issuer_with_accounts_keeps_its_claim_on_postgres() {
    check(Engine::Postgres);
}
