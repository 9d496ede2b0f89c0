//! Signing in with a password, a second factor beside it where the user wants one.

use async_graphql::{Context, Enum, InputObject, MaybeUndefined, Object, Result, SimpleObject};

use super::input::{Sender, UserType};
use super::user::User;
use super::visit::Visit;
use crate::service::condo_sign_in::{self, SecondFactor, Try};
use domain::account::{AccountType, Address, Email};
use domain::confirmation;
use domain::refusal::LoginKind;
use domain::sender;

/// What is taken for the sender of a sign-in by phone that names none, as in the source.
const BY_PHONE: &str = "auth-by-phone-and-password";

/// Who signs in by an e-mail address.
#[derive(InputObject)]
#[graphql(name = "AuthenticateUserWithEmailAndPasswordInput")]
struct WithEmail {
    dv: i32,
    sender: Sender,
    /// Taken, and not looked at.
    captcha: Option<String>,
    user_type: UserType,
    email: String,
    password: String,
    second_factor: Option<Factor>,
}

/// Who signs in by a phone number.
#[derive(InputObject)]
#[graphql(name = "AuthenticateUserWithPhoneAndPasswordInput")]
struct WithPhone {
    /// 1 if it is not said.
    dv: MaybeUndefined<i32>,
    /// This mutation itself if it is not said.
    sender: MaybeUndefined<Sender>,
    /// Taken, and not looked at.
    captcha: Option<String>,
    /// Staff if it is not said.
    user_type: Option<UserType>,
    phone: String,
    password: String,
    second_factor: Option<Factor>,
}

/// What shows, beside the password, that it is them.
#[derive(InputObject)]
#[graphql(name = "AuthenticateUserSecondFactorInput")]
struct Factor {
    #[graphql(name = "type")]
    kind: FactorType,
    /// The token of a confirmed phone, or the code that was sent to it.
    value: String,
}

/// What a second factor is; the phone's under the names of the source and of its documentation.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "AuthenticateUserSecondFactorType")]
enum FactorType {
    /// A token of `startConfirmPhoneAction`, or the code.
    #[graphql(name = "confirmPhoneToken")]
    Phone,
    /// The same.
    #[graphql(name = "CONFIRM_PHONE_TOKEN")]
    PhoneOfSeed,
    /// For e-mail addresses, which nothing is confirmed by here: always wrong.
    #[graphql(name = "confirmEmailToken")]
    Email,
}

impl From<Factor> for SecondFactor {
    fn from(factor: Factor) -> Self {
        match factor.kind {
            FactorType::Phone | FactorType::PhoneOfSeed => Self::Phone(factor.value.into()),
            FactorType::Email => Self::Email,
        }
    }
}

/// Who has signed in, and the session's token.
#[derive(SimpleObject)]
#[graphql(name = "AuthenticateUserWithEmailAndPasswordOutput")]
struct SignedInByEmail {
    item: User,
    /// A bearer token; the cookie `keystone.sid` has it too.
    token: String,
}

/// Who has signed in, and the session's token.
#[derive(SimpleObject)]
#[graphql(name = "AuthenticateUserWithPhoneAndPasswordOutput")]
struct SignedInByPhone {
    item: User,
    /// A bearer token; the cookie `keystone.sid` has it too.
    token: String,
}

/// Ways in.
#[derive(Default)]
pub(crate) struct SignInMutation;

// Twenty: a password takes a core for as long as some hundred plain fields, and a request may hold ten of them.
#[Object]
impl SignInMutation {
    /// Signs in by a verified e-mail address.
    #[graphql(complexity = "20 + child_complexity")]
    async fn authenticate_user_with_email_and_password(
        &self,
        ctx: &Context<'_>,
        data: WithEmail,
    ) -> Result<Option<SignedInByEmail>> {
        let visit = ctx.data::<Visit>()?;
        let attempt = Try {
            kind: LoginKind::Email,
            address: Email::parse(&data.email).ok().map(Address::Email),
            account_type: data.user_type.into(),
            password: data.password.into(),
            second_factor: data.second_factor.map(Into::into),
            sender: (data.dv, data.sender.into()),
            mutation: "authenticateUserWithEmailAndPassword",
            origin: visit.origin.clone(),
            session: visit.session.clone(),
        };
        let (item, token) = let_in(visit, attempt).await?;
        Ok(Some(SignedInByEmail { item, token }))
    }

    /// Signs in by a phone number.
    #[graphql(complexity = "20 + child_complexity")]
    async fn authenticate_user_with_phone_and_password(
        &self,
        ctx: &Context<'_>,
        data: WithPhone,
    ) -> Result<Option<SignedInByPhone>> {
        let visit = ctx.data::<Visit>()?;
        // What is said to be null is said, as in the source, and is neither a version nor a sender.
        let dv = match data.dv {
            MaybeUndefined::Undefined => 1,
            MaybeUndefined::Null => 0,
            MaybeUndefined::Value(dv) => dv,
        };
        let sender = match data.sender {
            MaybeUndefined::Undefined => sender::Sender { dv: 1, fingerprint: BY_PHONE.to_owned() },
            MaybeUndefined::Null => sender::Sender { dv: 0, fingerprint: String::new() },
            MaybeUndefined::Value(sender) => sender.into(),
        };
        let attempt = Try {
            kind: LoginKind::Phone,
            address: confirmation::phone(&data.phone).map(Address::Phone),
            account_type: data.user_type.map_or(AccountType::Staff, Into::into),
            password: data.password.into(),
            second_factor: data.second_factor.map(Into::into),
            sender: (dv, sender),
            mutation: "authenticateUserWithPhoneAndPassword",
            origin: visit.origin.clone(),
            session: visit.session.clone(),
        };
        let (item, token) = let_in(visit, attempt).await?;
        Ok(Some(SignedInByPhone { item, token }))
    }
}

async fn let_in(visit: &Visit, attempt: Try) -> domain::Result<(User, String)> {
    let opened = condo_sign_in::sign_in(&visit.app.parts, attempt).await?;
    let token = secrecy::ExposeSecret::expose_secret(&opened.ticket.value).to_owned();
    visit.leave(opened.ticket);
    visit.leave_device(opened.device);
    Ok((User::own(opened.user), token))
}
