//! Organizations and their people: who sees what, who changes what, and what a list may take.

mod access;
mod caller_sized;
mod changes;
mod granting;
mod lists;
