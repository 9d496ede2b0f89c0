//! An address as a second factor (`docs/condo-contract.md` 4.3): a token that confirms the user's own; of a phone also the digits of
//! the code that was sent to it last, which Condo's documented clients pass (docs/compatibility.md).

use std::sync::Arc;

use super::live::{TokenHash, look_up};
use super::tried::{Right, Typed, try_code};
use crate::Parts;
use crate::door::Origin;
use domain::Result;
use domain::account::{Address, Phone};
use domain::budget::Budget;
use domain::confirmation::{Confirmation, Purpose, Tried};
use domain::ids::Subject;
use store::confirm_phone_actions::{list_live, spend as spend_row};
use store::{self, Tx, at};

/// The most digits a code has.
const DIGITS: usize = 6;

/// A factor that was looked at.
#[derive(Debug)]
pub(crate) enum Factor {
    /// A confirmation, still to be spent.
    Token(TokenHash),
    /// A code, which looking at it has spent.
    Code,
}

/// Looks at what somebody passes for a token that confirms the user's own address, after the right password.
pub(crate) async fn token_factor(parts: &Parts, address: &Address, value: &str) -> Result<Option<Factor>> {
    let found = look_up(parts, Purpose::confirming(address.kind()), value).await?;
    let found = found.filter(|found| found.is_verified && found.address == *address);
    Ok(found.map(|found| Factor::Token(TokenHash(found.token_hash))))
}

/// Looks at what somebody passes for a second factor of the user with this phone, after the right password. Digits are counted
/// as a look at their code.
pub(crate) async fn phone_factor(
    parts: &Arc<Parts>,
    subject: Subject,
    phone: &Phone,
    value: &str,
    origin: &Origin,
) -> Result<Option<Factor>> {
    let address = Address::Phone(phone.clone());
    if value.starts_with(Purpose::ConfirmPhone.prefix()) {
        return token_factor(parts, &address, value).await;
    }
    let is_code = (1..=DIGITS).contains(&value.len()) && value.chars().all(|c| c.is_ascii_digit());
    let (true, Ok(typed)) = (is_code, value.parse::<i64>()) else { return Ok(None) };
    let now = at(parts.clock.now());
    let live = store::read!(parts.store, |conn| list_live(conn, &address, Purpose::ConfirmPhone, now))?;
    let candidates = candidates(&live, &subject);
    let budget = Budget::Accounts(subject);
    for candidate in candidates {
        let typed = Typed { code: typed, right: Right::IsSpent };
        if try_code(parts, candidate, &budget, typed, origin).await? == Tried::Right {
            return Ok(Some(Factor::Code));
        }
    }
    Ok(None)
}

/// Whose codes the digits may be: the last that the account's password has led to, and the last of all. Anybody can have a code
/// sent to the phone after that, which must not hide the owner's.
fn candidates<'a>(live: &'a [Confirmation], subject: &Subject) -> Vec<&'a Confirmation> {
    let own = live.iter().find(|sent| sent.after_password && sent.subject.as_ref() == Some(subject));
    let last = live.first().filter(|last| own.is_none_or(|own| own.token_hash != last.token_hash));
    own.into_iter().chain(last).collect()
}

/// Spends a factor; says whether this is the one that did.
pub(crate) async fn spend_factor(parts: &Parts, tx: &mut Tx, factor: &Factor) -> Result<bool> {
    match factor {
        Factor::Token(token) => spend_row(tx.conn(), &token.0, at(parts.clock.now())).await,
        Factor::Code => Ok(true),
    }
}
