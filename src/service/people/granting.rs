//! What there is to grant, in the transaction that grants it (`domain::granting`).

use uuid::Uuid;

use super::changes::connected;
use crate::domain::Result;
use crate::domain::filter::Page;
use crate::domain::granting::{Hand, Own};
use crate::domain::organization::Granted;
use crate::service::access::{Access, denied};
use crate::store::Tx;
use crate::store::organizations::{EmployeeRow, RoleRow, list};

/// How the user stands to a role, or to an employee, of this organization.
pub(super) async fn hand(
    tx: &mut Tx,
    access: &Access,
    organization: Uuid,
    (manages_all, is_own): (bool, bool),
) -> Result<Hand> {
    let role = own_role(tx, access, organization).await?;
    let role = role.map(|role| Granted::parse(&role.granted)).unwrap_or_default();
    Ok(Hand { is_admin: access.user.is_admin, manages_all, is_own, role })
}

/// The role that the user has there.
pub(super) async fn own_role(tx: &mut Tx, access: &Access, organization: Uuid) -> Result<Option<RoleRow>> {
    Ok(list(tx.conn(), &access.role_in(organization), &Page::default()).await?.pop())
}

/// Refuses to grant what there is not to give.
pub(super) fn grants(own: &Own, before: &str, after: &str) -> Result<()> {
    if own.covers(&Granted::parse(before), &Granted::parse(after)) { Ok(()) } else { Err(denied()) }
}

/// Refuses to give an employee the role that the row has by now to who would grant by it what they lack, or to themselves.
pub(super) async fn may_appoint(tx: &mut Tx, access: &Access, row: &EmployeeRow, manages_all: bool) -> Result<()> {
    let is_own = row.subject == access.user.id.as_str();
    let hand = hand(tx, access, row.organization.0, (manages_all, is_own)).await?;
    let granted = match row.role {
        None => Granted::default(),
        Some(id) => Granted::parse(&connected::<RoleRow>(tx, id.0, "role").await?.granted),
    };
    if hand.may_appoint(&granted) { Ok(()) } else { Err(denied()) }
}
