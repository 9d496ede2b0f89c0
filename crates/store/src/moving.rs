//! What moves to another installation, read in order of its keys, a page at a time; and written there unless it is there.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::accounts::AccountRow;
use super::conn::{Conn, on};
use super::error::{lift, unreadable};
use super::organizations::{EmployeeRow, OrganizationRow, RightsSetRow, RoleRow};
use super::schema::{accounts, employee_roles, employees, link_uses, links, organizations, rights_sets, token_sets};
use super::token_sets::{OwnerRow, TokenRow};
use super::types::{At, Uuid};
use domain::ids::{ClientId, LinkId};
use domain::link::Proof;
use domain::moving::{Kind, Record, WholeLink};
use domain::organization::{Employment, Organization, RightsSet, Role};
use domain::{Error, Result};

/// How many records of a kind there are.
pub async fn count(conn: &mut Conn, kind: Kind) -> Result<u64> {
    let counted: QueryResult<i64> = match kind {
        Kind::RightsSet => on!(conn, |c| rights_sets::table.count().get_result(c)),
        Kind::Organization => on!(conn, |c| organizations::table.count().get_result(c)),
        Kind::Role => on!(conn, |c| employee_roles::table.count().get_result(c)),
        Kind::Account => on!(conn, |c| accounts::table.count().get_result(c)),
        Kind::Employee => on!(conn, |c| employees::table.count().get_result(c)),
        Kind::Link => on!(conn, |c| links::table.count().get_result(c)),
    };
    Ok(u64::try_from(counted.map_err(lift)?).unwrap_or_default())
}

/// The records of a kind whose key comes after this one, in order, so many at most. [`Error::Input`] if the kind has no such key.
pub async fn page(conn: &mut Conn, kind: Kind, after: Option<&str>, limit: u16) -> Result<Vec<Record>> {
    let limit = i64::from(limit);
    macro_rules! by_id {
        ($table:ident, $row:ty, $record:expr) => {{
            let after = id(after)?;
            let rows: QueryResult<Vec<$row>> =
                on!(conn, |c| $table::table.filter($table::id.gt(after)).order($table::id).limit(limit).load(c));
            rows.map_err(lift)?.into_iter().map(|row| row.try_into().map($record)).collect()
        }};
    }
    match kind {
        Kind::RightsSet => by_id!(rights_sets, RightsSetRow, Record::RightsSet),
        Kind::Organization => by_id!(organizations, OrganizationRow, Record::Organization),
        Kind::Role => by_id!(employee_roles, RoleRow, Record::Role),
        Kind::Employee => by_id!(employees, EmployeeRow, |employee| Record::Employee(Box::new(employee))),
        Kind::Account => {
            let rows: QueryResult<Vec<AccountRow>> = on!(conn, |c| accounts::table
                .filter(accounts::subject.gt(after.unwrap_or_default()))
                .order(accounts::subject)
                .limit(limit)
                .select(AccountRow::as_select())
                .load(c));
            rows.map_err(lift)?.into_iter().map(|row| row.try_into().map(|a| Record::Account(Box::new(a)))).collect()
        }
        Kind::Link => links_after(conn, id(after)?, limit).await,
    }
}

/// Whether there is a record of this kind and key.
pub async fn exists(conn: &mut Conn, kind: Kind, key: &str) -> Result<bool> {
    macro_rules! by_id {
        ($table:ident) => {{
            let id = id(Some(key))?;
            on!(conn, |c| diesel::select(diesel::dsl::exists($table::table.find(id))).get_result(c)).map_err(lift)
        }};
    }
    match kind {
        Kind::RightsSet => by_id!(rights_sets),
        Kind::Organization => by_id!(organizations),
        Kind::Role => by_id!(employee_roles),
        Kind::Employee => by_id!(employees),
        Kind::Link => by_id!(links),
        Kind::Account => {
            on!(conn, |c| diesel::select(diesel::dsl::exists(accounts::table.find(key))).get_result(c)).map_err(lift)
        }
    }
}

