//! An issuer that is one for many tenants, as Entra's `common` and `organizations` are: whose tokens are whose.

use oauth2::http::HeaderMap;
use serde_json::{Value, json};

use super::super::client::Answer;
use super::super::discovery::{Document, Terms};
use super::super::oidc::{Expected, Flaw, Issuers, verified};
use super::identity::{Signer, claims, keys};
use super::{noon, secret, whole};

const OURS: &str = "9122040d-6c67-4c5b-b112-36a304b66dad";
const OTHER: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
const TEMPLATE: &str = "https://login.example/{tenantid}/v2.0";

fn of(tenant: &str) -> String {
    TEMPLATE.replace("{tenantid}", tenant)
}

fn judge(jwk: Value, signer: &Signer, (iss, tid): (&str, Value), allowed: &[&str]) -> Result<(), Flaw> {
    let (nonce, allowed) = (secret("the-nonce"), allowed.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>());
    let mut claims = claims(iss);
    claims["tid"] = tid;
    let expected = Expected {
        issuer: Issuers::Tenants(TEMPLATE, &allowed),
        client_id: "fed link",
        nonce: Some(&nonce),
        access_token: None,
        now: noon(),
    };
    verified(&secret(&signer.token(Some("k"), &claims)), &keys(&[jwk]), expected).map(drop)
}

#[test]
fn a_token_is_its_own_tenants() {
    let signer = Signer::ed();
    for (what, iss, tid, allowed, is_good) in [
        ("its own", of(OURS), json!(OURS), &[][..], true),
        ("one that may", of(OURS), json!(OURS), &[OTHER, OURS][..], true),
        ("one that may not", of(OURS), json!(OURS), &[OTHER][..], false),
        ("another's issuer", of(OTHER), json!(OURS), &[][..], false),
        ("another's id", of(OURS), json!(OTHER), &[][..], false),
        ("the template itself", TEMPLATE.to_owned(), json!("{tenantid}"), &[][..], false),
        ("none", of(OURS), json!(null), &[][..], false),
        ("not as it is written", of(&OURS.to_uppercase()), json!(OURS.to_uppercase()), &[][..], false),
        ("no id", of("a/../common"), json!("a/../common"), &[][..], false),
        ("as long as one", of(&"/".repeat(36)), json!("/".repeat(36)), &[][..], false),
    ] {
        let judged = judge(signer.jwk("k"), &signer, (&iss, tid), allowed);
        assert_eq!(judged.is_ok(), is_good, "{what}");
    }
}

/// A key of one tenant's says nothing of another: whoever has a tenant of their own could be anybody otherwise.
#[test]
fn a_key_that_is_kept_to_an_issuer_signs_for_no_other() {
    let signer = Signer::ed();
    for (kept, is_good) in [
        (json!(TEMPLATE), true),
        (json!(of(OURS)), true),
        (json!(null), true),
        (json!(of(OTHER)), false),
        (json!("https://login.example/{tenantid}/v1.0"), false),
        (json!(7), false),
    ] {
        let mut jwk = signer.jwk("k");
        jwk["issuer"] = kept.clone();
        let judged = judge(jwk, &signer, (&of(OURS), json!(OURS)), &[]);
        assert_eq!(judged, if is_good { Ok(()) } else { Err(Flaw::Key) }, "{kept}");
    }
}

#[test]
fn metadata_of_many_tenants_are_believed_where_they_are_asked_for_and_of_the_same_host() {
    let read = |stated: &str, issuer: &str, may_be: bool| {
        let body = whole(json!({ "issuer": stated }).to_string());
        Document::read(
            &Answer { status: 200, headers: HeaderMap::new(), body },
            issuer,
            Terms { may_be_of_tenants: may_be, ..Terms::default() },
        )
        .is_ok()
    };
    let common = "https://login.example/common/v2.0";
    for (stated, may_be, is_good) in [
        (TEMPLATE, true, true),
        (TEMPLATE, false, false),
        ("https://login.evil.example/{tenantid}/v2.0", true, false),
        ("http://login.example/{tenantid}/v2.0", true, false),
        ("https://login.example:8443/{tenantid}/v2.0", true, false),
        ("https://{tenantid}.login.example/v2.0", true, false),
        ("https://login.example/{tenantid}/{tenantid}/v2.0", true, false),
        ("https://login.example/{cloud}/{tenantid}/v2.0", true, false),
        ("https://login.example/other/v2.0", true, false),
        // One issuer's alone: there are no tenants that could be told apart.
        (common, true, false),
        (common, false, true),
    ] {
        assert_eq!(read(stated, common, may_be), is_good, "{stated} {may_be}");
    }
}
