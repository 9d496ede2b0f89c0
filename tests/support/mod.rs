//! What tests stand on.

pub(crate) mod app_site;
pub(crate) mod browser;
pub(crate) mod call;
pub(crate) mod certificate;
pub(crate) mod chromium;
pub(crate) mod condo;
pub(crate) mod confirm;
pub(crate) mod contract;
pub(crate) mod database;
mod database_clock;
pub(crate) mod fed;
pub(crate) mod fleet;
pub(crate) mod hosts;
pub(crate) mod issuer;
pub(crate) mod office;
pub(crate) mod oidc_provider;
pub(crate) mod partner;
pub(crate) mod person;
pub(crate) mod postgres;
pub(crate) mod program;
pub(crate) mod raw;
pub(crate) mod revocations;
pub(crate) mod secured;
pub(crate) mod site;
pub(crate) mod sms;
pub(crate) mod user_mode;
pub(crate) mod world;
