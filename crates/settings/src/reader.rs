//! Hands out the values of one table by key, records every mistake, and in the end names the keys nobody asked for.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use toml::{Table, Value};

use super::error::{SettingsError, suggestion};
use super::scalar::{self, Given, article};
use super::start::Literals;

/// What all readers of one settings file share.
pub(super) struct Context<'a> {
    pub(super) env: &'a dyn Fn(&str) -> Option<String>,
    pub(super) base_dir: &'a Path,
    pub(super) literals: Literals,
    pub(super) errors: RefCell<Vec<SettingsError>>,
}

/// One table of the settings. A getter that finds a mistake records it and answers `None`, as if the key were absent.
pub(super) struct Reader<'a> {
    pub(super) context: &'a Context<'a>,
    path: String,
    label: Option<String>,
    /// What its keys' environment variables start with; `None` in arrays of tables, whose entries have no fixed number.
    variables: Option<String>,
    table: Option<&'a Table>,
    preset: Option<&'a Table>,
    asked: BTreeSet<&'static str>,
}

impl<'a> Reader<'a> {
    /// The file's own table.
    pub(super) fn top(context: &'a Context<'a>, table: &'a Table) -> Self {
        Self::new(context, String::new(), Some("FEDLINK_".to_owned()), Some(table))
    }

    fn new(context: &'a Context<'a>, path: String, variables: Option<String>, table: Option<&'a Table>) -> Self {
        Self { context, path, label: None, variables, table, preset: None, asked: BTreeSet::new() }
    }

    /// Puts `label`, the name people know the entry by, beside its number in every message.
    pub(super) fn set_label(&mut self, label: &str) {
        self.label = Some(label.escape_debug().to_string());
    }

    /// Takes from `preset` what neither the environment nor the file says.
    pub(super) fn set_preset(&mut self, preset: &'a Table) {
        self.preset = Some(preset);
    }

    /// Whether the environment has the key.
    pub(super) fn in_environment(&self, key: &str) -> bool {
        self.variable(key).is_some()
    }

    /// Reads the environment alone from now on: for keys that exclude each other.
    pub(super) fn forget_file(&mut self) {
        self.table = None;
    }

    /// The path of the table, such as `providers[1]`.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Whether the key is there, right or wrong.
    pub(super) fn has(&mut self, key: &'static str) -> bool {
        self.look(key).is_some()
    }

    /// The value of a key as the file or the preset has it, whatever its type.
    pub(super) fn value(&mut self, key: &'static str) -> Option<&'a Value> {
        self.asked.insert(key);
        self.table.and_then(|table| table.get(key)).or_else(|| self.preset.and_then(|preset| preset.get(key)))
    }

    /// A scalar, if it is there and `read` takes it.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Given<'_>) -> Result<T, String>,
    ) -> Option<T> {
        let given = self.look(key)?;
        match read(&given) {
            Ok(value) => Some(value),
            Err(problem) => {
                match given {
                    Given::Environment(_) => self.record(self.variable_name(key).unwrap_or_default(), problem),
                    Given::File(_) => self.wrong(key, problem),
                }
                None
            }
        }
    }

    /// A scalar that has to be there; `hint` says what to set it to.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        hint: &str,
        read: impl FnOnce(&Given<'_>) -> Result<T, String>,
    ) -> Option<T> {
        self.demand(key, hint);
        self.optional(key, read)
    }

    /// A scalar, or `default`; a wrong one is the default too, since its settings are refused anyway.
    pub(super) fn with_default<T>(
        &mut self,
        key: &'static str,
        default: T,
        read: impl FnOnce(&Given<'_>) -> Result<T, String>,
    ) -> T {
        self.optional(key, read).unwrap_or(default)
    }

    /// Records that the key is missing, if it is.
    pub(super) fn demand(&mut self, key: &'static str, hint: &str) {
        if !self.has(key) {
            self.wrong(key, format!("is missing: {hint}"));
        }
    }

    /// A list of texts; those that `read` refuses are recorded and left out.
    pub(super) fn list<T>(&mut self, key: &'static str, read: impl Fn(&str) -> Result<T, String>) -> Option<Vec<T>> {
        let Value::Array(items) = self.value(key)? else {
            self.wrong(key, "must be a list of texts, such as [\"a\", \"b\"]");
            return None;
        };
        let mut list = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            match scalar::text(&Given::File(item)).and_then(|text| read(&text)) {
                Ok(value) => list.push(value),
                Err(problem) => self.wrong(&format!("{key}[{index}]"), problem),
            }
        }
        Some(list)
    }

