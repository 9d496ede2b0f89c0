//! Making and changing users: for administrators, and oneself in name. Names and arguments are Keystone's.

use async_graphql::{Context, ID, InputObject, Json, MaybeUndefined, Object, Result};
use serde_json::Value;

use super::changes::{editor, moment, nullable, said, value};
use super::related::{UserRightsSetRelateToOneInput, connected};
use crate::input::{Sender, UserType, check_record};
use crate::user::User;
use crate::visit::Visit;
use domain::Error;
use domain::access::denied;
use domain::ids::Subject;
use service::people::{self, Change, UserChange};

/// What is said of a user.
#[derive(Default, InputObject)]
struct UserFields {
    name: MaybeUndefined<String>,
    email: MaybeUndefined<String>,
    is_email_verified: Option<bool>,
    phone: MaybeUndefined<String>,
    is_phone_verified: Option<bool>,
    /// From 8 to 256 characters; another one signs the user out everywhere.
    #[graphql(secret)]
    password: Option<String>,
    is_admin: Option<bool>,
    is_support: Option<bool>,
    is_two_factor_authentication_enabled: Option<bool>,
    rights_set: Option<UserRightsSetRelateToOneInput>,
    /// An object.
    meta: Option<Json<Value>>,
}

impl UserFields {
    fn change(self) -> domain::Result<UserChange> {
        let meta = match self.meta {
            None => Change::Keep,
            Some(Json(meta @ Value::Object(_))) => Change::To(meta.to_string()),
            Some(_) => return Err(Error::input("meta", "must be an object")),
        };
        Ok(UserChange {
            name: nullable(self.name),
            email: nullable(self.email),
            email_verified: value(self.is_email_verified),
            phone: nullable(self.phone),
            phone_verified: value(self.is_phone_verified),
            password: self.password.map(Into::into),
            is_admin: value(self.is_admin),
            is_support: value(self.is_support),
            two_factor: value(self.is_two_factor_authentication_enabled),
            rights_set: connected(self.rights_set, "rightsSet")?,
            meta,
            deleted: Change::Keep,
        })
    }
}

/// A user to make.
#[derive(InputObject)]
struct UserCreateInput {
    dv: i32,
    sender: Sender,
    /// Staff, if nothing is said.
    #[graphql(name = "type")]
    kind: Option<UserType>,
    #[graphql(flatten)]
    fields: UserFields,
}

/// What becomes of a user.
#[derive(InputObject)]
struct UserUpdateInput {
    dv: i32,
    sender: Sender,
    #[graphql(flatten)]
    fields: UserFields,
    /// Since when the user may not sign in; null: they may.
    deleted_at: MaybeUndefined<String>,
}

/// Users.
#[derive(Default)]
pub(super) struct UserMutation;

#[Object]
impl UserMutation {
    /// Makes a user: for administrators.
    async fn create_user(&self, ctx: &Context<'_>, data: Option<UserCreateInput>) -> Result<Option<User>> {
        let visit = ctx.data::<Visit>()?;
        let by = editor(visit).await?;
        let data = said(data)?;
        let access = by.access.clone();
        check_record(data.dv, &data.sender)?;
        let kind = data.kind.unwrap_or(UserType::Staff).into();
        let made = people::create_user(&visit.parts, by, kind, data.fields.change()?).await?;
        Ok(Some(User::seen(made, &access)))
    }

    /// Changes a user: for administrators; the rights set also by the right `canManageUserRightsSetField`, and one's own name.
    async fn update_user(&self, ctx: &Context<'_>, id: ID, data: Option<UserUpdateInput>) -> Result<Option<User>> {
        let visit = ctx.data::<Visit>()?;
        let by = editor(visit).await?;
        let data = said(data)?;
        let access = by.access.clone();
        check_record(data.dv, &data.sender)?;
        let id = Subject::parse(id.0).map_err(|_malformed| denied())?;
        let change = UserChange { deleted: moment(data.deleted_at)?, ..data.fields.change()? };
        let changed = people::change_user(&visit.parts, by, id, change).await?;
        Ok(Some(User::seen(changed, &access)))
    }
}
