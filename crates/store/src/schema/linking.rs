//! Links, their tokens, and how they come and go.

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::types::{Id, Instant};

    links (id) {
        id -> Id,
        subject -> Text,
        fp_type -> Text,
        fp_name -> Text,
        sid -> Text,
        user_name -> Nullable<Text>,
        proof -> Text,
        origin_client -> Nullable<Text>,
        exclusive_key -> Nullable<Text>,
        created -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
    use crate::types::{Id, Instant};

    token_sets (link_id) {
        link_id -> Id,
        key_id -> Text,
        wrapped_key -> Binary,
        sealed_access -> Nullable<Binary>,
        sealed_refresh -> Nullable<Binary>,
        scope -> Nullable<Text>,
        expires_at -> Nullable<Instant>,
        obtained_at -> Nullable<Instant>,
        version -> BigInt,
        health -> Text,
        health_since -> Nullable<Instant>,
        attempt -> Nullable<Id>,
        lease_until -> Nullable<Instant>,
        unclosed_by -> Nullable<Id>,
        retry_at -> Nullable<Instant>,
        failures -> Integer,
        notice_at -> Nullable<Instant>,
        second_look -> Bool,
        sealed_params -> Nullable<Binary>,
        imported_at -> Nullable<Instant>,
        stated_life -> Nullable<BigInt>,
        refresh_expires_at -> Nullable<Instant>,
        abandoned -> Bool,
        told -> Bool,
        failed_at -> Nullable<Instant>,
        refused_word -> Nullable<Text>,
        refused_since -> Nullable<Instant>,
        refused_times -> Integer,
        announced -> Bool,
        warning_at -> Nullable<Instant>,
        rejected_version -> Nullable<BigInt>,
        rejected_at -> Nullable<Instant>,
    }
}

diesel::table! {
    use crate::types::{Id, Instant};

    link_uses (link_id) {
        link_id -> Id,
        last_used -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Bool, Nullable, Text};
    use crate::types::{Id, Instant};

    flows (id) {
        id -> Id,
        state -> Text,
        client -> Text,
        subject -> Nullable<Text>,
        fp_type -> Text,
        fp_name -> Text,
        callback -> Text,
        code_challenge -> Text,
        cookie_hash -> Nullable<Binary>,
        state_hash -> Nullable<Binary>,
        code_hash -> Nullable<Binary>,
        sid -> Nullable<Text>,
        user_name -> Nullable<Text>,
        key_id -> Text,
        wrapped_key -> Binary,
        sealed -> Nullable<Binary>,
        opened -> Nullable<Instant>,
        expires -> Instant,
        created -> Instant,
        popup -> Bool,
        hint -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Integer, Nullable, Text};
    use crate::types::{Id, Instant};

    revocations (id) {
        id -> Id,
        subject -> Nullable<Text>,
        fp_type -> Text,
        fp_name -> Text,
        sid -> Nullable<Text>,
        key_id -> Text,
        wrapped_key -> Binary,
        sealed -> Binary,
        attempts -> Integer,
        retry_at -> Instant,
        created -> Instant,
        erased_sid -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::{Bool, Text};

    provider_rules (fp_type, fp_name) {
        fp_type -> Text,
        fp_name -> Text,
        exclusive -> Bool,
    }
}
