//! A user as others see them: whose addresses, second factor and the like are for themselves and for administrators.

use async_graphql::{Context, ID, Json, Object, Result, SimpleObject};

use super::grants::Rights;
use super::input::UserType;
use super::moment::moment;
use super::visit::Visit;
use domain::access::{Access, may_see_rights_set};
use domain::organization::{self, History};
use domain::refusal::Refusal;
use service::access;
use service::people;

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
    async fn id(&self) -> ID {
        self.user.id.as_str().into()
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
        let access = access::of(&visit.parts, visit.who()).await?;
        let found = people::rights_set(&visit.parts, &access, id).await?;
        Ok(found.map(RightsSet::from))
    }

    /// A picture, which is not kept: null.
    async fn avatar(&self) -> Option<File> {
        None
    }

    /// The user's language, which is not kept: null.
    async fn locale(&self) -> Option<&str> {
        None
    }

    /// Whether the web client is to explain itself, which is not kept: null.
    async fn show_global_hints(&self) -> Option<bool> {
        None
    }

    /// Whether the user wants to hear of offers, which is not kept: null.
    async fn has_marketing_consent(&self) -> Option<bool> {
        None
    }

    /// What every record has.
    #[expect(clippy::unused_async, reason = "resolvers are")]
    #[graphql(flatten)]
    async fn record(&self) -> Record {
        let domain::user::User { created, updated, deleted, .. } = self.user;
        History { created, updated, deleted }.into()
    }
}

/// A file that was sent: none is kept.
#[derive(SimpleObject)]
struct File {
    /// The id.
    id: Option<ID>,
    /// Where it is kept.
    path: Option<String>,
    /// What it is called.
    filename: Option<String>,
    /// What it was called where it came from.
    original_filename: Option<String>,
    /// Its media type.
    mimetype: Option<String>,
    /// How it was encoded when it came.
    encoding: Option<String>,
    /// Its address.
    public_url: Option<String>,
}

/// What an administrator grants to single users.
#[derive(SimpleObject)]
#[graphql(name = "UserRightsSet")]
pub(super) struct RightsSet {
    /// The id.
    id: ID,
    /// What people read.
    name: String,
    /// What it grants.
    #[graphql(flatten)]
    rights: Rights,
    /// What every record has.
    #[graphql(flatten)]
    record: Record,
}

impl From<organization::RightsSet> for RightsSet {
    fn from(shown: organization::RightsSet) -> Self {
        Self { id: shown.id.into(), name: shown.name, rights: (&shown.granted).into(), record: shown.history.into() }
    }
}

/// What every record has beside what it is of; null is what nothing is kept of.
#[derive(SimpleObject)]
pub(super) struct Record {
    /// The version of the record's structure: 1.
    dv: Option<i32>,
    /// Who sent the last change: null.
    sender: Option<SenderField>,
    /// How many times it was changed: null.
    v: Option<i32>,
    /// What it is called elsewhere: null.
    new_id: Option<String>,
    /// Who made it: null, the audit record tells.
    created_by: Option<User>,
    /// Who changed it last: null, the audit record tells.
    updated_by: Option<User>,
    /// When it was made.
    created_at: Option<String>,
    /// When it was changed last.
    updated_at: Option<String>,
    /// Since when it is deleted; of a user, since when they may not sign in.
    deleted_at: Option<String>,
}

/// Who sent a change.
#[derive(SimpleObject)]
struct SenderField {
    /// The version of this record: 1.
    dv: i32,
    /// What the sender calls its device.
    fingerprint: String,
}

impl From<History> for Record {
    fn from(history: History) -> Self {
        Self {
            dv: Some(1),
            sender: None,
            v: None,
            new_id: None,
            created_by: None,
            updated_by: None,
            created_at: Some(moment(history.created)),
            updated_at: Some(moment(history.updated)),
            deleted_at: history.deleted.map(moment),
        }
    }
}
