//! When pages are merged, and when they are folded into the record: rarely, where they count many links, so that it costs little of
//! what handing out their tokens costs.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{Page, Spoilt, start_of};

/// So many pages that were merged equally often are merged into one.
const MERGED: usize = 32;
/// A page has no more entries than this where it is merged of others.
const MOST_ENTRIES: usize = 500_000;
/// For each minute that pages wait they may add so many lines to the record.
const LINES_A_MINUTE: i64 = 5_000;
/// An hour is over for all clocks a little later.
const LEEWAY: TimeDelta = TimeDelta::seconds(10);
/// Pages of another instance that nobody folded for so long are everybody's.
const ABANDONED: TimeDelta = TimeDelta::minutes(10);

/// What is known of a page without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its id.
    pub id: Uuid,
    /// The instance that counted, or merged.
    pub writer: Uuid,
    /// The hour, since 1970.
    pub hour: i64,
    /// How often it was merged.
    pub level: i32,
    /// How many entries it has.
    pub entries: usize,
    /// How many of them are in the record.
    pub folded: usize,
    /// When it was written; of a merged one, when the first of them was.
    pub written: DateTime<Utc>,
}

impl Head {
    /// The page that was packed so, if it is the one that this is known of.
    pub fn unpack(&self, packed: &[u8]) -> Result<Page, Spoilt> {
        let page = Page::unpack(self.hour, packed)?;
        if page.entries().len() == self.entries { Ok(page) } else { Err(Spoilt) }
    }
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// These become one.
    Merge(Vec<Head>),
    /// This one is folded into the record.
    Fold(Head),
}

/// Which pages are folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Those that have waited for long enough.
    InTime,
    /// Those, and whatever is as little as waits for no more than a minute: an instance that ends leaves that to nobody.
    AtTheEnd,
    /// All.
    Now,
}

/// What this instance does next with the pages there are.
pub fn next(pages: &[Head], own: Uuid, now: DateTime<Utc>, due: Due) -> Option<Step> {
    let is_ours = |page: &&Head| page.writer == own || due == Due::Now || now - page.written > ABANDONED;
    let mut hours: BTreeMap<i64, Vec<&Head>> = BTreeMap::new();
    for page in pages.iter().filter(is_ours) {
        hours.entry(page.hour).or_default().push(page);
    }
    hours.into_iter().find_map(|(hour, mut pages)| {
        if let Some(begun) = pages.iter().find(|page| page.folded > 0) {
            return Some(Step::Fold((*begun).clone()));
        }
        pages.sort_by_key(|page| page.entries);
        if due == Due::Now || is_due(hour, &pages, now, due) {
            return merge(&pages).or_else(|| Some(Step::Fold((*pages.first()?).clone())));
        }
        let level = |level| pages.iter().copied().filter(|page| page.level == level).collect::<Vec<_>>();
        let top = pages.iter().map(|page| page.level).max()?;
        (0..=top).map(level).filter(|pages| pages.len() >= MERGED).find_map(|pages| merge(pages.get(..MERGED)?))
    })
}

/// Merges as many as make no page that is too large, if that is more than one; the smallest come first.
fn merge(pages: &[&Head]) -> Option<Step> {
    let mut entries = 0;
    let fits = |page: &&&Head| {
        entries += page.entries;
        entries <= MOST_ENTRIES
    };
    let merged: Vec<_> = pages.iter().take_while(fits).map(|page| (*page).clone()).collect();
    (merged.len() > 1).then_some(Step::Merge(merged))
}