/// The id that a key is; the least of all stands before the first.
fn id(key: Option<&str>) -> Result<Uuid> {
    let id = key.map_or(Ok(uuid::Uuid::nil()), uuid::Uuid::parse_str);
    id.map(Uuid).map_err(|_no_id| Error::input("id", "must be a UUID"))
}

/// A link's row, with those of its tokens and its last use.
#[derive(Queryable)]
#[diesel(check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct LinkRow {
    id: Uuid,
    user_name: Option<String>,
    proof: String,
    origin_client: Option<String>,
    created: At,
    owner: OwnerRow,
    tokens: Option<TokenRow>,
    last_used: Option<At>,
}

async fn links_after(conn: &mut Conn, after: Uuid, limit: i64) -> Result<Vec<Record>> {
    // Each join says where it begins as well: Postgres would read what comes before it, once for every page.
    let rows: QueryResult<Vec<LinkRow>> = on!(conn, |c| links::table
        .left_join(token_sets::table.on(token_sets::link_id.eq(links::id).and(token_sets::link_id.gt(after))))
        .left_join(link_uses::table.on(link_uses::link_id.eq(links::id).and(link_uses::link_id.gt(after))))
        .filter(links::id.gt(after))
        .order(links::id)
        .limit(limit)
        .select((
            links::id,
            links::user_name,
            links::proof,
            links::origin_client,
            links::created,
            (links::subject, links::fp_type, links::fp_name, links::sid),
            Option::<TokenRow>::as_select(),
            link_uses::last_used.nullable(),
        ))
        .load(c));
    rows.map_err(lift)?
        .into_iter()
        .map(|row| WholeLink::try_from(row).map(|link| Record::Link(Box::new(link))))
        .collect()
}

impl TryFrom<LinkRow> for WholeLink {
    type Error = Error;

    fn try_from(row: LinkRow) -> Result<Self> {
        let origin = row.origin_client.map(ClientId::parse).transpose();
        Ok(Self {
            id: LinkId(row.id.0),
            owner: row.owner.try_into()?,
            user_name: row.user_name,
            proof: Proof::parse(&row.proof).ok_or_else(|| unreadable("links", "proof"))?,
            origin: origin.map_err(|_malformed| unreadable("links", "origin_client"))?,
            created: row.created.0,
            last_used: row.last_used.map(|at| at.0),
            tokens: row.tokens.map(TryInto::try_into).transpose()?,
        })
    }
}

macro_rules! insert {
    ($conn:expr, $table:ident, $row:expr) => {{
        let row = &$row;
        let written =
            on!($conn, |c| diesel::insert_into($table::table).values(row).on_conflict_do_nothing().execute(c));
        Ok(written.map_err(lift)? == 1)
    }};
}

/// Writes a rights set unless there is one of its id; says whether it did.
pub async fn insert_rights_set(conn: &mut Conn, set: &RightsSet) -> Result<bool> {
    insert!(conn, rights_sets, RightsSetRow::from(set))
}

/// Writes an organization unless there is one of its id; says whether it did.
pub async fn insert_organization(conn: &mut Conn, organization: &Organization) -> Result<bool> {
    insert!(conn, organizations, OrganizationRow::from(organization))
}

/// Writes a role unless there is one of its id; says whether it did.
pub async fn insert_role(conn: &mut Conn, role: &Role) -> Result<bool> {
    insert!(conn, employee_roles, RoleRow::from(role))
}

/// Writes an employee unless there is one of its id, or the user is one of the organization already; says whether it did.
pub async fn insert_employee(conn: &mut Conn, employment: &Employment) -> Result<bool> {
    insert!(conn, employees, EmployeeRow::from(employment))
}

/// Notes when a link was last used elsewhere, unless it has been used here.
pub async fn insert_use(conn: &mut Conn, link: LinkId, at: At) -> Result<()> {
    let used = (link_uses::link_id.eq(Uuid(link.0)), link_uses::last_used.eq(at));
    on!(conn, |c| diesel::insert_into(link_uses::table).values(used).on_conflict_do_nothing().execute(c))
        .map_err(lift)?;
    Ok(())
}
