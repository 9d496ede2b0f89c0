//! Who may see and change what in the Condo dialect (`wire/condo.md` 5): administrators all, support staff all to see, everybody
//! else what their organizations and their rights set open. What may be seen is a filter, which the database applies.

use uuid::Uuid;

use super::Parts;
use crate::domain::filter::{Few, Filter, Page, Table, Value};
use crate::domain::granting::{self, Own};
use crate::domain::organization::{Granted, RightsSet};
use crate::domain::refusal::Refusal;
use crate::domain::user::User;
use crate::domain::{Error, Result};
use crate::store;
use crate::store::organizations::list;

/// A user who is signed in, with what an administrator granted.
#[derive(Clone, Debug)]
pub struct Access {
    /// Who.
    pub user: User,
    rights: Granted,
}

/// What `user` may do. [`Refusal::NotAuthenticated`] without one, [`Refusal::AccessDenied`] to one who is deleted.
pub async fn of(parts: &Parts, user: Option<&User>) -> Result<Access> {
    let user = user.ok_or(Error::Refused(Refusal::NotAuthenticated))?.clone();
    if !user.may_sign_in() {
        return Err(denied());
    }
    let rights = match user.rights_set {
        Some(id) => {
            let filter = Filter::All(vec![Filter::is("id", Value::Id(id)), Filter::Absent("deleted_at")]);
            let page = Page::default();
            let mut sets: Vec<RightsSet> = store::read!(parts.store, |conn| list(conn, &filter, &page))?;
            sets.pop().map(|set| set.granted).unwrap_or_default()
        }
        None => Granted::default(),
    };
    Ok(Access { user, rights })
}

/// The refusal of what may not be.
pub fn denied() -> Error {
    Error::refused(Refusal::AccessDenied)
}

/// Whether a user may see this rights set.
pub fn may_see_rights_set(user: Option<&User>, id: Uuid) -> bool {
    user.is_none_or(|user| user.is_admin || user.is_support || user.rights_set == Some(id))
}

impl Access {
    /// A user's without a rights set.
    #[cfg(test)]
    pub(super) fn plain(user: User) -> Self {
        Self { user, rights: Granted::default() }
    }

    /// Lets administrators through, and who has the right.
    pub fn require(&self, right: &str) -> Result<()> {
        if self.user.is_admin || self.rights.has(right) { Ok(()) } else { Err(denied()) }
    }

    /// Lets administrators through alone.
    pub fn require_admin(&self) -> Result<()> {
        if self.user.is_admin { Ok(()) } else { Err(denied()) }
    }

    /// Lets administrators and support staff through.
    pub fn require_staff(&self) -> Result<()> {
        if self.is_staff() { Ok(()) } else { Err(denied()) }
    }

    /// Whether the user belongs to those who run the installation.
    pub fn is_staff(&self) -> bool {
        self.user.is_admin || self.user.is_support
    }

    /// Whether the user sees the addresses of this one: their own, and who may read users. Support staff don't.
    pub fn sees_addresses_of(&self, subject: &str) -> bool {
        self.user.id.as_str() == subject || self.sees_addresses()
    }

    fn sees_addresses(&self) -> bool {
        self.user.is_admin || self.rights.has("canReadUsers")
    }

    fn sees_all(&self, right: &str) -> bool {
        self.is_staff() || self.rights.has(right)
    }

    /// What the user has to hand on by a rights set.
    pub(super) fn rights_to_give(&self) -> Own {
        granting::rights(self.user.is_admin, self.user.is_support, &self.rights)
    }

    /// The role that the user has in an organization.
    pub(super) fn role_in(&self, organization: Uuid) -> Filter {
        Filter::All(vec![
            Filter::is("organization", Value::Id(organization)),
            Filter::Absent("deleted_at"),
            Filter::related(Table::Employees, ("role", "id"), Filter::All(self.in_good_standing())),
        ])
    }

