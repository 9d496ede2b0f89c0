//! Parses the command line and runs one command.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Gives back what a burst of connections took. The system's allocator keeps it: a stray object on each of its pages is enough.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    fedlink::cli::run()
}
