//! What the Condo dialect refuses, by what its clients can tell apart (`docs/condo-contract.md` 1.4, 3, 4, 6): no words, no status.

use std::time::Duration;

use super::address::AddressKind;

/// What the dialect can be refused an answer for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A parameter of the query is not there.
    MissingQueryParameter(&'static str),
    /// A parameter of the query is not what it must be.
    InvalidParameter(&'static str),
    /// `user_type` is neither resident nor staff.
    InvalidUserType,
    /// The callback was asked without a `user_type`, and none was given before.
    NoUserTypeInCallback {
        /// The provider, as the path names it.
        provider: String,
    },
    /// The identity belongs to a user who may not sign in.
    ExternalIdentityBlocked,
    /// The first sign-in needs a confirmed phone.
    PhoneConfirmationRequired {
        /// The phone that the partner tells, if any.
        phone: Option<String>,
    },
    /// The first sign-in needs a confirmed e-mail address.
    EmailConfirmationRequired {
        /// The address that the partner tells, if any.
        email: Option<String>,
    },
    /// No such partner.
    UnknownProvider {
        /// What the path names.
        provider: String,
    },
    /// What the partner tells of the user is not what it must be.
    InvalidUserData,
    /// The partner does not vouch for the token, or does not answer.
    AuthorizationFailed,
    /// As often as may be, for now.
    TooManyRequests {
        /// When to come again.
        retry_after: Duration,
    },

    /// The points for lists are spent (`domain::points`).
    RateLimitExceeded {
        /// When there are more.
        retry_after: Duration,
    },
    /// A list took longer than any may.
    ListTooSlow,
    /// So many lists are waited for that this one isn't.
    ListsBusy,

    /// No phone number.
    WrongPhoneFormat,
    /// Neither an address nor a user.
    AddressAndUserIdIsMissing(AddressKind),
    /// An address and a user.
    ShouldBeOneIdentifierOnly(AddressKind),
    /// No such confirmation, or it is over.
    UnableToFindConfirmAction(AddressKind),
    /// The code is too old.
    CodeExpired(AddressKind),
    /// There were as many tries as there may be.
    CodeMaxRetriesReached(AddressKind),
    /// Another code.
    CodeVerificationFailed(AddressKind),
    /// The phone got as many messages today as it may.
    SmsForPhoneDayLimitReached,
    /// The network asked for as many messages as it may.
    SmsForIpDayLimitReached {
        /// When to come again; the dialect says tomorrow.
        retry_after: Duration,
    },
    /// The message could not be sent: the gateway is away, or refuses it.
    MessageNotSent(AddressKind),
    /// There is no gateway to send it by.
    MessagesNotConfigured(AddressKind),

    /// No e-mail address.
    WrongEmailValue,
    /// Whatever is wrong with a try to sign in.
    WrongCredentials(AddressKind),
    /// The password is right, and is not enough.
    NotEnoughAuthFactors(Box<AuthDetails>),
    /// `dv` is not 1.
    DvVersionMismatch,
    /// `sender` is not what it must be; what is wrong with it.
    WrongSenderFormat {
        /// In the words of the source.
        details: String,
    },
    /// Another user has the address.
    UserAlreadyExists {
        /// Which address: `email` or `phone`.
        field: &'static str,
    },
    /// A rule of the data is broken by a change, in the words of the source's hooks.
    Invalid {
        /// What is wrong.
        message: String,
    },

    /// Nobody is signed in.
    NotAuthenticated,
    /// Who is signed in may not.
    AccessDenied,
}

/// What a client needs to go on with a second factor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthDetails {
    /// Whose second factor.
    pub user_id: String,
    /// The masked e-mail address, where a factor can come from it.
    pub email: Option<String>,
    /// The masked phone number, where a factor can come from it.
    pub phone: Option<String>,
}
