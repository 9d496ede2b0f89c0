//! The source and the pages themselves.

mod circles;
mod floors;
mod pages;
mod tuples;
