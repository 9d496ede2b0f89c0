//! `fedlink schema`: the GraphQL schema of the Condo dialect, for tools that make clients of it.

use std::process::ExitCode;

use serde_json::json;

use super::output::Output;

/// Prints it in its definition language; it is the same whatever the settings say.
pub(super) fn run(output: &Output) -> ExitCode {
    let schema = graphql::sdl();
    output.tell(format_args!("{}", schema.trim_end()), &json!({"schema": schema}));
    ExitCode::SUCCESS
}
