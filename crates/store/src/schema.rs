//! The tables, once for both engines; the migrations are the truth.

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
        phone -> Text,
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

diesel::joinable!(token_sets -> links (link_id));
diesel::joinable!(link_uses -> links (link_id));
diesel::joinable!(sessions -> accounts (subject));
diesel::joinable!(condo_sessions -> accounts (subject));
diesel::allow_tables_to_appear_in_same_query!(
    accounts,
    rights_sets,
    sessions,
    condo_sessions,
    confirm_phone_actions,
    organizations,
    employee_roles,
    employees,
    attempts,
    known_places,
    oauth_codes,
    oauth_refresh_tokens,
    links,
    token_sets,
    link_uses,
    flows,
    oauth_tokens,
    vault_keys,
    dropped_keys,
    instances,
    provider_rules,
    client_assertions,
    issuer_rules,
    audit,
    outbox,
    outbox_lanes,
    outbox_leases,
    served_pages,
    served_writers,
    gone_links
);
