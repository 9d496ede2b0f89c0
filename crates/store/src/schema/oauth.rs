//! What callers hold, and who vouches for them.

diesel::table! {
    use diesel::sql_types::{Binary, Nullable, Text};
    use crate::types::{Id, Instant};

    oauth_tokens (token_hash) {
        token_hash -> Binary,
        id -> Id,
        client -> Text,
        subject -> Nullable<Text>,
        scope -> Text,
        issued -> Instant,
        expires -> Instant,
        family -> Nullable<Id>,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Bool, Nullable, Text};
    use crate::types::{Id, Instant};

    oauth_codes (code_hash) {
        code_hash -> Binary,
        client -> Text,
        subject -> Text,
        redirect_uri -> Text,
        scope -> Text,
        code_challenge -> Text,
        family -> Id,
        used -> Bool,
        expires -> Instant,
        claim -> Nullable<Id>,
        claim_until -> Nullable<Instant>,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Bool, Nullable, Text};
    use crate::types::{Id, Instant};

    oauth_refresh_tokens (token_hash) {
        token_hash -> Binary,
        client -> Text,
        subject -> Text,
        scope -> Text,
        family -> Id,
        used -> Bool,
        expires -> Instant,
        claim -> Nullable<Id>,
        claim_until -> Nullable<Instant>,
        born_of -> Nullable<Id>,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Text};
    use crate::types::Instant;

    client_assertions (client, jti_hash) {
        client -> Text,
        jti_hash -> Binary,
        until -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::Text;

    issuer_rules (issuer) {
        issuer -> Text,
        subject_claim -> Text,
    }
}
