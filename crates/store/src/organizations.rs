//! Organizations, what their employees may do, and who is one; rights sets. A user works once for each: a unique index.

mod row;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use diesel_async::RunQueryDsl;

use super::accounts::AccountRow;
use super::conn::{Conn, hold_name, on};
use super::error::{lift, violated};
use super::filter::{How, Statement};
use super::schema::{accounts, employee_roles, employees, organizations, rights_sets};
use super::types::Uuid;
use domain::account::Account;
use domain::filter::{Filter, Page, Table, Value};
use domain::organization::{Employment, Organization, RightsSet, Role};
use domain::{Error, Result};

pub(crate) use row::{EmployeeRow, OrganizationRow, RightsSetRow, RoleRow};

/// A record of a table that is listed by filter.
pub trait Listed: Sized + Send + 'static {
    /// Which table.
    const TABLE: Table;
    /// As the database holds it.
    type Row: QueryableByName<Sqlite> + QueryableByName<Pg> + TryInto<Self, Error = Error> + Send + 'static;
}

impl Listed for Account {
    const TABLE: Table = Table::Accounts;
    type Row = AccountRow;
}

impl Listed for Organization {
    const TABLE: Table = Table::Organizations;
    type Row = OrganizationRow;
}

impl Listed for Role {
    const TABLE: Table = Table::EmployeeRoles;
    type Row = RoleRow;
}

impl Listed for Employment {
    const TABLE: Table = Table::Employees;
    type Row = EmployeeRow;
}

impl Listed for RightsSet {
    const TABLE: Table = Table::RightsSets;
    type Row = RightsSetRow;
}

/// The records of these rows.
pub(super) fn read<R: Listed>(rows: Vec<R::Row>) -> Result<Vec<R>> {
    rows.into_iter().map(TryInto::try_into).collect()
}

/// The records that a filter of our own shows, a page of them, in order; those of a caller's are for [`super::Lists`].
pub async fn list<R: Listed>(conn: &mut Conn, filter: &Filter, page: &Page) -> Result<Vec<R>> {
    let how = if conn.is_sqlite() { How::Sqlite(None) } else { How::Postgres };
    let statement = || Statement::list(R::TABLE, filter, page, how);
    read(on!(conn, |c| statement().query(c).load::<R::Row>(c)).map_err(lift)?)
}

/// The record with this id that the filter shows, held until the transaction ends: nobody else changes it meanwhile.
pub async fn hold<R: Listed>(conn: &mut Conn, id: uuid::Uuid, filter: Filter) -> Result<Option<R>> {
    hold_name(conn, &id.to_string()).await?;
    let one = Filter::All(vec![Filter::is("id", Value::Id(id)), filter]);
    Ok(list(conn, &one, &Page::default()).await?.pop())
}

/// Stores a new organization.
pub async fn insert(conn: &mut Conn, organization: &Organization) -> Result<()> {
    let row = &OrganizationRow::from(organization);
    on!(conn, |c| diesel::insert_into(organizations::table).values(row).execute(c)).map_err(lift)?;
    Ok(())
}

/// Writes an organization anew.
pub async fn update(conn: &mut Conn, organization: &Organization) -> Result<()> {
    let row = &OrganizationRow::from(organization);
    on!(conn, |c| diesel::update(organizations::table.find(Uuid(organization.id))).set(row).execute(c))
        .map_err(lift)?;
    Ok(())
}

/// Stores a new role.
pub async fn insert_role(conn: &mut Conn, role: &Role) -> Result<()> {
    let row = &RoleRow::from(role);
    on!(conn, |c| diesel::insert_into(employee_roles::table).values(row).execute(c)).map_err(lift)?;
    Ok(())
}

/// Writes a role anew.
pub async fn update_role(conn: &mut Conn, role: &Role) -> Result<()> {
    let row = &RoleRow::from(role);
    on!(conn, |c| diesel::update(employee_roles::table.find(Uuid(role.id))).set(row).execute(c)).map_err(lift)?;
    Ok(())
}

/// Stores a new employee; [`Error::AlreadyLinked`] if the user is one of the organization already.
pub async fn insert_employee(conn: &mut Conn, employment: &Employment) -> Result<()> {
    let row = &EmployeeRow::from(employment);
    once(on!(conn, |c| diesel::insert_into(employees::table).values(row).execute(c)))
}

/// Writes an employee anew; [`Error::AlreadyLinked`] as at [`insert_employee`], if a deleted one is to be one again.
pub async fn update_employee(conn: &mut Conn, employment: &Employment) -> Result<()> {
    let row = &EmployeeRow::from(employment);
    once(on!(conn, |c| diesel::update(employees::table.find(Uuid(employment.id))).set(row).execute(c)))
}

fn once(written: QueryResult<usize>) -> Result<()> {
    match written {
        Ok(_) => Ok(()),
        // Postgres names the index, SQLite its columns.
        Err(error)
            if violated(&error).is_some_and(|what| what.contains("employees_once") || what.contains("subject")) =>
        {
            Err(Error::AlreadyLinked)
        }
        Err(error) => Err(lift(error)),
    }
}

/// Stores a new rights set.
pub async fn insert_rights_set(conn: &mut Conn, set: &RightsSet) -> Result<()> {
    let row = &RightsSetRow::from(set);
    on!(conn, |c| diesel::insert_into(rights_sets::table).values(row).execute(c)).map_err(lift)?;
    Ok(())
}

/// Writes a rights set anew; one that is deleted is taken from everybody who had it.
pub async fn update_rights_set(conn: &mut Conn, set: &RightsSet) -> Result<()> {
    let row = &RightsSetRow::from(set);
    on!(conn, |c| diesel::update(rights_sets::table.find(Uuid(set.id))).set(row).execute(c)).map_err(lift)?;
    if set.history.deleted.is_some() {
        let holders = accounts::table.filter(accounts::rights_set.eq(Uuid(set.id)));
        let none: Option<Uuid> = None;
        on!(conn, |c| diesel::update(holders).set(accounts::rights_set.eq(none)).execute(c)).map_err(lift)?;
    }
    Ok(())
}
