//! Instances and the keys that they share.

diesel::table! {
    use diesel::sql_types::{Binary, Text};
    use crate::types::Instant;

    vault_keys (id) {
        id -> Text,
        check_value -> Binary,
        created -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use crate::types::Instant;

    dropped_keys (id) {
        id -> Text,
        dropped -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use crate::types::{Id, Instant};

    instances (id) {
        id -> Id,
        name -> Text,
        keys -> Text,
        active -> Text,
        seen -> Instant,
    }
}
