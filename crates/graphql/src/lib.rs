//! The GraphQL of the Condo dialect, whatever carries it: one schema, what its resolvers know of a request, and the dialect's words
//! (`docs/condo-contract.md` 3 to 6).
//!
//! A resolver takes its [`Visit`] by `ctx.data::<Visit>()?`, calls one function of a service and lets `?` carry the
//! `domain::Error`: `error` finds it again and shapes it. Whatever may fail is nullable, so that an error leaves a null
//! where it happened and takes nothing else with it. Arguments are `Option`s only where null means the same as nothing.

mod budget;
mod confirm_email;
mod confirm_phone;
mod document;
mod error;
mod grants;
mod ids;
mod input;
mod moment;
mod people;
mod posted;
pub mod refusals;
mod run;
mod service_users;
mod sessions;
mod sign_in;
#[cfg(test)]
mod tests;
mod unset;
mod user;
mod visit;

use async_graphql::{EmptySubscription, MergedObject, Schema, SchemaBuilder};

use settings::Settings;

pub use budget::Budget;
pub use document::TEXT_LIMIT;
pub use error::{Answer, Envelope, NUL, Refused};
pub use ids::err_id;
pub use posted::{One, Posted, Read, read, read_address};
pub use run::{Asked, VARIABLES};
pub use visit::{Left, Visit};

/// The most that a request may ask for: each field counts one, a list, a code or a password twenty, and what a list shows once for
/// each 400 records it may have. The documented requests come to 38 at most, a page that shows everything of employees to 69.
pub const COMPLEXITY: usize = 250;
/// How deep fields may stand in each other. The documented requests need 3, and that page 4.
const DEPTH: usize = 10;
/// The same where the schema may be asked for: the question for all of it that tools ask, types in types.
const INTROSPECTION: (usize, usize) = (1000, 20);

/// All that can be asked.
#[derive(MergedObject, Default)]
struct Query(
    sessions::SessionQuery,
    people::PeopleQuery,
    confirm_phone::ConfirmPhoneQuery,
    confirm_email::ConfirmEmailQuery,
);

/// All that can be done.
#[derive(MergedObject, Default)]
struct Mutation(
    sessions::SessionMutation,
    people::PeopleMutation,
    confirm_phone::ConfirmPhoneMutation,
    confirm_email::ConfirmEmailMutation,
    sign_in::SignInMutation,
    service_users::ServiceUserMutation,
);

/// The schema, ready to run requests.
type Ready = Schema<Query, Mutation, EmptySubscription>;

/// Where requests are run.
#[derive(Clone)]
pub struct Api {
    /// Those that come alone. An extension takes its time at every field, so there is none.
    alone: Ready,
    /// Those of a batch, with their [`budget::Budget`].
    batched: Ready,
}

/// Builds the schema: once, since it is the same for all who serve.
pub fn api(settings: &Settings) -> Api {
    Api { alone: builder(settings).finish(), batched: builder(settings).extension(budget::Budgeted).finish() }
}

/// The schema in the words of its definition language (GraphQL, October 2021, §3), for tools that read it.
pub fn sdl() -> String {
    Schema::build(Query::default(), Mutation::default(), EmptySubscription).finish().sdl()
}

fn builder(settings: &Settings) -> SchemaBuilder<Query, Mutation, EmptySubscription> {
    let builder = Schema::build(Query::default(), Mutation::default(), EmptySubscription);
    let (builder, (complexity, depth)) = if settings.introspection {
        (builder, INTROSPECTION)
    } else {
        (builder.disable_introspection(), (COMPLEXITY, DEPTH))
    };
    builder.limit_complexity(complexity).limit_depth(depth).limit_recursive_depth(document::NESTING).limit_directives(4)
}
