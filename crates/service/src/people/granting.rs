//! What there is to grant, in the transaction that grants it (`domain::granting`).

use uuid::Uuid;

use domain::access::{Access, denied};
use domain::filter::{Filter, Page};
use domain::granting::{Hand, Own};
use domain::organization::{Employment, Granted, Role};
use domain::{Error, Result};
use store::Tx;
use store::organizations::{Listed, hold, list};

/// How the user stands to a role, or to an employee, of this organization.
pub(super) async fn hand(
    tx: &mut Tx,
    access: &Access,
    organization: Uuid,
    manages_all: bool,
    is_own: bool,
) -> Result<Hand> {
    let role = own_role(tx, access, organization).await?;
    let role = role.map(|role| role.granted).unwrap_or_default();
    Ok(Hand { is_admin: access.user.is_admin, manages_all, is_own, role })
}

/// The role that the user has there.
pub(super) async fn own_role(tx: &mut Tx, access: &Access, organization: Uuid) -> Result<Option<Role>> {
    Ok(list(tx.conn(), &access.role_in(organization), &Page::default()).await?.pop())
}

/// Refuses to grant what there is not to give.
pub(super) fn grants(own: &Own, before: &Granted, after: &Granted) -> Result<()> {
    if own.covers(before, after) { Ok(()) } else { Err(denied()) }
}

/// Refuses to give an employee the role that they have by now to who would grant by it what they lack, or to themselves.
pub(super) async fn may_appoint(
    tx: &mut Tx,
    access: &Access,
    employment: &Employment,
    manages_all: bool,
) -> Result<()> {
    let is_own = employment.subject == access.user.id;
    let hand = hand(tx, access, employment.organization, manages_all, is_own).await?;
    let granted = match employment.role {
        None => Granted::default(),
        Some(id) => connected::<Role>(tx, id, "role").await?.granted,
    };
    if hand.may_appoint(&granted) { Ok(()) } else { Err(denied()) }
}

/// A record that a change is to name: one that stands.
pub(super) async fn connected<R: Listed>(tx: &mut Tx, id: Uuid, field: &'static str) -> Result<R> {
    let found = hold(tx.conn(), id, Filter::Absent("deleted_at")).await?;
    found.ok_or_else(|| Error::input(field, "is not there"))
}
