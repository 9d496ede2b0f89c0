//! A program that signs requests, as an operator has one whose key may not leave a module.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use tempfile::TempDir;

use super::keys;

/// Signs as ESIA has it, by the key beside it: what an operator would have a certified module do.
const SIGN: &str = r#"#!/bin/sh
set -eu
asked=$(cat)
get() { printf '%s' "$asked" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
scope=$(get scope) client_id=$(get client_id) state=$(get state)
fresh=
if [ -z "$state" ]; then
  state=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  fresh="\"state\": \"$state\","
fi
timestamp=$(get now | sed 's/-/./g; s/T/ /; s/Z/ +0000/')
secret=$(printf '%s' "$scope$timestamp$client_id$state" | openssl dgst -sha256 -sign "${0%/*}/key.pem" | base64 -w0 | tr '+/' '-_')
printf '{%s "scope": "%s", "timestamp": "%s", "client_secret": "%s"}' "$fresh" "$scope" "$timestamp" "$secret"
"#;

/// The program, and the public half of the key that it signs by.
pub(super) struct Signer {
    pub(super) program: PathBuf,
    pub(super) public: Vec<u8>,
}

/// Writes one into a folder, with a new key.
pub(super) fn write(folder: &TempDir) -> Signer {
    let (pem, public) = keys::pair("ES256");
    let program = folder.path().join("sign");
    fs::write(folder.path().join("key.pem"), pem.replace("\\n", "\n")).expect("room");
    fs::write(&program, SIGN).expect("room");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it is ours");
    Signer { program, public }
}
