//! A rights set, as it is shown.

use async_graphql::SimpleObject;

use super::grants::Rights;
use crate::http::condo::graphql::moment::moment;
use domain::organization;

/// What an administrator grants to single users.
#[derive(SimpleObject)]
#[graphql(name = "UserRightsSet")]
pub(in crate::http::condo::graphql) struct RightsSet {
    /// The id.
    id: String,
    /// What people read.
    name: String,
    /// What it grants.
    #[graphql(flatten)]
    rights: Rights,
    /// When it was made.
    created_at: String,
    /// When it was changed last.
    updated_at: String,
    /// Since when it is deleted.
    deleted_at: Option<String>,
}

impl From<organization::RightsSet> for RightsSet {
    fn from(shown: organization::RightsSet) -> Self {
        Self {
            id: shown.id.to_string(),
            name: shown.name,
            rights: (&shown.granted).into(),
            created_at: moment(shown.history.created),
            updated_at: moment(shown.history.updated),
            deleted_at: shown.history.deleted.map(moment),
        }
    }
}
