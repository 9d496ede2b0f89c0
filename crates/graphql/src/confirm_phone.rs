//! Confirming a phone by a code sent to it (`docs/condo-contract.md` 3). Whatever stands for the captcha passes (docs/compatibility.md).

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};
use secrecy::ExposeSecret as _;

use super::input::{Sender, UserWhereUniqueInput, check};
use super::visit::Visit;
use domain::account::AddressKind;
use domain::confirmation::Purpose;
use service::confirmations::{self, Asking, Whose};

/// What is asked of confirmations.
#[derive(Default)]
pub(crate) struct ConfirmPhoneQuery;

#[Object]
impl ConfirmPhoneQuery {
    /// The phone of a confirmation; masked before it is confirmed, if it was asked for by a user's id.
    async fn get_phone_by_confirm_phone_action_token(
        &self,
        ctx: &Context<'_>,
        data: GetPhoneByConfirmPhoneActionTokenInput,
    ) -> Result<Option<GetPhoneByConfirmPhoneActionTokenOutput>> {
        let visit = ctx.data::<Visit>()?;
        let shown = confirmations::address_of(&visit.parts, Purpose::ConfirmPhone, &data.token).await?;
        Ok(Some(GetPhoneByConfirmPhoneActionTokenOutput { phone: shown.address, is_phone_verified: shown.is_verified }))
    }
}

/// What is done with confirmations.
#[derive(Default)]
pub(crate) struct ConfirmPhoneMutation;

#[Object]
impl ConfirmPhoneMutation {
    /// Sends a code by SMS to a phone, or to that of a user; the token is what the code confirms.
    #[graphql(complexity = "20 + child_complexity")]
    async fn start_confirm_phone_action(
        &self,
        ctx: &Context<'_>,
        data: StartConfirmPhoneActionInput,
    ) -> Result<Option<StartConfirmPhoneActionOutput>> {
        let visit = ctx.data::<Visit>()?;
        check(data.dv, &data.sender)?;
        let whose = Whose { address: data.phone.as_deref(), user: data.user.as_ref().map(|user| user.id.as_str()) };
        let token = confirmations::start(&visit.parts, AddressKind::Phone, whose, asking(visit)).await?;
        Ok(Some(StartConfirmPhoneActionOutput { token: token.expose_secret().to_owned() }))
    }

    /// Sends another code; the one before is void.
    #[graphql(complexity = "20 + child_complexity")]
    async fn resend_confirm_phone_action_sms(
        &self,
        ctx: &Context<'_>,
        data: ResendConfirmPhoneActionSmsInput,
    ) -> Result<Option<ResendConfirmPhoneActionSmsOutput>> {
        let visit = ctx.data::<Visit>()?;
        check(data.dv, &data.sender)?;
        confirmations::send_again(&visit.parts, Purpose::ConfirmPhone, &data.token, asking(visit)).await?;
        Ok(Some(ResendConfirmPhoneActionSmsOutput { status: OK.to_owned() }))
    }

    /// Confirms the phone by the code.
    #[graphql(complexity = "20 + child_complexity")]
    async fn complete_confirm_phone_action(
        &self,
        ctx: &Context<'_>,
        data: CompleteConfirmPhoneActionInput,
    ) -> Result<Option<CompleteConfirmPhoneActionOutput>> {
        let visit = ctx.data::<Visit>()?;
        check(data.dv, &data.sender)?;
        let typed = data.sms_code.into();
        confirmations::complete(&visit.parts, AddressKind::Phone, &data.token, typed, &visit.origin).await?;
        Ok(Some(CompleteConfirmPhoneActionOutput { status: OK.to_owned() }))
    }
}

pub(super) const OK: &str = "ok";

pub(super) fn asking(visit: &Visit) -> Asking {
    Asking { ip: visit.origin.ip, locale: visit.locale }
}

#[derive(InputObject)]
struct StartConfirmPhoneActionInput {
    dv: i32,
    sender: Sender,
    /// Any value.
    captcha: String,
    phone: Option<String>,
    user: Option<UserWhereUniqueInput>,
}

#[derive(SimpleObject)]
struct StartConfirmPhoneActionOutput {
    /// What names the confirmation, and stands for the phone once it is confirmed: `cp:` and a UUID.
    token: String,
}

#[derive(InputObject)]
struct ResendConfirmPhoneActionSmsInput {
    dv: i32,
    sender: Sender,
    /// Any value.
    captcha: String,
    token: String,
}

#[derive(SimpleObject)]
struct ResendConfirmPhoneActionSmsOutput {
    /// `ok`
    status: String,
}

#[derive(InputObject)]
struct CompleteConfirmPhoneActionInput {
    dv: i32,
    sender: Sender,
    /// Any value.
    captcha: String,
    token: String,
    sms_code: i32,
}

#[derive(SimpleObject)]
struct CompleteConfirmPhoneActionOutput {
    /// `ok`
    status: String,
}

#[derive(InputObject)]
struct GetPhoneByConfirmPhoneActionTokenInput {
    token: String,
    /// Any value.
    captcha: String,
}

#[derive(SimpleObject)]
struct GetPhoneByConfirmPhoneActionTokenOutput {
    /// The number, or its mask.
    phone: String,
    is_phone_verified: bool,
}
