//! The tests of the whole program, through HTTP and the command line, on both engines: one binary, one Postgres.

#[cfg(test)]
mod demo;
#[cfg(test)]
mod support;
#[cfg(test)]
mod walk;
