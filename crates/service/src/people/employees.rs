//! Employees: made by administrators, and changed by whom their role or rights set lets.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::changes::{Change, Editor, change, editable};
use super::granting::{connected, may_appoint};
use super::lists::{Way, employees_of};
use crate::{Parts, boxed};
use domain::access::Access;
use domain::account::{Account, Email, Phone};
use domain::event::Event;
use domain::ids::Subject;
use domain::organization::{Employee, Employment, History, Organization, Role};
use domain::refusal::Refusal;
use domain::{Error, Result, name};
use store::Tx;
use store::organizations::{insert_employee, update_employee};

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
