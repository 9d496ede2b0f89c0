//! Tokens for many links in one request: how many it may ask for, and how much it is answered.

use std::collections::HashMap;
use std::hash::Hash;

/// The most entries of one request.
pub const MOST: usize = 1000;
/// The largest body, in bytes: as many entries with ids as long as most are, several times over.
pub const BODY: usize = 1024 * 1024;
/// The largest answer, in bytes.
pub const ANSWER: usize = 16 * 1024 * 1024;
/// What an entry takes of the answer beside its account's id and its token, in bytes: names, punctuation, a time; or an error.
const FRAME: usize = 128;

/// What stands around a field's name and its value, in bytes: four quotes, a colon, a comma.
const FIELD: usize = 6;
/// What stands around all fields of an entry: their own name and its punctuation, less the comma that the last one lacks.
const FIELDS: usize = ",\"fields\":{}".len() - 1;

/// How many of a provider's permits the refreshes of all batches take together: a quarter, and one at least.
pub fn share_of(permits: usize) -> usize {
    (permits / 4).max(1)
}

/// The first entry that stands there again, as the places of both.
pub fn repeated<T: Hash + Eq>(entries: &[T]) -> Option<[usize; 2]> {
    let mut seen = HashMap::with_capacity(entries.len());
    entries.iter().enumerate().find_map(|(place, entry)| seen.insert(entry, place).map(|first| [first, place]))
}

/// What is left of the largest answer.
#[derive(Debug)]
pub struct Room(usize);

impl Room {
    /// All of it, but for what each of so many entries takes whatever it is told.
    pub fn of(entries: usize) -> Self {
        Self(ANSWER.saturating_sub(entries.saturating_mul(FRAME)))
    }

    /// Takes what these texts need as JSON; says whether there was so much. What does not fit takes nothing, so that
    /// something smaller may.
    pub fn takes(&mut self, texts: &[&str]) -> bool {
        self.spends(texts.iter().map(|text| escaped(text)).sum())
    }

    /// The same for what stands beside a token, by name: nothing takes nothing.
    pub fn takes_fields<'t>(&mut self, fields: impl Iterator<Item = (&'t str, &'t str)>) -> bool {
        let needed: usize = fields.map(|(name, value)| escaped(name) + escaped(value) + FIELD).sum();
        needed == 0 || self.spends(needed + FIELDS)
    }

    fn spends(&mut self, needed: usize) -> bool {
        match self.0.checked_sub(needed) {
            Some(left) => {
                self.0 = left;
                true
            }
            None => false,
        }
    }
}

/// How long a text is as JSON, in bytes, without its quotes (RFC 8259 §7).
fn escaped(text: &str) -> usize {
    text.bytes()
        .map(|byte| match byte {
            b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0C => 2,
            0x00..0x20 => 6,
            _ => 1,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_take_a_quarter_of_the_permits_and_one_at_least() {
        for (permits, share) in [(1, 1), (3, 1), (4, 1), (7, 1), (8, 2), (64, 16)] {
            assert_eq!(share_of(permits), share, "{permits}");
        }
    }

    #[test]
    fn what_stands_twice_is_told_by_both_its_places() {
        assert_eq!(repeated::<u8>(&[]), None);
        assert_eq!(repeated(&["a", "b", "c"]), None);
        assert_eq!(repeated(&["a", "b", "c", "b", "a"]), Some([1, 3]));
        assert_eq!(repeated(&[("a", None), ("a", Some(1)), ("a", None)]), Some([0, 2]));
    }

    #[test]
    fn what_is_over_takes_nothing_and_something_smaller_may_fit() {
        let mut room = Room::of(2);
        let half = "x".repeat(ANSWER / 2);
        assert!(room.takes(&["sid", &half]));
        assert!(!room.takes(&["sid", &half]), "frames count");
        assert!(room.takes(&["sid", half.get(..ANSWER / 2 - 1024).unwrap()]));
        assert!(!Room::of(usize::MAX).takes(&["x"]));
        assert!(Room::of(usize::MAX).takes(&[""]));
    }

    #[test]
    fn fields_count_as_long_as_they_are_written() {
        let fields = [("instance_url", "https://a.example/\"b\""), ("team.id", "\n")];
        for fields in [&fields[..], &fields[..1]] {
            let told: std::collections::BTreeMap<_, _> = fields.iter().copied().collect();
            let written = format!(",\"fields\":{}", serde_json::to_string(&told).unwrap());
            let mut room = Room(written.len());
            assert!(room.takes_fields(fields.iter().copied()) && room.0 == 0, "{written}");
            assert!(!Room(written.len() - 1).takes_fields(fields.iter().copied()));
        }
        let mut full = Room(0);
        assert!(full.takes_fields([].into_iter()), "nothing takes nothing");
    }

    #[test]
    fn a_text_counts_as_long_as_it_is_written() {
        for text in ["", "abc", "a\"b", "a\\b", "\n\r\t\u{8}\u{c}", "\u{0}\u{1f}\u{7f}", "я\u{2011}𝄞/", "</script>"]
        {
            let written = serde_json::to_string(text).unwrap();
            assert_eq!(escaped(text), written.len() - 2, "{written}");
        }
    }
}
