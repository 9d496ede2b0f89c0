//! Lists of records: what is asked for, of what whoever asks may see.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::filter::{Filter, Page, Table, Value};
use crate::domain::organization::{Employee, Granted, History, Organization, RightsSet, Role};
use crate::domain::user::User;
use crate::domain::{Error, Result};
use crate::service::access::Access;
use crate::service::{Parts, accounts};
use crate::store::accounts::AccountRow;
use crate::store::organizations::{EmployeeRow, Listed, OrganizationRow, RightsSetRow, RoleRow, list};
use crate::store::{self, organizations as rows};

/// The most conditions of a filter: a database compiles each.
const MOST_CONDITIONS: usize = 200;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Which records.
    pub filter: Filter,
    /// Which page of them.
    pub page: Page,
}

/// What a list of `table` shows: what is asked for and may be seen. Deleted records only if they are asked for.
fn shown(access: &Access, table: Table, wanted: Filter) -> Result<Filter> {
    if wanted.size() > MOST_CONDITIONS {
        return Err(Error::input("where", format!("has more than {MOST_CONDITIONS} conditions")));
    }
    access.may_ask(table, &wanted)?;
    let seen = |table| match table {
        Table::Accounts => access.users(),
        Table::Organizations => access.organizations(),
        Table::Employees => access.employees(),
        Table::EmployeeRoles => access.roles(),
        Table::RightsSets => access.rights_sets(),
    };
    let deleted = if table == Table::Accounts { "disabled_at" } else { "deleted_at" };
    let of_deleted = wanted.names(table, table, &[deleted]);
    let mut all = vec![wanted.within(&seen), seen(table)];
    if !of_deleted {
        all.push(Filter::Absent(deleted));
    }
    Ok(Filter::All(all))
}

async fn rows_of<R: Listed>(parts: &Parts, access: &Access, wanted: Wanted) -> Result<Vec<R>> {
    access.may_order(R::TABLE, &wanted.page)?;
    let filter = shown(access, R::TABLE, wanted.filter)?;
    store::read!(parts.store, |conn| list(conn, &filter, &wanted.page))
}

/// How many records of `table` there are of what is asked for.
pub async fn count(parts: &Parts, access: &Access, table: Table, wanted: Filter) -> Result<i64> {
    let filter = shown(access, table, wanted)?;
    store::read!(parts.store, |conn| rows::count(conn, table, &filter))
}

/// Users.
pub async fn users(parts: &Parts, access: &Access, wanted: Wanted) -> Result<Vec<User>> {
    let rows: Vec<AccountRow> = rows_of(parts, access, wanted).await?;
    rows.into_iter().map(accounts::user).collect()
}

/// Organizations.
pub async fn organizations(parts: &Parts, access: &Access, wanted: Wanted) -> Result<Vec<Organization>> {
    let rows: Vec<OrganizationRow> = rows_of(parts, access, wanted).await?;
    Ok(rows.into_iter().map(organization_of).collect())
}

/// Roles.
pub async fn roles(parts: &Parts, access: &Access, wanted: Wanted) -> Result<Vec<Role>> {
    let rows: Vec<RoleRow> = rows_of(parts, access, wanted).await?;
    Ok(rows.into_iter().map(role_of).collect())
}

/// Rights sets.
pub async fn rights_sets(parts: &Parts, access: &Access, wanted: Wanted) -> Result<Vec<RightsSet>> {
    let rows: Vec<RightsSetRow> = rows_of(parts, access, wanted).await?;
    Ok(rows.into_iter().map(rights_set_of).collect())
}

/// The rights set with this id, if whoever asks may see it.
pub async fn rights_set(parts: &Parts, access: &Access, id: uuid::Uuid) -> Result<Option<RightsSet>> {
    let wanted = Wanted { filter: Filter::is("id", Value::Id(id)), page: Page::default() };
    Ok(rights_sets(parts, access, wanted).await?.pop())
}

/// Employees, each with the organization, the user and the role, as far as whoever asks may see them.
pub async fn employees(parts: &Parts, access: &Access, wanted: Wanted) -> Result<Vec<Employee>> {
    let rows: Vec<EmployeeRow> = rows_of(parts, access, wanted).await?;
    employees_of(parts, access, rows).await
}

pub(super) async fn employees_of(parts: &Parts, access: &Access, rows: Vec<EmployeeRow>) -> Result<Vec<Employee>> {
    let ids =
        |of: fn(&EmployeeRow) -> Option<uuid::Uuid>| -> BTreeSet<uuid::Uuid> { rows.iter().filter_map(of).collect() };
    let organizations = related::<OrganizationRow>(parts, access, ids(|row| Some(row.organization.0))).await?;
    let organizations: BTreeMap<_, _> = organizations.into_iter().map(|row| (row.id.0, organization_of(row))).collect();
    let roles = related::<RoleRow>(parts, access, ids(|row| row.role.map(|id| id.0))).await?;
    let roles: BTreeMap<_, _> = roles.into_iter().map(|row| (row.id.0, role_of(row))).collect();
    let subjects: BTreeSet<String> = rows.iter().map(|row| row.subject.clone()).collect();
    let of_users = Filter::OneOf("subject", subjects.into_iter().map(Value::Text).collect());
    let users = rows_of::<AccountRow>(parts, access, Wanted { filter: of_users, page: Page::default() }).await?;
    let users: BTreeMap<_, _> =
        users.into_iter().map(|row| Ok((row.subject.clone(), accounts::user(row)?))).collect::<Result<_>>()?;
    let employee = |row: EmployeeRow| Employee {
        id: row.id.0,
        organization: (row.organization.0, organizations.get(&row.organization.0).cloned()),
        user: (row.subject.clone(), users.get(&row.subject).cloned()),
        role: row.role.map(|id| (id.0, roles.get(&id.0).cloned())),
        name: row.name,
        email: row.email,
        phone: row.phone,
        is_accepted: row.is_accepted,
        is_rejected: row.is_rejected,
        is_blocked: row.is_blocked,
        history: history(row.created, row.updated, row.deleted_at),
    };
    Ok(rows.into_iter().map(employee).collect())
}

/// Of these records those that may be seen; one statement for all.
async fn related<R: Listed>(parts: &Parts, access: &Access, ids: BTreeSet<uuid::Uuid>) -> Result<Vec<R>> {
    let filter = Filter::OneOf("id", ids.into_iter().map(Value::Id).collect());
    rows_of(parts, access, Wanted { filter, page: Page::default() }).await
}

fn history(created: store::At, updated: store::At, deleted: Option<store::At>) -> History {
    History { created: created.0, updated: updated.0, deleted: deleted.map(|at| at.0) }
}

pub(super) fn organization_of(row: OrganizationRow) -> Organization {
    Organization { id: row.id.0, name: row.name, history: history(row.created, row.updated, row.deleted_at) }
}

pub(super) fn role_of(row: RoleRow) -> Role {
    Role {
        id: row.id.0,
        organization: row.organization.0,
        name: row.name,
        granted: Granted::parse(&row.granted),
        history: history(row.created, row.updated, row.deleted_at),
    }
}

pub(super) fn rights_set_of(row: RightsSetRow) -> RightsSet {
    RightsSet {
        id: row.id.0,
        name: row.name,
        granted: Granted::parse(&row.granted),
        history: history(row.created, row.updated, row.deleted_at),
    }
}
