//! The catalogue of known providers: what of each need not be written, who says so, and what to click there.

use std::sync::LazyLock;

use toml::{Table, Value};

/// The presets, by name: of both tiers. A test parses each of them.
pub(super) static PRESETS: LazyLock<Table> = LazyLock::new(|| {
    let mut all: Table = toml::from_str(include_str!("presets/first.toml")).unwrap_or_default();
    all.extend(toml::from_str::<Table>(include_str!("presets/second.toml")).unwrap_or_default());
    all
});

/// The keys of an entry that are no settings.
pub(super) const TOLD: [&str; 7] = ["agree", "checked", "facts", "setup", "source", "tier", "wants"];

/// How well a provider is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// By its own pages, which say how it behaves.
    First,
    /// By libraries that agree on its addresses; the rest is at its careful default.
    Second,
}

/// A known provider.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The preset's name.
    pub name: &'a str,
    table: &'a Table,
}

/// What is known of a provider, and who says so.
#[derive(Clone, Copy, Debug)]
pub struct Fact<'a> {
    /// What.
    pub says: &'a str,
    /// The page that says so.
    pub source: &'a str,
}

/// All of them, by name.
pub fn catalogue() -> impl Iterator<Item = Known<'static>> {
    PRESETS.iter().filter_map(|(name, entry)| Some(Known { name, table: entry.as_table()? }))
}

impl<'a> Known<'a> {
    /// How well it is known.
    pub fn tier(&self) -> Tier {
        if self.table.contains_key("tier") { Tier::Second } else { Tier::First }
    }

    /// What people call it.
    pub fn title(&self) -> &'a str {
        self.text("title").unwrap_or(self.name)
    }

    /// What it speaks: `oidc` or `oauth2`.
    pub fn kind(&self) -> &'a str {
        self.text("kind").unwrap_or_default()
    }

    /// The page that says most.
    pub fn source(&self) -> &'a str {
        self.text("source").unwrap_or_default()
    }

    /// The day on which its pages were read last.
    pub fn checked(&self) -> Option<&'a str> {
        self.text("checked")
    }

    /// The libraries that agree, by their packages' names.
    pub fn agree(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.list("agree").filter_map(Value::as_str)
    }

    /// What to click there; `{callback}` stands for the redirect URI.
    pub fn setup(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.list("setup").filter_map(Value::as_str)
    }

    /// What is known of it.
    pub fn facts(&self) -> impl Iterator<Item = Fact<'a>> + use<'a> {
        self.list("facts").filter_map(|fact| {
            let text = |key: &str| fact.get(key)?.as_str();
            Some(Fact { says: text("says")?, source: text("source")? })
        })
    }

    /// The settings that it stands for.
    pub fn settings(&self) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
        self.table.iter().map(|(key, value)| (key.as_str(), value)).filter(|(key, _)| !TOLD.contains(key))
    }

    /// The settings that an operator has to write, with what may stand there.
    pub fn left_open(&self) -> Vec<(&'a str, &'a str)> {
        let has = |key: &str| self.table.contains_key(key);
        let mut open = vec![("client_id", "the id of your application there")];
        match self.text("client_auth") {
            Some("none") => {}
            Some("external") => open.push(("client_command", "[\"/usr/local/bin/sign\"]")),
            Some("signed_secret") => open.extend([
                ("client_key", "{ file = \"key.pem\" }"),
                ("client_key_id", "the key's id there"),
                ("client_key_issuer", "whose key it is"),
            ]),
            _ => open.push(("client_secret", "{ env = \"SECRET\" }")),
        }
        if self.kind() == "oidc" && !has("issuer") {
            open.push(("issuer", "https://issuer.example"));
        }
        if self.kind() == "oauth2" && !has("authorization_endpoint") {
            open.extend([
                ("authorization_endpoint", "https://issuer.example/authorize"),
                ("token_endpoint", "https://issuer.example/token"),
                ("userinfo_endpoint", "https://issuer.example/userinfo"),
            ]);
        }
        let wants = self.table.get("wants").and_then(Value::as_table).into_iter().flatten();
        open.extend(wants.filter_map(|(key, example)| Some((key.as_str(), example.as_str()?))));
        open
    }

    fn text(&self, key: &str) -> Option<&'a str> {
        self.table.get(key)?.as_str()
    }

    fn list(&self, key: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
        self.table.get(key).and_then(Value::as_array).into_iter().flatten()
    }
}
