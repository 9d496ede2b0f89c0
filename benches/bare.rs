//! The yardstick: a bare actix handler that returns bytes.
fn main() {}
