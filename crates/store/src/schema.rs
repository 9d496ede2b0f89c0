//! The tables, once for both engines; the migrations are the truth.

mod fleet;
mod linking;
mod oauth;
mod people;
mod record;
mod staff;

pub(crate) use fleet::{dropped_keys, instances, vault_keys};
pub(crate) use linking::{flows, link_uses, links, provider_rules, revocations, token_sets};
pub(crate) use oauth::{client_assertions, issuer_rules, oauth_codes, oauth_refresh_tokens, oauth_tokens};
pub(crate) use people::{accounts, attempts, condo_sessions, confirm_phone_actions, known_places, sessions};
pub(crate) use record::{
    audit, gone_links, imports, outbox, outbox_lanes, outbox_leases, provider_minutes, served_pages, served_writers,
};
pub(crate) use staff::{employee_roles, employees, organizations, rights_sets};

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
