//! The unit, as systemd itself judges it; and what the service tells whoever has started it.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use super::{read, stop_takes, uncommented};
use crate::support::site::Site;

const UNIT: &str = include_str!("../../ops/package/fedlink.service");
const SETTINGS: &str = include_str!("../../ops/package/fedlink.toml");
/// Ten times what `systemd-analyze security` says at most: 10 is a service that may do anything.
const EXPOSURE_AT_MOST: &str = "15";

#[track_caller]
fn analyze(args: &[&str]) {
    let output = Command::new("systemd-analyze").args(args).output();
    let output = output.expect("systemd-analyze is needed by the tests: apt-get install systemd");
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(output.status.success(), "{args:?}: {said}");
    // Keys that it doesn't know are no failure to it.
    assert!(!said.contains("Unknown") && !said.contains("ignoring"), "{args:?}: {said}");
}

#[test]
fn the_unit_is_right_and_exposes_little() {
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("fedlink.service");
    // Its programs have to be there.
    assert_eq!(UNIT.matches("=/usr/bin/fedlink ").count(), 2);
    fs::write(&unit, UNIT.replace("/usr/bin/fedlink", env!("CARGO_BIN_EXE_fedlink"))).unwrap();
    let unit = unit.to_str().unwrap();
    analyze(&["verify", "--man=no", "--recursive-errors=no", unit]);
    analyze(&["security", "--offline=true", &format!("--threshold={EXPOSURE_AT_MOST}"), unit]);
}

#[test]
fn the_settings_that_are_installed_are_right_and_so_are_their_examples() {
    let folder = tempfile::tempdir().unwrap();
    let installed = read(SETTINGS, folder.path(), &|_| None);
    assert!(installed.settings.clients.is_empty() && installed.settings.providers.is_empty());
    assert!(UNIT.contains(&format!("\nTimeoutStopSec={}\n", stop_takes(&installed))), "{UNIT}");

    fs::create_dir(folder.path().join("secrets")).unwrap();
    for secret in ["console", "tcs"] {
        fs::write(folder.path().join("secrets").join(secret), "a secret of the tests\n").unwrap();
    }
    let whole = read(&uncommented(SETTINGS), folder.path(), &|_| None);
    assert_eq!((whole.settings.clients.len(), whole.settings.providers.len()), (1, 1));
}

#[test]
fn whoever_starts_the_service_hears_that_it_is_served_and_that_it_stops() {
    let mut site = Site::alone();
    let socket = UnixDatagram::bind(site.path("notify")).unwrap();
    socket.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let hear = || {
        let mut bytes = [0; 256];
        let length = socket.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    };
    site.edit("drain = \"0s\"", "drain = \"0s\"\nstop_within = \"2m\"");
    site.env.push(("NOTIFY_SOCKET", site.path("notify").to_str().unwrap().to_owned()));
    let mut serving = site.serve();
    assert_eq!(hear(), "READY=1");
    assert!(serving.terminate().success(), "{}", serving.logs());
    assert_eq!(hear(), "STOPPING=1\nEXTEND_TIMEOUT_USEC=135000000");

    // Nobody listens any more: it is served all the same.
    drop(socket);
    let mut serving = site.serve();
    assert!(serving.terminate().success());
    assert!(serving.logs().contains("the service manager can't be told"), "{}", serving.logs());
}
