//! What dies at its provider when a link goes, and what must not.

mod binds;
mod grant_groups;
mod links;
mod queue;
