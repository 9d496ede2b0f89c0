//! Tries to sign in with a password: which allowance of an account a try draws on, and when there is one more.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::account::AccountType;
use super::ids::Subject;
use super::link::stored_as;

/// How long a browser in which somebody has signed in is known, from its last sign-in on.
pub const DEVICE_KNOWN_FOR: Duration = Duration::from_hours(180 * 24);
/// How long such a browser is told to keep its cookie.
pub const DEVICE_COOKIE_LIFETIME: Duration = Duration::from_hours(365 * 24);
/// How long a network from which somebody has signed in is known, from the last sign-in on.
pub const NETWORK_KNOWN_FOR: Duration = Duration::from_hours(30 * 24);
/// How many places of a kind are known of an account: those that it was at last.
pub const PLACES_OF_A_KIND: i64 = 20;

/// What a place is that an account is known to sign in from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlaceKind {
    /// A browser, by its cookie.
    Device,
    /// The narrowest network of an address.
    Network,
}

stored_as!(PlaceKind { Device => "device", Network => "network" });

impl PlaceKind {
    /// How long one is known, from the last sign-in on.
    pub fn known_for(self) -> Duration {
        match self {
            Self::Device => DEVICE_KNOWN_FOR,
            Self::Network => NETWORK_KNOWN_FOR,
        }
    }
}

/// A place that an account is known to sign in from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownPlace {
    /// The account.
    pub subject: Subject,
    /// The hash of a browser's cookie, or of a network.
    pub place: Vec<u8>,
    /// What it is.
    pub kind: PlaceKind,
    /// Until when it is known.
    pub expires: DateTime<Utc>,
}

/// What a try draws on, for one of those whom it names. Each allowance is of one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// The kind of place that has an allowance of its own; without one it is the strangers', which is of everybody else's.
    pub own: Option<PlaceKind>,
    /// Whether the try is one of those of its network as well, whomever they name.
    pub of_network: bool,
}

/// Decides by what kind of account it is (none: nobody's) and by what is known to be one of its places.
///
/// A known browser is the account's own: nothing that others do matters to it. A network may be many people's, and who sits
/// in one must not try passwords of all who were ever seen there: so people draw on its tries as well, and have browsers to
/// be known by. Programs keep no cookies, and their passwords are not guessed: to those only the account's own tries matter.
pub fn draw(account: Option<AccountType>, known: &[PlaceKind]) -> Draw {
    let is_known = |kind| account.is_some() && known.contains(&kind);
    if is_known(PlaceKind::Device) {
        return Draw { own: Some(PlaceKind::Device), of_network: false };
    }
    if is_known(PlaceKind::Network) {
        return Draw { own: Some(PlaceKind::Network), of_network: account != Some(AccountType::Service) };
    }
    Draw { own: None, of_network: true }
}

/// How many steps the time between tries takes until it grows no more.
pub const STEPS: usize = 5;

/// After how long there is one more try, where those of the window are spent and `more` came after them. A wall would keep
/// the owner out for as long as a stranger likes; this leaves a guesser seven tries an hour.
pub fn wait(more: usize) -> Duration {
    let doublings = u32::try_from(more).unwrap_or(u32::MAX);
    let minutes = 1_u64.checked_shl(doublings).filter(|_| more < STEPS).unwrap_or(u64::MAX);
    Duration::from_mins(minutes.min(15))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_known_draws_on_tries_of_their_own() {
        use AccountType::{Resident, Service, Staff};
        use PlaceKind::{Device, Network};
        let strangers = Draw { own: None, of_network: true };
        let of_device = Draw { own: Some(Device), of_network: false };
        let people = [Some(Staff), Some(Resident)];
        for account in people.into_iter().chain([Some(Service), None]) {
            assert_eq!(draw(account, &[]), strangers, "{account:?}");
        }
        for known in [&[Device][..], &[Network], &[Device, Network]] {
            assert_eq!(draw(None, known), strangers, "nobody is known: {known:?}");
        }
        for account in people.into_iter().chain([Some(Service)]) {
            for known in [&[Device][..], &[Device, Network], &[Network, Device]] {
                assert_eq!(draw(account, known), of_device, "{account:?} {known:?}");
            }
        }
        for account in people {
            assert_eq!(draw(account, &[Network]), Draw { own: Some(Network), of_network: true }, "{account:?}");
        }
        assert_eq!(draw(Some(Service), &[Network]), Draw { own: Some(Network), of_network: false });
    }

    #[test]
    fn the_time_between_tries_doubles_up_to_a_quarter_of_an_hour() {
        let minutes: Vec<u64> = (0..8).map(|more| wait(more).as_secs() / 60).collect();
        assert_eq!(minutes, [1, 2, 4, 8, 15, 15, 15, 15]);
        assert_eq!((wait(STEPS - 1), wait(usize::MAX)), (wait(STEPS), wait(64)));
    }
}
