//! ops/compose.yaml: what it says fits together, and its settings are served.

use std::collections::BTreeSet;

use serde_yaml_ng::Value;

use super::{read, stop_takes, uncommented};
use crate::support::database::texts;
use crate::support::program;
use crate::support::world::{self, Engine};
use secrecy::ExposeSecret as _;

const COMPOSE: &str = include_str!("../../ops/compose.yaml");

fn compose() -> Value {
    serde_yaml_ng::from_str(COMPOSE).expect("YAML")
}

/// The settings as the container has them.
fn settings(compose: &Value) -> String {
    compose["configs"]["settings"]["content"].as_str().expect("a text").replace("$$", "$")
}

fn texts_of(list: &Value) -> BTreeSet<&str> {
    list.as_sequence().expect("a list").iter().filter_map(Value::as_str).collect()
}

#[test]
fn its_parts_fit_together() {
    let compose = compose();
    let (fedlink, postgres) = (&compose["services"]["fedlink"], &compose["services"]["postgres"]);
    assert_eq!(
        fedlink["image"],
        concat!("fedlink:", env!("CARGO_PKG_VERSION")),
        "the image that scripts/package makes"
    );
    let mounted = |service: &Value| -> BTreeSet<String> {
        let volumes = texts_of(&service["volumes"]);
        volumes.iter().map(|volume| volume.split(':').next().unwrap_or_default().to_owned()).collect()
    };
    let named = compose["volumes"].as_mapping().expect("volumes").keys().filter_map(Value::as_str);
    assert_eq!(&mounted(fedlink) | &mounted(postgres), named.map(str::to_owned).collect());
    let text = settings(&compose);
    let configuration = read(&text, "/etc/fedlink".as_ref(), &|_| None);
    assert_eq!(fedlink["stop_grace_period"], stop_takes(&configuration).as_str());
    let (_, socket) = configuration.start.database_url.expose_secret().split_once("?host=").expect("a socket");
    let socket = format!("socket:{socket}");
    assert!(texts_of(&fedlink["volumes"]).contains(&*socket) && texts_of(&postgres["volumes"]).contains(&*socket));

    let secrets =
        |name: &str| ["CONSOLE_SECRET", "TCS_SECRET"].contains(&name).then(|| "a secret of the tests".to_owned());
    let whole = read(&uncommented(&text), "/etc/fedlink".as_ref(), &secrets);
    assert_eq!((whole.settings.clients.len(), whole.settings.providers.len()), (1, 1));
}

/// As its page says: the keyring first, then it is served; with a server of the tests at the other end of the socket.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_settings_are_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = world::database(Engine::Postgres, &folder);
    let sockets = "SELECT current_setting('unix_socket_directories') || '&port=' || current_setting('port') AS value";
    let (sockets, database) = (texts(&url, sockets).await, url.rsplit('/').next().expect("a path"));
    let text = settings(&compose());
    let there = "postgres://fedlink@/fedlink?host=/var/run/postgresql";
    assert!(text.contains(there), "{text}");
    let here = text.replace(there, &format!("postgres://postgres@/{database}?host={}", sockets[0]));
    let config = folder.path().join("fedlink.toml");
    std::fs::write(&config, here).expect("room");
    std::fs::create_dir(folder.path().join("secrets")).expect("room");
    let env = [("FEDLINK_CONFIG", config.to_str().expect("a plain name"))];
    program::run(&["keys", "add"], &env, "").good();
    let listen = [("FEDLINK_LISTEN", "127.0.0.1:0"), ("FEDLINK_OPS_LISTEN", "127.0.0.1:0"), ("FEDLINK_DRAIN", "0s")];
    let mut serving = program::serve(&config, &listen);
    assert!(serving.terminate().success(), "{}", serving.logs());
}
