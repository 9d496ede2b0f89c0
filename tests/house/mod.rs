//! The source and the pages themselves.

mod circles;
mod floors;
mod named;
mod pages;
mod tuples;
