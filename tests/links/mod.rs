//! Links: listed, made, named, removed, and whose an account is.

mod across;
mod generated;
mod kept;
mod last_way_in;
mod names;
mod ownership;
mod paths;
mod retried;
