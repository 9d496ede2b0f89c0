//! Making service users.

use async_graphql::{Context, ID, InputObject, Json, Object, Result, SimpleObject};
use secrecy::ExposeSecret as _;

use super::input::{self, Sender};
use super::visit::Visit;
use service::service_users::{self, New};
use service::{access, door};

/// A service user to make.
#[derive(InputObject)]
#[graphql(name = "RegisterNewServiceUserInput")]
struct RegisterNewServiceUserInput {
    dv: i32,
    sender: Sender,
    name: String,
    email: String,
    /// A JSON object, kept with the user.
    meta: Option<Json<serde_json::Value>>,
}

/// The service user that was made.
#[derive(SimpleObject)]
#[graphql(name = "RegisterNewServiceUserOutput")]
struct RegisterNewServiceUserOutput {
    id: ID,
    email: String,
    /// Told this once.
    password: String,
}

/// What makes service users.
#[derive(Default)]
pub(crate) struct ServiceUserMutation;

#[Object]
impl ServiceUserMutation {
    /// Makes a user for a program, with a password that is told this once: for administrators, and who has the right.
    #[graphql(complexity = "20 + child_complexity")]
    async fn register_new_service_user(
        &self,
        ctx: &Context<'_>,
        data: RegisterNewServiceUserInput,
    ) -> Result<Option<RegisterNewServiceUserOutput>> {
        let visit = ctx.data::<Visit>()?;
        let parts = &visit.parts;
        let access = access::of(parts, visit.who()).await?;
        // Who may not is told so before anything of what was sent is looked at.
        service_users::allow(&access)?;
        input::check_record(data.dv, &data.sender)?;
        let new = New { name: data.name, email: data.email, meta: data.meta.map(|meta| meta.0) };
        let made = service_users::register(parts, &access, new, door::actor(&visit.origin)).await?;
        Ok(Some(RegisterNewServiceUserOutput {
            id: made.id.as_str().into(),
            email: made.email,
            password: made.password.expose_secret().to_owned(),
        }))
    }
}