    fn in_good_standing(&self) -> Vec<Filter> {
        vec![
            Filter::is("subject", self.me()),
            Filter::yes("is_accepted"),
            Filter::no("is_blocked"),
            Filter::no("is_rejected"),
            Filter::Absent("deleted_at"),
        ]
    }

    fn me(&self) -> Value {
        Value::Text(self.user.id.as_str().to_owned())
    }

    /// On a column that names an organization: the user works there in good standing, in a role that grants `permission`.
    pub(super) fn works_at(&self, ours: &'static str, permission: Option<&'static str>) -> Filter {
        Filter::Among(ours, vec![self.jobs(permission)])
    }

    /// The organizations where the user works in good standing, in a role that grants `permission`.
    fn jobs(&self, permission: Option<&'static str>) -> Few {
        let mut standing = self.in_good_standing();
        standing.push(Filter::related(Table::Organizations, ("id", "organization"), Filter::Absent("deleted_at")));
        let mut role = vec![Filter::Absent("deleted_at")];
        role.extend(permission.map(Filter::Grants));
        standing.push(Filter::related(Table::EmployeeRoles, ("id", "role"), Filter::All(role)));
        Few::of(Table::Employees, "organization", Filter::All(standing))
    }

    /// The organizations that the user sees: where they work, and where they are invited.
    pub(super) fn organizations(&self) -> Filter {
        if self.sees_all("canReadOrganizations") {
            return Filter::everything();
        }
        let invited = Few::of(
            Table::Employees,
            "organization",
            Filter::All(vec![
                Filter::is("subject", self.me()),
                Filter::no("is_accepted"),
                Filter::no("is_blocked"),
                Filter::no("is_rejected"),
                Filter::Absent("deleted_at"),
            ]),
        );
        Filter::Among("id", vec![self.jobs(None), invited])
    }

    /// The roles that the user sees: those of where they work.
    pub(super) fn roles(&self) -> Filter {
        if self.sees_all("canReadOrganizationEmployeeRoles") {
            return Filter::everything();
        }
        self.works_at("organization", None)
    }

    /// The employees that the user sees: themselves everywhere, and the colleagues where their role lets them.
    pub(super) fn employees(&self) -> Filter {
        if self.sees_all("canReadOrganizationEmployees") {
            return Filter::everything();
        }
        let own = Few::of(Table::Employees, "id", Filter::is("subject", self.me()));
        let colleagues = Few::of(Table::Employees, "id", self.works_at("organization", Some("canReadEmployees")));
        Filter::Among("id", vec![own, colleagues])
    }

    /// The users that the user sees: themselves, and their colleagues.
    pub(super) fn users(&self) -> Filter {
        if self.sees_all("canReadUsers") {
            return Filter::everything();
        }
        let own = Few::of(Table::Accounts, "subject", Filter::is("subject", self.me()));
        let employed = vec![Filter::Absent("deleted_at"), self.works_at("organization", Some("canReadEmployees"))];
        Filter::Among("subject", vec![own, Few::of(Table::Employees, "subject", Filter::All(employed))])
    }

    /// The rights sets that the user sees: their own.
    pub(super) fn rights_sets(&self) -> Filter {
        if self.is_staff() {
            return Filter::everything();
        }
        self.user.rights_set.map_or_else(Filter::nothing, |id| Filter::is("id", Value::Id(id)))
    }

    /// Refuses to put users in the order of addresses to who may not see them: it tells them, one comparison at a time.
    pub(super) fn may_order(&self, table: Table, page: &Page) -> Result<()> {
        let by_address = page.order.iter().any(|(column, _)| matches!(*column, "email" | "phone"));
        if table == Table::Accounts && by_address && !self.sees_addresses() { Err(denied()) } else { Ok(()) }
    }

    /// Refuses to look for users by an address to who may not see addresses: whether there is an answer would tell.
    pub(super) fn may_ask(&self, table: Table, wanted: &Filter) -> Result<()> {
        if !self.sees_addresses() && wanted.names(table, Table::Accounts, &["email", "phone"]) {
            return Err(denied());
        }
        Ok(())
    }
}
