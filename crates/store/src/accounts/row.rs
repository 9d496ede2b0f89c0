//! An account as the database holds it.

use diesel::prelude::*;

use crate::error::unreadable;
use crate::schema::accounts;
use crate::types::{At, Uuid};
use domain::account::{Account, AccountType, Claimed, Email, External, PasswordHash, Phone};
use domain::ids::Subject;
use domain::{Error, Result};

/// An account's row. It has no `Debug`: that would show the password's hash.
#[derive(Queryable, QueryableByName, Selectable, Insertable, AsChangeset)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column")]
#[diesel(table_name = accounts, primary_key(subject), treat_none_as_null = true, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
pub struct AccountRow {
    subject: String,
    issuer: Option<String>,
    account_type: String,
    name: Option<String>,
    created: At,
    email: Option<String>,
    email_verified: bool,
    phone: Option<String>,
    phone_verified: bool,
    password_hash: Option<String>,
    disabled_at: Option<At>,
    is_admin: bool,
    is_support: bool,
    two_factor: bool,
    rights_set: Option<Uuid>,
    meta: String,
    external_system: Option<String>,
    external_email: Option<String>,
    external_email_verified: bool,
    external_phone: Option<String>,
    external_phone_verified: bool,
    updated: Option<At>,
}

impl TryFrom<AccountRow> for Account {
    type Error = Error;

    fn try_from(row: AccountRow) -> Result<Self> {
        let unreadable = |column| unreadable("accounts", column);
        let email = row.email.as_deref().map(Email::parse).transpose();
        let phone = row.phone.as_deref().map(Phone::parse).transpose();
        Ok(Self {
            subject: Subject::parse(row.subject).map_err(|_malformed| unreadable("subject"))?,
            account_type: AccountType::parse(&row.account_type).ok_or_else(|| unreadable("account_type"))?,
            issuer: row.issuer,
            name: row.name,
            email: claimed(email.map_err(|_malformed| unreadable("email"))?, row.email_verified),
            phone: claimed(phone.map_err(|_malformed| unreadable("phone"))?, row.phone_verified),
            password_hash: row.password_hash.map(PasswordHash::new),
            is_admin: row.is_admin,
            is_support: row.is_support,
            two_factor: row.two_factor,
            rights_set: row.rights_set.map(|id| id.0),
            meta: row.meta,
            external: External {
                system: row.external_system,
                email: row.external_email,
                email_verified: row.external_email_verified,
                phone: row.external_phone,
                phone_verified: row.external_phone_verified,
            },
            created: row.created.0,
            updated: row.updated.map(|at| at.0),
            disabled: row.disabled_at.map(|at| at.0),
        })
    }
}

fn claimed<A>(address: Option<A>, verified: bool) -> Option<Claimed<A>> {
    address.map(|address| Claimed { address, verified })
}

impl From<&Account> for AccountRow {
    fn from(account: &Account) -> Self {
        let (email, phone, external) = (account.email.as_ref(), account.phone.as_ref(), &account.external);
        Self {
            subject: account.subject.as_str().to_owned(),
            issuer: account.issuer.clone(),
            account_type: account.account_type.as_str().to_owned(),
            name: account.name.clone(),
            created: At(account.created),
            email: email.map(|email| email.address.as_str().to_owned()),
            email_verified: email.is_some_and(|email| email.verified),
            phone: phone.map(|phone| phone.address.as_str().to_owned()),
            phone_verified: phone.is_some_and(|phone| phone.verified),
            password_hash: account.password_hash.as_ref().map(|hash| hash.as_str().to_owned()),
            disabled_at: account.disabled.map(At),
            is_admin: account.is_admin,
            is_support: account.is_support,
            two_factor: account.two_factor,
            rights_set: account.rights_set.map(Uuid),
            meta: account.meta.clone(),
            external_system: external.system.clone(),
            external_email: external.email.clone(),
            external_email_verified: external.email_verified,
            external_phone: external.phone.clone(),
            external_phone_verified: external.phone_verified,
            updated: account.updated.map(At),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn what_is_unreadable_is_told_by_its_column_and_not_by_its_value() {
        let subject = Subject::parse("elle").unwrap();
        let row = || AccountRow::from(&Account::bare(subject.clone(), AccountType::Staff, DateTime::UNIX_EPOCH));
        let secret = || "s3cret".to_owned();
        let rows = [
            ("subject", AccountRow { subject: format!("{}\0", secret()), ..row() }),
            ("account_type", AccountRow { account_type: secret(), ..row() }),
            ("email", AccountRow { email: Some(secret()), ..row() }),
            ("phone", AccountRow { phone: Some(secret()), ..row() }),
        ];
        for (column, row) in rows {
            let error = Account::try_from(row).map(|account| account.subject).unwrap_err();
            assert!(matches!(error, Error::Internal(_)), "{column}");
            let told = format!("{error} {error:?}");
            assert!(told.contains(&format!("accounts.{column}")) && !told.contains("s3cret"), "{told}");
        }
    }
}
