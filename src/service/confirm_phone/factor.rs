//! A phone as a second factor (`wire/condo.md` 4.3): a token that confirms the user's own, or the digits of the code that was
//! sent to it last, which the seed's own clients pass (DESIGN 12.1).

use std::sync::Arc;

use super::tried::{Right, TokenHash, try_code};
use super::{look_up, spend_row};
use crate::domain::Result;
use crate::domain::account::Phone;
use crate::domain::confirmation::{Purpose, Tried};
use crate::service::Parts;
use crate::store::confirm_phone_actions::find_latest;
use crate::store::{self, Tx, at};

/// The most digits a code has.
const DIGITS: usize = 6;

/// A factor that was looked at.
#[derive(Debug)]
pub(in crate::service) enum Factor {
    /// A confirmation, still to be spent.
    Token(TokenHash),
    /// A code, which looking at it has spent.
    Code,
}

/// Looks at what somebody passes for a second factor of the user with this phone. Digits are counted as a try of their code.
pub(in crate::service) async fn second_factor(
    parts: &Arc<Parts>,
    phone: &Phone,
    value: &str,
) -> Result<Option<Factor>> {
    if value.starts_with(Purpose::Confirm.prefix()) {
        let row = look_up(parts, Purpose::Confirm, value).await?;
        let row = row.filter(|row| row.verified && row.phone == phone.as_str());
        return Ok(row.map(|row| Factor::Token(TokenHash(row.token_hash))));
    }
    let is_code = (1..=DIGITS).contains(&value.len()) && value.chars().all(|c| c.is_ascii_digit());
    let (true, Ok(typed)) = (is_code, value.parse::<i64>()) else { return Ok(None) };
    let now = at(parts.clock.now());
    let latest = store::read!(parts.store, |conn| find_latest(conn, (phone.as_str(), Purpose::Confirm.prefix()), now))?;
    let Some(row) = latest else { return Ok(None) };
    let tried = try_code(parts, TokenHash(row.token_hash), typed, Right::IsSpent).await?;
    Ok((tried == Tried::Right).then_some(Factor::Code))
}

/// Spends a factor; says whether this is the one that did.
pub(in crate::service) async fn spend_factor(parts: &Parts, tx: &mut Tx, factor: &Factor) -> Result<bool> {
    match factor {
        Factor::Token(token) => Ok(spend_row(tx.conn(), &token.0, at(parts.clock.now())).await?.is_some()),
        Factor::Code => Ok(true),
    }
}
