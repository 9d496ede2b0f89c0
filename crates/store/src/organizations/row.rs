//! Organizations and what belongs to them, as the database holds it.

use diesel::prelude::*;

use crate::error::unreadable;
use crate::schema::{employee_roles, employees, organizations, rights_sets};
use crate::types::{At, Uuid};
use domain::ids::Subject;
use domain::organization::{Employment, Granted, History, Organization, RightsSet, Role};
use domain::{Error, Result};

/// An organization's row.
#[derive(Queryable, QueryableByName, Insertable, AsChangeset)]
#[diesel(table_name = organizations, treat_none_as_null = true)]
pub struct OrganizationRow {
    id: Uuid,
    name: String,
    created: At,
    updated: At,
    deleted_at: Option<At>,
}

/// A role's row.
#[derive(Queryable, QueryableByName, Insertable, AsChangeset)]
#[diesel(table_name = employee_roles, treat_none_as_null = true)]
pub struct RoleRow {
    id: Uuid,
    organization: Uuid,
    name: String,
    granted: String,
    created: At,
    updated: At,
    deleted_at: Option<At>,
}

/// An employee's row.
#[derive(Queryable, QueryableByName, Insertable, AsChangeset)]
#[diesel(table_name = employees, treat_none_as_null = true)]
pub struct EmployeeRow {
    id: Uuid,
    organization: Uuid,
    subject: String,
    role: Option<Uuid>,
    name: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    is_accepted: bool,
    is_rejected: bool,
    is_blocked: bool,
    created: At,
    updated: At,
    deleted_at: Option<At>,
}

/// A rights set's row.
#[derive(Queryable, QueryableByName, Insertable, AsChangeset)]
#[diesel(table_name = rights_sets, treat_none_as_null = true)]
pub struct RightsSetRow {
    id: Uuid,
    name: String,
    granted: String,
    created: At,
    updated: At,
    deleted_at: Option<At>,
}

fn history(created: At, updated: At, deleted: Option<At>) -> History {
    History { created: created.0, updated: updated.0, deleted: deleted.map(|at| at.0) }
}

impl TryFrom<OrganizationRow> for Organization {
    type Error = Error;

    fn try_from(row: OrganizationRow) -> Result<Self> {
        let history = history(row.created, row.updated, row.deleted_at);
        Ok(Self { id: row.id.0, name: row.name, history })
    }
}

impl From<&Organization> for OrganizationRow {
    fn from(organization: &Organization) -> Self {
        let History { created, updated, deleted } = organization.history;
        Self {
            id: Uuid(organization.id),
            name: organization.name.clone(),
            created: At(created),
            updated: At(updated),
            deleted_at: deleted.map(At),
        }
    }
}

impl TryFrom<RoleRow> for Role {
    type Error = Error;

    fn try_from(row: RoleRow) -> Result<Self> {
        Ok(Self {
            id: row.id.0,
            organization: row.organization.0,
            name: row.name,
            granted: Granted::parse(&row.granted),
            history: history(row.created, row.updated, row.deleted_at),
        })
    }
}

impl From<&Role> for RoleRow {
    fn from(role: &Role) -> Self {
        let History { created, updated, deleted } = role.history;
        Self {
            id: Uuid(role.id),
            organization: Uuid(role.organization),
            name: role.name.clone(),
            granted: role.granted.stored(),
            created: At(created),
            updated: At(updated),
            deleted_at: deleted.map(At),
        }
    }
}

impl TryFrom<RightsSetRow> for RightsSet {
    type Error = Error;

    fn try_from(row: RightsSetRow) -> Result<Self> {
        Ok(Self {
            id: row.id.0,
            name: row.name,
            granted: Granted::parse(&row.granted),
            history: history(row.created, row.updated, row.deleted_at),
        })
    }
}

impl From<&RightsSet> for RightsSetRow {
    fn from(set: &RightsSet) -> Self {
        let History { created, updated, deleted } = set.history;
        Self {
            id: Uuid(set.id),
            name: set.name.clone(),
            granted: set.granted.stored(),
            created: At(created),
            updated: At(updated),
            deleted_at: deleted.map(At),
        }
    }
}

impl TryFrom<EmployeeRow> for Employment {
    type Error = Error;

    fn try_from(row: EmployeeRow) -> Result<Self> {
        Ok(Self {
            id: row.id.0,
            organization: row.organization.0,
            subject: Subject::parse(row.subject).map_err(|_malformed| unreadable("employees", "subject"))?,
            role: row.role.map(|id| id.0),
            name: row.name,
            email: row.email,
            phone: row.phone,
            is_accepted: row.is_accepted,
            is_rejected: row.is_rejected,
            is_blocked: row.is_blocked,
            history: history(row.created, row.updated, row.deleted_at),
        })
    }
}

impl From<&Employment> for EmployeeRow {
    fn from(employment: &Employment) -> Self {
        let History { created, updated, deleted } = employment.history;
        Self {
            id: Uuid(employment.id),
            organization: Uuid(employment.organization),
            subject: employment.subject.as_str().to_owned(),
            role: employment.role.map(Uuid),
            name: employment.name.clone(),
            email: employment.email.clone(),
            phone: employment.phone.clone(),
            is_accepted: employment.is_accepted,
            is_rejected: employment.is_rejected,
            is_blocked: employment.is_blocked,
            created: At(created),
            updated: At(updated),
            deleted_at: deleted.map(At),
        }
    }
}
