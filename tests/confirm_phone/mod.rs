//! Codes by SMS: who gets one, how often, and what it opens.

mod budgets;
mod confirmed;
mod errors;
