//! Which entries of the settings share their grants. A grant belongs to the provider, our client there, and the account, not to
//! an entry: many providers revoke all of it at once, whichever entry the token came through.

/// What an entry says of where its grants come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<I> {
    /// The entry.
    pub id: I,
    /// Our client there.
    pub client_id: String,
    /// Its issuer, compared exactly.
    pub issuer: Option<String>,
    /// Its token endpoint, as far as it is known: not all providers have an issuer.
    pub token_endpoint: Option<String>,
    /// The template of an account's id.
    pub sid: String,
}

/// Whether two entries share their grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kinship {
    /// They are one client of one provider.
    Kin,
    /// They are not.
    Strangers,
    /// The token endpoint of one would tell.
    Open,
}

fn kinship<I>(one: &Entry<I>, other: &Entry<I>) -> Kinship {
    let same = |one: &Option<String>, other: &Option<String>| Some(one.as_ref()? == other.as_ref()?);
    let told = [same(&one.issuer, &other.issuer), same(&one.token_endpoint, &other.token_endpoint)];
    if one.client_id != other.client_id {
        Kinship::Strangers
    } else if told.contains(&Some(true)) {
        Kinship::Kin
    } else if told == [None, None] {
        Kinship::Open
    } else {
        Kinship::Strangers
    }
}

/// Whether it takes the token endpoints of issuers to tell which of these entries share their grants.
pub fn is_open<I>(entries: &[Entry<I>]) -> bool {
    entries.iter().any(|one| entries.iter().any(|other| kinship(one, other) == Kinship::Open))
}

/// Entries that share their grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kin<I> {
    /// All of them, in the order in which they were given.
    pub ids: Vec<I>,
    /// Whether they call an account by the same id. Otherwise nobody can tell whether a grant is still needed.
    pub agree: bool,
}

/// Those that share their grants with `id`, itself included: also by way of a third.
pub fn kin_of<I: Clone + PartialEq>(id: &I, entries: &[Entry<I>]) -> Kin<I> {
    let mut found: Vec<&Entry<I>> = entries.iter().filter(|entry| entry.id == *id).collect();
    loop {
        let is_new = |entry: &&Entry<I>| !found.iter().any(|known| known.id == entry.id);
        let is_kin = |entry: &&Entry<I>| found.iter().any(|known| kinship(known, entry) == Kinship::Kin);
        let more: Vec<&Entry<I>> = entries.iter().filter(is_new).filter(is_kin).collect();
        if more.is_empty() {
            break;
        }
        found.extend(more);
    }
    let ids = entries.iter().filter(|entry| found.iter().any(|known| known.id == entry.id));
    let agree = found.iter().all(|entry| found.iter().all(|other| entry.sid == other.sid));
    Kin { ids: ids.map(|entry| entry.id.clone()).collect(), agree }
}

/// All that share their grants and don't agree on what to call an account, each group once.
pub fn at_odds<I: Clone + PartialEq>(entries: &[Entry<I>]) -> Vec<Vec<I>> {
    groups(entries, |kin| !kin.agree)
}

/// All that share their grants and agree on what to call an account, each group of several once.
pub fn shared<I: Clone + PartialEq>(entries: &[Entry<I>]) -> Vec<Vec<I>> {
    groups(entries, |kin| kin.agree && kin.ids.len() > 1)
}

fn groups<I: Clone + PartialEq>(entries: &[Entry<I>], fits: impl Fn(&Kin<I>) -> bool) -> Vec<Vec<I>> {
    let mut groups: Vec<Vec<I>> = Vec::new();
    for entry in entries {
        let kin = kin_of(&entry.id, entries);
        if fits(&kin) && !groups.contains(&kin.ids) {
            groups.push(kin.ids);
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `client issuer token_endpoint sid`; `-`: not known.
    fn entries(lines: &[&'static str]) -> Vec<Entry<usize>> {
        let known = |text: &str| Some(text.to_owned()).filter(|text| text != "-");
        let read = |(id, line): (usize, &&'static str)| {
            let parts: Vec<&str> = line.split(' ').collect();
            Entry {
                id,
                client_id: parts[0].to_owned(),
                issuer: known(parts[1]),
                token_endpoint: known(parts[2]),
                sid: parts[3].to_owned(),
            }
        };
        lines.iter().enumerate().map(read).collect()
    }

    #[test]
    fn a_grant_belongs_to_issuer_or_token_endpoint_and_client() {
        for (what, lines, kin, open) in [
            ("alone", vec!["c i - s"], vec![0], false),
            ("one issuer, one client", vec!["c i - s", "c i - s"], vec![0, 1], false),
            ("another client", vec!["c i - s", "d i - s"], vec![0], false),
            ("another client, by hand", vec!["c i - s", "d - t s"], vec![0], false),
            ("another issuer", vec!["c i - s", "c j - s"], vec![0], false),
            ("an issuer to the letter", vec!["c i - s", "c i/ - s"], vec![0], false),
            ("one token endpoint", vec!["c - t s", "c - t s"], vec![0, 1], false),
            ("another token endpoint", vec!["c - t s", "c - u s"], vec![0], false),
            ("one issuer, the endpoint of one by hand", vec!["c i - s", "c i t s"], vec![0, 1], false),
            ("one endpoint, the issuer of one unknown", vec!["c i t s", "c - t s"], vec![0, 1], false),
            ("one endpoint of two issuers", vec!["c i t s", "c j t s"], vec![0, 1], false),
            ("issuer here, endpoint there", vec!["c i - s", "c - t s"], vec![0], true),
            ("by way of a third", vec!["c i - s", "c - t s", "c i t s"], vec![0, 1, 2], true),
        ] {
            let entries = entries(&lines);
            let found = kin_of(&0, &entries);
            assert_eq!((found.ids, is_open(&entries)), (kin.clone(), open), "{what}");
            // They are each other's.
            for id in &kin {
                assert_eq!(kin_of(id, &entries).ids, kin, "{what}");
            }
        }
    }

    #[test]
    fn kin_that_call_an_account_by_different_ids_are_at_odds() {
        for (what, lines, groups) in [
            ("one template", vec!["c i - {sub}", "c i - {sub}"], vec![]),
            ("strangers", vec!["c i - {sub}", "c j - {email}"], vec![]),
            ("two templates", vec!["c i - {sub}", "c i - {email}"], vec![vec![0, 1]]),
            ("one of three", vec!["c i - {sub}", "d i - {id}", "c i - {sub}", "c i - {id}"], vec![vec![0, 2, 3]]),
            (
                "two groups",
                vec!["c i - {sub}", "d - t {a}", "c i - {email}", "d - t {b}"],
                vec![vec![0, 2], vec![1, 3]],
            ),
        ] {
            assert_eq!(at_odds(&entries(&lines)), groups, "{what}");
        }
        assert!(!kin_of(&0, &entries(&["c i - a", "c i - b"])).agree);
        assert!(kin_of(&1, &entries(&["c i - a", "d i - b"])).agree);
    }
}
