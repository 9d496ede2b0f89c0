//! Links: listed, made, named, removed, and whose an account is.

mod kept;
mod last_way_in;
mod names;
mod ownership;
mod paths;