    /// As [`Reader::list`], where one text alone will do as well.
    pub(super) fn one_or_list<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        match self.value(key)? {
            Value::String(_) => self.optional(key, scalar::text_as(read)).map(|one| vec![one]),
            Value::Array(_) => self.list(key, read),
            other => {
                self.wrong(key, format!("must be a text in quotes, or a list of them, not {}", article(other)));
                None
            }
        }
    }

    /// A table of texts; `refuse` may say why a key must not stand in it.
    pub(super) fn texts(
        &mut self,
        key: &'static str,
        refuse: impl Fn(&str) -> Option<String>,
    ) -> Option<BTreeMap<String, String>> {
        let Value::Table(table) = self.value(key)? else {
            self.wrong(key, "must be a table of texts, such as { prompt = \"consent\" }");
            return None;
        };
        let mut texts = BTreeMap::new();
        for (name, value) in table {
            let place = format!("{key}.{}", shown(name));
            if let Some(problem) = refuse(name) {
                self.wrong(&place, problem);
                continue;
            }
            match scalar::text(&Given::File(value)) {
                Ok(text) => drop(texts.insert(name.clone(), text)),
                Err(problem) => self.wrong(&place, problem),
            }
        }
        Some(texts)
    }

    /// The table under a key; an absent one reads as empty, since the environment may hold its values.
    pub(super) fn section(&mut self, key: &'static str) -> Reader<'a> {
        let table = match self.value(key) {
            Some(Value::Table(table)) => Some(table),
            Some(other) => {
                self.wrong(key, format!("must be a table, not {}", article(other)));
                None
            }
            None => None,
        };
        let variables = self.variable_name(key).map(|name| name + "_");
        let mut section = Self::new(self.context, self.join(key), variables, table);
        section.label.clone_from(&self.label);
        section
    }

    /// The tables under a key by their own names, which are the operator's to choose.
    pub(super) fn tables(&mut self, key: &'static str) -> Vec<(&'a str, Reader<'a>)> {
        let table = match self.value(key) {
            Some(Value::Table(table)) => table,
            Some(other) => {
                self.wrong(key, format!("must be a table of tables, not {}", article(other)));
                return Vec::new();
            }
            None => return Vec::new(),
        };
        let mut tables = Vec::with_capacity(table.len());
        for (name, item) in table {
            let place = format!("{key}.{}", shown(name));
            match item {
                Value::Table(table) => {
                    let mut reader = Self::new(self.context, self.join(&place), None, Some(table));
                    reader.label.clone_from(&self.label);
                    tables.push((name.as_str(), reader));
                }
                other => self.wrong(&place, format!("must be a table, not {}", article(other))),
            }
        }
        tables
    }

    /// The entries of an array of tables.
    pub(super) fn entries(&mut self, key: &'static str) -> Vec<Reader<'a>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let Value::Array(items) = value else {
            self.wrong(key, format!("must be an array of tables, not {}: write [[{key}]]", article(value)));
            return Vec::new();
        };
        let mut entries = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let place = format!("{key}[{index}]");
            match item {
                Value::Table(table) => entries.push(Self::new(self.context, self.join(&place), None, Some(table))),
                other => self.wrong(&place, format!("must be a table, not {}: write [[{key}]]", article(other))),
            }
        }
        entries
    }

    /// Records a mistake under `key`; an empty one means the table itself.
    pub(super) fn wrong(&self, key: &str, problem: impl Into<String>) {
        let label = self.label.as_ref().map(|label| format!(" ({label})")).unwrap_or_default();
        self.record(self.join(key) + &label, problem.into());
    }

    /// Names every key of the file's table that nobody asked for.
    pub(super) fn finish(self) {
        for key in self.table.into_iter().flat_map(Table::keys) {
            if !self.asked.contains(key.as_str()) {
                let problem = format!("is no known key; {}", suggestion(key, self.asked.iter().copied()));
                self.wrong(&shown(key), problem);
            }
        }
    }

    /// The environment wins over the file, the file over the preset.
    fn look(&mut self, key: &'static str) -> Option<Given<'a>> {
        let value = self.value(key);
        self.variable(key).map(Given::Environment).or_else(|| value.map(Given::File))
    }

    fn variable(&self, key: &str) -> Option<String> {
        self.variable_name(key).and_then(|name| (self.context.env)(&name))
    }

    fn variable_name(&self, key: &str) -> Option<String> {
        self.variables.as_ref().map(|prefix| prefix.clone() + &key.to_ascii_uppercase())
    }

    fn join(&self, key: &str) -> String {
        match (self.path.as_str(), key) {
            ("", key) => key.to_owned(),
            (path, "") => path.to_owned(),
            (path, key) => format!("{path}.{key}"),
        }
    }

    fn record(&self, place: String, problem: String) {
        self.context.errors.borrow_mut().push(SettingsError { place, problem });
    }
}

/// A key as TOML writes it: bare if it can be, else quoted, so that no key breaks out of its line.
fn shown(key: &str) -> String {
    let bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if bare { key.to_owned() } else { format!("{key:?}") }
}
