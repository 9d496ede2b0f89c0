//! Accounts, their sessions, and how they prove an address.

diesel::table! {
    use diesel::sql_types::{Bool, Nullable, Text};
    use crate::types::{Id, Instant};

    accounts (subject) {
        subject -> Text,
        issuer -> Nullable<Text>,
        account_type -> Text,
        name -> Nullable<Text>,
        created -> Instant,
        email -> Nullable<Text>,
        email_verified -> Bool,
        phone -> Nullable<Text>,
        phone_verified -> Bool,
        password_hash -> Nullable<Text>,
        disabled_at -> Nullable<Instant>,
        is_admin -> Bool,
        is_support -> Bool,
        two_factor -> Bool,
        rights_set -> Nullable<Id>,
        meta -> Text,
        external_system -> Nullable<Text>,
        external_email -> Nullable<Text>,
        external_email_verified -> Bool,
        external_phone -> Nullable<Text>,
        external_phone_verified -> Bool,
        updated -> Nullable<Instant>,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Text};
    use crate::types::Instant;

    sessions (cookie_hash) {
        cookie_hash -> Binary,
        subject -> Text,
        authenticated -> Instant,
        expires -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Nullable, Text};
    use crate::types::Instant;

    condo_sessions (sid_hash) {
        sid_hash -> Binary,
        subject -> Nullable<Text>,
        user_type -> Nullable<Text>,
        source -> Nullable<Text>,
        provider -> Nullable<Text>,
        client_id -> Nullable<Text>,
        created -> Instant,
        expires -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Bool, Integer, Nullable, Text};
    use crate::types::Instant;

    confirm_phone_actions (token_hash) {
        token_hash -> Binary,
        purpose -> Text,
        #[sql_name = "phone"]
        address -> Text,
        subject -> Nullable<Text>,
        code_mac -> Binary,
        code_expires -> Instant,
        retries -> Integer,
        verified -> Bool,
        completed -> Nullable<Instant>,
        expires -> Instant,
        created -> Instant,
        after_password -> Bool,
    }
}

diesel::table! {
    use diesel::sql_types::{Integer, Nullable, Text};
    use crate::types::Instant;

    attempts (key) {
        key -> Text,
        count -> Integer,
        expires -> Instant,
        opens -> Nullable<Instant>,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Text};
    use crate::types::Instant;

    known_places (subject, place) {
        subject -> Text,
        place -> Binary,
        kind -> Text,
        expires -> Instant,
    }
}
