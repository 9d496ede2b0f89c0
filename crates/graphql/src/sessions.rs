//! Who is signed in, and signing out.

use async_graphql::{Context, Object, Result, SimpleObject};

use super::user::User;
use super::visit::Visit;
use service::{condo_sessions, condo_sign_in};

/// What is asked of a session.
#[derive(Default)]
pub(crate) struct SessionQuery;

#[Object]
impl SessionQuery {
    /// Who is signed in; null if nobody is.
    #[expect(clippy::unused_async, reason = "resolvers are")]
    async fn authenticated_user(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        let visit = ctx.data::<Visit>()?;
        if visit.who().is_none() {
            return Ok(None);
        }
        Ok(Some(User::own(visit.user()?.clone())))
    }
}

/// What is done with a session.
#[derive(Default)]
pub(crate) struct SessionMutation;

#[Object]
impl SessionMutation {
    /// Signs out: the session is over, cookie and bearer token alike.
    #[graphql(complexity = "20 + child_complexity")]
    async fn unauthenticate_user(&self, ctx: &Context<'_>) -> Result<Option<UnauthenticateUserOutput>> {
        let visit = ctx.data::<Visit>()?;
        // Asked twice in one request, it is done once.
        if let Some(session) = &visit.session
            && condo_sign_in::sign_out(&visit.parts, session, visit.origin.clone()).await?
        {
            visit.leave(condo_sessions::anonymous(&visit.parts, None)?);
        }
        Ok(Some(UnauthenticateUserOutput { success: Some(true) }))
    }
}

/// Whether it was done.
#[derive(SimpleObject)]
#[graphql(name = "unauthenticateUserOutput")]
struct UnauthenticateUserOutput {
    /// Always.
    success: Option<bool>,
}
