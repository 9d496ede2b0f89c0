//! Users, organizations, employees, roles and rights sets: listed for who may see them, changed by who may.

mod arguments;
mod changes;
mod lists;
mod objects;
mod related;
mod spec;
mod users;

pub(super) use lists::PeopleQuery;

use async_graphql::MergedObject;

/// The changes.
#[derive(MergedObject, Default)]
pub(super) struct PeopleMutation(changes::OrganizationMutation, users::UserMutation);
