//! The lists: who asks sees what their organizations, their role and their rights set open (`docs/condo-contract.md` 5).

use async_graphql::{Context, MergedObject, Object, Result};

use super::arguments::{SortBy, Where};
use super::objects::{Employee, Organization, QueryMeta, Role};
use super::spec::{Employees, Listing, Organizations, RightsSets, Roles, Spec, Users};
use crate::user::{RightsSet, User};
use crate::visit::Visit;
use domain::Error;
use domain::access::Access;
use domain::filter::{Comparison, Filter, Page, Value};
use domain::organization;
use service::access;
use service::people::{self, Wanted};

/// Who asks, and may.
pub(super) async fn access(visit: &Visit) -> domain::Result<Access> {
    access::of(&visit.parts, visit.who()).await
}

/// What is asked for: by `where`, and by a text that stands in one of the columns that are searched.
fn filter<L: Listing>(wanted: Option<Where<L>>, search: Option<String>) -> Filter {
    let Spec { searched, .. } = L::SPEC;
    let found = search.filter(|text| !text.is_empty()).map(|text| {
        let column = |column: &&'static str| Filter::Column(column, Comparison::Contains, Value::Text(text.clone()));
        Filter::Any(searched.iter().map(column).collect())
    });
    Filter::All(wanted.map(|wanted| wanted.0).into_iter().chain(found).collect())
}

/// A column to order by, and whether the last come first.
type Column = (&'static str, bool);

/// By how many columns a list is ordered at most.
const MOST_COLUMNS: usize = 10;

/// In which order, by column: `orderBy` is the older name for `sortBy`, of one column, and counts where that is not told.
fn order<L: Listing>(sort_by: Option<Vec<SortBy<L>>>, order_by: Option<String>) -> domain::Result<Vec<Column>> {
    let order_by = order_by.filter(|name| !name.is_empty());
    let sort_by = match (sort_by, order_by) {
        (Some(sort_by), _) => sort_by,
        (None, None) => Vec::new(),
        (None, Some(name)) => match SortBy::named(&name) {
            Some(column) => vec![column],
            None => return Err(Error::input("orderBy", "must be a field and _ASC or _DESC, such as createdAt_DESC")),
        },
    };
    if sort_by.len() > MOST_COLUMNS {
        return Err(Error::input("sortBy", format!("names more than {MOST_COLUMNS} columns")));
    }
    Ok(sort_by.into_iter().map(|sort_by| sort_by.0).collect())
}

/// Which page: at most 1000 records at once.
fn page(order: Vec<Column>, first: Option<i32>, skip: Option<i32>) -> domain::Result<Page> {
    let most = Page::default().first;
    let first = match first {
        None => most,
        Some(first) => u32::try_from(first)
            .ok()
            .filter(|first| *first <= most)
            .ok_or_else(|| Error::input("first", format!("must be from 0 to {most}")))?,
    };
    let skip = u32::try_from(skip.unwrap_or(0)).map_err(|_negative| Error::input("skip", "must not be negative"))?;
    Ok(Page { order, first, skip })
}

/// What a list costs: a statement, and up to a thousand records.
const LIST: usize = 20;

/// How many times the fields of a record are counted: once for each so many records at most.
fn weight(first: Option<i32>) -> usize {
    let most = first.and_then(|first| u32::try_from(first).ok()).unwrap_or(Page::MOST);
    usize::try_from(most.min(Page::MOST)).unwrap_or(usize::MAX).div_ceil(400).max(1)
}

/// A list, and how many records it has, under the names that Keystone gives them.
macro_rules! lists {
    ($($(#[$doc:meta])* $Query:ident: $all:literal, $meta:literal, $L:ident => $find:path, $Shown:ty, $show:expr;)+) => {
        $($(#[$doc])*
        #[derive(Default)]
        pub(crate) struct $Query;

        #[Object]
        impl $Query {
            $(#[$doc])*
            #[expect(clippy::too_many_arguments, reason = "the arguments of Keystone's lists")]
            #[graphql(name = $all, complexity = "LIST + weight(first) * child_complexity")]
            async fn all(
                &self,
                ctx: &Context<'_>,
                #[graphql(name = "where")] wanted: Option<Where<$L>>,
                search: Option<String>,
                sort_by: Option<Vec<SortBy<$L>>>,
                order_by: Option<String>,
                first: Option<i32>,
                skip: Option<i32>,
            ) -> Result<Option<Vec<$Shown>>> {
                let visit = ctx.data::<Visit>()?;
                let access = access(visit).await?;
                let page = page(order(sort_by, order_by)?, first, skip)?;
                let wanted = Wanted { filter: filter(wanted, search), page };
                let found = $find(&visit.parts, &access, wanted).await?;
                Ok(Some(found.into_iter().map(|record| ($show)(record, &access)).collect()))
            }

            /// How many there are of those asked for.
            #[graphql(name = $meta, complexity = "LIST")]
            async fn meta(
                &self,
                ctx: &Context<'_>,
                #[graphql(name = "where")] wanted: Option<Where<$L>>,
                search: Option<String>,
            ) -> Result<Option<QueryMeta>> {
                let visit = ctx.data::<Visit>()?;
                let access = access(visit).await?;
                let filter = filter(wanted, search);
                let count = people::count(&visit.parts, &access, $L::SPEC.table, filter).await?;
                Ok(Some(QueryMeta { count }))
            }
        })+

        /// The lists.
        #[derive(MergedObject, Default)]
        pub(crate) struct PeopleQuery($($Query),+);
    };
}

lists! {
    /// Employees: oneself everywhere, and colleagues where one's role lets one read them.
    EmployeesQuery: "allOrganizationEmployees", "_allOrganizationEmployeesMeta",
        Employees => people::employees, Employee, Employee::seen;
    /// Organizations: those where one works or is invited to.
    OrganizationsQuery: "allOrganizations", "_allOrganizationsMeta",
        Organizations => people::organizations, Organization, |record: organization::Organization, _| Organization::from(record);
    /// Roles: those of where one works.
    RolesQuery: "allOrganizationEmployeeRoles", "_allOrganizationEmployeeRolesMeta",
        Roles => people::roles, Role, |record: organization::PlacedRole, _| Role::from(record);
    /// Users: oneself, and colleagues; by an e-mail address or a phone only for who may see them.
    UsersQuery: "allUsers", "_allUsersMeta", Users => people::users, User, User::seen;
    /// Rights sets: one's own; all for administrators and support.
    RightsSetsQuery: "allUserRightsSets", "_allUserRightsSetsMeta",
        RightsSets => people::rights_sets, RightsSet, |record: organization::RightsSet, _| RightsSet::from(record);
}
