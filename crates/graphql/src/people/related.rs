//! How a record is named, and another related to it: two types for each kind of record, under Keystone's names.

use async_graphql::{ID, InputObject};
use uuid::Uuid;

use crate::input::UserWhereUniqueInput;
use domain::Error;
use service::people::Change;

macro_rules! named_by_id {
    ($($(#[$doc:meta])* $Unique:ident;)+) => {$(
        $(#[$doc])*
        #[derive(InputObject)]
        pub(super) struct $Unique {
            /// The id.
            id: ID,
        }
    )+};
}

macro_rules! related_to {
    ($($(#[$doc:meta])* $Relation:ident, $Unique:ident;)+) => {$(
        $(#[$doc])*
        #[derive(InputObject)]
        pub(super) struct $Relation {
            /// To this one.
            connect: Option<$Unique>,
            /// Not to this one any more.
            disconnect: Option<$Unique>,
            /// To none any more.
            disconnect_all: Option<bool>,
        }

        impl From<$Relation> for Change<Option<String>> {
            fn from(relation: $Relation) -> Self {
                match relation {
                    $Relation { connect: Some(record), .. } => Self::To(Some(record.id.0)),
                    $Relation { disconnect_all: Some(true), .. } | $Relation { disconnect: Some(_), .. } => Self::To(None),
                    _ => Self::Keep,
                }
            }
        }
    )+};
}

named_by_id! {
    /// An organization.
    OrganizationWhereUniqueInput;
    /// A role.
    OrganizationEmployeeRoleWhereUniqueInput;
    /// A rights set.
    UserRightsSetWhereUniqueInput;
}

related_to! {
    /// To which organization another record is related.
    OrganizationRelateToOneInput, OrganizationWhereUniqueInput;
    /// To which role.
    OrganizationEmployeeRoleRelateToOneInput, OrganizationEmployeeRoleWhereUniqueInput;
    /// To which user.
    UserRelateToOneInput, UserWhereUniqueInput;
    /// To which rights set.
    UserRightsSetRelateToOneInput, UserRightsSetWhereUniqueInput;
}

/// What becomes of a relation that may be to nothing; the error names the field.
pub(super) fn connected(
    relation: Option<impl Into<Change<Option<String>>>>,
    field: &'static str,
) -> domain::Result<Change<Option<Uuid>>> {
    match relation.map_or(Change::Keep, Into::into) {
        Change::Keep => Ok(Change::Keep),
        Change::To(id) => Ok(Change::To(id.map(|id| uuid(&id, field)).transpose()?)),
    }
}

/// The id of the record that a new one is related to.
pub(super) fn needed(relation: impl Into<Change<Option<String>>>, field: &'static str) -> domain::Result<String> {
    match relation.into() {
        Change::To(Some(id)) => Ok(id),
        _ => Err(Error::input(field, "is missing: { connect: { id: \"…\" } }")),
    }
}

/// The id of a record of ours; the error names the field.
pub(super) fn uuid(text: &str, field: &'static str) -> domain::Result<Uuid> {
    Uuid::parse_str(text).map_err(|_not_a_uuid| Error::input(field, "is not there"))
}
