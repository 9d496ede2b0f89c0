//! Signing in at our own pages.

mod code;
mod device_cookies;
mod forms;
mod languages;
mod limits;
mod lockout;
mod networks;
mod password;
