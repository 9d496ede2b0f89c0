//! Organizations, roles and rights sets: made and changed by administrators, and by whom their role or rights set lets. Each change is one transaction, with its line in the audit record.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::granting::{grants, hand, own_role};
use super::lists::{Way, roles_of};
use crate::audit::{About, record};
use crate::condo_sessions::SidHash;
use crate::door::{self, Origin};
use crate::{Parts, boxed};
use domain::access::{Access, denied};
use domain::event::{Actor, Event};
use domain::filter::Filter;
use domain::organization::{Granted, History, Organization, PlacedRole, RightsSet, Role};
use domain::{Error, Result, name};
use store::Tx;
use store::organizations::{
    Listed, hold, insert, insert_rights_set, insert_role, update, update_rights_set, update_role,
};

/// What becomes of a field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// It stays.
    #[default]
    Keep,
    /// It becomes this.
    To(T),
}

impl<T> Change<T> {
    /// Whether nothing is said of the field.
    pub fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }

    pub(super) fn apply(self, field: &mut T) {
        if let Self::To(value) = self {
            *field = value;
        }
    }

    pub(super) fn try_apply<U>(self, field: &mut U, read: impl FnOnce(T) -> Result<U>) -> Result<()> {
        if let Self::To(value) = self {
            *field = read(value)?;
        }
        Ok(())
    }
}

/// Who changes something, and from where.
#[derive(Clone, Debug)]
pub struct Editor {
    /// Who.
    pub access: Access,
    /// From where.
    pub origin: Origin,
    /// In which session.
    pub session: Option<SidHash>,
}

impl Editor {
    /// Adds the line of a change to the record it was made in.
    pub(super) async fn sign(&self, parts: &Parts, tx: &mut Tx, event: Event, record_id: &str) -> Result<()> {
        let actor = Actor { subject: Some(self.access.user.id.as_str().to_owned()), ..door::actor(&self.origin) };
        let about = match event {
            Event::AccountChanged => About { subject: Some(record_id), ..About::default() },
            _ => About { detail: Some(record_id), ..About::default() },
        };
        record(parts, tx, event, &actor, about).await
    }
}

/// What is to become of an organization.
#[derive(Clone, Debug, Default)]
pub struct OrganizationChange {
    /// What people read.
    pub name: Change<String>,
    /// Since when it is deleted.
    pub deleted: Change<Option<DateTime<Utc>>>,
}

