//! To which of its addresses an account gets codes: those that are known to be the user's own, where there is somebody to send by.

use super::Parts;
use domain::account::{Account, AddressKind, Email, Phone};

/// Whether codes can be sent at all to such addresses.
pub(super) fn is_there(parts: &Parts, to: AddressKind) -> bool {
    parts.upstream.messages(to).is_there()
}

/// The phone to which the account gets codes: one that messages can be sent to.
pub(super) fn reached_phone<'a>(parts: &Parts, account: &'a Account) -> Option<&'a Phone> {
    account
        .verified_phone()
        .filter(|phone| is_there(parts, AddressKind::Phone) && parts.settings.sms_reach.includes(phone))
}

/// The e-mail address to which the account gets codes.
pub(super) fn reached_email<'a>(parts: &Parts, account: &'a Account) -> Option<&'a Email> {
    account.verified_email().filter(|_| is_there(parts, AddressKind::Email))
}
