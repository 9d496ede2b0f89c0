//! Prometheus' own tool, which judges rules as Prometheus does.

use std::path::Path;
use std::process::Command;

/// What `promtool` says of files in `folder`; it has to be content.
#[track_caller]
pub(crate) fn promtool(folder: &Path, args: &[&str]) {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/promtool/promtool");
    let output = Command::new(&program)
        .args(args)
        .current_dir(folder)
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}; scripts/test fetches it", program.display()));
    assert!(output.status.success(), "promtool {args:?}: {}{}", text(&output.stdout), text(&output.stderr));
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
