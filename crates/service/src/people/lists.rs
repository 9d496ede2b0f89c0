//! Lists of records: the requested ones among those visible to the caller.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::{Parts, boxed, paid};
use domain::Result;
use domain::access::Access;
use domain::account::Account;
use domain::filter::{Filter, Page, Table, Value};
use domain::organization::{Employee, Employment, Organization, PlacedRole, RightsSet, Role};
use domain::points;
use domain::user::User;
use store::organizations::{Listed, list};
use store::{self, Lists};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Which records.
    pub filter: Filter,
    /// Which page of them.
    pub page: Page,
}

/// What is to be read for a list, and what it costs.
fn list_of<R: Listed>(access: &Access, wanted: Wanted) -> Result<(usize, Wanted)> {
    access.may_order(R::TABLE, &wanted.page)?;
    let points = points::of(&wanted.filter, Some(&wanted.page));
    let filter = access.shown(R::TABLE, wanted.filter)?;
    Ok((points, Wanted { filter, page: wanted.page }))
}

async fn found<R: Listed>(parts: &Arc<Parts>, access: &Access, wanted: Wanted) -> Result<Vec<R>> {
    let (points, Wanted { filter, page }) = list_of::<R>(access, wanted)?;
    paid::read(parts, &access.user.id, points, async move |mut lists| lists.list(&filter, &page).await).await
}

/// How many records of `table` there are of what is asked for.
#[boxed]
pub async fn count(parts: &Arc<Parts>, access: &Access, table: Table, wanted: Filter) -> Result<i64> {
    let points = points::of(&wanted, None);
    let filter = access.shown(table, wanted)?;
    paid::read(parts, &access.user.id, points, async move |mut lists| lists.count(table, &filter).await).await
}

/// Users.
#[boxed]
pub async fn users(parts: &Arc<Parts>, access: &Access, wanted: Wanted) -> Result<Vec<User>> {
    let accounts: Vec<Account> = found(parts, access, wanted).await?;
    Ok(accounts.into_iter().map(User::from).collect())
}

/// Organizations.
#[boxed]
pub async fn organizations(parts: &Arc<Parts>, access: &Access, wanted: Wanted) -> Result<Vec<Organization>> {
    found(parts, access, wanted).await
}

/// Roles, each with its organization as far as the caller may see it.
#[boxed]
pub async fn roles(parts: &Arc<Parts>, access: &Access, wanted: Wanted) -> Result<Vec<PlacedRole>> {
    let (points, Wanted { filter, page }) = list_of::<Role>(access, wanted)?;
    let own = access.clone();
    let read = async move |mut lists: Lists| {
        let found = lists.list(&filter, &page).await?;
        roles_of(Way::Lists(lists), &own, found).await
    };
    paid::read(parts, &access.user.id, points, read).await
}

/// Rights sets.
#[boxed]
pub async fn rights_sets(parts: &Arc<Parts>, access: &Access, wanted: Wanted) -> Result<Vec<RightsSet>> {
    found(parts, access, wanted).await
}

/// The rights set with this id, if whoever asks may see it: a point read. A list of a thousand users may ask for as many, so it
/// costs a point where there is anything to see.
#[boxed]
pub async fn rights_set(parts: &Parts, access: &Access, id: uuid::Uuid) -> Result<Option<RightsSet>> {
    paid::charge(parts, &access.user.id, 1)?;
    let filter = access.shown(Table::RightsSets, Filter::is("id", Value::Id(id)))?;
    let found: Vec<RightsSet> = store::read!(parts.store, |conn| list(conn, &filter, &Page::default()))?;
    Ok(found.into_iter().next())
}

/// Employees, each with its organization, user and role as far as the caller may see them.
#[boxed]
pub async fn employees(parts: &Arc<Parts>, access: &Access, wanted: Wanted) -> Result<Vec<Employee>> {
    let (points, Wanted { filter, page }) = list_of::<Employment>(access, wanted)?;
    let own = access.clone();
    let read = async move |mut lists: Lists| {
        let found = lists.list(&filter, &page).await?;
        employees_of(Way::Lists(lists), &own, found).await
    };
    paid::read(parts, &access.user.id, points, read).await
}

/// The way that records are read which belong to others.
pub(super) enum Way<'a> {
    /// To some of one record: point reads.
    Point(&'a Parts),
    /// To those of a list: as the list, in its time.
    Lists(Lists),
}

impl Way<'_> {
    async fn list<R: Listed>(&mut self, access: &Access, filter: Filter) -> Result<Vec<R>> {
        let (filter, page) = (access.shown(R::TABLE, filter)?, Page::default());
        match self {
            Self::Point(parts) => store::read!(parts.store, |conn| list(conn, &filter, &page)),
            Self::Lists(lists) => lists.list(&filter, &page).await,
        }
    }

    /// Of these records those that may be seen; one statement for all.
    async fn related<R: Listed>(&mut self, access: &Access, ids: BTreeSet<uuid::Uuid>) -> Result<Vec<R>> {
        self.list(access, Filter::OneOf("id", ids.into_iter().map(Value::Id).collect())).await
    }
}

/// Of these organizations those that may be seen, by their ids.
async fn organizations_of(
    way: &mut Way<'_>,
    access: &Access,
    ids: BTreeSet<uuid::Uuid>,
) -> Result<BTreeMap<uuid::Uuid, Organization>> {
    let organizations: Vec<Organization> = way.related(access, ids).await?;
    Ok(organizations.into_iter().map(|one| (one.id, one)).collect())
}

fn placed(role: Role, organizations: &BTreeMap<uuid::Uuid, Organization>) -> PlacedRole {
    PlacedRole { organization: organizations.get(&role.organization).cloned(), role }
}

/// Roles with their organizations.
pub(super) async fn roles_of(mut way: Way<'_>, access: &Access, roles: Vec<Role>) -> Result<Vec<PlacedRole>> {
    let ids = roles.iter().map(|role| role.organization).collect();
    let organizations = organizations_of(&mut way, access, ids).await?;
    Ok(roles.into_iter().map(|role| placed(role, &organizations)).collect())
}

/// Employees with what belongs to them. A role is of the organization that its employee is of.
pub(super) async fn employees_of(
    mut way: Way<'_>,
    access: &Access,
    employments: Vec<Employment>,
) -> Result<Vec<Employee>> {
    let organizations =
        organizations_of(&mut way, access, employments.iter().map(|one| one.organization).collect()).await?;
    let roles: Vec<Role> = way.related(access, employments.iter().filter_map(|one| one.role).collect()).await?;
    let roles: BTreeMap<_, _> = roles.into_iter().map(|role| (role.id, placed(role, &organizations))).collect();
    let subjects: BTreeSet<&str> = employments.iter().map(|one| one.subject.as_str()).collect();
    let of_users = Filter::OneOf("subject", subjects.into_iter().map(|one| Value::Text(one.to_owned())).collect());
    let users: Vec<Account> = way.list(access, of_users).await?;
    let users: BTreeMap<_, _> = users.into_iter().map(|one| (one.subject.clone(), User::from(one))).collect();
    let employee = |one: Employment| Employee {
        id: one.id,
        organization: (one.organization, organizations.get(&one.organization).cloned()),
        user: (one.subject.as_str().to_owned(), users.get(&one.subject).cloned()),
        role: one.role.map(|id| (id, roles.get(&id).cloned())),
        name: one.name,
        email: one.email,
        phone: one.phone,
        is_accepted: one.is_accepted,
        is_rejected: one.is_rejected,
        is_blocked: one.is_blocked,
        history: one.history,
    };
    Ok(employments.into_iter().map(employee).collect())
}
