//! A user as others see them: whose addresses, second factor and the like are for themselves and for administrators.

use async_graphql::{Context, Json, Object, Result};

use super::input::UserType;
use super::moment::moment;
use super::people::RightsSet;
use super::visit::Visit;
use crate::service::access;
use crate::service::people;
use domain::access::{Access, may_see_rights_set};
use domain::refusal::Refusal;

/// How much of a user somebody sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sight {
    /// All but the password.
    Whole,
    /// What everybody sees, and whether a second factor is asked for.
    Supporting,
    /// What everybody sees who has signed in.
    Public,
}

/// A user.
pub(crate) struct User {
    user: domain::user::User,
    sight: Sight,
}

impl User {
    /// The user themselves, or who has just signed in as them.
    pub(crate) fn own(user: domain::user::User) -> Self {
        Self { user, sight: Sight::Whole }
    }

    /// A user as who asks sees them.
    pub(crate) fn seen(user: domain::user::User, access: &Access) -> Self {
        let sight = if access.sees_addresses_of(user.id.as_str()) {
            Sight::Whole
        } else if access.user.is_support {
            Sight::Supporting
        } else {
            Sight::Public
        };
        Self { user, sight }
    }

    fn only(&self, sights: &[Sight]) -> Result<()> {
        if sights.contains(&self.sight) { Ok(()) } else { Err(domain::Error::refused(Refusal::AccessDenied).into()) }
    }
}

/// A user.
#[Object]
impl User {
    /// The id: the subject that callers of the REST dialect name.
    async fn id(&self) -> String {
        self.user.id.as_str().to_owned()
    }

    /// The name.
    async fn name(&self) -> Option<&str> {
        self.user.name.as_deref()
    }

    /// The e-mail address: for the user themselves and for administrators.
    #[expect(clippy::unused_async, reason = "resolvers are")]
    async fn email(&self) -> Result<Option<&str>> {
        self.only(&[Sight::Whole])?;
        Ok(self.user.email.as_deref())
    }

    /// The phone number: for the user themselves and for administrators.
    #[expect(clippy::unused_async, reason = "resolvers are")]
    async fn phone(&self) -> Result<Option<&str>> {
        self.only(&[Sight::Whole])?;
        Ok(self.user.phone.as_deref())
    }

    /// Whether the e-mail address is known to be the user's own.
    async fn is_email_verified(&self) -> Option<bool> {
        Some(self.user.email_verified)
    }

    /// Whether the phone number is known to be the user's own.
    async fn is_phone_verified(&self) -> Option<bool> {
        Some(self.user.phone_verified)
    }

    /// Whether the user sees and changes everything.
    async fn is_admin(&self) -> Option<bool> {
        Some(self.user.is_admin)
    }

    /// Whether the user sees everything.
    async fn is_support(&self) -> Option<bool> {
        Some(self.user.is_support)
    }

    /// What kind of user it is.
    #[graphql(name = "type")]
    async fn kind(&self) -> Option<UserType> {
        Some(self.user.account_type.into())
    }

    /// Whether a password alone doesn't sign in: for the user themselves, administrators and support.
    #[expect(clippy::unused_async, reason = "resolvers are")]
    async fn is_two_factor_authentication_enabled(&self) -> Result<Option<bool>> {
        self.only(&[Sight::Whole, Sight::Supporting])?;
        Ok(Some(self.user.two_factor))
    }

    /// What partners told of the user, addresses among it: for the user themselves and for administrators.
    #[expect(clippy::unused_async, reason = "resolvers are")]
    async fn meta(&self) -> Result<Option<Json<serde_json::Value>>> {
        self.only(&[Sight::Whole])?;
        let meta = serde_json::from_str(&self.user.meta).map_err(domain::Error::internal)?;
        Ok(Some(Json(meta)))
    }

    /// What an administrator granted: for the user themselves, administrators and support.
    #[graphql(complexity = "20 + child_complexity")]
    async fn rights_set(&self, ctx: &Context<'_>) -> Result<Option<RightsSet>> {
        let Some(id) = self.user.rights_set else { return Ok(None) };
        let visit = ctx.data::<Visit>()?;
        // Of most users of a list there is nothing to see, and nothing to be asked.
        if !may_see_rights_set(visit.who(), id) {
            return Ok(None);
        }
        let access = access::of(&visit.app.parts, visit.who()).await?;
        let found = people::rights_set(&visit.app.parts, &access, id).await?;
        Ok(found.map(RightsSet::from))
    }

    /// When the account was made.
    async fn created_at(&self) -> Option<String> {
        Some(moment(self.user.created))
    }

    /// When it was changed last.
    async fn updated_at(&self) -> Option<String> {
        Some(moment(self.user.updated))
    }

    /// Since when it may not sign in.
    async fn deleted_at(&self) -> Option<String> {
        self.user.deleted.map(moment)
    }
}
