//! Arguments that several mutations share: `dv` and `sender`, kinds of users.

use async_graphql::{Enum, ID, InputObject};

use domain::Result;
use domain::account::AccountType;
use domain::sender::{self, Details};

/// Who sends a change.
#[derive(Clone, Debug, InputObject)]
#[graphql(name = "SenderFieldInput")]
pub(super) struct Sender {
    /// The version of this record: 1.
    pub(super) dv: i32,
    /// What the sender calls its device: from 5 to 42 characters.
    pub(super) fingerprint: String,
}

impl From<Sender> for sender::Sender {
    fn from(sender: Sender) -> Self {
        Self { dv: sender.dv, fingerprint: sender.fingerprint }
    }
}

/// Refuses another version of data, or a sender out of shape, as mutations do that do something of their own.
pub(super) fn check(dv: i32, sender: &Sender) -> Result<()> {
    sender::check(dv, &sender.clone().into(), Details::Example)
}

/// The same as mutations do that create or update a record: each rule that is broken is told.
pub(super) fn check_record(dv: i32, sender: &Sender) -> Result<()> {
    sender::check(dv, &sender.clone().into(), Details::Each)
}

/// A user.
#[derive(InputObject)]
pub(super) struct UserWhereUniqueInput {
    /// The id.
    pub(super) id: ID,
}

/// What kind of user somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(name = "UserTypeType", rename_items = "lowercase")]
pub(super) enum UserType {
    /// An employee.
    Staff,
    /// A customer.
    Resident,
    /// A program.
    Service,
}

impl From<UserType> for AccountType {
    fn from(kind: UserType) -> Self {
        match kind {
            UserType::Staff => Self::Staff,
            UserType::Resident => Self::Resident,
            UserType::Service => Self::Service,
        }
    }
}

impl From<AccountType> for UserType {
    fn from(kind: AccountType) -> Self {
        match kind {
            AccountType::Staff => Self::Staff,
            AccountType::Resident => Self::Resident,
            AccountType::Service => Self::Service,
        }
    }
}
