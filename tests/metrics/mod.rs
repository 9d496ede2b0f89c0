//! Metrics: each that the page has is told, is of that kind, and moves with what it is for.

mod alerts;
mod dashboard;
mod minutes;
mod moves;
mod page;

use std::collections::BTreeMap;
use std::path::Path;

use chrono::TimeDelta;
use domain::clock::{Clock as _, MovableClock};

use crate::support::certificate::Authority;
use crate::support::world::{As, Body, World};

/// The settings with a day by which an application should have another secret.
fn with_a_secret_that_ends(settings: &str) -> String {
    let secret = "secret = \"rival-secret-of-tests\"";
    settings.replace(secret, &format!("{secret}\nsecret_ends = 2030-01-01"))
}

/// Settings that trust an authority whose certificate ends so many days after a world's beginning.
fn trusting(settings: &str, folder: &Path, days: i64) -> String {
    let path = folder.join("ca.pem");
    let ends = MovableClock::running().now() + TimeDelta::days(days);
    std::fs::write(&path, Authority::until("theirs", ends).pem()).expect("it is written");
    settings.replacen("public_url", &format!("ca_file = \"{}\"\npublic_url", path.display()), 1)
}

/// All that is measured, as text.
async fn text(world: &World) -> String {
    let told = world.send("GET", &format!("{}/metrics", world.ops), &As::Nobody, Body::None, &[]).await;
    told.hold("GET", "/metrics");
    let kind = told.header("content-type").unwrap_or_default();
    assert_eq!((told.status, kind), (200, "application/openmetrics-text; version=1.0.0; charset=utf-8"));
    let text = told.text();
    assert!(text.ends_with("# EOF\n") && text.matches("# EOF").count() == 1, "{text}");
    text
}

/// Each sample with its labels, and its value.
async fn samples(world: &World) -> BTreeMap<String, f64> {
    read(&text(world).await)
}

/// The same of whoever is at an address, if anybody is.
async fn samples_at(ops_url: &str) -> Option<BTreeMap<String, f64>> {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client for loopback");
    let answer = client.get(format!("{ops_url}/metrics")).send().await.ok()?;
    Some(read(&answer.text().await.expect("text")))
}

fn read(text: &str) -> BTreeMap<String, f64> {
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').expect("a name and a value");
        (name.to_owned(), value.parse().expect("a number"))
    };
    text.lines().filter(|line| !line.starts_with('#')).map(sample).collect()
}
