//! `scripts/package`, with the program of the tests: what is in what it makes, and that it makes the same twice.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Has it all made in `to`; gives the sums.
fn package(to: &Path, environment: &[(&str, &str)]) -> String {
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/package"));
    command.env("PACKAGE_FEDLINK", env!("CARGO_BIN_EXE_fedlink")).env("PACKAGE_TO", to).env("PACKAGE_QUICK", "1");
    let output = command.envs(environment.iter().copied()).output().expect("there is bash");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::read_to_string(to.join("SHA256SUMS")).expect("its sums")
}

fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("JSON")
}

/// The one file in a folder whose name ends so.
fn made(folder: &Path, end: &str) -> String {
    let mut paths = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let path = paths.find(|path| path.to_str().is_some_and(|path| path.ends_with(end)));
    path.and_then(|path| path.to_str().map(str::to_owned)).unwrap_or_else(|| panic!("no {end} was made"))
}

#[test]
fn what_is_packaged_is_whole_and_the_same_twice() {
    let (first, second) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let path = second.path().to_owned();
    // Who builds it, when and where is nowhere in it.
    let again =
        thread::spawn(move || package(&path, &[("TZ", "Asia/Tokyo"), ("LANG", "ru_RU.UTF-8"), ("USER", "else")]));
    let sums = package(first.path(), &[]);
    assert_eq!(again.join().expect("it is built"), sums);
    assert_eq!(sums.lines().count(), 3, "{sums}");
    assert_package(&made(first.path(), ".deb"));
    assert_image(&made(first.path(), ".oci.tar"));
    assert_list(&fs::read(made(first.path(), ".cdx.json")).expect("a file"));
}

fn assert_package(package: &str) {
    let listed = run("dpkg-deb", &["--contents", package]);
    assert!(listed.lines().all(|line| line.contains(" root/root ")), "{listed}");
    let files: BTreeSet<&str> = listed.lines().filter_map(|line| line.split_whitespace().nth(5)).collect();
    for file in [
        "./etc/fedlink/fedlink.toml",
        "./usr/bin/fedlink",
        "./usr/lib/systemd/system/fedlink.service",
        "./usr/lib/sysusers.d/fedlink.conf",
        "./usr/lib/tmpfiles.d/fedlink.conf",
        "./usr/share/bash-completion/completions/fedlink",
        "./usr/share/doc/fedlink/changelog.gz",
        "./usr/share/doc/fedlink/copyright",
        "./usr/share/doc/fedlink/docs/settings.md",
        "./usr/share/doc/fedlink/sbom.cdx.json.gz",
        "./usr/share/fish/vendor_completions.d/fedlink.fish",
        "./usr/share/man/man1/fedlink-account-create.1.gz",
        "./usr/share/zsh/vendor-completions/_fedlink",
    ] {
        assert!(files.contains(file), "{file} is not in\n{listed}");
    }
    let field = |name: &str| run("dpkg-deb", &["--field", package, name]).trim().to_owned();
    assert_eq!(field("Version"), VERSION);
    assert!(field("Depends").starts_with("libc6 (>= 2."), "{}", field("Depends"));
    assert_eq!(run("dpkg-deb", &["--info", package, "conffiles"]), "/etc/fedlink/fedlink.toml\n");
    for script in ["postinst", "prerm", "postrm"] {
        assert!(run("dpkg-deb", &["--info", package, script]).starts_with("#!/bin/sh\nset -e\n"), "{script}");
    }
}

/// From the index on, all is where its digest says; and what the layer has is owned by who has to own it.
fn assert_image(image: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    run("tar", &["--extract", "--file", image, "--directory", folder.path().to_str().expect("a plain name")]);
    let blob = |descriptor: &Value| {
        let digest = descriptor["digest"].as_str().and_then(|digest| digest.strip_prefix("sha256:")).expect("SHA-256");
        let path = folder.path().join("blobs/sha256").join(digest);
        let bytes = fs::read(&path).expect("a blob");
        assert_eq!(hex(&bytes), digest);
        assert_eq!(descriptor["size"], bytes.len());
        (bytes, path.to_str().expect("a plain name").to_owned())
    };
    let top = |name: &str| json(&fs::read(folder.path().join(name)).expect("a file"));
    assert_eq!(top("oci-layout")["imageLayoutVersion"], "1.0.0");
    let manifest = json(&blob(&top("index.json")["manifests"][0]).0);
    let config = json(&blob(&manifest["config"]).0);
    let (_, layer) = blob(&manifest["layers"][0]);
    let unpacked = Command::new("gzip").args(["-dc", &layer]).output().expect("there is gzip").stdout;
    assert_eq!(config["rootfs"]["diff_ids"][0], format!("sha256:{}", hex(&unpacked)));
    let old = top("manifest.json");
    assert_eq!(old[0]["RepoTags"][0], format!("fedlink:{VERSION}"));
    assert!(layer.ends_with(old[0]["Layers"][0].as_str().expect("a path")));

    let listed = run("tar", &["--list", "--verbose", "--numeric-owner", "--file", &layer]);
    let user = config["config"]["User"].as_str().expect("a user").replace(':', "/");
    for (path, mode, owner) in [
        ("./usr/bin/fedlink", "-rwxr-xr-x", "0/0"),
        ("./etc/ssl/certs/ca-certificates.crt", "-rw-r--r--", "0/0"),
        ("./var/lib/fedlink/", "drwx------", &*user),
        ("./etc/fedlink/secrets/", "drwx------", &*user),
        ("./tmp/", "drwxrwxrwt", "0/0"),
    ] {
        let lines: Vec<&str> = listed.lines().filter(|line| line.ends_with(&format!(" {path}"))).collect();
        let [line] = lines[..] else { panic!("{path}: {lines:?} in\n{listed}") };
        assert!(line.starts_with(&format!("{mode} {owner} ")), "{line}");
    }
    assert!(!listed.contains("/bin/sh"), "it has a shell");
}

/// What is built in is listed, and what only tests need is not.
fn assert_list(list: &[u8]) {
    let list = json(list);
    assert_eq!((&list["bomFormat"], &list["specVersion"]), (&"CycloneDX".into(), &"1.6".into()));
    assert_eq!(list["metadata"]["component"]["version"], VERSION);
    let components = list["components"].as_array().expect("a list");
    let names: BTreeSet<&str> = components.iter().filter_map(|component| component["name"].as_str()).collect();
    for name in ["fedlink-vault", "libsqlite3-sys", "rustls", "tokio"] {
        assert!(names.contains(name), "{name} is not in {names:?}");
    }
    for name in ["jsonschema", "proptest", "stateright"] {
        assert!(!names.contains(name), "{name} is not built in");
    }
    let known: BTreeSet<&str> = components.iter().filter_map(|component| component["bom-ref"].as_str()).collect();
    assert_eq!(known.len(), components.len(), "each has a name of its own");
    for component in components {
        assert!(component["licenses"][0]["expression"].is_string(), "{component}");
        let is_ours = component["name"].as_str().is_some_and(|name| name.starts_with("fedlink-"));
        assert_eq!(component["hashes"][0]["content"].is_string(), !is_ours, "{component}");
    }
    for needed in
        list["dependencies"].as_array().expect("a list").iter().filter_map(|needs| needs["dependsOn"].as_array())
    {
        assert!(needed.iter().filter_map(Value::as_str).all(|name| known.contains(name)), "{needed:?}");
    }
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}
