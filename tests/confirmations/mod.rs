//! Codes by SMS and e-mail: who gets one, how often, and what it opens.

mod budgets;
mod budgets_of_all;
mod confirmed;
mod emails;
mod errors;
