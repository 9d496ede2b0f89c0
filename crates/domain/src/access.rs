//! Who may see and change what in the Condo dialect: administrators all, support staff all to see, everybody else what their
//! organizations and their rights set open. What may be seen is a filter, which the database applies.

use uuid::Uuid;

use super::filter::{Few, Filter, Page, Table, Value};
use super::granting::{self, Own};
use super::ids::Subject;
use super::organization::Granted;
use super::refusal::Refusal;
use super::user::User;
use super::{Error, Result};

/// The most conditions of a filter: a database compiles each.
const MOST_CONDITIONS: usize = 200;

/// What is wrong with a `where` that has more.
pub fn too_many_conditions() -> String {
    format!("has more than {MOST_CONDITIONS} conditions")
}

/// What a change says of a user, as far as it matters who says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserField {
    /// What the user is called.
    Name,
    /// What is granted to them.
    RightsSet,
    /// Anything else.
    Other,
}

/// A user who is signed in, with what an administrator granted.
#[derive(Clone, Debug)]
pub struct Access {
    /// Who.
    pub user: User,
    rights: Granted,
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
    /// What `user` may do, whose rights set grants `rights`. [`Refusal::AccessDenied`] to one who is deleted.
    pub fn of(user: User, rights: Granted) -> Result<Self> {
        if user.may_sign_in() { Ok(Self { user, rights }) } else { Err(denied()) }
    }

    /// What a list of `table` shows: what is asked for and may be seen. Deleted records only if they are asked for.
    pub fn shown(&self, table: Table, wanted: Filter) -> Result<Filter> {
        if wanted.size() > MOST_CONDITIONS {
            return Err(Error::input("where", too_many_conditions()));
        }
        self.may_ask(table, &wanted)?;
        let seen = |table| self.seen(table);
        let deleted = if table == Table::Accounts { "disabled_at" } else { "deleted_at" };
        let of_deleted = wanted.names(table, table, &[deleted]);
        let mut all = vec![wanted.within(&seen), seen(table)];
        if !of_deleted {
            all.push(Filter::Absent(deleted));
        }
        Ok(Filter::All(all))
    }

    /// The records of `table` that the user sees.
    fn seen(&self, table: Table) -> Filter {
        match table {
            Table::Accounts => self.users(),
            Table::Organizations => self.organizations(),
            Table::Employees => self.employees(),
            Table::EmployeeRoles => self.roles(),
            Table::RightsSets => self.rights_sets(),
        }
    }

    /// Lets administrators through, and who has the right.
    pub fn require(&self, right: &str) -> Result<()> {
        if self.user.is_admin || self.rights.has(right) { Ok(()) } else { Err(denied()) }
    }

