//! Organizations, roles, employees and rights sets: made and changed by administrators, and by whom their role or rights set
//! lets. Each change is one transaction, with its line in the audit record.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::granting::{connected, grants, hand, may_appoint, own_role};
use super::lists::{Way, employees_of, roles_of};
use crate::Parts;
use crate::audit::{About, record};
use crate::boxed;
use crate::condo_sessions::SidHash;
use crate::door::{self, Origin};
use domain::access::{Access, denied};
use domain::account::{Account, Email, Phone};
use domain::event::{Actor, Event};
use domain::filter::Filter;
use domain::ids::Subject;
use domain::organization::{Employee, Employment, Granted, History, Organization, PlacedRole, RightsSet, Role};
use domain::refusal::Refusal;
use domain::{Error, Result, name};
use store::Tx;
use store::organizations::{
    Listed, hold, insert, insert_employee, insert_rights_set, insert_role, update, update_employee, update_rights_set,
    update_role,
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

    fn try_apply<U>(self, field: &mut U, read: impl FnOnce(T) -> Result<U>) -> Result<()> {
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

/// What is to become of an employee.
#[derive(Clone, Debug, Default)]
pub struct EmployeeChange {
    /// As what: a role of the same organization.
    pub role: Change<Option<Uuid>>,
    /// The name that the organization uses.
    pub name: Change<Option<String>>,
    /// The e-mail address that the organization uses.
    pub email: Change<Option<String>>,
    /// The phone number that the organization uses.
    pub phone: Change<Option<String>>,
    /// Whether the user took the invitation; for administrators alone.
    pub is_accepted: Change<bool>,
    /// Whether the user refused it; for administrators alone.
    pub is_rejected: Change<bool>,
    /// Whether the organization keeps the user out.
    pub is_blocked: Change<bool>,
    /// Since when the user is none of the organization's.
    pub deleted: Change<Option<DateTime<Utc>>>,
}

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
async fn editable<R: Listed>(tx: &mut Tx, id: Uuid, all: bool, filter: Filter) -> Result<R> {
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

/// Makes a user an employee of an organization: administrators alone do, all others would invite.
#[boxed]
pub async fn create_employee(
    parts: &Arc<Parts>,
    by: Editor,
    organization: Uuid,
    subject: String,
    change: EmployeeChange,
) -> Result<Employee> {
    by.access.require_admin()?;
    let access = by.access.clone();
    let employment = change!(parts, |parts, tx| {
        let organization: Organization = connected(tx, organization, "organization").await?;
        let mut employment = Employment {
            id: parts.entropy.uuid(),
            organization: organization.id,
            subject: user_of(tx, subject).await?,
            role: None,
            name: None,
            email: None,
            phone: None,
            is_accepted: false,
            is_rejected: false,
            is_blocked: false,
            history: History::begun(parts.clock.now()),
        };
        change.write(tx, &mut employment).await?;
        insert_employee(tx.conn(), &employment).await.map_err(twice)?;
        by.sign(&parts, tx, Event::EmployeeChanged, &employment.id.to_string()).await?;
        employment
    })?;
    shown(parts, &access, employment).await
}

/// Changes an employee.
#[boxed]
pub async fn change_employee(parts: &Arc<Parts>, by: Editor, id: Uuid, change: EmployeeChange) -> Result<Employee> {
    let is_admins = !change.is_accepted.is_keep() || !change.is_rejected.is_keep();
    if is_admins {
        by.access.require_admin()?;
    }
    let access = by.access.clone();
    let employment = change!(parts, |parts, tx| {
        let all = by.access.is_staff() || by.access.require("canManageOrganizationEmployees").is_ok();
        let own = by.access.works_at("organization", Some("canManageEmployees"));
        let mut employment: Employment = editable(tx, id, all, own).await?;
        let before = employment.role;
        change.write(tx, &mut employment).await?;
        if employment.role != before {
            may_appoint(tx, &by.access, &employment, all).await?;
        }
        employment.history.updated = parts.clock.now();
        update_employee(tx.conn(), &employment).await.map_err(twice)?;
        by.sign(&parts, tx, Event::EmployeeChanged, &id.to_string()).await?;
        employment
    })?;
    shown(parts, &access, employment).await
}

impl EmployeeChange {
    async fn write(self, tx: &mut Tx, employment: &mut Employment) -> Result<()> {
        if let Change::To(Some(id)) = self.role {
            let role: Role = connected(tx, id, "role").await?;
            if role.organization != employment.organization {
                return Err(Error::input("role", "is of another organization"));
            }
        }
        self.role.apply(&mut employment.role);
        let name = |name: Option<String>| name::sent("name", name.as_deref());
        self.name.try_apply(&mut employment.name, name)?;
        let email = |text: Option<String>| {
            text.map(|text| Email::parse(&text).map(|email| email.as_str().to_owned())).transpose()
        };
        self.email.try_apply(&mut employment.email, email)?;
        let phone = |text: Option<String>| {
            text.map(|text| Phone::parse(&text).map(|phone| phone.as_str().to_owned())).transpose()
        };
        self.phone.try_apply(&mut employment.phone, phone)?;
        self.is_accepted.apply(&mut employment.is_accepted);
        self.is_rejected.apply(&mut employment.is_rejected);
        self.is_blocked.apply(&mut employment.is_blocked);
        self.deleted.apply(&mut employment.history.deleted);
        Ok(())
    }
}

async fn user_of(tx: &mut Tx, subject: String) -> Result<Subject> {
    let missing = || Error::input("user", "is not there");
    let subject = Subject::parse(subject).map_err(|_malformed| missing())?;
    store::accounts::hold(tx.conn(), &subject).await?;
    let found = store::accounts::find(tx.conn(), &subject).await?;
    found.filter(Account::may_sign_in).map(|account| account.subject).ok_or_else(missing)
}

fn twice(error: Error) -> Error {
    match error {
        Error::AlreadyLinked => Error::refused(Refusal::Invalid {
            message: "[unique:alreadyExists] the user is an employee of the organization already".to_owned(),
        }),
        other => other,
    }
}

async fn shown(parts: &Parts, access: &Access, employment: Employment) -> Result<Employee> {
    let shown = employees_of(Way::Point(parts), access, vec![employment]).await?.pop();
    shown.ok_or_else(|| Error::internal("an employee that was just written is gone"))
}
