//! Counts of one hour, packed: 26 bytes an entry, so that many thousands are one row.

use uuid::Uuid;

use super::{Taker, Takers};
use crate::ids::LinkId;

/// The form of what is packed; another one gets another number.
const FORM: u8 = 1;
/// What an entry takes: link, taker, first second, count.
const ENTRY: usize = 16 + 4 + 2 + 4;

/// So many tokens of one link, handed to one taker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The link.
    pub link: LinkId,
    /// The taker, by its place in the page.
    pub(super) taker: u32,
    /// When the first was handed out, in seconds of the hour.
    pub since: u16,
    /// How many.
    pub count: u32,
}

/// Counts of one hour, by link and then by taker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    hour: i64,
    takers: Takers,
    entries: Vec<Entry>,
}

/// What was packed can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a page of counts is spoilt")]
pub struct Spoilt;

impl Page {
    /// A page of these.
    pub(super) fn new(hour: i64, takers: Takers, mut entries: Vec<Entry>) -> Self {
        // Stable, and quick where runs are sorted already.
        entries.sort_by_key(|entry| (entry.link.0, entry.taker));
        entries.dedup_by(|next, kept| {
            let is_same = (next.link, next.taker) == (kept.link, kept.taker);
            if is_same {
                kept.since = kept.since.min(next.since);
                kept.count = kept.count.saturating_add(next.count);
            }
            is_same
        });
        Self { hour, takers, entries }
    }

    /// The hour, since 1970.
    pub fn hour(&self) -> i64 {
        self.hour
    }

    /// What is counted.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// To whom the tokens of an entry were handed out.
    pub fn taker(&self, entry: &Entry) -> Option<&Taker> {
        self.takers.get_index(usize::try_from(entry.taker).ok()?)
    }

    /// Adds what another page of the hour counts.
    pub fn absorb(&mut self, other: Self) {
        let place = |taker| u32::try_from(self.takers.insert_full(taker).0).unwrap_or(u32::MAX);
        let places: Vec<u32> = other.takers.into_iter().map(place).collect();
        let place_of = |taker: u32| usize::try_from(taker).ok().and_then(|taker| places.get(taker).copied());
        let mut entries = std::mem::take(&mut self.entries);
        let theirs = other.entries.into_iter();
        entries.extend(theirs.filter_map(|entry| Some(Entry { taker: place_of(entry.taker)?, ..entry })));
        *self = Self::new(self.hour, std::mem::take(&mut self.takers), entries);
    }

    /// The page without its hour, in bytes.
    pub fn pack(&self) -> Vec<u8> {
        let takers: Vec<&Taker> = self.takers.iter().collect();
        let takers = serde_json::to_vec(&takers).unwrap_or_default();
        let mut packed = Vec::with_capacity(5 + takers.len() + self.entries.len() * ENTRY);
        packed.push(FORM);
        packed.extend(u32::try_from(takers.len()).unwrap_or(u32::MAX).to_be_bytes());
        packed.extend(takers);
        for Entry { link, taker, since, count } in &self.entries {
            packed.extend(link.0.as_bytes());
            packed.extend(taker.to_be_bytes());
            packed.extend(since.to_be_bytes());
            packed.extend(count.to_be_bytes());
        }
        packed
    }

    /// The page of this hour that was packed so.
    pub fn unpack(hour: i64, packed: &[u8]) -> Result<Self, Spoilt> {
        let (&form, rest) = packed.split_first().ok_or(Spoilt)?;
        let (length, rest) = rest.split_first_chunk().ok_or(Spoilt)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_unfit| Spoilt)?;
        let (takers, rest) = rest.split_at_checked(length).ok_or(Spoilt)?;
        let takers: Vec<Taker> = serde_json::from_slice(takers).map_err(|_unfit| Spoilt)?;
        let (entries, left) = rest.as_chunks::<ENTRY>();
        let read = entries.iter().map(|entry| Self::entry(entry, takers.len())).collect::<Option<Vec<_>>>();
        match read {
            Some(entries) if form == FORM && left.is_empty() => {
                Ok(Self { hour, takers: takers.into_iter().collect(), entries })
            }
            _ => Err(Spoilt),
        }
    }

    /// An entry of one of so many takers.
    fn entry(packed: &[u8; ENTRY], takers: usize) -> Option<Entry> {
        let (link, rest) = packed.split_first_chunk()?;
        let (taker, rest) = rest.split_first_chunk()?;
        let (since, rest) = rest.split_first_chunk()?;
        let (taker, count) = (u32::from_be_bytes(*taker), u32::from_be_bytes(*rest.first_chunk()?));
        let is_known = usize::try_from(taker).is_ok_and(|taker| taker < takers);
        let entry = Entry { link: LinkId(Uuid::from_bytes(*link)), taker, since: u16::from_be_bytes(*since), count };
        is_known.then_some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Counter, Door, Whom};
    use super::*;
    use chrono::DateTime;
    use proptest::prelude::*;

    /// A page of these: client, link, how often.
    fn page(counted: &[(u8, u8, u8)]) -> Page {
        let mut all = Counter::default();
        let now = DateTime::from_timestamp(3600, 0).unwrap();
        for (client, link, times) in counted {
            for _ in 0..*times {
                let client = format!("client-{client}");
                let taker = Taker { client: client.as_str(), whom: Whom::Another("\"gate\u{0}way"), door: Door::Batch };
                assert!(all.add(taker, LinkId(Uuid::from_u128(u128::from(*link))), now, usize::MAX));
            }
        }
        all.into_pages().pop().unwrap_or_else(|| Page::new(1, Takers::default(), Vec::new()))
    }

    /// The same in an order that no page's takers decide.
    fn counts(page: &Page) -> Vec<(u128, String, u32)> {
        let told = |entry: &Entry| (entry.link.0.as_u128(), page.taker(entry).unwrap().client.clone(), entry.count);
        let mut counts: Vec<_> = page.entries().iter().map(told).collect();
        counts.sort();
        counts
    }

    fn some() -> impl Strategy<Value = Vec<(u8, u8, u8)>> {
        proptest::collection::vec((0_u8..4, 0_u8..8, 1_u8..4), 0..40)
    }

    proptest! {
        #[test]
        fn what_is_packed_is_what_is_unpacked(counted in some()) {
            let page = page(&counted);
            prop_assert_eq!(Page::unpack(1, &page.pack()), Ok(page));
        }

        #[test]
        fn two_pages_are_what_one_would_have_been(one in some(), other in some()) {
            let mut both = page(&one);
            both.absorb(page(&other));
            let at_once = [one, other].concat();
            prop_assert_eq!(counts(&both), counts(&page(&at_once)));
            prop_assert_eq!(Page::unpack(1, &both.pack()), Ok(both));
        }

        #[test]
        fn what_is_spoilt_is_told_so(counted in some(), cut in 0_usize..4000, junk: Vec<u8>) {
            let packed = page(&counted).pack();
            let _ = Page::unpack(1, &junk);
            if cut < packed.len() {
                let is_whole_entries = (packed.len() - cut).is_multiple_of(ENTRY);
                prop_assert!(is_whole_entries || Page::unpack(1, &packed[..cut]).is_err());
            }
        }
    }

    #[test]
    fn a_taker_that_is_not_there_spoils_the_page() {
        let mut packed = page(&[(1, 1, 1)]).pack();
        let taker = packed.len() - ENTRY + 16;
        packed[taker] = 1;
        assert_eq!(Page::unpack(1, &packed), Err(Spoilt));
    }
}