    /// Lets through who may change these fields of this user: administrators, everybody their own name, and who assigns rights
    /// sets those of others, but none of their own. Who may change nothing of a user changes it by no empty change either.
    pub fn require_change(&self, user: &Subject, fields: &[UserField]) -> Result<()> {
        if self.user.is_admin {
            return Ok(());
        }
        let is_own = self.user.id == *user;
        let assigns = !is_own && self.rights.has("canManageUserRightsSetField");
        let may = |field: &UserField| match field {
            UserField::Name => is_own,
            UserField::RightsSet => assigns,
            UserField::Other => false,
        };
        if (is_own || assigns) && fields.iter().all(may) { Ok(()) } else { Err(denied()) }
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
    pub fn rights_to_give(&self) -> Own {
        granting::rights(self.user.is_admin, self.user.is_support, &self.rights)
    }

    /// The role that the user has in an organization.
    pub fn role_in(&self, organization: Uuid) -> Filter {
        Filter::All(vec![
            Filter::is("organization", Value::Id(organization)),
            Filter::Absent("deleted_at"),
            Filter::related(Table::Employees, "role", "id", Filter::All(self.in_good_standing())),
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
    pub fn works_at(&self, ours: &'static str, permission: Option<&'static str>) -> Filter {
        Filter::Among(ours, vec![self.jobs(permission)])
    }

    /// The organizations where the user works in good standing, in a role that grants `permission`.
    fn jobs(&self, permission: Option<&'static str>) -> Few {
        let mut standing = self.in_good_standing();
        standing.push(Filter::related(Table::Organizations, "id", "organization", Filter::Absent("deleted_at")));
        let mut role = vec![Filter::Absent("deleted_at")];
        role.extend(permission.map(Filter::Grants));
        standing.push(Filter::related(Table::EmployeeRoles, "id", "role", Filter::All(role)));
        Few::of(Table::Employees, "organization", Filter::All(standing))
    }

    /// The organizations that the user sees: where they work, and where they are invited.
    fn organizations(&self) -> Filter {
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
    fn roles(&self) -> Filter {
        if self.sees_all("canReadOrganizationEmployeeRoles") {
            return Filter::everything();
        }
        self.works_at("organization", None)
    }

    /// The employees that the user sees: themselves everywhere, and the colleagues where their role lets them.
    fn employees(&self) -> Filter {
        if self.sees_all("canReadOrganizationEmployees") {
            return Filter::everything();
        }
        let own = Few::of(Table::Employees, "id", Filter::is("subject", self.me()));
        let colleagues = Few::of(Table::Employees, "id", self.works_at("organization", Some("canReadEmployees")));
        Filter::Among("id", vec![own, colleagues])
    }

    /// The users that the user sees: themselves, and their colleagues.
    fn users(&self) -> Filter {
        if self.sees_all("canReadUsers") {
            return Filter::everything();
        }
        let own = Few::of(Table::Accounts, "subject", Filter::is("subject", self.me()));
        let employed = vec![Filter::Absent("deleted_at"), self.works_at("organization", Some("canReadEmployees"))];
        Filter::Among("subject", vec![own, Few::of(Table::Employees, "subject", Filter::All(employed))])
    }

    /// The rights sets that the user sees: their own.
    fn rights_sets(&self) -> Filter {
        if self.is_staff() {
            return Filter::everything();
        }
        self.user.rights_set.map_or_else(Filter::nothing, |id| Filter::is("id", Value::Id(id)))
    }

    /// Refuses to put users in the order of addresses to who may not see them: it tells them, one comparison at a time.
    pub fn may_order(&self, table: Table, page: &Page) -> Result<()> {
        let by_address = page.order.iter().any(|(column, _)| matches!(*column, "email" | "phone"));
        if table == Table::Accounts && by_address && !self.sees_addresses() { Err(denied()) } else { Ok(()) }
    }

    /// Refuses to look for users by an address to who may not see addresses: whether there is an answer would tell.
    fn may_ask(&self, table: Table, wanted: &Filter) -> Result<()> {
        if !self.sees_addresses() && wanted.names(table, Table::Accounts, &["email", "phone"]) {
            return Err(denied());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::{Account, AccountType};

    #[test]
    fn a_user_is_changed_by_administrators_and_by_themselves_in_name() {
        let subject = |name: &str| Subject::parse(name).unwrap();
        let access = |name: &str, is_admin, rights: &[&str]| {
            let mut user: User = Account::bare(subject(name), AccountType::Staff, chrono::DateTime::UNIX_EPOCH).into();
            user.is_admin = is_admin;
            let mut granted = Granted::default();
            for right in rights {
                granted.set(right, true);
            }
            Access::of(user, granted).unwrap()
        };
        let (name, set, other) = (UserField::Name, UserField::RightsSet, UserField::Other);
        let assigns = ["canManageUserRightsSetField"];
        for (who, of, fields, may) in [
            (access("a", true, &[]), "b", vec![name, set, other], true),
            (access("a", true, &[]), "a", vec![name, set, other], true),
            (access("a", false, &[]), "a", vec![name], true),
            (access("a", false, &[]), "a", vec![], true),
            (access("a", false, &[]), "a", vec![name, other], false),
            (access("a", false, &[]), "a", vec![set], false),
            (access("a", false, &[]), "b", vec![name], false),
            (access("a", false, &[]), "b", vec![], false),
            (access("a", false, &["canManageOrganizations"]), "b", vec![set], false),
            (access("a", false, &assigns), "b", vec![set], true),
            (access("a", false, &assigns), "b", vec![], true),
            (access("a", false, &assigns), "b", vec![name], false),
            (access("a", false, &assigns), "b", vec![set, other], false),
            (access("a", false, &assigns), "a", vec![set], false),
            (access("a", false, &assigns), "a", vec![name], true),
        ] {
            let told = who.require_change(&subject(of), &fields);
            assert_eq!(told.is_ok(), may, "{} of {of}: {fields:?}", who.user.id.as_str());
        }
    }
}
