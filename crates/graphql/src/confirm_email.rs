//! Confirming an e-mail address by a code sent to it, as [`super::confirm_phone`] does a phone (`docs/condo-contract.md` 3).

use async_graphql::{Context, Enum, InputObject, Object, Result, SimpleObject};
use secrecy::ExposeSecret as _;

use super::confirm_phone::{OK, asking};
use super::input::{Sender, UserWhereUniqueInput, check};
use super::visit::Visit;
use domain::Error;
use domain::account::AddressKind;
use domain::confirmation::Purpose;
use service::confirmations::{self, Whose};

/// What is asked of confirmations.
#[derive(Default)]
pub(crate) struct ConfirmEmailQuery;

#[Object]
impl ConfirmEmailQuery {
    /// The e-mail address of a confirmation; masked before it is confirmed, if it was asked for by a user's id.
    async fn get_email_by_confirm_email_action_token(
        &self,
        ctx: &Context<'_>,
        data: GetEmailByConfirmEmailActionTokenInput,
    ) -> Result<Option<GetEmailByConfirmEmailActionTokenOutput>> {
        let visit = ctx.data::<Visit>()?;
        check(data.dv, &data.sender)?;
        let shown = confirmations::address_of(&visit.parts, Purpose::ConfirmEmail, &data.token).await?;
        Ok(Some(GetEmailByConfirmEmailActionTokenOutput { email: shown.address, is_email_verified: shown.is_verified }))
    }
}

/// What is done with confirmations.
#[derive(Default)]
pub(crate) struct ConfirmEmailMutation;

#[Object]
impl ConfirmEmailMutation {
    /// Sends a code to an e-mail address, or to that of a user; the token is what the code confirms.
    #[graphql(complexity = "20 + child_complexity")]
    async fn start_confirm_email_action(
        &self,
        ctx: &Context<'_>,
        data: StartConfirmEmailActionInput,
    ) -> Result<Option<StartConfirmEmailActionOutput>> {
        let visit = ctx.data::<Visit>()?;
        check(data.dv, &data.sender)?;
        if data.confirmation_flow == Some(ConfirmEmailActionFlow::LinkForStaffVerification) {
            let problem = "must be CODE: no links are sent here, and no user is marked as verified by one";
            return Err(Error::input("confirmationFlow", problem).into());
        }
        let whose = Whose { address: data.email.as_deref(), user: data.user.as_ref().map(|user| user.id.as_str()) };
        let token = confirmations::start(&visit.parts, AddressKind::Email, whose, asking(visit)).await?;
        Ok(Some(StartConfirmEmailActionOutput { token: token.expose_secret().to_owned() }))
    }

    /// Sends another code; the one before is void.
    #[graphql(complexity = "20 + child_complexity")]
    async fn resend_confirm_email_action(
        &self,
        ctx: &Context<'_>,
        data: ResendConfirmEmailActionInput,
    ) -> Result<Option<ResendConfirmEmailActionOutput>> {
        let visit = ctx.data::<Visit>()?;
        check(data.dv, &data.sender)?;
        confirmations::send_again(&visit.parts, Purpose::ConfirmEmail, &data.token, asking(visit)).await?;
        Ok(Some(ResendConfirmEmailActionOutput { status: OK.to_owned() }))
    }

    /// Confirms the e-mail address by the code.
    #[graphql(complexity = "20 + child_complexity")]
    async fn complete_confirm_email_action(
        &self,
        ctx: &Context<'_>,
        data: CompleteConfirmEmailActionInput,
    ) -> Result<Option<CompleteConfirmEmailActionOutput>> {
        let visit = ctx.data::<Visit>()?;
        check(data.dv, &data.sender)?;
        let typed = digits(&data.secret_code);
        confirmations::complete(&visit.parts, AddressKind::Email, &data.token, typed, &visit.origin).await?;
        Ok(Some(CompleteConfirmEmailActionOutput { status: OK.to_owned() }))
    }
}

/// The code that a text is; one that can't be a code is a wrong one.
fn digits(text: &str) -> i64 {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number).unwrap_or(-1)
}

#[derive(InputObject)]
struct StartConfirmEmailActionInput {
    dv: i32,
    sender: Sender,
    /// Any value.
    captcha: String,
    email: Option<String>,
    user: Option<UserWhereUniqueInput>,
    /// A code, if it is not said.
    confirmation_flow: Option<ConfirmEmailActionFlow>,
}

/// What is sent.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
enum ConfirmEmailActionFlow {
    /// A code.
    Code,
    /// A link to a page of the source's, which is not here: refused.
    LinkForStaffVerification,
}

#[derive(SimpleObject)]
struct StartConfirmEmailActionOutput {
    /// What names the confirmation, and stands for the address once it is confirmed: `ce:` and a UUID.
    token: String,
}

#[derive(InputObject)]
struct ResendConfirmEmailActionInput {
    dv: i32,
    sender: Sender,
    /// Any value.
    captcha: String,
    token: String,
}

#[derive(SimpleObject)]
struct ResendConfirmEmailActionOutput {
    /// `ok`
    status: String,
}

#[derive(InputObject)]
struct CompleteConfirmEmailActionInput {
    dv: i32,
    sender: Sender,
    /// Any value.
    captcha: String,
    token: String,
    secret_code: String,
}

#[derive(SimpleObject)]
struct CompleteConfirmEmailActionOutput {
    /// `ok`
    status: String,
}

#[derive(InputObject)]
struct GetEmailByConfirmEmailActionTokenInput {
    dv: i32,
    sender: Sender,
    token: String,
    /// Any value.
    captcha: String,
}

#[derive(SimpleObject)]
struct GetEmailByConfirmEmailActionTokenOutput {
    /// The address, or its mask.
    email: String,
    is_email_verified: bool,
}