/// What is to become of a role.
#[derive(Clone, Debug, Default)]
pub struct RoleChange {
    /// What people read.
    pub name: Change<String>,
    /// What it grants from now on, and what no more.
    pub grants: Vec<(&'static str, bool)>,
    /// Since when it is deleted.
    pub deleted: Change<Option<DateTime<Utc>>>,
}

/// What is to become of a rights set.
pub type RightsSetChange = RoleChange;

/// Runs a change to its end whatever becomes of the caller.
macro_rules! change {
    ($parts:expr, |$own:ident, $tx:ident| $work:block) => {
        $parts
            .detached(async move |$own| {
                let mut transaction = $own.store.begin().await?;
                let $tx = &mut transaction;
                let changed = $work;
                transaction.commit().await?;
                Ok(changed)
            })
            .await
    };
}
pub(super) use change;

fn required<T>(change: &Change<T>, field: &'static str) -> Result<()> {
    if change.is_keep() { Err(Error::input(field, "is missing")) } else { Ok(()) }
}

/// The record, held, if the editor may change it: those whom `all` lets through any, others where `filter` shows it.
pub(super) async fn editable<R: Listed>(tx: &mut Tx, id: Uuid, all: bool, filter: Filter) -> Result<R> {
    let filter = if all { Filter::everything() } else { filter };
    // One that is not there answers as one that may not be seen.
    hold(tx.conn(), id, filter).await?.ok_or_else(denied)
}

/// Makes an organization.
#[boxed]
pub async fn create_organization(parts: &Arc<Parts>, by: Editor, change: OrganizationChange) -> Result<Organization> {
    by.access.require("canManageOrganizations")?;
    required(&change.name, "name")?;
    change!(parts, |parts, tx| {
        let history = History::begun(parts.clock.now());
        let mut organization = Organization { id: parts.entropy.uuid(), name: String::new(), history };
        change.write(&mut organization)?;
        insert(tx.conn(), &organization).await?;
        by.sign(&parts, tx, Event::OrganizationChanged, &organization.id.to_string()).await?;
        organization
    })
}

/// Changes an organization.
#[boxed]
pub async fn change_organization(
    parts: &Arc<Parts>,
    by: Editor,
    id: Uuid,
    change: OrganizationChange,
) -> Result<Organization> {
    change!(parts, |parts, tx| {
        let all = by.access.require("canManageOrganizations").is_ok();
        let own = by.access.works_at("id", Some("canManageOrganization"));
        let mut organization: Organization = editable(tx, id, all, own).await?;
        change.write(&mut organization)?;
        organization.history.updated = parts.clock.now();
        update(tx.conn(), &organization).await?;
        by.sign(&parts, tx, Event::OrganizationChanged, &id.to_string()).await?;
        organization
    })
}

impl OrganizationChange {
    fn write(self, organization: &mut Organization) -> Result<()> {
        self.name.try_apply(&mut organization.name, |name| title(&name))?;
        self.deleted.apply(&mut organization.history.deleted);
        Ok(())
    }
}

/// What a record is called by: something that people can read.
fn title(name: &str) -> Result<String> {
    name::required("name", name)
}

/// Makes a role of an organization.
#[boxed]
pub async fn create_role(parts: &Arc<Parts>, by: Editor, organization: Uuid, change: RoleChange) -> Result<PlacedRole> {
    required(&change.name, "name")?;
    let access = by.access.clone();
    let role = change!(parts, |parts, tx| {
        let all = by.access.require("canManageOrganizationEmployeeRoles").is_ok();
        let own = by.access.works_at("id", Some("canManageRoles"));
        let organization: Organization = editable(tx, organization, all, own).await?;
        let mut role = Role {
            id: parts.entropy.uuid(),
            organization: organization.id,
            name: String::new(),
            granted: Granted::by_default(),
            history: History::begun(parts.clock.now()),
        };
        let hand = hand(tx, &by.access, organization.id, all, false).await?;
        change.write(&mut role.name, &mut role.granted)?;
        grants(&hand.permissions(), &Granted::default(), &role.granted)?;
        insert_role(tx.conn(), &role).await?;
        by.sign(&parts, tx, Event::RoleChanged, &role.id.to_string()).await?;
        role
    })?;
    shown_role(parts, &access, role).await
}

/// Changes a role.
#[boxed]
pub async fn change_role(parts: &Arc<Parts>, by: Editor, id: Uuid, change: RoleChange) -> Result<PlacedRole> {
    let access = by.access.clone();
    let role = change!(parts, |parts, tx| {
        let all = by.access.require("canManageOrganizationEmployeeRoles").is_ok();
        let own = by.access.works_at("organization", Some("canManageRoles"));
        let mut role: Role = editable(tx, id, all, own).await?;
        let is_own = own_role(tx, &by.access, role.organization).await?.is_some_and(|own| own.id == role.id);
        let hand = hand(tx, &by.access, role.organization, all, is_own).await?;
        let before = role.granted.clone();
        change.deleted.clone().apply(&mut role.history.deleted);
        change.write(&mut role.name, &mut role.granted)?;
        grants(&hand.permissions(), &before, &role.granted)?;
        role.history.updated = parts.clock.now();
        update_role(tx.conn(), &role).await?;
        by.sign(&parts, tx, Event::RoleChanged, &id.to_string()).await?;
        role
    })?;
    shown_role(parts, &access, role).await
}

async fn shown_role(parts: &Parts, access: &Access, role: Role) -> Result<PlacedRole> {
    let shown = roles_of(Way::Point(parts), access, vec![role]).await?.pop();
    shown.ok_or_else(|| Error::internal("a role that was just written is gone"))
}

impl RoleChange {
    fn write(self, name: &mut String, granted: &mut Granted) -> Result<()> {
        self.name.try_apply(name, |name| title(&name))?;
        for (name, is_granted) in self.grants {
            granted.set(name, is_granted);
        }
        Ok(())
    }
}

/// Makes a rights set.
#[boxed]
pub async fn create_rights_set(parts: &Arc<Parts>, by: Editor, change: RightsSetChange) -> Result<RightsSet> {
    by.access.require_staff()?;
    required(&change.name, "name")?;
    change!(parts, |parts, tx| {
        let (id, history) = (parts.entropy.uuid(), History::begun(parts.clock.now()));
        let mut set = RightsSet { id, name: String::new(), granted: Granted::default(), history };
        change.write(&mut set.name, &mut set.granted)?;
        grants(&by.access.rights_to_give(), &Granted::default(), &set.granted)?;
        insert_rights_set(tx.conn(), &set).await?;
        by.sign(&parts, tx, Event::RightsSetChanged, &set.id.to_string()).await?;
        set
    })
}

/// Changes a rights set; one that is deleted is taken from everybody who had it.
#[boxed]
pub async fn change_rights_set(parts: &Arc<Parts>, by: Editor, id: Uuid, change: RightsSetChange) -> Result<RightsSet> {
    by.access.require_staff()?;
    // What a set grants is for others to say than who has it.
    if by.access.user.rights_set == Some(id) {
        by.access.require_admin()?;
    }
    change!(parts, |parts, tx| {
        let mut set: RightsSet = editable(tx, id, true, Filter::nothing()).await?;
        let before = set.granted.clone();
        change.deleted.clone().apply(&mut set.history.deleted);
        change.write(&mut set.name, &mut set.granted)?;
        grants(&by.access.rights_to_give(), &before, &set.granted)?;
        set.history.updated = parts.clock.now();
        update_rights_set(tx.conn(), &set).await?;
        by.sign(&parts, tx, Event::RightsSetChanged, &id.to_string()).await?;
        set
    })
}
