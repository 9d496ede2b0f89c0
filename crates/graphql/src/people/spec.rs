//! By what lists can be asked for and ordered: one table of fields a list, from which the types of its arguments come, and by
//! which they are read.

use domain::filter::Table;

/// What a field holds.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// An id that is a UUID.
    Id,
    /// An id that is any text: a user's.
    Subject,
    /// Text.
    Text,
    /// One of the kinds of users.
    UserType,
    /// Yes or no.
    Bool,
    /// A moment.
    Moment,
    /// The same for all, and in no column: `(the enumeration it is of, its value)`.
    Always(&'static str, &'static str),
    /// A related record: `(what it is asked for by, its column, the column here)`.
    Related(&'static Spec, &'static str, &'static str),
}

impl Kind {
    /// Whether records can be put in an order by it.
    pub(super) fn is_ordered(self) -> bool {
        !matches!(self, Self::Related(..) | Self::Always(..))
    }
}

/// A field that lists are asked by.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) column: &'static str,
    pub(super) kind: Kind,
}

const fn field(name: &'static str, column: &'static str, kind: Kind) -> Field {
    Field { name, column, kind }
}

/// What a list is of.
pub(super) struct Spec {
    /// What its records are called, such as `Organization`.
    pub(super) name: &'static str,
    pub(super) table: Table,
    pub(super) fields: &'static [Field],
    /// The columns that `search` looks into.
    pub(super) searched: &'static [&'static str],
}

/// Users. By `email` and `phone` who may see them alone.
pub(super) static USERS: Spec = Spec {
    name: "User",
    table: Table::Accounts,
    fields: &[
        field("id", "subject", Kind::Subject),
        field("name", "name", Kind::Text),
        field("type", "account_type", Kind::UserType),
        field("email", "email", Kind::Text),
        field("phone", "phone", Kind::Text),
        field("isEmailVerified", "email_verified", Kind::Bool),
        field("isPhoneVerified", "phone_verified", Kind::Bool),
        field("isAdmin", "is_admin", Kind::Bool),
        field("isSupport", "is_support", Kind::Bool),
        field("createdAt", "created", Kind::Moment),
        field("deletedAt", "disabled_at", Kind::Moment),
    ],
    searched: &["name"],
};

/// Organizations.
pub(super) static ORGANIZATIONS: Spec = Spec {
    name: "Organization",
    table: Table::Organizations,
    fields: &[
        field("id", "id", Kind::Id),
        field("name", "name", Kind::Text),
        field("type", "", Kind::Always("OrganizationTypeType", "MANAGING_COMPANY")),
        field("createdAt", "created", Kind::Moment),
        field("updatedAt", "updated", Kind::Moment),
        field("deletedAt", "deleted_at", Kind::Moment),
    ],
    searched: &["name"],
};

/// Roles.
pub(super) static ROLES: Spec = Spec {
    name: "OrganizationEmployeeRole",
    table: Table::EmployeeRoles,
    fields: &[
        field("id", "id", Kind::Id),
        field("name", "name", Kind::Text),
        field("organization", "organization", Kind::Related(&ORGANIZATIONS, "id", "organization")),
        field("createdAt", "created", Kind::Moment),
        field("updatedAt", "updated", Kind::Moment),
        field("deletedAt", "deleted_at", Kind::Moment),
    ],
    searched: &["name"],
};

/// Employees.
pub(super) static EMPLOYEES: Spec = Spec {
    name: "OrganizationEmployee",
    table: Table::Employees,
    fields: &[
        field("id", "id", Kind::Id),
        field("name", "name", Kind::Text),
        field("email", "email", Kind::Text),
        field("phone", "phone", Kind::Text),
        field("isAccepted", "is_accepted", Kind::Bool),
        field("isRejected", "is_rejected", Kind::Bool),
        field("isBlocked", "is_blocked", Kind::Bool),
        field("organization", "organization", Kind::Related(&ORGANIZATIONS, "id", "organization")),
        field("user", "subject", Kind::Related(&USERS, "subject", "subject")),
        field("role", "role", Kind::Related(&ROLES, "id", "role")),
        field("createdAt", "created", Kind::Moment),
        field("updatedAt", "updated", Kind::Moment),
        field("deletedAt", "deleted_at", Kind::Moment),
    ],
    searched: &["name", "email", "phone"],
};

/// Rights sets.
pub(super) static RIGHTS_SETS: Spec = Spec {
    name: "UserRightsSet",
    table: Table::RightsSets,
    fields: &[
        field("id", "id", Kind::Id),
        field("name", "name", Kind::Text),
        field("createdAt", "created", Kind::Moment),
        field("updatedAt", "updated", Kind::Moment),
        field("deletedAt", "deleted_at", Kind::Moment),
    ],
    searched: &["name"],
};

/// A list, as a type: its arguments are of types of their own.
pub(super) trait Listing: Send + Sync + 'static {
    /// What it is of.
    const SPEC: &'static Spec;
}

macro_rules! listings {
    ($($(#[$doc:meta])* $name:ident = $spec:ident;)+) => {
        $($(#[$doc])*
        pub(super) struct $name;

        impl Listing for $name {
            const SPEC: &'static Spec = &$spec;
        })+
    };
}

listings! {
    /// Users.
    Users = USERS;
    /// Organizations.
    Organizations = ORGANIZATIONS;
    /// Roles.
    Roles = ROLES;
    /// Employees.
    Employees = EMPLOYEES;
    /// Rights sets.
    RightsSets = RIGHTS_SETS;
}
