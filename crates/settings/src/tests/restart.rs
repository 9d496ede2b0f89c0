//! What a process that serves can't take of other settings.

use super::read;

#[test]
fn what_takes_a_restart_is_named() {
    let with = |top: &str| read(&format!("{top}\npublic_url = \"https://a.example\"")).unwrap();
    let plain = with("");
    for (top, keys, fixed) in [
        ("", vec![], ""),
        ("locale = \"ru\"\nsubjects = \"any\"", vec![], ""),
        ("listen = \"127.0.0.1:8081\"\ndrain = \"1s\"", vec!["listen", "drain"], ""),
        ("ops_listen = \"127.0.0.1:9091\"\nstop_within = \"1s\"", vec!["ops_listen", "stop_within"], ""),
        (
            "database_url = \"sqlite:other.db\"\nvault.keyring = { file = \"other.keys\" }",
            vec!["database_url", "vault.keyring"],
            "",
        ),
        ("base_path = \"/other\"", vec![], "base_path: it is served under \"/blitz\" until it is restarted"),
    ] {
        let other = with(top);
        assert_eq!(plain.start.otherwise_in(&other.start), keys, "{top}");
        assert_eq!(plain.settings.fixed_until_restart(&other.settings).join("; "), fixed, "{top}");
    }
    let local = read("public_url = \"http://127.0.0.1:8080\"").unwrap();
    let fixed = plain.settings.fixed_until_restart(&local.settings);
    assert_eq!(fixed, ["public_url: its scheme is https until it is restarted"]);
}
