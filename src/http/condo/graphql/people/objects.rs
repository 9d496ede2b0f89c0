//! Organizations, roles, employees and rights sets as answers show them.

use async_graphql::SimpleObject;

use super::grants::Permissions;
use crate::http::condo::graphql::moment::moment;
use crate::http::condo::graphql::user::User;
use domain::access::Access;
use domain::organization;

/// An organization.
#[derive(SimpleObject)]
pub(super) struct Organization {
    /// The id.
    id: String,
    /// What people read.
    name: String,
    /// When it was made.
    created_at: String,
    /// When it was changed last.
    updated_at: String,
    /// Since when it is deleted.
    deleted_at: Option<String>,
}

impl From<organization::Organization> for Organization {
    fn from(shown: organization::Organization) -> Self {
        Self {
            id: shown.id.to_string(),
            name: shown.name,
            created_at: moment(shown.history.created),
            updated_at: moment(shown.history.updated),
            deleted_at: shown.history.deleted.map(moment),
        }
    }
}

/// What some employees of an organization may do there.
#[derive(SimpleObject)]
#[graphql(name = "OrganizationEmployeeRole")]
pub(super) struct Role {
    /// The id.
    id: String,
    /// What people read.
    name: String,
    /// What it grants.
    #[graphql(flatten)]
    permissions: Permissions,
    /// When it was made.
    created_at: String,
    /// When it was changed last.
    updated_at: String,
    /// Since when it is deleted.
    deleted_at: Option<String>,
}

impl From<organization::Role> for Role {
    fn from(shown: organization::Role) -> Self {
        Self {
            id: shown.id.to_string(),
            name: shown.name,
            permissions: (&shown.granted).into(),
            created_at: moment(shown.history.created),
            updated_at: moment(shown.history.updated),
            deleted_at: shown.history.deleted.map(moment),
        }
    }
}

/// Somebody who works, or is invited to work, for an organization.
#[derive(SimpleObject)]
#[graphql(name = "OrganizationEmployee")]
pub(super) struct Employee {
    /// The id.
    id: String,
    /// For whom; null if who asks may not see it.
    organization: Option<Organization>,
    /// Who; null as above.
    user: Option<User>,
    /// As what; null as above.
    role: Option<Role>,
    /// The name that the organization uses.
    name: Option<String>,
    /// The e-mail address that the organization uses.
    email: Option<String>,
    /// The phone number that the organization uses.
    phone: Option<String>,
    /// Whether the user took the invitation.
    is_accepted: bool,
    /// Whether the user refused it.
    is_rejected: bool,
    /// Whether the organization keeps the user out.
    is_blocked: bool,
    /// When it was made.
    created_at: String,
    /// When it was changed last.
    updated_at: String,
    /// Since when it is deleted.
    deleted_at: Option<String>,
}

impl Employee {
    /// An employee as who asks sees them.
    pub(super) fn seen(shown: organization::Employee, access: &Access) -> Self {
        Self {
            id: shown.id.to_string(),
            organization: shown.organization.1.map(Organization::from),
            user: shown.user.1.map(|user| User::seen(user, access)),
            role: shown.role.and_then(|(_, role)| role).map(Role::from),
            name: shown.name,
            email: shown.email,
            phone: shown.phone,
            is_accepted: shown.is_accepted,
            is_rejected: shown.is_rejected,
            is_blocked: shown.is_blocked,
            created_at: moment(shown.history.created),
            updated_at: moment(shown.history.updated),
            deleted_at: shown.history.deleted.map(moment),
        }
    }
}

/// How many records a list has.
#[derive(SimpleObject)]
#[graphql(name = "_QueryMeta")]
pub(super) struct QueryMeta {
    /// So many.
    pub(super) count: i64,
}
