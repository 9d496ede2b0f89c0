//! Lists of records: what is asked for, of what whoever asks may see.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::domain::filter::{Filter, Page, Table, Value};
use crate::domain::organization::{Employee, Granted, History, Organization, RightsSet, Role};
use crate::domain::points;
use crate::domain::user::User;
use crate::domain::{Error, Result};
use crate::service::access::Access;
use crate::service::{Parts, accounts, caller_sized};
use crate::store::accounts::AccountRow;
use crate::store::organizations::{EmployeeRow, Listed, OrganizationRow, RightsSetRow, RoleRow, list};
use crate::store::{self, Lists};

/// The most conditions of a filter: a database compiles each.
const MOST_CONDITIONS: usize = 200;

/// What is wrong with a `where` that has more.
pub fn too_many_conditions() -> String {
    format!("has more than {MOST_CONDITIONS} conditions")
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Which records.
    pub filter: Filter,
    /// Which page of them.
    pub page: Page,
}

/// What a list of `table` shows: what is asked for and may be seen. Deleted records only if they are asked for.
pub(super) fn shown(access: &Access, table: Table, wanted: Filter) -> Result<Filter> {
    if wanted.size() > MOST_CONDITIONS {
        return Err(Error::input("where", too_many_conditions()));
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

/// What is to be read for a list, and what it costs.
fn list_of<R: Listed>(access: &Access, wanted: Wanted) -> Result<(usize, Wanted)> {
    access.may_order(R::TABLE, &wanted.page)?;
    let points = points::of(&wanted.filter, Some(&wanted.page));
    let filter = shown(access, R::TABLE, wanted.filter)?;
    Ok((points, Wanted { filter, page: wanted.page }))
}

async fn rows_of<R: Listed>(parts: &Arc<Parts>, access: &Access, wanted: Wanted) -> Result<Vec<R>> {
    let (points, Wanted { filter, page }) = list_of::<R>(access, wanted)?;
    caller_sized::read(parts, &access.user.id, points, async move |mut lists| lists.list(&filter, &page).await).await
}

/// How many records of `table` there are of what is asked for.
pub async fn count(parts: &Arc<Parts>, access: &Access, table: Table, wanted: Filter) -> Result<i64> {
    let points = points::of(&wanted, None);
    let filter = shown(access, table, wanted)?;
    caller_sized::read(parts, &access.user.id, points, async move |mut lists| lists.count(table, &filter).await).await
}

/// Users.
pub async fn users(parts: &Arc<Parts>, access: &Access, wanted: Wanted) -> Result<Vec<User>> {
    let rows: Vec<AccountRow> = rows_of(parts, access, wanted).await?;
    rows.into_iter().map(accounts::user).collect()
}

/// Organizations.
pub async fn organizations(parts: &Arc<Parts>, access: &Access, wanted: Wanted) -> Result<Vec<Organization>> {
    let rows: Vec<OrganizationRow> = rows_of(parts, access, wanted).await?;
    Ok(rows.into_iter().map(organization_of).collect())
}

/// Roles.
pub async fn roles(parts: &Arc<Parts>, access: &Access, wanted: Wanted) -> Result<Vec<Role>> {
    let rows: Vec<RoleRow> = rows_of(parts, access, wanted).await?;
    Ok(rows.into_iter().map(role_of).collect())
}

/// Rights sets.
pub async fn rights_sets(parts: &Arc<Parts>, access: &Access, wanted: Wanted) -> Result<Vec<RightsSet>> {
    let rows: Vec<RightsSetRow> = rows_of(parts, access, wanted).await?;
    Ok(rows.into_iter().map(rights_set_of).collect())
}

/// The rights set with this id, if whoever asks may see it: a point read. A list of a thousand users may ask for as many, so it
/// costs a point where there is anything to see.
pub async fn rights_set(parts: &Parts, access: &Access, id: uuid::Uuid) -> Result<Option<RightsSet>> {
    caller_sized::charge(parts, &access.user.id, 1)?;
    let filter = shown(access, Table::RightsSets, Filter::is("id", Value::Id(id)))?;
    let rows: Vec<RightsSetRow> = store::read!(parts.store, |conn| list(conn, &filter, &Page::default()))?;
    Ok(rows.into_iter().map(rights_set_of).next())
}

/// Employees, each with the organization, the user and the role, as far as whoever asks may see them.
pub async fn employees(parts: &Arc<Parts>, access: &Access, wanted: Wanted) -> Result<Vec<Employee>> {
    let (points, Wanted { filter, page }) = list_of::<EmployeeRow>(access, wanted)?;
    let own = access.clone();
    let read = async move |mut lists: Lists| {
        let rows = lists.list(&filter, &page).await?;
        employees_of(Way::Lists(lists), &own, rows).await
    };
    caller_sized::read(parts, &access.user.id, points, read).await
}

/// The way that records are read which belong to others.
pub(super) enum Way<'a> {
    /// To some of one record: point reads.
    Point(&'a Parts),
    /// To those of a list: as the list, in its time.
    Lists(Lists),
}

impl Way<'_> {
    async fn rows<R: Listed>(&mut self, access: &Access, filter: Filter) -> Result<Vec<R>> {
        let (filter, page) = (shown(access, R::TABLE, filter)?, Page::default());
        match self {
            Self::Point(parts) => store::read!(parts.store, |conn| list(conn, &filter, &page)),
            Self::Lists(lists) => lists.list(&filter, &page).await,
        }
    }

    /// Of these records those that may be seen; one statement for all.
    async fn related<R: Listed>(&mut self, access: &Access, ids: BTreeSet<uuid::Uuid>) -> Result<Vec<R>> {
        self.rows(access, Filter::OneOf("id", ids.into_iter().map(Value::Id).collect())).await
    }
}

pub(super) async fn employees_of(mut way: Way<'_>, access: &Access, rows: Vec<EmployeeRow>) -> Result<Vec<Employee>> {
    let ids =
        |of: fn(&EmployeeRow) -> Option<uuid::Uuid>| -> BTreeSet<uuid::Uuid> { rows.iter().filter_map(of).collect() };
    let organizations = way.related::<OrganizationRow>(access, ids(|row| Some(row.organization.0))).await?;
    let organizations: BTreeMap<_, _> = organizations.into_iter().map(|row| (row.id.0, organization_of(row))).collect();
    let roles = way.related::<RoleRow>(access, ids(|row| row.role.map(|id| id.0))).await?;
    let roles: BTreeMap<_, _> = roles.into_iter().map(|row| (row.id.0, role_of(row))).collect();
    let subjects: BTreeSet<String> = rows.iter().map(|row| row.subject.clone()).collect();
    let of_users = Filter::OneOf("subject", subjects.into_iter().map(Value::Text).collect());
    let users = way.rows::<AccountRow>(access, of_users).await?;
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
