//! Organizations, and who works there with which rights.

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::types::{Id, Instant};

    rights_sets (id) {
        id -> Id,
        name -> Text,
        granted -> Text,
        created -> Instant,
        updated -> Instant,
        deleted_at -> Nullable<Instant>,
    }
}

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::types::{Id, Instant};

    organizations (id) {
        id -> Id,
        name -> Text,
        created -> Instant,
        updated -> Instant,
        deleted_at -> Nullable<Instant>,
    }
}

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::types::{Id, Instant};

    employee_roles (id) {
        id -> Id,
        organization -> Id,
        name -> Text,
        granted -> Text,
        created -> Instant,
        updated -> Instant,
        deleted_at -> Nullable<Instant>,
    }
}

diesel::table! {
    use diesel::sql_types::{Bool, Nullable, Text};
    use crate::types::{Id, Instant};

    employees (id) {
        id -> Id,
        organization -> Id,
        subject -> Text,
        role -> Nullable<Id>,
        name -> Nullable<Text>,
        email -> Nullable<Text>,
        phone -> Nullable<Text>,
        is_accepted -> Bool,
        is_rejected -> Bool,
        is_blocked -> Bool,
        created -> Instant,
        updated -> Instant,
        deleted_at -> Nullable<Instant>,
    }
}
