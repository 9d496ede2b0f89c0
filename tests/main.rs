//! The tests of the whole program, through HTTP and the command line, on both engines: one binary, one Postgres.

#![cfg(test)]

mod demo;
mod floors;
mod refresh;
mod refresh_failures;
mod refresh_relinked;
mod storage;
mod support;
mod tokens;
mod walk;
