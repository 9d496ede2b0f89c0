//! Reads `[session]`, which the Condo dialect's sessions are signed by, and the origins whose pages may call the APIs.

use std::collections::BTreeSet;
use std::time::Duration;

use url::Url;

use super::address;
use super::reader::Reader;
use super::scalar::{choice, duration};
use super::secret::own_secret;
use super::types::{CondoSession, SameSite, Subjects};

/// A session that would not outlive a coffee break, and one that browsers don't keep as long (RFC 6265bis §5.5).
const MAX_AGES: std::ops::RangeInclusive<Duration> = Duration::from_mins(1)..=Duration::from_hours(400 * 24);
/// A month.
const MAX_AGE: Duration = Duration::from_hours(30 * 24);

/// Reads the section, if there is one: it is what turns the Condo dialect on. The dialect keeps its users here.
pub(super) fn read(
    top: &mut Reader<'_>,
    public_url: Option<&Url>,
    subjects: Subjects,
    cors_origins: &BTreeSet<String>,
) -> Option<CondoSession> {
    let is_there = top.value("session").is_some();
    let mut section = top.section("session");
    let max_age = section.with_default("max_age", MAX_AGE, duration(MAX_AGES));
    let same_sites = [("lax", SameSite::Lax), ("none", SameSite::None), ("strict", SameSite::Strict)];
    let same_site = section.with_default("same_site", SameSite::Lax, choice(&same_sites));
    if same_site == SameSite::None && (public_url.is_some_and(|url| url.scheme() != "https") || cors_origins.is_empty())
    {
        section.wrong(
            "same_site",
            "is \"none\" only with an https public_url and cors_origins: \"lax\" keeps other sites out",
        );
    }
    let key = own_secret(&mut section, "secret");
    if is_there && !section.has("secret") {
        section.demand("secret", "it signs the cookie keystone.sid");
    }
    if is_there && subjects == Subjects::Any {
        section.wrong(
            "secret",
            "turns on the Condo dialect, which keeps its users here: it needs subjects = \"registered\"",
        );
    }
    section.finish();
    key.map(|secret| CondoSession { secret, max_age, same_site })
}

/// The origins of other sites.
pub(super) fn cors_origins(top: &mut Reader<'_>) -> BTreeSet<String> {
    top.list("cors_origins", address::page_origin).unwrap_or_default().into_iter().collect()
}
