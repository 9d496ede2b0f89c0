//! The tests of the whole program, through HTTP and the command line, on both engines: one binary, one Postgres.

#![cfg(test)]

mod accounts;
mod audit;
mod batch;
mod bind;
mod browser;
mod callers;
mod condo;
mod confirmations;
mod database;
mod events;
mod exchange;
mod house;
mod links;
mod metrics;
mod moving;
mod packages;
mod partner;
mod people;
mod providers;
mod refresh;
mod revocation;
mod sealed;
mod serving;
mod sign_in;
mod support;
