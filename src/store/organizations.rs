//! Organizations, what their employees may do, and who is one; rights sets. A user works once for each: a unique index.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use diesel_async::RunQueryDsl;

use super::accounts::AccountRow;
use super::conn::{Conn, hold_name, on};
use super::error::{lift, violated};
use super::filter::{How, Statement};
use super::schema::{accounts, employee_roles, employees, organizations, rights_sets};
use super::types::{At, Uuid};
use crate::domain::filter::{Filter, Page, Table, Value};
use crate::domain::{Error, Result};

/// An organization's row.
#[derive(Clone, Debug, QueryableByName, Insertable, AsChangeset)]
#[diesel(table_name = organizations, treat_none_as_null = true)]
pub(crate) struct OrganizationRow {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) created: At,
    pub(crate) updated: At,
    pub(crate) deleted_at: Option<At>,
}

/// A role's row.
#[derive(Clone, Debug, QueryableByName, Insertable, AsChangeset)]
#[diesel(table_name = employee_roles, treat_none_as_null = true)]
pub(crate) struct RoleRow {
    pub(crate) id: Uuid,
    pub(crate) organization: Uuid,
    pub(crate) name: String,
    pub(crate) granted: String,
    pub(crate) created: At,
    pub(crate) updated: At,
    pub(crate) deleted_at: Option<At>,
}

/// An employee's row.
#[derive(Clone, Debug, QueryableByName, Insertable, AsChangeset)]
#[diesel(table_name = employees, treat_none_as_null = true)]
pub(crate) struct EmployeeRow {
    pub(crate) id: Uuid,
    pub(crate) organization: Uuid,
    pub(crate) subject: String,
    pub(crate) role: Option<Uuid>,
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) phone: Option<String>,
    pub(crate) is_accepted: bool,
    pub(crate) is_rejected: bool,
    pub(crate) is_blocked: bool,
    pub(crate) created: At,
    pub(crate) updated: At,
    pub(crate) deleted_at: Option<At>,
}

/// A rights set's row.
#[derive(Clone, Debug, QueryableByName, Insertable, AsChangeset)]
#[diesel(table_name = rights_sets, treat_none_as_null = true)]
pub(crate) struct RightsSetRow {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) granted: String,
    pub(crate) created: At,
    pub(crate) updated: At,
    pub(crate) deleted_at: Option<At>,
}

/// A row of a table that is listed by filter.
pub(crate) trait Listed: QueryableByName<Sqlite> + QueryableByName<Pg> + Send + 'static {
    /// Which table.
    const TABLE: Table;
}

impl Listed for AccountRow {
    const TABLE: Table = Table::Accounts;
}

impl Listed for OrganizationRow {
    const TABLE: Table = Table::Organizations;
}

impl Listed for RoleRow {
    const TABLE: Table = Table::EmployeeRoles;
}

impl Listed for EmployeeRow {
    const TABLE: Table = Table::Employees;
}

impl Listed for RightsSetRow {
    const TABLE: Table = Table::RightsSets;
}

/// The records that a filter of our own shows, a page of them, in order; those of a caller's are for [`super::Lists`].
pub(crate) async fn list<R: Listed>(conn: &mut Conn, filter: &Filter, page: &Page) -> Result<Vec<R>> {
    let how = if conn.is_sqlite() { How::Sqlite(None) } else { How::Postgres };
    let statement = || Statement::list(R::TABLE, filter, page, how);
    on!(conn, |c| statement().query(c).load::<R>(c)).map_err(lift)
}

/// The record with this id that the filter shows, held until the transaction ends: nobody else changes it meanwhile.
pub(crate) async fn hold<R: Listed>(conn: &mut Conn, id: uuid::Uuid, filter: Filter) -> Result<Option<R>> {
    hold_name(conn, &id.to_string()).await?;
    let one = Filter::All(vec![Filter::is("id", Value::Id(id)), filter]);
    Ok(list(conn, &one, &Page::default()).await?.pop())
}

/// Stores a new organization.
pub(crate) async fn insert(conn: &mut Conn, row: &OrganizationRow) -> Result<()> {
    on!(conn, |c| diesel::insert_into(organizations::table).values(row).execute(c)).map_err(lift)?;
    Ok(())
}

/// Writes an organization anew.
pub(crate) async fn update(conn: &mut Conn, row: &OrganizationRow) -> Result<()> {
    on!(conn, |c| diesel::update(organizations::table.find(row.id)).set(row).execute(c)).map_err(lift)?;
    Ok(())
}

/// Stores a new role.
pub(crate) async fn insert_role(conn: &mut Conn, row: &RoleRow) -> Result<()> {
    on!(conn, |c| diesel::insert_into(employee_roles::table).values(row).execute(c)).map_err(lift)?;
    Ok(())
}

/// Writes a role anew.
pub(crate) async fn update_role(conn: &mut Conn, row: &RoleRow) -> Result<()> {
    on!(conn, |c| diesel::update(employee_roles::table.find(row.id)).set(row).execute(c)).map_err(lift)?;
    Ok(())
}

/// Stores a new employee; [`Error::AlreadyLinked`] if the user is one of the organization already.
pub(crate) async fn insert_employee(conn: &mut Conn, row: &EmployeeRow) -> Result<()> {
    once(on!(conn, |c| diesel::insert_into(employees::table).values(row).execute(c)))
}

/// Writes an employee anew; [`Error::AlreadyLinked`] as at [`insert_employee`], if a deleted one is to be one again.
pub(crate) async fn update_employee(conn: &mut Conn, row: &EmployeeRow) -> Result<()> {
    once(on!(conn, |c| diesel::update(employees::table.find(row.id)).set(row).execute(c)))
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
pub(crate) async fn insert_rights_set(conn: &mut Conn, row: &RightsSetRow) -> Result<()> {
    on!(conn, |c| diesel::insert_into(rights_sets::table).values(row).execute(c)).map_err(lift)?;
    Ok(())
}

/// Writes a rights set anew; one that is deleted is taken from everybody who had it.
pub(crate) async fn update_rights_set(conn: &mut Conn, row: &RightsSetRow) -> Result<()> {
    on!(conn, |c| diesel::update(rights_sets::table.find(row.id)).set(row).execute(c)).map_err(lift)?;
    if row.deleted_at.is_some() {
        let holders = accounts::table.filter(accounts::rights_set.eq(row.id));
        let none: Option<Uuid> = None;
        on!(conn, |c| diesel::update(holders).set(accounts::rights_set.eq(none)).execute(c)).map_err(lift)?;
    }
    Ok(())
}
