//! Organizations, roles and employees as answers show them.

use async_graphql::{Enum, ID, SimpleObject};

use crate::grants::Permissions;
use crate::user::{Record, User};
use domain::access::Access;
use domain::organization;

/// What an organization does for the others of the source.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "OrganizationTypeType")]
pub(super) enum OrganizationType {
    /// What the source takes one for of which nothing is said, and what each is here.
    #[graphql(name = "MANAGING_COMPANY")]
    ManagingCompany,
    /// None here.
    #[graphql(name = "HOLDING")]
    Holding,
    /// None here.
    #[graphql(name = "SERVICE_PROVIDER")]
    ServiceProvider,
}

/// An organization.
#[derive(SimpleObject)]
pub(super) struct Organization {
    /// The id.
    id: ID,
    /// What people read.
    name: String,
    /// Its type.
    #[graphql(name = "type")]
    kind: Option<OrganizationType>,
    /// Its tax number, which is not kept: null.
    tin: Option<String>,
    /// Its country, which is not kept: null.
    country: Option<String>,
    /// What every record has.
    #[graphql(flatten)]
    record: Record,
}

impl From<organization::Organization> for Organization {
    fn from(shown: organization::Organization) -> Self {
        Self {
            id: shown.id.into(),
            name: shown.name,
            kind: Some(OrganizationType::ManagingCompany),
            tin: None,
            country: None,
            record: shown.history.into(),
        }
    }
}

/// What some employees of an organization may do there.
#[derive(SimpleObject)]
#[graphql(name = "OrganizationEmployeeRole")]
pub(super) struct Role {
    /// The id.
    id: ID,
    /// Whose; null if who asks may not see it.
    organization: Option<Organization>,
    /// What people read.
    name: String,
    /// What people read of it, which is not kept: null.
    description: Option<String>,
    /// What it grants.
    #[graphql(flatten)]
    permissions: Permissions,
    /// What every record has.
    #[graphql(flatten)]
    record: Record,
}

impl From<organization::PlacedRole> for Role {
    fn from(placed: organization::PlacedRole) -> Self {
        let shown = placed.role;
        Self {
            id: shown.id.into(),
            organization: placed.organization.map(Organization::from),
            name: shown.name,
            description: None,
            permissions: (&shown.granted).into(),
            record: shown.history.into(),
        }
    }
}

/// Somebody who works, or is invited to work, for an organization.
#[derive(SimpleObject)]
#[graphql(name = "OrganizationEmployee")]
pub(super) struct Employee {
    /// The id.
    id: ID,
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
    /// What every record has.
    #[graphql(flatten)]
    record: Record,
}

impl Employee {
    /// An employee as who asks sees them.
    pub(super) fn seen(shown: organization::Employee, access: &Access) -> Self {
        Self {
            id: shown.id.into(),
            organization: shown.organization.1.map(Organization::from),
            user: shown.user.1.map(|user| User::seen(user, access)),
            role: shown.role.and_then(|(_, role)| role).map(Role::from),
            name: shown.name,
            email: shown.email,
            phone: shown.phone,
            is_accepted: shown.is_accepted,
            is_rejected: shown.is_rejected,
            is_blocked: shown.is_blocked,
            record: shown.history.into(),
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
