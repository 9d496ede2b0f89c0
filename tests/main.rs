//! The tests of the whole program, through HTTP and the command line, on both engines: one binary, one Postgres.

#[cfg(test)]
mod demo;
mod refresh;
#[cfg(test)]
mod refresh_failures;
#[cfg(test)]
mod refresh_relinked;
#[cfg(test)]
mod storage;
mod floors;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod walk;
