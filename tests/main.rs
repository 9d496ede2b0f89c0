//! The tests of the whole program, through HTTP and the command line, on both engines: one binary, one Postgres.

#![cfg(test)]

mod background;
mod bind;
mod bind_browser;
mod bind_limits;
mod bind_provider;
mod bind_races;
mod callers;
mod certified;
mod cli;
mod cli_links;
mod crash;
mod database_away;
mod demo;
mod errors;
mod failover;
mod fleet;
mod floors;
mod hijack;
mod keys;
mod keys_fleet;
mod keys_rows;
mod leases;
mod links;
mod model;
mod oauth;
mod ownership;
mod paths;
mod peculiar;
mod plaintext;
mod postgres_tls;
mod race;
mod refresh;
mod refresh_failures;
mod refresh_relinked;
mod refusals;
mod resent_params;
mod revocation;
mod revocation_binds;
mod schema;
mod serving;
mod storage;
mod support;
mod tokens;
mod walk;
