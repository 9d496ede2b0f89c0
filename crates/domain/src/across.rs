//! Links looked for across users: what may be asked, and by which index it is found.

use super::error::{Error, Result};
use super::ids::{LinkId, ProviderId, Sid};
use super::link::Health;

/// The most links of one page, and how many there are where nobody says.
pub const PAGE: usize = 200;

/// Which links are looked for: those that fit all that is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    health: Option<Health>,
    account: Option<(ProviderId, Option<Sid>)>,
}

/// What a search goes by: each is an index, in the order of the links' keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By<'a> {
    /// An account at a provider: few links.
    Account(&'a ProviderId, &'a Sid),
    /// A health that few links have.
    Ailing(Health),
    /// A provider.
    Provider(&'a ProviderId),
    /// Nothing: nearly all of them fit.
    Key,
}

/// What decides whether a link fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its key.
    pub link: LinkId,
    /// At which provider; `None` if the name can be no provider's: one such row keeps no others from being found.
    pub provider: Option<ProviderId>,
    /// Whether its tokens can be refreshed. Nothing is wrong with a link that has none.
    pub health: Health,
}

impl Search {
    /// A search; something must be said. An account's id alone names none: it is one at a provider.
    pub fn new(health: Option<Health>, provider: Option<ProviderId>, sid: Option<Sid>) -> Result<Self> {
        match (health, provider, sid) {
            (_, None, Some(_)) => Err(Error::input("sid", "goes with fp: an account's id is one at a provider")),
            (None, None, None) => Err(Error::input("health", "or fp must be given")),
            (health, provider, sid) => Ok(Self { health, account: provider.map(|provider| (provider, sid)) }),
        }
    }

    /// The health that is looked for.
    pub fn health(&self) -> Option<Health> {
        self.health
    }

    /// The provider whose links are looked for.
    pub fn provider(&self) -> Option<&ProviderId> {
        self.account.as_ref().map(|(provider, _)| provider)
    }

    /// The account whose links are looked for.
    pub fn sid(&self) -> Option<&Sid> {
        self.account.as_ref().and_then(|(_, sid)| sid.as_ref())
    }

    /// What to go by, so that as few links as possible are looked at for those that fit.
    pub fn by(&self) -> By<'_> {
        match (&self.account, self.health) {
            (Some((provider, Some(sid))), _) => By::Account(provider, sid),
            (_, Some(health)) if health != Health::Ok => By::Ailing(health),
            (Some((provider, None)), _) => By::Provider(provider),
            (None, _) => By::Key,
        }
    }

    /// Whether a link that was found by what the search goes by fits the rest of it.
    pub fn fits(&self, candidate: &Candidate) -> bool {
        let provider = self.provider().is_none_or(|wanted| candidate.provider.as_ref() == Some(wanted));
        provider && self.health.is_none_or(|wanted| candidate.health == wanted)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn provider(name: &str) -> ProviderId {
        ProviderId::parse("box", name).unwrap()
    }

    #[test]
    fn something_must_be_said_and_a_sid_is_one_at_a_provider() {
        let sid = || Some(Sid::parse("1").unwrap());
        let wrong = |search: Result<Search>| search.unwrap_err().to_string();
        assert!(wrong(Search::new(None, None, None)).starts_with("health or fp"));
        assert!(wrong(Search::new(None, None, sid())).starts_with("sid goes with fp"));
        assert!(wrong(Search::new(Some(Health::Ok), None, sid())).starts_with("sid goes with fp"));
    }

    #[test]
    fn a_search_goes_by_what_the_fewest_links_have() {
        let (sid, of) = (Sid::parse("1").unwrap(), provider("a"));
        for (health, at, account, by) in [
            (None, true, true, By::Account(&of, &sid)),
            (Some(Health::NeedsConsent), true, true, By::Account(&of, &sid)),
            (Some(Health::NeedsConsent), true, false, By::Ailing(Health::NeedsConsent)),
            (Some(Health::LostInFlight), false, false, By::Ailing(Health::LostInFlight)),
            (Some(Health::Degraded), false, false, By::Ailing(Health::Degraded)),
            (Some(Health::Ok), true, false, By::Provider(&of)),
            (None, true, false, By::Provider(&of)),
            (Some(Health::Ok), false, false, By::Key),
        ] {
            let search = Search::new(health, at.then(|| of.clone()), account.then(|| sid.clone())).unwrap();
            assert_eq!(search.by(), by, "{search:?}");
        }
    }

    #[test]
    fn what_was_found_by_one_thing_has_to_fit_the_others() {
        let candidate =
            |name: &str, health| Candidate { link: LinkId(Uuid::nil()), provider: Some(provider(name)), health };
        let search = Search::new(Some(Health::NeedsConsent), Some(provider("a")), None).unwrap();
        assert!(search.fits(&candidate("a", Health::NeedsConsent)));
        assert!(!search.fits(&candidate("b", Health::NeedsConsent)));
        assert!(!search.fits(&candidate("a", Health::Ok)));
        assert!(!search.fits(&Candidate { provider: None, ..candidate("a", Health::NeedsConsent) }));
        let of_any = Search::new(Some(Health::Ok), None, None).unwrap();
        assert!(of_any.fits(&Candidate { provider: None, ..candidate("a", Health::Ok) }));
    }
}
