//! A subject we hold a record of.

use super::link::stored_as;

/// What kind of user an account is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountType {
    /// An employee.
    Staff,
    /// A customer.
    Resident,
    /// A program.
    Service,
}

stored_as!(AccountType { Staff => "staff", Resident => "resident", Service => "service" });
