//! Who works where and may do what: organizations, their employees and roles, and what administrators grant to single users
//! (`docs/condo-contract.md` 5).

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::ids::Subject;
use super::user::User;

/// What a role lets its employees do, and whether a new role does without being told.
pub const PERMISSIONS: [(&str, bool); 19] = [
    ("canManageOrganization", false),
    ("canManageEmployees", false),
    ("canManageRoles", false),
    ("canManageIntegrations", false),
    ("canManageProperties", false),
    ("canManageDocuments", false),
    ("canManageTickets", false),
    ("canManageContacts", false),
    ("canReadEmployees", true),
    ("canReadProperties", true),
    ("canReadDocuments", true),
    ("canReadTickets", true),
    ("canReadContacts", true),
    ("canManageMeters", true),
    ("canManageMeterReadings", true),
    ("canManageTicketComments", true),
    ("canShareTickets", true),
    ("canBeAssignedAsResponsible", true),
    ("canBeAssignedAsExecutor", true),
];

/// What a rights set can grant: those of the source's that open something here.
pub const RIGHTS: [&str; 9] = [
    "canReadUsers",
    "canReadOrganizations",
    "canManageOrganizations",
    "canReadOrganizationEmployees",
    "canManageOrganizationEmployees",
    "canReadOrganizationEmployeeRoles",
    "canManageOrganizationEmployeeRoles",
    "canManageUserRightsSetField",
    "canExecuteRegisterNewServiceUser",
];

/// Names that are granted, of [`PERMISSIONS`] or [`RIGHTS`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Granted(BTreeSet<String>);

impl Granted {
    /// What a role grants of which nothing is said.
    pub fn by_default() -> Self {
        Self(PERMISSIONS.iter().filter(|(_, granted)| *granted).map(|(name, _)| (*name).to_owned()).collect())
    }

    /// Reads what is stored.
    pub fn parse(stored: &str) -> Self {
        Self(stored.split_ascii_whitespace().map(str::to_owned).collect())
    }

    /// As it is stored: names in order, separated by blanks.
    pub fn stored(&self) -> String {
        self.0.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
    }

    /// Each of them.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether this name is among them.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// Grants a name, or takes it back.
    pub fn set(&mut self, name: &str, granted: bool) {
        if granted {
            self.0.insert(name.to_owned());
        } else {
            self.0.remove(name);
        }
    }
}

/// When a record was made, changed, and deleted: deleted ones stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    /// Made.
    pub created: DateTime<Utc>,
    /// Changed last.
    pub updated: DateTime<Utc>,
    /// Deleted.
    pub deleted: Option<DateTime<Utc>>,
}

impl History {
    /// Of a record that is made now.
    pub fn begun(now: DateTime<Utc>) -> Self {
        Self { created: now, updated: now, deleted: None }
    }
}

/// An organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// Its id.
    pub id: Uuid,
    /// What people read.
    pub name: String,
    /// When.
    pub history: History,
}

/// What some employees of an organization may do there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its id.
    pub id: Uuid,
    /// Whose.
    pub organization: Uuid,
    /// What people read.
    pub name: String,
    /// What it grants.
    pub granted: Granted,
    /// When.
    pub history: History,
}

/// A role, with whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedRole {
    /// The role.
    pub role: Role,
    /// Whose; none if whoever asks may not see it.
    pub organization: Option<Organization>,
}

/// What an administrator grants to single users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RightsSet {
    /// Its id.
    pub id: Uuid,
    /// What people read.
    pub name: String,
    /// What it grants.
    pub granted: Granted,
    /// When.
    pub history: History,
}

/// What is kept of somebody who works, or is invited to work, for an organization: the ids of what [`Employee`] shows whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Employment {
    /// The id.
    pub id: Uuid,
    /// For which organization.
    pub organization: Uuid,
    /// Who.
    pub subject: Subject,
    /// In which role.
    pub role: Option<Uuid>,
    /// The name that the organization uses.
    pub name: Option<String>,
    /// The e-mail address that the organization uses.
    pub email: Option<String>,
    /// The phone number that the organization uses.
    pub phone: Option<String>,
    /// Whether the user took the invitation.
    pub is_accepted: bool,
    /// Whether the user refused it.
    pub is_rejected: bool,
    /// Whether the organization keeps the user out.
    pub is_blocked: bool,
    /// When.
    pub history: History,
}

/// Somebody who works, or is invited to work, for an organization, with what belongs to them.
#[derive(Clone, Debug)]
pub struct Employee {
    /// The id.
    pub id: Uuid,
    /// For whom; `None` inside if whoever asks may not see it.
    pub organization: (Uuid, Option<Organization>),
    /// Who.
    pub user: (String, Option<User>),
    /// As what.
    pub role: Option<(Uuid, Option<PlacedRole>)>,
    /// The name that the organization uses.
    pub name: Option<String>,
    /// The e-mail address that the organization uses.
    pub email: Option<String>,
    /// The phone number that the organization uses.
    pub phone: Option<String>,
    /// Whether the user took the invitation.
    pub is_accepted: bool,
    /// Whether the user refused it.
    pub is_rejected: bool,
    /// Whether the organization keeps the user out.
    pub is_blocked: bool,
    /// When.
    pub history: History,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_granted_is_stored_in_order() {
        let mut granted = Granted::parse("canManageTickets canReadTickets");
        granted.set("canBeAssignedAsExecutor", true);
        granted.set("canReadTickets", false);
        assert_eq!(granted.stored(), "canBeAssignedAsExecutor canManageTickets");
        assert!(granted.has("canManageTickets") && !granted.has("canManage"));
        assert_eq!(Granted::parse(""), Granted::default());
    }

    #[test]
    fn a_new_role_reads_and_manages_next_to_nothing() {
        let granted = Granted::by_default();
        assert!(granted.has("canReadEmployees") && granted.has("canBeAssignedAsExecutor"));
        assert!(!granted.has("canManageEmployees") && !granted.has("canManageTickets"));
    }
}
