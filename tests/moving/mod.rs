//! Moving out and in: `fedlink export` and `fedlink import`, by the built program.

mod copied;
mod cut_off;
mod from_others;
mod refused;
mod there_and_back;

use serde_json::Value;

use crate::support::site::Site;
use crate::support::world::Engine;

const PASSPHRASE: &str = "correct horse battery staple";

/// A file with the passphrase in a site's folder.
fn passphrase(site: &Site) -> String {
    let file = site.path("passphrase");
    if !file.exists() {
        site.write_private("passphrase", &format!("{PASSPHRASE}\n"));
    }
    text(&file)
}

fn text(path: &std::path::Path) -> String {
    path.to_str().expect("a plain name").to_owned()
}

/// A site on another engine, with the settings of this one and a keyring of its own.
fn another(site: &Site, engine: Engine) -> Site {
    let mut other = Site::new(engine, "http://127.0.0.1:9");
    let (address, rest) = site.settings.split_once('\n').expect("lines");
    assert!(address.starts_with("database_url"), "{address}");
    let address = match engine {
        Engine::Sqlite => "database_url = \"sqlite:fedlink.db\"",
        Engine::Postgres => "database_url = { env = \"DATABASE_URL\" }",
    };
    other.settings = format!("{address}\n{rest}");
    let own: Vec<_> = other.env.iter().filter(|(name, _)| *name == "DATABASE_URL").cloned().collect();
    other.env = site.env.iter().filter(|(name, _)| *name != "DATABASE_URL").cloned().chain(own).collect();
    other.run(&["keys", "add"]).good();
    other
}

/// An export of the site, sealed; its lines.
fn sealed(site: &Site, name: &str) -> Vec<String> {
    let file = site.path(name);
    site.run(&["export", &text(&file), "--passphrase-file", &passphrase(site)]).good();
    std::fs::read_to_string(&file).expect("it is text").lines().map(str::to_owned).collect()
}

/// All that the site has, in the clear, in an order of its own and without what each installation makes anew.
fn all(site: &Site) -> Vec<Value> {
    let exported = site.run(&["export", "-", "--plain"]);
    let mut lines: Vec<Value> =
        exported.good().lines().skip(1).map(|line| serde_json::from_str(line).expect("JSON")).collect();
    for line in &mut lines {
        if let Some(link) = line.get_mut("link").and_then(Value::as_object_mut) {
            link.remove("id").expect("it has one");
        }
    }
    lines.sort_by_key(ToString::to_string);
    lines
}
