//! Reads what clients are to the issuers (`[[clients]] at`), and holds it against `[[issuers]]`.

use std::collections::{BTreeMap, BTreeSet};

use super::error::suggestion;
use super::issuers::is_for_everybody;
use super::reader::Reader;
use super::scalar::{text_as, title};
use super::types::{Client, ClientAt, Issuer};
use domain::ids::ClientId;
use domain::jwt::TokenForm;

/// Reads one client's, by issuer; the client's id there is its own one where none is set.
pub(super) fn read(reader: &mut Reader<'_>, id: Option<&ClientId>) -> BTreeMap<String, ClientAt> {
    let mut at = BTreeMap::new();
    for (issuer, mut there) in reader.tables("at") {
        let own = id.map(|id| id.as_str().to_owned()).unwrap_or_default();
        let id = there.with_default("id", own, text_as(title));
        let audiences: BTreeSet<String> =
            there.one_or_list("audiences", title).unwrap_or_default().into_iter().collect();
        there.finish();
        at.insert(issuer.to_owned(), ClientAt { id, audiences });
    }
    at
}

/// Refuses issuers that nobody trusts, and names and audiences that two could claim.
pub(super) fn check(top: &Reader<'_>, clients: &BTreeMap<ClientId, Client>, issuers: &[Issuer]) {
    let wrong = |client: &Client, issuer: &str, problem: String| {
        top.wrong(&format!("clients ({}).at.{issuer:?}", client.id), problem);
    };
    for client in clients.values() {
        for (name, at) in &client.at {
            let Some(issuer) = issuers.iter().find(|issuer| issuer.issuer == *name) else {
                let known = issuers.iter().map(|issuer| issuer.issuer.as_str());
                wrong(client, name, format!("is none of [[issuers]]; {}", suggestion(name, known)));
                continue;
            };
            if let Some(other) = clients.values().find(|other| other.id != client.id && is_called(other, name, &at.id))
            {
                wrong(client, name, format!("has the id {:?}, which is {}'s there", at.id, other.id));
            }
            for audience in &at.audiences {
                if let Some(problem) = clash(audience, client, issuer, clients) {
                    wrong(client, name, format!("has the audience {audience:?}, {problem}"));
                }
            }
        }
    }
}

fn is_called(client: &Client, issuer: &str, id: &str) -> bool {
    client.at.get(issuer).map_or(client.id.as_str(), |at| at.id.as_str()) == id
}

/// Why an audience can't be this client's own.
fn clash(audience: &str, client: &Client, issuer: &Issuer, clients: &BTreeMap<ClientId, Client>) -> Option<String> {
    if let Some(why) = is_for_everybody(audience, &issuer.issuer) {
        return Some(why.to_owned());
    }
    if issuer.audiences.contains(audience) {
        return Some("which is ours: a token for us is a Bearer here".to_owned());
    }
    // An ID token's `aud` is the application that signs users in.
    let is_aud = issuer.form.audience_claim == TokenForm::default().audience_claim;
    if let Some(named) = clients.values().find(|other| is_aud && is_called(other, &issuer.issuer, audience)) {
        return Some(format!("which is what the issuer calls the application {}", named.id));
    }
    let others = clients.values().filter(|other| other.id != client.id);
    let has_it = |other: &&Client| other.at.get(&issuer.issuer).is_some_and(|at| at.audiences.contains(audience));
    let mut others = others.filter(has_it);
    others.next().map(|other| format!("which {} has as well: a token of one would be good at the other", other.id))
}
