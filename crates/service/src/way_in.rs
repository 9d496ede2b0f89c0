//! Whether a link may be removed: what lets its user in is looked up under the account's lock, so of two calls that remove the
//! last two links at once the second finds one.

use super::Parts;
use super::reached::{reached_email, reached_phone};
use domain::Result;
use domain::account::Account;
use domain::ids::PARTNER_TYPE;
use domain::link::HeldLink;
use domain::way_in::{Force, Removal, WaysIn, removal};
use settings::Settings;
use store::Tx;
use store::accounts::find;
use store::links::list_proven_of_partners;

/// Judges the removal of a link in the caller's transaction, which holds the link and its subject.
pub(super) async fn judge(parts: &Parts, tx: &mut Tx, held: &HeldLink, force: Force) -> Result<Removal> {
    if held.provider.fp_type() != PARTNER_TYPE {
        return Ok(Removal::Allowed);
    }
    let Some(account) = find(tx.conn(), &held.subject).await? else { return Ok(Removal::Allowed) };
    let mut ways = list_proven_of_partners(tx.conn(), &held.subject).await?;
    ways.retain(|(_, name)| is_partners(&parts.settings, name));
    let lets_in = ways.iter().any(|(id, _)| *id == held.id);
    let left = WaysIn {
        password: account.password_hash.is_some(),
        two_factor: account.two_factor,
        codes: reached_phone(parts, &account).is_some(),
        email_codes: reached_email(parts, &account).is_some(),
        issuer: is_issuers(&parts.settings, &account),
        other_link: ways.iter().any(|(id, _)| *id != held.id),
    };
    Ok(removal(lets_in, left, force))
}

/// Whether a configured partner's users have links of this name.
fn is_partners(settings: &Settings, name: &str) -> bool {
    settings
        .partners
        .values()
        .flat_map(|partner| partner.clients.values())
        .any(|client| client.identity.fp_name() == name)
}

/// Whether a token of a configured issuer can stand for the account.
fn is_issuers(settings: &Settings, account: &Account) -> bool {
    settings.issuers.iter().any(|issuer| account.is_of_issuer(&issuer.issuer, &issuer.subject_prefix))
}
