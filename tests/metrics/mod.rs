//! Metrics: each that the page has is told, is of that kind, and moves with what it is for.

mod moves;
mod page;

use std::collections::BTreeMap;

use crate::support::world::{As, Body, World};

/// The settings with a day by which an application should have another secret.
fn with_a_secret_that_ends(settings: &str) -> String {
    let secret = "secret = \"rival-secret-of-tests\"";
    settings.replace(secret, &format!("{secret}\nsecret_ends = 2030-01-01"))
}

/// All that is measured, as text.
async fn text(world: &World) -> String {
    let told = world.send("GET", &format!("{}/metrics", world.ops), &As::Nobody, Body::None, &[]).await;
    let kind = told.header("content-type").unwrap_or_default();
    assert_eq!((told.status, kind), (200, "application/openmetrics-text; version=1.0.0; charset=utf-8"));
    let text = told.text();
    assert!(text.ends_with("# EOF\n") && text.matches("# EOF").count() == 1, "{text}");
    text
}

/// Each sample with its labels, and its value.
async fn samples(world: &World) -> BTreeMap<String, f64> {
    let text = text(world).await;
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').expect("a name and a value");
        (name.to_owned(), value.parse().expect("a number"))
    };
    text.lines().filter(|line| !line.starts_with('#')).map(sample).collect()
}
