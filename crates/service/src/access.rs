//! What a user of the Condo dialect may do, with the rights set that an administrator gave them.

use super::Parts;
use crate::boxed;
use domain::access::Access;
use domain::filter::{Filter, Page, Value};
use domain::organization::{Granted, RightsSet};
use domain::refusal::Refusal;
use domain::user::User;
use domain::{Error, Result};
use store::organizations::list;

/// What `user` may do. [`Refusal::NotAuthenticated`] without one, [`Refusal::AccessDenied`] to one who is deleted.
#[boxed]
pub async fn of(parts: &Parts, user: Option<&User>) -> Result<Access> {
    let user = user.ok_or(Error::Refused(Refusal::NotAuthenticated))?.clone();
    let rights = match user.rights_set {
        Some(id) => {
            let filter = Filter::All(vec![Filter::is("id", Value::Id(id)), Filter::Absent("deleted_at")]);
            let page = Page::default();
            let mut sets: Vec<RightsSet> = store::read!(parts.store, |conn| list(conn, &filter, &page))?;
            sets.pop().map(|set| set.granted).unwrap_or_default()
        }
        None => Granted::default(),
    };
    Access::of(user, rights)
}
