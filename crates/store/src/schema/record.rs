//! The audit record, what others are told of it, and counts on their way into it.

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use crate::types::{Id, Instant};

    audit (id) {
        id -> Id,
        at -> Instant,
        event -> Text,
        client -> Nullable<Text>,
        subject -> Nullable<Text>,
        fp_type -> Nullable<Text>,
        fp_name -> Nullable<Text>,
        sid -> Nullable<Text>,
        detail -> Nullable<Text>,
        claimed_ip -> Nullable<Text>,
        claimed_agent -> Nullable<Text>,
        actor -> Nullable<Text>,
        count -> BigInt,
        batch -> Nullable<Id>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Nullable, Text};
    use crate::types::{Id, Instant};

    outbox (seq) {
        seq -> BigInt,
        endpoint -> Text,
        lane -> Id,
        id -> Id,
        at -> Instant,
        event -> Text,
        subject -> Nullable<Text>,
        fp_type -> Nullable<Text>,
        fp_name -> Nullable<Text>,
        sid -> Nullable<Text>,
        reason -> Nullable<Text>,
        replayed -> Bool,
        queued_at -> Instant,
        forgotten -> Bool,
        dead_at -> Nullable<Instant>,
        failure -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::{Integer, Nullable, Text};
    use crate::types::{Id, Instant};

    outbox_lanes (endpoint, lane) {
        endpoint -> Text,
        lane -> Id,
        due_at -> Instant,
        attempts -> Integer,
        failing_since -> Nullable<Instant>,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use crate::types::{Id, Instant};

    outbox_leases (endpoint) {
        endpoint -> Text,
        holder -> Id,
        lease_until -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Integer};
    use crate::types::{Id, Instant};

    served_pages (id) {
        id -> Id,
        writer -> Id,
        hour -> BigInt,
        level -> Integer,
        entries -> Integer,
        folded -> Integer,
        written -> Instant,
        page -> Binary,
    }
}

diesel::table! {
    use crate::types::{Id, Instant};

    served_writers (writer) {
        writer -> Id,
        batch -> Id,
        written -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use crate::types::{Id, Instant};

    gone_links (id) {
        id -> Id,
        subject -> Text,
        fp_type -> Text,
        fp_name -> Text,
        sid -> Text,
        gone -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Text};
    use crate::types::Id;

    provider_minutes (minute, fp_type, fp_name, outcome, instance) {
        minute -> BigInt,
        fp_type -> Text,
        fp_name -> Text,
        outcome -> Text,
        instance -> Id,
        count -> BigInt,
        millis -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::BigInt;
    use crate::types::{Id, Instant};

    imports (id) {
        id -> Id,
        lines -> BigInt,
        at -> Instant,
    }
}
