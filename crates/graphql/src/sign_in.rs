//! Signing in with a password, a second factor beside it where the user wants one.

use async_graphql::{Context, Enum, InputObject, MaybeUndefined, Object, Result, SimpleObject};

use super::input::{Sender, UserType};
use super::user::User;
use super::visit::Visit;
use domain::account::{AccountType, Address, AddressKind, Email};
use domain::confirmation;
use domain::sender;
use service::condo_sign_in::{self, Opened, PlainTry, SecondFactor, Try};

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
    second_factor: Option<AuthenticateUserWithEmailAndPasswordSecondFactorInput>,
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
    second_factor: Option<AuthenticateUserWithPhoneAndPasswordSecondFactorInput>,
}

/// The second factor of a way in, under the names that the source has for it there.
macro_rules! second_factors {
    ($($Input:ident, $Type:ident;)+) => {$(
        /// What shows, beside the password, that it is them.
        #[derive(InputObject)]
        struct $Input {
            #[graphql(name = "type")]
            kind: $Type,
            /// The token of a confirmed phone, or the code that was sent to it; or the token of a confirmed e-mail address.
            value: String,
        }

        /// What a second factor is; the phone's under the names of the source and of its documentation.
        #[derive(Clone, Copy, PartialEq, Eq, Enum)]
        enum $Type {
            /// A token of `startConfirmPhoneAction`, or the code.
            #[graphql(name = "confirmPhoneToken")]
            Phone,
            /// The same.
            #[graphql(name = "CONFIRM_PHONE_TOKEN")]
            PhoneOfSeed,
            /// A token of `startConfirmEmailAction`.
            #[graphql(name = "confirmEmailToken")]
            Email,
        }

        impl From<$Input> for SecondFactor {
            fn from(factor: $Input) -> Self {
                match factor.kind {
                    $Type::Phone | $Type::PhoneOfSeed => Self::Phone(factor.value.into()),
                    $Type::Email => Self::Email(factor.value.into()),
                }
            }
        }
    )+};
}

second_factors! {
    AuthenticateUserWithEmailAndPasswordSecondFactorInput, AuthenticateUserWithEmailAndPasswordSecondFactorType;
    AuthenticateUserWithPhoneAndPasswordSecondFactorInput, AuthenticateUserWithPhoneAndPasswordSecondFactorType;
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

/// Who has signed in, and the session's token.
#[derive(SimpleObject)]
#[graphql(name = "authenticateUserOutput")]
struct SignedInPlainly {
    /// A bearer token; the cookie `keystone.sid` has it too.
    token: Option<String>,
    item: Option<User>,
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
            kind: AddressKind::Email,
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

    /// Signs in by a verified e-mail address, as whatever kind of user has it and this password.
    // A password for each kind.
    #[graphql(complexity = "60 + child_complexity")]
    async fn authenticate_user_with_password(
        &self,
        ctx: &Context<'_>,
        email: Option<String>,
        #[graphql(secret)] password: Option<String>,
    ) -> Result<Option<SignedInPlainly>> {
        let visit = ctx.data::<Visit>()?;
        let missing = |field| domain::Error::input(field, "is missing");
        let attempt = PlainTry {
            email: Email::parse(&email.ok_or_else(|| missing("email"))?).ok(),
            password: password.ok_or_else(|| missing("password"))?.into(),
            mutation: "authenticateUserWithPassword",
            origin: visit.origin.clone(),
            session: visit.session.clone(),
        };
        let opened = condo_sign_in::sign_in_plainly(&visit.parts, attempt).await?;
        let (item, token) = keep(visit, opened);
        Ok(Some(SignedInPlainly { token: Some(token), item: Some(item) }))
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
            kind: AddressKind::Phone,
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
    Ok(keep(visit, condo_sign_in::sign_in(&visit.parts, attempt).await?))
}

/// What the client keeps: the token, and cookies.
fn keep(visit: &Visit, opened: Opened) -> (User, String) {
    let token = secrecy::ExposeSecret::expose_secret(&opened.ticket.value).to_owned();
    visit.leave(opened.ticket);
    visit.leave_device(opened.device);
    (User::own(opened.user), token)
}
