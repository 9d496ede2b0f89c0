//! Bind: from the instruction to the link, in the browser and by the app, and whoever attacks it on the way.

mod browser;
mod calls;
mod hijack;
mod hijack_person;
mod limits;
mod model;
mod person;
mod popup;
mod posted;
mod provider;
mod pushed;
mod races;
mod recorded;
mod rewritten;