/// Whether the pages of an hour are folded now: as soon as it is over, or before that as soon as they have waited for long enough for
/// the lines that they make.
fn is_due(hour: i64, pages: &[&Head], now: DateTime<Utc>, due: Due) -> bool {
    let end = hour.checked_add(1).and_then(start_of);
    let waited = pages.iter().map(|page| now - page.written).max().unwrap_or_default();
    let waited = if due == Due::AtTheEnd { waited.max(TimeDelta::minutes(1)) } else { waited };
    let entries = pages.iter().map(|page| page.entries).sum::<usize>();
    let allowed = usize::try_from(waited.num_minutes().saturating_mul(LINES_A_MINUTE)).unwrap_or_default();
    end.is_none_or(|end| now >= end + LEEWAY) || entries <= allowed
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Uuid = Uuid::from_u128(1);
    const OTHER: Uuid = Uuid::from_u128(2);

    fn second(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(super::super::HOUR * 500_000 + second, 0).unwrap()
    }

    fn page(number: u128, level: i32, entries: usize, written: i64) -> Head {
        let hour = 500_000;
        Head { id: Uuid::from_u128(number), writer: OWN, hour, level, entries, folded: 0, written: second(written) }
    }

    fn numbers(step: Option<Step>) -> (&'static str, Vec<u128>) {
        match step {
            None => ("nothing", Vec::new()),
            Some(Step::Fold(page)) => ("fold", vec![page.id.as_u128()]),
            Some(Step::Merge(pages)) => ("merge", pages.iter().map(|page| page.id.as_u128()).collect()),
        }
    }

    #[test]
    fn few_entries_are_in_the_record_within_a_minute() {
        let pages = [page(1, 0, 3000, 0), page(2, 0, 2000, 20)];
        assert_eq!(next(&pages, OWN, second(59), Due::InTime), None);
        assert_eq!(numbers(next(&pages, OWN, second(60), Due::InTime)), ("merge", vec![2, 1]));
        assert_eq!(numbers(next(&pages[..1], OWN, second(60), Due::InTime)), ("fold", vec![1]));
        assert_eq!(numbers(next(&pages, OWN, second(30), Due::Now)), ("merge", vec![2, 1]));
    }

    #[test]
    fn whoever_ends_leaves_no_little_behind() {
        let few = [page(1, 0, 5000, 0)];
        assert_eq!(numbers(next(&few, OWN, second(0), Due::AtTheEnd)), ("fold", vec![1]));
        assert_eq!(next(&few, OTHER, second(0), Due::AtTheEnd), None, "another's");
        let many = [page(1, 0, 5001, 0)];
        assert_eq!(next(&many, OWN, second(0), Due::AtTheEnd), None);
        assert_eq!(numbers(next(&many, OWN, second(120), Due::AtTheEnd)), ("fold", vec![1]));
    }

    #[test]
    fn many_entries_wait_and_at_the_end_of_the_hour_none_does() {
        let pages = [page(1, 2, 100_000, 0)];
        assert_eq!(next(&pages, OWN, second(1199), Due::InTime), None);
        assert_eq!(numbers(next(&pages, OWN, second(1200), Due::InTime)), ("fold", vec![1]));
        let pages = [page(1, 2, 400_000, 0)];
        assert_eq!(next(&pages, OWN, second(3609), Due::InTime), None);
        assert_eq!(numbers(next(&pages, OWN, second(3610), Due::InTime)), ("fold", vec![1]));
    }

    #[test]
    fn pages_are_merged_by_the_dozens_and_none_gets_too_large() {
        let mut pages: Vec<_> = (0..31).map(|number| page(number, 0, 1000, 0)).collect();
        assert_eq!(next(&pages, OWN, second(5), Due::InTime), None);
        pages.push(page(31, 1, 20_000, 0));
        assert_eq!(next(&pages, OWN, second(5), Due::InTime), None, "one of another level");
        pages.push(page(32, 0, 1000, 0));
        let (what, merged) = numbers(next(&pages, OWN, second(5), Due::InTime));
        assert_eq!((what, merged.len(), merged.contains(&31)), ("merge", 32, false));
        let large: Vec<_> = (0..32).map(|number| page(number, 2, 200_000, 0)).collect();
        assert_eq!(numbers(next(&large, OWN, second(5), Due::InTime)), ("merge", vec![0, 1]));
        let largest: Vec<_> = (0..32).map(|number| page(number, 2, 300_000, 0)).collect();
        assert_eq!(next(&largest, OWN, second(5), Due::InTime), None);
        assert_eq!(numbers(next(&largest, OWN, second(5), Due::Now)), ("fold", vec![0]));
    }

    #[test]
    fn what_is_begun_is_ended_first() {
        let begun = Head { folded: 200, ..page(3, 1, 1000, 2) };
        let pages = [page(1, 0, 10, 0), page(2, 0, 10, 1), begun];
        assert_eq!(numbers(next(&pages, OWN, second(3), Due::InTime)), ("fold", vec![3]));
    }

    #[test]
    fn pages_of_others_are_left_to_them_for_a_while() {
        let pages = [Head { writer: OTHER, ..page(1, 0, 10, 0) }];
        assert_eq!(next(&pages, OWN, second(600), Due::InTime), None);
        assert_eq!(numbers(next(&pages, OWN, second(601), Due::InTime)), ("fold", vec![1]));
        assert_eq!(numbers(next(&pages, OWN, second(0), Due::Now)), ("fold", vec![1]));
    }
}
